#include "base/map.h"
#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"
#include "format/bundle_slice.h"

#include <inttypes.h>

/* An entry of the merged index. */
typedef struct merged_entry {
    bytes key, value;
    dtype type;
    shape dims;
    bool sliced;
} merged_entry;

/* A data file of a part, and with its place in the list the number it gets. */
typedef struct merged_file {
    size_t part;
    int32_t shard;
} merged_file;

typedef struct merge {
    const char *prefix;
    const bundle_merge_options *options;
    bundle **parts;
    size_t n_parts;
    arena memory;
    map by_key;   /* key -> entries */
    map by_shard; /* part and shard -> files */
    merged_entry *entries;
    merged_file *files;
    size_t n_entries, n_files, entry_room, file_room, placed;
    buffer value;
    bytes *extra_values; /* entries of what is extra */
} merge;

static inlay_status conflict(const merge *m, size_t part, bytes key, const char *what, inlay_error *err) {
    char text[KEY_TEXT];
    return fail_at(err, INLAY_INVALID_ARGUMENT, m->parts[part]->index_path, -1, "%s: %s", key_text(key, text), what);
}

/* Makes room for one more element of SIZE bytes in *list. */
static bool grow(void *list, size_t count, size_t *room, size_t size) {
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 64;
    void *old, *grown;
    memcpy(&old, list, sizeof old);
    if (!(grown = mem_realloc(old, wanted * size))) return false;
    memcpy(list, &grown, sizeof grown);
    *room = wanted;
    return true;
}

/* The number that E's data file of PART gets: they are numbered as they are first used. The whole of a partitioned
 * tensor has no data of its own, so it makes no use of a file. */
static inlay_status number_file(merge *m, size_t part, const bundle_entry *e, int32_t *out, inlay_error *err) {
    int32_t shard = e->shard;
    uint8_t name[12];
    uint64_t known;
    store_u64(name, part);
    store_u32(name + 8, (uint32_t)shard);
    if (map_get(&m->by_shard, bytes_make(name, sizeof name), &known)) {
        *out = (int32_t)known;
        return INLAY_OK;
    }
    *out = 0;
    if (e->n_slices > 0) return INLAY_OK;
    const char *kept = arena_copy(&m->memory, bytes_make(name, sizeof name));
    if (!kept || !grow(&m->files, m->n_files, &m->file_room, sizeof *m->files)) return fail_memory(err);
    TRY(map_put(&m->by_shard, bytes_make(kept, sizeof name), m->n_files, err));
    *out = (int32_t)m->n_files;
    m->files[m->n_files++] = (merged_file){part, shard};
    return INLAY_OK;
}

static inlay_status add_new(merge *m, size_t part, const bundle_entry *e, inlay_error *err) {
    const bundle *b = m->parts[part];
    int32_t shard = 0;
    TRY(number_file(m, part, e, &shard, err));
    TRY(bundle_entry_move(e->value, shard, e->offset, b->index_path, &m->value, err));
    const char *value = arena_copy(&m->memory, buffer_bytes(&m->value));
    if (!value || !grow(&m->entries, m->n_entries, &m->entry_room, sizeof *m->entries)) return fail_memory(err);
    TRY(map_put(&m->by_key, e->key, m->n_entries, err));
    m->entries[m->n_entries++] =
        (merged_entry){e->key, bytes_make(value, m->value.size), e->type, e->dims, e->n_slices > 0};
    return INLAY_OK;
}

/* Adds the slices that E lists to those of ALREADY. */
static inlay_status add_slices(merge *m, size_t part, const bundle_entry *e, merged_entry *already, inlay_error *err) {
    if (!already->sliced || e->n_slices == 0) return conflict(m, part, e->key, "is in an earlier part too", err);
    if (already->type != e->type || !shape_equal(&already->dims, &e->dims))
        return conflict(m, part, e->key, "has another dtype or shape in an earlier part", err);
    buffer_clear(&m->value);
    buffer_append_bytes(&m->value, already->value);
    wire_reader r = wire_open(e->value, m->parts[part]->index_path, NULL);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number == 7) buffer_append_bytes(&m->value, f.whole);
    }
    TRY(buffer_check(&m->value, err));
    const char *value = arena_copy(&m->memory, buffer_bytes(&m->value));
    if (!value) return fail_memory(err);
    already->value = bytes_make(value, m->value.size);
    return INLAY_OK;
}

static bool is_extra(const merge *m, bytes key) {
    for (size_t i = 0; i < m->options->n_extra; i++)
        if (bytes_equal(m->options->extra[i].key, key)) return true;
    return false;
}

/* Whether KEY is that of a slice whose tensor an earlier part has, when that one is taken. The slices of a part come
 * before the tensors that they are of. */
static bool is_slice_of_earlier(const merge *m, bytes key) {
    if (!m->options->first_wins || key.data[0] != 0) return false;
    buffer name = {0};
    bool earlier = slice_key_parse(key, &name, NULL) && map_get(&m->by_key, buffer_bytes(&name), NULL);
    buffer_free(&name);
    return earlier;
}

static inlay_status add_part(merge *m, size_t part, inlay_error *err) {
    const bundle *b = m->parts[part], *first = m->parts[0];
    if (b->big_endian != first->big_endian)
        return fail_at(err, INLAY_INVALID_ARGUMENT, b->index_path, -1, "has another byte order than the first part");
    if (b->producer != first->producer || b->min_consumer != first->min_consumer)
        return fail_at(err, INLAY_INVALID_ARGUMENT, b->index_path, -1, "has another version than the first part");
    size_t i = 0, j = 0;
    while (i < b->tensors.count || j < b->slices.count) { /* by rising key, as the index has them */
        bool tensor_first =
            j == b->slices.count ||
            (i < b->tensors.count && bytes_compare(b->tensors.entries[i].key, b->slices.entries[j].key) < 0);
        const bundle_entry *e = tensor_first ? &b->tensors.entries[i++] : &b->slices.entries[j++];
        uint64_t known;
        if (is_extra(m, e->key) || is_slice_of_earlier(m, e->key)) continue;
        if (!map_get(&m->by_key, e->key, &known))
            TRY(add_new(m, part, e, err));
        else if (!m->options->first_wins)
            TRY(add_slices(m, part, e, &m->entries[known], err));
    }
    return INLAY_OK;
}

/* Data files of the merged bundle: those of the parts, and one for what is extra. */
static int32_t merged_shards(const merge *m) {
    return (int32_t)m->n_files + (m->options->n_extra > 0);
}

static inlay_status merged_index(merge *m, buffer *out, inlay_error *err) {
    bundle_index *x;
    TRY(bundle_index_open(&x, err));
    buffer header = {0};
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < m->n_entries && status == INLAY_OK; i++)
        status = bundle_index_add_raw(x, m->entries[i].key, m->entries[i].value, err);
    const bundle *first = m->parts[0];
    for (size_t i = 0; i < m->options->n_extra && status == INLAY_OK; i++)
        status = bundle_index_add_raw(x, m->options->extra[i].key, m->extra_values[i], err);
    int32_t shards = merged_shards(m);
    bundle_header_put(&header, shards ? shards : 1, first->big_endian, first->producer, first->min_consumer);
    if (status == INLAY_OK) status = buffer_check(&header, err);
    if (status == INLAY_OK) status = bundle_index_finish_as(x, buffer_bytes(&header), out, err);
    buffer_free(&header);
    bundle_index_close(x);
    return status;
}

/* ---- files */

static char *old_path(const merge *m, size_t file) {
    const bundle *b = m->parts[m->files[file].part];
    return bundle_data_path(b->prefix, m->files[file].shard, b->shards);
}

static char *new_path(const merge *m, size_t file) {
    return bundle_data_path(m->prefix, (int32_t)file, merged_shards(m));
}

static inlay_status place_file(merge *m, size_t file, bool keep, inlay_error *err) {
    char *from = old_path(m, file), *to = new_path(m, file);
    inlay_status status = from && to ? INLAY_OK : fail_memory(err);
    /* No index names it, so what is there is a rest of a merge that was cut short. */
    if (status == INLAY_OK && file_exists(to)) status = file_remove(to, err);
    if (status == INLAY_OK) status = file_place(from, to, keep ? INLAY_LINK_AUTO : INLAY_LINK_MOVE, NULL, NULL, err);
    if (status == INLAY_OK) m->placed++;
    mem_free(from);
    mem_free(to);
    return status;
}

static void remove_quietly(char *path) {
    inlay_error ignored;
    if (path) file_remove(path, &ignored);
    mem_free(path);
}

static inlay_status append_extra(merge *m, file_writer *w, inlay_error *err) {
    m->extra_values = arena_zalloc(&m->memory, m->options->n_extra, sizeof *m->extra_values);
    if (!m->extra_values) return fail_memory(err);
    for (size_t i = 0; i < m->options->n_extra; i++) {
        const tensor *t = m->options->extra[i].value;
        uint64_t offset = file_position(w);
        uint32_t crc = 0;
        TRY(bundle_append_tensor(w, t, &crc, err));
        buffer_clear(&m->value);
        bundle_entry_put(&m->value, t->type, &t->dims, (int32_t)m->n_files, offset, file_position(w) - offset, crc);
        TRY(buffer_check(&m->value, err));
        const char *value = arena_copy(&m->memory, buffer_bytes(&m->value));
        if (!value) return fail_memory(err);
        m->extra_values[i] = bytes_make(value, m->value.size);
    }
    return INLAY_OK;
}

/* The data file of what is extra: the one behind those of the parts. */
static inlay_status write_extra(merge *m, inlay_error *err) {
    file_writer *w = NULL;
    char *path = new_path(m, m->n_files);
    inlay_status status = path ? file_create(path, FILE_ATOMIC, &w, err) : fail_memory(err);
    if (status == INLAY_OK) {
        status = append_extra(m, w, err);
        if (status == INLAY_OK)
            status = file_commit(w, err);
        else
            file_abandon(w);
        m->placed = m->n_files + 1; /* a commit may fail when the file is there already, but not yet safe */
    }
    mem_free(path);
    return status;
}

static inlay_status write_merged(merge *m, inlay_error *err) {
    bool keep = m->options->keep;
    buffer index = {0};
    inlay_status status;
    char *index_path = bundle_index_path(m->prefix);
    if (!index_path) return fail_memory(err);
    if (file_exists(index_path)) TRY_TO(done, fail_at(err, INLAY_ALREADY_EXISTS, index_path, -1, "is there already"));
    if (m->options->n_extra == 0) TRY_TO(done, merged_index(m, &index, err)); /* before anything is put in place */
    for (size_t i = 0; i < m->n_files; i++) TRY_TO(done, place_file(m, i, keep, err));
    if (m->options->n_extra) TRY_TO(done, write_extra(m, err));
    if (m->options->n_extra) TRY_TO(done, merged_index(m, &index, err));
    status = file_write_all(index_path, FILE_ATOMIC, buffer_bytes(&index), err);
    if (status != INLAY_OK) { /* it may be there already, but not yet safe */
        inlay_error ignored;
        file_remove(index_path, &ignored);
        goto done;
    }
    m->placed = 0; /* they stay */
    if (!keep) {   /* the merged bundle is whole; what cannot be removed is no failure of it */
        for (size_t i = 0; i < m->n_parts; i++) remove_quietly(bundle_index_path(m->parts[i]->prefix));
        for (size_t i = 0; i < m->n_files; i++) remove_quietly(old_path(m, i));
    }
done:
    for (size_t i = 0; i < m->placed; i++) remove_quietly(new_path(m, i));
    mem_free(index_path);
    buffer_free(&index);
    return status;
}

static void merge_free(merge *m) {
    for (size_t i = 0; m->parts && i < m->n_parts; i++) bundle_close(m->parts[i]);
    mem_free(m->parts);
    map_free(&m->by_key);
    map_free(&m->by_shard);
    mem_free(m->entries);
    mem_free(m->files);
    buffer_free(&m->value);
    arena_free(&m->memory);
}

inlay_status bundle_merge(const char *const *prefixes, size_t n, const char *prefix, bool keep, inlay_error *err) {
    bundle_merge_options options = {.keep = keep};
    return bundle_merge_as(prefixes, n, prefix, &options, err);
}

inlay_status bundle_merge_as(const char *const *prefixes, size_t n, const char *prefix,
                             const bundle_merge_options *options, inlay_error *err) {
    if (n == 0) return fail(err, INLAY_INVALID_ARGUMENT, "nothing to merge");
    merge m = {.prefix = prefix, .options = options, .n_parts = n};
    inlay_status status;
    arena_init(&m.memory, 0);
    m.parts = mem_zalloc(n, sizeof *m.parts);
    if (!m.parts) TRY_TO(done, fail_memory(err));
    for (size_t i = 0; i < n; i++) {
        TRY_TO(done, bundle_open(prefixes[i], false, &m.parts[i], err));
        TRY_TO(done, add_part(&m, i, err));
    }
    if (options->n_extra && m.parts[0]->big_endian)
        TRY_TO(done, fail_at(err, INLAY_UNIMPLEMENTED, m.parts[0]->index_path, -1,
                             "is big-endian; inlay convert makes it little-endian"));
    TRY_TO(done, write_merged(&m, err));
done:
    merge_free(&m);
    return status;
}
