/* Texts that stand for bytes, and bytes that stand for numbers. */
#include "op/families.h"
#include "op/text.h"

#include "base/base64.h"
#include "base/num.h"
#include "kernel/text/inflate.h"

/* ---- base64, in the alphabet for addresses */

typedef struct encode_state {
    bool pad;
} encode_state;

static inlay_status encode_prepare(op_node *node, op_setting *s, inlay_error *err) {
    encode_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    TRY(attr_bool(&node->attributes, "pad", &state->pad, err));
    node->state = state;
    return INLAY_OK;
}

static inlay_status encode_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    const encode_state *state = c->node->state;
    (void)err;
    base64_encode(text, to);
    if (to->failed) return INLAY_OK;
    while (!state->pad && to->size && to->data[to->size - 1] == '=') to->size--;
    for (size_t i = 0; i < to->size; i++)
        if (to->data[i] == '+' || to->data[i] == '/') to->data[i] = to->data[i] == '+' ? '-' : '_';
    return INLAY_OK;
}

static inlay_status encode_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, encode_map, err);
}

static inlay_status decode_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    (void)c;
    bool sound = base64_decode(text, to);
    for (size_t i = 0; i < text.size && sound; i++) sound = text.data[i] != '+' && text.data[i] != '/';
    return sound ? INLAY_OK : fail(err, INLAY_INVALID_ARGUMENT, "invalid base64 in the alphabet for addresses");
}

static inlay_status decode_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, decode_map, err);
}

/* ---- compressed */

typedef struct inflate_state {
    bool plain;
    inflate_form form;
} inflate_state;

static inlay_status inflate_prepare(op_node *node, op_setting *s, inlay_error *err) {
    inflate_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    bytes name;
    if (!state) return fail_memory(err);
    TRY(attr_text(&node->attributes, "compression_type", &name, err));
    state->plain = name.size == 0;
    state->form = bytes_is(name, "GZIP") ? INFLATE_GZIP : INFLATE_ZLIB;
    if (!state->plain && state->form != INFLATE_GZIP && !bytes_is(name, "ZLIB"))
        return fail(err, INLAY_INVALID_ARGUMENT, "compression_type is %.*s, not '', 'ZLIB' or 'GZIP'",
                    (int)min_size(name.size, 100), (const char *)name.data);
    node->state = state;
    return INLAY_OK;
}

static inlay_status inflate_map(const op_call *c, bytes text, buffer *to, inlay_error *err) {
    const inflate_state *state = c->node->state;
    uint64_t charged = 0;
    if (state->plain) {
        buffer_append_bytes(to, text);
        return INLAY_OK;
    }
    inlay_status status = inflate_bytes(text, state->form, c->budget, &charged, to, err);
    if (c->budget) mem_budget_return(c->budget, charged); /* the output is charged as it is put together */
    return status;
}

static inlay_status inflate_run(op_call *c, inlay_error *err) {
    return text_each(c, 0, 0, inflate_map, err);
}

/* ---- bytes as numbers */

enum { EQUAL_LENGTHS, PADDED };

/* Bytes of one number in DATA turned around, part by part (a complex number has two). */
static void turn_around(uint8_t *data, size_t size, dtype t) {
    size_t part = t == INLAY_COMPLEX64 || t == INLAY_COMPLEX128 ? dtype_size(t) / 2 : dtype_size(t);
    for (size_t at = 0; at + part <= size; at += part)
        for (size_t i = 0, j = part - 1; i < j; i++, j--) {
            uint8_t held = data[at + i];
            data[at + i] = data[at + j];
            data[at + j] = held;
        }
}

/* Bytes that each text makes. */
static inlay_status raw_length(const op_call *c, int64_t *out, inlay_error *err) {
    const tensor *in = c->in[0];
    int64_t width = (int64_t)dtype_size(c->node->out.items[0].type);
    if (width == 0) return op_unsupported(c, c->node->out.items[0].type, err);
    if (c->node->impl->detail == PADDED) {
        if (c->in[1]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "fixed_length must be a scalar");
        TRY(tensor_scalar_int(c->in[1], "fixed_length", out, err));
        if (*out <= 0 || *out % width)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "fixed_length (%lld) must be greater than zero and a multiple of the size of out_type (%lld)",
                        (long long)*out, (long long)width);
        return INLAY_OK;
    }
    *out = in->count ? (int64_t)tensor_string(in, 0).size : 0;
    for (int64_t i = 1; i < in->count; i++)
        if ((int64_t)tensor_string(in, i).size != *out)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "DecodeRaw requires input strings to all be the same size, but "
                        "element %lld has size %zu != %lld",
                        (long long)i, tensor_string(in, i).size, (long long)*out);
    if (*out % width)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "Input to DecodeRaw has length %lld that is not a multiple of %lld, "
                    "the size of %s",
                    (long long)*out, (long long)width, dtype_name(c->node->out.items[0].type));
    return INLAY_OK;
}

static inlay_status raw_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    bool little;
    int64_t length;
    tensor *out;
    shape dims = in->dims;
    TRY(attr_bool(&c->node->attributes, "little_endian", &little, err));
    TRY(raw_length(c, &length, err));
    if (dims.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    dims.dims[dims.rank++] = length / (int64_t)dtype_size(c->node->out.items[0].type);
    TRY(op_output(c, 0, &dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        bytes text = tensor_string(in, i);
        uint8_t *to = out->data + (size_t)i * (size_t)length;
        size_t used = min_size(text.size, (size_t)length);
        if (used) memcpy(to, text.data, used);
        memset(to + used, 0, (size_t)length - used);
        if (!little) turn_around(to, (size_t)length, out->type);
    }
    return INLAY_OK;
}

const op_impl decode_impls[] = {
    {"EncodeBase64", .run = encode_run, .prepare = encode_prepare},
    {"DecodeBase64", .run = decode_run},
    {"DecodeCompressed", .run = inflate_run, .prepare = inflate_prepare},
    {"DecodeRaw", .run = raw_run, .detail = EQUAL_LENGTHS},
    {"DecodePaddedRaw", .run = raw_run, .detail = PADDED},
};
OP_FAMILY_END(decode);
