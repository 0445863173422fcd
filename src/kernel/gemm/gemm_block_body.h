/* Blocked product over element type T; gemm_block.c includes this once a type. */

/* Elements [w0, w0 + width) by [p0, p0 + depth) of S as panels of W: TO [ceil(width / W)][depth][W], the rest of the
 * last panel zero. */
static void NAME(pack)(const gemm_kernels *kernels, const gemm_source *s, int64_t w0, int64_t width, int64_t p0,
                       int64_t depth, int panel, T *to) {
    T room[BLOCK_K];
    for (int64_t w = 0; w < width; w += panel, to += depth * panel) {
        int64_t here = width - w < panel ? width - w : panel;
        if (here < panel) memset(to, 0, (size_t)(depth * panel) * sizeof *to);
        if (s->depth_runs) {
            for (int64_t i = 0; i < here; i++) {
                const uint8_t *from = AS_T(kernels, s->type, gemm_at(s, w0 + w + i, p0), depth, room);
                for (int64_t p = 0; p < depth; p++) memcpy(to + p * panel + i, from + (size_t)p * sizeof(T), sizeof(T));
            }
        } else {
            for (int64_t p = 0; p < depth; p++) {
                const uint8_t *from = AS_T(kernels, s->type, gemm_at(s, w0 + w, p0 + p), here, room);
                memcpy(to + p * panel, from, (size_t)here * sizeof(T));
            }
        }
    }
}

/* Packed A [m, depth] times packed B [depth, n] into C. */
static void NAME(multiply)(const gemm_kernels *kernels, const T *a, const T *b, int64_t m, int64_t n, int64_t depth,
                           T *c, int64_t ldc, bool add) {
    int mr = TILE_M(kernels), nr = TILE_N(kernels);
    T edge[GEMM_MAX_MR * GEMM_MAX_NR];
    for (int64_t j = 0; j < n; j += nr)
        for (int64_t i = 0; i < m; i += mr) {
            T *to = c + i * ldc + j;
            const T *pa = a + i * depth, *pb = b + j * depth;
            if (m - i >= mr && n - j >= nr) {
                TILE(kernels)(depth, pa, pb, to, ldc, add);
                continue;
            }
            TILE(kernels)(depth, pa, pb, edge, nr, false);
            for (int64_t y = 0; y < mr && i + y < m; y++)
                for (int64_t x = 0; x < nr && j + x < n; x++)
                    to[y * ldc + x] = add ? to[y * ldc + x] + edge[y * nr + x] : edge[y * nr + x];
        }
}

bool NAME(gemm_block)(const gemm_kernels *kernels, const gemm_source *a, const gemm_source *b, int64_t m0, int64_t m,
                      int64_t n0, int64_t n, int64_t k, T *c, int64_t ldc) {
    int mr = TILE_M(kernels), nr = TILE_N(kernels);
    int64_t depth = k < BLOCK_K ? k : BLOCK_K;
    int64_t block_m = m < BLOCK_M ? (m + mr - 1) / mr * mr : BLOCK_M / mr * mr;
    int64_t block_n = n < BLOCK_N ? (n + nr - 1) / nr * nr : BLOCK_N;
    T *pa = mem_aligned(64, (size_t)((block_m + block_n) * depth) * sizeof *pa);
    if (!pa) return false;
    T *pb = pa + block_m * depth;
    for (int64_t j = 0; j < n; j += block_n) {
        int64_t width = n - j < block_n ? n - j : block_n;
        for (int64_t p = 0; p < k; p += depth) {
            int64_t deep = k - p < depth ? k - p : depth;
            NAME(pack)(kernels, b, n0 + j, width, p, deep, nr, pb);
            for (int64_t i = 0; i < m; i += block_m) {
                int64_t high = m - i < block_m ? m - i : block_m;
                NAME(pack)(kernels, a, m0 + i, high, p, deep, mr, pa);
                NAME(multiply)(kernels, pa, pb, high, width, deep, c + i * ldc + j, ldc, p > 0);
            }
        }
    }
    mem_free(pa);
    return true;
}

#undef T
#undef NAME
#undef AS_T
#undef TILE
#undef TILE_M
#undef TILE_N
