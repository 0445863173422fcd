/* For one element type: TYPE its suffix, SIZE its bytes, PREFIX its class. See scan_simd.h. */

/* N rows' dot products, side by side: one accumulator a row and query. */
INLINE void T(rows_body)(const scan_rows *r, const V(sum) * queries, const size_t n, scan_top *tops) {
    size_t dim = r->dim, whole = dim / V(LANES) * V(LANES);
    streams at = streams_of(r);
    V(tail) tail = V(tail_of)(dim);
    const uint8_t *row[STREAMS];
    for (size_t s = 0; s < STREAMS; s++) row[s] = r->data + s * at.length * r->stride;
    for (size_t i = 0; i < at.length; i++) {
        unsigned valid = RARELY(i >= at.full) ? streams_end(r, at, i, row) : ALL_STREAMS;
        V(t) sum[FEW][STREAMS], query[FEW];
        UNROLL for (size_t q = 0; q < n; q++) UNROLL for (size_t s = 0; s < STREAMS; s++) sum[q][s] = V(zero)();
        for (size_t j = 0; j < whole; j += V(LANES)) {
            UNROLL for (size_t q = 0; q < n; q++) query[q] = V(load)(queries + q * dim + j);
            UNROLL for (size_t s = 0; s < STREAMS; s++) {
                V(t) x = VT(load)(row[s] + SIZE * j);
                UNROLL for (size_t q = 0; q < n; q++) sum[q][s] = V(fma)(x, query[q], sum[q][s]);
            }
        }
        if (whole < dim) {
            UNROLL for (size_t q = 0; q < n; q++) query[q] = V(tail_sum)(queries + q * dim, tail);
            UNROLL for (size_t s = 0; s < STREAMS; s++) {
                V(t) x = VT(tail)(row[s], tail);
                UNROLL for (size_t q = 0; q < n; q++) sum[q][s] = V(fma)(x, query[q], sum[q][s]);
            }
        }
        UNROLL for (size_t q = 0; q < n; q++) streams_finish(r, at, i, valid, V(reduce)(sum[q]), tops + q);
        UNROLL for (size_t s = 0; s < STREAMS; s++) row[s] += r->stride;
    }
}

static void T(rows)(const scan_rows *r, const void *queries, size_t n, scan_top *tops) {
    if (r->dim < V(MIN_DIM)) {
        scan_portable.rows[T(INDEX)](r, queries, n, tops);
        return;
    }
    const V(sum) *query = queries;
    size_t q = 0;
    if (r->count == 0) return;
    for (; q + V(FEW) <= n; q += V(FEW)) T(rows_body)(r, query + q * r->dim, V(FEW), tops + q);
    if (V(FEW) > 2 && q + 2 <= n) {
        T(rows_body)(r, query + q * r->dim, 2, tops + q);
        q += 2;
    }
    if (q < n) T(rows_body)(r, query + q * r->dim, 1, tops + q);
}

/* LANES rows from row FIRST on to half a panel, [dim] steps of 2 * LANES sums. */
static void T(pack_half)(const scan_rows *r, size_t first, V(sum) * half) {
    size_t dim = r->dim, count = min_size(V(LANES), r->count > first ? r->count - first : 0);
    if (dim < V(LANES)) {
        for (size_t j = 0; j < dim; j++)
            for (size_t i = 0; i < V(LANES); i++)
                half[j * V(PANEL) + i] = i < count ? T(element)(r->data + (first + i) * r->stride + SIZE * j) : 0;
        return;
    }
    /* The last step overlaps the one before and writes the same values again. */
    for (size_t j = 0; j<dim; j = j + V(LANES)> dim ? dim : j + V(LANES)) {
        size_t from = min_size(j, dim - V(LANES));
        V(t) v[V(LANES)];
        UNROLL for (size_t i = 0; i < V(LANES); i++) v[i] =
            i < count ? VT(load)(r->data + (first + i) * r->stride + SIZE * from) : V(zero)();
        V(transpose)(v);
        UNROLL for (size_t i = 0; i < V(LANES); i++) V(store)(half + (from + i) * V(PANEL), v[i]);
    }
}

static void T(pack_rows)(const scan_rows *r, void *panels) {
    V(sum) *out = panels;
    for (size_t first = 0; first < r->count; first += V(PANEL), out += V(PANEL) * r->dim) {
        T(pack_half)(r, first, out);
        T(pack_half)(r, first + V(LANES), out + V(LANES));
    }
}

static void T(pack_columns)(const scan_rows *r, void *panels) {
    size_t whole = r->count / V(LANES), rest = r->count % V(LANES), halves = (r->count + V(PANEL) - 1) / V(PANEL) * 2;
    for (size_t j = 0; j < r->dim; j++) {
        const uint8_t *from = r->data + j * r->stride;
        V(sum) *out = (V(sum) *)panels + j * V(PANEL);
        for (size_t h = 0; h < halves; h++) {
            V(sum) *half = out + h / 2 * V(PANEL) * r->dim + h % 2 * V(LANES);
            if (h < whole) {
                V(store)(half, VT(load)(from + h * V(LANES) * SIZE));
                continue;
            }
            for (size_t i = 0; i < V(LANES); i++)
                half[i] = h == whole && i < rest ? T(element)(from + (h * V(LANES) + i) * SIZE) : 0;
        }
    }
}

#undef TYPE
#undef SIZE
