#include "kernel/quantized/quantized.h"

#include "kernel/cast/cast.h"

#include <math.h>

enum { BLOCK = 256 };

bool quantized_is(dtype t) {
    return t == INLAY_QINT8 || t == INLAY_QUINT8 || t == INLAY_QINT16 || t == INLAY_QUINT16 || t == INLAY_QINT32;
}

int64_t quantized_steps(dtype t) {
    return (int64_t)1 << 8 * dtype_size(t);
}

int64_t quantized_lowest(dtype t) {
    return t == INLAY_QUINT8 || t == INLAY_QUINT16 ? 0 : -(quantized_steps(t) / 2);
}

int64_t quantized_highest(dtype t) {
    return quantized_lowest(t) + quantized_steps(t) - 1;
}

/* Towards zero; far outside of all dtypes where it does not fit. */
static int64_t whole(double x) {
    return x >= 9e18 ? (int64_t)9e18 : x <= -9e18 ? (int64_t)-9e18 : x == x ? (int64_t)x : (int64_t)-9e18;
}

int64_t quantized_code(float x, const quantized_range *r) {
    if (r->min == r->max) return quantized_lowest(r->type);
    double steps = (double)quantized_steps(r->type), range = (double)(r->max - r->min) * (steps / (steps - 1.0));
    double scale = steps / range;
    return whole(round((double)x * scale) - round((double)r->min * scale) + (double)quantized_lowest(r->type));
}

int64_t quantized_clamped(float x, const quantized_range *r) {
    int64_t code = quantized_code(x, r), low = quantized_lowest(r->type), high = quantized_highest(r->type);
    return code < low ? low : code > high ? high : code;
}

float quantized_value(int64_t code, const quantized_range *r) {
    if (r->min == r->max) return r->min;
    double steps = (double)quantized_steps(r->type), range = (double)(r->max - r->min) * (steps / (steps - 1.0));
    double scale = range / steps, offset = (double)code - (double)quantized_lowest(r->type);
    float narrow = (float)scale;
    return (float)((double)(roundf(r->min / narrow) * narrow) + offset * scale);
}

void quantized_to_float(float *out, const void *in, const quantized_range *r, size_t n) {
    double steps = (double)quantized_steps(r->type);
    float scale = (float)((double)(r->max - r->min) / (steps - 1.0));
    float first = r->max == r->min ? r->min : roundf(r->min / scale) * scale;
    float base = first - (float)quantized_lowest(r->type) * scale;
    cast_run(out, INLAY_FLOAT32, in, r->type, n);
    for (size_t i = 0; i < n; i++) out[i] = base + out[i] * scale;
}

void quantized_from_float(void *out, const float *in, const quantized_range *r, size_t n) {
    uint8_t *to = out;
    float scale = r->max == r->min ? 0 : (float)(((double)quantized_steps(r->type) - 1.0) / (double)(r->max - r->min));
    float shift = roundf(r->min * scale) - (float)quantized_lowest(r->type);
    float low = (float)quantized_lowest(r->type), high = fminf((float)quantized_highest(r->type), 2147483520.0f);
    float codes[BLOCK];
    for (size_t done = 0; done < n; done += BLOCK) {
        size_t part = n - done < BLOCK ? n - done : BLOCK;
        for (size_t i = 0; i < part; i++) {
            float code = roundf(in[done + i] * scale) - shift;
            code = code < low ? low : code;
            codes[i] = code > high ? high : code;
        }
        cast_run(to + done * dtype_size(r->type), r->type, codes, INLAY_FLOAT32, part);
    }
}

/* Sixteen bits behind the point. */
static void narrow_fixed(uint8_t *out, const quantized_range *to, const int32_t *in, const quantized_range *from,
                         size_t n) {
    float in_range = from->max - from->min, out_range = to->max - to->min;
    float inverse = out_range == 0 ? 0 : (float)(255.0 / (double)out_range);
    float middle = (float)((double)(from->min + from->max) / 2.0);
    int64_t scale = out_range == 0 ? 0 : whole(255.0 * 65536 * (double)in_range / (double)out_range);
    int64_t in_offset = whole((double)(middle * inverse * 65536));
    int64_t out_offset = out_range == 0 ? 0 : whole(65536 * ((double)to->min * 255.0) / (double)out_range);
    int64_t offset = (int64_t)((uint64_t)in_offset - (uint64_t)out_offset + 32768);
    for (size_t i = 0; i < n; i++) {
        int64_t product = (int64_t)((uint64_t)(int64_t)in[i] * (uint64_t)scale);
        int64_t code = (int64_t)((uint64_t)(product >> 32) + (uint64_t)offset) >> 16;
        out[i] = (uint8_t)(code < 0 ? 0 : code > 255 ? 255 : code);
    }
}

void quantized_convert(void *out, const quantized_range *to, const void *in, const quantized_range *from, size_t n) {
    if (from->type == INLAY_QINT32 && to->type == INLAY_QUINT8) {
        narrow_fixed(out, to, in, from, n);
        return;
    }
    float values[BLOCK];
    const uint8_t *a = in;
    uint8_t *o = out;
    for (size_t done = 0; done < n; done += BLOCK) {
        size_t part = n - done < BLOCK ? n - done : BLOCK;
        quantized_to_float(values, a + done * dtype_size(from->type), from, part);
        quantized_from_float(o + done * dtype_size(to->type), values, to, part);
    }
}

static float step_of(const quantized_range *r) {
    return (r->max - r->min) / (float)(quantized_steps(r->type) - 1);
}

void quantized_product_range(const quantized_range *a, const quantized_range *b, quantized_range *out) {
    float step = step_of(a) * step_of(b);
    out->min = step * (float)quantized_lowest(out->type);
    out->max = step * (float)quantized_highest(out->type);
}
