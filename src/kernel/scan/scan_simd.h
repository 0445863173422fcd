/* The scan in terms of a vector type. The file of an instruction set defines for each class, with the prefix vs_ (float
 * sums) or vd_ (double sums) where this says V:
 *   V_sum, V_LANES, V_TILE   float or double; how many a vector holds; most queries of a tile
 *   V_t, V_scores            a vector of V_sum; as many float32
 *   V_zero V_set1 V_load V_store V_fma V_add
 *   V_transpose(v)           LANES vectors of LANES, in place
 *   V_load_TYPE(p)           LANES elements of TYPE, any alignment
 *   V_tail, V_tail_of(dim)   names the elements beyond the last whole vector; dim is at least V_MIN_DIM
 *   V_tail_sum(p, tail), V_tail_TYPE(p, tail)   those of the row at p, zeros in the other lanes
 *   V_reduce(v)              eight vectors to the eight float32 sums of their lanes
 *   V_to_scores V_scores_load V_scores_set1 V_scores_mul V_scores_sub V_scores_store
 *   V_scores_reach(v, t)     a bit for each lane that is not below t, so NaN passes
 * and for eight float32 in whatever form: eight, eight_load, eight_strided(p, floats), eight_mul, eight_sub,
 * eight_reach(v, float), eight_store.
 * and LEVEL, its name, and WIDEST_TILE, the larger V_TILE. Including this then gives scan_kernels_LEVEL. */
#include "kernel/scan/scan_element.h"

#define SCAN_NAME2(name) #name
#define SCAN_NAME(name) SCAN_NAME2(name)
#define SCAN_PASTE2(a, b) a##b
#define SCAN_PASTE(a, b) SCAN_PASTE2(a, b)
#define V(name) SCAN_PASTE(PREFIX, name)  /* PREFIX: vs_ or vd_ */
#define T(name) SCAN_PASTE(name##_, TYPE) /* TYPE: f32, f64, f16 or bf16 */
#define VT(name) SCAN_PASTE(V(name##_), TYPE)

enum {
    STREAMS = 8, /* rows read side by side, far apart: one sequential stream is bound by latency on many CPUs */
    ALL_STREAMS = (1 << STREAMS) - 1,
    FEW = 3,    /* at most, queries of one pass over the streams */
    BLOCK = 256 /* products summed one by one before they join the total: keeps the rounding of long rows small */
};

/* Eight streams through a block of rows: stream s begins at row s * length. */
typedef struct streams {
    size_t length; /* rows a stream */
    size_t full;   /* steps in which all eight have a row */
} streams;

INLINE streams streams_of(const scan_rows *r) {
    size_t length = (r->count + STREAMS - 1) / STREAMS, before_last = (STREAMS - 1) * length;
    return (streams){length, r->count > before_last ? r->count - before_last : 0};
}

/* Points ROW at the rows of step I, at the last row for a stream that has run out; returns a bit for each that has not.
 */
NOINLINE unsigned streams_end(const scan_rows *r, streams at, size_t i, const uint8_t *row[STREAMS]) {
    unsigned valid = 0;
    for (size_t s = 0; s < STREAMS; s++) {
        size_t number = s * at.length + i;
        valid |= (unsigned)(number < r->count) << s;
        row[s] = r->data + min_size(number, r->count - 1) * r->stride;
    }
    return valid;
}

NOINLINE void streams_offer(const scan_rows *r, streams at, size_t i, unsigned hits, const float score[STREAMS],
                            scan_top *top) {
    for (; hits; hits &= hits - 1) {
        size_t s = (size_t)__builtin_ctz(hits);
        scan_offer(r, s * at.length + i, score[s], top);
    }
}

INLINE eight streams_side(const scan_rows *r, streams at, size_t i, unsigned valid) {
    if (valid == ALL_STREAMS) return eight_strided(r->side + sizeof(float) * i, at.length);
    float side[STREAMS];
    for (size_t s = 0; s < STREAMS; s++) side[s] = valid & 1u << s ? side_of(r, s * at.length + i) : 0;
    return eight_load(side);
}

/* Turns the dot products of step I into scores and offers those that reach the threshold. */
INLINE void streams_finish(const scan_rows *r, streams at, size_t i, unsigned valid, eight score, scan_top *top) {
    if (r->factor == SCAN_TIMES) score = eight_mul(score, streams_side(r, at, i, valid));
    if (r->factor == SCAN_MINUS) score = eight_sub(score, streams_side(r, at, i, valid));
    unsigned hits = eight_reach(score, top->threshold) & valid;
    if (RARELY(hits)) {
        float scores[STREAMS];
        eight_store(scores, score);
        streams_offer(r, at, i, hits, scores, top);
    }
}

#define PREFIX vs_
#include "kernel/scan/scan_simd_class.h"
#define TYPE f32
#define SIZE 4
#include "kernel/scan/scan_simd_type.h"
#define TYPE f16
#define SIZE 2
#include "kernel/scan/scan_simd_type.h"
#define TYPE bf16
#define SIZE 2
#include "kernel/scan/scan_simd_type.h"
#undef PREFIX
#define PREFIX vd_
#include "kernel/scan/scan_simd_class.h"
#define TYPE f64
#define SIZE 8
#include "kernel/scan/scan_simd_type.h"

void SCAN_PASTE(scan_kernels_, LEVEL)(scan_kernels *k) {
    *k = (scan_kernels){
        .name = SCAN_NAME(LEVEL),
        .few_queries = {2 * vs_FEW, 2 * vd_FEW},
        .panel_rows = {vs_PANEL, vd_PANEL},
        .tile_queries = {vs_TILE, vd_TILE},
        .rows = {rows_f32, rows_f64, rows_f16, rows_bf16},
        .pack = {{pack_rows_f32, pack_columns_f32},
                 {pack_rows_f64, pack_columns_f64},
                 {pack_rows_f16, pack_columns_f16},
                 {pack_rows_bf16, pack_columns_bf16}},
        .tile = {vs_tile, vd_tile},
    };
}
