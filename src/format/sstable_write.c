#include "format/sstable.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "proto/wire.h"

/* A block under construction. Restart offsets are fixed32 as the block ends with them. */
typedef struct block_builder {
    buffer entries, restarts;
    buffer last_key;
    uint32_t interval, since_restart;
} block_builder;

struct sstable_writer {
    buffer file;
    block_builder data, index;
    buffer last_key;   /* of the last entry added */
    bool any, pending; /* pending: the block at `offset` is written, its index entry waits for the next key */
    uint64_t offset, size;
};

static void append_u32(buffer *b, uint32_t value) {
    buffer_append(b, &value, sizeof value);
}

static void block_begin(block_builder *b) {
    buffer_clear(&b->entries);
    buffer_clear(&b->restarts);
    buffer_clear(&b->last_key);
    append_u32(&b->restarts, 0);
    b->since_restart = 0;
}

static size_t shared_prefix(bytes a, bytes b) {
    size_t n = min_size(a.size, b.size), i = 0;
    while (i < n && a.data[i] == b.data[i]) i++;
    return i;
}

static void block_add(block_builder *b, bytes key, bytes value) {
    size_t shared = 0;
    if (b->since_restart < b->interval) {
        shared = shared_prefix(buffer_bytes(&b->last_key), key);
    } else {
        append_u32(&b->restarts, (uint32_t)b->entries.size);
        b->since_restart = 0;
    }
    wire_put_varint(&b->entries, shared);
    wire_put_varint(&b->entries, key.size - shared);
    wire_put_varint(&b->entries, value.size);
    if (key.size > shared) buffer_append(&b->entries, key.data + shared, key.size - shared);
    buffer_append_bytes(&b->entries, value);
    buffer_clear(&b->last_key);
    buffer_append_bytes(&b->last_key, key);
    b->since_restart++;
}

static size_t block_size(const block_builder *b) {
    return b->entries.size + b->restarts.size + 4;
}

/* Ends the block, appends it with its trailer to the file, and begins the next. */
static void write_block(sstable_writer *w, block_builder *b, uint64_t *offset, uint64_t *size) {
    *offset = w->file.size;
    *size = block_size(b);
    buffer_append_bytes(&w->file, buffer_bytes(&b->entries));
    buffer_append_bytes(&w->file, buffer_bytes(&b->restarts));
    append_u32(&w->file, (uint32_t)(b->restarts.size / 4));
    buffer_append_byte(&w->file, SSTABLE_PLAIN);
    if (b->entries.failed || b->restarts.failed || b->last_key.failed) w->file.failed = true;
    if (!w->file.failed) append_u32(&w->file, crc32c_mask(crc32c(0, w->file.data + *offset, (size_t)*size + 1)));
    block_begin(b);
}

static void put_handle(buffer *b, uint64_t offset, uint64_t size) {
    wire_put_varint(b, offset);
    wire_put_varint(b, size);
}

static void flush(sstable_writer *w) {
    if (w->data.entries.size == 0 && !w->data.entries.failed) return; /* what failed must not look like nothing */
    write_block(w, &w->data, &w->offset, &w->size);
    w->pending = true;
}

/* Shortens last_key to a key that is still at or above it and below KEY. */
static void shorten_below(buffer *last_key, bytes key) {
    size_t at = shared_prefix(buffer_bytes(last_key), key);
    if (at >= min_size(last_key->size, key.size)) return; /* one is a prefix of the other */
    uint8_t byte = last_key->data[at];
    if (byte == 0xff || byte + 1 >= key.data[at]) return;
    last_key->data[at]++;
    last_key->size = at + 1;
}

/* Shortens last_key to some key at or above it. */
static void shorten_successor(buffer *last_key) {
    for (size_t i = 0; i < last_key->size; i++) {
        if (last_key->data[i] == 0xff) continue;
        last_key->data[i]++;
        last_key->size = i + 1;
        return;
    }
}

static void add_index_entry(sstable_writer *w) {
    uint8_t handle[20];
    buffer encoded = {.data = handle, .capacity = sizeof handle}; /* two varints always fit */
    put_handle(&encoded, w->offset, w->size);
    block_add(&w->index, buffer_bytes(&w->last_key), buffer_bytes(&encoded));
    w->pending = false;
}

inlay_status sstable_writer_open(sstable_writer **out, inlay_error *err) {
    *out = NULL;
    sstable_writer *w = mem_zalloc(1, sizeof *w);
    if (!w) return fail_memory(err);
    w->data.interval = SSTABLE_RESTARTS;
    w->index.interval = 1;
    block_begin(&w->data);
    block_begin(&w->index);
    *out = w;
    return INLAY_OK;
}

inlay_status sstable_add(sstable_writer *w, bytes key, bytes value, inlay_error *err) {
    if (key.size > UINT32_MAX || value.size > UINT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "a table entry is 4 GiB or larger");
    if (w->any && bytes_compare(key, buffer_bytes(&w->last_key)) <= 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "table keys out of order: %.*s", (int)min_size(key.size, 200),
                    (const char *)key.data);
    if (w->any && (uint64_t)key.size + value.size >= (uint64_t)2 * SSTABLE_BLOCK) flush(w);
    if (w->pending) {
        shorten_below(&w->last_key, key);
        add_index_entry(w);
    }
    block_add(&w->data, key, value);
    buffer_clear(&w->last_key);
    buffer_append_bytes(&w->last_key, key);
    w->any = true;
    TRY(buffer_check(&w->last_key, err)); /* the order of the next key depends on it */
    if (w->data.entries.size > UINT32_MAX - 64)
        return fail(err, INLAY_INVALID_ARGUMENT, "a table block is 4 GiB or larger");
    if (block_size(&w->data) >= SSTABLE_BLOCK) flush(w);
    return buffer_check(&w->file, err);
}

inlay_status sstable_finish(sstable_writer *w, buffer *out, inlay_error *err) {
    uint64_t meta_offset, meta_size, index_offset, index_size;
    flush(w);
    block_builder meta = {.interval = 1};
    block_begin(&meta);
    write_block(w, &meta, &meta_offset, &meta_size);
    buffer_free(&meta.entries);
    buffer_free(&meta.restarts);
    buffer_free(&meta.last_key);
    if (w->pending) {
        shorten_successor(&w->last_key);
        add_index_entry(w);
    }
    write_block(w, &w->index, &index_offset, &index_size);

    size_t footer = w->file.size;
    put_handle(&w->file, meta_offset, meta_size);
    put_handle(&w->file, index_offset, index_size);
    if (!w->file.failed) buffer_append_zeros(&w->file, SSTABLE_FOOTER - 8 - (w->file.size - footer));
    uint64_t magic = SSTABLE_MAGIC; /* two fixed32, low word first: the same bytes as one fixed64 */
    buffer_append(&w->file, &magic, sizeof magic);
    TRY(buffer_check(&w->file, err));
    if (out->size == 0 && !out->failed) { /* hand over what is there instead of copying it */
        buffer_free(out);
        *out = w->file;
        w->file = (buffer){0};
        return INLAY_OK;
    }
    buffer_append_bytes(out, buffer_bytes(&w->file));
    return buffer_check(out, err);
}

static void block_free(block_builder *b) {
    buffer_free(&b->entries);
    buffer_free(&b->restarts);
    buffer_free(&b->last_key);
}

void sstable_writer_close(sstable_writer *w) {
    if (!w) return;
    block_free(&w->data);
    block_free(&w->index);
    buffer_free(&w->last_key);
    buffer_free(&w->file);
    mem_free(w);
}
