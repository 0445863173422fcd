/* Around the error function: its inverse, and integrals of its kin. */
#include "kernel/special/special.h"

#include <complex.h>
#include <float.h>
#include <math.h>

static const double euler = 0.57721566490153286061;

/* Winitzki's approximation, then Newton's steps on whichever of erf and erfc is exact there. */
static double inverse(double x, double below) { /* 0 <= x < 1; below: 1 - x */
    double l = log(below * (1 + x)), a = 0.147, t = 2 / (M_PI * a) + l / 2, y = sqrt(sqrt(t * t - l / a) - t);
    for (int i = 0; i < 4; i++) {
        double miss = x < 0.5 ? erf(y) - x : below - erfc(y);
        double slope = 2 / sqrt(M_PI) * exp(-y * y);
        if (!(slope > 0)) break;
        double change = miss / slope;
        y -= change / (1 + y * change);
    }
    return y;
}

double special_erfinv(double x) {
    if (isnan(x) || fabs(x) > 1) return NAN;
    if (fabs(x) == 1) return copysign(INFINITY, x);
    return x == 0 ? x : copysign(inverse(fabs(x), 1 - fabs(x)), x);
}

double special_ndtri(double p) {
    if (isnan(p) || p < 0 || p > 1) return NAN;
    if (p == 0 || p == 1) return p == 0 ? -INFINITY : INFINITY;
    if (p == 0.5) return 0;
    double tail = p < 0.5 ? p : 1 - p, y = M_SQRT2 * inverse(1 - 2 * tail, 2 * tail);
    return p < 0.5 ? -y : y;
}

/* Rybicki 1989: a sum of Gaussians that is exponentially exact. */
double special_dawsn(double x) {
    const double step = 0.2;
    double size = fabs(x);
    if (isnan(x)) return x;
    if (size < 0.2) {
        double sum = x, term = x;
        for (int k = 1; k < 20; k++) sum += term *= -2 * x * x / (2 * k + 1);
        return sum;
    }
    if (size > 1e6) return 0.5 / x;
    double middle = 2 * floor(0.5 * size / step + 0.5), from = size - middle * step, sum = 0;
    for (int k = -41; k <= 41; k += 2) {
        double away = from - k * step;
        sum += exp(-away * away) / (middle + k);
    }
    return copysign(sum / sqrt(M_PI), x);
}

double special_expint(double x) {
    if (!(x >= 0) || isinf(x)) return NAN;
    if (x == 0) return -INFINITY;
    double sum = 0, term = 1;
    if (x < 45) { /* Abramowitz and Stegun 5.1.10 */
        for (int k = 1; k < 500 && (k < 2 || term / k > sum * DBL_EPSILON / 4); k++) sum += (term *= x / k) / k;
        return euler + log(x) + sum;
    }
    sum = 1;
    for (int k = 1; k < 100; k++) {
        double next = term * k / x;
        if (next > term || next < DBL_EPSILON / 4) break;
        sum += term = next;
    }
    return exp(x) / x * sum;
}

/* Both integrals at once: power series (7.3.11, 7.3.13) up to 1.6, then the complementary error function of a complex
 * number by Lentz's method. */
static void fresnel(double x, double *cosine, double *sine) {
    double size = fabs(x), square = M_PI / 2 * size * size;
    if (isinf(x) || size > 1e8) {
        *cosine = *sine = copysign(0.5, x);
        return;
    }
    double sums[2] = {size, 0}, term = size;
    if (size <= 1.6) {
        for (int k = 1; k < 60; k++) {
            term *= square / k;
            sums[k % 2] += (k / 2 % 2 ? -1 : 1) * term / (2 * k + 1);
        }
    } else {
        const double _Complex i = _Complex_I;
        double _Complex b = 1 - 2 * square * i, c = 1 / DBL_MIN, d = 1 / b, made = d;
        for (int n = 1; n < 2000; n += 2) {
            double factor = -(double)n * (n + 1);
            b += 4;
            d = 1 / (factor * d + b);
            c = b + factor / c;
            made *= c * d;
            if (cabs(c * d - 1) < DBL_EPSILON) break;
        }
        double _Complex both = (0.5 + 0.5 * i) * (1 - (cos(square) + sin(square) * i) * made * (size - size * i));
        sums[0] = creal(both);
        sums[1] = cimag(both);
    }
    *cosine = copysign(sums[0], x);
    *sine = copysign(sums[1], x);
}

double special_fresnel_cos(double x) {
    double c, s;
    if (isnan(x)) return x;
    fresnel(x, &c, &s);
    return c;
}

double special_fresnel_sin(double x) {
    double c, s;
    if (isnan(x)) return x;
    fresnel(x, &c, &s);
    return s;
}

/* The dilogarithm for y <= 1: its series where that is quick, and the relations that lead there (27.7). */
static double dilogarithm(double y) {
    if (y < -1) {
        double l = log(-y);
        return -M_PI * M_PI / 6 - l * l / 2 - dilogarithm(1 / y);
    }
    if (y < -0.5) {
        double l = log1p(-y);
        return -l * l / 2 - dilogarithm(y / (y - 1));
    }
    if (y > 0.5) return y == 1 ? M_PI * M_PI / 6 : M_PI * M_PI / 6 - log(y) * log1p(-y) - dilogarithm(1 - y);
    double sum = 0, power = 1;
    for (int k = 1; k < 60; k++) sum += (power *= y) / ((double)k * k);
    return sum;
}

double special_spence(double x) {
    return x >= 0 && !isinf(x) ? dilogarithm(1 - x) : NAN;
}
