#include "tensor/dtype.h"

#include "base/num.h"

static const struct {
    const char *name, *proto_name;
    uint8_t size;
} table[] = {
    [INLAY_FLOAT32] = {"float32", "DT_FLOAT", 4},
    [INLAY_FLOAT64] = {"float64", "DT_DOUBLE", 8},
    [INLAY_INT32] = {"int32", "DT_INT32", 4},
    [INLAY_UINT8] = {"uint8", "DT_UINT8", 1},
    [INLAY_INT16] = {"int16", "DT_INT16", 2},
    [INLAY_INT8] = {"int8", "DT_INT8", 1},
    [INLAY_STRING] = {"string", "DT_STRING", 0},
    [INLAY_COMPLEX64] = {"complex64", "DT_COMPLEX64", 8},
    [INLAY_INT64] = {"int64", "DT_INT64", 8},
    [INLAY_BOOL] = {"bool", "DT_BOOL", 1},
    [INLAY_QINT8] = {"qint8", "DT_QINT8", 1},
    [INLAY_QUINT8] = {"quint8", "DT_QUINT8", 1},
    [INLAY_QINT32] = {"qint32", "DT_QINT32", 4},
    [INLAY_BFLOAT16] = {"bfloat16", "DT_BFLOAT16", 2},
    [INLAY_QINT16] = {"qint16", "DT_QINT16", 2},
    [INLAY_QUINT16] = {"quint16", "DT_QUINT16", 2},
    [INLAY_UINT16] = {"uint16", "DT_UINT16", 2},
    [INLAY_COMPLEX128] = {"complex128", "DT_COMPLEX128", 16},
    [INLAY_FLOAT16] = {"float16", "DT_HALF", 2},
    [INLAY_RESOURCE] = {"resource", "DT_RESOURCE", 0},
    [INLAY_VARIANT] = {"variant", "DT_VARIANT", 0},
    [INLAY_UINT32] = {"uint32", "DT_UINT32", 4},
    [INLAY_UINT64] = {"uint64", "DT_UINT64", 8},
    [INLAY_FLOAT8_E5M2] = {"float8_e5m2", "DT_FLOAT8_E5M2", 1},
    [INLAY_FLOAT8_E4M3FN] = {"float8_e4m3fn", "DT_FLOAT8_E4M3FN", 1},
    [INLAY_FLOAT8_E4M3FNUZ] = {"float8_e4m3fnuz", "DT_FLOAT8_E4M3FNUZ", 1},
    [INLAY_FLOAT8_E4M3B11FNUZ] = {"float8_e4m3b11fnuz", "DT_FLOAT8_E4M3B11FNUZ", 1},
    [INLAY_FLOAT8_E5M2FNUZ] = {"float8_e5m2fnuz", "DT_FLOAT8_E5M2FNUZ", 1},
    [INLAY_INT4] = {"int4", "DT_INT4", 1},
    [INLAY_UINT4] = {"uint4", "DT_UINT4", 1},
    [INLAY_INT2] = {"int2", "DT_INT2", 1},
    [INLAY_UINT2] = {"uint2", "DT_UINT2", 1},
};
enum { TYPES = sizeof table / sizeof *table };

bool dtype_is_valid(int value) {
    return value > 0 && value < TYPES && table[value].name;
}
size_t dtype_size(dtype t) {
    return dtype_is_valid((int)t) ? table[t].size : 0;
}
const char *dtype_name(dtype t) {
    return dtype_is_valid((int)t) ? table[t].name : "invalid";
}
const char *inlay_dtype_name(inlay_dtype t) {
    return dtype_name(t);
}

size_t inlay_dtype_size(inlay_dtype t) {
    return dtype_size(t);
}

bool dtype_is_float(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 ||
           (t >= INLAY_FLOAT8_E5M2 && t <= INLAY_FLOAT8_E5M2FNUZ);
}

bool dtype_is_integer(dtype t) {
    switch (t) {
    case INLAY_INT8:
    case INLAY_INT16:
    case INLAY_INT32:
    case INLAY_INT64:
    case INLAY_UINT8:
    case INLAY_UINT16:
    case INLAY_UINT32:
    case INLAY_UINT64: return true;
    default: return false;
    }
}

dtype dtype_of_name(const char *name) {
    for (int i = 1; i < TYPES; i++)
        if (table[i].name && (strcmp(name, table[i].name) == 0 || strcmp(name, table[i].proto_name) == 0))
            return (dtype)i;
    if (strcmp(name, "half") == 0) return INLAY_FLOAT16;
    if (strcmp(name, "float") == 0) return INLAY_FLOAT32;
    if (strcmp(name, "double") == 0) return INLAY_FLOAT64;
    return INLAY_INVALID_DTYPE;
}

float f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 0x1f, fraction = half & 0x3ff, bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        float value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, 4);
        bits |= sign;
    }
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

uint16_t f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return sign | 0x7e00;
    if (magnitude >= 0x477ff000u) return sign | 0x7c00; /* rounds to 65536 or more */
    if (magnitude < 0x38800000u) { /* below the smallest normal: adding 0.5 aligns the fraction and rounds it */
        float aligned;
        memcpy(&aligned, &magnitude, 4);
        aligned += 0.5f;
        memcpy(&magnitude, &aligned, 4);
        return (uint16_t)(sign | (magnitude - 0x3f000000u));
    }
    magnitude += 0xc8000fffu + (magnitude >> 13 & 1); /* rebias by -112 exponents, round to nearest even */
    return (uint16_t)(sign | magnitude >> 13);
}

float bf16_to_f32(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

uint16_t f32_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
