/* Characters of texts: read, written, put into another encoding. */
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"
#include "kernel/text/encoding.h"

typedef enum on_bad { BAD_REFUSED, BAD_REPLACED, BAD_LEFT_OUT } on_bad;

typedef struct unicode_state {
    encoding from, to;
    on_bad bad;
    uint32_t replacement;
    bool controls; /* count as malformed */
} unicode_state;

static inlay_status read_encoding(const attrs *a, const char *name, encoding *out, inlay_error *err) {
    bytes text;
    TRY(attr_text(a, name, &text, err));
    if (encoding_find(text, out)) return INLAY_OK;
    return fail(err, INLAY_UNIMPLEMENTED, "%s '%.*s' is none that is known", name, (int)min_size(text.size, 60),
                (const char *)text.data);
}

static inlay_status read_errors(const attrs *a, unicode_state *s, inlay_error *err) {
    bytes text;
    int64_t replacement;
    TRY(attr_text(a, "errors", &text, err));
    TRY(attr_int(a, "replacement_char", &replacement, err));
    if (replacement < 0 || replacement > 0x10ffff)
        return fail(err, INLAY_INVALID_ARGUMENT, "replacement_char out of unicode codepoint range");
    s->replacement = (uint32_t)replacement;
    s->bad = bytes_is(text, "strict") ? BAD_REFUSED : bytes_is(text, "replace") ? BAD_REPLACED : BAD_LEFT_OUT;
    if (s->bad == BAD_LEFT_OUT && !bytes_is(text, "ignore"))
        return fail(err, INLAY_INVALID_ARGUMENT, "errors is neither 'strict', 'replace' nor 'ignore'");
    return INLAY_OK;
}

enum { DECODES = 1, ENCODES = 2, WITH_OFFSETS = 4 };

static inlay_status unicode_prepare(op_node *node, op_setting *setting, inlay_error *err) {
    unicode_state *s = arena_zalloc(setting->memory, 1, sizeof *s);
    const attrs *a = &node->attributes;
    if (!s) return fail_memory(err);
    TRY(read_errors(a, s, err));
    if (node->impl->detail & DECODES) {
        TRY(read_encoding(a, "input_encoding", &s->from, err));
        TRY(attr_bool(a, "replace_control_characters", &s->controls, err));
    }
    if (node->impl->detail & ENCODES) {
        TRY(read_encoding(a, "output_encoding", &s->to, err));
        if (s->to != ENCODING_UTF8 && s->to != ENCODING_UTF16_BE && s->to != ENCODING_UTF32_BE)
            return fail(err, INLAY_INVALID_ARGUMENT, "output_encoding is not UTF-8, UTF-16-BE or UTF-32-BE");
    }
    node->state = s;
    return INLAY_OK;
}

/* The next character of what is left of TEXT after the state's rules; *kept is false when it is to be left out. */
static inlay_status next_character(const unicode_state *s, bytes *text, uint32_t *code, bool *kept, inlay_error *err) {
    bool bad;
    size_t size = encoding_next(s->from, text->data, text->data + text->size, code, &bad);
    *text = bytes_make(text->data + size, text->size - size);
    *kept = true;
    if (!bad && !(s->controls && *code < 0x20)) return INLAY_OK;
    if (s->bad == BAD_REFUSED) return fail(err, INLAY_INVALID_ARGUMENT, "Invalid formatting on input string");
    *kept = s->bad == BAD_REPLACED;
    *code = s->replacement;
    return INLAY_OK;
}

/* ---- to another encoding */

static inlay_status transcode_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    const unicode_state *s = c->node->state;
    while (text.size) {
        uint32_t code;
        bool kept;
        TRY(next_character(s, &text, &code, &kept, err));
        if (kept) encoding_put(s->to, code, to);
    }
    return INLAY_OK;
}

static inlay_status transcode_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, transcode_map, err);
}

/* ---- to numbers: ragged rows, one a text */

static void put_split(tensor *splits, int64_t i, int64_t value) {
    if (splits->type == INLAY_INT64)
        tensor_i64(splits)[i] = value;
    else
        tensor_i32(splits)[i] = (int32_t)value;
}

/* Numbers and, when WITH_OFFSETS, where in its text each begins. */
static inlay_status read_text(const op_call *c, bytes text, buffer *codes, buffer *offsets, inlay_error *err) {
    const uint8_t *first = text.data;
    while (text.size) {
        int64_t at = text.data - first;
        uint32_t code;
        bool kept;
        TRY(next_character(c->node->state, &text, &code, &kept, err));
        if (kept) buffer_append(codes, &code, sizeof code);
        if (kept && c->node->impl->detail & WITH_OFFSETS) buffer_append(offsets, &at, sizeof at);
    }
    TRY(buffer_check(codes, err));
    return buffer_check(offsets, err);
}

static inlay_status give_numbers(op_call *c, int i, const buffer *from, size_t width, inlay_error *err) {
    shape dims = shape_vector((int64_t)(from->size / width));
    tensor *out;
    TRY(op_output(c, i, &dims, &out, err));
    if (from->size) memcpy(out->data, from->data, from->size);
    return INLAY_OK;
}

static inlay_status decode_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = shape_vector(in->count + 1);
    tensor *splits;
    buffer codes = {0}, offsets = {0};
    inlay_status status;
    TRY(op_output(c, 0, &dims, &splits, err));
    put_split(splits, 0, 0);
    for (int64_t i = 0; i < in->count; i++) {
        if ((i & 1023) == 1023) TRY_TO(done, op_check_stop(c, err));
        TRY_TO(done, read_text(c, tensor_string(in, i), &codes, &offsets, err));
        put_split(splits, i + 1, (int64_t)(codes.size / sizeof(uint32_t)));
    }
    TRY_TO(done, give_numbers(c, 1, &codes, sizeof(uint32_t), err));
    if (c->node->impl->detail & WITH_OFFSETS) TRY_TO(done, give_numbers(c, 2, &offsets, sizeof(int64_t), err));
    status = INLAY_OK;
done:
    buffer_free(&codes);
    buffer_free(&offsets);
    return status;
}

/* ---- from numbers */

static inlay_status put_character(const unicode_state *s, int32_t value, buffer *to, inlay_error *err) {
    uint32_t code = (uint32_t)value;
    if (!unicode_is_character(code)) {
        if (s->bad == BAD_REFUSED)
            return fail(err, INLAY_INVALID_ARGUMENT, "Code point is out of range for Unicode, or a noncharacter: %lld",
                        (long long)value);
        if (s->bad == BAD_LEFT_OUT) return INLAY_OK;
        code = s->replacement;
    }
    if (unicode_is_character(code)) encoding_put(s->to, code, to);
    return INLAY_OK;
}

static inlay_status check_splits(const tensor *splits, int64_t count, inlay_error *err) {
    int64_t before = 0, split;
    if (splits->dims.rank != 1 || splits->count < 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "input_splits must be a vector of at least one number");
    for (int64_t i = 0; i < splits->count; i++, before = split) {
        TRY(tensor_as_int(splits, i, "input_splits", &split, err));
        if (split < before || split > count || (i == 0 && split != 0))
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Values in input_splits must be equal or in ascending order, from 0 to at most %lld; got %lld",
                        (long long)count, (long long)split);
    }
    if (before == count) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "Last value in input_splits must be equal to length of input_tensor.");
}

/* Row ROW of the characters, from *USER on, which becomes its end. */
static inlay_status encode_row(const op_call *c, void *user, int64_t row, buffer *to, inlay_error *err) {
    int64_t *from = user, end;
    TRY(tensor_as_int(c->in[1], row + 1, "input_splits", &end, err));
    for (; *from < end; ++*from) TRY(put_character(c->node->state, tensor_i32(c->in[0])[*from], to, err));
    return INLAY_OK;
}

static inlay_status encode_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0], *splits = c->in[1];
    int64_t from = 0;
    TRY(check_splits(splits, in->count, err));
    shape dims = shape_vector(splits->count - 1);
    return text_make(c, 0, &dims, encode_row, &from, err);
}

static inlay_status script_run_op(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) tensor_i32(out)[i] = unicode_script((uint32_t)tensor_i32(in)[i]);
    return INLAY_OK;
}

const op_impl unicode_impls[] = {
    {"UnicodeTranscode", .run = transcode_run, .prepare = unicode_prepare, .detail = DECODES | ENCODES},
    {"UnicodeDecode", .run = decode_run, .prepare = unicode_prepare, .detail = DECODES},
    {"UnicodeDecodeWithOffsets", .run = decode_run, .prepare = unicode_prepare, .detail = DECODES | WITH_OFFSETS},
    {"UnicodeEncode", .run = encode_run, .prepare = unicode_prepare, .detail = ENCODES},
    {"UnicodeScript", .run = script_run_op},
};
OP_FAMILY_END(unicode);
