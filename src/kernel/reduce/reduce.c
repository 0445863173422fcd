#include "kernel/reduce/reduce.h"

#include <math.h>
#include <stdint.h>

#define A double
#define FIELD real
#define ADD(x, y) ((x) + (y))
#define MUL(x, y) ((x) * (y))
#define DIVIDE(x, d) ((x) / (d))

#define T float
#define LOAD(x) (double)(x)
#define STORE(v) (float)(v)
#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define NAME(x) x##_f32
#include "kernel/reduce/reduce_body.h"

#define T double
#define LOAD(x) (x)
#define STORE(v) (v)
#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define NAME(x) x##_f64
#include "kernel/reduce/reduce_body.h"

#define T uint16_t
#define LOAD(x) (double)f16_to_f32(x)
#define STORE(v) f32_to_f16((float)(v))
#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define NAME(x) x##_f16
#include "kernel/reduce/reduce_body.h"

#define T uint16_t
#define LOAD(x) (double)bf16_to_f32(x)
#define STORE(v) f32_to_bf16((float)(v))
#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define NAME(x) x##_bf16
#include "kernel/reduce/reduce_body.h"

#undef A
#undef FIELD
#undef ADD
#undef MUL
#undef DIVIDE

#define A int64_t
#define FIELD whole
#define ADD(x, y) (int64_t)((uint64_t)(x) + (uint64_t)(y))
#define MUL(x, y) (int64_t)((uint64_t)(x) * (uint64_t)(y))
#define DIVIDE(x, d) ((x) / (int64_t)(d))

#define T int8_t
#define LOAD(x) (int64_t)(x)
#define STORE(v) (int8_t)(v)
#define LOWEST INT8_MIN
#define HIGHEST INT8_MAX
#define NAME(x) x##_i8
#include "kernel/reduce/reduce_body.h"

#define T int16_t
#define LOAD(x) (int64_t)(x)
#define STORE(v) (int16_t)(v)
#define LOWEST INT16_MIN
#define HIGHEST INT16_MAX
#define NAME(x) x##_i16
#include "kernel/reduce/reduce_body.h"

#define T int32_t
#define LOAD(x) (int64_t)(x)
#define STORE(v) (int32_t)(v)
#define LOWEST INT32_MIN
#define HIGHEST INT32_MAX
#define NAME(x) x##_i32
#include "kernel/reduce/reduce_body.h"

#define T int64_t
#define LOAD(x) (int64_t)(x)
#define STORE(v) (int64_t)(v)
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define NAME(x) x##_i64
#include "kernel/reduce/reduce_body.h"

#undef A
#undef FIELD
#undef ADD
#undef MUL
#undef DIVIDE

#define A uint64_t
#define FIELD counting
#define ADD(x, y) ((x) + (y))
#define MUL(x, y) ((x) * (y))
#define DIVIDE(x, d) ((x) / (uint64_t)(d))

#define T uint8_t
#define LOAD(x) (uint64_t)(x)
#define STORE(v) (uint8_t)(v)
#define LOWEST 0
#define HIGHEST UINT8_MAX
#define NAME(x) x##_u8
#include "kernel/reduce/reduce_body.h"

#define T uint16_t
#define LOAD(x) (uint64_t)(x)
#define STORE(v) (uint16_t)(v)
#define LOWEST 0
#define HIGHEST UINT16_MAX
#define NAME(x) x##_u16
#include "kernel/reduce/reduce_body.h"

#define T uint32_t
#define LOAD(x) (uint64_t)(x)
#define STORE(v) (uint32_t)(v)
#define LOWEST 0
#define HIGHEST UINT32_MAX
#define NAME(x) x##_u32
#include "kernel/reduce/reduce_body.h"

#define T uint64_t
#define LOAD(x) (uint64_t)(x)
#define STORE(v) (uint64_t)(v)
#define LOWEST 0
#define HIGHEST UINT64_MAX
#define NAME(x) x##_u64
#include "kernel/reduce/reduce_body.h"

#undef A
#undef FIELD
#undef ADD
#undef MUL
#undef DIVIDE

bool reduce_find(reduce_op op, dtype t, reduce_kernel *out) {
    static const struct {
        dtype type;
        const reduce_kernel *kernels;
    } table[] = {
        {INLAY_FLOAT32, kernels_f32},   {INLAY_FLOAT64, kernels_f64}, {INLAY_FLOAT16, kernels_f16},
        {INLAY_BFLOAT16, kernels_bf16}, {INLAY_INT8, kernels_i8},     {INLAY_INT16, kernels_i16},
        {INLAY_INT32, kernels_i32},     {INLAY_INT64, kernels_i64},   {INLAY_UINT8, kernels_u8},
        {INLAY_UINT16, kernels_u16},    {INLAY_UINT32, kernels_u32},  {INLAY_UINT64, kernels_u64},
        {INLAY_BOOL, kernels_u8},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == t) {
            *out = table[i].kernels[op];
            return true;
        }
    return false;
}
