#include "unit/unit.h"

#include "base/crc32c.h"
#include "format/labels.h"
#include "format/labels_offsets.h"
#include "unit/files.h"

static inlay_status open_text(const void *text, size_t size, labels **out, inlay_error *err) {
    return labels_open_bytes(bytes_make(text, size), "names.txt", NULL, NULL, NULL, out, err);
}

/* The labels of L as "a|b|c|". */
static void join(const labels *l, buffer *out) {
    labels_cursor c = {.of = l};
    inlay_error err;
    buffer_clear(out);
    uint64_t size = 0;
    for (int64_t i = 0; i < labels_count(l); i++) {
        bytes text;
        assert_ok(labels_next(&c, &text, &err), &err);
        buffer_append_bytes(out, text);
        buffer_append_byte(out, '|');
        size += text.size;
    }
    assert_int_equal(size, labels_bytes(l));
    bytes text;
    assert_status(INLAY_FAILED_PRECONDITION, labels_next(&c, &text, &err), &err);
    labels_cursor_free(&c);
    buffer_append_byte(out, 0);
}

static void lines_are_labels(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
        int64_t count;
    } cases[] = {
        {"", "", 0},
        {"\n", "|", 1},
        {"\n\n", "||", 2},
        {"a", "a|", 1},
        {"a\n", "a|", 1},
        {"a\nb", "a|b|", 2},
        {"a\r\nb\r\n", "a|b|", 2},
        {"a\r\n\r\nb", "a||b|", 3},
        {"\r\n", "|", 1},
        {"a\rb\n", "a\rb|", 1},
        {"a\r", "a\r|", 1},
        {"a\r\r\n", "a\r|", 1},
        {"\xef\xbb\xbf"
         "a\nb\n",
         "a|b|", 2},
        {"\xef\xbb\xbf", "", 0},
        {"caf\xc3\xa9\n\xf0\x9f\x98\x80\n", "caf\xc3\xa9|\xf0\x9f\x98\x80|", 2},
        {" a \n\tb", " a |\tb|", 2},
    };
    buffer got = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        labels *l;
        inlay_error err;
        assert_ok(open_text(cases[i].text, strlen(cases[i].text), &l, &err), &err);
        assert_int_equal(labels_count(l), cases[i].count);
        join(l, &got);
        assert_string_equal((char *)got.data, cases[i].wanted);
        labels_close(l);
    }
    buffer_free(&got);
}

static void text_that_is_not_utf8_is_named_by_line_and_byte(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a\nb\xff", "names.txt: line 2 is not UTF-8 (at byte 3)"},
        {"\xc3\n", "names.txt: line 1 is not UTF-8 (at byte 0)"},
        {"a\n\n\xed\xa0\x80\n", "names.txt: line 3 is not UTF-8 (at byte 3)"},
    };
    labels *l;
    inlay_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(INLAY_INVALID_ARGUMENT, open_text(cases[i].text, strlen(cases[i].text), &l, &err), &err);
        assert_string_equal(err.message, cases[i].message);
        assert_null(l);
    }
    /* Far beyond the first block that is looked at. */
    buffer text = {0};
    for (int i = 0; i < 500000; i++) buffer_append_text(&text, "label\n");
    buffer_append_text(&text, "bad\x80\n");
    assert_status(INLAY_INVALID_ARGUMENT, open_text(text.data, text.size, &l, &err), &err);
    assert_string_equal(err.message, "names.txt: line 500001 is not UTF-8 (at byte 3000003)");
    buffer_free(&text);
}

static void arrays_of_strings_are_labels(void **state) {
    (void)state;
    static const uint32_t points[] = {'a', 0, 0xe9, 'z', 0, 0};
    static const struct {
        const char *descr, *dims;
        const void *data;
        size_t size;
        const char *wanted, *message;
    } cases[] = {
        {"<U2", "3,", points, 24, "a|\xc3\xa9z||", NULL},
        {"<U2", "3, 1", points, 24, "a|\xc3\xa9z||", NULL},
        {"|S2", "3,", "a\0\xc3\xa9\0\0", 6, "a|\xc3\xa9||", NULL},
        {"|S2", "3,", "a\0\xc3z\0\0", 6, NULL, "element 1 is not UTF-8"},
        {"<U2", "1, 3", points, 24, NULL, "has the shape [1, 3]; labels are [rows]"},
        {"<U6", "", points, 24, NULL, "has the shape []"},
        {"<i4", "6,", points, 24, NULL, "holds int32; labels are strings (integers can be ids)"},
        {"|S2", "300,", points, 24, NULL, "promises"},
    };
    buffer file = {0}, got = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        labels *l;
        inlay_error err;
        make_array(&file, cases[i].descr, false, cases[i].dims, cases[i].data, cases[i].size);
        inlay_status status = open_text(file.data, file.size, &l, &err);
        if (cases[i].message) {
            assert_int_not_equal(status, INLAY_OK);
            assert_contains(err.message, cases[i].message);
            continue;
        }
        assert_ok(status, &err);
        join(l, &got);
        assert_string_equal((char *)got.data, cases[i].wanted);
        labels_close(l);
    }
    buffer_free(&file);
    buffer_free(&got);
}

/* ---- stored as a tensor */

typedef struct stored {
    const char *prefix, *table;
    bundle *b;
    const bundle_entry *entry;
} stored;

/* Writes the labels of TEXT as the only tensor of a bundle, behind some bytes of another, and opens it. */
static stored store(void **state, bytes text) {
    stored s = {.prefix = strdup(scratch_path(state, "v")), .table = strdup(scratch_path(state, "v.offsets"))};
    labels *l;
    inlay_error err;
    file_writer *w;
    uint64_t size;
    uint32_t crc;
    bundle_index *index;
    buffer file = {0};
    unlink(s.table);
    scratch_write(scratch_path(state, "names.txt"), text.data, text.size);
    assert_ok(labels_open(scratch_path(state, "names.txt"), NULL, &l, &err), &err);
    char *data = bundle_data_path(s.prefix, 0, 1);
    assert_ok(file_create(data, FILE_ATOMIC, &w, &err), &err);
    assert_ok(file_append(w, "other", 5, &err), &err);
    assert_ok(labels_store(l, w, s.table, NULL, &size, &crc, &err), &err);
    assert_int_equal(file_position(w), 5 + size);
    assert_ok(file_commit(w, &err), &err);
    assert_ok(bundle_index_open(&index, &err), &err);
    shape dims = shape_vector(labels_count(l));
    assert_ok(bundle_index_add(index, bytes_of("labels"), INLAY_STRING, &dims, 0, 5, size, crc, &err), &err);
    assert_ok(bundle_index_finish(index, 1, &file, &err), &err);
    char path[1100];
    snprintf(path, sizeof path, "%s.index", s.prefix);
    scratch_write(path, file.data, file.size);
    bundle_index_close(index);
    labels_close(l);
    buffer_free(&file);
    mem_free(data);
    assert_ok(bundle_open(s.prefix, false, &s.b, &err), &err);
    s.entry = bundle_find(s.b, bytes_of("labels"));
    assert_non_null(s.entry);
    assert_ok(bundle_check(s.b, s.entry, &err), &err);
    return s;
}

static void release(stored *s) {
    bundle_close(s->b);
    free((char *)(uintptr_t)s->prefix);
    free((char *)(uintptr_t)s->table);
}

static void stored_labels_are_read_by_their_table(void **state) {
    enum { LABELS = 200000 };
    buffer text = {0};
    inlay_error err;
    for (int i = 0; i < LABELS; i++) {
        if (i % 7) buffer_format(&text, "label %d", i);
        if (i == 150000) buffer_append_zeros(&text, 300000);
        buffer_append_text(&text, i % 3 ? "\n" : "\r\n");
    }
    stored s = store(state, buffer_bytes(&text));
    tensor *quick, *slow;
    assert_ok(labels_offsets_read(s.table, s.b, s.entry, &quick, &err), &err);
    assert_ok(bundle_read(s.b, s.entry, &slow, &err), &err);
    assert_int_equal(quick->count, LABELS);
    for (int64_t i = 0; i < LABELS; i++) {
        char wanted[32] = "";
        bytes got = tensor_string(quick, i);
        if (i % 7) snprintf(wanted, sizeof wanted, "label %lld", (long long)i);
        assert_int_equal(got.size, strlen(wanted) + (i == 150000 ? 300000 : 0));
        assert_memory_equal(got.data, wanted, strlen(wanted));
        assert_true(bytes_equal(got, tensor_string(slow, i)));
    }
    file_map *map;
    assert_ok(file_map_open(s.table, false, &map, &err), &err);
    assert_ok(labels_offsets_check(file_map_bytes(map), s.table, &err), &err);
    file_map_release(map);
    tensor_release(slow);
    release(&s);
    /* The tensor outlives the bundle. */
    assert_memory_equal(tensor_string(quick, 1).data, "label 1", 7);
    tensor_release(quick);
    buffer_free(&text);
}

static void no_labels_are_stored_too(void **state) {
    inlay_error err;
    tensor *t;
    stored s = store(state, bytes_of(""));
    assert_ok(labels_offsets_read(s.table, s.b, s.entry, &t, &err), &err);
    assert_int_equal(t->count, 0);
    tensor_release(t);
    release(&s);
}

static void a_table_of_other_labels_is_refused(void **state) {
    inlay_error err;
    tensor *t;
    char kept[1100];
    snprintf(kept, sizeof kept, "%s", scratch_path(state, "kept"));
    stored a = store(state, bytes_of("one\ntwo\n"));
    assert_int_equal(rename(a.table, kept), 0);
    release(&a);
    static const char *const others[] = {"one\ntwo", "one\ntwx\n", "one\ntw\no", "one\ntwoo", "onet\nwo"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        stored b = store(state, bytes_of(others[i]));
        assert_status(i == 0 ? INLAY_OK : INLAY_FAILED_PRECONDITION, labels_offsets_read(kept, b.b, b.entry, &t, &err),
                      &err);
        if (i) assert_contains(err.message, "offset table of another tensor than labels");
        tensor_release(t);
        release(&b);
    }
}

static void a_damaged_table_is_refused(void **state) {
    inlay_error err;
    file_map *map;
    stored s = store(state, bytes_of("one\ntwo\nthree\n"));
    assert_ok(file_map_open(s.table, true, &map, &err), &err);
    bytes file = file_map_bytes(map);
    uint8_t *copy = mem_alloc(file.size);
    labels_tie tie;
    const void *offsets;
    assert_int_equal(file.size, 64 + 4 * 8);
    for (size_t n = 0; n < file.size; n++) {
        uint8_t *part = mem_alloc(n); /* of its very size, for the sanitizer */
        memcpy(part, file.data, n);
        assert_status(INLAY_DATA_LOSS, labels_offsets_parse(bytes_make(part, n), "t", &tie, &offsets, &err), &err);
        mem_free(part);
    }
    for (size_t i = 0; i < file.size; i++) {
        memcpy(copy, file.data, file.size);
        copy[i] ^= 1;
        inlay_status status = labels_offsets_check(bytes_make(copy, file.size), "t", &err);
        assert_int_equal(status, i >= 8 && i < 12 ? INLAY_UNIMPLEMENTED : INLAY_DATA_LOSS);
    }
    mem_free(copy);
    file_map_release(map);
    release(&s);
}

static void a_file_that_changes_while_it_is_stored_is_noticed(void **state) {
    inlay_error err;
    labels *l;
    file_writer *w;
    uint64_t size;
    uint32_t crc;
    char path[1100];
    snprintf(path, sizeof path, "%s", scratch_path(state, "names.txt"));
    static const char *const changes[] = {"oneX\ntwo\n", "one\ntw\n\n", "one,two\n"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        scratch_write(path, "one\ntwo\n", 8);
        assert_ok(labels_open(path, NULL, &l, &err), &err);
        scratch_write(path, changes[i], strlen(changes[i]));
        assert_ok(file_create(scratch_path(state, "out"), FILE_ATOMIC, &w, &err), &err);
        assert_status(INLAY_FAILED_PRECONDITION,
                      labels_store(l, w, scratch_path(state, "offsets"), NULL, &size, &crc, &err), &err);
        assert_contains(err.message, "changed while");
        file_abandon(w);
        labels_close(l);
        assert_int_equal(scratch_count(state), 1);
    }
}

static bool stop(void *user, const char *stage, uint64_t done, uint64_t total) {
    uint64_t *seen = user;
    (void)stage;
    (void)total;
    *seen = done;
    return done < 4000000;
}

static void reading_can_be_cancelled(void **state) {
    (void)state;
    buffer text = {0};
    inlay_error err;
    labels *l;
    uint64_t seen = 0;
    progress p;
    for (int i = 0; i < 1000000; i++) buffer_append_text(&text, "label\n");
    progress_start(&p, stop, &seen, "labels", text.size);
    assert_status(INLAY_CANCELLED, labels_open_bytes(buffer_bytes(&text), "a", NULL, NULL, &p, &l, &err), &err);
    assert_true(seen >= 4000000 && seen < text.size);
    buffer_free(&text);
}

/* ---- ids */

static void integers_are_ids(void **state) {
    static const struct {
        const char *descr;
        uint8_t data[16];
        size_t size;
        int64_t first, second;
        bool in_place;
    } cases[] = {
        {"|i1", {5, 0xff}, 2, 5, -1, false},
        {"|u1", {5, 0xff}, 2, 5, 255, false},
        {"<i2", {5, 0, 0xff, 0xff}, 4, 5, -1, false},
        {">u2", {0, 5, 0xff, 0xfe}, 4, 5, 65534, false},
        {"<i4", {5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 8, 5, -1, false},
        {"<u4", {5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 8, 5, UINT32_MAX, false},
        {"<i8", {5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80}, 16, 5, INT64_MIN, true},
        {">i8", {0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 0}, 16, 5, 256, false},
        {"<u8", {5, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 16, 5, INT64_MAX, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        ids *x;
        int64_t got[2];
        uint64_t offset;
        write_npy(scratch_path(state, "ids.npy"), cases[i].descr, false, i % 2 ? "2," : "2, 1", cases[i].data,
                  cases[i].size);
        assert_ok(ids_open(scratch_path(state, "ids.npy"), &x, &err), &err);
        assert_int_equal(ids_count(x), 2);
        assert_ok(ids_read(x, 0, 2, got, &err), &err);
        assert_true(got[0] == cases[i].first && got[1] == cases[i].second);
        assert_ok(ids_read(x, 1, 1, got, &err), &err);
        assert_true(got[0] == cases[i].second);
        assert_status(INLAY_OUT_OF_RANGE, ids_read(x, 1, 2, got, &err), &err);
        assert_int_equal(ids_in_place(x, &offset), cases[i].in_place);
        ids_close(x);
    }
}

static void what_are_no_ids_is_refused(void **state) {
    static const struct {
        const char *descr, *dims, *message;
    } cases[] = {
        {"<f4", "4,", "holds float32; ids are integers"},
        {"|S4", "4,", "holds string; ids are integers"},
        {"<V2", "8,", "holds bytes of no dtype; ids are integers"},
        {"<i4", "2, 2", "has the shape [2, 2]; ids are [rows]"},
        {"<i4", "", "has the shape []"},
    };
    inlay_error err;
    ids *x;
    uint8_t data[16] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_npy(scratch_path(state, "ids.npy"), cases[i].descr, false, cases[i].dims, data, sizeof data);
        assert_status(INLAY_INVALID_ARGUMENT, ids_open(scratch_path(state, "ids.npy"), &x, &err), &err);
        assert_contains(err.message, cases[i].message);
        assert_null(x);
    }
    memset(data, 0xff, sizeof data);
    int64_t got[2];
    write_npy(scratch_path(state, "ids.npy"), "<u8", false, "2,", data, sizeof data);
    assert_ok(ids_open(scratch_path(state, "ids.npy"), &x, &err), &err);
    assert_status(INLAY_INVALID_ARGUMENT, ids_read(x, 1, 1, got, &err), &err);
    assert_contains(err.message, "id 18446744073709551615 of row 1 is beyond int64");
    ids_close(x);
}

int main(void) {
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_labels),
        cmocka_unit_test(text_that_is_not_utf8_is_named_by_line_and_byte),
        cmocka_unit_test(arrays_of_strings_are_labels),
        IN_SCRATCH(stored_labels_are_read_by_their_table),
        IN_SCRATCH(no_labels_are_stored_too),
        IN_SCRATCH(a_table_of_other_labels_is_refused),
        IN_SCRATCH(a_damaged_table_is_refused),
        IN_SCRATCH(a_file_that_changes_while_it_is_stored_is_noticed),
        cmocka_unit_test(reading_can_be_cancelled),
        IN_SCRATCH(integers_are_ids),
        IN_SCRATCH(what_are_no_ids_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
