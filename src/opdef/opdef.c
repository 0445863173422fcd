#include "opdef/opdef.h"

#include "base/num.h"
#include "opdef/families.h"
#include "proto/wire.h"

#include <pthread.h>

static const struct {
    const op_def *rows;
    const size_t *count;
} families[] = {
#define FAMILY(name) {name##_defs, &name##_defs_count},
#include "opdef/families.def"
#undef FAMILY
};
enum { FAMILIES = sizeof families / sizeof *families };

/* Open addressing over static memory: filled once, at most half full (test_opdef checks). */
enum { SLOTS = 4096 };
static const op_def *slots[SLOTS];

static size_t slot_of(bytes name) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.size; i++) h = (h ^ name.data[i]) * 16777619u;
    return (h ^ h >> 15) % SLOTS;
}

static void fill_slots(void) {
    size_t filled = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < *families[f].count && filled < SLOTS / 2; i++, filled++) {
            size_t slot = slot_of(bytes_of(families[f].rows[i].name));
            while (slots[slot]) slot = (slot + 1) % SLOTS;
            slots[slot] = &families[f].rows[i];
        }
}

const op_def *opdef_find(bytes name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_slots);
    for (size_t slot = slot_of(name); slots[slot]; slot = (slot + 1) % SLOTS)
        if (bytes_is(name, slots[slot]->name)) return slots[slot];
    return NULL;
}

const op_def *opdef_at(size_t index) {
    for (size_t f = 0; f < FAMILIES; index -= *families[f].count, f++)
        if (index < *families[f].count) return &families[f].rows[index];
    return NULL;
}

bool op_arg_next(const char **next, op_arg *out) {
    const char *p = *next ? *next : "";
    while (*p == ' ') p++;
    const char *colon = strchr(p, ':');
    if (!*p || !colon) return false;
    *out = (op_arg){.name = bytes_make(p, (size_t)(colon - p))};
    p = colon + 1;
    if (*p == '&') out->is_ref = true, p++;
    size_t size = strcspn(p, "* ");
    if (p[size] == '*') {
        out->number = bytes_make(p, size);
        p += size + 1;
        size = strcspn(p, " ");
    }
    out->type = bytes_make(p, size);
    *next = p + size;
    return true;
}

static inlay_status text_of(bytes name, char out[128], inlay_error *err) {
    if (name.size >= 128) return fail(err, INLAY_INVALID_ARGUMENT, "an attribute name is too long");
    memcpy(out, name.data, name.size);
    out[name.size] = 0;
    return INLAY_OK;
}

/* Declared type of attribute NAME ("type", "list(type)", "int"); false when the op has no such attribute. */
static bool declared_type(const attrs *a, bytes name, bytes *type) {
    const char *next = a->declared;
    attr_decl d;
    while (attr_decl_next(&next, &d))
        if (bytes_equal(d.name, name)) {
            *type = d.type;
            return true;
        }
    return false;
}

/* How many tensors ARG stands for, and of which type; *types, when not NULL, gives each its own. */
static inlay_status resolve(const op_arg *arg, const attrs *a, arena *memory, size_t *count, dtype *type, dtype **types,
                            inlay_error *err) {
    char name[128];
    bytes kind;
    *count = 1;
    *types = NULL;
    TRY(text_of(arg->type, name, err));
    if (!declared_type(a, arg->type, &kind)) {
        *type = dtype_of_name(name);
    } else if (bytes_is(kind, "list(type)")) {
        return attr_types(a, name, memory, types, count, err);
    } else {
        *type = INLAY_INVALID_DTYPE;
        inlay_status status = attr_type(a, name, type, NULL);
        if (status != INLAY_OK) *type = INLAY_INVALID_DTYPE;
    }
    if (!arg->number.size) return INLAY_OK;
    int64_t n;
    TRY(text_of(arg->number, name, err));
    TRY(attr_int(a, name, &n, err));
    if (n < 0 || n > OP_MAX_VALUES)
        return fail(err, INLAY_INVALID_ARGUMENT, "attribute '%s' is %lld", name, (long long)n);
    *count = (size_t)n;
    return INLAY_OK;
}

inlay_status opdef_values(const char *arguments, const attrs *attributes, arena *memory, op_values *out,
                          inlay_error *err) {
    *out = (op_values){0};
    op_arg arg;
    size_t count, total = 0;
    dtype type, *types;
    for (const char *next = arguments; op_arg_next(&next, &arg);) {
        TRY(resolve(&arg, attributes, memory, &count, &type, &types, err));
        total += count;
        if (total > OP_MAX_VALUES) return fail(err, INLAY_INVALID_ARGUMENT, "too many inputs or outputs");
    }
    out->items = arena_zalloc(memory, total + 1, sizeof *out->items);
    if (!out->items) return fail_memory(err);
    for (const char *next = arguments; op_arg_next(&next, &arg);) {
        TRY(resolve(&arg, attributes, memory, &count, &type, &types, err));
        for (size_t i = 0; i < count; i++) out->items[out->count++] = (op_value){types ? types[i] : type, arg.is_ref};
    }
    return INLAY_OK;
}

inlay_status opdef_output(const op_def *def, const attrs *attributes, bytes name, int64_t k, int *out,
                          inlay_error *err) {
    arena memory;
    arena_init(&memory, 0);
    inlay_status status = INLAY_OK;
    op_arg arg;
    size_t first = 0;
    for (const char *next = def->out; op_arg_next(&next, &arg);) {
        size_t count;
        dtype type, *types;
        TRY_TO(done, resolve(&arg, attributes, &memory, &count, &type, &types, err));
        if (bytes_equal(arg.name, name) && k >= 0 && (size_t)k < count) {
            *out = (int)(first + (size_t)k);
            goto done;
        }
        first += count;
        if (first > OP_MAX_VALUES) break;
    }
    status = fail(err, INLAY_NOT_FOUND, "op %s has no output '%.*s:%lld'", def->name, (int)min_size(name.size, 100),
                  (const char *)name.data, (long long)k);
done:
    arena_free(&memory);
    return status;
}
