#include "search/index_parts.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/num.h"
#include "base/pool.h"
#include "search/search_parts.h"

enum { WAVE_BYTES = 256 << 20 /* of segments that wait to be written, unless one needs more */ };

typedef struct build {
    scan_rows rows;
    scan_type type;
    bool transposed;
    index_layout at;
    uint64_t first;    /* segment of this wave */
    size_t wave;       /* segments at a time, at most */
    uint8_t *segments; /* [wave] */
    double *scratch;   /* [threads, dim, QUANT_ROWS + 1] */
    uint32_t *sums;    /* [segments], masked */
    struct progress *progress;
} build;

/* Heads lie in a segment a field an array. */
static void put_head(uint8_t *heads, size_t block, const quant_head *head) {
    const float fields[] = {head->scale, head->error, head->norm, head->low};
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
        memcpy(heads + (f * INDEX_SEGMENT_BLOCKS + block) * sizeof *fields, fields + f, sizeof *fields);
}

static void build_segment(void *ctx, size_t index, int worker) {
    build *b = ctx;
    uint64_t segment = b->first + index;
    uint8_t *out = b->segments + index * b->at.segment_bytes, *codes = out + b->at.codes;
    size_t blocks = index_segment_blocks(&b->at, segment), size = (size_t)index_segment_size(&b->at, segment);
    double *scratch = b->scratch + (size_t)worker * b->rows.dim * (QUANT_ROWS + 1);
    quant_centre centre = {0};
    size_t first_row = (size_t)segment * INDEX_SEGMENT_ROWS;
    if (b->progress && !progress_add(b->progress, min_size(blocks * QUANT_ROWS, b->rows.count - first_row))) return;
    memset(out, 0, (size_t)b->at.codes);
    for (size_t i = 0; i < blocks; i++, codes += b->at.block_bytes) {
        size_t first = first_row + i * QUANT_ROWS, run = i / QUANT_RUN;
        if (i % QUANT_RUN == 0) {
            float *at = (float *)(void *)(out + INDEX_CENTRES + run * b->at.centre_bytes);
            centre = quant_find_centre(&b->rows, b->type, b->transposed, first, scratch, codes, at);
            memcpy(out + INDEX_HEADS + run * sizeof centre.length, &centre.length, sizeof centre.length);
        }
        quant_head head = quant_encode(&b->rows, b->type, b->transposed, first, &centre, scratch, codes);
        put_head(out, i, &head);
    }
    b->sums[segment] = crc32c_mask(crc32c(0, out, size));
}

/* What stands before the segments, to HEAD [at.body]. */
static void fill_head(const build *b, search_metric metric, dtype type, const search_tie *tie, uint8_t *head) {
    memset(head, 0, (size_t)b->at.body);
    memcpy(head, INDEX_MAGIC, 8);
    store_u32(head + INDEX_AT_VERSION, INDEX_VERSION);
    store_u32(head + INDEX_AT_METRIC, metric);
    store_u64(head + INDEX_AT_ROWS, b->rows.count);
    store_u64(head + INDEX_AT_DIM, b->rows.dim);
    store_u32(head + INDEX_AT_DTYPE, type);
    store_u32(head + INDEX_AT_FLAGS, (b->transposed ? INDEX_TRANSPOSED : 0) | (b->rows.side ? INDEX_SIDE : 0) |
                                         (b->rows.side && tie->computed ? INDEX_COMPUTED : 0));
    store_u32(head + INDEX_AT_PLANES, 1);
    store_u32(head + INDEX_AT_KEY_SIZE, (uint32_t)tie->key.size);
    store_u64(head + INDEX_AT_ROWS_SIZE, tie->rows_size);
    store_u64(head + INDEX_AT_SIDE_SIZE, tie->side_size);
    store_u32(head + INDEX_AT_ROWS_CRC, tie->rows_crc);
    store_u32(head + INDEX_AT_SIDE_CRC, tie->side_crc);
    if (tie->key.size) memcpy(head + INDEX_HEAD, tie->key.data, tie->key.size);
    uint32_t crc = crc32c(crc32c(0, head, INDEX_AT_CRC), head + INDEX_HEAD, tie->key.size);
    store_u32(head + INDEX_AT_CRC, crc32c_mask(crc));
}

static inlay_status write_segments(build *b, file_writer *out, inlay_error *err) {
    for (b->first = 0; b->first < b->at.segments; b->first += b->wave) {
        uint64_t left = b->at.segments - b->first;
        size_t n = left < b->wave ? (size_t)left : b->wave;
        pool_run(n, build_segment, b);
        if (b->progress) TRY(progress_check(b->progress, err));
        for (size_t i = 0; i < n; i++)
            TRY(file_append(out, b->segments + i * b->at.segment_bytes,
                            (size_t)index_segment_size(&b->at, b->first + i), err));
    }
    return file_append(out, b->sums, (size_t)b->at.segments * sizeof *b->sums, err);
}

static inlay_status begin(build *b, const search_chunk *chunk, int64_t dim, search_metric metric, const search_tie *tie,
                          struct progress *progress, inlay_error *err) {
    uint64_t size;
    *b = (build){.progress = progress};
    if (!search_can(chunk->type))
        return fail(err, INLAY_INVALID_ARGUMENT, "cannot search rows of dtype %s", dtype_name(chunk->type));
    TRY(search_index_size(chunk->count, dim, tie->key.size, &size, err));
    b->rows = search_scan_rows(chunk, (size_t)dim, metric);
    b->type = search_scan_type(chunk->type);
    b->transposed = chunk->transposed;
    index_layout_of((uint64_t)chunk->count, (uint64_t)dim, tie->key.size, &b->at);
    b->scratch = mem_array((size_t)pool_threads() * (QUANT_ROWS + 1) * sizeof(double), (size_t)dim + 1);
    return b->scratch ? INLAY_OK : fail_memory(err);
}

inlay_status search_index_build(const search_chunk *chunk, int64_t dim, search_metric metric, const search_tie *tie,
                                file_writer *out, struct progress *progress, inlay_error *err) {
    build b;
    inlay_status status;
    TRY(begin(&b, chunk, dim, metric, tie, progress, err));
    b.wave = min_size(4 * (size_t)pool_threads(), max_size(WAVE_BYTES / b.at.segment_bytes, 1));
    b.wave = min_size(b.wave, max_size((size_t)b.at.segments, 1));
    b.segments = mem_array(b.wave, (size_t)b.at.segment_bytes);
    b.sums = mem_array((size_t)b.at.segments + 1, sizeof *b.sums);
    uint8_t *head = mem_alloc((size_t)b.at.body);
    if (!b.segments || !b.sums || !head) TRY_TO(done, fail_memory(err));
    fill_head(&b, metric, chunk->type, tie, head);
    TRY_TO(done, file_append(out, head, (size_t)b.at.body, err));
    TRY_TO(done, write_segments(&b, out, err));
done:
    mem_free(head);
    mem_free(b.segments);
    mem_free(b.scratch);
    mem_free(b.sums);
    return status;
}

inlay_status search_index_fill(const search_chunk *chunk, int64_t dim, search_metric metric, const search_tie *tie,
                               uint8_t *out, struct progress *progress, inlay_error *err) {
    build b;
    TRY(begin(&b, chunk, dim, metric, tie, progress, err));
    fill_head(&b, metric, chunk->type, tie, out);
    b.segments = out + b.at.body;
    b.sums = (uint32_t *)(void *)(out + b.at.checksums);
    pool_run((size_t)b.at.segments, build_segment, &b);
    mem_free(b.scratch);
    return progress ? progress_check(progress, err) : INLAY_OK;
}
