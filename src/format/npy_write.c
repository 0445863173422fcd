#include "format/npy.h"

#include <inttypes.h>
#include <stdio.h>

/* How numpy calls T; NULL when it has no name for it. */
static const char *descr_of(dtype t) {
    switch (t) {
    case INLAY_BOOL: return "|b1";
    case INLAY_INT8: return "|i1";
    case INLAY_INT16: return "<i2";
    case INLAY_INT32: return "<i4";
    case INLAY_INT64: return "<i8";
    case INLAY_UINT8: return "|u1";
    case INLAY_UINT16: return "<u2";
    case INLAY_UINT32: return "<u4";
    case INLAY_UINT64: return "<u8";
    case INLAY_FLOAT16: return "<f2";
    case INLAY_FLOAT32: return "<f4";
    case INLAY_FLOAT64: return "<f8";
    case INLAY_COMPLEX64: return "<c8";
    case INLAY_COMPLEX128: return "<c16";
    case INLAY_BFLOAT16: return "<V2";
    case INLAY_FLOAT8_E5M2: /* not <f1, which ml_dtypes lets numpy write and not read */
    case INLAY_FLOAT8_E4M3FN:
    case INLAY_FLOAT8_E4M3FNUZ:
    case INLAY_FLOAT8_E4M3B11FNUZ:
    case INLAY_FLOAT8_E5M2FNUZ:
    case INLAY_INT4:
    case INLAY_UINT4:
    case INLAY_INT2:
    case INLAY_UINT2: return "<V1";
    default: return NULL;
    }
}

/* numpy leaves room for the axis that grows to become this many digits, so that rows can be appended in place. */
enum { GROWTH_DIGITS = 21, ALIGN = 64 };

static void append_growth_room(buffer *out, const shape *dims, bool fortran) {
    if (dims->rank == 0) return;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, dims->dims[fortran ? dims->rank - 1 : 0]);
    for (; n < GROWTH_DIGITS; n++) buffer_append_byte(out, ' ');
}

inlay_status npy_header_text(dtype t, const shape *dims, bool fortran, buffer *out, inlay_error *err) {
    const char *descr = descr_of(t);
    if (!descr) return fail(err, INLAY_UNIMPLEMENTED, "dtype %s cannot be written as .npy", dtype_name(t));
    buffer text = {0};
    buffer_format(&text, "{'descr': '%s', 'fortran_order': %s, 'shape': (", descr, fortran ? "True" : "False");
    for (int i = 0; i < dims->rank; i++) buffer_format(&text, "%s%" PRId64, i ? ", " : "", dims->dims[i]);
    buffer_append_text(&text, dims->rank == 1 ? ",), }" : "), }");
    append_growth_room(&text, dims, fortran);

    /* With at most 16 dimensions of 19 digits the text always fits version 1.0's 65535 bytes. */
    size_t used = 10 + text.size + 1, padded = (used / ALIGN + 1) * ALIGN;
    uint16_t size = (uint16_t)(padded - 10);
    buffer_append(out, "\x93NUMPY\x01\x00", 8);
    buffer_append_byte(out, (uint8_t)(size & 0xff));
    buffer_append_byte(out, (uint8_t)(size >> 8));
    buffer_append_bytes(out, buffer_bytes(&text));
    for (; used < padded; used++) buffer_append_byte(out, ' ');
    buffer_append_byte(out, '\n');
    inlay_status status = buffer_check(&text, err);
    buffer_free(&text);
    return status == INLAY_OK ? buffer_check(out, err) : status;
}

inlay_status npy_write(const tensor *t, const char *path, inlay_error *err) {
    buffer header = {0};
    file_writer *w = NULL;
    inlay_status status;
    TRY_TO(done, npy_header_text(t->type, &t->dims, false, &header, err));
    TRY_TO(done, file_create(path, FILE_ATOMIC, &w, err));
    TRY_TO(done, file_append(w, header.data, header.size, err));
    TRY_TO(done, file_append(w, t->data, (size_t)t->size, err));
    status = file_commit(w, err);
    w = NULL;
done:
    file_abandon(w);
    buffer_free(&header);
    return status;
}
