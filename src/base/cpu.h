/* Which instruction sets the kernels may use. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include "base/error.h"

enum {
    CPU_AVX2 = 1 << 0,     /* with FMA and F16C */
    CPU_AVX512 = 1 << 1,   /* F, BW, VL, DQ */
    CPU_AVX_VNNI = 1 << 2, /* 256-bit vpdpbusd in VEX form */
    CPU_AVX512_VNNI = 1 << 3,
    CPU_AMX_INT8 = 1 << 4,
    CPU_NEON = 1 << 5,
    CPU_NEON_DOT = 1 << 6
};

/* The sets of this CPU, cut down to the level that $INLAY_CPU names: portable, avx2, avxvnni, avx512, vnni, amx, neon,
 * dotprod. A level includes those below it on its architecture. An unknown or missing level counts as no limit here;
 * cpu_check reports it. */
unsigned cpu_flags(void);

/* INVALID_ARGUMENT when $INLAY_CPU is no level; FAILED_PRECONDITION when this CPU lacks it. */
inlay_status cpu_check(inlay_error *err);

/* What an x86 says of itself: registers of the CPUID leaves 1, 7.0 and 7.1, and the low half of XCR0, which tells whose
 * registers the system saves; 0 where there is none. */
typedef struct cpu_x86 {
    unsigned ecx1, ebx7, ecx7, edx7, eax7_1, xcr0;
} cpu_x86;
unsigned cpu_flags_of_x86(const cpu_x86 *x); /* 0 on other machines */

const char *cpu_level_name(unsigned flags); /* the highest level in FLAGS, "portable" for none */

#endif
