#include "kernel/gemm/gemm.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/num.h"
#include "base/pool.h"
#include "kernel/gemm/gemm_block.h"
#include "kernel/gemm/gemm_onednn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    PART_FLOPS = 1 << 20,   /* less is not worth another thread */
    ONEDNN_FLOPS = 1 << 25, /* less is not worth calling oneDNN */
    HALF_PART = 256 * 1024, /* elements of C in float32 that a part of a half-precision product may hold */
    PARTS_A_THREAD = 4,
};

static struct {
    pthread_once_t once;
    gemm_kernels kernels;
    _Atomic int backend;
} state = {.once = PTHREAD_ONCE_INIT};

static void init(void) {
    gemm_kernels_init(&state.kernels, cpu_flags());
    const char *wanted = getenv("INLAY_GEMM");
    if (wanted && strcmp(wanted, "portable") == 0) state.backend = GEMM_PORTABLE;
}

bool gemm_choose(gemm_backend backend) {
    pthread_once(&state.once, init);
    if (backend == GEMM_ONEDNN && !onednn_load()) return false;
    state.backend = (int)backend;
    return true;
}

const char *gemm_onednn_version(void) {
    return onednn_version();
}

/* A product being computed: C cut into parts [rows, cols], each a task. */
typedef struct {
    const gemm_call *call;
    int64_t rows, cols; /* of a part */
    int64_t row_parts, col_parts;
    bool use_onednn;
    _Atomic bool out_of_memory;
} job;

static bool is_half(dtype t) {
    return t == INLAY_BFLOAT16 || t == INLAY_FLOAT16;
}

static gemm_source source_a(const gemm_call *g, int64_t matrix) {
    const uint8_t *data = (const uint8_t *)g->a + (uint64_t)matrix * (uint64_t)(g->m * g->k) * dtype_size(g->type);
    return (gemm_source){data, g->trans_a ? g->m : g->k, !g->trans_a, g->type};
}
static gemm_source source_b(const gemm_call *g, int64_t matrix) {
    const uint8_t *data = (const uint8_t *)g->b + (uint64_t)matrix * (uint64_t)(g->k * g->n) * dtype_size(g->type);
    return (gemm_source){data, g->trans_b ? g->k : g->n, g->trans_b, g->type};
}

/* A part of C in float32, whatever the sources are. */
static bool part_f32(const job *j, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m, int64_t n0,
                     int64_t n, float *c, int64_t ldc) {
    const gemm_call *g = j->call;
    const gemm_kernels *kernels = &state.kernels;
    if (g->n <= GEMM_FEW && a->depth_runs) return gemm_few_columns(kernels, a, b, m0, m, g->n, g->k, c, ldc);
    if (g->m <= GEMM_FEW) return gemm_few_rows(kernels, a, b, g->m, n0, n, g->k, c, ldc);
    if (j->use_onednn &&
        onednn_sgemm(g->trans_a, g->trans_b, m, n, g->k, (const float *)(const void *)gemm_at(a, m0, 0), a->ld,
                     (const float *)(const void *)gemm_at(b, n0, 0), b->ld, c, ldc))
        return true;
    return gemm_block_f32(kernels, a, b, m0, m, n0, n, g->k, c, ldc);
}

/* The same into half-precision C, by way of float32. */
static bool part_half(const job *j, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m, int64_t n0,
                      int64_t n, uint16_t *c, int64_t ldc) {
    float *wide = mem_array((size_t)(m * n), sizeof *wide);
    bool done = wide && part_f32(j, a, b, m0, m, n0, n, wide, n);
    for (int64_t y = 0; done && y < m; y++)
        for (int64_t x = 0; x < n; x++)
            c[y * ldc + x] =
                j->call->type == INLAY_BFLOAT16 ? f32_to_bf16(wide[y * n + x]) : f32_to_f16(wide[y * n + x]);
    mem_free(wide);
    return done;
}

/* Plain loops. Integers wrap, as unsigned ones do. */
#define PART_PLAIN(name, type)                                                                                 \
    static void name(const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m, int64_t n0, int64_t n, \
                     int64_t k, type *c, int64_t ldc) {                                                        \
        for (int64_t y = 0; y < m; y++)                                                                        \
            for (int64_t x = 0; x < n; x++) {                                                                  \
                type sum = 0;                                                                                  \
                for (int64_t p = 0; p < k; p++) {                                                              \
                    type u, v;                                                                                 \
                    memcpy(&u, gemm_at(a, m0 + y, p), sizeof u);                                               \
                    memcpy(&v, gemm_at(b, n0 + x, p), sizeof v);                                               \
                    sum += u * v;                                                                              \
                }                                                                                              \
                c[y * ldc + x] = sum;                                                                          \
            }                                                                                                  \
    }
PART_PLAIN(part_u32, uint32_t)
PART_PLAIN(part_u64, uint64_t)
PART_PLAIN(part_c64, float _Complex)
PART_PLAIN(part_c128, double _Complex)

static void run_part(void *ctx, size_t index, int worker) {
    (void)worker;
    job *j = ctx;
    const gemm_call *g = j->call;
    int64_t part = (int64_t)index;
    int64_t m0 = part / j->col_parts % j->row_parts * j->rows, n0 = part % j->col_parts * j->cols;
    int64_t matrix = part / j->col_parts / j->row_parts;
    int64_t m = g->m - m0 < j->rows ? g->m - m0 : j->rows, n = g->n - n0 < j->cols ? g->n - n0 : j->cols;
    gemm_source a = source_a(g, g->a_index ? g->a_index[matrix] : matrix);
    gemm_source b = source_b(g, g->b_index ? g->b_index[matrix] : matrix);
    uint8_t *to = (uint8_t *)g->c + (uint64_t)((matrix * g->m + m0) * g->n + n0) * dtype_size(g->type);
    bool done = true;
    switch (g->type) {
    case INLAY_FLOAT32: done = part_f32(j, &a, &b, m0, m, n0, n, (float *)(void *)to, g->n); break;
    case INLAY_FLOAT64:
        done = gemm_block_f64(&state.kernels, &a, &b, m0, m, n0, n, g->k, (double *)(void *)to, g->n);
        break;
    case INLAY_INT32: part_u32(&a, &b, m0, m, n0, n, g->k, (uint32_t *)(void *)to, g->n); break;
    case INLAY_INT64: part_u64(&a, &b, m0, m, n0, n, g->k, (uint64_t *)(void *)to, g->n); break;
    case INLAY_COMPLEX64: part_c64(&a, &b, m0, m, n0, n, g->k, (float _Complex *)(void *)to, g->n); break;
    case INLAY_COMPLEX128: part_c128(&a, &b, m0, m, n0, n, g->k, (double _Complex *)(void *)to, g->n); break;
    default: done = part_half(j, &a, &b, m0, m, n0, n, (uint16_t *)(void *)to, g->n); break;
    }
    if (!done) j->out_of_memory = true;
}

/* Halves the longer side of the parts until there are enough for the threads, or they become small. */
static void cut(job *j) {
    const gemm_call *g = j->call;
    double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    int threads = pool_threads();
    double wanted = threads == 1 ? 1 : flops * (double)g->batch / PART_FLOPS;
    if (wanted > PARTS_A_THREAD * threads) wanted = PARTS_A_THREAD * threads;
    int64_t row_step = g->m <= GEMM_FEW ? g->m : 48, col_step = g->n <= GEMM_FEW ? g->n : 64;
    j->rows = g->m;
    j->cols = g->n;
    for (;;) {
        j->row_parts = (g->m + j->rows - 1) / j->rows;
        j->col_parts = (g->n + j->cols - 1) / j->cols;
        bool enough = (double)j->row_parts * (double)j->col_parts * (double)g->batch >= wanted;
        if (enough && !(is_half(g->type) && j->rows > HALF_PART / j->cols)) break;
        int64_t *side = j->rows > j->cols ? &j->rows : &j->cols;
        int64_t step = side == &j->rows ? row_step : col_step;
        int64_t half = (*side / 2 + step - 1) / step * step;
        if (half >= *side) break;
        *side = half;
    }
}

inlay_status gemm_run(const gemm_call *call, inlay_error *err) {
    switch (call->type) {
    case INLAY_FLOAT32:
    case INLAY_FLOAT64:
    case INLAY_BFLOAT16:
    case INLAY_FLOAT16:
    case INLAY_INT32:
    case INLAY_INT64:
    case INLAY_COMPLEX64:
    case INLAY_COMPLEX128: break;
    default: return fail(err, INLAY_UNIMPLEMENTED, "matrix product of %s", dtype_name(call->type));
    }
    pthread_once(&state.once, init);
    if (call->m == 0 || call->n == 0 || call->batch == 0) return INLAY_OK;
    if (call->k == 0) {
        memset(call->c, 0, (size_t)(call->batch * call->m * call->n) * dtype_size(call->type));
        return INLAY_OK;
    }
    job j = {.call = call};
    double flops = 2.0 * (double)call->m * (double)call->n * (double)call->k;
    j.use_onednn = call->type == INLAY_FLOAT32 &&
                   (state.backend == GEMM_ONEDNN || (state.backend == GEMM_AUTO && flops >= ONEDNN_FLOPS)) &&
                   call->m > GEMM_FEW && call->n > GEMM_FEW && onednn_load();
    cut(&j);
    pool_run((size_t)(j.row_parts * j.col_parts * call->batch), run_part, &j);
    return j.out_of_memory ? fail_memory(err) : INLAY_OK;
}
