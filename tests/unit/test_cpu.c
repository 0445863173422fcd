#include "unit/unit.h"

#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

static const char *const levels[] = {"portable", "avx2", "avxvnni", "avx512", "vnni", "amx", "neon", "dotprod"};

static unsigned flags_at(const char *level) {
    setenv("INLAY_CPU", level, 1);
    unsigned flags = cpu_flags();
    unsetenv("INLAY_CPU");
    return flags;
}

static void portable_allows_nothing(void **state) {
    (void)state;
    assert_int_equal(0, flags_at("portable"));
    assert_string_equal("portable", cpu_level_name(0));
}

static void a_level_never_allows_what_the_cpu_lacks(void **state) {
    (void)state;
    unsetenv("INLAY_CPU");
    unsigned all = cpu_flags();
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) assert_int_equal(0, flags_at(levels[i]) & ~all);
    assert_int_equal(all, flags_at(""));
}

static void each_level_holds_those_below_it(void **state) {
    (void)state;
    static const char *const x86[] = {"portable", "avx2", "avxvnni", "avx512", "vnni", "amx"};
    for (size_t i = 1; i < sizeof x86 / sizeof *x86; i++) assert_int_equal(0, flags_at(x86[i - 1]) & ~flags_at(x86[i]));
    assert_int_equal(0, flags_at("neon") & ~flags_at("dotprod"));
    assert_int_equal(0, flags_at("avx2") & (CPU_AVX512 | CPU_AVX_VNNI | CPU_AVX512_VNNI | CPU_AMX_INT8));
    assert_int_equal(0, flags_at("avx512") & (CPU_AVX512_VNNI | CPU_AMX_INT8));
}

/* A level passes the check exactly when forcing it gives the flag that names it. */
static void a_level_that_the_cpu_lacks_is_an_error(void **state) {
    (void)state;
    static const struct {
        const char *level;
        unsigned own;
    } cases[] = {{"portable", 0},        {"avx2", CPU_AVX2},        {"avxvnni", CPU_AVX_VNNI},
                 {"avx512", CPU_AVX512}, {"vnni", CPU_AVX512_VNNI}, {"amx", CPU_AMX_INT8},
                 {"neon", CPU_NEON},     {"dotprod", CPU_NEON_DOT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        unsigned flags = flags_at(cases[i].level);
        setenv("INLAY_CPU", cases[i].level, 1);
        bool has = (flags & cases[i].own) == cases[i].own;
        assert_status(has ? INLAY_OK : INLAY_FAILED_PRECONDITION, cpu_check(&err), &err);
        if (!has) assert_contains(err.message, cases[i].level);
        if (has) assert_string_equal(cases[i].level, cpu_level_name(cases[i].own));
        unsetenv("INLAY_CPU");
    }
}

static void what_is_no_level_is_an_error_that_names_them(void **state) {
    (void)state;
    inlay_error err;
    setenv("INLAY_CPU", "sse9", 1);
    assert_status(INLAY_INVALID_ARGUMENT, cpu_check(&err), &err);
    assert_contains(err.message, "sse9");
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) assert_contains(err.message, levels[i]);
    unsetenv("INLAY_CPU");
    assert_ok(cpu_check(&err), &err);
}

/* A processor with everything, on systems that save less and less. */
static void a_set_whose_registers_the_system_does_not_save_is_none(void **state) {
    (void)state;
#if defined(__x86_64__)
    enum { NO_AMX = CPU_AVX2 | CPU_AVX_VNNI | CPU_AVX512 | CPU_AVX512_VNNI };
    static const struct {
        unsigned xcr0, flags;
    } cases[] = {{0x600e7, NO_AMX | CPU_AMX_INT8},
                 {0x200e7, NO_AMX},
                 {0x400e7, NO_AMX},
                 {0xe7, NO_AMX},
                 {0x67, CPU_AVX2 | CPU_AVX_VNNI},
                 {0xc7, CPU_AVX2 | CPU_AVX_VNNI},
                 {0x60007, CPU_AVX2 | CPU_AVX_VNNI},
                 {7, CPU_AVX2 | CPU_AVX_VNNI},
                 {3, 0},
                 {5, 0},
                 {0x600e3, 0},
                 {0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cpu_x86 x = {~0u, ~0u, ~0u, ~0u, ~0u, cases[i].xcr0};
        assert_int_equal(cases[i].flags, cpu_flags_of_x86(&x));
    }
#endif
}

/* Registers as Intel's and AMD's processors have them, cut down to the bits that matter. */
static void sets_are_those_of_real_processors(void **state) {
    (void)state;
#if defined(__x86_64__)
    static const struct {
        cpu_x86 x;
        const char *level;
    } cases[] = {{{0x38001000, 0x20, 0, 0, 0, 7}, "avx2"},                            /* Haswell, Zen 3 */
                 {{0x38001000, 0x20, 0, 0, 0x10, 7}, "avxvnni"},                      /* Alder Lake */
                 {{0x38001000, 0xc0030020, 0, 0, 0, 0xe7}, "avx512"},                 /* Skylake-X */
                 {{0x38001000, 0xc0030020, 0x800, 0, 0, 0xe7}, "vnni"},               /* Ice Lake, Zen 4 */
                 {{0x38001000, 0xc0030020, 0x800, 0x3000000, 0x10, 0x600e7}, "amx"},  /* Sapphire Rapids */
                 {{0x38001000, 0xc0030020, 0x800, 0x1000000, 0x10, 0x600e7}, "vnni"}, /* tiles, no int8 */
                 {{0x38001000, 0x10020, 0, 0, 0, 0xe7}, "avx2"},                      /* Knights Landing */
                 {{0x38000000, 0x20, 0, 0, 0, 7}, "portable"},                        /* no FMA */
                 {{0x10001000, 0x20, 0, 0, 0, 0}, "portable"}};                       /* a system without XSAVE */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(cases[i].level, cpu_level_name(cpu_flags_of_x86(&cases[i].x)));
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portable_allows_nothing),
        cmocka_unit_test(a_level_never_allows_what_the_cpu_lacks),
        cmocka_unit_test(each_level_holds_those_below_it),
        cmocka_unit_test(a_level_that_the_cpu_lacks_is_an_error),
        cmocka_unit_test(a_set_whose_registers_the_system_does_not_save_is_none),
        cmocka_unit_test(sets_are_those_of_real_processors),
        cmocka_unit_test(what_is_no_level_is_an_error_that_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
