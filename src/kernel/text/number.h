/* Numbers as text and back, the same in every locale. */
#ifndef KERNEL_NUMBER_H
#define KERNEL_NUMBER_H

#include "base/buffer.h"

/* All of TEXT, ASCII white space at its ends aside, as a number of one kind; false when it is none or, for integers,
 * out of range. Floating-point numbers may be hexadecimal, infinite or NaN; what is too large becomes infinite. */
bool parse_f32(bytes text, float *out);
bool parse_f64(bytes text, double *out);
bool parse_i64(bytes text, int64_t *out);
bool parse_u64(bytes text, uint64_t *out);

/* Appends VALUE as printf's FORMAT, which has one conversion of a double, writes it. */
void format_f64(buffer *to, const char *format, double value);

#endif
