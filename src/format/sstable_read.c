#include "format/sstable.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "proto/wire.h"

#include <inttypes.h>
#include <snappy-c.h>
#include <stdatomic.h>

/* One data block, from its entry in the index block: keys of the block are <= last. */
typedef struct block_place {
    bytes last;
    uint64_t offset, size; /* size without the trailer */
    _Atomic bool verified;
} block_place;

struct sstable {
    file_map *map;
    arena keys;
    block_place *blocks;
    size_t count;
    sstable_place metaindex, index;
    sstable_watch watch;
};

/* A block being walked. */
typedef struct block {
    const uint8_t *data;
    size_t entries; /* bytes of entries; the restart offsets follow */
    uint32_t restarts;
    bool inflated;   /* data is in `inflation` */
    bool have_key;   /* key is the one before `next` */
    uint64_t offset; /* of the block in the file */
    size_t next;
    buffer inflation, key;
    bytes value;
} block;

struct sstable_cursor {
    sstable *table;
    size_t at; /* block, or SIZE_MAX when none is loaded */
    bool valid;
    block block;
};

static inlay_status damaged(const sstable *t, uint64_t offset, const char *what, inlay_error *err) {
    return fail_at(err, INLAY_DATA_LOSS, t->map->path, (int64_t)offset, "%s", what);
}

/* Where in the file the block's byte POSITION is, as near as can be said. */
static uint64_t file_offset(const block *b, size_t position) {
    return b->inflated ? b->offset : b->offset + position;
}

static inlay_status inflate(const sstable *t, const uint8_t *data, size_t size, block *b, inlay_error *err) {
    enum { SNAPPY_BEST = 22 }; /* no snappy element of n bytes stands for more than 22 n */
    size_t inflated;
    if (snappy_uncompressed_length((const char *)data, size, &inflated) != SNAPPY_OK || inflated / SNAPPY_BEST > size)
        return damaged(t, b->offset, "corrupted compressed block contents", err);
    buffer_clear(&b->inflation);
    buffer_append_zeros(&b->inflation, inflated ? inflated : 1);
    TRY(buffer_check(&b->inflation, err));
    if (snappy_uncompress((const char *)data, size, (char *)b->inflation.data, &inflated) != SNAPPY_OK)
        return damaged(t, b->offset, "corrupted compressed block contents", err);
    b->data = b->inflation.data;
    b->entries = inflated;
    b->inflated = true;
    return INLAY_OK;
}

/* Sets B to the block at OFFSET, verified unless CHECKED, before its first entry. */
static inlay_status load_block(const sstable *t, uint64_t offset, uint64_t size, bool checked, block *b,
                               inlay_error *err) {
    uint64_t room = t->map->size - SSTABLE_FOOTER;
    if (offset > room || size > room - offset || room - offset - size < SSTABLE_TRAILER)
        return damaged(t, t->map->size - SSTABLE_FOOTER, "bad block handle", err);
    const uint8_t *data = t->map->data + offset;
    uint8_t kind = data[size];
    if (!checked) {
        uint32_t stored = crc32c_unmask(load_u32(data + size + 1)), actual = crc32c(0, data, (size_t)size + 1);
        bool told =
            stored != actual && t->watch.mismatch && t->watch.mismatch(t->watch.user, offset, size, stored, actual);
        if (stored != actual && !told)
            return fail_at(err, INLAY_DATA_LOSS, t->map->path, (int64_t)offset,
                           "block checksum mismatch: stored %" PRIu32 ", calculated %" PRIu32 " over %" PRIu64 " bytes",
                           stored, actual, size + 1);
    }
    b->offset = offset;
    b->next = 0;
    b->inflated = false;
    b->have_key = false;
    if (kind == SSTABLE_SNAPPY) {
        TRY(inflate(t, data, (size_t)size, b, err));
    } else if (kind == SSTABLE_PLAIN) {
        b->data = data;
        b->entries = (size_t)size;
    } else {
        return fail_at(err, INLAY_DATA_LOSS, t->map->path, (int64_t)(offset + size), "bad block type %d", kind);
    }
    if (b->entries < 4) return damaged(t, offset, "bad block contents: too short", err);
    b->restarts = load_u32(b->data + b->entries - 4);
    if (b->restarts > (b->entries - 4) / 4)
        return damaged(t, offset, "bad block contents: more restarts than bytes", err);
    b->entries -= 4 + (size_t)b->restarts * 4;
    return INLAY_OK;
}

typedef struct entry_head {
    size_t shared, unshared, value, size; /* size: of the head itself */
} entry_head;

static inlay_status read_head(const sstable *t, const block *b, size_t at, entry_head *head, inlay_error *err) {
    const uint8_t *p = b->data + at, *end = b->data + b->entries;
    uint64_t part[3];
    for (int i = 0; i < 3; i++) {
        size_t used = wire_get_varint(p, end, &part[i]);
        if (used == 0 || part[i] > UINT32_MAX) return damaged(t, file_offset(b, at), "bad entry in block", err);
        p += used;
    }
    if (part[1] + part[2] > (uint64_t)(end - p)) return damaged(t, file_offset(b, at), "bad entry in block", err);
    *head = (entry_head){(size_t)part[0], (size_t)part[1], (size_t)part[2], (size_t)(p - (b->data + at))};
    return INLAY_OK;
}

/* Reads the entry at `next`. *got is false at the end of the block. The prefix that a key shares with the one before
 * is equal, so order is decided by what follows it. */
static inlay_status next_entry(const sstable *t, block *b, bool *got, inlay_error *err) {
    *got = b->next < b->entries;
    if (!*got) return INLAY_OK;
    entry_head head;
    TRY(read_head(t, b, b->next, &head, err));
    if (head.shared > (b->have_key ? b->key.size : 0))
        return damaged(t, file_offset(b, b->next), "bad entry in block", err);
    bytes suffix = bytes_make(b->data + b->next + head.size, head.unshared);
    if (b->have_key) {
        bytes before = bytes_make("", 0);
        if (b->key.size) before = bytes_make(b->key.data + head.shared, b->key.size - head.shared);
        if (bytes_compare(suffix, before) <= 0)
            return damaged(t, file_offset(b, b->next), "bad entry in block: keys do not rise", err);
    }
    b->key.size = head.shared;
    buffer_append_bytes(&b->key, suffix);
    TRY(buffer_check(&b->key, err));
    b->have_key = true;
    b->value = bytes_make(suffix.data + suffix.size, head.value);
    b->next += head.size + head.unshared + head.value;
    return INLAY_OK;
}

static inlay_status key_at_restart(const sstable *t, const block *b, uint32_t restart, size_t *at, bytes *key,
                                   inlay_error *err) {
    const uint8_t *place = b->data + b->entries + (size_t)restart * 4;
    *at = load_u32(place);
    entry_head head;
    if (*at >= b->entries) return damaged(t, file_offset(b, (size_t)(place - b->data)), "bad restart in block", err);
    TRY(read_head(t, b, *at, &head, err));
    if (head.shared != 0) return damaged(t, file_offset(b, *at), "bad entry in block", err);
    *key = bytes_make(b->data + *at + head.size, head.unshared);
    return INLAY_OK;
}

/* Moves B to its first entry with a key >= KEY; *got is false when there is none. */
static inlay_status seek_in_block(const sstable *t, block *b, bytes key, bool *got, inlay_error *err) {
    size_t start = 0;
    for (uint32_t low = 0, high = b->restarts; b->entries && low < high;) {
        uint32_t middle = low + (high - low) / 2;
        size_t at = 0;
        bytes there = {0};
        TRY(key_at_restart(t, b, middle, &at, &there, err));
        if (bytes_compare(there, key) < 0) {
            start = at;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    b->next = start;
    b->have_key = false;
    do TRY(next_entry(t, b, got, err));
    while (*got && bytes_compare(buffer_bytes(&b->key), key) < 0);
    return INLAY_OK;
}

/* Blocks must lie one behind the other: otherwise a small file could be walked forever. */
static inlay_status add_place(sstable *t, const block *b, uint64_t *end, inlay_error *err) {
    const uint8_t *p = b->value.data, *stop = p + b->value.size;
    uint64_t offset = 0, size = 0;
    size_t used = wire_get_varint(p, stop, &offset);
    if (used == 0 || wire_get_varint(p + used, stop, &size) == 0)
        return damaged(t, file_offset(b, (size_t)(p - b->data)), "bad block handle", err);
    uint64_t room = t->map->size - SSTABLE_FOOTER;
    if (offset > room || size > room - offset || room - offset - size < SSTABLE_TRAILER)
        return damaged(t, file_offset(b, (size_t)(p - b->data)), "bad block handle: beyond the end", err);
    if (offset < *end)
        return damaged(t, file_offset(b, (size_t)(p - b->data)), "bad block handle: blocks overlap", err);
    *end = offset + size + SSTABLE_TRAILER;
    char *last = arena_copy(&t->keys, buffer_bytes(&b->key));
    if (!last)
        return fail_at(err, INLAY_RESOURCE_EXHAUSTED, t->map->path, -1,
                       "not enough memory for the index of its blocks");
    block_place *place = &t->blocks[t->count++];
    place->last = bytes_make(last, b->key.size);
    place->offset = offset;
    place->size = size;
    return INLAY_OK;
}

static inlay_status count_entries(const sstable *t, block *b, size_t *count, inlay_error *err) {
    *count = 0;
    for (;;) {
        bool got;
        TRY(next_entry(t, b, &got, err));
        if (!got) break;
        ++*count;
    }
    b->next = 0;
    b->have_key = false;
    return INLAY_OK;
}

static inlay_status read_index(sstable *t, uint64_t offset, uint64_t size, inlay_error *err) {
    block b = {0};
    inlay_status status;
    size_t count;
    TRY_TO(done, load_block(t, offset, size, false, &b, err));
    TRY_TO(done, count_entries(t, &b, &count, err));
    t->blocks = mem_zalloc(count ? count : 1, sizeof *t->blocks);
    if (!t->blocks) TRY_TO(done, fail_memory(err));
    uint64_t end = 0;
    while (t->count < count) {
        bool got;
        TRY_TO(done, next_entry(t, &b, &got, err));
        TRY_TO(done, add_place(t, &b, &end, err));
    }
done:
    buffer_free(&b.inflation);
    buffer_free(&b.key);
    return status;
}

static inlay_status read_footer(sstable *t, inlay_error *err) {
    if (t->map->size < SSTABLE_FOOTER) return damaged(t, 0, "file is too short to be an sstable", err);
    const uint8_t *footer = t->map->data + t->map->size - SSTABLE_FOOTER, *end = footer + SSTABLE_FOOTER - 8;
    uint64_t at = t->map->size - SSTABLE_FOOTER;
    if (load_u64(end) != SSTABLE_MAGIC) return damaged(t, at + 40, "not an sstable (bad magic number)", err);
    uint64_t part[4]; /* metaindex offset and size, index offset and size */
    const uint8_t *p = footer;
    for (int i = 0; i < 4; i++) {
        size_t used = wire_get_varint(p, end, &part[i]);
        if (used == 0) return damaged(t, at, "bad block handle", err);
        p += used;
    }
    t->metaindex = (sstable_place){part[0], part[1]};
    t->index = (sstable_place){part[2], part[3]};
    return INLAY_OK;
}

inlay_status sstable_open_watched(file_map *map, const sstable_watch *watch, sstable **out, inlay_error *err) {
    *out = NULL;
    sstable *t = mem_zalloc(1, sizeof *t);
    if (!t) return fail_memory(err);
    t->map = file_map_retain(map);
    if (watch) t->watch = *watch;
    /* Keys that share prefixes can be far larger than their file; those of real tables are whole. */
    arena_init(&t->keys, (64u << 20) + 16 * map->size);
    inlay_status status;
    TRY_TO(failed, read_footer(t, err));
    TRY_TO(failed, read_index(t, t->index.offset, t->index.size, err));
    *out = t;
    return INLAY_OK;
failed:
    sstable_close(t);
    return status;
}

inlay_status sstable_open(file_map *map, sstable **out, inlay_error *err) {
    return sstable_open_watched(map, NULL, out, err);
}

size_t sstable_data_blocks(const sstable *t) {
    return t->count;
}

sstable_place sstable_block_at(const sstable *t, size_t index) {
    if (index == t->count) return t->metaindex;
    if (index > t->count) return t->index;
    return (sstable_place){t->blocks[index].offset, t->blocks[index].size};
}

void sstable_close(sstable *t) {
    if (!t) return;
    arena_free(&t->keys);
    mem_free(t->blocks);
    file_map_release(t->map);
    mem_free(t);
}

inlay_status sstable_cursor_open(sstable *t, sstable_cursor **out, inlay_error *err) {
    *out = mem_zalloc(1, sizeof **out);
    if (!*out) return fail_memory(err);
    (*out)->table = t;
    (*out)->at = SIZE_MAX;
    return INLAY_OK;
}

void sstable_cursor_close(sstable_cursor *c) {
    if (!c) return;
    buffer_free(&c->block.inflation);
    buffer_free(&c->block.key);
    mem_free(c);
}

/* Makes block INDEX the cursor's; one that is there already is not read again. */
static inlay_status enter_block(sstable_cursor *c, size_t index, inlay_error *err) {
    if (c->at == index) {
        c->block.next = 0;
        c->block.have_key = false;
        return INLAY_OK;
    }
    block_place *place = &c->table->blocks[index];
    bool verified = atomic_load_explicit(&place->verified, memory_order_relaxed);
    c->at = SIZE_MAX;
    TRY(load_block(c->table, place->offset, place->size, verified, &c->block, err));
    atomic_store_explicit(&place->verified, true, memory_order_relaxed);
    c->at = index;
    return INLAY_OK;
}

/* To the first entry of the blocks from INDEX on. Each block's keys are above what the index says of the one before. */
static inlay_status first_from(sstable_cursor *c, size_t index, inlay_error *err) {
    const sstable *t = c->table;
    for (; index < t->count; index++) {
        TRY(enter_block(c, index, err));
        bool got;
        TRY(next_entry(t, &c->block, &got, err));
        if (!got) continue;
        if (index > 0 && bytes_compare(buffer_bytes(&c->block.key), t->blocks[index - 1].last) <= 0)
            return damaged(t, c->block.offset, "bad block: its keys do not follow the block before", err);
        c->valid = true;
        return INLAY_OK;
    }
    return INLAY_OK;
}

inlay_status sstable_seek(sstable_cursor *c, bytes key, inlay_error *err) {
    const sstable *t = c->table;
    c->valid = false;
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(t->blocks[middle].last, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == t->count) return INLAY_OK;
    TRY(enter_block(c, low, err));
    bool got;
    TRY(seek_in_block(t, &c->block, key, &got, err));
    c->valid = got;
    return got ? INLAY_OK : first_from(c, low + 1, err);
}

bool sstable_valid(const sstable_cursor *c) {
    return c->valid;
}

inlay_status sstable_advance(sstable_cursor *c, inlay_error *err) {
    c->valid = false;
    bool got;
    TRY(next_entry(c->table, &c->block, &got, err));
    c->valid = got;
    if (got) return INLAY_OK;
    if (bytes_compare(buffer_bytes(&c->block.key), c->table->blocks[c->at].last) > 0)
        return damaged(c->table, c->block.offset, "bad block: a key is above what the index says", err);
    return first_from(c, c->at + 1, err);
}

inlay_status sstable_seek_block(sstable_cursor *c, size_t index, inlay_error *err) {
    c->valid = false;
    TRY(enter_block(c, index, err));
    return sstable_advance_in_block(c, err);
}

inlay_status sstable_advance_in_block(sstable_cursor *c, inlay_error *err) {
    c->valid = false;
    bool got;
    TRY(next_entry(c->table, &c->block, &got, err));
    c->valid = got;
    return INLAY_OK;
}

bytes sstable_key(const sstable_cursor *c) {
    return buffer_bytes(&c->block.key);
}
bytes sstable_value(const sstable_cursor *c) {
    return c->block.value;
}
bool sstable_value_in_file(const sstable_cursor *c) {
    return !c->block.inflated;
}
uint64_t sstable_value_offset(const sstable_cursor *c) {
    return file_offset(&c->block, (size_t)(c->block.value.data - c->block.data));
}
