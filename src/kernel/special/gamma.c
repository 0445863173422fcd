/* Around the gamma function. */
#include "kernel/special/special.h"

#include <float.h>
#include <math.h>

enum { MOST_TERMS = 100000 };

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* Reflection, recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3). */
double special_digamma(double x) {
    static const double series[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
    if (x <= 0) {
        if (x == floor(x)) return NAN;
        return special_digamma(1 - x) - M_PI / tan(M_PI * (x - floor(x)));
    }
    if (isinf(x)) return x;
    double sum = 0, power = 1;
    while (x < 10) {
        sum -= 1 / x;
        x += 1;
    }
    sum += log(x) - 0.5 / x;
    for (int i = 0; i < 7; i++) sum -= series[i] * (power /= x * x);
    return sum;
}

/* x^a e^-x / Gamma(a), without overflow. */
static double gamma_weight(double a, double x) {
    if (a < 50) return exp(a * log(x) - x - log_gamma(a));
    double t = (x - a) / a, stirling = 1 / (12 * a) - 1 / (360 * a * a * a) + 1 / (1260 * pow(a, 5));
    double shape = fabs(t) < 0.5 ? log1p(t) - t : log(x / a) - t;
    return sqrt(a / (2 * M_PI)) * exp(a * shape - stirling);
}

/* Below a + 1: the power series (6.5.29). */
static double lower_gamma(double a, double x) {
    double term = 1 / a, sum = term, next = a;
    for (int i = 0; i < MOST_TERMS && term > sum * DBL_EPSILON / 4; i++) sum += term *= x / ++next;
    return fmin(sum * gamma_weight(a, x), 1);
}

/* Above: the continued fraction (6.5.31) by Lentz's method. */
static double upper_gamma(double a, double x) {
    double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / b, made = d;
    for (int i = 1; i < MOST_TERMS; i++) {
        double factor = -i * (i - a);
        b += 2;
        d = factor * d + b;
        c = b + factor / c;
        if (fabs(d) < DBL_MIN) d = DBL_MIN;
        if (fabs(c) < DBL_MIN) c = DBL_MIN;
        d = 1 / d;
        double change = d * c;
        made *= change;
        if (fabs(change - 1) < DBL_EPSILON) break;
    }
    return fmin(made * gamma_weight(a, x), 1);
}

double special_igamma(double a, double x) {
    if (x == 0 && a >= 0) return 0;
    if (isnan(a) || isnan(x) || x < 0 || a <= 0) return NAN;
    if (isinf(a)) return isinf(x) ? NAN : 0;
    if (isinf(x)) return 1;
    return x < a + 1 ? lower_gamma(a, x) : 1 - upper_gamma(a, x);
}

double special_igammac(double a, double x) {
    if (isnan(a) || isnan(x) || x < 0 || a <= 0) return NAN;
    if (x == 0) return 1;
    if (isinf(a)) return isinf(x) ? NAN : 1;
    if (isinf(x)) return 0;
    return x < a + 1 ? 1 - lower_gamma(a, x) : upper_gamma(a, x);
}

/* The sum of (k + q)^-x: some terms, then Euler and Maclaurin's formula for the rest. */
double special_zeta(double x, double q) {
    static const double series[] = {/* B_2k / (2k)! */
                                    1.0 / 12,          -1.0 / 720,
                                    1.0 / 30240,       -1.0 / 1209600,
                                    1.0 / 47900160,    -691.0 / 1307674368000,
                                    1.0 / 74724249600, -3617.0 / 10670622842880000};
    if (isnan(x) || isnan(q)) return NAN;
    if (x == 1) return INFINITY;
    if (x < 1) return NAN;
    if (q <= 0) {
        if (q == floor(q)) return fmod(x, 2) == 0 ? INFINITY : NAN;
        if (x != floor(x)) return NAN; /* a negative number to a power that is no integer */
    }
    if (isinf(q)) return 0;
    double sum = 0, at = q;
    for (int i = 0; i < MOST_TERMS && (i < 10 || at < 10); i++) {
        double term = pow(at, -x);
        sum += term;
        if (fabs(term) < fabs(sum) * DBL_EPSILON / 4 && at > 0) return sum;
        at += 1;
    }
    double power = pow(at, -x), factor = x;
    sum += power * at / (x - 1) + power / 2;
    power /= at;
    for (int i = 0; i < 8; i++) {
        sum += series[i] * factor * power;
        factor *= (x + 2 * i + 1) * (x + 2 * i + 2);
        power /= at * at;
    }
    return sum;
}

double special_polygamma(double n, double x) {
    if (isnan(n) || isnan(x) || n < 0 || n != floor(n)) return NAN;
    if (n == 0) return special_digamma(x);
    double sign = fmod(n, 2) == 0 ? -1 : 1;
    return sign * exp(log_gamma(n + 1)) * special_zeta(n + 1, x);
}

/* The continued fraction of the incomplete beta function (26.5.8), which is quick below the mean. */
static double beta_fraction(double a, double b, double x) {
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabs(d) < DBL_MIN) d = DBL_MIN;
    d = 1 / d;
    double made = d;
    for (int i = 1; i < MOST_TERMS; i++) {
        double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
        double odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1)), change = 1;
        for (int half = 0; half < 2; half++) {
            double factor = half ? odd : even;
            d = 1 + factor * d;
            c = 1 + factor / c;
            if (fabs(d) < DBL_MIN) d = DBL_MIN;
            if (fabs(c) < DBL_MIN) c = DBL_MIN;
            d = 1 / d;
            change = d * c;
            made *= change;
        }
        if (fabs(change - 1) < DBL_EPSILON) break;
    }
    return made;
}

double special_betainc(double a, double b, double x) {
    if (isnan(a) || isnan(b) || isnan(x) || a <= 0 || b <= 0 || x < 0 || x > 1) return NAN;
    if (x == 0 || x == 1) return x;
    if (isinf(a) || isinf(b)) return NAN;
    double weight = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return weight * beta_fraction(a, b, x) / a;
    return 1 - weight * beta_fraction(b, a, 1 - x) / b;
}
