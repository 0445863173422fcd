/* Indexes that lie: each must be refused with an error that names file and key, or read without harm. */
#include "unit/scratch.h"

#include "base/crc32c.h"
#include "format/bundle_entry.h"
#include "format/bundle_slice.h"
#include "format/checkpoint.h"

#include <inttypes.h>
#include <time.h>

static inlay_error err;

/* Fields of an entry as they are written; 0 leaves a field out. */
typedef struct raw_entry {
    uint64_t type;
    int64_t dims[4];
    int rank;
    int64_t shard, offset, size;
} raw_entry;

static void put_raw(buffer *out, const raw_entry *e) {
    if (e->type) wire_put_uint(out, 1, e->type);
    size_t shape_mark = wire_begin(out, 2);
    for (int i = 0; i < e->rank; i++) {
        size_t dim = wire_begin(out, 2);
        wire_put_uint(out, 1, (uint64_t)e->dims[i]);
        wire_end(out, dim);
    }
    wire_end(out, shape_mark);
    if (e->shard) wire_put_uint(out, 3, (uint64_t)e->shard);
    if (e->offset) wire_put_uint(out, 4, (uint64_t)e->offset);
    if (e->size) wire_put_uint(out, 5, (uint64_t)e->size);
}

static void write_index(const char *prefix, bytes header, const char *key, bytes value) {
    bundle_index *x;
    buffer out = {0};
    char path[1200];
    assert_ok(bundle_index_open(&x, &err), &err);
    if (key) assert_ok(bundle_index_add_raw(x, bytes_of(key), value, &err), &err);
    assert_ok(bundle_index_finish_as(x, header, &out, &err), &err);
    snprintf(path, sizeof path, "%s.index", prefix);
    scratch_write(path, out.data, out.size);
    buffer_free(&out);
    bundle_index_close(x);
}

static const char header_text[] = "\x08\x03\x1a\x02\x08\x01"; /* three shards */
#define HEADER bytes_make(header_text, 6)

/* Opens and, when that succeeds, checks and reads everything; the first failure. */
static inlay_status use(const char *prefix) {
    bundle *b;
    tensor *t;
    TRY(bundle_open(prefix, false, &b, &err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < bundle_count(b) && status == INLAY_OK; i++) {
        status = bundle_read(b, bundle_at(b, i), &t, &err);
        if (status == INLAY_OK) tensor_release(t);
        if (status == INLAY_OK) status = bundle_check(b, bundle_at(b, i), &err);
    }
    bundle_close(b);
    return status;
}

static void lying_entries_are_refused(void **state) {
    static const struct {
        raw_entry entry;
        inlay_status status;
        const char *message;
    } cases[] = {
        {{0, {0}, 0, 0, 0, 4}, INLAY_DATA_LOSS, "no dtype"},
        {{1, {2}, 1, 0, 0, 4}, INLAY_DATA_LOSS, "invalid size"},
        {{1, {2}, 1, 0, 0, 0}, INLAY_DATA_LOSS, "invalid size"},
        {{1, {-2}, 1, 0, 0, -8}, INLAY_DATA_LOSS, "invalid tensor shape"},
        {{1, {INT64_MAX, 3}, 2, 0, 0, 8}, INLAY_DATA_LOSS, "invalid tensor shape"},
        {{1, {INT64_MAX / 2}, 1, 0, 0, 8}, INLAY_DATA_LOSS, "invalid size"},
        {{1, {(int64_t)1 << 62}, 1, 0, 0, 0}, INLAY_DATA_LOSS, "invalid size"}, /* 4 << 62 is 0 */
        {{1, {2}, 1, 0, -8, 8}, INLAY_DATA_LOSS, "negative offset"},
        {{1, {2}, 1, 0, INT64_MAX, 8}, INLAY_DATA_LOSS, "too short"},
        {{1, {2}, 1, 0, 93, 8}, INLAY_DATA_LOSS, "too short"},
        {{1, {2}, 1, 1, 0, 8}, INLAY_DATA_LOSS, "missing"},
        {{1, {2}, 1, 3, 0, 8}, INLAY_DATA_LOSS, "shard 3 of a bundle with 3"},
        {{1, {2}, 1, -1, 0, 8}, INLAY_DATA_LOSS, "shard -1"},
        {{1, {2}, 1, INT32_MAX, 0, 8}, INLAY_DATA_LOSS, "shard 2147483647"},
        {{7, {3}, 1, 0, 0, 6}, INLAY_DATA_LOSS, "cannot hold 3 strings"},
        {{7, {((int64_t)1 << 61) + 1}, 1, 0, 0, 60}, INLAY_DATA_LOSS, "cannot hold"},
        {{7, {1}, 1, 0, 0, 50}, INLAY_DATA_LOSS, "string lengths"},
        {{7, {90}, 1, 0, 0, 100}, INLAY_DATA_LOSS, "string lengths"},
        {{21, {2}, 1, 0, 0, 8}, INLAY_UNIMPLEMENTED, "dtype variant cannot be read"},
        {{20, {2}, 1, 0, 0, 8}, INLAY_UNIMPLEMENTED, "dtype resource"},
        {{99, {2}, 1, 0, 0, 8}, INLAY_UNIMPLEMENTED, "unknown dtype 99"},
        {{(uint64_t)1 << 40, {2}, 1, 0, 0, 8}, INLAY_DATA_LOSS, "invalid dtype"},
        {{1, {2}, 1, 0, 0, 8}, INLAY_DATA_LOSS, "its checksum does not match"},
        {{1, {0, INT64_MAX}, 2, INT32_MAX, 77, 0}, INLAY_OK, NULL}, /* nothing is stored, so nothing is wrong */
        {{7, {0}, 1, 0, 0, 0}, INLAY_OK, NULL},
    };
    const char *prefix = scratch_path(state, "b");
    char data[100];
    memset(data, 0x55, sizeof data);
    scratch_write(scratch_path(state, "b.data-00000-of-00003"), data, sizeof data);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer value = {0};
        put_raw(&value, &cases[i].entry);
        write_index(prefix, HEADER, "the/key", buffer_bytes(&value));
        buffer_free(&value);
        err.message[0] = 0;
        inlay_status status = use(prefix);
        if (status != cases[i].status) fail_msg("case %zu: %s: %s", i, inlay_status_name(status), err.message);
        if (!cases[i].message) continue;
        assert_contains(err.message, cases[i].message);
        assert_contains(err.message, "the/key");
        assert_contains(err.message, prefix);
    }
}

static void malformed_entries_and_headers_are_refused(void **state) {
    static const struct {
        const char *header;
        size_t header_size;
        const char *value;
        size_t value_size;
        inlay_status status;
        const char *message;
    } cases[] = {
        {"\x08\x01", 2, "\x08\x01\x12\x00\x28\x04", 6, INLAY_DATA_LOSS, "missing"}, /* no version is fine */
        {"\x08\x01", 2, "\x08\x01\x12", 3, INLAY_DATA_LOSS, "malformed protobuf"},
        {"\x08\x01", 2, "\x0a\x01\x12\x00", 4, INLAY_DATA_LOSS, "wire type"},
        {"\x08\x01", 2, "\x08\x01\x12\x02\x18\x01", 6, INLAY_DATA_LOSS, "invalid tensor shape"}, /* unknown rank */
        {"\x08", 1, NULL, 0, INLAY_DATA_LOSS, "malformed protobuf"},
        {"\x10\x02", 2, NULL, 0, INLAY_DATA_LOSS, "no such byte order"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, NULL, 0, INLAY_DATA_LOSS, "-1 shards"},
        {"\x08\x01\x1a\x02\x10\x02", 6, NULL, 0, INLAY_UNIMPLEMENTED, "version 2"},
        {"\x08\x01\x1a\x02\x18\x01", 6, NULL, 0, INLAY_UNIMPLEMENTED, "version"},
        {"\x08\x01\x1a\x03\x1a\x01\x01", 7, NULL, 0, INLAY_UNIMPLEMENTED, "version"},
        {"\x08\xff\xff\xff\xff\x07", 6, NULL, 0, INLAY_OK, NULL}, /* 2^31 - 1 shards that nobody uses */
    };
    const char *prefix = scratch_path(state, "b");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_index(prefix, bytes_make(cases[i].header, cases[i].header_size), cases[i].value ? "key" : NULL,
                    bytes_make(cases[i].value, cases[i].value_size));
        inlay_status status = use(prefix);
        if (status != cases[i].status) fail_msg("case %zu: %s: %s", i, inlay_status_name(status), err.message);
        if (cases[i].message) assert_contains(err.message, cases[i].message);
    }
}

static void rank_beyond_ours_is_named(void **state) {
    buffer value = {0};
    wire_put_uint(&value, 1, 1);
    size_t mark = wire_begin(&value, 2);
    for (int i = 0; i < 17; i++) wire_put_bytes(&value, 2, bytes_make("\x08\x01", 2));
    wire_end(&value, mark);
    wire_put_uint(&value, 5, 4);
    write_index(scratch_path(state, "b"), HEADER, "deep", buffer_bytes(&value));
    buffer_free(&value);
    assert_status(INLAY_UNIMPLEMENTED, use(scratch_path(state, "b")), &err);
    assert_contains(err.message, "deep");
}

static void a_table_without_a_header_is_no_bundle(void **state) {
    sstable_writer *w;
    buffer out = {0};
    assert_ok(sstable_writer_open(&w, &err), &err);
    assert_ok(sstable_add(w, bytes_of("key"), bytes_of("value"), &err), &err);
    assert_ok(sstable_finish(w, &out, &err), &err);
    sstable_writer_close(w);
    scratch_write(scratch_path(state, "b.index"), out.data, out.size);
    buffer_free(&out);
    assert_status(INLAY_DATA_LOSS, use(scratch_path(state, "b")), &err);
    assert_contains(err.message, "no header");
}

/* Two rows of one shared float each; SECOND is where the second slice begins. */
static inlay_status use_sliced(void **state, int64_t second, int64_t second_length, size_t listed, const char *type) {
    bundle_index *x;
    buffer out = {0}, whole = {0}, key = {0};
    shape part = shape_vector(2);
    float values[2] = {1, 2};
    assert_ok(bundle_index_open(&x, &err), &err);
    wire_put_uint(&whole, 1, 1);
    wire_put_bytes(&whole, 2, bytes_make("\x12\x02\x08\x04", 4));
    for (size_t i = 0; i < listed; i++) {
        tensor_slice slice = {1, {i ? second : 0}, {i ? second_length : 2}};
        slice_proto_put(&whole, 7, &slice);
        buffer_clear(&key);
        slice_key_put(&key, bytes_of("v"), &slice);
        if (i < 2)
            assert_ok(bundle_index_add(x, buffer_bytes(&key), i && type ? dtype_of_name(type) : INLAY_FLOAT32, &part, 0,
                                       0, 8, crc32c(0, values, 8), &err),
                      &err);
    }
    assert_ok(bundle_index_add_raw(x, bytes_of("v"), buffer_bytes(&whole), &err), &err);
    assert_ok(bundle_index_finish(x, 1, &out, &err), &err);
    scratch_write(scratch_path(state, "s.index"), out.data, out.size);
    scratch_write(scratch_path(state, "s.data-00000-of-00001"), values, 8);
    bundle_index_close(x);
    buffer_free(&out);
    buffer_free(&whole);
    buffer_free(&key);
    return use(scratch_path(state, "s"));
}

static void lying_slices_are_refused(void **state) {
    static const struct {
        int64_t second, length;
        size_t listed;
        const char *type, *wrong;
    } cases[] = {
        {2, 2, 2, NULL, NULL},
        {1, 2, 2, NULL, "overlap"},
        {0, 0, 1, NULL, "do not cover"},
        {3, 2, 2, NULL, "beyond the tensor"},
        {-1, 2, 2, NULL, "beyond the tensor"},
        {2, -2, 2, NULL, "beyond the tensor"},
        {INT64_MAX, INT64_MAX, 2, NULL, "beyond the tensor"},
        {2, 1, 2, NULL, "another dtype or shape"},
        {2, 2, 2, "int32", NULL}, /* refused below: its entry says another dtype */
        {2, 2, 3, NULL, "overlap"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_status status = use_sliced(state, cases[i].second, cases[i].length, cases[i].listed, cases[i].type);
        const char *wrong = cases[i].type ? "another dtype" : cases[i].wrong;
        if ((status == INLAY_OK) != !wrong) fail_msg("case %zu: %s", i, err.message);
        if (wrong) assert_int_equal(status, INLAY_DATA_LOSS);
        if (wrong) assert_contains(err.message, wrong);
    }
}

/* Rows behind byte 2^32 of a sparse file of 20 GiB, at an odd offset. */
static void far_offsets_are_reached(void **state) {
    const char *data = scratch_path(state, "far.data-00000-of-00001");
    FILE *f = fopen(data, "wb");
    assert_non_null(f);
    const uint64_t offsets[] = {3, ((uint64_t)1 << 32) - 6, ((uint64_t)1 << 32) + 9, (uint64_t)20 << 30};
    bundle_index *x;
    buffer out = {0};
    shape dims = shape_vector(3);
    assert_ok(bundle_index_open(&x, &err), &err);
    for (int i = 0; i < 4; i++) {
        float values[3] = {(float)i, (float)i + 0.25f, -1};
        char key[2] = {(char)('a' + i), 0};
        if (fseeko(f, (off_t)offsets[i], SEEK_SET) != 0 || fwrite(values, 4, 3, f) != 3) {
            fclose(f);
            bundle_index_close(x);
            skip(); /* a file system without large sparse files */
        }
        assert_ok(
            bundle_index_add(x, bytes_of(key), INLAY_FLOAT32, &dims, 0, offsets[i], 12, crc32c(0, values, 12), &err),
            &err);
    }
    assert_int_equal(0, fclose(f));
    assert_ok(bundle_index_finish(x, 1, &out, &err), &err);
    scratch_write(scratch_path(state, "far.index"), out.data, out.size);
    bundle_index_close(x);
    buffer_free(&out);
    bundle *b;
    assert_ok(bundle_open(scratch_path(state, "far"), false, &b, &err), &err);
    for (int i = 0; i < 4; i++) {
        tensor *t;
        float value;
        assert_ok(bundle_check(b, bundle_at(b, i), &err), &err);
        assert_ok(bundle_read(b, bundle_at(b, i), &t, &err), &err);
        memcpy(&value, t->data + 4, 4);
        assert_true(value == (float)i + 0.25f);
        tensor_release(t);
    }
    bundle_close(b);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void an_index_of_many_keys_opens_fast(void **state) {
    enum { KEYS = 200000 };
    bundle_index *x;
    buffer out = {0};
    shape dims = shape_scalar();
    char key[64];
    assert_ok(bundle_index_open(&x, &err), &err);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "layer-%d/kernel/.ATTRIBUTES/VARIABLE_VALUE", i);
        assert_ok(bundle_index_add(x, bytes_of(key), INLAY_UINT8, &dims, 0, (uint64_t)i, 1, 0, &err), &err);
    }
    assert_ok(bundle_index_finish(x, 1, &out, &err), &err);
    bundle_index_close(x);
    scratch_write(scratch_path(state, "m.index"), out.data, out.size);
    scratch_write(scratch_path(state, "m.data-00000-of-00001"), "", 0);
    assert_int_equal(0, truncate(scratch_path(state, "m.data-00000-of-00001"), KEYS));
    bundle *b;
    double start = now();
    assert_ok(bundle_open(scratch_path(state, "m"), false, &b, &err), &err);
    double opened = now();
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "layer-%d/kernel/.ATTRIBUTES/VARIABLE_VALUE", i);
        assert_int_equal(bundle_find(b, bytes_of(key))->offset, i);
    }
    double found = now();
    print_message("%d keys, %zu bytes: opened in %.0f ms, %.2f us a look-up\n", KEYS, out.size, 1e3 * (opened - start),
                  1e6 * (found - opened) / KEYS);
    assert_true(opened - start < 5); /* whatever else the machine does */
    buffer_free(&out);
    bundle_close(b);
}

/* Keys that share all but three bytes with the one before, at no restart: 2 MB of file, 12 GB of keys. */
static void shared_prefixes_do_not_explode(void **state) {
    enum { ENTRIES = 200000, PREFIX = 60000 };
    buffer block = {0}, file = {0};
    static char prefix[PREFIX];
    memset(prefix, 'a', sizeof prefix);
    buffer_append(&block, "\0\0\2\x08\x01", 5); /* the header */
    buffer_append_byte(&block, 0);
    wire_put_varint(&block, PREFIX);
    buffer_append_byte(&block, 6);
    buffer_append(&block, prefix, PREFIX);
    buffer_append(&block, "\x08\x04\x12\0\x28\1", 6);
    for (int i = 0; i < ENTRIES; i++) {
        wire_put_varint(&block, PREFIX + (i ? 0 : -1));
        buffer_append(&block, "\3\6", 2);
        uint8_t suffix[3] = {(uint8_t)(1 + (i >> 14)), (uint8_t)(1 + ((i >> 7) & 127)), (uint8_t)(1 + (i & 127))};
        if (i == 0) suffix[0] = 'b';
        buffer_append(&block, suffix, 3);
        buffer_append(&block, "\x08\x04\x12\0\x28\1", 6);
    }
    buffer_append(&block, "\0\0\0\0\1\0\0\0", 8);
    size_t size = block.size;
    buffer_append_byte(&block, 0);
    uint32_t crc = crc32c_mask(crc32c(0, block.data, block.size));
    buffer_append(&file, block.data, block.size);
    buffer_append(&file, &crc, 4);
    size_t at = file.size;
    buffer handle = {0};
    wire_put_varint(&handle, 0);
    wire_put_varint(&handle, size);
    buffer_append(&file, "\0\1", 2);
    wire_put_varint(&file, handle.size);
    buffer_append(&file, "z", 1);
    buffer_append_bytes(&file, buffer_bytes(&handle));
    buffer_append(&file, "\0\0\0\0\1\0\0\0\0", 9);
    crc = crc32c_mask(crc32c(0, file.data + at, file.size - at));
    buffer_append(&file, &crc, 4);
    size_t footer = file.size;
    for (int i = 0; i < 2; i++) {
        wire_put_varint(&file, at);
        wire_put_varint(&file, footer - at - 5);
    }
    buffer_append_zeros(&file, 40 - (file.size - footer));
    uint64_t magic = SSTABLE_MAGIC;
    buffer_append(&file, &magic, 8);
    scratch_write(scratch_path(state, "x.index"), file.data, file.size);
    buffer_free(&block);
    buffer_free(&handle);
    buffer_free(&file);
    bundle *b;
    assert_status(INLAY_RESOURCE_EXHAUSTED, bundle_open(scratch_path(state, "x"), false, &b, &err), &err);
    assert_contains(err.message, "x.index: the index needs too much memory");
}

int main(void) {
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(lying_entries_are_refused),        IN_SCRATCH(malformed_entries_and_headers_are_refused),
        IN_SCRATCH(rank_beyond_ours_is_named),        IN_SCRATCH(a_table_without_a_header_is_no_bundle),
        IN_SCRATCH(lying_slices_are_refused),         IN_SCRATCH(far_offsets_are_reached),
        IN_SCRATCH(an_index_of_many_keys_opens_fast), IN_SCRATCH(shared_prefixes_do_not_explode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
