#include "format/bundle_rewrite.h"

#include "base/crc32c.h"
#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"
#include "format/bundle_rewrite_plan.h"

#include <inttypes.h>
#include <stdio.h>

enum { STEP = 8 << 20 };
static const uint64_t PART_BYTES = 16 << 20;

typedef struct rewrite_job {
    rewrite_plan plan;
    bundle *b; /* NULL: a V1 checkpoint is read */
    const char *prefix;
    file_mode mode;
    progress *report;
    bundle_index *index;
    buffer value;
    int32_t placed; /* data files that are in place */
    uint64_t bytes;
} rewrite_job;

/* ---- numbers and strings, to the file that is being written */

static inlay_status append(rewrite_job *j, file_writer *w, const uint8_t *data, uint64_t size, uint32_t *crc,
                           inlay_error *err) {
    for (uint64_t at = 0; at < size;) {
        size_t step = (size_t)(size - at < STEP ? size - at : STEP);
        *crc = crc32c(*crc, data + at, step);
        TRY(file_append(w, data + at, step, err));
        progress_add(j->report, step);
        TRY(progress_check(j->report, err));
        at += step;
    }
    return INLAY_OK;
}

static inlay_status append_strings(rewrite_job *j, file_writer *w, const tensor *t, uint32_t *crc, inlay_error *err) {
    TRY(bundle_append_lengths(w, t, crc, err));
    for (int64_t i = 0; i < t->count; i++) {
        bytes text = tensor_string(t, i);
        TRY(append(j, w, text.data, text.size, crc, err));
    }
    return INLAY_OK;
}

/* ---- a piece as it is stored */

static inlay_status copy_stored(rewrite_job *j, file_writer *w, const rewrite_piece *piece, inlay_error *err) {
    const bundle_entry *e = piece->entry;
    uint64_t offset = file_position(w);
    uint32_t crc = 0;
    file_map *map;
    bytes data;
    if (e->type == INLAY_STRING) TRY(bundle_check(j->b, e, err));
    TRY(bundle_stored(j->b, e, &map, &data, err));
    TRY(append(j, w, data.data, data.size, &crc, err));
    if (e->size && dtype_size(e->type) && crc != e->crc) {
        TRY(bundle_check(j->b, e, err)); /* which tells what is wrong */
        return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)e->offset, "the bytes changed while they were read");
    }
    TRY(bundle_entry_move(e->value, piece->shard, offset, j->b->index_path, &j->value, err));
    return bundle_index_add_raw(j->index, piece->key, buffer_bytes(&j->value), err);
}

/* ---- a piece that is read: turned around, put together, cut or decoded */

/* "10 4 2,5:-": rows [AT, AT + N) along AXIS of the piece's part. */
static inlay_status part_spec(const rewrite_piece *piece, const shape *dims, int axis, int64_t at, int64_t n,
                              buffer *out, inlay_error *err) {
    buffer_clear(out);
    for (int i = 0; i < dims->rank; i++) buffer_format(out, "%" PRId64 " ", dims->dims[i]);
    for (int i = 0; i < dims->rank; i++) {
        int64_t start = piece->part.start[i] + (i == axis ? at : 0);
        int64_t length = i == axis ? n : piece->part.dims.dims[i];
        buffer_format(out, "%s%" PRId64 ",%" PRId64, i ? ":" : "", start, length);
    }
    return buffer_check(out, err);
}

static inlay_status read_part(rewrite_job *j, const rewrite_piece *piece, bytes spec, tensor **out, inlay_error *err) {
    if (piece->entry) return bundle_read_slice(j->b, piece->entry, spec, out, err);
    return checkpoint_v1_read(checkpoint_old(j->plan.from), piece->old, spec, out, err);
}

/* Rows along *axis that are read at once: what is a view of the mapped file, or must be decoded whole, is one part. */
static int64_t rows_at_once(const rewrite_job *j, const rewrite_piece *piece, int *axis) {
    const shape *part = &piece->part.dims;
    *axis = 0;
    while (*axis < part->rank - 1 && part->dims[*axis] == 1) ++*axis;
    int64_t rows = part->rank ? part->dims[*axis] : 1;
    bool is_view = j->b && !j->b->big_endian && piece->entry->n_slices == 0;
    if (!j->b || is_view || piece->size <= PART_BYTES || rows == 0) return rows;
    uint64_t row = piece->size / (uint64_t)rows;
    return row < PART_BYTES ? (int64_t)(PART_BYTES / row) : 1;
}

static inlay_status append_rows(rewrite_job *j, file_writer *w, const rewrite_piece *piece, uint32_t *crc,
                                inlay_error *err) {
    int axis;
    const shape *dims = piece->entry ? &piece->entry->dims : &piece->old->dims;
    int64_t rows = dims->rank ? 0 : 1, step = rows_at_once(j, piece, &axis);
    if (dims->rank) rows = piece->part.dims.dims[axis];
    inlay_status status = INLAY_OK;
    buffer spec = {0};
    for (int64_t at = 0; at < rows && status == INLAY_OK; at += step) {
        int64_t n = rows - at < step ? rows - at : step;
        tensor *part = NULL;
        if (!piece->whole || n < rows) TRY_TO(done, part_spec(piece, dims, axis, at, n, &spec, err));
        TRY_TO(done, read_part(j, piece, buffer_bytes(&spec), &part, err));
        status = append(j, w, part->data, part->size, crc, err);
        tensor_release(part);
    }
done:
    buffer_free(&spec);
    return status;
}

static inlay_status write_strings(rewrite_job *j, file_writer *w, const rewrite_piece *piece, uint32_t *crc,
                                  inlay_error *err) {
    tensor *t;
    TRY(read_part(j, piece, bytes_of(""), &t, err));
    inlay_status status = append_strings(j, w, t, crc, err);
    tensor_release(t);
    return status;
}

/* The entry of a piece whose bytes stay where they are, in a file that has another number. */
static inlay_status keep_piece(rewrite_job *j, const rewrite_piece *piece, inlay_error *err) {
    const bundle_entry *e = piece->entry;
    TRY(bundle_entry_move(e->value, piece->shard, e->offset, j->b->index_path, &j->value, err));
    return bundle_index_add_raw(j->index, piece->key, buffer_bytes(&j->value), err);
}

static inlay_status write_piece(rewrite_job *j, file_writer *w, const rewrite_piece *piece, inlay_error *err) {
    if (piece->as_stored) return copy_stored(j, w, piece, err);
    uint64_t offset = file_position(w);
    uint32_t crc = 0;
    char text[KEY_TEXT];
    if (piece->entry && piece->check) TRY(bundle_check(j->b, piece->entry, err));
    if (piece->type == INLAY_STRING)
        TRY(write_strings(j, w, piece, &crc, err));
    else if (dtype_size(piece->type) == 0)
        return fail(err, INLAY_UNIMPLEMENTED, "%s: tensors of dtype %s cannot be converted", key_text(piece->key, text),
                    dtype_name(piece->type));
    else
        TRY(append_rows(j, w, piece, &crc, err));
    return bundle_index_add(j->index, piece->key, piece->type, &piece->part.dims, piece->shard, offset,
                            file_position(w) - offset, crc, err);
}

/* ---- files */

/* Writes the data file SHARD: pieces from *next on. */
static inlay_status write_shard(rewrite_job *j, int32_t shard, size_t *next, inlay_error *err) {
    file_writer *w = NULL, *whole;
    const rewrite_plan *p = &j->plan;
    char *path = bundle_data_path(j->prefix, shard, p->names);
    if (!path) return fail_memory(err);
    inlay_status status;
    TRY_TO(done, file_create(path, j->mode, &w, err));
    for (; *next < p->n_pieces && p->pieces[*next].shard == shard; ++*next)
        TRY_TO(done, write_piece(j, w, &p->pieces[*next], err));
    j->bytes += file_position(w);
    whole = w;
    w = NULL;
    j->placed++; /* a commit may fail when the file is there already, but not yet safe */
    status = file_commit(whole, err);
done:
    file_abandon(w);
    mem_free(path);
    return status;
}

/* Links a data file that stays under its new name. */
static inlay_status keep_shard(rewrite_job *j, const rewrite_kept *kept, size_t *next, inlay_error *err) {
    const rewrite_plan *p = &j->plan;
    char *from = bundle_data_path(j->b->prefix, kept->from, j->b->shards),
         *to = bundle_data_path(j->prefix, kept->to, p->names);
    inlay_status status = from && to ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && j->mode == FILE_ATOMIC && file_exists(to)) status = file_remove(to, err);
    if (status == INLAY_OK) status = file_share(from, to, err);
    if (status == INLAY_OK) j->placed++;
    for (; status == INLAY_OK && *next < p->n_pieces && p->pieces[*next].shard == kept->to; ++*next)
        status = keep_piece(j, &p->pieces[*next], err);
    mem_free(from);
    mem_free(to);
    return status;
}

static inlay_status write_index(rewrite_job *j, const char *path, inlay_error *err) {
    const rewrite_plan *p = &j->plan;
    buffer file = {0};
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < p->n_heads && status == INLAY_OK; i++)
        status = bundle_index_add_raw(j->index, p->heads[i].key, p->heads[i].value, err);
    if (status == INLAY_OK) status = bundle_index_finish(j->index, p->names, &file, err);
    if (status == INLAY_OK) status = file_write_all(path, j->mode, buffer_bytes(&file), err);
    buffer_free(&file);
    return status;
}

static void remove_placed(const rewrite_job *j, const char *index_path) {
    inlay_error ignored;
    if (index_path) file_remove(index_path, &ignored);
    for (int32_t i = 0; i < j->placed; i++) {
        char *path = bundle_data_path(j->prefix, i, j->plan.names);
        if (path) file_remove(path, &ignored);
        mem_free(path);
    }
}

/* N of the data files' names: where an index is replaced none of those that are there may be written over. */
static inlay_status choose_names(rewrite_job *j, inlay_error *err) {
    rewrite_plan *p = &j->plan;
    p->names = p->shards;
    for (int32_t i = 0; p->options->replace && i < p->shards;) {
        char *path = bundle_data_path(j->prefix, i, p->names);
        if (!path) return fail_memory(err);
        bool taken = p->names == j->b->shards || file_exists(path);
        mem_free(path);
        i = taken ? 0 : i + 1;
        if (taken && ++p->names > 99999)
            return fail_at(err, INLAY_RESOURCE_EXHAUSTED, j->prefix, -1, "no free names for data files");
    }
    return INLAY_OK;
}

/* The data files of the index that was replaced, whether it named them or not. */
static void remove_old(const rewrite_job *j) {
    inlay_error ignored;
    file_names names;
    char *folder = path_parent(j->prefix), ending[32];
    const char *name = path_name(j->prefix);
    size_t n = strlen(name), m = (size_t)snprintf(ending, sizeof ending, "-of-%05" PRId32, j->b->shards);
    if (folder && file_list(folder, &names, &ignored) == INLAY_OK) {
        for (size_t i = 0; i < names.count; i++) {
            const char *other = names.names[i];
            if (strlen(other) != n + 11 + m || strncmp(other, name, n) != 0 || strncmp(other + n, ".data-", 6) != 0 ||
                strspn(other + n + 6, "0123456789") != 5 || strcmp(other + n + 11, ending) != 0)
                continue;
            char *path = path_join(folder, other);
            if (path) file_remove(path, &ignored);
            mem_free(path);
        }
        file_names_free(&names);
    }
    mem_free(folder);
}

/* The switch from the old index to the new one. When it fails only once the new one is in place, though not yet safe,
 * the files of both must stay. */
static inlay_status replace_index(rewrite_job *j, const char *path, inlay_error *err) {
    file_info before, after;
    inlay_error ignored;
    inlay_status status = file_stat(path, true, &before, err);
    if (status == INLAY_OK) status = write_index(j, path, err);
    if (status == INLAY_OK)
        remove_old(j);
    else if (file_stat(path, true, &after, &ignored) == INLAY_OK && file_info_equal(&before, &after))
        remove_placed(j, NULL);
    return status;
}

static inlay_status write_files(rewrite_job *j, inlay_error *err) {
    const rewrite_plan *p = &j->plan;
    bool replace = p->options->replace;
    inlay_status status = INLAY_OK;
    size_t next = 0;
    char *index_path = bundle_index_path(j->prefix);
    if (!index_path) return fail_memory(err);
    if (file_exists(index_path) && !replace) {
        status = fail_at(err, INLAY_ALREADY_EXISTS, index_path, -1, "is there already");
        mem_free(index_path);
        return status;
    }
    status = choose_names(j, err);
    for (size_t i = 0; i < p->n_kept && status == INLAY_OK; i++) status = keep_shard(j, &p->kept[i], &next, err);
    for (int32_t i = (int32_t)p->n_kept; i < p->shards && status == INLAY_OK; i++)
        status = write_shard(j, i, &next, err);
    if (status != INLAY_OK) {
        remove_placed(j, NULL);
    } else if (replace) {
        status = replace_index(j, index_path, err);
    } else {
        status = write_index(j, index_path, err);
        if (status != INLAY_OK) remove_placed(j, index_path);
    }
    mem_free(index_path);
    return status;
}

inlay_status checkpoint_rewrite(checkpoint *from, const char *prefix, file_mode mode, const rewrite_options *options,
                                progress *report_to, rewrite_report *report, inlay_error *err) {
    progress nobody = {0};
    rewrite_job j = {
        .b = checkpoint_bundle(from), .prefix = prefix, .mode = mode, .report = report_to ? report_to : &nobody};
    inlay_status status;
    TRY_TO(done, rewrite_plan_make(from, options, &j.plan, err));
    TRY_TO(done, bundle_index_open(&j.index, err));
    TRY_TO(done, write_files(&j, err));
    if (report)
        *report = (rewrite_report){.tensors = checkpoint_count(from),
                                   .shards = j.plan.shards,
                                   .bytes = j.bytes,
                                   .kept = j.plan.kept,
                                   .n_kept = j.plan.n_kept};
    for (size_t i = 0; report && i < j.plan.n_pieces; i++) report->slices += slice_key_is(j.plan.pieces[i].key);
    if (report) j.plan.kept = NULL;
done:
    bundle_index_close(j.index);
    buffer_free(&j.value);
    rewrite_plan_free(&j.plan);
    return status;
}

void rewrite_report_free(rewrite_report *report) {
    mem_free(report->kept);
    *report = (rewrite_report){0};
}
