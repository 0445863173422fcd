#include "unit/unit.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "format/sstable.h"
#include "proto/wire.h"

#include <inttypes.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>

static inlay_error err;

/* A table in memory, as if it were a mapped file called "table". */
static file_map *map_of(const buffer *file) {
    file_map *map = mem_zalloc(1, sizeof *map);
    assert_non_null(map);
    uint8_t *data = mem_alloc(file->size);
    memcpy(data, file->data, file->size);
    *map = (file_map){.data = data, .size = file->size, .path = mem_strdup("table"), .copied = true, .slot = -1};
    atomic_init(&map->refs, 1);
    return map;
}

static inlay_status open_table(const buffer *file, sstable **t) {
    file_map *map = map_of(file);
    inlay_status status = sstable_open(map, t, &err);
    file_map_release(map);
    return status;
}

/* Walks all of FILE; the status of the first failure. */
static inlay_status walk_table(const buffer *file, size_t *count) {
    sstable *t;
    sstable_cursor *c = NULL;
    inlay_status status;
    *count = 0;
    TRY(open_table(file, &t));
    TRY_TO(done, sstable_cursor_open(t, &c, &err));
    TRY_TO(done, sstable_seek(c, bytes_of(""), &err));
    while (sstable_valid(c)) {
        ++*count;
        TRY_TO(done, sstable_advance(c, &err));
    }
done:
    sstable_cursor_close(c);
    sstable_close(t);
    return status;
}

/* ---- a model: entries in a sorted array */

typedef struct entry {
    uint8_t key[40];
    size_t key_size, value_size;
    uint64_t value_seed;
} entry;

static bytes key_of(const entry *e) {
    return bytes_make(e->key, e->key_size);
}

static int compare_entries(const void *a, const void *b) {
    return bytes_compare(key_of(a), key_of(b));
}

static uint64_t state;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill_value(const entry *e, buffer *value) {
    buffer_clear(value);
    uint64_t x = e->value_seed;
    for (size_t i = 0; i < e->value_size; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        buffer_append_byte(value, (uint8_t)(x >> 60)); /* four bits a byte, so that snappy has something to do */
    }
}

/* Keys over a small alphabet, so that they share prefixes and are prefixes of each other. */
static size_t random_entries(entry *out, size_t n, size_t largest_value) {
    static const uint8_t alphabet[] = {0x00, 'a', 'b', 0xfe, 0xff};
    for (size_t i = 0; i < n; i++) {
        out[i].key_size = next_random() % (next_random() % 4 ? 12 : sizeof out[i].key);
        for (size_t j = 0; j < out[i].key_size; j++) out[i].key[j] = alphabet[next_random() % sizeof alphabet];
        out[i].value_size = next_random() % 8 ? next_random() % 50 : next_random() % largest_value;
        out[i].value_seed = next_random();
    }
    qsort(out, n, sizeof *out, compare_entries);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || compare_entries(&out[kept - 1], &out[i]) != 0) out[kept++] = out[i];
    return kept;
}

static void write_table(const entry *entries, size_t n, buffer *file) {
    sstable_writer *w;
    buffer value = {0};
    assert_ok(sstable_writer_open(&w, &err), &err);
    for (size_t i = 0; i < n; i++) {
        fill_value(&entries[i], &value);
        assert_ok(sstable_add(w, key_of(&entries[i]), buffer_bytes(&value), &err), &err);
    }
    assert_ok(sstable_finish(w, file, &err), &err);
    sstable_writer_close(w);
    buffer_free(&value);
}

/* The same table with its data blocks compressed: what old TensorFlows wrote. The index is written anew. */
static void compress_table(const buffer *plain, buffer *out) {
    const uint8_t *footer = plain->data + plain->size - SSTABLE_FOOTER, *p = footer;
    uint64_t part[4];
    for (int i = 0; i < 4; i++) p += wire_get_varint(p, plain->data + plain->size, &part[i]);
    buffer index = {0};
    /* Index entries are whole: shared 0, key size, value size, key, handle. */
    const uint8_t *q = plain->data + part[2], *end = q + part[3];
    uint32_t restarts = load_u32(end - 4);
    end -= 4 + 4 * restarts;
    buffer offsets = {0};
    while (q < end) {
        uint64_t key_size, handle_size, offset, size;
        q += 1 + wire_get_varint(q + 1, end, &key_size);
        q += wire_get_varint(q, end, &handle_size);
        const uint8_t *key = q, *handle = q + key_size;
        q = handle + handle_size;
        handle += wire_get_varint(handle, end, &offset);
        wire_get_varint(handle, end, &size);
        size_t most = snappy_max_compressed_length(size);
        char *packed = mem_alloc(most);
        assert_int_equal(SNAPPY_OK, snappy_compress((const char *)plain->data + offset, size, packed, &most));
        uint64_t at = out->size;
        buffer_append(out, packed, most);
        mem_free(packed);
        buffer_append_byte(out, SSTABLE_SNAPPY);
        uint32_t crc = crc32c_mask(crc32c(0, out->data + at, most + 1));
        buffer_append(out, &crc, 4);
        uint32_t restart = (uint32_t)index.size;
        buffer_append(&offsets, &restart, 4);
        buffer entry_handle = {0};
        wire_put_varint(&entry_handle, at);
        wire_put_varint(&entry_handle, most);
        buffer_append_byte(&index, 0);
        wire_put_varint(&index, key_size);
        wire_put_varint(&index, entry_handle.size);
        buffer_append(&index, key, key_size);
        buffer_append_bytes(&index, buffer_bytes(&entry_handle));
        buffer_free(&entry_handle);
    }
    buffer_append_bytes(&index, buffer_bytes(&offsets));
    uint32_t count = (uint32_t)(offsets.size / 4);
    buffer_append(&index, &count, 4);
    uint64_t at = out->size;
    buffer_append_bytes(out, buffer_bytes(&index));
    buffer_append_byte(out, SSTABLE_PLAIN);
    uint32_t crc = crc32c_mask(crc32c(0, out->data + at, index.size + 1));
    buffer_append(out, &crc, 4);
    size_t start = out->size;
    wire_put_varint(out, at); /* the metaindex is not read */
    wire_put_varint(out, index.size);
    wire_put_varint(out, at);
    wire_put_varint(out, index.size);
    buffer_append_zeros(out, 40 - (out->size - start));
    uint64_t magic = SSTABLE_MAGIC;
    buffer_append(out, &magic, 8);
    buffer_free(&index);
    buffer_free(&offsets);
}

static void expect_at(sstable_cursor *c, const entry *entries, size_t n, size_t i) {
    if (i == n) {
        assert_false(sstable_valid(c));
        return;
    }
    assert_true(sstable_valid(c));
    buffer value = {0};
    fill_value(&entries[i], &value);
    assert_true(bytes_equal(sstable_key(c), key_of(&entries[i])));
    assert_true(bytes_equal(sstable_value(c), buffer_bytes(&value)));
    buffer_free(&value);
}

static size_t lower_bound(const entry *entries, size_t n, bytes key) {
    size_t i = 0;
    while (i < n && bytes_compare(key_of(&entries[i]), key) < 0) i++;
    return i;
}

static void check_against_model(const buffer *file, const entry *entries, size_t n) {
    sstable *t;
    sstable_cursor *c;
    assert_ok(open_table(file, &t), &err);
    assert_ok(sstable_cursor_open(t, &c, &err), &err);
    assert_false(sstable_valid(c));
    assert_ok(sstable_seek(c, bytes_of(""), &err), &err);
    for (size_t i = 0; i < n; i++) {
        expect_at(c, entries, n, i);
        assert_ok(sstable_advance(c, &err), &err);
    }
    expect_at(c, entries, n, n);
    for (int round = 0; round < 200; round++) {
        entry sought;
        random_entries(&sought, 1, 2);
        if (n && round % 2) sought = entries[next_random() % n];
        size_t i = lower_bound(entries, n, key_of(&sought));
        assert_ok(sstable_seek(c, key_of(&sought), &err), &err);
        expect_at(c, entries, n, i);
        for (int step = 0; step < 3 && i < n; step++) {
            assert_ok(sstable_advance(c, &err), &err);
            expect_at(c, entries, n, ++i);
        }
    }
    sstable_cursor_close(c);
    sstable_close(t);
}

static void what_is_written_is_read_and_found(void **unused) {
    (void)unused;
    static const struct {
        size_t entries, largest_value;
    } cases[] = {{0, 1}, {1, 1}, {2, 100}, {16, 100}, {17, 100}, {300, 3000}, {3000, 3000}, {60, 900000}};
    static entry entries[3000];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t seed = state = 0x9e3779b97f4a7c15u + i;
        size_t n = random_entries(entries, cases[i].entries, cases[i].largest_value);
        buffer file = {0}, packed = {0};
        write_table(entries, n, &file);
        print_message("seed %" PRIx64 ": %zu entries, %zu bytes\n", seed, n, file.size);
        check_against_model(&file, entries, n);
        compress_table(&file, &packed);
        check_against_model(&packed, entries, n);
        buffer_free(&file);
        buffer_free(&packed);
    }
}

static void keys_must_rise(void **unused) {
    (void)unused;
    sstable_writer *w;
    assert_ok(sstable_writer_open(&w, &err), &err);
    assert_ok(sstable_add(w, bytes_of("b"), bytes_of("1"), &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, sstable_add(w, bytes_of("b"), bytes_of("2"), &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, sstable_add(w, bytes_of("a"), bytes_of("2"), &err), &err);
    assert_ok(sstable_add(w, bytes_of("c"), bytes_of("3"), &err), &err);
    sstable_writer_close(w);
}

/* One block of one restart with these entries, as a whole file. */
static void file_of_block(const uint8_t *entries, size_t size, uint32_t restarts, buffer *file) {
    uint32_t zero = 0;
    buffer_append(file, entries, size);
    if (restarts) buffer_append(file, &zero, 4);
    buffer_append(file, &restarts, 4);
    size_t block = file->size;
    buffer_append_byte(file, SSTABLE_PLAIN);
    uint32_t crc = crc32c_mask(crc32c(0, file->data, file->size));
    buffer_append(file, &crc, 4);
    size_t at = file->size;
    buffer_append(file, "\x00\x01\x02z", 4); /* key "z" with a handle of two bytes */
    wire_put_varint(file, 0);
    wire_put_varint(file, block);
    buffer_append(file, &zero, 4);
    uint32_t one = 1;
    buffer_append(file, &one, 4);
    size_t index = file->size - at;
    buffer_append_byte(file, SSTABLE_PLAIN);
    crc = crc32c_mask(crc32c(0, file->data + at, index + 1));
    buffer_append(file, &crc, 4);
    size_t footer = file->size;
    for (int i = 0; i < 2; i++) {
        wire_put_varint(file, at);
        wire_put_varint(file, index);
    }
    buffer_append_zeros(file, 40 - (file->size - footer));
    uint64_t magic = SSTABLE_MAGIC;
    buffer_append(file, &magic, 8);
}

static void damaged_blocks_are_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *what;
        uint8_t entries[16];
        size_t size;
        uint32_t restarts;
        const char *message;
    } cases[] = {
        {"sound", {0, 1, 1, 'a', 'x', 1, 1, 1, 'b', 'y'}, 10, 1, NULL},
        {"empty", {0}, 0, 1, NULL},
        {"no restarts", {0, 1, 1, 'a', 'x'}, 5, 0, NULL},
        {"a first key that shares", {1, 1, 1, 'a', 'x'}, 5, 1, "bad entry in block"},
        {"more shared than there is", {0, 1, 1, 'a', 'x', 2, 1, 1, 'b', 'y'}, 10, 1, "bad entry in block"},
        {"key longer than the block", {0, 9, 0, 'a'}, 4, 1, "bad entry in block"},
        {"value longer than the block", {0, 1, 9, 'a'}, 4, 1, "bad entry in block"},
        {"cut head", {0, 0x80}, 2, 1, "bad entry in block"},
        {"size above 32 bits", {0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 'a'}, 9, 1, "bad entry in block"},
        {"the same key twice", {0, 1, 1, 'a', 'x', 1, 0, 1, 'y'}, 9, 1, "keys do not rise"},
        {"falling keys", {0, 1, 1, 'b', 'x', 0, 1, 1, 'a', 'y'}, 10, 1, "keys do not rise"},
        {"more restarts than bytes", {0, 1, 1, 'a', 'x'}, 5, 1000, "more restarts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer file = {0};
        size_t count;
        file_of_block(cases[i].entries, cases[i].size, cases[i].restarts, &file);
        inlay_status status = walk_table(&file, &count);
        if (!cases[i].message && status != INLAY_OK) fail_msg("%s: %s", cases[i].what, err.message);
        if (cases[i].message && status != INLAY_DATA_LOSS) fail_msg("%s is not refused", cases[i].what);
        if (cases[i].message) assert_contains(err.message, cases[i].message);
        buffer_free(&file);
    }
}

static void every_changed_byte_is_noticed(void **unused) {
    (void)unused;
    buffer file = {0};
    sstable_writer *w;
    assert_ok(sstable_writer_open(&w, &err), &err);
    assert_ok(sstable_add(w, bytes_of("one"), bytes_of("1"), &err), &err);
    assert_ok(sstable_add(w, bytes_of("two"), bytes_of("2"), &err), &err);
    assert_ok(sstable_finish(w, &file, &err), &err);
    sstable_writer_close(w);
    size_t count, metaindex = 27, metaindex_end = metaindex + 13;
    assert_ok(walk_table(&file, &count), &err);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < file.size - 8; i++) {
        if (i >= metaindex && i < metaindex_end) continue;                                   /* not read */
        if (i >= file.size - SSTABLE_FOOTER && file.data[i] == 0) continue;                  /* padding */
        if (i >= file.size - SSTABLE_FOOTER && i < file.size - SSTABLE_FOOTER + 2) continue; /* metaindex handle */
        file.data[i] ^= 0x55;
        if (walk_table(&file, &count) != INLAY_DATA_LOSS) fail_msg("byte %zu may change", i);
        file.data[i] ^= 0x55;
    }
    for (size_t size = 0; size < file.size; size++) {
        buffer cut = {.data = file.data, .size = size};
        assert_status(INLAY_DATA_LOSS, walk_table(&cut, &count), &err);
    }
    buffer_free(&file);
}

static void a_wrong_checksum_says_where(void **unused) {
    (void)unused;
    buffer file = {0};
    file_of_block((const uint8_t *)"\0\1\1ax", 5, 1, &file);
    file.data[4] ^= 1;
    size_t count;
    assert_status(INLAY_DATA_LOSS, walk_table(&file, &count), &err);
    assert_contains(err.message, "table: block checksum mismatch");
    assert_int_equal(err.offset, 0);
    buffer_free(&file);
}

/* A header that promises a gigabyte in a block of 20 bytes. */
static void inflation_is_bounded(void **unused) {
    (void)unused;
    buffer file = {0};
    file_of_block((const uint8_t *)"\x80\x80\x80\x80\x04xxxxxxx", 12, 1, &file);
    file.data[20] = SSTABLE_SNAPPY;
    uint32_t crc = crc32c_mask(crc32c(0, file.data, 21));
    store_u32(file.data + 21, crc);
    size_t count;
    assert_status(INLAY_DATA_LOSS, walk_table(&file, &count), &err);
    assert_contains(err.message, "corrupted compressed block contents");
    file.data[20] = 7;
    store_u32(file.data + 21, crc32c_mask(crc32c(0, file.data, 21)));
    assert_status(INLAY_DATA_LOSS, walk_table(&file, &count), &err);
    assert_contains(err.message, "bad block type 7");
    buffer_free(&file);
}

/* The bytes of the smallest bundle index, decoded by hand from the format's description. */
static void the_bytes_are_those_of_the_format(void **unused) {
    (void)unused;
    sstable_writer *w;
    buffer file = {0};
    assert_ok(sstable_writer_open(&w, &err), &err);
    assert_ok(sstable_add(w, bytes_of(""), bytes_make("\x08\x01\x1a\x02\x08\x01", 6), &err), &err);
    assert_ok(sstable_add(w, bytes_of("v"), bytes_make("\x08\x01\x12\x00", 4), &err), &err);
    assert_ok(sstable_finish(w, &file, &err), &err);
    sstable_writer_close(w);
    static const uint8_t data_block[] = {0, 0, 6,    8, 1, 0x1a, 2, 8, 1, 0, 1, 4, 'v',
                                         8, 1, 0x12, 0, 0, 0,    0, 0, 1, 0, 0, 0, 0 /* plain */};
    static const uint8_t footer[] = {30, 8, 43, 14};
    assert_memory_equal(file.data, data_block, sizeof data_block);
    assert_int_equal(load_u32(file.data + 26), crc32c_mask(crc32c(0, data_block, sizeof data_block)));
    /* The last block's key is "w": a short successor of "v". */
    assert_memory_equal(file.data + 43, "\0\1\2w\0\x19\0\0\0\0\1\0\0\0\0", 15);
    assert_memory_equal(file.data + file.size - 48, footer, sizeof footer);
    assert_memory_equal(file.data + file.size - 8, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
    assert_int_equal(file.size, 43 + 14 + 5 + 48);
    buffer_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_found), cmocka_unit_test(keys_must_rise),
        cmocka_unit_test(damaged_blocks_are_refused),        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(a_wrong_checksum_says_where),       cmocka_unit_test(inflation_is_bounded),
        cmocka_unit_test(the_bytes_are_those_of_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
