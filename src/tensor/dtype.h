/* Element types: sizes, names, and the half-precision conversions. tensor/ knows nothing of files or graphs. */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include "base/error.h"

typedef inlay_dtype dtype;

/* Bytes of one element in memory and on disk; 0 for strings, resources, variants and what is no dtype. 4- and 2-bit
 * types take one byte. */
size_t dtype_size(dtype t);
const char *dtype_name(dtype t); /* "float32", "half" is "float16"; "invalid" when it is none */
bool dtype_is_valid(int value);
bool dtype_is_float(dtype t);   /* any width, not complex */
bool dtype_is_integer(dtype t); /* signed or unsigned, not bool, not quantised */

/* The dtype called NAME ("float32", "bfloat16", "DT_FLOAT", …), or INLAY_INVALID_DTYPE. */
dtype dtype_of_name(const char *name);

/* IEEE 754 binary16 and bfloat16, to nearest, ties to even; NaN stays NaN. */
float f16_to_f32(uint16_t half);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t half);
uint16_t f32_to_bf16(float value);

#endif
