/* peaks: how fast the pool's threads read memory with each number of streams, and how many multiply-adds a second they
 * do in registers, float32 and of bytes, with each instruction set that the CPU has. Prints JSON: GB/s by streams, and
 * 10^9 multiply-adds a second by kernel. $PROBE_MB: how much memory is read (default 1024). */
#include "base/cpu.h"
#include "base/pool.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPEATS = 99, ROUNDS = 1 << 20, MOST_STREAMS = 16 };

/* One thread's work: ROUNDS of the operation over independent sums, enough of them to hide its latency. */
typedef struct kernel {
    const char *name;
    unsigned needs;
    double per_round;
    void (*run)(void *ctx, size_t part, int worker);
} kernel;

/* STEP for each of SUMS sums a round. */
#define ROUNDS_OF(SUMS, STEP)                                                                       \
    for (size_t i = 0; i < ROUNDS; i++) _Pragma("GCC unroll 16") for (int s = 0; s < (SUMS); s++) { \
            STEP;                                                                                   \
        }

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET(set) __attribute__((target(set)))
/* Keeps the compiler from folding rounds together. */
#define KEEP(x) __asm__ volatile("" : "+x"(x))
#define KEEP_WIDE(x) __asm__ volatile("" : "+v"(x))

TARGET("avx2,fma") static void fma_avx2(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    __m256 sums[10] = {0}, a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1);
    KEEP(a);
    KEEP(b);
    ROUNDS_OF(10, sums[s] = _mm256_fmadd_ps(a, b, sums[s]); KEEP(sums[s]))
}

TARGET("avx512f") static void fma_avx512(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    __m512 sums[10] = {0}, a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1);
    KEEP_WIDE(a);
    KEEP_WIDE(b);
    ROUNDS_OF(10, sums[s] = _mm512_fmadd_ps(a, b, sums[s]); KEEP_WIDE(sums[s]))
}

/* Pairs in 16 bits, then pairs of those in 32, then the sum: three instructions. */
TARGET("avx2") static void maddubs_avx2(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    __m256i sums[8] = {0}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
    KEEP(b);
    KEEP(ones);
    ROUNDS_OF(8, KEEP(a); sums[s] = _mm256_add_epi32(sums[s], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
              KEEP(sums[s]))
}

TARGET("avxvnni") static void dot_avxvnni(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    __m256i sums[10] = {0}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
    KEEP(a);
    KEEP(b);
    ROUNDS_OF(10, sums[s] = _mm256_dpbusd_avx_epi32(sums[s], a, b); KEEP(sums[s]))
}

TARGET("avx512f,avx512vnni") static void dot_vnni(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    __m512i sums[10] = {0}, a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
    KEEP_WIDE(a);
    KEEP_WIDE(b);
    ROUNDS_OF(10, sums[s] = _mm512_dpbusd_epi32(sums[s], a, b); KEEP_WIDE(sums[s]))
}

/* Four tiles of 16 x 16 sums; 64 products go into each. */
TARGET("amx-tile,amx-int8") static void dot_amx(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } c = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        c.rows[t] = 16;
        c.row_bytes[t] = 64;
    }
    __asm__ volatile("" : : "r"(&c) : "memory"); /* the intrinsic says that it reads eight bytes */
    _tile_loadconfig(&c);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (size_t i = 0; i < ROUNDS / 16; i++) {
        _tile_dpbusd(0, 4, 5);
        _tile_dpbusd(1, 4, 5);
        _tile_dpbusd(2, 4, 5);
        _tile_dpbusd(3, 4, 5);
    }
    _tile_release();
}

/* The system saves the tiles of a thread only for processes that ask. */
static bool amx_permitted(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static const kernel KERNELS[] = {
    {"float32_avx2", CPU_AVX2, 10 * 8.0, fma_avx2},      {"float32_avx512", CPU_AVX512, 10 * 16.0, fma_avx512},
    {"int8_maddubs", CPU_AVX2, 8 * 32.0, maddubs_avx2},  {"int8_avxvnni", CPU_AVX_VNNI, 10 * 32.0, dot_avxvnni},
    {"int8_vnni", CPU_AVX512_VNNI, 10 * 64.0, dot_vnni}, {"int8_amx", CPU_AMX_INT8, 4 * 16 * 16 * 64 / 16.0, dot_amx},
};
#else
typedef float lanes __attribute__((vector_size(16)));

static volatile float kept;

static void fma_portable(void *ctx, size_t part, int worker) {
    (void)ctx, (void)part, (void)worker;
    lanes sums[16] = {{0}}, a = {kept, 1, 2, 3}, b = {1, kept, 1, 1};
    ROUNDS_OF(16, sums[s] = a * b + sums[s]; __asm__ volatile("" : "+w"(sums[s])))
    kept = sums[0][0];
}

static bool amx_permitted(void) {
    return false;
}

static const kernel KERNELS[] = {{"float32", 0, 16 * 4.0, fma_portable}};
#endif

static void run_kernel(void *ctx) {
    pool_run((size_t)pool_threads(), ((const kernel *)ctx)->run, NULL);
}

static double by_streams[MOST_STREAMS + 1];

static void note(const bench_way *way) {
    if (way->gigabytes_per_second > by_streams[way->streams]) by_streams[way->streams] = way->gigabytes_per_second;
}

int main(void) {
    size_t bytes = (getenv("PROBE_MB") ? strtoull(getenv("PROBE_MB"), NULL, 10) : 1024) << 20;
    void *memory = bench_memory(bytes);
    bench_bandwidth(memory, bytes, 5, note);
    bench_memory_free(memory, bytes);
    printf("{\"threads\": %d, \"level\": \"%s\", \"read\": {", pool_threads(), cpu_level_name(cpu_flags()));
    const char *comma = "";
    for (int s = 1; s <= MOST_STREAMS; s *= 2, comma = ", ") printf("%s\"%d\": %.3f", comma, s, by_streams[s]);
    printf("}, \"multiply_adds\": {");
    comma = "";
    for (size_t i = 0; i < sizeof KERNELS / sizeof *KERNELS; i++) {
        const kernel *k = KERNELS + i;
        if ((cpu_flags() & k->needs) != k->needs || (k->needs == CPU_AMX_INT8 && !amx_permitted())) continue;
        bench_work work = {run_kernel, (void *)k, 0, 0};
        bench_measure(&work, 1, REPEATS);
        printf("%s\"%s\": %.2f", comma, k->name, k->per_round * ROUNDS * pool_threads() / work.best * 1e-9);
        comma = ", ";
    }
    printf("}}\n");
    return 0;
}
