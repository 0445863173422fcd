#include "unit/unit.h"

#include "kernel/special/special.h"

#include <math.h>

/* Values from the tables of Abramowitz and Stegun, and identities. */
static void known_values_come_out(void **state) {
    (void)state;
    const struct {
        double made, wanted;
    } cases[] = {
        {special_digamma(1), -0.57721566490153286061},
        {special_digamma(-0.5), 0.03648997397857652},
        {special_erfinv(erf(0.3)), 0.3},
        {special_erfinv(erf(-2.5)), -2.5},
        {special_erfinv(1e-300), 1e-300 * 0.88622692545275801365},
        {special_ndtri(0.975), 1.959963984540054},
        {special_ndtri(1e-300), -37.0471},
        {special_i0(1), 1.2660658777520083356},
        {special_i1(-1), -0.56515910399248502721},
        {special_i0e(1000), 0.012617240455891256},
        {special_k0(1), 0.42102443824070833334},
        {special_k1(1), 0.60190723019723457474},
        {special_k0e(1e6), 0.00125331398},
        {special_k1(1e-200), 1e200},
        {special_dawsn(1), 0.53807950691276841914},
        {special_expint(1), 1.8951178163559367555},
        {special_fresnel_cos(2), 0.48825340607534075},
        {special_fresnel_sin(2), 0.34341567836369824},
        {special_spence(0), M_PI * M_PI / 6},
        {special_spence(2), -M_PI * M_PI / 12},
        {special_igamma(1, 2), 1 - exp(-2)},
        {special_igamma(1e4, 1e4) + special_igammac(1e4, 1e4), 1},
        {special_zeta(2, 1), M_PI * M_PI / 6},
        {special_zeta(3, -0.5), 0.41439832211716},
        {special_polygamma(1, 1), M_PI * M_PI / 6},
        {special_betainc(2, 3, 0.4), 0.5248},
        {special_betainc(0.5, 0.5, 0.5), 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!(fabs(cases[i].made - cases[i].wanted) <= 2e-6 * fabs(cases[i].wanted) + 1e-12 * (cases[i].wanted > 1e-9)))
            fail_msg("case %zu: %.17g, not %.17g", i, cases[i].made, cases[i].wanted);
}

/* Absurd arguments end, and give no number that could be taken for a value. */
static void absurd_arguments_end(void **state) {
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 5e-324, 0, -0.0, -1};
    static double (*const ones[])(double) = {special_digamma, special_erfinv,      special_ndtri,       special_i0,
                                             special_i0e,     special_i1,          special_i1e,         special_k0,
                                             special_k0e,     special_k1,          special_k1e,         special_j0,
                                             special_j1,      special_y0,          special_y1,          special_dawsn,
                                             special_expint,  special_fresnel_cos, special_fresnel_sin, special_spence};
    static double (*const twos[])(double, double) = {special_igamma, special_igammac, special_zeta, special_polygamma};
    for (size_t f = 0; f < sizeof ones / sizeof *ones; f++) {
        assert_true(isnan(ones[f](NAN)));
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) ones[f](odd[i]);
    }
    for (size_t f = 0; f < sizeof twos / sizeof *twos; f++)
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
            for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
                twos[f](odd[i], odd[k]);
                special_betainc(odd[i], odd[k], 0.5);
                special_betainc(odd[i], 2, odd[k]);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_come_out),
        cmocka_unit_test(absurd_arguments_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
