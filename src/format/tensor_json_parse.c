#include "base/base64.h"
#include "base/file.h"
#include "base/num.h"
#include "format/json_tree.h"
#include "format/tensor_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The lists are taken apart here, in two passes without a tree in between: the first finds shape and kind, the second
 * fills the tensor. jansson reads the elements. */

typedef enum kind {
    KIND_WHOLE = 1, /* a number without point and exponent */
    KIND_REAL = 2,
    KIND_BOOL = 4,
    KIND_STRING = 8, /* or {"b64": …} */
    KIND_WORD = 16   /* NaN, Infinity, -Infinity */
} kind;

typedef struct reader {
    const char *name;
    bytes text;
    size_t at;
    int depth;                     /* open lists */
    int64_t index[INLAY_MAX_RANK]; /* of the element at hand in each of them */
    shape dims;                    /* rank -1 until the first element or empty list */
    int64_t seen[INLAY_MAX_RANK];  /* length of the lists at that depth; -1: none is closed yet */
    unsigned kinds;
    bool narrow; /* all whole numbers fit int32 */
    dtype wanted;
    tensor *numbers; /* second pass */
    string_builder *strings;
    int64_t done;
} reader;

/* An element as it stands in the text. */
typedef struct leaf {
    kind what;
    bytes text;
} leaf;

/* ---- errors */

enum { PLACE_TEXT = 24 * INLAY_MAX_RANK };

/* "[1][3]", or "the value" outside of all lists. */
static const char *place(const reader *r, char text[PLACE_TEXT]) {
    int used = 0;
    if (r->depth == 0) return "the value";
    for (int i = 0; i < r->depth; i++)
        used += snprintf(text + used, PLACE_TEXT - (size_t)used, "[%" PRId64 "]", r->index[i]);
    return text;
}

static inlay_status bad(const reader *r, size_t at, inlay_error *err, const char *what) {
    char text[PLACE_TEXT];
    return fail_at(err, INLAY_INVALID_ARGUMENT, r->name, (int64_t)at, "%s %s", place(r, text), what);
}

static inlay_status unfit(const reader *r, const leaf *l, inlay_error *err) {
    enum { SHOWN = 40 };
    char text[PLACE_TEXT];
    return fail_at(err, INLAY_INVALID_ARGUMENT, r->name, l->text.data - r->text.data, "%s is %.*s%s, which is no %s",
                   place(r, text), (int)min_size(l->text.size, SHOWN), l->text.data, l->text.size > SHOWN ? "…" : "",
                   dtype_name(r->wanted));
}

/* ---- the text */

static void skip_space(reader *r) {
    while (r->at < r->text.size && memchr(" \t\r\n", r->text.data[r->at], 4)) r->at++;
}

static bool take(reader *r, char wanted) {
    skip_space(r);
    if (r->at == r->text.size || r->text.data[r->at] != (uint8_t)wanted) return false;
    r->at++;
    return true;
}

/* The end of the string that starts at AT, or 0. */
static size_t string_end(bytes text, size_t at) {
    for (size_t i = at + 1; i < text.size; i++) {
        if (text.data[i] == '"') return i + 1;
        if (text.data[i] == '\\') i++;
    }
    return 0;
}

/* The end of the object that starts at AT, or 0 when it does not end or is more than one key with one string: then it
 * is no {"b64": …}, and jansson shall not build it. */
static size_t object_end(bytes text, size_t at) {
    int strings = 0;
    for (size_t i = at + 1; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '}') return i + 1;
        if (c == '{' || c == '[' || (c == '"' && ++strings > 2)) return 0;
        if (c == '"' && (i = string_end(text, i) - 1) == SIZE_MAX) return 0;
    }
    return 0;
}

static bool is_word_byte(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("+-._", c));
}

/* What a run of letters, digits and signs is; 0 for nothing that is known. */
static kind word_kind(bytes word) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity", "Inf", "-Inf"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_is(word, words[i])) return KIND_WORD;
    if (bytes_is(word, "true") || bytes_is(word, "false")) return KIND_BOOL;
    bool real = false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        if (c == '.' || c == 'e' || c == 'E')
            real = true;
        else if ((c < '0' || c > '9') && c != '-' && c != '+')
            return 0;
    }
    return real ? KIND_REAL : KIND_WHOLE;
}

static inlay_status take_leaf(reader *r, leaf *out, inlay_error *err) {
    size_t start = r->at, end = start;
    uint8_t first = r->text.data[start];
    if (first == '"' || first == '{') {
        end = first == '"' ? string_end(r->text, start) : object_end(r->text, start);
        if (end == 0)
            return bad(r, start, err,
                       first == '"' ? "is a string that does not end" : "is an object, but no {\"b64\": \"…\"}");
        out->what = KIND_STRING;
    } else {
        while (end < r->text.size && is_word_byte(r->text.data[end])) end++;
        out->what = end > start ? word_kind(bytes_make(r->text.data + start, end - start)) : 0;
        if (out->what == 0)
            return bad(r, start, err, "is neither a list nor a number, boolean, string or {\"b64\": \"…\"}");
    }
    out->text = bytes_make(r->text.data + start, end - start);
    r->at = end;
    return INLAY_OK;
}

/* Whole numbers as C reads them; false when it is none or does not fit. */
static bool whole_value(bytes text, int64_t *out) {
    char digits[24];
    char *end;
    if (text.size >= sizeof digits) return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = 0;
    errno = 0;
    *out = strtoll(digits, &end, 10);
    return errno == 0 && end == digits + text.size;
}

static bool unsigned_value(bytes text, uint64_t *out) {
    char digits[24];
    char *end;
    if (text.size >= sizeof digits || (text.size && text.data[0] == '-')) return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = 0;
    errno = 0;
    *out = strtoull(digits, &end, 10);
    return errno == 0 && end == digits + text.size;
}

/* ---- elements */

/* ELEMENT as jansson reads it; numbers always as reals, so that none is too long. The caller's (json_decref). */
static inlay_status decode(const reader *r, const leaf *l, json_t **out, inlay_error *err) {
    json_error_t why;
    TRY(json_tree_read(l->text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, out, &why, err));
    if (*out) return INLAY_OK;
    char text[PLACE_TEXT];
    return fail_at(err, INLAY_INVALID_ARGUMENT, r->name, l->text.data - r->text.data, "%s: %s", place(r, text),
                   why.text);
}

static double word_value(bytes word) {
    if (bytes_is(word, "NaN")) return (double)NAN;
    return word.data[0] == '-' ? -(double)INFINITY : (double)INFINITY;
}

/* The number that L is: a real, a whole one, a bare word, or one of the words as a string. */
static inlay_status real_value(const reader *r, const leaf *l, double *out, inlay_error *err) {
    if (l->what == KIND_WORD) {
        *out = word_value(l->text);
        return INLAY_OK;
    }
    bytes inner =
        l->what == KIND_STRING && l->text.data[0] == '"' ? bytes_make(l->text.data + 1, l->text.size - 2) : (bytes){0};
    if (inner.size && word_kind(inner) == KIND_WORD) {
        *out = word_value(inner);
        return INLAY_OK;
    }
    if (l->what != KIND_REAL && l->what != KIND_WHOLE) return unfit(r, l, err);
    json_t *value;
    TRY(decode(r, l, &value, err));
    *out = json_real_value(value);
    json_decref(value);
    double limit = r->wanted == INLAY_FLOAT16    ? 65520.0
                   : r->wanted == INLAY_BFLOAT16 ? 0x1.ffp127
                   : r->wanted == INLAY_FLOAT32  ? 0x1.ffffffp127
                                                 : (double)INFINITY; /* what rounds to infinity */
    return fabs(*out) >= limit ? unfit(r, l, err) : INLAY_OK;
}

static inlay_status put_real(reader *r, const leaf *l, inlay_error *err) {
    double value = 0;
    TRY(real_value(r, l, &value, err));
    uint8_t *to = r->numbers->data + (size_t)r->done * dtype_size(r->wanted);
    float narrow = (float)value;
    switch (r->wanted) {
    case INLAY_FLOAT64: memcpy(to, &value, 8); break;
    case INLAY_FLOAT32: memcpy(to, &narrow, 4); break;
    case INLAY_FLOAT16: store_u16(to, f32_to_f16(narrow)); break;
    default: store_u16(to, f32_to_bf16(narrow)); break;
    }
    return INLAY_OK;
}

static inlay_status put_whole(reader *r, const leaf *l, inlay_error *err) {
    json_t *checked; /* jansson knows what a number looks like, strtoll is not so strict */
    if (l->what != KIND_WHOLE) return unfit(r, l, err);
    TRY(decode(r, l, &checked, err));
    json_decref(checked);
    size_t size = dtype_size(r->wanted);
    bool is_signed =
        r->wanted == INLAY_INT8 || r->wanted == INLAY_INT16 || r->wanted == INLAY_INT32 || r->wanted == INLAY_INT64;
    uint64_t bits = 0;
    int64_t value = 0;
    if (is_signed) {
        int64_t top = (int64_t)(UINT64_MAX >> (65 - 8 * size));
        if (!whole_value(l->text, &value) || value > top || value < -top - 1) return unfit(r, l, err);
        bits = (uint64_t)value;
    } else if (!unsigned_value(l->text, &bits) || bits > UINT64_MAX >> (64 - 8 * size)) {
        return unfit(r, l, err);
    }
    memcpy(r->numbers->data + (size_t)r->done * size, &bits, size);
    return INLAY_OK;
}

static inlay_status put_bool(reader *r, const leaf *l, inlay_error *err) {
    if (l->what != KIND_BOOL) return unfit(r, l, err);
    r->numbers->data[r->done] = l->text.data[0] == 't';
    return INLAY_OK;
}

static inlay_status put_bytes(reader *r, const leaf *l, const json_t *object, inlay_error *err) {
    const json_t *coded = json_object_get(object, "b64");
    size_t at = (size_t)(l->text.data - r->text.data);
    if (!json_is_string(coded) || json_object_size(object) != 1)
        return bad(r, at, err, "is an object, but no {\"b64\": \"…\"}");
    buffer data = {0};
    bool good = base64_decode(bytes_make(json_string_value(coded), json_string_length(coded)), &data);
    inlay_status status = buffer_check(&data, err);
    if (status == INLAY_OK && !good) status = bad(r, at, err, "is no base64");
    if (status == INLAY_OK) status = string_builder_add(r->strings, buffer_bytes(&data), err);
    buffer_free(&data);
    return status;
}

static inlay_status put_string(reader *r, const leaf *l, inlay_error *err) {
    if (l->what != KIND_STRING) return unfit(r, l, err);
    json_t *value;
    TRY(decode(r, l, &value, err));
    inlay_status status;
    if (json_is_object(value))
        status = put_bytes(r, l, value, err);
    else
        status = string_builder_add(r->strings, bytes_make(json_string_value(value), json_string_length(value)), err);
    json_decref(value);
    return status;
}

static inlay_status put_leaf(reader *r, const leaf *l, inlay_error *err) {
    inlay_status status;
    if (r->wanted == INLAY_STRING)
        status = put_string(r, l, err);
    else if (r->wanted == INLAY_BOOL)
        status = put_bool(r, l, err);
    else if (dtype_is_float(r->wanted))
        status = put_real(r, l, err);
    else
        status = put_whole(r, l, err);
    r->done++;
    return status;
}

/* ---- lists */

/* Every element must be as deep as the first. */
static inlay_status note_leaf(reader *r, const leaf *l, inlay_error *err) {
    if (r->dims.rank < 0) r->dims.rank = r->depth;
    if (r->depth != r->dims.rank)
        return bad(r, (size_t)(l->text.data - r->text.data), err, "is no list where others are: the lists are ragged");
    r->kinds |= l->what;
    int64_t value;
    if (l->what == KIND_WHOLE && (!whole_value(l->text, &value) || value != (int32_t)value)) r->narrow = false;
    return INLAY_OK;
}

static inlay_status open_list(reader *r, inlay_error *err) {
    if (r->depth == INLAY_MAX_RANK) return bad(r, r->at, err, "is a list in more than 16 others");
    if (r->dims.rank >= 0 && r->depth >= r->dims.rank)
        return bad(r, r->at - 1, err, "is a list where others are none: the lists are ragged");
    r->index[r->depth++] = 0;
    return INLAY_OK;
}

/* The innermost list ends with COUNT elements. */
static inlay_status close_list(reader *r, int64_t count, inlay_error *err) {
    int64_t *length = &r->seen[--r->depth];
    if (*length < 0) {
        *length = count;
        if (r->dims.rank < 0) r->dims.rank = r->depth + 1;
        return INLAY_OK;
    }
    if (*length == count) return INLAY_OK;
    char text[PLACE_TEXT];
    return fail_at(err, INLAY_INVALID_ARGUMENT, r->name, (int64_t)r->at - 1,
                   "%s has %" PRId64 " elements, others have %" PRId64 ": the lists are ragged", place(r, text), count,
                   *length);
}

/* After an element or a list: closes what ends here. *more when another element follows. */
static inlay_status end_value(reader *r, bool *more, inlay_error *err) {
    *more = false;
    while (r->depth > 0) {
        int64_t *index = &r->index[r->depth - 1];
        if (take(r, ',')) {
            ++*index;
            *more = true;
            return INLAY_OK;
        }
        if (!take(r, ']')) return bad(r, r->at, err, "is not followed by ',' or ']'");
        TRY(close_list(r, *index + 1, err));
    }
    return INLAY_OK;
}

/* Walks the text once; each element goes to VISIT. */
static inlay_status walk(reader *r, inlay_status (*visit)(reader *, const leaf *, inlay_error *), inlay_error *err) {
    r->at = 0;
    r->depth = 0;
    for (bool more = true; more;) {
        bool empty = false;
        while (!empty && take(r, '[')) {
            TRY(open_list(r, err));
            empty = take(r, ']');
        }
        if (empty) {
            TRY(close_list(r, 0, err));
        } else {
            leaf l = {0};
            skip_space(r);
            if (r->at == r->text.size) return bad(r, r->at, err, "is missing: the text ends");
            TRY(take_leaf(r, &l, err));
            TRY(visit(r, &l, err));
        }
        TRY(end_value(r, &more, err));
    }
    skip_space(r);
    if (r->at < r->text.size) return bad(r, r->at, err, "is followed by something");
    return INLAY_OK;
}

/* ---- the tensor */

static inlay_status settle_type(reader *r, inlay_error *err) {
    if (r->wanted != INLAY_INVALID_DTYPE) {
        bool known = r->wanted == INLAY_STRING || r->wanted == INLAY_BOOL || r->wanted == INLAY_FLOAT16 ||
                     r->wanted == INLAY_BFLOAT16 || r->wanted == INLAY_FLOAT32 || r->wanted == INLAY_FLOAT64 ||
                     (dtype_is_integer(r->wanted) && r->wanted <= INLAY_UINT64);
        if (known) return INLAY_OK;
        return fail_at(err, INLAY_UNIMPLEMENTED, r->name, -1, "JSON cannot be read as %s", dtype_name(r->wanted));
    }
    unsigned numbers = KIND_WHOLE | KIND_REAL | KIND_WORD;
    if ((r->kinds & ~numbers) == 0)
        r->wanted = r->kinds != KIND_WHOLE ? INLAY_FLOAT32 : r->narrow ? INLAY_INT32 : INLAY_INT64;
    else if (r->kinds == KIND_BOOL || r->kinds == KIND_STRING)
        r->wanted = r->kinds == KIND_BOOL ? INLAY_BOOL : INLAY_STRING;
    else
        return fail_at(err, INLAY_INVALID_ARGUMENT, r->name, -1, "numbers, booleans and strings are mixed");
    return INLAY_OK;
}

inlay_status tensor_from_json(bytes text, const char *name, dtype wanted, tensor **out, inlay_error *err) {
    *out = NULL;
    reader r = {.name = name, .text = text, .narrow = true, .wanted = wanted, .dims = {.rank = -1}};
    for (int i = 0; i < INLAY_MAX_RANK; i++) r.seen[i] = -1;
    TRY(walk(&r, note_leaf, err));
    TRY(settle_type(&r, err));
    for (int i = 0; i < r.dims.rank; i++) r.dims.dims[i] = r.seen[i];
    if (r.wanted != INLAY_STRING) {
        TRY(tensor_new(r.wanted, &r.dims, NULL, &r.numbers, err));
        inlay_status status = walk(&r, put_leaf, err);
        if (status == INLAY_OK)
            *out = r.numbers;
        else
            tensor_release(r.numbers);
        return status;
    }
    string_builder strings;
    TRY(string_builder_init(&strings, &r.dims, NULL, err));
    r.strings = &strings;
    inlay_status status = walk(&r, put_leaf, err);
    if (status == INLAY_OK) return string_builder_finish(&strings, out, err);
    string_builder_free(&strings);
    return status;
}

inlay_status tensor_json_read(const char *path, dtype wanted, tensor **out, inlay_error *err) {
    file_map *map;
    *out = NULL;
    TRY(file_map_open(path, false, &map, err));
    inlay_status status = tensor_from_json(file_map_bytes(map), path, wanted, out, err);
    file_map_release(map);
    return status;
}
