#include "kernel/eltwise/eltwise_tables.h"

#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wtype-limits" /* unsigned types ask whether they are negative too */
#endif

#define T int8_t
#define SIGNED 1
#define BITS 8
#define NAME(x) x##_i8
#include "kernel/eltwise/int_body.h"

#define T int16_t
#define SIGNED 1
#define BITS 16
#define NAME(x) x##_i16
#include "kernel/eltwise/int_body.h"

#define T int32_t
#define SIGNED 1
#define BITS 32
#define NAME(x) x##_i32
#include "kernel/eltwise/int_body.h"

#define T int64_t
#define SIGNED 1
#define BITS 64
#define NAME(x) x##_i64
#include "kernel/eltwise/int_body.h"

#define T uint8_t
#define SIGNED 0
#define BITS 8
#define NAME(x) x##_u8
#include "kernel/eltwise/int_body.h"

#define T uint16_t
#define SIGNED 0
#define BITS 16
#define NAME(x) x##_u16
#include "kernel/eltwise/int_body.h"

#define T uint32_t
#define SIGNED 0
#define BITS 32
#define NAME(x) x##_u32
#include "kernel/eltwise/int_body.h"

#define T uint64_t
#define SIGNED 0
#define BITS 64
#define NAME(x) x##_u64
#include "kernel/eltwise/int_body.h"

unary_fn eltwise_int_unary(unary_op op, dtype t) {
    switch (t) {
    case INLAY_INT8: return unary_i8[op];
    case INLAY_INT16: return unary_i16[op];
    case INLAY_INT32: return unary_i32[op];
    case INLAY_INT64: return unary_i64[op];
    case INLAY_UINT8: return unary_u8[op];
    case INLAY_UINT16: return unary_u16[op];
    case INLAY_UINT32: return unary_u32[op];
    case INLAY_UINT64: return unary_u64[op];
    default: return NULL;
    }
}

binary_fn eltwise_int_binary(binary_op op, dtype t) {
    switch (t) {
    case INLAY_INT8: return binary_i8[op];
    case INLAY_INT16: return binary_i16[op];
    case INLAY_INT32: return binary_i32[op];
    case INLAY_INT64: return binary_i64[op];
    case INLAY_UINT8: return binary_u8[op];
    case INLAY_UINT16: return binary_u16[op];
    case INLAY_UINT32: return binary_u32[op];
    case INLAY_UINT64: return binary_u64[op];
    default: return NULL;
    }
}
