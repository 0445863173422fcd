#include "base/crc32c.h"
#include "base/num.h"
#include "base/pool.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"

#include <inttypes.h>

enum { CHUNK = 4 << 20, CHUNKS = 64 };

/* Sums of the chunks of one run of at most CHUNKS. */
typedef struct sum_job {
    bytes run;
    uint32_t sums[CHUNKS];
} sum_job;

static size_t chunk_size(bytes run, size_t index) {
    return min_size(CHUNK, run.size - index * CHUNK);
}

static void sum_chunk(void *ctx, size_t index, int worker) {
    (void)worker;
    sum_job *job = ctx;
    job->sums[index] = crc32c(0, job->run.data + index * CHUNK, chunk_size(job->run, index));
}

/* The sum of DATA, large data on all threads. */
static uint32_t sum_of(bytes data) {
    uint32_t crc = 0;
    while (data.size > 0) {
        sum_job job = {.run = bytes_make(data.data, min_size(data.size, (size_t)CHUNK * CHUNKS))};
        size_t chunks = (job.run.size + CHUNK - 1) / CHUNK;
        pool_run(chunks, sum_chunk, &job);
        for (size_t i = 0; i < chunks; i++) crc = crc32c_combine(crc, job.sums[i], chunk_size(job.run, i));
        data = bytes_make(data.data + job.run.size, data.size - job.run.size);
    }
    return crc;
}

static inlay_status mismatch(const bundle_entry *entry, const file_map *map, const char *what, uint32_t stored,
                             uint32_t calculated, inlay_error *err) {
    char key[KEY_TEXT];
    return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)entry->offset,
                   "%s: %s does not match: stored %" PRIu32 ", calculated %" PRIu32 " over bytes %" PRIu64
                   " to %" PRIu64,
                   key_text(entry->key, key), what, stored, calculated, entry->offset, entry->offset + entry->size);
}

static uint32_t swapped(uint32_t value, bool swap) {
    return swap ? __builtin_bswap32(value) : value;
}

/* The sum of string data: over the lengths as numbers in the writer's byte order, not as varints, then over what
 * follows them as stored. */
static inlay_status sum_strings(const bundle *b, const bundle_entry *entry, const file_map *map, bytes data,
                                uint32_t *crc, inlay_error *err) {
    int64_t count = 0;
    shape_elements(&entry->dims, &count);
    size_t at = 0;
    *crc = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t length;
        size_t used = wire_get_varint(data.data + at, data.data + data.size, &length);
        if (used == 0)
            return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)(entry->offset + at),
                           "string lengths are longer than the entry");
        uint32_t narrow = swapped((uint32_t)length, b->big_endian);
        uint64_t wide = b->big_endian ? __builtin_bswap64(length) : length;
        *crc = length <= UINT32_MAX ? crc32c(*crc, &narrow, sizeof narrow) : crc32c(*crc, &wide, sizeof wide);
        at += used;
    }
    if (data.size - at < 4)
        return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)(entry->offset + at),
                       "string lengths are longer than the entry");
    uint32_t stored = crc32c_unmask(swapped(load_u32(data.data + at), b->big_endian));
    if (stored != *crc) return mismatch(entry, map, "the checksum of its string lengths", stored, *crc, err);
    bytes rest = bytes_make(data.data + at, data.size - at);
    *crc = crc32c_combine(*crc, sum_of(rest), rest.size);
    return INLAY_OK;
}

static inlay_status check_stored(bundle *b, const bundle_entry *entry, inlay_error *err) {
    file_map *map;
    bytes data;
    uint32_t crc;
    if (dtype_size(entry->type) == 0 && entry->type != INLAY_STRING) return bundle_unsupported(b, entry, err);
    if (entry->size == 0) return INLAY_OK;
    TRY(bundle_stored(b, entry, &map, &data, err));
    if (entry->type == INLAY_STRING)
        TRY(sum_strings(b, entry, map, data, &crc, err));
    else
        crc = sum_of(data);
    return crc == entry->crc ? INLAY_OK : mismatch(entry, map, "its checksum", entry->crc, crc, err);
}

inlay_status bundle_check(bundle *b, const bundle_entry *entry, inlay_error *err) {
    if (entry->n_slices == 0) return check_stored(b, entry, err);
    const bundle_entry **parts = mem_array(entry->n_slices, sizeof *parts);
    if (!parts) return fail_memory(err);
    inlay_status status = bundle_list_slices(b, entry, parts, err);
    for (size_t i = 0; i < entry->n_slices && status == INLAY_OK; i++) status = check_stored(b, parts[i], err);
    mem_free(parts);
    return status;
}
