/* Special functions in float64, to some 12 digits or better. Arguments outside a function's domain give NaN or an
 * infinity, as TensorFlow has it; every loop has an end. */
#ifndef KERNEL_SPECIAL_H
#define KERNEL_SPECIAL_H

double special_digamma(double x);
double special_erfinv(double x); /* [-1, 1] */
double special_ndtri(double p);  /* quantile of the normal law, [0, 1] */
double special_i0(double x);     /* modified Bessel functions; "e": times exp(-|x|), of K: times exp(x) */
double special_i0e(double x);
double special_i1(double x);
double special_i1e(double x);
double special_k0(double x);
double special_k0e(double x);
double special_k1(double x);
double special_k1e(double x);
double special_j0(double x);
double special_j1(double x);
double special_y0(double x);
double special_y1(double x);
double special_dawsn(double x);
double special_expint(double x); /* Ei of what is above 0 */
double special_fresnel_cos(double x);
double special_fresnel_sin(double x);
double special_spence(double x); /* the dilogarithm of 1 - x */

double special_igamma(double a, double x); /* regularised, lower and upper */
double special_igammac(double a, double x);
double special_zeta(double x, double q); /* Hurwitz */
double special_polygamma(double n, double x);
double special_betainc(double a, double b, double x); /* regularised */

#endif
