/* Bessel functions. */
#include "kernel/special/special.h"

#include <float.h>
#include <math.h>

/* I of order ORDER (0 or 1) times exp(-|x|): the power series (Abramowitz and Stegun 9.6.10), whose terms are all of
 * one sign, or beyond 30 the asymptotic one (9.7.1). */
static double i_scaled(int order, double x) {
    double size = fabs(x), sum = 1, term = 1;
    if (isinf(x)) return 0;
    if (size <= 30) {
        for (int k = 1; term > sum * DBL_EPSILON / 4; k++) sum += term *= size * size / 4 / k / (k + order);
        return (order ? x / 2 : 1) * sum * exp(-size);
    }
    for (int k = 1; k < 30; k++) {
        double odd = 2 * k - 1, next = term * (odd * odd - 4 * order) / (8 * k * size);
        if (fabs(next) > fabs(term) || fabs(next) < DBL_EPSILON / 4) break;
        sum += term = next;
    }
    return (x < 0 && order ? -1 : 1) * sum / sqrt(2 * M_PI * size);
}

double special_i0e(double x) {
    return isnan(x) ? x : i_scaled(0, x);
}
double special_i1e(double x) {
    return isnan(x) ? x : i_scaled(1, x);
}
double special_i0(double x) {
    return special_i0e(x) * exp(fabs(x) / 2) * exp(fabs(x) / 2);
}
double special_i1(double x) {
    return special_i1e(x) * exp(fabs(x) / 2) * exp(fabs(x) / 2);
}

/* K of order ORDER times exp(x): the integral of exp(-x (cosh t - 1)) cosh(order t) (9.6.24) by the trapezoidal rule,
 * whose error falls as exp(-pi^2 / step), and for large x, where it is a narrow bell, as exp(-2 pi^2 / (x step^2)). */
static double k_scaled(int order, double x) {
    double sum = 0.5, step = x > 16 ? 0.5 / sqrt(x) : 0.125;
    if (isnan(x)) return x;
    if (x <= 0) return INFINITY;
    if (isinf(x)) return 0;
    for (int i = 1; i < 8000; i++) {
        double half = sinh(i * step / 2), term = exp(-2 * x * half * half) * (order ? cosh(i * step) : 1);
        sum += term;
        if (term < sum * DBL_EPSILON / 4 && 2 * x * half * half > 1) break;
    }
    return sum * step;
}

/* Near 0 K1 is 1 / x, and what the rule makes of it would overflow. */
double special_k1e(double x) {
    return x > 0 && x < 1e-10 ? 1 / x : k_scaled(1, x);
}
double special_k0e(double x) {
    return x > 0 && x < 1e-10 ? -log(x / 2) - 0.57721566490153286061 : k_scaled(0, x);
}
double special_k0(double x) {
    return x <= 0 ? INFINITY : special_k0e(x) * exp(-x);
}
double special_k1(double x) {
    return x <= 0 ? INFINITY : special_k1e(x) * exp(-x);
}

/* The C library's, but for the edges. */
double special_j0(double x) {
    return isinf(x) ? NAN : j0(x);
}
double special_j1(double x) {
    return isinf(x) ? NAN : j1(x);
}
double special_y0(double x) {
    return x <= 0 ? -INFINITY : isinf(x) ? NAN : y0(x);
}
double special_y1(double x) {
    return x <= 0 ? -INFINITY : isinf(x) ? NAN : y1(x);
}
