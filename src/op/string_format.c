/* Tensors shown in a template. */
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct format_state {
    bytes text, placeholder;
    int64_t ends; /* elements shown at each end of a dimension; -1: all */
} format_state;

static inlay_status format_prepare(op_node *node, op_setting *s, inlay_error *err) {
    format_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    TRY(attr_text(a, "template", &state->text, err));
    TRY(attr_text(a, "placeholder", &state->placeholder, err));
    TRY(attr_int(a, "summarize", &state->ends, err));
    int places = 0;
    for (size_t i = 0; state->placeholder.size && i + state->placeholder.size <= state->text.size;) {
        bool here = memcmp(state->text.data + i, state->placeholder.data, state->placeholder.size) == 0;
        places += here;
        i += here ? state->placeholder.size : 1;
    }
    if (places != node->in.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "num placeholders in template and num inputs must match: %d vs. %d",
                    places, node->in.count);
    node->state = state;
    return INLAY_OK;
}

/* With DIGITS when they tell VALUE apart, else with MOST. */
static void put_real(buffer *to, double value, int digits, int most, bool narrow) {
    char text[64];
    if (isnan(value) || isinf(value)) {
        buffer_append_text(to, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    snprintf(text, sizeof text, "%.*g", digits, value);
    bool enough = narrow ? (double)strtof(text, NULL) == value : strtod(text, NULL) == value;
    if (!enough) snprintf(text, sizeof text, "%.*g", most, value);
    buffer_append_text(to, text);
}

/* As C writes it in a literal. */
static void put_escaped(buffer *to, bytes text) {
    static const char names[] = "\nn\rr\tt\"\"''\\\\";
    buffer_append_byte(to, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        const char *name = names;
        while (*name && (uint8_t)*name != c) name += 2;
        if (*name && c)
            buffer_format(to, "\\%c", name[1]);
        else if (c < 0x20 || c == 0x7f) /* bytes of UTF-8 stay */
            buffer_format(to, "\\%03o", c);
        else
            buffer_append_byte(to, c);
    }
    buffer_append_byte(to, '"');
}

static inlay_status put_element(const op_call *c, const tensor *t, int64_t i, buffer *to, inlay_error *err) {
    double wide;
    int64_t whole;
    switch (t->type) {
    case INLAY_STRING: put_escaped(to, tensor_string(t, i)); return INLAY_OK;
    case INLAY_BOOL: buffer_append_byte(to, t->data[i] ? '1' : '0'); return INLAY_OK;
    case INLAY_FLOAT32: put_real(to, (double)load_f32(t->data + 4 * i), 6, 9, true); return INLAY_OK;
    case INLAY_FLOAT16: put_real(to, (double)f16_to_f32(load_u16(t->data + 2 * i)), 6, 9, true); return INLAY_OK;
    case INLAY_BFLOAT16: put_real(to, (double)bf16_to_f32(load_u16(t->data + 2 * i)), 6, 9, true); return INLAY_OK;
    case INLAY_FLOAT64:
        memcpy(&wide, t->data + 8 * i, 8);
        put_real(to, wide, 15, 17, false);
        return INLAY_OK;
    case INLAY_COMPLEX64:
    case INLAY_COMPLEX128: buffer_append_byte(to, '?'); return INLAY_OK; /* as TensorFlow has it */
    case INLAY_UINT64: buffer_format(to, "%llu", (unsigned long long)load_u64(t->data + 8 * i)); return INLAY_OK;
    default: break;
    }
    if (!dtype_is_integer(t->type)) return op_unsupported(c, t->type, err);
    TRY(tensor_as_int(t, i, "input", &whole, err));
    buffer_format(to, "%lld", (long long)whole);
    return INLAY_OK;
}

/* Between elements of dimension D: a blank in the last, else as many line ends as dimensions follow, and a margin. */
static void put_spacing(const tensor *t, int d, buffer *to) {
    if (d == t->dims.rank - 1) {
        buffer_append_byte(to, ' ');
        return;
    }
    for (int i = d + 1; i < t->dims.rank; i++) buffer_append_byte(to, '\n');
    for (int i = 0; i <= d; i++) buffer_append_byte(to, ' ');
}

/* Dimension D of T from element FIRST on; recurses no deeper than the rank. */
static inlay_status put_dimension(const op_call *c, const tensor *t, int d, int64_t first, buffer *to,
                                  inlay_error *err) {
    const format_state *s = c->node->state;
    if (d == t->dims.rank && s->ends == 0) return buffer_append_text(to, "..."), INLAY_OK;
    if (d == t->dims.rank) return put_element(c, t, first, to, err);
    int64_t n = t->dims.dims[d], step = op_span(&t->dims, d + 1, t->dims.rank);
    int64_t ends = s->ends < 0 ? t->count : min_i64(s->ends, t->count), tail = max_i64(ends, n - ends);
    buffer_append_byte(to, '[');
    for (int64_t i = 0; i < n; i++) {
        if (i == ends && n - i > ends) {
            put_spacing(t, d, to);
            buffer_append_text(to, "...");
            if ((i = tail) >= n) break;
        }
        if (i) put_spacing(t, d, to);
        TRY(put_dimension(c, t, d + 1, first + i * step, to, err));
        if ((i & 1023) == 1023) TRY(op_check_stop(c, err));
    }
    buffer_append_byte(to, ']');
    return INLAY_OK;
}

static inlay_status put_template(const op_call *c, buffer *to, inlay_error *err) {
    const format_state *s = c->node->state;
    int next = 0;
    for (size_t i = 0; i < s->text.size;) {
        size_t n = s->placeholder.size;
        if (n && n <= s->text.size - i && memcmp(s->text.data + i, s->placeholder.data, n) == 0) {
            const tensor *t = c->in[next++];
            TRY(put_dimension(c, t, 0, 0, to, err));
            i += n;
        } else {
            buffer_append_byte(to, s->text.data[i++]);
        }
    }
    return buffer_check(to, err);
}

static inlay_status format_run(op_call *c, inlay_error *err) {
    buffer room = {0};
    tensor *out;
    inlay_status status = put_template(c, &room, err);
    if (status == INLAY_OK) status = tensor_from_string(buffer_bytes(&room), &out, err);
    buffer_free(&room);
    if (status == INLAY_OK) op_give(c, 0, out);
    return status;
}

const op_impl string_format_impls[] = {
    {"StringFormat", .run = format_run, .prepare = format_prepare},
};
OP_FAMILY_END(string_format);
