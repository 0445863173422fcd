/* First byte 0: the rest is a file. 1: the rest is a sequence of blocks, each with its size (2 bytes) and kind (1);
 * they get the right checksums, and the last one is the index. 2: entries to be written (entries.h).
 * Covers: src/format/sstable_read.c src/format/sstable_write.c */
#include "base/alloc.h"
#include "base/crc32c.h"
#include "entries.h"
#include "proto/wire.h"

static void put_block(bytes block, uint8_t kind, buffer *file) {
    size_t start = file->size;
    buffer_append_bytes(file, block);
    buffer_append_byte(file, kind);
    uint32_t crc = crc32c_mask(crc32c(0, file->data + start, file->size - start));
    buffer_append(file, &crc, sizeof crc);
}

static void put_blocks(bytes rest, buffer *file) {
    size_t at = 0, size = 0;
    while (rest.size > 3) {
        size = fuzz_number(&rest, 2);
        uint8_t kind = (uint8_t)fuzz_number(&rest, 1);
        bytes block = fuzz_take(&rest, size);
        at = file->size;
        size = block.size;
        put_block(block, kind, file);
    }
    size_t footer = file->size;
    for (int i = 0; i < 2; i++) {
        wire_put_varint(file, at);
        wire_put_varint(file, size);
    }
    buffer_append_zeros(file, SSTABLE_FOOTER - 8 - (file->size - footer));
    uint64_t magic = SSTABLE_MAGIC;
    buffer_append(file, &magic, sizeof magic);
}

/* Every key that a walk meets must be found by a seek, unless the index or the restarts lie. */
static void seek_all(sstable *t) {
    sstable_cursor *walk, *seek;
    inlay_error err;
    if (sstable_cursor_open(t, &walk, &err) != INLAY_OK || sstable_cursor_open(t, &seek, &err) != INLAY_OK) abort();
    inlay_status status = sstable_seek(walk, bytes_of(""), &err);
    for (int i = 0; i < 1000 && status == INLAY_OK && sstable_valid(walk); i++) {
        if (sstable_seek(seek, sstable_key(walk), &err) == INLAY_OK && sstable_valid(seek)) {
            volatile uint64_t sum = sstable_value_offset(seek) + sstable_value_in_file(seek);
            bytes value = sstable_value(seek);
            for (size_t j = 0; j < value.size; j++) sum += value.data[j];
            (void)sum;
            if (bytes_compare(sstable_key(seek), sstable_key(walk)) < 0) abort();
        }
        status = sstable_advance(walk, &err);
    }
    sstable_cursor_close(walk);
    sstable_cursor_close(seek);
}

/* The entries of T written again are the entries of T. */
static void write_again(sstable *t, buffer *out) {
    sstable_cursor *c;
    sstable_writer *w;
    inlay_error err;
    if (sstable_cursor_open(t, &c, &err) != INLAY_OK || sstable_writer_open(&w, &err) != INLAY_OK) abort();
    inlay_status status = sstable_seek(c, bytes_of(""), &err);
    while (status == INLAY_OK && sstable_valid(c)) {
        if (sstable_add(w, sstable_key(c), sstable_value(c), &err) != INLAY_OK) abort();
        status = sstable_advance(c, &err);
    }
    if (status == INLAY_OK && sstable_finish(w, out, &err) != INLAY_OK) abort();
    sstable_cursor_close(c);
    sstable_writer_close(w);
}

static sstable *open_bytes(const buffer *file) {
    file_map *map = mem_zalloc(1, sizeof *map);
    uint8_t *data = mem_alloc(file->size);
    if (!map || !data) abort();
    if (file->size) memcpy(data, file->data, file->size);
    *map = (file_map){.data = data, .size = file->size, .path = mem_strdup("input"), .copied = true, .slot = -1};
    atomic_init(&map->refs, 1);
    sstable *t;
    inlay_error err;
    sstable_open(map, &t, &err);
    file_map_release(map);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes rest = bytes_make(data, size);
    size_t how = fuzz_number(&rest, 1);
    buffer file = {0}, again = {0}, third = {0};
    if (how == 1)
        put_blocks(rest, &file);
    else if (how == 2)
        fuzz_table(&rest, &file);
    else
        buffer_append_bytes(&file, rest);
    sstable *t = open_bytes(&file);
    if (how == 2 && !t) abort();
    if (t) {
        seek_all(t);
        write_again(t, &again);
        if (how == 2 && !bytes_equal(buffer_bytes(&file), buffer_bytes(&again))) abort();
        sstable_close(t);
    }
    if (again.size) {
        if (!(t = open_bytes(&again))) abort();
        write_again(t, &third);
        if (!bytes_equal(buffer_bytes(&third), buffer_bytes(&again))) abort();
        sstable_close(t);
    }
    buffer_free(&file);
    buffer_free(&again);
    buffer_free(&third);
    return 0;
}
