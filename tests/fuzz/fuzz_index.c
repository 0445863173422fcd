/* An index whatever it holds, and searches by it: the first byte says how the rows are made, the rest is the file,
 * whose head gets the checksum it should have. Covers: src/search/index_open.c src/search/index_scan.c
 * src/search/index_keep.c src/search/index_score.c */
#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "base/pool.h"
#include "search/search_index.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 128, MOST_ROWS = 5000, MOST_DIM = 70, N = 9, K = 5 };

static void seal(uint8_t *file, size_t size) {
    uint32_t key = size < HEAD ? UINT32_MAX : load_u32(file + 44);
    if (size < HEAD || key > size - HEAD) return;
    store_u32(file + HEAD - 4, crc32c_mask(crc32c(crc32c(0, file, HEAD - 4), file + HEAD, key)));
}

/* Rows of small whole numbers; some side numbers are of removed rows. */
static uint8_t *make_rows(const search_index_info *about, uint8_t how, float *sides) {
    size_t size = dtype_size(about->type), count = (size_t)(about->rows * about->dim);
    uint8_t *rows = mem_alloc(count * size + 1);
    if (!rows) abort();
    for (size_t i = 0; i < count; i++) {
        double value = (double)((i * 7 + how) % 11) - 5;
        float single = (float)value;
        uint16_t half = about->type == INLAY_FLOAT16 ? f32_to_f16(single) : f32_to_bf16(single);
        int8_t small = (int8_t)value;
        const void *of[] = {[1] = &small, [2] = &half, [4] = &single, [8] = &value};
        memcpy(rows + size * i, of[size], size);
    }
    for (int64_t i = 0; i < about->rows; i++)
        sides[i] = (how & 1) && i % 50 == 0 ? NAN : (how & 2) && i % 70 == 0 ? INFINITY : (float)(i % 9) / 8;
    return rows;
}

static void ask(const search_view *view, int64_t n, const float *queries) {
    static float scores[N * K];
    static int64_t rows[N * K];
    inlay_error err;
    int64_t total = search_rows(view), kept = total < K ? total : K;
    if (search_topk(view, queries, n, K, scores, rows, &err) != INLAY_OK) __builtin_trap();
    for (int64_t i = 0; i < n * kept; i++)
        if (rows[i] < 0 || rows[i] >= total) __builtin_trap();
}

static void search(const search_index *index, uint8_t how) {
    static float queries[N * MOST_DIM], sides[MOST_ROWS];
    const search_index_info *about = search_index_about(index);
    if (about->rows > MOST_ROWS || about->dim > MOST_DIM) return;
    uint8_t *rows = make_rows(about, how, sides);
    for (int i = 0; i < N * MOST_DIM; i++) queries[i] = (float)((i * 5 + how) % 13) / 4 - 1;
    search_chunk chunk = {.rows = rows,
                          .side = about->side ? sides : NULL,
                          .count = about->rows,
                          .type = about->type,
                          .transposed = about->transposed,
                          .index = index};
    search_view view = {.chunks = &chunk, .n_chunks = 1, .dim = about->dim, .metric = about->metric, .eager = true};
    if (!search_index_fits(index, &chunk, about->dim, about->metric)) __builtin_trap();
    ask(&view, 1, queries);
    ask(&view, N, queries);
    mem_free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    pool_set_threads(1);
    uint8_t *file = mem_aligned(64, size);
    if (!file) abort();
    memcpy(file, data + 1, size - 1);
    if (!(data[0] & 128)) seal(file, size - 1);
    search_index *index;
    inlay_error err;
    if (search_index_open(bytes_make(file, size - 1), "index", &index, &err) == INLAY_OK) {
        (void)search_index_check(index, NULL, &err);
        search(index, data[0]);
        search_index_close(index);
    }
    mem_free(file);
    return 0;
}
