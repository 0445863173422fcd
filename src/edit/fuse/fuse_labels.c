/* Labels and ids of a fused model: one variable, beside it (for labels) a table of offsets that makes opening them as
 * quick as opening none. */
#include "edit/fuse/fuse_data.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "format/labels.h"

static inlay_status check_count(const char *path, int64_t count, int64_t rows, const char *what, inlay_error *err) {
    if (count == rows) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "holds %lld %s, the stored vectors are %lld",
                   (long long)count, what, (long long)rows);
}

static inlay_status write_labels(fuse_data *d, inlay_error *err) {
    const char *path = d->options->labels,
               *table = arena_format(d->a, "%s/assets.extra/%s.labels", d->folder, d->prefix);
    labels *l;
    progress report;
    if (!table) return fail_memory(err);
    progress_start(&report, d->options->progress, d->options->progress_user, "reading labels", 0);
    TRY(labels_open(path, &report, &l, err));
    uint64_t offset = file_position(d->small), size;
    uint32_t crc = 0;
    inlay_status status;
    TRY_TO(done, check_count(path, labels_count(l), d->rows, "labels", err));
    TRY_TO(done, labels_store(l, d->small, table, &report, &size, &crc, err));
    shape dims = shape_vector(d->rows);
    d->payload = "labels";
    d->payload_type = INLAY_STRING;
    status = fuse_data_add_variable(d, d->payload, INLAY_STRING, &dims, d->old_shards, offset, size, crc, err);
done:
    labels_close(l);
    return status;
}

static inlay_status append_ids(fuse_data *d, const ids *i, uint32_t *crc, inlay_error *err) {
    enum { STEP = 1 << 16 };
    int64_t *buffer = mem_array(STEP, sizeof *buffer);
    if (!buffer) return fail_memory(err);
    inlay_status status = INLAY_OK;
    *crc = 0;
    for (int64_t done = 0; done < d->rows && status == INLAY_OK; done += STEP) {
        int64_t n = d->rows - done < STEP ? d->rows - done : STEP;
        status = ids_read(i, done, n, buffer, err);
        if (status != INLAY_OK) break;
        *crc = crc32c(*crc, buffer, (size_t)n * sizeof *buffer);
        status = file_append(d->small, buffer, (size_t)n * sizeof *buffer, err);
    }
    mem_free(buffer);
    return status;
}

static inlay_status write_ids(fuse_data *d, inlay_error *err) {
    ids *i;
    TRY(ids_open(d->options->ids, &i, err));
    uint64_t offset = file_position(d->small);
    uint32_t crc = 0;
    inlay_status status;
    TRY_TO(done, check_count(d->options->ids, ids_count(i), d->rows, "ids", err));
    TRY_TO(done, append_ids(d, i, &crc, err));
    shape dims = shape_vector(d->rows);
    d->payload = "ids";
    d->payload_type = INLAY_INT64;
    status = fuse_data_add_variable(d, d->payload, INLAY_INT64, &dims, d->old_shards, offset,
                                    (uint64_t)d->rows * sizeof(int64_t), crc, err);
done:
    ids_close(i);
    return status;
}

inlay_status fuse_data_write_payload(fuse_data *d, inlay_error *err) {
    if (d->options->labels) return write_labels(d, err);
    return d->options->ids ? write_ids(d, err) : INLAY_OK;
}
