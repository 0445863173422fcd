#include "kernel/gemm/gemm_block.h"

#include "base/alloc.h"
#include "base/num.h"

/* Blocks: A [BLOCK_M, BLOCK_K] stays in the second-level cache, a panel of B [BLOCK_K, nr] in the first. */
enum { BLOCK_M = 96, BLOCK_N = 512, BLOCK_K = 256 };

/* N elements at FROM as floats: in place when they are floats (any alignment), else widened into ROOM. */
static const uint8_t *as_floats(const gemm_kernels *k, dtype type, const uint8_t *from, int64_t n, float *room) {
    if (type == INLAY_FLOAT32) return from;
    if (type == INLAY_BFLOAT16)
        k->widen_bf16(n, from, room);
    else
        k->widen_f16(n, from, room);
    return (const uint8_t *)room;
}
static const uint8_t *as_doubles(const gemm_kernels *k, dtype type, const uint8_t *from, int64_t n, double *room) {
    (void)k, (void)type, (void)n, (void)room;
    return from;
}

#define T float
#define NAME(name) name##_f32
#define AS_T as_floats
#define TILE(k) (k)->tile_f32
#define TILE_M(k) (k)->mr
#define TILE_N(k) (k)->nr
#include "kernel/gemm/gemm_block_body.h"

#define T double
#define NAME(name) name##_f64
#define AS_T as_doubles
#define TILE(k) (k)->tile_f64
#define TILE_M(k) (k)->mr64
#define TILE_N(k) (k)->nr64
#include "kernel/gemm/gemm_block_body.h"

/* Vectors of depth K, one after the other, aligned; NULL when memory is out. */
static float *gather_vectors(const gemm_kernels *kernels, const gemm_source *s, int64_t few, int64_t k) {
    float *out = mem_array((size_t)few * (size_t)k, sizeof *out);
    if (!out) return NULL;
    for (int64_t w = 0; w < few; w++)
        if (s->depth_runs) {
            const uint8_t *from = as_floats(kernels, s->type, gemm_at(s, w, 0), k, out + w * k);
            if (from != (uint8_t *)(out + w * k)) memcpy(out + w * k, from, (size_t)k * sizeof *out);
        } else {
            for (int64_t p = 0; p < k; p++) {
                float room;
                memcpy(&out[w * k + p], as_floats(kernels, s->type, gemm_at(s, w, p), 1, &room), sizeof room);
            }
        }
    return out;
}

/* N dot products of rows of S from ROW with FEW vectors. */
static void dot_rows(const gemm_kernels *kernels, const gemm_source *s, int64_t row, int64_t n, int64_t k, int64_t few,
                     const float *vectors, float *room, float *out, int64_t out_row, int64_t out_vector) {
    if (s->type == INLAY_FLOAT32) {
        kernels->dots_f32((int)few, n, k, (const float *)(const void *)gemm_at(s, row, 0), s->ld, vectors, out, out_row,
                          out_vector);
        return;
    }
    for (int64_t r = 0; r < n; r++) {
        as_floats(kernels, s->type, gemm_at(s, row + r, 0), k, room);
        kernels->dots_f32((int)few, 1, k, room, k, vectors, out + r * out_row, out_row, out_vector);
    }
}

/* C [few, n] += vectors · rows of B (columns run), in strips that stay in the first-level cache. */
static void add_rows(const gemm_kernels *kernels, const gemm_source *b, int64_t n0, int64_t n, int64_t k, int64_t few,
                     const float *vectors, float *room, float *c, int64_t ldc) {
    enum { STRIP = 2048 };
    for (int64_t i = 0; i < few; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    for (int64_t j = 0; j < n; j += STRIP) {
        int64_t width = n - j < STRIP ? n - j : STRIP;
        for (int64_t p = 0; p < k; p += GEMM_ROWS) {
            int rows = (int)(k - p < GEMM_ROWS ? k - p : GEMM_ROWS);
            const float *row[GEMM_ROWS];
            float factor[GEMM_FEW * GEMM_ROWS];
            for (int r = 0; r < rows; r++) {
                row[r] = (const float *)(const void *)as_floats(kernels, b->type, gemm_at(b, n0 + j, p + r), width,
                                                                room + r * STRIP);
                for (int64_t i = 0; i < few; i++) factor[i * GEMM_ROWS + r] = vectors[i * k + p + r];
            }
            kernels->axpy_f32((int)few, width, rows, factor, row, c + j, ldc);
        }
    }
}

bool gemm_few_rows(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m, int64_t n0,
                   int64_t n, int64_t k, float *c, int64_t ldc) {
    float *vectors = gather_vectors(kernels, a, m, k);
    float *room = mem_array(b->depth_runs ? (size_t)k : (size_t)GEMM_ROWS * 2048, sizeof *room);
    bool done = vectors && room;
    if (done && b->depth_runs)
        dot_rows(kernels, b, n0, n, k, m, vectors, room, c, 1, ldc);
    else if (done)
        add_rows(kernels, b, n0, n, k, m, vectors, room, c, ldc);
    mem_free(room);
    mem_free(vectors);
    return done;
}

bool gemm_few_columns(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m,
                      int64_t n, int64_t k, float *c, int64_t ldc) {
    float *vectors = gather_vectors(kernels, b, n, k);
    float *room = mem_array((size_t)k, sizeof *room);
    bool done = vectors && room;
    if (done) dot_rows(kernels, a, m0, m, k, n, vectors, room, c, ldc, 1);
    mem_free(room);
    mem_free(vectors);
    return done;
}
