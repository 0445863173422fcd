#include "search/search.h"

#include <string.h>

/* The last chunk that begins at ROW or before it; NULL when none has it. */
static const search_chunk *chunk_of(const search_view *view, int64_t row) {
    size_t low = 0, high = view->n_chunks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->chunks[middle].first_row <= row)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low > 0; low--) { /* past empty ones */
        const search_chunk *c = &view->chunks[low - 1];
        if (row < c->first_row + c->count) return c;
        if (c->count > 0) break;
    }
    return NULL;
}

static float number_at(const uint8_t *p, dtype type) {
    uint16_t half;
    float f;
    double d;
    switch (type) {
    case INLAY_INT8: return (int8_t)*p;
    case INLAY_FLOAT64: memcpy(&d, p, sizeof d); return (float)d;
    case INLAY_FLOAT16: memcpy(&half, p, sizeof half); return f16_to_f32(half);
    case INLAY_BFLOAT16: memcpy(&half, p, sizeof half); return bf16_to_f32(half);
    default: memcpy(&f, p, sizeof f); return f;
    }
}

void search_vector(const search_view *view, int64_t row, float *out) {
    const search_chunk *c = chunk_of(view, row);
    int64_t dim = view->dim;
    if (!c) {
        memset(out, 0, (size_t)dim * sizeof *out);
        return;
    }
    int64_t local = row - c->first_row, step = c->transposed ? c->count : 1;
    size_t size = dtype_size(c->type);
    const uint8_t *from = (const uint8_t *)c->rows + (size_t)(c->transposed ? local : local * dim) * size;
    if (c->type == INLAY_FLOAT32 && !c->transposed) {
        memcpy(out, from, (size_t)dim * sizeof *out);
        return;
    }
    for (int64_t j = 0; j < dim; j++) out[j] = number_at(from + (size_t)(j * step) * size, c->type);
}
