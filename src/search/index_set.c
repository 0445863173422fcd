#include "search/index_set.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/map.h"

typedef struct placed {
    search_index *index;
    file_map *file;
    const void *rows, *side;
    struct placed *next; /* of the same rows */
} placed;

struct index_set {
    placed **list; /* each by itself: the map's keys lie in them */
    size_t count, capacity;
    map by_rows; /* number in the list of the last one, by the address of the rows */
};

inlay_status index_set_new(index_set **out, inlay_error *err) {
    *out = mem_zalloc(1, sizeof **out);
    return *out ? INLAY_OK : fail_memory(err);
}

void index_set_free(index_set *s) {
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        search_index_close(s->list[i]->index);
        file_map_release(s->list[i]->file);
        mem_free(s->list[i]);
    }
    map_free(&s->by_rows);
    mem_free(s->list);
    mem_free(s);
}

static bool grow(index_set *s) {
    if (s->count < s->capacity) return true;
    size_t capacity = s->capacity ? 2 * s->capacity : 64;
    placed **list = mem_realloc(s->list, capacity * sizeof *list);
    if (!list) return false;
    s->list = list;
    s->capacity = capacity;
    return true;
}

inlay_status index_set_add(index_set *s, search_index *index, file_map *file, const void *rows, const void *side,
                           inlay_error *err) {
    placed *p = grow(s) ? mem_zalloc(1, sizeof *p) : NULL;
    if (!p) {
        search_index_close(index);
        file_map_release(file);
        return fail_memory(err);
    }
    uint64_t other;
    bool more = map_get(&s->by_rows, bytes_make(&rows, sizeof rows), &other);
    *p = (placed){index, file, rows, side, more ? s->list[other] : NULL};
    s->list[s->count++] = p;
    return map_put(&s->by_rows, bytes_make(&p->rows, sizeof p->rows), s->count - 1, err);
}

static const placed *of_rows(const index_set *s, const void *rows) {
    uint64_t i;
    return s && map_get(&s->by_rows, bytes_make(&rows, sizeof rows), &i) ? s->list[i] : NULL;
}

const search_index *index_set_find(const index_set *s, const void *rows, const void *side) {
    for (const placed *p = of_rows(s, rows); p; p = p->next)
        if (p->side == side && search_index_about(p->index)->side == (side != NULL)) return p->index;
    return NULL;
}

const search_index *index_set_find_plain(const index_set *s, const search_chunk *chunk, int64_t dim,
                                         search_metric metric) {
    bool known = chunk->side == NULL;
    uint32_t crc = 0;
    for (const placed *p = of_rows(s, chunk->rows); p; p = p->next) {
        const search_index_info *about = search_index_about(p->index);
        if (!search_index_fits(p->index, chunk, dim, metric) || about->side != about->tie.computed) continue;
        if (!known) crc = crc32c(0, chunk->side, (size_t)chunk->count * sizeof(float));
        known = true;
        if (about->tie.side_crc == crc) return p->index;
    }
    return NULL;
}

uint64_t index_set_bytes(const index_set *s, bytes key) {
    uint64_t sum = 0;
    for (size_t i = 0; s && i < s->count; i++)
        if (bytes_equal(search_index_about(s->list[i]->index)->tie.key, key) && s->list[i]->file)
            sum += s->list[i]->file->size;
    return sum;
}
