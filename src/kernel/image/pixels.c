#include "kernel/image/pixels.h"

#include "kernel/cast/cast.h"

#include <string.h>

bool pixels_can(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 ||
           (dtype_is_integer(t) && t != INLAY_UINT32 && t != INLAY_UINT64);
}

#define EACH(T, expression)              \
    {                                    \
        const T *a = in;                 \
        for (size_t i = 0; i < n; i++) { \
            T x = a[i];                  \
            out[i] = expression;         \
        }                                \
        return;                          \
    }

void pixels_load(float *out, const void *in, dtype t, size_t n) {
    switch (t) {
    case INLAY_FLOAT32: memcpy(out, in, n * sizeof *out); return;
    case INLAY_FLOAT64: EACH(double, (float)x)
    case INLAY_FLOAT16: EACH(uint16_t, f16_to_f32(x))
    case INLAY_BFLOAT16: EACH(uint16_t, bf16_to_f32(x))
    case INLAY_UINT8: EACH(uint8_t, (float)x)
    case INLAY_INT8: EACH(int8_t, (float)x)
    case INLAY_UINT16: EACH(uint16_t, (float)x)
    case INLAY_INT16: EACH(int16_t, (float)x)
    case INLAY_INT32: EACH(int32_t, (float)x)
    case INLAY_INT64: EACH(int64_t, (float)x)
    default: memset(out, 0, n * sizeof *out);
    }
}
#undef EACH

void pixels_store(void *out, dtype t, const float *in, size_t n) {
    if (t == INLAY_FLOAT32)
        memcpy(out, in, n * sizeof *in);
    else
        cast_run(out, t, in, INLAY_FLOAT32, n);
}
