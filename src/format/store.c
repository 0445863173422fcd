#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"
#include "format/store_parts.h"

#include <inttypes.h>

/* ---- opening */

/* Whether FOLDER holds one of NAMES, which NULL ends. */
static inlay_status holds_any(const char *folder, const char *const *names, bool *out, inlay_error *err) {
    *out = false;
    for (; *names && !*out; names++) {
        char *path = path_join(folder, *names);
        if (!path) return fail_memory(err);
        *out = file_exists(path);
        mem_free(path);
    }
    return INLAY_OK;
}

static inlay_status open_variables(store *s, const char *folder, bool copy, inlay_error *err) {
    static const char *const files[] = {"variables/variables.index", "variables/variables", NULL};
    bool has_variables;
    TRY(holds_any(folder, files, &has_variables, err));
    if (!has_variables) return INLAY_OK;
    char *prefix = path_join(folder, "variables/variables");
    if (!prefix) return fail_memory(err);
    inlay_status status = checkpoint_open(prefix, copy, &s->checkpoint, err);
    mem_free(prefix);
    return status;
}

/* Whether the file PATH is a checkpoint's: beside an index of its name, an index itself, or an SSTable. */
static inlay_status is_checkpoint(const char *path, bool *out, inlay_error *err) {
    size_t size = strlen(path);
    char *index = bundle_index_path(path);
    if (!index) return fail_memory(err);
    *out = file_exists(index) || (size > 6 && strcmp(path + size - 6, ".index") == 0);
    mem_free(index);
    if (*out) return INLAY_OK;
    file_map *map;
    TRY(file_map_open(path, false, &map, err));
    *out = map->size >= 8 && load_u64(map->data + map->size - 8) == SSTABLE_MAGIC;
    file_map_release(map);
    return INLAY_OK;
}

inlay_status store_kind_of(const char *path, store_kind *out, inlay_error *err) {
    static const char *const models[] = {"saved_model.pb", "saved_model.pbtxt", "saved_model.cpb", NULL};
    file_info info;
    inlay_error ignored;
    bool is = true;
    *out = STORE_CHECKPOINT; /* a prefix is no file */
    if (file_stat(path, true, &info, &ignored) != INLAY_OK) return INLAY_OK;
    if (info.is_folder)
        TRY(holds_any(path, models, &is, err));
    else
        TRY(is_checkpoint(path, &is, err));
    if (info.is_folder && is) *out = STORE_MODEL;
    if (!info.is_folder && !is) *out = STORE_GRAPH;
    return INLAY_OK;
}

static inlay_status open_path(store *s, const char *path, bool copy, inlay_error *err) {
    store_kind kind;
    TRY(store_kind_of(path, &kind, err));
    if (kind == STORE_MODEL) return open_variables(s, path, copy, err);
    if (kind == STORE_CHECKPOINT) return checkpoint_open(path, copy, &s->checkpoint, err);
    TRY(saved_model_open(path, copy, &s->graph, err));
    return store_list_constants(s, err);
}

inlay_status store_open(const char *path, bool copy, store **out, inlay_error *err) {
    *out = NULL;
    store *s = mem_zalloc(1, sizeof *s);
    if (!s) return fail_memory(err);
    arena_init(&s->memory, 0);
    inlay_status status;
    if (!(s->path = mem_strdup(path))) TRY_TO(failed, fail_memory(err));
    TRY_TO(failed, open_path(s, path, copy, err));
    *out = s;
    return INLAY_OK;
failed:
    store_close(s);
    return status;
}

inlay_status store_of_bundle(const char *path, bundle *b, store **out, inlay_error *err) {
    *out = NULL;
    store *s = mem_zalloc(1, sizeof *s);
    if (!s) {
        bundle_close(b);
        return fail_memory(err);
    }
    arena_init(&s->memory, 0);
    inlay_status status = checkpoint_of_bundle(path, b, &s->checkpoint, err);
    if (status == INLAY_OK && !(s->path = mem_strdup(path))) status = fail_memory(err);
    if (status == INLAY_OK)
        *out = s;
    else
        store_close(s);
    return status;
}

void store_close(store *s) {
    if (!s) return;
    checkpoint_close(s->checkpoint);
    saved_model_close(s->graph);
    mem_free(s->constants);
    arena_free(&s->memory);
    mem_free(s->path);
    mem_free(s);
}

/* ---- listing */

const char *store_path(const store *s) {
    return s->path;
}

size_t store_count(const store *s) {
    return s->checkpoint ? checkpoint_count(s->checkpoint) : s->count;
}

/* What numbers take in memory; 0 for what is none. Shapes of checkpoints are known to be known. */
static uint64_t bytes_in_memory(const store_tensor *t) {
    int64_t n;
    uint64_t size;
    return shape_elements(&t->dims, &n) && mul_u64((uint64_t)n, dtype_size(t->type), &size) ? size : 0;
}

store_tensor store_at(const store *s, size_t index) {
    if (!s->checkpoint) return s->constants[index].head;
    checkpoint_tensor t = checkpoint_at(s->checkpoint, index);
    store_tensor head = {.key = t.key, .type = t.type, .dims = t.dims, .slices = t.n_slices, .shard = -1, .offset = -1};
    bundle *b = checkpoint_bundle(s->checkpoint);
    const bundle_entry *e = b ? bundle_at(b, index) : NULL;
    if (e && e->n_slices == 0) {
        head.shard = e->shard;
        head.offset = (int64_t)e->offset;
        head.size = e->size;
    } else {
        if (!b && head.slices == 1) head.slices = 0;
        head.size = bytes_in_memory(&head);
    }
    return head;
}

inlay_status store_find(const store *s, bytes key, size_t *index, inlay_error *err) {
    size_t low = 0, high = store_count(s);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(store_at(s, middle).key, key);
        if (order == 0) {
            *index = middle;
            return INLAY_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    char text[KEY_TEXT];
    return fail_at(err, INLAY_NOT_FOUND, s->path, -1, "no tensor %s is stored there", key_text(key, text));
}

/* ---- reading */

inlay_status store_read(store *s, size_t index, tensor **out, inlay_error *err) {
    if (s->checkpoint) return checkpoint_read(s->checkpoint, store_at(s, index).key, bytes_of(""), out, err);
    char text[KEY_TEXT];
    inlay_error reason;
    tensor_proto_options options = saved_tensor_options(s->graph);
    inlay_status status =
        tensor_proto_read(saved_reader(s->graph, s->constants[index].message), &options, out, &reason);
    if (status == INLAY_OK) return INLAY_OK;
    return fail(err, status, "node %s: %s", key_text(s->constants[index].head.key, text), reason.message);
}

static const uint64_t PART_BYTES = 16 << 20;

/* Only what a bundle does not hold as it is, in one piece, is read in parts. */
static bool is_cut(const store *s, size_t index, const store_tensor *t) {
    const bundle *b = s->checkpoint ? checkpoint_bundle(s->checkpoint) : NULL;
    if (!b || dtype_size(t->type) == 0 || t->size <= PART_BYTES) return false;
    return bundle_at(b, index)->n_slices > 0 || (bundle_big_endian(b) && dtype_size(t->type) > 1);
}

void store_stream_begin(store *s, size_t index, store_stream *out) {
    *out = (store_stream){.of = s, .index = index, .head = store_at(s, index)};
    const shape *dims = &out->head.dims;
    if (!is_cut(s, index, &out->head)) return;
    while (out->axis < dims->rank - 1 && dims->dims[out->axis] == 1) out->axis++;
    int64_t rows = dims->dims[out->axis];
    uint64_t row = out->head.size / (uint64_t)rows;
    out->step = row < PART_BYTES ? (int64_t)(PART_BYTES / row) : 1;
}

/* "10 4 2,5:-": rows AT to AT + N along the stream's axis. */
static inlay_status part_spec(const store_stream *stream, int64_t n, buffer *out, inlay_error *err) {
    const shape *dims = &stream->head.dims;
    for (int i = 0; i < dims->rank; i++) buffer_format(out, "%" PRId64 " ", dims->dims[i]);
    for (int i = 0; i < dims->rank; i++) {
        buffer_append_text(out, i ? ":" : "");
        if (i == stream->axis)
            buffer_format(out, "%" PRId64 ",%" PRId64, stream->at, n);
        else
            buffer_append_byte(out, '-');
    }
    return buffer_check(out, err);
}

static inlay_status read_part(store_stream *stream, int64_t n, inlay_error *err) {
    buffer spec = {0};
    inlay_status status = part_spec(stream, n, &spec, err);
    if (status == INLAY_OK)
        status = checkpoint_read(stream->of->checkpoint, stream->head.key, buffer_bytes(&spec), &stream->part, err);
    buffer_free(&spec);
    return status;
}

inlay_status store_stream_next(store_stream *stream, const tensor **part, inlay_error *err) {
    tensor_release(stream->part);
    stream->part = NULL;
    *part = NULL;
    int64_t rows = stream->step ? stream->head.dims.dims[stream->axis] : 1;
    if (stream->at >= rows) return INLAY_OK;
    int64_t n = 1;
    if (stream->step) {
        n = rows - stream->at < stream->step ? rows - stream->at : stream->step;
        TRY(read_part(stream, n, err));
    } else {
        TRY(store_read(stream->of, stream->index, &stream->part, err));
    }
    stream->at += n;
    *part = stream->part;
    return INLAY_OK;
}

void store_stream_end(store_stream *stream) {
    tensor_release(stream->part);
    stream->part = NULL;
}
