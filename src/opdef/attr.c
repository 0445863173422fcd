#include "opdef/attr.h"

#include "base/num.h"
#include "proto/wire.h"

#include <stdlib.h>

/* AttrValue field numbers; those of its list have the same meaning. */
enum { LIST = 1, TEXT = 2, INT = 3, FLOAT = 4, BOOL = 5, TYPE = 6, SHAPE = 7, TENSOR = 8, LIST_FUNC = 9, FUNC = 10 };
enum { REF_OFFSET = 100, MAX_LIST = 1 << 20 };

bool attr_decl_next(const char **next, attr_decl *out) {
    const char *p = *next ? *next : "";
    while (*p == ' ') p++;
    if (!*p) return false;
    const char *colon = strchr(p, ':');
    if (!colon) return false;
    size_t type = strcspn(colon + 1, "= ");
    *out = (attr_decl){bytes_make(p, (size_t)(colon - p)), bytes_make(colon + 1, type), {NULL, 0}};
    p = colon + 1 + type;
    if (*p == '=') {
        bool quoted = p[1] == '\'';
        const char *value = p + (quoted ? 2 : 1);
        size_t size = strcspn(value, quoted ? "'" : " ");
        out->fallback = bytes_make(value, size);
        p = value + size + (quoted && value[size] ? 1 : 0);
    }
    *next = p;
    return true;
}

bool attr_given(const attrs *a, const char *name, bytes *value) {
    for (size_t i = 0; i < a->count; i++)
        if (bytes_is(a->items[i].name, name)) {
            *value = a->items[i].value;
            return true;
        }
    return false;
}

/* The default that the op's row gives; false when there is none. */
static bool fallback(const attrs *a, const char *name, bytes *text) {
    const char *next = a->declared;
    attr_decl d;
    while (attr_decl_next(&next, &d))
        if (bytes_is(d.name, name)) {
            *text = d.fallback;
            return d.fallback.data != NULL;
        }
    return false;
}

static inlay_status missing(const char *name, inlay_error *err) {
    return fail(err, INLAY_INVALID_ARGUMENT, "attribute '%s' is missing", name);
}

static inlay_status unfit(const char *name, const char *what, inlay_error *err) {
    return fail(err, INLAY_INVALID_ARGUMENT, "attribute '%s' is not %s", name, what);
}

/* Field NUMBER of the node's own value. *own is false when the node has no such attribute: the default counts. */
static inlay_status own_field(const attrs *a, const char *name, uint32_t number, int wire, const char *what,
                              wire_field *field, bool *own, inlay_error *err) {
    bytes value;
    *own = attr_given(a, name, &value);
    if (!*own) return INLAY_OK;
    bool found;
    TRY(wire_find(value, number, "attribute", field, &found, err));
    if (!found && value.size == 0) {
        *field = (wire_field){.type = wire}; /* a zero that its writer left out */
        return INLAY_OK;
    }
    if (!found || field->type != wire) return unfit(name, what, err);
    return INLAY_OK;
}

static int64_t number_of(bytes text) {
    char copy[32] = "";
    memcpy(copy, text.data, min_size(text.size, sizeof copy - 1));
    return strtoll(copy, NULL, 10);
}

static dtype type_of(bytes text) {
    char copy[32] = "";
    memcpy(copy, text.data, min_size(text.size, sizeof copy - 1));
    return dtype_of_name(copy);
}

static dtype base_type(uint64_t value) {
    if (value > REF_OFFSET) value -= REF_OFFSET;
    return value < REF_OFFSET && dtype_is_valid((int)value) ? (dtype)value : INLAY_INVALID_DTYPE;
}

inlay_status attr_int(const attrs *a, const char *name, int64_t *out, inlay_error *err) {
    wire_field f;
    bool own;
    bytes text;
    TRY(own_field(a, name, INT, WIRE_VARINT, "an integer", &f, &own, err));
    if (!own && !fallback(a, name, &text)) return missing(name, err);
    *out = own ? (int64_t)f.value : number_of(text);
    return INLAY_OK;
}

inlay_status attr_float(const attrs *a, const char *name, float *out, inlay_error *err) {
    wire_field f;
    bool own;
    bytes text;
    TRY(own_field(a, name, FLOAT, WIRE_FIXED32, "a float", &f, &own, err));
    if (!own && !fallback(a, name, &text)) return missing(name, err);
    if (own) {
        uint32_t bits = (uint32_t)f.value;
        memcpy(out, &bits, sizeof *out);
    } else {
        char copy[32] = "";
        memcpy(copy, text.data, min_size(text.size, sizeof copy - 1));
        *out = strtof(copy, NULL);
    }
    return INLAY_OK;
}

inlay_status attr_bool(const attrs *a, const char *name, bool *out, inlay_error *err) {
    wire_field f;
    bool own;
    bytes text;
    TRY(own_field(a, name, BOOL, WIRE_VARINT, "a bool", &f, &own, err));
    if (!own && !fallback(a, name, &text)) return missing(name, err);
    *out = own ? f.value != 0 : bytes_is(text, "true");
    return INLAY_OK;
}

inlay_status attr_text(const attrs *a, const char *name, bytes *out, inlay_error *err) {
    wire_field f;
    bool own;
    TRY(own_field(a, name, TEXT, WIRE_BYTES, "a string", &f, &own, err));
    if (own)
        *out = f.data;
    else if (!fallback(a, name, out))
        return missing(name, err);
    return INLAY_OK;
}

inlay_status attr_type(const attrs *a, const char *name, dtype *out, inlay_error *err) {
    wire_field f;
    bool own;
    bytes text;
    TRY(own_field(a, name, TYPE, WIRE_VARINT, "a dtype", &f, &own, err));
    if (!own && !fallback(a, name, &text)) return missing(name, err);
    *out = own ? base_type(f.value) : type_of(text);
    if (*out == INLAY_INVALID_DTYPE) return unfit(name, "a known dtype", err);
    return INLAY_OK;
}

inlay_status attr_tensor(const attrs *a, const char *name, bytes *proto, inlay_error *err) {
    wire_field f;
    bool own;
    TRY(own_field(a, name, TENSOR, WIRE_BYTES, "a tensor", &f, &own, err));
    if (!own) return missing(name, err);
    *proto = f.data;
    return INLAY_OK;
}

inlay_status attr_func_name(bytes list, bytes *function, inlay_error *err) {
    wire_field f;
    bool found;
    TRY(wire_find(list, 1, "attribute", &f, &found, err));
    if (!found || f.type != WIRE_BYTES) return fail(err, INLAY_INVALID_ARGUMENT, "a function to call has no name");
    *function = f.data;
    return INLAY_OK;
}

inlay_status attr_func(const attrs *a, const char *name, bytes *function, bytes *list, inlay_error *err) {
    wire_field f;
    bool own;
    TRY(own_field(a, name, FUNC, WIRE_BYTES, "a function", &f, &own, err));
    if (!own) return missing(name, err);
    *list = f.data;
    return attr_func_name(*list, function, err);
}

static inlay_status dim_of_proto(const wire_reader *outer, const wire_field *field, int64_t *out, inlay_error *err) {
    wire_reader r = wire_enter(outer, field);
    *out = 0;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == 1 && f.type == WIRE_VARINT) *out = (int64_t)f.value;
    }
}

inlay_status shape_of_proto(bytes proto, shape *out, inlay_error *err) {
    wire_reader r = wire_open(proto, "shape", NULL);
    *out = shape_scalar();
    bool unknown = false;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number == 3 && f.type == WIRE_VARINT) unknown = f.value != 0;
        if (f.number != 2 || f.type != WIRE_BYTES) continue;
        if (out->rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "a shape has too many dimensions");
        int64_t size;
        TRY(dim_of_proto(&r, &f, &size, err));
        if (size < -1) return fail(err, INLAY_INVALID_ARGUMENT, "a shape has a dimension of %lld", (long long)size);
        out->dims[out->rank++] = size;
    }
    if (unknown) *out = (shape){.rank = -1};
    return INLAY_OK;
}

inlay_status attr_shape(const attrs *a, const char *name, shape *out, inlay_error *err) {
    wire_field f;
    bool own;
    bytes text;
    TRY(own_field(a, name, SHAPE, WIRE_BYTES, "a shape", &f, &own, err));
    if (own) return shape_of_proto(f.data, out, err);
    if (!fallback(a, name, &text)) return missing(name, err);
    *out = bytes_is(text, "?") ? (shape){.rank = -1} : shape_scalar();
    return INLAY_OK;
}

/* ---- lists: counted first, then filled */

typedef struct list_of {
    void *items;
    size_t width, count, capacity;
    dtype kind; /* how a number becomes an element: INT64, FLOAT32, or INVALID_DTYPE for dtypes */
} list_of;

static inlay_status keep_number(void *ctx, uint64_t value, inlay_error *err) {
    list_of *list = ctx;
    size_t i = list->count++;
    if (list->count > MAX_LIST) return fail(err, INLAY_INVALID_ARGUMENT, "an attribute list is too long");
    if (!list->items) return INLAY_OK;
    if (list->kind == INLAY_INT64)
        ((int64_t *)list->items)[i] = (int64_t)value;
    else if (list->kind == INLAY_FLOAT32)
        store_u32((float *)list->items + i, (uint32_t)value);
    else if ((((dtype *)list->items)[i] = base_type(value)) == INLAY_INVALID_DTYPE)
        return fail(err, INLAY_INVALID_ARGUMENT, "an attribute list holds no known dtype");
    return INLAY_OK;
}

static inlay_status walk_numbers(bytes message, uint32_t number, int element, list_of *list, inlay_error *err) {
    wire_reader r = wire_open(message, "attribute", NULL);
    list->count = 0;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == number) TRY(wire_numbers(&r, &f, element, keep_number, list, err));
    }
}

/* "[1,2]" as a default. */
static void walk_text(bytes text, list_of *list) {
    list->count = 0;
    const uint8_t *p = text.data, *end = text.data + text.size;
    while (p < end) {
        while (p < end && (*p == '[' || *p == ',' || *p == ']')) p++;
        const uint8_t *start = p;
        while (p < end && *p != ',' && *p != ']') p++;
        if (p == start) continue;
        bytes word = bytes_make(start, (size_t)(p - start));
        size_t i = list->count++;
        if (!list->items) continue;
        if (list->kind == INLAY_INT64)
            ((int64_t *)list->items)[i] = number_of(word);
        else if (list->kind == INLAY_FLOAT32)
            ((float *)list->items)[i] = (float)number_of(word);
        else
            ((dtype *)list->items)[i] = type_of(word);
    }
}

static inlay_status numbers(const attrs *a, const char *name, uint32_t number, int element, arena *memory,
                            list_of *list, inlay_error *err) {
    wire_field f;
    bool own;
    bytes text;
    TRY(own_field(a, name, LIST, WIRE_BYTES, "a list", &f, &own, err));
    if (!own && !fallback(a, name, &text)) return missing(name, err);
    for (int pass = 0; pass < 2; pass++) {
        if (own)
            TRY(walk_numbers(f.data, number, element, list, err));
        else
            walk_text(text, list);
        if (pass == 0 && !(list->items = arena_zalloc(memory, list->count + 1, list->width))) return fail_memory(err);
    }
    return INLAY_OK;
}

inlay_status attr_ints(const attrs *a, const char *name, arena *memory, int64_t **out, size_t *count,
                       inlay_error *err) {
    list_of list = {.width = sizeof **out, .kind = INLAY_INT64};
    TRY(numbers(a, name, INT, WIRE_VARINT, memory, &list, err));
    *out = list.items;
    *count = list.count;
    return INLAY_OK;
}

inlay_status attr_floats(const attrs *a, const char *name, arena *memory, float **out, size_t *count,
                         inlay_error *err) {
    list_of list = {.width = sizeof **out, .kind = INLAY_FLOAT32};
    TRY(numbers(a, name, FLOAT, WIRE_FIXED32, memory, &list, err));
    *out = list.items;
    *count = list.count;
    return INLAY_OK;
}

inlay_status attr_types(const attrs *a, const char *name, arena *memory, dtype **out, size_t *count, inlay_error *err) {
    list_of list = {.width = sizeof **out, .kind = INLAY_INVALID_DTYPE};
    TRY(numbers(a, name, TYPE, WIRE_VARINT, memory, &list, err));
    *out = list.items;
    *count = list.count;
    return INLAY_OK;
}

/* Byte strings (or messages) of list field NUMBER; a default list is always empty. */
static inlay_status spans(const attrs *a, const char *name, uint32_t number, arena *memory, bytes **out, size_t *count,
                          inlay_error *err) {
    wire_field list;
    bool own;
    bytes text;
    *out = NULL;
    *count = 0;
    TRY(own_field(a, name, LIST, WIRE_BYTES, "a list", &list, &own, err));
    if (!own) return fallback(a, name, &text) ? INLAY_OK : missing(name, err);
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = wire_open(list.data, "attribute", NULL);
        *count = 0;
        for (;;) {
            wire_field f;
            bool got;
            TRY(wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number != number || f.type != WIRE_BYTES) continue;
            if (pass) (*out)[*count] = f.data;
            if (++*count > MAX_LIST) return fail(err, INLAY_INVALID_ARGUMENT, "an attribute list is too long");
        }
        if (pass == 0 && !(*out = arena_zalloc(memory, *count + 1, sizeof **out))) return fail_memory(err);
    }
    return INLAY_OK;
}

inlay_status attr_texts(const attrs *a, const char *name, arena *memory, bytes **out, size_t *count, inlay_error *err) {
    return spans(a, name, TEXT, memory, out, count, err);
}

inlay_status attr_funcs(const attrs *a, const char *name, arena *memory, bytes **out, size_t *count, inlay_error *err) {
    return spans(a, name, LIST_FUNC, memory, out, count, err);
}

inlay_status attr_shapes(const attrs *a, const char *name, arena *memory, shape **out, size_t *count,
                         inlay_error *err) {
    bytes *protos;
    TRY(spans(a, name, SHAPE, memory, &protos, count, err));
    *out = arena_zalloc(memory, *count + 1, sizeof **out);
    if (!*out) return fail_memory(err);
    for (size_t i = 0; i < *count; i++) TRY(shape_of_proto(protos[i], &(*out)[i], err));
    return INLAY_OK;
}

void attr_put_int(buffer *b, int64_t value) {
    wire_put_uint(b, INT, (uint64_t)value);
}
void attr_put_float(buffer *b, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put_fixed32(b, FLOAT, bits); /* 0 too: the field says which kind it is */
}
void attr_put_bool(buffer *b, bool value) {
    wire_put_uint(b, BOOL, value);
}
void attr_put_type(buffer *b, dtype value) {
    wire_put_uint(b, TYPE, (uint64_t)value);
}
void attr_put_text(buffer *b, bytes value) {
    wire_put_bytes(b, TEXT, value);
}
void attr_put_ints(buffer *b, const int64_t *values, size_t count) {
    size_t list = wire_begin(b, LIST), packed = wire_begin(b, INT);
    for (size_t i = 0; i < count; i++) wire_put_varint(b, (uint64_t)values[i]);
    wire_end(b, packed);
    wire_end(b, list);
}
