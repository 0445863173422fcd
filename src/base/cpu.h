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

const char *cpu_level_name(unsigned flags); /* the highest level in FLAGS, "portable" for none */

#endif
