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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portable_allows_nothing),
        cmocka_unit_test(a_level_never_allows_what_the_cpu_lacks),
        cmocka_unit_test(each_level_holds_those_below_it),
        cmocka_unit_test(a_level_that_the_cpu_lacks_is_an_error),
        cmocka_unit_test(what_is_no_level_is_an_error_that_names_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
