#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* Lowest first: a level allows its own flags and those of the rows above it. */
static const struct {
    const char *name;
    unsigned flags;
} levels[] = {
    {"portable", 0},
    {"neon", CPU_NEON},
    {"dotprod", CPU_NEON | CPU_NEON_DOT},
    {"avx2", CPU_AVX2},
    {"avxvnni", CPU_AVX2 | CPU_AVX_VNNI},
    {"avx512", CPU_AVX2 | CPU_AVX_VNNI | CPU_AVX512},
    {"vnni", CPU_AVX2 | CPU_AVX_VNNI | CPU_AVX512 | CPU_AVX512_VNNI},
    {"amx", CPU_AVX2 | CPU_AVX_VNNI | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AMX_INT8},
};
enum { LEVELS = sizeof levels / sizeof *levels };

#if defined(__x86_64__)
#include <cpuid.h>

static unsigned detect(void) {
    unsigned flags = 0, a, b, c, d;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &a, &b, &c, &d) &&
        (c & bit_F16C))
        flags |= CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        flags |= CPU_AVX512;
    if ((flags & CPU_AVX512) && __builtin_cpu_supports("avx512vnni")) flags |= CPU_AVX512_VNNI;
    if ((flags & CPU_AVX2) && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4)) flags |= CPU_AVX_VNNI;
    if ((flags & CPU_AVX512) && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1u << 24) && (d & 1u << 25))
        flags |= CPU_AMX_INT8;
    return flags;
}
#elif defined(__aarch64__)
static unsigned detect(void) {
    unsigned long caps = getauxval(AT_HWCAP);
    return CPU_NEON | (caps & HWCAP_ASIMDDP ? CPU_NEON_DOT : 0);
}
#else
static unsigned detect(void) {
    return 0;
}
#endif

/* Row of the level that the environment names; LEVELS when it names none, -1 when it names what is none. */
static int wanted_level(void) {
    const char *name = getenv("INLAY_CPU");
    if (!name || !*name) return LEVELS;
    for (int i = 0; i < LEVELS; i++)
        if (strcmp(levels[i].name, name) == 0) return i;
    return -1;
}

unsigned cpu_flags(void) {
    int level = wanted_level();
    return detect() & (level >= 0 && level < LEVELS ? levels[level].flags : ~0u);
}

inlay_status cpu_check(inlay_error *err) {
    int level = wanted_level();
    if (level < 0)
        return fail(
            err, INLAY_INVALID_ARGUMENT,
            "INLAY_CPU=%s is no level; the levels are portable, neon, dotprod, avx2, avxvnni, avx512, vnni, amx",
            getenv("INLAY_CPU"));
    if (level < LEVELS && level > 0) {
        unsigned own = levels[level].flags & ~(level > 3 ? levels[level - 1].flags : 0);
        if ((detect() & own) != own)
            return fail(err, INLAY_FAILED_PRECONDITION, "INLAY_CPU=%s: this CPU lacks it", levels[level].name);
    }
    return INLAY_OK;
}

const char *cpu_level_name(unsigned flags) {
    const char *name = "portable";
    for (int i = 1; i < LEVELS; i++) {
        unsigned own = levels[i].flags & ~(i > 3 ? levels[i - 1].flags : 0);
        if ((flags & own) == own) name = levels[i].name;
    }
    return name;
}
