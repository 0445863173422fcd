#include "edit/fuse/fuse_check.h"

#include "base/alloc.h"
#include "base/num.h"

#include <inttypes.h>
#include <math.h>

enum { BEST = 10 };

/* The rows as the new index gives them. */
typedef struct stored {
    bundle *b;
    tensor **held; /* [2 * n_chunks] */
    search_chunk *chunks;
    search_view view;
} stored;

static inlay_status read_variable(const fuse_data *d, bundle *b, const char *name, tensor **out, inlay_error *err) {
    const char *key = fuse_variable_key(d->extractor->form, d->prefix, name, d->a);
    if (!key) return fail_memory(err);
    const bundle_entry *entry = bundle_find(b, bytes_of(key));
    if (!entry) return fail_at(err, INLAY_INTERNAL, d->bundle, -1, "the new index has no %s", key);
    TRY(bundle_check(b, entry, err));
    return bundle_read(b, entry, out, err);
}

static inlay_status open_stored(const fuse_data *d, stored *s, inlay_error *err) {
    TRY(bundle_open(d->bundle, false, &s->b, err));
    s->held = mem_zalloc(2 * d->n_chunks, sizeof *s->held);
    s->chunks = mem_zalloc(d->n_chunks, sizeof *s->chunks);
    if (!s->held || !s->chunks) return fail_memory(err);
    for (size_t i = 0; i < d->n_chunks; i++) {
        const graph_chunk *c = &d->chunks[i];
        TRY(read_variable(d, s->b, c->rows, &s->held[2 * i], err));
        if (c->side) TRY(read_variable(d, s->b, c->side, &s->held[2 * i + 1], err));
        s->chunks[i] = (search_chunk){.rows = s->held[2 * i]->data,
                                      .side = c->side ? s->held[2 * i + 1]->data : NULL,
                                      .count = c->count,
                                      .first_row = c->first_row,
                                      .type = d->sources->type,
                                      .transposed = c->transposed};
    }
    s->view = (search_view){.chunks = s->chunks, .n_chunks = d->n_chunks, .dim = d->sources->dim, .metric = d->metric};
    return INLAY_OK;
}

static void close_stored(const fuse_data *d, stored *s) {
    for (size_t i = 0; s->held && i < 2 * d->n_chunks; i++) tensor_release(s->held[i]);
    mem_free(s->held);
    mem_free(s->chunks);
    bundle_close(s->b);
}

static double element(const search_chunk *c, int64_t row, int64_t column, int64_t dim) {
    size_t index = c->transposed ? (size_t)(column * c->count + row) : (size_t)(row * dim + column);
    const uint8_t *p = (const uint8_t *)c->rows + index * dtype_size(c->type);
    double wide;
    switch (c->type) {
    case INLAY_FLOAT16: return f16_to_f32(load_u16(p));
    case INLAY_BFLOAT16: return bf16_to_f32(load_u16(p));
    case INLAY_FLOAT64: memcpy(&wide, p, sizeof wide); return wide;
    default: return load_f32(p);
    }
}

/* The score of a row by its definition (search.h). */
static double exact_score(const search_view *v, const search_chunk *c, int64_t row, const float *query) {
    double dot = 0, own = 0, other = 0;
    for (int64_t i = 0; i < v->dim; i++) {
        double q = query[i], x = element(c, row, i, v->dim);
        dot += q * x;
        own += q * q;
        other += x * x;
    }
    double score = dot; /* of rows that are not finite NaN, which must stay NaN until the end */
    if (v->metric == SEARCH_L2) {
        score = 2 * dot - own - other;
        if (score > 0) score = 0;
    } else if (v->metric == SEARCH_COSINE) {
        score = own == 0 || other == 0 ? 0 : dot / sqrt(own * other);
    }
    return isnan(score) ? -INFINITY : (double)(float)score; /* beyond float32 all are infinite alike */
}

static const search_chunk *chunk_of(const search_view *v, int64_t row) {
    for (size_t i = 0; i < v->n_chunks; i++)
        if (row - v->chunks[i].first_row < v->chunks[i].count) return &v->chunks[i];
    return NULL;
}

/* The scan's winners must score, by definition, what the plain loop's K best score. */
static inlay_status check_row(const fuse_data *d, const search_view *v, int64_t row, float *query, inlay_error *err) {
    double best[BEST];
    float scores[BEST];
    int64_t rows[BEST], k = d->rows < BEST ? d->rows : BEST;
    const search_chunk *own = chunk_of(v, row);
    for (int64_t i = 0; i < v->dim; i++) query[i] = (float)element(own, row - own->first_row, i, v->dim);
    for (int64_t i = 0; i < v->dim; i++)
        if (!isfinite(query[i])) return INLAY_OK; /* no query can be made of it */
    for (int64_t i = 0; i < k; i++) best[i] = -INFINITY;
    double scale = 0;
    for (size_t c = 0; c < v->n_chunks; c++)
        for (int64_t r = 0; r < v->chunks[c].count; r++) {
            double score = exact_score(v, &v->chunks[c], r, query);
            if (isfinite(score) && fabs(score) > scale) scale = fabs(score);
            int64_t at = k;
            for (; at > 0 && score > best[at - 1]; at--)
                if (at < k) best[at] = best[at - 1];
            if (at < k) best[at] = score;
        }
    TRY(search_topk(v, query, 1, k, scores, rows, err));
    for (int64_t i = 0; i < k; i++) {
        const search_chunk *c = chunk_of(v, rows[i]);
        double exact = exact_score(v, c, rows[i] - c->first_row, query);
        bool same = exact == best[i] || fabs(exact - best[i]) <= 1e-5 * (scale + 1);
        if (!same)
            return fail_at(err, INLAY_INTERNAL, d->options->output, -1,
                           "check of row %" PRId64 ": answer %" PRId64 " is row %" PRId64
                           " with score %.9g, brute force has %.9g",
                           row, i, rows[i], exact, best[i]);
    }
    return INLAY_OK;
}

inlay_status fuse_check(const fuse_data *d, int64_t n, inlay_error *err) {
    if (n <= 0 || d->rows == 0) return INLAY_OK;
    if (n > d->rows) n = d->rows;
    stored s = {0};
    inlay_status status;
    progress report;
    progress_start(&report, d->options->progress, d->options->progress_user, "checking", (uint64_t)n);
    float *query = mem_array((size_t)d->sources->dim, sizeof *query);
    if (!query) TRY_TO(done, fail_memory(err));
    TRY_TO(done, open_stored(d, &s, err));
    for (int64_t i = 0; i < n; i++) {
        TRY_TO(done, check_row(d, &s.view, (int64_t)((__int128)i * d->rows / n), query, err));
        progress_add(&report, 1);
        TRY_TO(done, progress_check(&report, err));
    }
done:
    close_stored(d, &s);
    mem_free(query);
    return status;
}
