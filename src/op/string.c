/* Texts one by one: case, ends, length, parts, patterns, hashes. */
#include "op/families.h"
#include "op/text.h"

#include "base/hash.h"
#include "base/num.h"
#include "kernel/regex/regex.h"
#include "kernel/text/split.h"
#include "kernel/text/unicode.h"

/* ---- case and ends */

enum { TO_LOWER, TO_UPPER };

typedef struct case_state {
    bool unicode;
} case_state;

static inlay_status case_prepare(op_node *node, op_setting *s, inlay_error *err) {
    bytes encoding;
    TRY(attr_text(&node->attributes, "encoding", &encoding, err));
    case_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    state->unicode = bytes_is(encoding, "utf-8");
    if (encoding.size && !state->unicode)
        return fail(err, INLAY_INVALID_ARGUMENT, "encoding '%.*s' is neither empty nor 'utf-8'",
                    (int)min_size(encoding.size, 100), (const char *)encoding.data);
    node->state = state;
    return INLAY_OK;
}

static inlay_status case_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    const case_state *state = c->node->state;
    bool lower = c->node->impl->detail == TO_LOWER;
    (void)err;
    if (state->unicode) {
        /* TensorFlow hands the text to ICU as a C string. */
        const uint8_t *nul = text.size ? memchr(text.data, 0, text.size) : NULL;
        if (nul) text.size = (size_t)(nul - text.data);
        if (lower)
            unicode_lower(text, to);
        else
            unicode_upper(text, to);
        return INLAY_OK;
    }
    buffer_append_bytes(to, text);
    if (to->failed) return INLAY_OK;
    uint8_t first = lower ? 'A' : 'a';
    for (size_t i = 0; i < to->size; i++)
        if ((uint8_t)(to->data[i] - first) < 26) to->data[i] ^= 0x20;
    return INLAY_OK;
}

static inlay_status case_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, case_map, err);
}

static inlay_status strip_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    (void)c, (void)err;
    buffer_append_bytes(to, text_stripped(text));
    return INLAY_OK;
}

static inlay_status strip_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, strip_map, err);
}

/* ---- length and parts, counted in bytes or characters */

static inlay_status unit_prepare(op_node *node, op_setting *s, inlay_error *err) {
    bytes unit;
    TRY(attr_text(&node->attributes, "unit", &unit, err));
    bool *characters = arena_zalloc(s->memory, 1, sizeof *characters);
    if (!characters) return fail_memory(err);
    *characters = bytes_is(unit, "UTF8_CHAR");
    if (!*characters && !bytes_is(unit, "BYTE"))
        return fail(err, INLAY_INVALID_ARGUMENT, "unit is neither BYTE nor UTF8_CHAR");
    node->state = characters;
    return INLAY_OK;
}

static inlay_status length_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    bool characters = *(bool *)c->node->state;
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        bytes text = tensor_string(in, i);
        tensor_i32(out)[i] = (int32_t)(characters ? utf8_length(text) : text.size);
    }
    return INLAY_OK;
}

/* N clamped to what int64 negation and addition stand. */
static int64_t tame(int64_t n) {
    const int64_t most = INT64_C(1) << 60;
    return n > most ? most : n < -most ? -most : n;
}

/* The part of TEXT from POS (negative: from the end), of LENGTH; false when POS is outside of TEXT. */
static bool part_of(bytes text, int64_t pos, int64_t length, bool characters, bytes *out) {
    size_t from, to;
    pos = tame(pos);
    length = tame(length);
    if (!characters) {
        int64_t at = pos < 0 ? pos + (int64_t)text.size : pos;
        if (at < 0 || at > (int64_t)text.size) return false;
        from = (size_t)at;
        /* a negative length becomes a huge one in TensorFlow */
        to = length < 0 || (uint64_t)length > text.size - from ? text.size : from + (size_t)length;
    } else if (pos >= 0) {
        from = 0;
        if (!utf8_move(text, pos, &from)) return false;
        to = from;
        if (length > 0) utf8_move(text, length, &to);
    } else {
        int64_t skip = -pos - length > 0 ? -pos - length : 0;
        to = text.size;
        if (skip > -pos || !utf8_move(text, -skip, &to)) return false;
        from = to;
        if (!utf8_move(text, pos + skip, &from)) return false;
    }
    *out = bytes_make(text.data + from, to > from ? to - from : 0);
    return true;
}

/* Strides over a tensor of DIMS as it is spread over OUT; false when it cannot be. */
static bool spread(const shape *dims, const shape *out, int64_t strides[INLAY_MAX_RANK]) {
    int64_t step = 1;
    for (int i = out->rank - 1, j = dims->rank - 1; i >= 0; i--, j--) {
        int64_t d = j >= 0 ? dims->dims[j] : 1;
        if (d != out->dims[i] && d != 1) return false;
        strides[i] = d == 1 ? 0 : step;
        step *= d;
    }
    return dims->rank <= out->rank;
}

/* The shape that A and B are both spread over. */
static bool common_shape(const shape *a, const shape *b, shape *out) {
    *out = a->rank >= b->rank ? *a : *b;
    for (int i = 1; i <= out->rank; i++) {
        int64_t x = i <= a->rank ? a->dims[a->rank - i] : 1, y = i <= b->rank ? b->dims[b->rank - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        out->dims[out->rank - i] = x == 1 ? y : x;
    }
    return true;
}

static inlay_status substr_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0], *pos = c->in[1], *len = c->in[2];
    bool characters = *(bool *)c->node->state;
    char text_a[SHAPE_TEXT], text_b[SHAPE_TEXT];
    shape dims;
    if (!shape_equal(&pos->dims, &len->dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "pos and len differ in shape: %s and %s",
                    shape_text(&pos->dims, text_a), shape_text(&len->dims, text_b));
    int64_t steps[INLAY_MAX_RANK], pos_steps[INLAY_MAX_RANK], at[INLAY_MAX_RANK] = {0};
    if (!common_shape(&in->dims, &pos->dims, &dims) || !spread(&in->dims, &dims, steps) ||
        !spread(&pos->dims, &dims, pos_steps))
        return fail(err, INLAY_INVALID_ARGUMENT, "input %s and pos %s do not fit each other",
                    shape_text(&in->dims, text_a), shape_text(&pos->dims, text_b));
    string_builder b;
    inlay_status status;
    TRY(string_builder_init(&b, &dims, c->budget, err));
    int64_t e = 0, p = 0;
    for (int64_t n = 0; n < b.count; n++) {
        int64_t from, length;
        TRY_TO(failed, tensor_as_int(pos, p, "pos", &from, err));
        TRY_TO(failed, tensor_as_int(len, p, "len", &length, err));
        bytes part;
        if (!part_of(tensor_string(in, e), from, length, characters, &part))
            TRY_TO(failed, fail(err, INLAY_INVALID_ARGUMENT, "pos %lld is outside of the string at index %lld",
                                (long long)from, (long long)n));
        TRY_TO(failed, string_builder_add(&b, part, err));
        for (int i = dims.rank - 1; i >= 0; i--) {
            e += steps[i];
            p += pos_steps[i];
            if (++at[i] < dims.dims[i]) break;
            e -= steps[i] * at[i];
            p -= pos_steps[i] * at[i];
            at[i] = 0;
        }
    }
    return text_give(c, 0, &b, err);
failed:
    string_builder_free(&b);
    return status;
}

/* ---- patterns */

enum { MAX_REPLACED = 1 << 30 }; /* bytes that one text may become */

typedef struct regex_state {
    regex *pattern; /* NULL: an input gives it */
    bytes rewrite;
    bool global;
} regex_state;

static inlay_status regex_prepare(op_node *node, op_setting *s, inlay_error *err) {
    regex_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    bytes pattern;
    bool fixed = node->in.count == 1, replaces = node->out.items[0].type == INLAY_STRING;
    if (replaces) TRY(attr_bool(&node->attributes, "replace_global", &state->global, err));
    if (fixed && replaces) TRY(attr_text(&node->attributes, "rewrite", &state->rewrite, err));
    if (fixed) {
        TRY(attr_text(&node->attributes, "pattern", &pattern, err));
        TRY(regex_compile(pattern, &state->pattern, err));
    }
    node->state = state;
    return INLAY_OK;
}

static void regex_dispose(op_node *node) {
    const regex_state *state = node->state;
    regex_free(state->pattern);
}

typedef struct replacing {
    const regex *r;
    bytes rewrite;
    bool global;
} replacing;

static inlay_status replace_one(const op_call *c, void *user, int64_t i, buffer *to, inlay_error *err) {
    const replacing *w = user;
    return regex_replace(w->r, tensor_string(c->in[0], i), w->rewrite, w->global, MAX_REPLACED, to, err);
}

/* Input 0 with matches of R replaced. */
static inlay_status replace_all(op_call *c, const regex *r, bytes rewrite, bool global, inlay_error *err) {
    replacing w = {r, rewrite, global};
    return text_make(c, 0, &c->in[0]->dims, replace_one, &w, err);
}

static inlay_status match_all(op_call *c, const regex *r, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        bool match;
        TRY(op_check_stop(c, err));
        TRY(regex_full_match(r, tensor_string(in, i), &match, err));
        out->data[i] = match;
    }
    return INLAY_OK;
}

static inlay_status regex_run(op_call *c, inlay_error *err) {
    const regex_state *state = c->node->state;
    bool replaces = c->node->out.items[0].type == INLAY_STRING;
    if (state->pattern)
        return replaces ? replace_all(c, state->pattern, state->rewrite, state->global, err)
                        : match_all(c, state->pattern, err);
    bytes pattern, rewrite = {0};
    regex *r;
    TRY(text_scalar(c, 1, "pattern", &pattern, err));
    if (replaces) TRY(text_scalar(c, 2, "rewrite", &rewrite, err));
    TRY(regex_compile(pattern, &r, err));
    inlay_status status = replaces ? replace_all(c, r, rewrite, state->global, err) : match_all(c, r, err);
    regex_free(r);
    return status;
}

/* ---- hashes */

enum { HASH_PLAIN, HASH_FAST, HASH_STRONG };

typedef struct hash_state {
    uint64_t buckets, key[2];
} hash_state;

static inlay_status hash_prepare(op_node *node, op_setting *s, inlay_error *err) {
    hash_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    int64_t buckets, *key;
    TRY(attr_int(&node->attributes, "num_buckets", &buckets, err));
    if (buckets < 1) return fail(err, INLAY_INVALID_ARGUMENT, "num_buckets is %lld", (long long)buckets);
    state->buckets = (uint64_t)buckets;
    if (node->impl->detail == HASH_STRONG) {
        size_t count;
        TRY(attr_ints(&node->attributes, "key", s->memory, &key, &count, err));
        if (count != 2) return fail(err, INLAY_INVALID_ARGUMENT, "key has %zu numbers, not 2", count);
        for (int i = 0; i < 2; i++) state->key[i] = (uint64_t)key[i];
    }
    node->state = state;
    return INLAY_OK;
}

static inlay_status hash_run(op_call *c, inlay_error *err) {
    const hash_state *state = c->node->state;
    const tensor *in = c->in[0];
    tensor *out;
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        bytes text = tensor_string(in, i);
        int how = c->node->impl->detail;
        uint64_t hash = how == HASH_FAST     ? hash_fingerprint64(text)
                        : how == HASH_STRONG ? hash_siphash(state->key, text)
                                             : hash_murmur64(text);
        tensor_i64(out)[i] = (int64_t)(hash % state->buckets);
    }
    return INLAY_OK;
}

const op_impl string_impls[] = {
    {"StringLower", .run = case_run, .prepare = case_prepare, .detail = TO_LOWER},
    {"StringUpper", .run = case_run, .prepare = case_prepare, .detail = TO_UPPER},
    {"StringStrip", .run = strip_run},
    {"StringLength", .run = length_run, .prepare = unit_prepare},
    {"Substr", .run = substr_run, .prepare = unit_prepare},
    {"RegexReplace", .run = regex_run, .prepare = regex_prepare, .dispose = regex_dispose},
    {"StaticRegexReplace", .run = regex_run, .prepare = regex_prepare, .dispose = regex_dispose},
    {"RegexFullMatch", .run = regex_run, .prepare = regex_prepare, .dispose = regex_dispose},
    {"StaticRegexFullMatch", .run = regex_run, .prepare = regex_prepare, .dispose = regex_dispose},
    {"StringToHashBucket", .run = hash_run, .prepare = hash_prepare, .detail = HASH_PLAIN},
    {"StringToHashBucketFast", .run = hash_run, .prepare = hash_prepare, .detail = HASH_FAST},
    {"StringToHashBucketStrong", .run = hash_run, .prepare = hash_prepare, .detail = HASH_STRONG},
};
OP_FAMILY_END(string);
