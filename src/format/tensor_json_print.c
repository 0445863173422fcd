#include "base/base64.h"
#include "base/file.h"
#include "base/num.h"
#include "format/tensor_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- numbers */

/* C prints and reads numbers with the locale's decimal point, JSON has a dot; and what has neither dot nor exponent
 * would be read as a whole number. */
static void append_real_text(buffer *out, char *text) {
    const char *point = localeconv()->decimal_point;
    char *at = *point ? strstr(text, point) : NULL;
    if (at) {
        buffer_append(out, text, (size_t)(at - text));
        buffer_append_byte(out, '.');
        buffer_append_text(out, at + strlen(point));
    } else {
        buffer_append_text(out, text);
        if (!strpbrk(text, "eE")) buffer_append_text(out, ".0");
    }
}

/* TEXT as an element of type T. */
static double read_back(const char *text, dtype t) {
    if (t == INLAY_FLOAT64) return strtod(text, NULL);
    float value = strtof(text, NULL);
    if (t == INLAY_FLOAT16) value = f16_to_f32(f32_to_f16(value));
    if (t == INLAY_BFLOAT16) value = bf16_to_f32(f32_to_bf16(value));
    return (double)value;
}

static void append_real(buffer *out, double value, dtype t) {
    if (isnan(value) || isinf(value)) {
        buffer_append_text(out, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    char text[40];
    for (int digits = t == INLAY_FLOAT64 ? 15 : t == INLAY_FLOAT32 ? 6 : 2; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (read_back(text, t) == value) break;
    }
    append_real_text(out, text);
}

static void append_number(buffer *out, const tensor *t, int64_t i) {
    const uint8_t *p = t->data + (size_t)i * dtype_size(t->type);
    double wide;
    switch (t->type) {
    case INLAY_FLOAT16: append_real(out, (double)f16_to_f32(load_u16(p)), t->type); break;
    case INLAY_BFLOAT16: append_real(out, (double)bf16_to_f32(load_u16(p)), t->type); break;
    case INLAY_FLOAT32: append_real(out, (double)load_f32(p), t->type); break;
    case INLAY_FLOAT64:
        memcpy(&wide, p, 8);
        append_real(out, wide, t->type);
        break;
    case INLAY_BOOL: buffer_append_text(out, *p ? "true" : "false"); break;
    case INLAY_QINT8:
    case INLAY_INT4:
    case INLAY_INT2:
    case INLAY_INT8: buffer_format(out, "%d", (int8_t)*p); break;
    case INLAY_QUINT8:
    case INLAY_UINT4:
    case INLAY_UINT2:
    case INLAY_UINT8: buffer_format(out, "%d", *p); break;
    case INLAY_QINT16:
    case INLAY_INT16: buffer_format(out, "%d", (int16_t)load_u16(p)); break;
    case INLAY_QUINT16:
    case INLAY_UINT16: buffer_format(out, "%d", load_u16(p)); break;
    case INLAY_QINT32:
    case INLAY_INT32: buffer_format(out, "%" PRId32, (int32_t)load_u32(p)); break;
    case INLAY_UINT32: buffer_format(out, "%" PRIu32, load_u32(p)); break;
    case INLAY_INT64: buffer_format(out, "%" PRId64, (int64_t)load_u64(p)); break;
    default: buffer_format(out, "%" PRIu64, load_u64(p)); break;
    }
}

static bool is_printable(dtype t) {
    bool wide_float = t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 || t == INLAY_FLOAT32 || t == INLAY_FLOAT64;
    bool other = dtype_is_float(t) || t == INLAY_COMPLEX64 || t == INLAY_COMPLEX128 || dtype_size(t) == 0;
    return t == INLAY_STRING || wide_float || !other;
}

/* ---- strings */

static int append_piece(const char *text, size_t size, void *user) {
    buffer_append(user, text, size);
    return 0;
}

static inlay_status append_string(buffer *out, bytes text, inlay_error *err) {
    if (!bytes_valid_utf8(text, NULL)) {
        buffer_append_text(out, "{\"b64\": \"");
        base64_encode(text, out);
        buffer_append_text(out, "\"}");
        return INLAY_OK;
    }
    json_t *value = json_stringn_nocheck((const char *)text.data, text.size);
    if (!value) return fail_memory(err);
    int failed = json_dump_callback(value, append_piece, out, JSON_ENCODE_ANY);
    json_decref(value);
    return failed ? fail_memory(err) : INLAY_OK;
}

/* ---- lists */

/* Whether element I is the first (or, of I + 1, the last) of its list at depth D: SIZES [d] elements are in such a
 * list. */
static void append_brackets(buffer *out, const tensor *t, const int64_t *sizes, int64_t i, char bracket) {
    for (int d = 0; d < t->dims.rank; d++)
        if (i % sizes[d] == 0) buffer_append_byte(out, (uint8_t)bracket);
}

/* No elements: lists down to the dimension of length 0. False when there is more to write than anyone wants. */
static bool append_empty(buffer *out, const tensor *t, int depth) {
    enum { MANY = 1 << 24 }; /* bytes */
    buffer_append_byte(out, '[');
    for (int64_t i = 0; i < t->dims.dims[depth]; i++) {
        if (i) buffer_append_text(out, ", ");
        if (out->size > MANY || !append_empty(out, t, depth + 1)) return false;
    }
    buffer_append_byte(out, ']');
    return true;
}

inlay_status tensor_to_json(const tensor *t, buffer *out, inlay_error *err) {
    if (!is_printable(t->type))
        return fail(err, INLAY_UNIMPLEMENTED, "dtype %s cannot be written as JSON", dtype_name(t->type));
    if (t->count == 0) {
        char text[SHAPE_TEXT];
        if (!append_empty(out, t, 0))
            return fail(err, INLAY_RESOURCE_EXHAUSTED, "the empty shape %s is too long as JSON",
                        shape_text(&t->dims, text));
        return buffer_check(out, err);
    }
    int64_t sizes[INLAY_MAX_RANK], size = 1; /* elements in a list at that depth */
    for (int d = t->dims.rank - 1; d >= 0; d--) sizes[d] = size *= t->dims.dims[d];
    for (int64_t i = 0; i < t->count; i++) {
        if (i) buffer_append_text(out, ", ");
        append_brackets(out, t, sizes, i, '[');
        if (t->type == INLAY_STRING)
            TRY(append_string(out, tensor_string(t, i), err));
        else
            append_number(out, t, i);
        append_brackets(out, t, sizes, i + 1, ']');
    }
    return buffer_check(out, err);
}

inlay_status tensor_json_write(const tensor *t, const char *path, inlay_error *err) {
    buffer text = {0};
    inlay_status status = tensor_to_json(t, &text, err);
    buffer_append_byte(&text, '\n');
    if (status == INLAY_OK) status = buffer_check(&text, err);
    if (status == INLAY_OK) status = file_write_all(path, FILE_ATOMIC, buffer_bytes(&text), err);
    buffer_free(&text);
    return status;
}
