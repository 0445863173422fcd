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

#define BIT(n) (1u << (n))

/* Rows stand on those above them. A set counts when the processor has it and the system saves its registers. */
static const struct {
    unsigned flag, needs;
    cpu_x86 has;
} x86_sets[] = {
    {CPU_AVX2, 0, {.ecx1 = BIT(12) | BIT(27) | BIT(28) | BIT(29), .ebx7 = BIT(5), .xcr0 = BIT(1) | BIT(2)}},
    {CPU_AVX_VNNI, CPU_AVX2, {.eax7_1 = BIT(4)}},
    {CPU_AVX512, CPU_AVX2, {.ebx7 = BIT(16) | BIT(17) | BIT(30) | BIT(31), .xcr0 = BIT(5) | BIT(6) | BIT(7)}},
    {CPU_AVX512_VNNI, CPU_AVX512, {.ecx7 = BIT(11)}},
    {CPU_AMX_INT8, CPU_AVX512_VNNI, {.edx7 = BIT(24) | BIT(25), .xcr0 = BIT(17) | BIT(18)}},
};

static bool holds_all(const cpu_x86 *x, const cpu_x86 *of) {
    return !((of->ecx1 & ~x->ecx1) | (of->ebx7 & ~x->ebx7) | (of->ecx7 & ~x->ecx7) | (of->edx7 & ~x->edx7) |
             (of->eax7_1 & ~x->eax7_1) | (of->xcr0 & ~x->xcr0));
}

unsigned cpu_flags_of_x86(const cpu_x86 *x) {
    unsigned flags = 0;
    for (size_t i = 0; i < sizeof x86_sets / sizeof *x86_sets; i++)
        if ((flags & x86_sets[i].needs) == x86_sets[i].needs && holds_all(x, &x86_sets[i].has))
            flags |= x86_sets[i].flag;
    return flags;
}

static unsigned detect(void) {
    cpu_x86 x = {0};
    unsigned a, b, high;
    if (!__get_cpuid(1, &a, &b, &x.ecx1, &high)) return 0;
    if (__get_cpuid_count(7, 0, &a, &x.ebx7, &x.ecx7, &x.edx7) && a >= 1)
        __get_cpuid_count(7, 1, &x.eax7_1, &a, &b, &high);
    if (x.ecx1 & BIT(27)) __asm__("xgetbv" : "=a"(x.xcr0), "=d"(high) : "c"(0));
    return cpu_flags_of_x86(&x);
}
#else
unsigned cpu_flags_of_x86(const cpu_x86 *x) {
    (void)x;
    return 0;
}
#endif

#if defined(__aarch64__)
static unsigned detect(void) {
    unsigned long caps = getauxval(AT_HWCAP);
    return CPU_NEON | (caps & HWCAP_ASIMDDP ? CPU_NEON_DOT : 0);
}
#elif !defined(__x86_64__)
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
