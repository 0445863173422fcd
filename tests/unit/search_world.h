/* Worlds for tests of searches: chunks of rows, some with an index, seen with their indexes and without. */
#ifndef UNIT_SEARCH_WORLD_H
#define UNIT_SEARCH_WORLD_H

#include "unit/scratch.h"

#include "search/search_index.h"

#include <math.h>

enum { MAX_CHUNKS = 4 };

typedef struct world {
    search_view with, without; /* indexes */
    search_chunk chunks[2][MAX_CHUNKS];
    void *blocks[2 * MAX_CHUNKS]; /* rows and sides */
    file_map *files[MAX_CHUNKS];
    search_index *indexes[MAX_CHUNKS];
    int64_t rows;
} world;

static const search_tie tie = {
    .key = {(const uint8_t *)"rows/0", 6}, .rows_crc = 0x01020304, .side_crc = 5, .rows_size = 6, .side_size = 7};

static char *folder; /* of scratch files, for all tests */

/* VALUE as TYPE holds it, to P. */
static inline double store(uint8_t *p, dtype type, double value) {
    float f = (float)value;
    uint16_t half = type == INLAY_FLOAT16 ? f32_to_f16(f) : f32_to_bf16(f);
    switch (type) {
    case INLAY_FLOAT64: memcpy(p, &value, 8); return value;
    case INLAY_FLOAT32: memcpy(p, &f, 4); return (double)f;
    case INLAY_INT8: *p = (uint8_t)(int8_t)fmax(-128, fmin(127, rint(value * 20))); return (int8_t)*p;
    default: memcpy(p, &half, 2); return (double)(type == INLAY_FLOAT16 ? f16_to_f32(half) : bf16_to_f32(half));
    }
}

/* CHUNK behind the others, without an index. */
static inline void add_chunk(world *w, size_t c, search_chunk chunk) {
    chunk.first_row = w->rows;
    w->chunks[0][c] = w->chunks[1][c] = chunk;
    w->rows += chunk.count;
}

static inline void build_index(const search_chunk *chunk, int64_t dim, search_metric metric, const char *path) {
    inlay_error err;
    file_writer *out;
    assert_ok(file_create(path, FILE_DIRECT, &out, &err), &err);
    assert_ok(search_index_build(chunk, dim, metric, &tie, out, NULL, &err), &err);
    assert_ok(file_commit(out, &err), &err);
}

static inline void add_index(world *w, size_t c, search_metric metric, int64_t dim) {
    inlay_error err;
    const char *path = scratch_path((void **)&folder, "index");
    build_index(w->chunks[0] + c, dim, metric, path);
    assert_ok(file_map_open(path, false, w->files + c, &err), &err);
    assert_ok(file_remove(path, &err), &err);
    assert_ok(search_index_open(file_map_bytes(w->files[c]), "index", w->indexes + c, &err), &err);
    assert_ok(search_index_check(w->indexes[c], NULL, &err), &err);
    w->chunks[0][c].index = w->indexes[c];
    assert_true(search_index_fits(w->indexes[c], w->chunks[0] + c, dim, metric));
}

/* The views, when all N chunks are there. */
static inline void end_world(world *w, size_t n, search_metric metric, int64_t dim) {
    w->with = (search_view){w->chunks[0], n, dim, metric, true};
    w->without = (search_view){w->chunks[1], n, dim, metric, false};
}

static inline void free_world(world *w) {
    for (size_t c = 0; c < MAX_CHUNKS; c++) {
        search_index_close(w->indexes[c]);
        file_map_release(w->files[c]);
        free(w->blocks[2 * c]);
        free(w->blocks[2 * c + 1]);
    }
}

static inline int make_folder(void **state) {
    (void)state;
    return scratch_make((void **)&folder);
}
static inline int remove_folder(void **state) {
    (void)state;
    return scratch_remove((void **)&folder);
}

#endif
