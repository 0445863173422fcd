#include "unit/unit.h"

#include "base/alloc.h"
#include "format/checkpoint_state.h"

#include <string.h>

static const char written[] = "model_checkpoint_path: \"ckpt-4\"\n"
                              "all_model_checkpoint_paths: \"ckpt-3\"\n"
                              "all_model_checkpoint_paths: \"ckpt-4\"\n"
                              "all_model_checkpoint_timestamps: 1700000000.25\n"
                              "all_model_checkpoint_timestamps: 1700000001.5\n"
                              "last_preserved_timestamp: 1699999999.0\n";

static void the_state_is_read_and_written(void **state) {
    (void)state;
    inlay_error err;
    arena a;
    checkpoint_state s;
    buffer out = {0};
    arena_init(&a, 0);
    assert_ok(checkpoint_state_parse(bytes_of(written), "checkpoint", &a, &s, &err), &err);
    assert_string_equal(s.latest, "ckpt-4");
    assert_int_equal(s.count, 2);
    assert_string_equal(s.all[0], "ckpt-3");
    assert_int_equal(s.time_count, 2);
    assert_true(s.times[1] == 1700000001.5 && s.last_preserved == 1699999999.0);
    assert_ok(checkpoint_state_write(&s, &out, &err), &err);
    assert_int_equal(out.size, strlen(written));
    assert_memory_equal(out.data, written, out.size);
    buffer_clear(&out);
    s.latest = "\xff";
    assert_status(INLAY_INVALID_ARGUMENT, checkpoint_state_write(&s, &out, &err), &err);
    buffer_free(&out);
    arena_free(&a);
}

static void what_is_no_state_is_refused(void **state) {
    (void)state;
    inlay_error err;
    arena a;
    checkpoint_state s;
    arena_init(&a, 0);
    assert_status(INLAY_INVALID_ARGUMENT, checkpoint_state_parse(bytes_of("x: 1"), "dir/checkpoint", &a, &s, &err),
                  &err);
    assert_contains(err.message, "dir/checkpoint: 1:1:");
    assert_status(INLAY_INVALID_ARGUMENT,
                  checkpoint_state_parse(bytes_of("model_checkpoint_path: 'a\\0b'"), "c", &a, &s, &err), &err);
    arena_free(&a);
}

/* What TensorFlow wrote. */
static void the_latest_is_found_in_its_folder(void **state) {
    (void)state;
    inlay_error err;
    char *prefix;
    assert_ok(checkpoint_latest(TEST_DATA "/checkpoints/object_graph", &prefix, &err), &err);
    assert_string_equal(prefix, TEST_DATA "/checkpoints/object_graph/ckpt-4");
    mem_free(prefix);
    assert_ok(checkpoint_latest(TEST_DATA "/checkpoints/v1", &prefix, &err), &err);
    assert_string_equal(prefix, TEST_DATA "/checkpoints/v1/model.ckpt-11");
    mem_free(prefix);
    assert_status(INLAY_NOT_FOUND, checkpoint_latest(TEST_DATA, &prefix, &err), &err);
    assert_null(prefix);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_read_and_written),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(the_latest_is_found_in_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
