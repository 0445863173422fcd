/* For one class: PREFIX. See scan_simd.h. */

NOINLINE void V(tile_offer)(const scan_rows *r, size_t first, unsigned hits, const float *score, scan_top *top) {
    for (; hits; hits &= hits - 1) {
        size_t i = (size_t)__builtin_ctz(hits);
        scan_offer(r, first + i, score[i], top);
    }
}

/* Scores of one query and the panel of rows from FIRST on, of which VALID has a bit each. */
INLINE void V(tile_finish)(const scan_rows *r, size_t first, unsigned valid, const V(t) sum[2], const V(scores) side[2],
                           scan_top *top) {
    V(scores) score[2] = {V(to_scores)(sum[0]), V(to_scores)(sum[1])};
    if (r->factor == SCAN_TIMES) {
        score[0] = V(scores_mul)(score[0], side[0]);
        score[1] = V(scores_mul)(score[1], side[1]);
    } else if (r->factor == SCAN_MINUS) {
        score[0] = V(scores_sub)(score[0], side[0]);
        score[1] = V(scores_sub)(score[1], side[1]);
    }
    V(scores) threshold = V(scores_set1)(top->threshold);
    unsigned hits = V(scores_reach)(score[0], threshold) | V(scores_reach)(score[1], threshold) << V(LANES);
    if (RARELY(hits & valid)) {
        float scores[V(PANEL)];
        V(scores_store)(scores, score[0]);
        V(scores_store)(scores + V(LANES), score[1]);
        V(tile_offer)(r, first, hits & valid, scores, top);
    }
}

/* The side numbers of the panel of rows from FIRST on. */
INLINE void V(tile_side)(const scan_rows *r, size_t first, V(scores) side[2]) {
    float some[V(PANEL)] = {0};
    const uint8_t *from = r->side + sizeof(float) * first;
    if (r->factor == SCAN_PLAIN || r->count - first < V(PANEL)) {
        if (r->factor != SCAN_PLAIN) memcpy(some, from, sizeof(float) * (r->count - first));
        from = (const uint8_t *)some;
    }
    side[0] = V(scores_load)(from);
    side[1] = V(scores_load)(from + sizeof(float) * V(LANES));
}

/* Products of dimensions [from, to) added one by one to WIDTH times two vectors. */
INLINE void V(tile_block)(const V(sum) * x, const V(sum) * group, size_t from, size_t to, const size_t width,
                          V(t) sum[][2]) {
    UNROLL for (size_t q = 0; q < width; q++) sum[q][0] = sum[q][1] = V(zero)();
    for (size_t j = from; j < to; j++) {
        V(t) low = V(load)(x + j * V(PANEL)), high = V(load)(x + j * V(PANEL) + V(LANES));
        UNROLL for (size_t q = 0; q < width; q++) {
            V(t) query = V(set1)(group[j * width + q]);
            sum[q][0] = V(fma)(low, query, sum[q][0]);
            sum[q][1] = V(fma)(high, query, sum[q][1]);
        }
    }
}

INLINE void V(tile_body)(const scan_rows *r, const V(sum) * x, const V(sum) * group, size_t n, const size_t width,
                         scan_top *tops) {
    for (size_t first = 0; first < r->count; first += V(PANEL), x += V(PANEL) * r->dim) {
        V(t) sum[V(TILE)][2], total[V(TILE)][2];
        V(scores) side[2];
        size_t rows = min_size(V(PANEL), r->count - first);
        unsigned valid = rows < 32 ? (1u << rows) - 1 : ~0u;
        V(tile_block)(x, group, 0, min_size(BLOCK, r->dim), width, sum);
        if (r->dim > BLOCK) {
            memcpy(total, sum, width * sizeof *sum);
            for (size_t j = BLOCK; j < r->dim; j += BLOCK) {
                V(tile_block)(x, group, j, min_size(j + BLOCK, r->dim), width, sum);
                UNROLL for (size_t q = 0; q < width; q++) {
                    total[q][0] = V(add)(total[q][0], sum[q][0]);
                    total[q][1] = V(add)(total[q][1], sum[q][1]);
                }
            }
            memcpy(sum, total, width * sizeof *sum);
        }
        V(tile_side)(r, first, side);
        UNROLL for (size_t q = 0; q < width; q++) if (q < n) V(tile_finish)(r, first, valid, sum[q], side, tops + q);
    }
}

static void V(tile)(const scan_rows *r, const void *panels, const void *group, size_t n, scan_top *tops) {
    switch (scan_group_width(n)) {
    case 1: V(tile_body)(r, panels, group, n, 1, tops); break;
    case 2: V(tile_body)(r, panels, group, n, 2, tops); break;
    case 4: V(tile_body)(r, panels, group, n, 4, tops); break;
    case 6: V(tile_body)(r, panels, group, n, 6, tops); break;
#if WIDEST_TILE > 6
    case 8: V(tile_body)(r, panels, group, n, 8, tops); break;
    case 10: V(tile_body)(r, panels, group, n, 10, tops); break;
    case 12: V(tile_body)(r, panels, group, n, 12, tops); break;
#endif
    default: break;
    }
}
