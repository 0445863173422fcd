#include "base/num.h"
#include "tensor/tensor.h"

static double element(const uint8_t *p, dtype t) {
    switch (t) {
    case INLAY_FLOAT32: return load_f32(p);
    case INLAY_FLOAT64: {
        double v;
        memcpy(&v, p, 8);
        return v;
    }
    case INLAY_FLOAT16: return f16_to_f32(load_u16(p));
    case INLAY_BFLOAT16: return bf16_to_f32(load_u16(p));
    case INLAY_INT8: return (int8_t)*p;
    case INLAY_UINT8:
    case INLAY_BOOL: return *p;
    case INLAY_INT16: return (int16_t)load_u16(p);
    case INLAY_UINT16: return load_u16(p);
    case INLAY_INT32: return (int32_t)load_u32(p);
    case INLAY_UINT32: return load_u32(p);
    case INLAY_INT64: return (double)(int64_t)load_u64(p);
    case INLAY_UINT64: return (double)load_u64(p);
    default: return 0;
    }
}

inlay_status tensor_to_float(tensor *t, dtype wanted, mem_budget *budget, tensor **out, inlay_error *err) {
    *out = NULL;
    if (t->type == wanted) {
        *out = tensor_retain(t);
        return INLAY_OK;
    }
    bool numeric = t->type == INLAY_FLOAT32 || t->type == INLAY_FLOAT64 || t->type == INLAY_FLOAT16 ||
                   t->type == INLAY_BFLOAT16 || t->type == INLAY_BOOL || dtype_is_integer(t->type);
    if (!numeric || (wanted != INLAY_FLOAT32 && wanted != INLAY_FLOAT64))
        return fail(err, INLAY_INVALID_ARGUMENT, "cannot convert %s to %s", dtype_name(t->type), dtype_name(wanted));
    TRY(tensor_new(wanted, &t->dims, budget, out, err));
    size_t step = dtype_size(t->type);
    for (int64_t i = 0; i < t->count; i++) {
        double value = element(t->data + (size_t)i * step, t->type);
        if (wanted == INLAY_FLOAT32)
            tensor_f32(*out)[i] = (float)value;
        else
            memcpy((*out)->data + (size_t)i * 8, &value, 8);
    }
    return INLAY_OK;
}
