/* Floating-point numbers as decimal text and back, whatever the process's locale is. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include "base/bytes.h"

enum { DECIMAL_TEXT = 32 };

/* The shortest text that reads back as the same number: "0.1", "1.0", "1e-05", "1e+16", "inf", "-inf", "nan". Fixed
 * notation from 1e-4 up to below 1e16, as Python's repr. A float gets at least the digits that "%.6g" gives it. Return
 * the length. */
size_t decimal_from_double(double value, char text[DECIMAL_TEXT]);
size_t decimal_from_float(float value, char text[DECIMAL_TEXT]);

/* TEXT as a whole: optional sign, digits with an optional point, optional exponent. False when it is anything else. Too
 * large becomes infinite. */
bool decimal_to_double(bytes text, double *out);

#endif
