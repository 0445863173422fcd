/* V1 checkpoints that lie. Sound ones: test_bundle_fixtures, and the oracle's. */
#include "unit/scratch.h"

#include "format/bundle_slice.h"
#include "format/checkpoint.h"

static inlay_error err;

/* A file with one tensor "v" [4] of dtype TYPE in slices of two: what its list says, and what its entries hold. */
typedef struct lie {
    const char *wrong; /* in the message; NULL: it is sound */
    inlay_status status;
    int type;       /* 0: float32 */
    int listed;     /* slices in the list; 0: 2 */
    int64_t second; /* start of the second; 0: 2 */
    int64_t dim;    /* 0: 4 */
    size_t values;  /* in each entry; 0: 2 */
    bool no_entry, no_data, no_list, cut;
} lie;

static void put_list(buffer *value, const lie *l) {
    size_t meta = wire_begin(value, 1), head = wire_begin(value, 1);
    wire_put_text(value, 1, "v");
    size_t dims = wire_begin(value, 2), dim = wire_begin(value, 2);
    wire_put_uint(value, 1, (uint64_t)(l->dim ? l->dim : 4));
    wire_end(value, dim);
    wire_end(value, dims);
    wire_put_uint(value, 3, (uint64_t)(l->type ? l->type : 1));
    for (int i = 0; i < (l->listed ? l->listed : 2); i++) {
        tensor_slice slice = {1, {i ? (l->second ? l->second : 2) : 0}, {2}};
        slice_proto_put(value, 4, &slice);
    }
    wire_end(value, head);
    wire_end(value, meta);
}

static void put_entry(sstable_writer *w, const lie *l, int64_t start) {
    buffer key = {0}, value = {0};
    tensor_slice slice = {1, {start}, {2}};
    slice_key_put(&key, bytes_of("v"), &slice);
    size_t saved = wire_begin(&value, 2);
    wire_put_text(&value, 1, "v");
    slice_proto_put(&value, 2, &slice);
    size_t data = wire_begin(&value, 3), list = wire_begin(&value, 5);
    for (size_t i = 0; i < (l->values ? l->values : 2); i++) {
        float number = (float)(start + (int64_t)i);
        buffer_append(&value, &number, 4);
    }
    wire_end(&value, list);
    wire_end(&value, data);
    wire_end(&value, saved);
    bytes stored = l->no_data ? bytes_make("\x12\x03\x0a\x01v", 5) : buffer_bytes(&value);
    if (l->cut) stored.size--;
    assert_ok(sstable_add(w, buffer_bytes(&key), stored, &err), &err);
    buffer_free(&key);
    buffer_free(&value);
}

static void write_lie(const char *path, const lie *l) {
    sstable_writer *w;
    buffer value = {0}, out = {0};
    assert_ok(sstable_writer_open(&w, &err), &err);
    if (!l->no_list) put_list(&value, l);
    assert_ok(sstable_add(w, bytes_of(""), buffer_bytes(&value), &err), &err);
    if (!l->no_entry) put_entry(w, l, 0);
    put_entry(w, l, l->second > 0 ? l->second : 2);
    assert_ok(sstable_finish(w, &out, &err), &err);
    scratch_write(path, out.data, out.size);
    sstable_writer_close(w);
    buffer_free(&value);
    buffer_free(&out);
}

static void lying_checkpoints_are_refused(void **state) {
    static const lie lies[] = {
        {.wrong = NULL, .status = INLAY_OK},
        {.wrong = "too few values", .status = INLAY_DATA_LOSS, .values = 1},
        {.wrong = "no entry for one of its slices", .status = INLAY_DATA_LOSS, .no_entry = true},
        {.wrong = "holds no values", .status = INLAY_DATA_LOSS, .no_data = true},
        {.wrong = "no list of tensors", .status = INLAY_DATA_LOSS, .no_list = true},
        {.wrong = "malformed protobuf", .status = INLAY_DATA_LOSS, .cut = true},
        {.wrong = "do not cover", .status = INLAY_DATA_LOSS, .listed = 1},
        {.wrong = "do not cover", .status = INLAY_DATA_LOSS, .dim = (int64_t)1 << 50},
        {.wrong = "overlap", .status = INLAY_DATA_LOSS, .second = 1},
        {.wrong = "overlap", .status = INLAY_DATA_LOSS, .listed = 3},
        {.wrong = "beyond the tensor", .status = INLAY_DATA_LOSS, .second = 3},
        {.wrong = "beyond the tensor", .status = INLAY_DATA_LOSS, .second = -1},
        {.wrong = "invalid tensor shape", .status = INLAY_DATA_LOSS, .dim = -4},
        {.wrong = "dtype variant", .status = INLAY_UNIMPLEMENTED, .type = 21},
        {.wrong = "dtype invalid", .status = INLAY_UNIMPLEMENTED, .type = 1000},
        {.wrong = "slices of dtype string", .status = INLAY_UNIMPLEMENTED, .type = 7},
    };
    const char *path = scratch_path(state, "old");
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        checkpoint *c;
        tensor *t = NULL;
        write_lie(path, &lies[i]);
        err.message[0] = 0;
        inlay_status status = checkpoint_open(path, i % 2, &c, &err);
        if (status == INLAY_OK) {
            status = checkpoint_read(c, bytes_of("v"), bytes_of(""), &t, &err);
            checkpoint_close(c);
        }
        if (status != lies[i].status) fail_msg("case %zu: %s: %s", i, inlay_status_name(status), err.message);
        if (lies[i].wrong) assert_contains(err.message, lies[i].wrong);
        if (lies[i].wrong) assert_contains(err.message, path);
        for (int64_t j = 0; t && j < 4; j++) assert_true(tensor_f32(t)[j] == (float)j);
        tensor_release(t);
    }
}

static void what_is_no_checkpoint_is_refused(void **state) {
    checkpoint *c;
    const char *path = scratch_path(state, "file");
    scratch_write(path, "some text that is longer than a footer of forty-eight bytes", 59);
    assert_status(INLAY_DATA_LOSS, checkpoint_open(path, false, &c, &err), &err);
    assert_null(c);
    assert_contains(err.message, "not an sstable");
    assert_status(INLAY_NOT_FOUND, checkpoint_open(scratch_path(state, "nothing"), false, &c, &err), &err);
    assert_status(INLAY_NOT_FOUND, checkpoint_open(scratch_path(state, "no/folder"), false, &c, &err), &err);
    assert_status(INLAY_NOT_FOUND, checkpoint_open(*state, false, &c, &err), &err); /* a folder without a state file */
    /* A bundle's index is a table too, but its header is no list of tensors. */
    assert_ok(bundle_write(scratch_path(state, "b"), NULL, 0, &err), &err);
    checkpoint_v1 *old;
    assert_status(INLAY_DATA_LOSS, checkpoint_v1_open(scratch_path(state, "b.index"), false, &old, &err), &err);
    assert_ok(checkpoint_open(scratch_path(state, "b"), false, &c, &err), &err);
    assert_int_equal(0, checkpoint_count(c));
    tensor *t;
    assert_status(INLAY_NOT_FOUND, checkpoint_read(c, bytes_of("v"), bytes_of(""), &t, &err), &err);
    assert_contains(err.message, "no tensor v");
    checkpoint_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lying_checkpoints_are_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(what_is_no_checkpoint_is_refused, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
