#include "search/index_tie.h"

static bool is_like(const bundle_entry *e, uint64_t size, uint32_t crc) {
    return e && e->n_slices == 0 && e->size == size && e->crc == crc;
}

static const bundle_entry *find_side(const search_index_info *about, const bundle *b) {
    shape wanted = shape_vector(about->rows);
    for (size_t i = 0; i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        if (e->type == INLAY_FLOAT32 && is_like(e, about->tie.side_size, about->tie.side_crc) &&
            shape_equal(&e->dims, &wanted))
            return e;
    }
    return NULL;
}

bool index_is_of(const search_index_info *about, const bundle *b, const bundle_entry **rows,
                 const bundle_entry **side) {
    const bundle_entry *e = bundle_find(b, about->tie.key);
    shape wanted = about->transposed ? shape_matrix(about->dim, about->rows) : shape_matrix(about->rows, about->dim);
    *rows = e;
    *side = NULL;
    if (!is_like(e, about->tie.rows_size, about->tie.rows_crc) || e->type != about->type ||
        !shape_equal(&e->dims, &wanted))
        return false;
    if (!about->side || about->tie.computed) return true;
    *side = find_side(about, b);
    return *side != NULL;
}
