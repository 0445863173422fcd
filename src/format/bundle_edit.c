#include "format/bundle_edit.h"

#include "base/crc32c.h"
#include "base/map.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"
#include "proto/splice.h"

#include <stdio.h>

/* Bundles that were edited count their data files to a multiple of this, so that most edits find a number to spare. */
enum { ROUND = 1024, SPARE = 64 };

typedef struct item {
    bytes key, value;
    int32_t shard; /* -1: no bytes */
    bool dropped;
} item;

struct bundle_edit {
    const bundle *from;
    char *prefix;
    bundle_edit_options options;
    bool in_place, changed;
    arena memory;
    item *items;
    size_t count, capacity;
    map by_key;     /* index of the live item */
    int32_t shards; /* of the next index */
    int32_t last;   /* highest number in use, also by files that no entry names */
    file_writer *data;
    int32_t data_shard;
    bool *made; /* [shards] data files that this edit put at PREFIX; NULL: numbers are not settled yet */
};

/* ---- items */

static inlay_status add_item(bundle_edit *e, bytes key, bytes value, int32_t shard, inlay_error *err) {
    if (e->count == e->capacity) {
        size_t capacity = e->capacity ? e->capacity * 2 : 64;
        item *grown = mem_realloc(e->items, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        e->items = grown;
        e->capacity = capacity;
    }
    TRY(map_put(&e->by_key, key, e->count, err));
    e->items[e->count++] = (item){key, value, shard, false};
    return INLAY_OK;
}

static int32_t shard_of(const bundle_entry *entry) {
    return entry->n_slices || entry->size == 0 ? -1 : entry->shard;
}

static inlay_status add_old(bundle_edit *e, inlay_error *err) {
    const bundle *b = e->from;
    for (size_t i = 0; i < b->tensors.count; i++) {
        const bundle_entry *t = &b->tensors.entries[i];
        TRY(add_item(e, t->key, t->value, shard_of(t), err));
    }
    for (size_t i = 0; i < b->slices.count; i++) {
        const bundle_entry *s = &b->slices.entries[i];
        TRY(add_item(e, s->key, s->value, shard_of(s), err));
    }
    return INLAY_OK;
}

static item *find_live(const bundle_edit *e, bytes key) {
    uint64_t index;
    if (!map_get(&e->by_key, key, &index) || e->items[index].dropped) return NULL;
    return &e->items[index];
}

bool bundle_edit_has(const bundle_edit *e, bytes key) {
    return find_live(e, key);
}
bool bundle_edit_changed(const bundle_edit *e) {
    return e->changed;
}

static inlay_status find_or_fail(const bundle_edit *e, bytes key, item **out, inlay_error *err) {
    char text[KEY_TEXT];
    if ((*out = find_live(e, key))) return INLAY_OK;
    return fail_at(err, INLAY_NOT_FOUND, e->from->index_path, -1, "no tensor %s", key_text(key, text));
}

/* Calls FN for each live slice of tensor NAME. */
static inlay_status each_slice(bundle_edit *e, bytes name,
                               inlay_status (*fn)(bundle_edit *e, size_t index, const tensor_slice *slice, bytes to,
                                                  inlay_error *err),
                               bytes to, inlay_error *err) {
    buffer of = {0};
    inlay_status status = INLAY_OK;
    for (size_t i = 0, n = e->count; i < n && status == INLAY_OK; i++) {
        tensor_slice slice;
        if (e->items[i].dropped || e->items[i].key.size == 0 || e->items[i].key.data[0] != 0) continue;
        buffer_clear(&of);
        if (!slice_key_parse(e->items[i].key, &of, &slice)) continue;
        status = buffer_check(&of, err);
        if (status == INLAY_OK && bytes_equal(buffer_bytes(&of), name)) status = fn(e, i, &slice, to, err);
    }
    buffer_free(&of);
    return status;
}

static inlay_status drop_slice(bundle_edit *e, size_t index, const tensor_slice *slice, bytes to, inlay_error *err) {
    (void)slice;
    (void)to;
    (void)err;
    e->items[index].dropped = true;
    return INLAY_OK;
}

inlay_status bundle_edit_drop(bundle_edit *e, bytes key, inlay_error *err) {
    item *old;
    TRY(find_or_fail(e, key, &old, err));
    old->dropped = true;
    e->changed = true;
    return each_slice(e, key, drop_slice, key, err);
}

static inlay_status kept_key(bundle_edit *e, bytes key, bytes *out, inlay_error *err) {
    const char *kept = arena_copy(&e->memory, key);
    if (!kept) return fail_memory(err);
    *out = bytes_make(kept, key.size);
    return INLAY_OK;
}

static inlay_status move_item(bundle_edit *e, size_t index, bytes to, inlay_error *err) {
    bytes key;
    TRY(kept_key(e, to, &key, err));
    e->items[index].dropped = true;
    return add_item(e, key, e->items[index].value, e->items[index].shard, err);
}

static inlay_status rename_slice(bundle_edit *e, size_t index, const tensor_slice *slice, bytes to, inlay_error *err) {
    buffer key = {0};
    slice_key_put(&key, to, slice);
    inlay_status status = buffer_check(&key, err);
    if (status == INLAY_OK) status = move_item(e, index, buffer_bytes(&key), err);
    buffer_free(&key);
    return status;
}

inlay_status bundle_edit_rename(bundle_edit *e, bytes from, bytes to, inlay_error *err) {
    item *old;
    char text[KEY_TEXT];
    TRY(find_or_fail(e, from, &old, err));
    if (to.size == 0) return fail(err, INLAY_INVALID_ARGUMENT, "a tensor's key cannot be empty");
    if (find_live(e, to))
        return fail_at(err, INLAY_ALREADY_EXISTS, e->from->index_path, -1, "there is a tensor %s already",
                       key_text(to, text));
    e->changed = true;
    TRY(each_slice(e, from, rename_slice, to, err));
    TRY(find_or_fail(e, from, &old, err));
    return move_item(e, (size_t)(old - e->items), to, err);
}

inlay_status bundle_edit_entry(bundle_edit *e, bytes key, dtype t, const shape *dims, int32_t shard, uint64_t offset,
                               uint64_t size, uint32_t crc, inlay_error *err) {
    buffer value = {0};
    bytes kept_name, kept_value = {0};
    bundle_entry_put(&value, t, dims, shard, offset, size, crc);
    inlay_status status = buffer_check(&value, err);
    if (status == INLAY_OK) status = kept_key(e, buffer_bytes(&value), &kept_value, err);
    buffer_free(&value);
    TRY(status);
    if (find_live(e, key)) TRY(bundle_edit_drop(e, key, err));
    TRY(kept_key(e, key, &kept_name, err));
    e->changed = true;
    return add_item(e, kept_name, kept_value, size ? shard : -1, err);
}

/* ---- data files */

/* Number SHARD of a data file called "NAME.data-SHARD-of-SHARDS"; false for another name. */
static bool parse_data_name(const char *file, const char *name, int32_t *shard, int32_t *shards) {
    size_t n = strlen(name);
    int a, b, used = 0;
    if (strncmp(file, name, n) != 0 || sscanf(file + n, ".data-%d-of-%d%n", &a, &b, &used) != 2) return false;
    *shard = a;
    *shards = b;
    return file[n + (size_t)used] == 0 && a >= 0 && b > 0;
}

/* Calls FN for each data file beside PREFIX, also for those of other counts. */
static inlay_status each_data_file(const char *prefix,
                                   void (*fn)(void *ctx, const char *path, int32_t shard, int32_t shards), void *ctx,
                                   inlay_error *err) {
    char *folder = path_parent(prefix);
    if (!folder) return fail_memory(err);
    file_names names = {0};
    inlay_status status = file_list(folder, &names, err);
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        int32_t shard, shards;
        if (!parse_data_name(names.names[i], path_name(prefix), &shard, &shards)) continue;
        char *path = path_join(folder, names.names[i]);
        if (!path) status = fail_memory(err);
        if (path) fn(ctx, path, shard, shards);
        mem_free(path);
    }
    file_names_free(&names);
    mem_free(folder);
    return status;
}

static void note_number(void *ctx, const char *path, int32_t shard, int32_t shards) {
    (void)path;
    bundle_edit *e = ctx;
    if (shards == e->from->shards && shard > e->last) e->last = shard;
}

/* Settles how many data files the bundle counts from now on. Numbers go up behind those in use, so that no name is used
 * twice in a row; when too few are left the bundle gets a larger count, by which all its files are called. */
static inlay_status start(bundle_edit *e, inlay_error *err) {
    if (e->made) return INLAY_OK;
    e->last = -1;
    for (size_t i = 0; i < e->count; i++)
        if (e->items[i].shard > e->last) e->last = e->items[i].shard;
    TRY(each_data_file(e->from->prefix, note_number, e, err));
    if (e->last > INT32_MAX / 2 || e->options.files > INT32_MAX / 4)
        return fail_at(err, INLAY_RESOURCE_EXHAUSTED, e->from->index_path, -1, "no numbers are left for data files");
    if (e->last + 1 + e->options.files >= e->shards)
        e->shards = (e->last + 1 + e->options.files + SPARE + ROUND) / ROUND * ROUND;
    e->made = mem_zalloc((size_t)e->shards, sizeof *e->made);
    return e->made ? INLAY_OK : fail_memory(err);
}

static inlay_status next_number(bundle_edit *e, int32_t *out, inlay_error *err) {
    TRY(start(e, err));
    if (e->last + 1 >= e->shards) return fail(err, INLAY_INTERNAL, "more data files than were announced");
    *out = ++e->last;
    return INLAY_OK;
}

static char *target_path(const bundle_edit *e, int32_t shard) {
    return bundle_data_path(e->prefix, shard, e->shards);
}

inlay_status bundle_edit_data(bundle_edit *e, file_writer **out, int32_t *shard, inlay_error *err) {
    if (!e->data) {
        TRY(next_number(e, &e->data_shard, err));
        char *path = target_path(e, e->data_shard);
        if (!path) return fail_memory(err);
        inlay_status status = file_create(path, e->options.mode, &e->data, err);
        mem_free(path);
        TRY(status);
    }
    *out = e->data;
    *shard = e->data_shard;
    return INLAY_OK;
}

inlay_status bundle_edit_place(bundle_edit *e, const char *source, inlay_link how, inlay_link *done, int32_t *shard,
                               inlay_error *err) {
    TRY(next_number(e, shard, err));
    char *path = target_path(e, *shard);
    if (!path) return fail_memory(err);
    inlay_status status = file_place(source, path, how, done, NULL, err);
    e->made[*shard] = status == INLAY_OK;
    mem_free(path);
    return status;
}

static inlay_status put_bytes(bundle_edit *e, bytes key, const tensor *value, inlay_error *err) {
    file_writer *w;
    int32_t shard;
    uint32_t crc = 0;
    TRY(bundle_edit_data(e, &w, &shard, err));
    uint64_t offset = file_position(w);
    TRY(bundle_append_tensor(w, value, &crc, err));
    return bundle_edit_entry(e, key, value->type, &value->dims, shard, offset, file_position(w) - offset, crc, err);
}

inlay_status bundle_edit_put(bundle_edit *e, bytes key, const tensor *value, inlay_error *err) {
    if (!e->from->big_endian || value->type == INLAY_STRING || dtype_size(value->type) == 1)
        return put_bytes(e, key, value, err);
    return fail_at(err, INLAY_UNIMPLEMENTED, e->from->index_path, -1,
                   "the checkpoint is big-endian; convert it to little-endian first");
}

inlay_status bundle_edit_put_as(bundle_edit *e, bytes key, bytes as, inlay_error *err) {
    item *source;
    bytes kept;
    TRY(find_or_fail(e, as, &source, err));
    bytes value = source->value;
    int32_t shard = source->shard;
    if (find_live(e, key)) TRY(bundle_edit_drop(e, key, err));
    TRY(kept_key(e, key, &kept, err));
    e->changed = true;
    return add_item(e, kept, value, shard, err);
}

inlay_status bundle_edit_put_string(bundle_edit *e, bytes key, bytes text, inlay_error *err) {
    tensor *scalar;
    TRY(tensor_from_string(text, &scalar, err));
    inlay_status status = bundle_edit_put(e, key, scalar, err);
    tensor_release(scalar);
    return status;
}

/* ---- commit */

/* The data file SHARD of the old bundle under a name of the new one, unless it is there. */
static inlay_status share(bundle_edit *e, int32_t shard, int32_t shards, inlay_error *err) {
    char *from = bundle_data_path(e->from->prefix, shard, e->from->shards),
         *to = bundle_data_path(e->prefix, shard, shards);
    inlay_status status = INLAY_OK;
    if (!from || !to)
        status = fail_memory(err);
    else if (strcmp(from, to) != 0 && !file_exists(to)) {
        status = file_share(from, to, err);
        if (status == INLAY_OK && shards == e->shards && e->made) e->made[shard] = true;
    }
    mem_free(from);
    mem_free(to);
    return status;
}

static bool is_old(const bundle_edit *e, int32_t shard) {
    for (size_t i = 0; i < e->from->n_files; i++)
        if (e->from->files[i].id == shard) return true;
    return false;
}

/* Marks each data file of the old bundle (in the order of its files) that a live item is in. */
static void mark_used(const bundle_edit *e, bool *used) {
    for (size_t i = 0; i < e->count; i++) {
        const item *t = &e->items[i];
        for (size_t j = 0; !t->dropped && t->shard >= 0 && j < e->from->n_files; j++)
            if (e->from->files[j].id == t->shard) used[j] = true;
    }
}

static inlay_status share_files(bundle_edit *e, inlay_error *err) {
    size_t n = e->from->n_files;
    bool *used = mem_zalloc(n, sizeof *used);
    inlay_status status = used ? INLAY_OK : fail_memory(err);
    if (used) mark_used(e, used);
    for (size_t i = 0; i < n && status == INLAY_OK; i++)
        if (used[i]) status = share(e, e->from->files[i].id, e->shards, err);
    for (size_t i = 0; e->options.keep_old && i < n && status == INLAY_OK; i++)
        status = share(e, e->from->files[i].id, e->from->shards, err);
    mem_free(used);
    return status;
}

/* What was placed and linked must be there before the index that names it. A staged folder is synced as a whole. */
static inlay_status sync_files(bundle_edit *e, inlay_error *err) {
    if (e->options.mode == FILE_DIRECT || !e->made) return INLAY_OK;
    inlay_status status = INLAY_OK;
    for (int32_t i = 0; i < e->shards && status == INLAY_OK; i++) {
        char *path = e->made[i] ? target_path(e, i) : NULL;
        if (path) status = file_sync(path, err);
        mem_free(path);
    }
    char *folder = path_parent(e->prefix);
    if (!folder) return fail_memory(err);
    if (status == INLAY_OK) status = file_sync(folder, err);
    mem_free(folder);
    return status;
}

/* The header as it stood, but for the count of data files (BundleHeaderProto.num_shards 1). */
static inlay_status put_header(const bundle_edit *e, buffer *out, inlay_error *err) {
    const bundle *b = e->from;
    wire_field count;
    bool found;
    if (e->shards == b->shards) {
        buffer_append_bytes(out, b->header);
        return buffer_check(out, err);
    }
    TRY(wire_find(b->header, 1, b->index_path, &count, &found, err));
    buffer number = {0};
    splice s = {0};
    wire_put_uint(&number, 1, (uint64_t)e->shards);
    if (found)
        splice_replace(&s, count.whole, buffer_bytes(&number));
    else
        splice_at_start(&s, b->header, buffer_bytes(&number));
    inlay_status status = buffer_check(&number, err);
    if (status == INLAY_OK) status = splice_to_buffer(&s, b->header, b->index_path, out, err);
    splice_free(&s);
    buffer_free(&number);
    return status;
}

/* Whether the file at PATH holds DATA: a write that failed when only its folder could not be synced. */
static bool is_written(const char *path, bytes data) {
    file_map *map;
    inlay_error ignored;
    if (file_map_open(path, true, &map, &ignored) != INLAY_OK) return false;
    bool same = bytes_equal(file_map_bytes(map), data);
    file_map_release(map);
    return same;
}

/* *in_place: the new index is there, whatever the result. */
static inlay_status write_index(bundle_edit *e, bool *in_place, inlay_error *err) {
    bundle_index *index;
    buffer header = {0}, file = {0};
    char *path = bundle_index_path(e->prefix);
    TRY(path ? bundle_index_open(&index, err) : fail_memory(err));
    inlay_status status;
    TRY_TO(done, put_header(e, &header, err));
    for (size_t i = 0; i < e->count; i++) {
        const item *t = &e->items[i];
        if (!t->dropped) TRY_TO(done, bundle_index_add_raw(index, t->key, t->value, err));
    }
    TRY_TO(done, bundle_index_finish_as(index, buffer_bytes(&header), &file, err));
    status = file_write_all(path, e->options.mode, buffer_bytes(&file), err);
    *in_place = status == INLAY_OK || is_written(path, buffer_bytes(&file));
done:
    bundle_index_close(index);
    buffer_free(&header);
    buffer_free(&file);
    mem_free(path);
    return status;
}

/* Data files beside PREFIX that neither index names and that an edit must have made: their count is one that edits
 * give, or they are another name of a file in use. */
static void sweep_one(void *ctx, const char *path, int32_t shard, int32_t shards) {
    const bundle_edit *e = ctx;
    inlay_error ignored;
    bool named = shards == e->from->shards && is_old(e, shard);
    for (size_t i = 0; i < e->count && !named; i++)
        named = shards == e->shards && !e->items[i].dropped && e->items[i].shard == shard;
    if (named) return;
    file_info stale, used;
    char *twin = target_path(e, shard);
    bool same = twin && strcmp(twin, path) != 0 && file_stat(path, true, &stale, &ignored) == INLAY_OK &&
                file_stat(twin, true, &used, &ignored) == INLAY_OK && stale.inode == used.inode &&
                stale.device == used.device;
    if (same || shards % ROUND == 0) file_remove(path, &ignored);
    mem_free(twin);
}

static void release(bundle_edit *e) {
    file_abandon(e->data);
    arena_free(&e->memory);
    map_free(&e->by_key);
    mem_free(e->items);
    mem_free(e->made);
    mem_free(e->prefix);
    mem_free(e);
}

void bundle_edit_abandon(bundle_edit *e) {
    if (!e) return;
    inlay_error ignored;
    for (int32_t i = 0; e->made && i < e->shards; i++) {
        char *path = e->made[i] ? target_path(e, i) : NULL;
        if (path) file_remove(path, &ignored);
        mem_free(path);
    }
    release(e);
}

inlay_status bundle_edit_commit(bundle_edit *e, inlay_error *err) {
    inlay_status status = INLAY_OK;
    bool in_place = false;
    if (e->data) {
        file_writer *w = e->data;
        e->data = NULL;
        TRY_TO(done, file_commit(w, err));
        e->made[e->data_shard] = true;
    }
    TRY_TO(done, share_files(e, err));
    TRY_TO(done, sync_files(e, err));
    status = write_index(e, &in_place, err);
done:
    if (!in_place) {
        bundle_edit_abandon(e);
        return status;
    }
    if (e->in_place && status == INLAY_OK) {
        inlay_error ignored;
        each_data_file(e->prefix, sweep_one, e, &ignored);
    }
    release(e);
    return status;
}

inlay_status bundle_edit_begin(const bundle *from, const char *prefix, const bundle_edit_options *options,
                               bundle_edit **out, inlay_error *err) {
    *out = NULL;
    bundle_edit *e = mem_zalloc(1, sizeof *e);
    if (!e) return fail_memory(err);
    e->from = from;
    e->options = *options;
    e->shards = from->shards;
    e->in_place = strcmp(prefix, from->prefix) == 0;
    inlay_status status = (e->prefix = mem_strdup(prefix)) ? add_old(e, err) : fail_memory(err);
    if (status != INLAY_OK) {
        bundle_edit_abandon(e);
        return status;
    }
    *out = e;
    return INLAY_OK;
}
