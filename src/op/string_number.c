/* Numbers as text and back. */
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"
#include "kernel/text/number.h"

#include <stdio.h>

enum { MAX_FIELD = 1 << 16 }; /* width and precision */

typedef struct format_state {
    char number[80];  /* printf format of one double */
    char integer[80]; /* of one long long or unsigned long long */
    int64_t width;
    bool left; /* justified, for strings */
} format_state;

static inlay_status read_fill(const attrs *a, int64_t width, char fill[2], inlay_error *err) {
    bytes text;
    TRY(attr_text(a, "fill", &text, err));
    fill[0] = fill[1] = 0;
    if (text.size > 1) return fail(err, INLAY_INVALID_ARGUMENT, "Fill string must be one or fewer characters");
    if (text.size == 0) return INLAY_OK;
    if (!memchr(" +-0#", text.data[0], 5))
        return fail(err, INLAY_INVALID_ARGUMENT, "Fill argument not supported: \"%c\"", text.data[0]);
    if (width > -1) fill[0] = (char)text.data[0];
    return INLAY_OK;
}

static inlay_status as_string_prepare(op_node *node, op_setting *s, inlay_error *err) {
    format_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    int64_t precision;
    bool scientific, shortest;
    char fill[2], field[24] = "", decimals[24] = "";
    TRY(attr_int(a, "precision", &precision, err));
    TRY(attr_int(a, "width", &state->width, err));
    TRY(attr_bool(a, "scientific", &scientific, err));
    TRY(attr_bool(a, "shortest", &shortest, err));
    TRY(read_fill(a, state->width, fill, err));
    dtype t = node->in.items[0].type;
    bool whole = dtype_is_integer(t) || t == INLAY_BOOL;
    if (scientific && shortest)
        return fail(err, INLAY_INVALID_ARGUMENT, "Cannot select both scientific and shortest notation");
    if (whole && (scientific || shortest))
        return fail(err, INLAY_INVALID_ARGUMENT, "scientific and shortest format not supported for datatype %s",
                    dtype_name(t));
    if (whole && precision > -1)
        return fail(err, INLAY_INVALID_ARGUMENT, "precision not supported for datatype %s", dtype_name(t));
    if (state->width > MAX_FIELD || precision > MAX_FIELD)
        return fail(err, INLAY_INVALID_ARGUMENT, "a width or precision of more than %d", MAX_FIELD);
    if (state->width < -1) state->width = -1; /* none, whatever the number */
    state->left = fill[0] == '-';
    if (state->width > -1) snprintf(field, sizeof field, "%lld", (long long)state->width);
    if (precision > -1) snprintf(decimals, sizeof decimals, ".%lld", (long long)precision);
    snprintf(state->number, sizeof state->number, "%%%s%s%s%c", fill, field, decimals,
             shortest     ? 'g'
             : scientific ? 'e'
                          : 'f');
    bool is_unsigned = t == INLAY_UINT8 || t == INLAY_UINT16 || t == INLAY_UINT32 || t == INLAY_UINT64;
    snprintf(state->integer, sizeof state->integer, "%%%s%sll%c", fill, field, is_unsigned ? 'u' : 'd');
    node->state = state;
    return INLAY_OK;
}

static void append_padded(buffer *to, bytes text, int64_t width, bool left) {
    int64_t spaces = width - (int64_t)text.size;
    if (left) buffer_append_bytes(to, text);
    for (int64_t i = 0; i < spaces; i++) buffer_append_byte(to, ' ');
    if (!left) buffer_append_bytes(to, text);
}

static double element(const tensor *t, int64_t i) {
    double d;
    switch (t->type) {
    case INLAY_FLOAT32: return load_f32(t->data + 4 * i);
    case INLAY_FLOAT16: return f16_to_f32(load_u16(t->data + 2 * i));
    case INLAY_BFLOAT16: return bf16_to_f32(load_u16(t->data + 2 * i));
    default: memcpy(&d, t->data + 8 * i, 8); return d;
    }
}

static inlay_status append_integer(const op_call *c, const format_state *state, int64_t i, buffer *to,
                                   inlay_error *err) {
    const tensor *t = c->in[0];
    long long value;
    char room[MAX_FIELD + 64];
    if (t->type == INLAY_UINT64) {
        value = (long long)load_u64(t->data + 8 * i); /* the format takes it as unsigned again */
    } else {
        int64_t number;
        TRY(tensor_as_int(t, i, "input", &number, err));
        value = number;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int size = snprintf(room, sizeof room, state->integer, value);
#pragma GCC diagnostic pop
    buffer_append(to, room, size > 0 ? (size_t)size : 0);
    return INLAY_OK;
}

static inlay_status append_element(const op_call *c, void *user, int64_t i, buffer *to, inlay_error *err) {
    const format_state *state = c->node->state;
    (void)user;
    const tensor *t = c->in[0];
    switch (t->type) {
    case INLAY_BOOL: buffer_append_text(to, t->data[i] ? "true" : "false"); return INLAY_OK;
    case INLAY_STRING: append_padded(to, tensor_string(t, i), state->width, state->left); return INLAY_OK;
    case INLAY_FLOAT32:
    case INLAY_FLOAT64:
    case INLAY_FLOAT16:
    case INLAY_BFLOAT16: format_f64(to, state->number, element(t, i)); return INLAY_OK;
    case INLAY_COMPLEX64:
    case INLAY_COMPLEX128:
        for (int part = 0; part < 2; part++) {
            double d;
            if (t->type == INLAY_COMPLEX64)
                d = load_f32(t->data + 8 * i + 4 * part);
            else
                memcpy(&d, t->data + 16 * i + 8 * part, 8);
            buffer_append_text(to, part ? "," : "(");
            format_f64(to, state->number, d);
        }
        buffer_append_text(to, ")");
        return INLAY_OK;
    default: break;
    }
    if (!dtype_is_integer(t->type)) return op_unsupported(c, t->type, err);
    return append_integer(c, state, i, to, err);
}

static inlay_status as_string_run(op_call *c, inlay_error *err) {
    return text_make(c, 0, &c->in[0]->dims, append_element, NULL, err);
}

/* TEXT as element I of OUT. */
static bool parse_into(tensor *out, int64_t i, bytes text) {
    int64_t whole;
    uint64_t natural;
    switch (out->type) {
    case INLAY_FLOAT32: return parse_f32(text, &tensor_f32(out)[i]);
    case INLAY_FLOAT64: return parse_f64(text, (double *)(void *)out->data + i);
    case INLAY_INT32:
        if (!parse_i64(text, &whole) || whole < INT32_MIN || whole > INT32_MAX) return false;
        tensor_i32(out)[i] = (int32_t)whole;
        return true;
    case INLAY_INT64: return parse_i64(text, &tensor_i64(out)[i]);
    case INLAY_UINT32:
        if (!parse_u64(text, &natural) || natural > UINT32_MAX) return false;
        store_u32(out->data + 4 * i, (uint32_t)natural);
        return true;
    default: return parse_u64(text, (uint64_t *)(void *)out->data + i);
    }
}

static inlay_status to_number_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    tensor *out;
    dtype t = c->node->out.items[0].type;
    if (t != INLAY_FLOAT32 && t != INLAY_FLOAT64 && t != INLAY_INT32 && t != INLAY_INT64 && t != INLAY_UINT32 &&
        t != INLAY_UINT64)
        return op_unsupported(c, t, err);
    TRY(op_output(c, 0, &in->dims, &out, err));
    for (int64_t i = 0; i < in->count; i++) {
        bytes text = tensor_string(in, i);
        if (!parse_into(out, i, text))
            return fail(err, INLAY_INVALID_ARGUMENT, "StringToNumberOp could not correctly convert string: %.*s",
                        (int)min_size(text.size, 200), (const char *)text.data);
    }
    return INLAY_OK;
}

const op_impl string_number_impls[] = {
    {"AsString", .run = as_string_run, .prepare = as_string_prepare},
    {"StringToNumber", .run = to_number_run},
};
OP_FAMILY_END(string_number);
