#include "kernel/segment/segment.h"

#include <float.h>
#include <stdint.h>

#define T float
#define NAME(name) name##_f32
#define LOWEST -FLT_MAX
#define HIGHEST FLT_MAX
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#include "kernel/segment/segment_body.h"

#define T double
#define NAME(name) name##_f64
#define LOWEST -DBL_MAX
#define HIGHEST DBL_MAX
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#include "kernel/segment/segment_body.h"

#define T int8_t
#define NAME(name) name##_i8
#define LOWEST INT8_MIN
#define HIGHEST INT8_MAX
#define ADD(a, b) ((unsigned)(a) + (unsigned)(b))
#define MUL(a, b) ((unsigned)(a) * (unsigned)(b))
#include "kernel/segment/segment_body.h"

#define T int16_t
#define NAME(name) name##_i16
#define LOWEST INT16_MIN
#define HIGHEST INT16_MAX
#define ADD(a, b) ((unsigned)(a) + (unsigned)(b))
#define MUL(a, b) ((unsigned)(a) * (unsigned)(b))
#include "kernel/segment/segment_body.h"

#define T int32_t
#define NAME(name) name##_i32
#define LOWEST INT32_MIN
#define HIGHEST INT32_MAX
#define ADD(a, b) ((uint32_t)(a) + (uint32_t)(b))
#define MUL(a, b) ((uint32_t)(a) * (uint32_t)(b))
#include "kernel/segment/segment_body.h"

#define T int64_t
#define NAME(name) name##_i64
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define ADD(a, b) ((uint64_t)(a) + (uint64_t)(b))
#define MUL(a, b) ((uint64_t)(a) * (uint64_t)(b))
#include "kernel/segment/segment_body.h"

#define T uint8_t
#define NAME(name) name##_u8
#define LOWEST 0
#define HIGHEST UINT8_MAX
#define ADD(a, b) ((unsigned)(a) + (unsigned)(b))
#define MUL(a, b) ((unsigned)(a) * (unsigned)(b))
#include "kernel/segment/segment_body.h"

#define T uint16_t
#define NAME(name) name##_u16
#define LOWEST 0
#define HIGHEST UINT16_MAX
#define ADD(a, b) ((unsigned)(a) + (unsigned)(b))
#define MUL(a, b) ((unsigned)(a) * (unsigned)(b))
#include "kernel/segment/segment_body.h"

#define T uint32_t
#define NAME(name) name##_u32
#define LOWEST 0
#define HIGHEST UINT32_MAX
#define ADD(a, b) ((uint32_t)(a) + (uint32_t)(b))
#define MUL(a, b) ((uint32_t)(a) * (uint32_t)(b))
#include "kernel/segment/segment_body.h"

#define T uint64_t
#define NAME(name) name##_u64
#define LOWEST 0
#define HIGHEST UINT64_MAX
#define ADD(a, b) ((uint64_t)(a) + (uint64_t)(b))
#define MUL(a, b) ((uint64_t)(a) * (uint64_t)(b))
#include "kernel/segment/segment_body.h"

const segment_fns *segment_functions(dtype t) {
    switch (t) {
    case INLAY_FLOAT32: return &fns_f32;
    case INLAY_FLOAT64: return &fns_f64;
    case INLAY_INT8: return &fns_i8;
    case INLAY_INT16: return &fns_i16;
    case INLAY_INT32: return &fns_i32;
    case INLAY_INT64: return &fns_i64;
    case INLAY_UINT8: return &fns_u8;
    case INLAY_UINT16: return &fns_u16;
    case INLAY_UINT32: return &fns_u32;
    case INLAY_UINT64: return &fns_u64;
    default: return NULL;
    }
}
