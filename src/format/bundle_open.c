#include "format/bundle_private.h"

#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_slice.h"
#include "format/bundle_survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

char *bundle_data_path(const char *prefix, int32_t shard, int32_t shards) {
    size_t size = strlen(prefix) + 40;
    char *path = mem_alloc(size);
    if (path) snprintf(path, size, "%s.data-%05" PRId32 "-of-%05" PRId32, prefix, shard, shards);
    return path;
}

char *bundle_index_path(const char *prefix) {
    size_t size = strlen(prefix) + 7;
    char *path = mem_alloc(size);
    if (path) snprintf(path, size, "%s.index", prefix);
    return path;
}

static inlay_status out_of_room(const bundle *b, inlay_error *err) {
    return fail_at(err, INLAY_RESOURCE_EXHAUSTED, b->index_path, -1, "the index needs too much memory");
}

static inlay_status push(entry_list *list, const bundle_entry *entry, inlay_error *err) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        bundle_entry *grown = mem_realloc(list->entries, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        list->entries = grown;
        list->capacity = capacity;
    }
    list->entries[list->count++] = *entry;
    return INLAY_OK;
}

static inlay_status check_shard_id(const bundle *b, const bundle_entry *e, const message_place *place,
                                   inlay_error *err) {
    if (e->n_slices > 0 || e->size == 0 || (e->shard >= 0 && e->shard < b->shards)) return INLAY_OK;
    char text[KEY_TEXT];
    return fail_at(err, INLAY_DATA_LOSS, place->file, e->value.data - place->origin,
                   "entry %s: shard %" PRId32 " of a bundle with %" PRId32, key_text(e->key, text), e->shard,
                   b->shards);
}

static inlay_status add_entry(bundle *b, const sstable_cursor *c, inlay_error *err) {
    bytes key = sstable_key(c), value = sstable_value(c);
    bundle_entry e = {0};
    if (!sstable_value_in_file(c)) {
        value.data = (const uint8_t *)arena_copy(&b->memory, value);
        if (!value.data) return out_of_room(b, err);
    }
    const char *kept = arena_copy(&b->memory, key);
    if (!kept) return out_of_room(b, err);
    e.key = bytes_make(kept, key.size);
    message_place place = {b->index_path, value.data - sstable_value_offset(c), e.key};
    TRY(bundle_entry_parse(value, &place, &e, err));
    TRY(check_shard_id(b, &e, &place, err));
    return push(slice_key_is(key) ? &b->slices : &b->tensors, &e, err);
}

static inlay_status read_header(bundle *b, sstable_cursor *c, inlay_error *err) {
    TRY(sstable_seek(c, bytes_of(""), err));
    if (!sstable_valid(c) || sstable_key(c).size != 0)
        return fail_at(err, INLAY_DATA_LOSS, b->index_path, 0, "no bundle: the table has no header entry");
    bytes value = sstable_value(c);
    message_place place = {b->index_path, value.data - sstable_value_offset(c), bytes_of("")};
    bundle_header header;
    TRY(bundle_header_parse(value, &place, &header, err));
    if (!sstable_value_in_file(c) && !(value.data = (const uint8_t *)arena_copy(&b->memory, value)))
        return out_of_room(b, err);
    b->header = value;
    b->shards = header.shards;
    b->big_endian = header.big_endian;
    b->producer = header.producer;
    b->min_consumer = header.min_consumer;
    return INLAY_OK;
}

static inlay_status read_index(bundle *b, inlay_error *err) {
    sstable *table = NULL;
    sstable_cursor *c = NULL;
    inlay_status status;
    TRY_TO(done, sstable_open(b->index, &table, err));
    TRY_TO(done, sstable_cursor_open(table, &c, err));
    TRY_TO(done, read_header(b, c, err));
    for (;;) {
        TRY_TO(done, sstable_advance(c, err));
        if (!sstable_valid(c)) break;
        TRY_TO(done, add_entry(b, c, err));
    }
done:
    sstable_cursor_close(c);
    sstable_close(table);
    return status;
}

/* ---- the data files that entries name */

static int compare_shards(const void *a, const void *b) {
    const bundle_entry *left = *(const bundle_entry *const *)a, *right = *(const bundle_entry *const *)b;
    return (left->shard > right->shard) - (left->shard < right->shard);
}

/* Entry END is the one that reaches furthest into its shard. */
static inlay_status check_file(const bundle *b, const bundle_entry *end, inlay_error *err) {
    char text[KEY_TEXT];
    uint64_t needed = end->offset + end->size; /* both are at most INT64_MAX */
    char *path = bundle_data_path(b->prefix, end->shard, b->shards);
    if (!path) return fail_memory(err);
    file_info info;
    inlay_status status = file_stat(path, true, &info, err);
    if (status == INLAY_NOT_FOUND)
        status = fail_at(err, INLAY_DATA_LOSS, path, -1, "the data file is missing; it should hold %s",
                         key_text(end->key, text));
    else if (status == INLAY_OK && info.size < needed)
        status = fail_at(err, INLAY_DATA_LOSS, path, (int64_t)info.size,
                         "the data file is too short: %s ends at byte %" PRIu64 ", the file at %" PRIu64,
                         key_text(end->key, text), needed, info.size);
    mem_free(path);
    return status;
}

static size_t stored_entries(const entry_list *list, const bundle_entry **out) {
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const bundle_entry *e = &list->entries[i];
        if (e->n_slices == 0 && e->size > 0) out[count++] = e;
    }
    return count;
}

/* Lists the shards in use and checks that each is as long as its entries need. */
static inlay_status find_files(bundle *b, inlay_error *err) {
    size_t most = b->tensors.count + b->slices.count;
    const bundle_entry **by_shard = mem_array(most ? most : 1, sizeof *by_shard);
    if (!by_shard) return fail_memory(err);
    size_t count = stored_entries(&b->tensors, by_shard);
    count += stored_entries(&b->slices, by_shard + count);
    qsort(by_shard, count, sizeof *by_shard, compare_shards);
    size_t shards = 0;
    for (size_t i = 0; i < count; i++) shards += i == 0 || by_shard[i]->shard != by_shard[i - 1]->shard;
    b->files = mem_zalloc(shards ? shards : 1, sizeof *b->files);
    inlay_status status = b->files ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < count && status == INLAY_OK;) {
        const bundle_entry *end = by_shard[i];
        size_t next = i + 1;
        for (; next < count && by_shard[next]->shard == end->shard; next++)
            if (by_shard[next]->offset + by_shard[next]->size > end->offset + end->size) end = by_shard[next];
        b->files[b->n_files++].id = end->shard;
        status = check_file(b, end, err);
        i = next;
    }
    mem_free(by_shard);
    return status;
}

inlay_status bundle_map_shard(bundle *b, const bundle_entry *entry, file_map **out, inlay_error *err) {
    *out = NULL;
    size_t low = 0, high = b->n_files;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->files[middle].id < entry->shard)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == b->n_files || b->files[low].id != entry->shard)
        return fail(err, INLAY_INVALID_ARGUMENT, "an entry of another bundle");
    inlay_status status = INLAY_OK;
    pthread_mutex_lock(&b->lock);
    if (!b->files[low].map) {
        char *path = bundle_data_path(b->prefix, entry->shard, b->shards);
        status = path ? file_map_open(path, b->copy, &b->files[low].map, err) : fail_memory(err);
        mem_free(path);
    }
    *out = b->files[low].map;
    pthread_mutex_unlock(&b->lock);
    return status;
}

/* ---- open and look up */

inlay_status bundle_open(const char *prefix, bool copy, bundle **out, inlay_error *err) {
    *out = NULL;
    bundle *b = mem_zalloc(1, sizeof *b);
    if (!b) return fail_memory(err);
    pthread_mutex_init(&b->lock, NULL);
    inlay_status status;
    b->copy = copy;
    b->prefix = mem_strdup(prefix);
    b->index_path = bundle_index_path(prefix);
    if (!b->prefix || !b->index_path) TRY_TO(failed, fail_memory(err));
    TRY_TO(failed, file_map_open(b->index_path, copy, &b->index, err));
    /* Keys are stored without the prefix they share, whole at every 16th; a file that makes more of it is no index. */
    arena_init(&b->memory, (16u << 20) + 64 * b->index->size);
    TRY_TO(failed, read_index(b, err));
    TRY_TO(failed, find_files(b, err));
    *out = b;
    return INLAY_OK;
failed:
    bundle_close(b);
    return status;
}

inlay_status bundle_open_part(const char *prefix, const bundle_survey *s, const bool *keep, bundle **out,
                              inlay_error *err) {
    *out = NULL;
    bundle *b = mem_zalloc(1, sizeof *b);
    if (!b) return fail_memory(err);
    pthread_mutex_init(&b->lock, NULL);
    inlay_status status = INLAY_OK;
    b->prefix = mem_strdup(prefix);
    b->index_path = mem_strdup(s->path);
    if (!b->prefix || !b->index_path) TRY_TO(failed, fail_memory(err));
    b->index = file_map_retain(s->index);
    b->shards = s->shards;
    b->big_endian = s->big_endian;
    for (size_t i = 0; i < s->n_entries && status == INLAY_OK; i++)
        if (keep[i]) status = push(s->is_slice[i] ? &b->slices : &b->tensors, &s->entries[i], err);
    if (status == INLAY_OK) status = find_files(b, err);
    if (status == INLAY_OK) {
        *out = b;
        return INLAY_OK;
    }
failed:
    bundle_close(b);
    return status;
}

void bundle_close(bundle *b) {
    if (!b) return;
    for (size_t i = 0; i < b->n_files; i++) file_map_release(b->files[i].map);
    mem_free(b->files);
    mem_free(b->tensors.entries);
    mem_free(b->slices.entries);
    arena_free(&b->memory);
    file_map_release(b->index);
    mem_free(b->index_path);
    mem_free(b->prefix);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

const char *bundle_prefix(const bundle *b) {
    return b->prefix;
}
int32_t bundle_shards(const bundle *b) {
    return b->shards;
}
bool bundle_big_endian(const bundle *b) {
    return b->big_endian;
}
size_t bundle_count(const bundle *b) {
    return b->tensors.count;
}
const bundle_entry *bundle_at(const bundle *b, size_t index) {
    return index < b->tensors.count ? &b->tensors.entries[index] : NULL;
}
size_t bundle_slice_count(const bundle *b) {
    return b->slices.count;
}
const bundle_entry *bundle_slice_at(const bundle *b, size_t index) {
    return index < b->slices.count ? &b->slices.entries[index] : NULL;
}

static const bundle_entry *find_in(const entry_list *list, bytes key) {
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(list->entries[middle].key, key);
        if (order == 0) return &list->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const bundle_entry *bundle_find(const bundle *b, bytes key) {
    return find_in(&b->tensors, key);
}
const bundle_entry *bundle_find_slice(const bundle *b, bytes slice_key) {
    return find_in(&b->slices, slice_key);
}
