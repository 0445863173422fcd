/* The intrinsics that the AMX kernels use, in plain C, after what Intel's manual says of each instruction (Software
 * Developer's Manual, volume 2). Included before such a kernel's source it makes a twin of the kernel that runs on any
 * x86-64: what the twin gets wrong is wrong in the kernel's logic. What the processor would refuse ends the program. */
#ifndef KERNEL_TWIN_AMX_H
#define KERNEL_TWIN_AMX_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TWIN_TILES = 8, TWIN_ROWS = 16, TWIN_ROW_BYTES = 64 };

static struct {
    bool permitted, configured;
    struct {
        size_t rows, row_bytes;
        uint8_t at[TWIN_ROWS][TWIN_ROW_BYTES];
    } tile[TWIN_TILES];
} twin;

static inline void twin_must(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "AMX: the processor refuses this: %s\n", what);
    abort();
}

/* ---- the system */

/* The system's answer to the question whether tiles may be used; it is the only call that the kernels make. */
static inline long twin_system(long number, long request, long feature, bool yes) {
    twin_must(number == SYS_arch_prctl && request == 0x1023 && feature == 18, "a system call that asks for no tiles");
    twin.permitted = yes;
    return yes ? 0 : -1;
}

/* ---- tiles */

/* The 64 bytes: palette, start row, 14 reserved, then bytes a row of 8 tiles (and 8 that are not), then rows. */
static inline void twin_loadconfig(const void *from) {
    uint8_t c[64];
    memcpy(c, from, sizeof c);
    twin_must(twin.permitted, "tiles without the system's permission");
    twin_must(c[0] == 1, "a palette that is not 1");
    for (size_t i = 1; i < 16; i++) twin_must(c[i] == 0, "a start row, or reserved bytes that are not zero");
    memset(twin.tile, 0, sizeof twin.tile);
    for (size_t t = 0; t < 16; t++) {
        size_t row_bytes = c[16 + 2 * t] | (size_t)c[17 + 2 * t] << 8, rows = c[48 + t];
        twin_must(row_bytes <= TWIN_ROW_BYTES && rows <= TWIN_ROWS, "a tile that is too large");
        twin_must((row_bytes == 0) == (rows == 0), "a tile with rows that have no bytes");
        twin_must(t < TWIN_TILES || rows == 0, "more tiles than there are");
        if (t >= TWIN_TILES) continue;
        twin.tile[t].rows = rows;
        twin.tile[t].row_bytes = row_bytes;
    }
    twin.configured = true;
}
static inline void twin_release(void) {
    memset(twin.tile, 0, sizeof twin.tile);
    twin.configured = false;
}
static inline void twin_must_have(int t) {
    twin_must(twin.configured && twin.tile[t].rows > 0, "a tile that is not configured");
}
static inline void twin_zero(int t) {
    twin_must_have(t);
    memset(twin.tile[t].at, 0, sizeof twin.tile[t].at);
}
static inline void twin_loadd(int t, const void *from, size_t stride) {
    twin_zero(t);
    for (size_t r = 0; r < twin.tile[t].rows; r++)
        memcpy(twin.tile[t].at[r], (const uint8_t *)from + r * stride, twin.tile[t].row_bytes);
}
static inline void twin_stored(int t, void *to, size_t stride) {
    twin_must_have(t);
    for (size_t r = 0; r < twin.tile[t].rows; r++)
        memcpy((uint8_t *)to + r * stride, twin.tile[t].at[r], twin.tile[t].row_bytes);
}

/* SUM [m, n] of 32 bits, wrapping, += A [m, k, 4] of signed bytes times B [k, n, 4] of unsigned ones. */
static inline void twin_dpbsud(int sum, int a, int b) {
    twin_must_have(sum);
    twin_must_have(a);
    twin_must_have(b);
    size_t rows = twin.tile[sum].rows, columns = twin.tile[sum].row_bytes / 4, depth = twin.tile[a].row_bytes / 4;
    twin_must(sum != a && sum != b && a != b, "a tile that is two operands");
    twin_must(twin.tile[sum].row_bytes % 4 == 0 && twin.tile[a].row_bytes % 4 == 0, "rows with part of a number");
    twin_must(twin.tile[a].rows == rows, "as many rows in the sums as in A");
    twin_must(twin.tile[b].rows == depth, "as many rows in B as A has columns");
    twin_must(twin.tile[b].row_bytes == twin.tile[sum].row_bytes, "as many columns in the sums as in B");
    for (size_t m = 0; m < rows; m++)
        for (size_t k = 0; k < depth; k++)
            for (size_t n = 0; n < columns; n++) {
                uint32_t to;
                memcpy(&to, twin.tile[sum].at[m] + 4 * n, 4);
                for (size_t i = 0; i < 4; i++)
                    to += (uint32_t)((int8_t)twin.tile[a].at[m][4 * k + i] * twin.tile[b].at[k][4 * n + i]);
                memcpy(twin.tile[sum].at[m] + 4 * n, &to, 4);
            }
}

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbsud
#define _tile_loadconfig twin_loadconfig
#define _tile_release twin_release
#define _tile_loadd twin_loadd
#define _tile_stored twin_stored
#define _tile_zero twin_zero
#define _tile_dpbsud twin_dpbsud

/* ---- sixteen numbers of 32 bits */

typedef struct twin_ints {
    int32_t at[16];
} twin_ints;
typedef struct twin_floats {
    float at[16];
} twin_floats;

static inline twin_ints twin_loadu(const void *p) {
    twin_ints v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline twin_ints twin_set1_int(int32_t a) {
    twin_ints v;
    for (int i = 0; i < 16; i++) v.at[i] = a;
    return v;
}
static inline twin_floats twin_set1_float(float a) {
    twin_floats v;
    for (int i = 0; i < 16; i++) v.at[i] = a;
    return v;
}
static inline twin_ints twin_sub(twin_ints a, twin_ints b) {
    for (int i = 0; i < 16; i++) a.at[i] = (int32_t)((uint32_t)a.at[i] - (uint32_t)b.at[i]);
    return a;
}
static inline twin_floats twin_to_floats(twin_ints a) {
    twin_floats v;
    for (int i = 0; i < 16; i++) v.at[i] = (float)a.at[i];
    return v;
}
/* Only the comparison that the kernels ask for: not less than, true for NaN. */
static inline uint16_t twin_compare(twin_floats a, twin_floats b, int how) {
    uint16_t mask = 0;
    twin_must(how == _CMP_NLT_UQ, "a comparison that its twin does not know");
    for (int i = 0; i < 16; i++) mask |= (uint16_t)(!(a.at[i] < b.at[i]) << i);
    return mask;
}
static inline void twin_storeu(void *p, twin_floats v) {
    memcpy(p, &v, sizeof v);
}

#undef _mm512_cmp_ps_mask
#define __m512i twin_ints
#define __m512 twin_floats
#define _mm512_loadu_si512 twin_loadu
#define _mm512_set1_epi32 twin_set1_int
#define _mm512_set1_ps twin_set1_float
#define _mm512_sub_epi32 twin_sub
#define _mm512_cvtepi32_ps twin_to_floats
#define _mm512_cmp_ps_mask twin_compare
#define _mm512_storeu_ps twin_storeu

#endif
