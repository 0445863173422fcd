#include "format/npy.h"

#include "base/num.h"

#include <inttypes.h>

/* A cursor over the header text, a Python literal. */
typedef struct cursor {
    const char *path;
    const uint8_t *start; /* of the file */
    const uint8_t *at, *end;
    bool long_numbers; /* Python 2's "12L" may occur */
} cursor;

static inlay_status malformed(const cursor *c, const char *what, inlay_error *err) {
    return fail_at(err, INLAY_DATA_LOSS, c->path, c->at - c->start, "malformed .npy header: %s", what);
}

/* What Python takes for space inside brackets. */
static void skip_space(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r' && *c->at != '\v'))) c->at++;
}

static bool take(cursor *c, char wanted) {
    skip_space(c);
    if (c->at == c->end || *c->at != (uint8_t)wanted) return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word) {
    skip_space(c);
    size_t n = strlen(word);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0) return false;
    c->at += n;
    return true;
}

static inlay_status take_string(cursor *c, bytes *out, inlay_error *err) {
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return malformed(c, "a quoted string is missing", err);
    uint8_t quote = *c->at++;
    const uint8_t *first = c->at;
    while (c->at < c->end && *c->at != quote && *c->at != '\\' && *c->at != '\n') c->at++;
    if (c->at == c->end || *c->at != quote) return malformed(c, "a string does not end", err);
    *out = bytes_make(first, (size_t)(c->at - first));
    c->at++;
    return INLAY_OK;
}

/* A decimal number. */
static inlay_status take_number(cursor *c, int64_t *out, inlay_error *err) {
    skip_space(c);
    const uint8_t *first = c->at;
    int64_t value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (!mul_i64(value, 10, &value) || __builtin_add_overflow(value, *c->at - '0', &value))
            return malformed(c, "a dimension is too large", err);
    if (c->at == first) return malformed(c, "a dimension is no number", err);
    if (*first == '0' && c->at - first > 1) return malformed(c, "a dimension has a leading zero", err);
    if (c->long_numbers && c->at < c->end && *c->at == 'L') c->at++;
    *out = value;
    return INLAY_OK;
}

static inlay_status take_shape(cursor *c, shape *out, inlay_error *err) {
    if (!take(c, '(')) return malformed(c, "the shape is no tuple", err);
    *out = shape_scalar();
    bool comma = true;
    while (!take(c, ')')) {
        int64_t dim = 0;
        if (!comma) return malformed(c, "a ',' is missing in the shape", err);
        TRY(take_number(c, &dim, err));
        if (out->rank == INLAY_MAX_RANK)
            return fail_at(err, INLAY_UNIMPLEMENTED, c->path, c->at - c->start, "an array of more than %d dimensions",
                           INLAY_MAX_RANK);
        out->dims[out->rank++] = dim;
        comma = take(c, ',');
    }
    if (out->rank == 1 && !comma) return malformed(c, "the shape is no tuple", err);
    return INLAY_OK;
}

static dtype number_of(char kind, size_t size) {
    static const struct {
        char kind;
        uint8_t size;
        uint8_t type;
    } numbers[] = {
        {'b', 1, INLAY_BOOL},    {'i', 1, INLAY_INT8},        {'i', 2, INLAY_INT16},       {'i', 4, INLAY_INT32},
        {'i', 8, INLAY_INT64},   {'u', 1, INLAY_UINT8},       {'u', 2, INLAY_UINT16},      {'u', 4, INLAY_UINT32},
        {'u', 8, INLAY_UINT64},  {'f', 1, INLAY_FLOAT8_E5M2}, {'f', 2, INLAY_FLOAT16},     {'f', 4, INLAY_FLOAT32},
        {'f', 8, INLAY_FLOAT64}, {'c', 8, INLAY_COMPLEX64},   {'c', 16, INLAY_COMPLEX128},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].kind == kind && numbers[i].size == size) return (dtype)numbers[i].type;
    return INLAY_INVALID_DTYPE;
}

/* "<f4", "|b1", "?", ">U10". */
static inlay_status read_descr(const cursor *c, bytes text, npy_header *h, inlay_error *err) {
    size_t i = 0;
    char order = '=';
    if (i < text.size && memchr("<>|=", text.data[i], 4)) order = (char)text.data[i++];
    if (i < text.size) h->kind = (char)text.data[i++];
    uint64_t size = 0;
    bool digits = i < text.size;
    for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        if (!mul_u64(size, 10, &size) || !add_u64(size, text.data[i] - '0', &size)) break;
    if (h->kind == '?' && !digits) {
        h->kind = 'b';
        size = 1;
        digits = true;
    }
    if (h->kind == 'O')
        return fail_at(err, INLAY_UNIMPLEMENTED, c->path, -1,
                       "an array of Python objects (pickled); save it with a numeric or string dtype");
    bool whole = i == text.size && digits;
    bool items = h->kind == 'S' || h->kind == 'U' || h->kind == 'V';
    h->type = items ? INLAY_INVALID_DTYPE : number_of(h->kind, (size_t)size);
    if (!whole || (!items && h->type == INLAY_INVALID_DTYPE) || size > UINT32_MAX)
        return fail_at(err, INLAY_UNIMPLEMENTED, c->path, -1, "numpy dtype '%.*s' has no equal here",
                       (int)min_size(text.size, 64), text.data);
    if (h->kind == 'S' || h->kind == 'U') h->type = INLAY_STRING;
    h->item_size = (size_t)size * (h->kind == 'U' ? 4 : 1);
    h->big_endian = order == '>' && h->kind != 'S' && h->kind != 'V' && h->item_size > 1;
    return INLAY_OK;
}

static inlay_status take_descr(cursor *c, npy_header *h, inlay_error *err) {
    skip_space(c);
    if (c->at < c->end && (*c->at == '[' || *c->at == '(' || *c->at == '{'))
        return fail_at(err, INLAY_UNIMPLEMENTED, c->path, -1,
                       "a structured array (records with fields); save the field that is wanted");
    bytes text;
    TRY(take_string(c, &text, err));
    return read_descr(c, text, h, err);
}

static inlay_status take_entry(cursor *c, npy_header *h, unsigned *seen, inlay_error *err) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    const uint8_t *at = c->at;
    bytes key;
    TRY(take_string(c, &key, err));
    unsigned which = 0;
    while (which < 3 && !bytes_is(key, keys[which])) which++;
    if (which == 3 || *seen & 1u << which) {
        c->at = at;
        return malformed(c, which == 3 ? "a key is none of descr, fortran_order, shape" : "a key comes twice", err);
    }
    *seen |= 1u << which;
    if (!take(c, ':')) return malformed(c, "a ':' is missing", err);
    if (which == 0) return take_descr(c, h, err);
    if (which == 2) return take_shape(c, &h->dims, err);
    h->fortran = take_word(c, "True");
    if (!h->fortran && !take_word(c, "False")) return malformed(c, "fortran_order is neither True nor False", err);
    return INLAY_OK;
}

static inlay_status take_dict(cursor *c, npy_header *h, inlay_error *err) {
    if (!take(c, '{')) return malformed(c, "no dictionary", err);
    unsigned seen = 0;
    bool comma = true;
    while (!take(c, '}')) {
        if (!comma) return malformed(c, "a ',' is missing", err);
        TRY(take_entry(c, h, &seen, err));
        comma = take(c, ',');
    }
    if (seen != 7) return malformed(c, "descr, fortran_order and shape are not all there", err);
    skip_space(c);
    if (c->at != c->end) return malformed(c, "something follows the dictionary", err);
    return INLAY_OK;
}

inlay_status npy_data_offset(bytes start, const char *path, uint64_t *out, inlay_error *err) {
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    size_t shared = min_size(start.size, sizeof magic);
    if (start.size == 0 || memcmp(start.data, magic, shared) != 0)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "not a .npy file");
    if (start.size < 10) return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)start.size, "the .npy header is cut off");
    unsigned major = start.data[6], minor = start.data[7];
    if (major < 1 || major > 3 || minor != 0)
        return fail_at(err, INLAY_UNIMPLEMENTED, path, 6, "version %u.%u of the .npy format", major, minor);
    if (major > 1 && start.size < 12)
        return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)start.size, "the .npy header is cut off");
    uint32_t size = major == 1 ? load_u16(start.data + 8) : load_u32(start.data + 8);
    if (size > NPY_MAX_HEADER)
        return fail_at(err, INLAY_DATA_LOSS, path, 8, "a .npy header of %" PRIu32 " bytes is beyond reason", size);
    *out = (major == 1 ? 10u : 12u) + (uint64_t)size;
    return INLAY_OK;
}

inlay_status npy_parse(bytes start, uint64_t file_size, const char *path, npy_header *out, inlay_error *err) {
    *out = (npy_header){0};
    TRY(npy_data_offset(start, path, &out->data_offset, err));
    if (out->data_offset > start.size || out->data_offset > file_size)
        return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)start.size,
                       "the .npy header is cut off: it has %" PRIu64 " bytes", out->data_offset);
    cursor c = {.path = path, .start = start.data, .end = start.data + out->data_offset};
    c.at = start.data + (start.data[6] == 1 ? 10 : 12);
    c.long_numbers = start.data[6] < 3;
    TRY(take_dict(&c, out, err));

    char text[SHAPE_TEXT];
    if (!shape_elements(&out->dims, &out->count) || !mul_u64((uint64_t)out->count, out->item_size, &out->data_size) ||
        out->data_size > INT64_MAX)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "an array of shape %s is too large",
                       shape_text(&out->dims, text));
    if (out->item_size == 0 && out->count > NPY_MAX_HEADER)
        return fail_at(err, INLAY_DATA_LOSS, path, 0, "%" PRId64 " elements of no size", out->count);
    if (out->data_size > file_size - out->data_offset)
        return fail_at(err, INLAY_DATA_LOSS, path, (int64_t)out->data_offset,
                       "the header promises %s elements of %zu bytes, %" PRIu64 " bytes of data; the file has %" PRIu64,
                       shape_text(&out->dims, text), out->item_size, out->data_size, file_size - out->data_offset);

    int wide = 0; /* dimensions longer than one: with fewer than two, both orders are the same bytes */
    for (int i = 0; i < out->dims.rank; i++) wide += out->dims.dims[i] > 1;
    out->fortran = out->fortran && wide > 1 && out->count > 0;
    return INLAY_OK;
}

inlay_status npy_settle_type(npy_header *h, dtype as, const char *path, inlay_error *err) {
    if (h->kind != 'V') return INLAY_OK;
    if (as == INLAY_INVALID_DTYPE)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1,
                       "holds elements of %zu bytes without saying what they are ('V%zu'): give the dtype (bfloat16)",
                       h->item_size, h->item_size);
    if (h->item_size == 0 || dtype_size(as) != h->item_size)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds elements of %zu bytes, which cannot be %s",
                       h->item_size, dtype_name(as));
    h->type = as;
    return INLAY_OK;
}
