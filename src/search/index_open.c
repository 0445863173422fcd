#include "search/index_parts.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/num.h"
#include "base/pool.h"

#include <inttypes.h>

bool index_layout_of(uint64_t rows, uint64_t dim, uint64_t key_size, index_layout *out) {
    index_layout at = {0};
    if (dim > QUANT_MAX_DIM || rows > INT64_MAX || key_size > UINT32_MAX) return false;
    at.blocks = (rows + QUANT_ROWS - 1) / QUANT_ROWS;
    at.segments = (at.blocks + INDEX_SEGMENT_BLOCKS - 1) / INDEX_SEGMENT_BLOCKS;
    at.block_bytes = quant_block_bytes((size_t)dim);
    at.centre_bytes = (dim * sizeof(float) + INDEX_ALIGN - 1) / INDEX_ALIGN * INDEX_ALIGN;
    at.codes = INDEX_CENTRES + INDEX_RUNS * at.centre_bytes;
    at.segment_bytes = at.codes + INDEX_SEGMENT_BLOCKS * at.block_bytes;
    at.body = (INDEX_HEAD + key_size + INDEX_ALIGN - 1) / INDEX_ALIGN * INDEX_ALIGN;
    uint64_t heads, codes, sums;
    if (!mul_u64(at.segments, at.codes, &heads) || !mul_u64(at.blocks, at.block_bytes, &codes) ||
        !mul_u64(at.segments, sizeof(uint32_t), &sums) || !add_u64(at.body, heads, &at.checksums) ||
        !add_u64(at.checksums, codes, &at.checksums) || !add_u64(at.checksums, sums, &at.size) || at.size > INT64_MAX)
        return false;
    *out = at;
    return true;
}

inlay_status search_index_size(int64_t rows, int64_t dim, size_t key_size, uint64_t *out, inlay_error *err) {
    index_layout at;
    if (dim < 0 || dim > QUANT_MAX_DIM)
        return fail(err, INLAY_INVALID_ARGUMENT, "an index has at most %d dimensions, not %" PRId64, QUANT_MAX_DIM,
                    dim);
    if (rows < 0 || !index_layout_of((uint64_t)rows, (uint64_t)dim, key_size, &at))
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "an index of %" PRId64 " rows is too large", rows);
    *out = at.size;
    return INLAY_OK;
}

static inlay_status damaged(const search_index *x, int64_t offset, inlay_error *err, const char *what) {
    return fail_at(err, INLAY_DATA_LOSS, x->name, offset, "%s", what);
}

static inlay_status check_head(const search_index *x, inlay_error *err) {
    const uint8_t *head = x->file.data;
    if (x->file.size < INDEX_HEAD || memcmp(head, INDEX_MAGIC, 8) != 0) return damaged(x, 0, err, "not an index");
    uint32_t version = load_u32(head + INDEX_AT_VERSION), key = load_u32(head + INDEX_AT_KEY_SIZE);
    if (version != INDEX_VERSION)
        return fail_at(err, INLAY_UNIMPLEMENTED, x->name, INDEX_AT_VERSION, "index of version %" PRIu32, version);
    if (key > x->file.size - INDEX_HEAD) return damaged(x, INDEX_AT_KEY_SIZE, err, "the key is longer than the file");
    uint32_t crc = crc32c(crc32c(0, head, INDEX_AT_CRC), head + INDEX_HEAD, key);
    if (crc32c_mask(crc) != load_u32(head + INDEX_AT_CRC))
        return damaged(x, INDEX_AT_CRC, err, "the head's checksum does not match");
    uint32_t planes = load_u32(head + INDEX_AT_PLANES);
    if (planes != 1)
        return fail_at(err, INLAY_UNIMPLEMENTED, x->name, INDEX_AT_PLANES, "index of %" PRIu32 " planes", planes);
    if (load_u32(head + INDEX_AT_METRIC) > SEARCH_LESS) return damaged(x, INDEX_AT_METRIC, err, "no such metric");
    uint32_t type = load_u32(head + INDEX_AT_DTYPE);
    if (type > INT32_MAX || !search_can((dtype)type)) return damaged(x, INDEX_AT_DTYPE, err, "no dtype of rows");
    uint32_t flags = load_u32(head + INDEX_AT_FLAGS);
    if (flags > (INDEX_TRANSPOSED | INDEX_SIDE | INDEX_COMPUTED) || ((flags & INDEX_COMPUTED) && !(flags & INDEX_SIDE)))
        return damaged(x, INDEX_AT_FLAGS, err, "unknown flags");
    return INLAY_OK;
}

static void read_head(search_index *x) {
    const uint8_t *head = x->file.data;
    uint32_t flags = load_u32(head + INDEX_AT_FLAGS);
    x->info = (search_index_info){.metric = (search_metric)load_u32(head + INDEX_AT_METRIC),
                                  .rows = (int64_t)load_u64(head + INDEX_AT_ROWS),
                                  .dim = (int64_t)load_u64(head + INDEX_AT_DIM),
                                  .type = (dtype)load_u32(head + INDEX_AT_DTYPE),
                                  .transposed = flags & INDEX_TRANSPOSED,
                                  .side = flags & INDEX_SIDE,
                                  .tie = {.key = bytes_make(head + INDEX_HEAD, load_u32(head + INDEX_AT_KEY_SIZE)),
                                          .rows_crc = load_u32(head + INDEX_AT_ROWS_CRC),
                                          .side_crc = load_u32(head + INDEX_AT_SIDE_CRC),
                                          .rows_size = load_u64(head + INDEX_AT_ROWS_SIZE),
                                          .side_size = load_u64(head + INDEX_AT_SIDE_SIZE),
                                          .computed = flags & INDEX_COMPUTED}};
}

static inlay_status open_index(search_index *x, inlay_error *err) {
    if ((uintptr_t)x->file.data % sizeof(float))
        return fail_at(err, INLAY_INVALID_ARGUMENT, x->name, -1, "the index does not lie at a multiple of 4 bytes");
    if (x->file.size >= INDEX_HEAD) file_prefetch(x->file.data, INDEX_HEAD); /* not all that a fault would read ahead */
    TRY(check_head(x, err));
    read_head(x);
    const uint8_t *head = x->file.data;
    if (!index_layout_of(load_u64(head + INDEX_AT_ROWS), load_u64(head + INDEX_AT_DIM), x->info.tie.key.size, &x->at))
        return damaged(x, INDEX_AT_ROWS, err, "more rows or dimensions than an index can have");
    if (x->at.size != x->file.size)
        return fail_at(err, INLAY_DATA_LOSS, x->name, INDEX_AT_ROWS,
                       "an index of %" PRId64 " x %" PRId64 " has %" PRIu64 " bytes, the file %zu", x->info.rows,
                       x->info.dim, x->at.size, x->file.size);
    return INLAY_OK;
}

inlay_status search_index_open(bytes file, const char *name, search_index **out, inlay_error *err) {
    *out = NULL;
    search_index *x = mem_zalloc(1, sizeof *x);
    if (!x) return fail_memory(err);
    x->file = file;
    x->name = name;
    inlay_status status = open_index(x, err);
    if (status == INLAY_OK)
        *out = x;
    else
        mem_free(x);
    return status;
}

void search_index_close(search_index *index) {
    mem_free(index);
}

const search_index_info *search_index_about(const search_index *index) {
    return &index->info;
}

bool search_index_fits(const search_index *index, const search_chunk *chunk, int64_t dim, search_metric metric) {
    if (!index) return false;
    const search_index_info *i = &index->info;
    return i->rows == chunk->count && i->dim == dim && i->metric == metric && i->type == chunk->type &&
           i->transposed == chunk->transposed && i->side == (chunk->side != NULL);
}

/* ---- checking all of it */

typedef struct check {
    const search_index *index;
    struct progress *progress;
    _Atomic uint64_t damaged; /* the first segment that is; all segments: none */
} check;

static void check_segment(void *ctx, size_t segment, int worker) {
    (void)worker;
    check *c = ctx;
    const index_layout *at = &c->index->at;
    const uint8_t *file = c->index->file.data;
    uint64_t size = index_segment_size(at, segment);
    if (c->progress && !progress_add(c->progress, size)) return;
    uint32_t crc = crc32c(0, file + index_segment_place(at, segment), (size_t)size);
    if (crc32c_mask(crc) == load_u32(file + at->checksums + segment * sizeof crc)) return;
    uint64_t seen = atomic_load(&c->damaged);
    while (segment < seen && !atomic_compare_exchange_weak(&c->damaged, &seen, segment)) {}
}

inlay_status search_index_check(const search_index *index, struct progress *progress, inlay_error *err) {
    check c = {.index = index, .progress = progress, .damaged = index->at.segments};
    pool_run((size_t)index->at.segments, check_segment, &c);
    if (progress) TRY(progress_check(progress, err));
    if (c.damaged == index->at.segments) return INLAY_OK;
    return fail_at(err, INLAY_DATA_LOSS, index->name, (int64_t)index_segment_place(&index->at, c.damaged),
                   "the checksum of rows %" PRIu64 " to %" PRIu64 " does not match", c.damaged * INDEX_SEGMENT_ROWS,
                   c.damaged * INDEX_SEGMENT_ROWS + INDEX_SEGMENT_ROWS - 1);
}
