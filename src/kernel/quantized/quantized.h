/* Numbers that stand for real ones between a lowest and a highest: what TensorFlow's quantised graphs compute with.
 * Each conversion has TensorFlow's order of float32 and float64 steps, because its rounding is what such graphs are
 * made for. (kernel/quant is another thing: the codes of the search index.) */
#ifndef KERNEL_QUANTIZED_H
#define KERNEL_QUANTIZED_H

#include "tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct quantized_range {
    dtype type;
    float min, max;
} quantized_range;

bool quantized_is(dtype t); /* QINT8, QUINT8, QINT16, QUINT16, QINT32 */
int64_t quantized_lowest(dtype t);
int64_t quantized_highest(dtype t);
int64_t quantized_steps(dtype t); /* 2 to the number of bits */

/* One number, in float64: to a code that may lie outside of the dtype, to one inside, and back. */
int64_t quantized_code(float x, const quantized_range *r);
int64_t quantized_clamped(float x, const quantized_range *r);
float quantized_value(int64_t code, const quantized_range *r);

/* Many numbers, in float32. */
void quantized_to_float(float *out, const void *in, const quantized_range *r, size_t n);
void quantized_from_float(void *out, const float *in, const quantized_range *r, size_t n);

/* Codes of one range as codes of another; QINT32 to QUINT8 in fixed point. */
void quantized_convert(void *out, const quantized_range *to, const void *in, const quantized_range *from, size_t n);

/* What an integer product of codes, less their zeros, ranges over as OUT's dtype. */
void quantized_product_range(const quantized_range *a, const quantized_range *b, quantized_range *out);

#endif
