/* Bundles and V1 checkpoints that TensorFlow wrote (tests/data/bundles, tests/data/checkpoints). */
#include "unit/expected.h"
#include "unit/scratch.h"

#include "format/checkpoint.h"

static inlay_error err;

static void expect_in(void *ctx, const expected_tensor *wanted) {
    checkpoint *c = ctx;
    tensor *got;
    checkpoint_tensor head;
    assert_true(checkpoint_find(c, bytes_of(wanted->key), &head));
    assert_int_equal(head.type, wanted->type);
    assert_true(shape_equal(&head.dims, &wanted->dims));
    assert_ok(checkpoint_read(c, bytes_of(wanted->key), bytes_of(""), &got, &err), &err);
    expect_tensor(wanted, got);
    tensor_release(got);
}

static void check_all(bundle *b) {
    for (size_t i = 0; b && i < bundle_count(b); i++) assert_ok(bundle_check(b, bundle_at(b, i), &err), &err);
}

static void what_tensorflow_wrote_is_read(void **state) {
    (void)state;
    static const struct {
        const char *folder, *name;
        size_t more; /* tensors that expected.tsv leaves out */
    } cases[] = {
        {"bundles/one_shard", "bundle", 0},
        {"bundles/sharded", "bundle", 0},
        {"bundles/merge", "merged", 0},
        {"bundles/partitioned", "bundle", 0},
        {"bundles/many_blocks", "bundle", 1200},
        {"bundles/big_endian", "bundle", 0},
        {"bundles/snappy", "bundle", 0},
        {"checkpoints/v1", "model.ckpt-7", 0},
        {"checkpoints/v1", "model.ckpt-11", 0},
        {"checkpoints/v2", "model.ckpt-7", 0},
        {"checkpoints/object_graph", "ckpt-4", 0},
        {"checkpoints/object_graph", "ckpt-4.index", 0},
        {"checkpoints/object_graph", "", 0},
        {"checkpoints/v1", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int copy = 0; copy < 2; copy++) {
            char folder[512], path[600];
            checkpoint *c;
            snprintf(folder, sizeof folder, "%s/%s", TEST_DATA, cases[i].folder);
            snprintf(path, sizeof path, "%s/%s", folder, cases[i].name);
            assert_ok(checkpoint_open(path, copy, &c, &err), &err);
            size_t lines = expected_each(folder, expect_in, c);
            assert_int_equal(checkpoint_count(c), lines + cases[i].more);
            assert_int_equal(checkpoint_bundle(c) != NULL, checkpoint_old(c) == NULL);
            check_all(checkpoint_bundle(c));
            checkpoint_close(c);
        }
}

/* The file at PREFIX.NAME, whole. */
static file_map *file_of(const char *prefix, const char *end) {
    char path[1200];
    file_map *map;
    snprintf(path, sizeof path, "%s.%s", prefix, end);
    assert_ok(file_map_open(path, true, &map, &err), &err);
    return map;
}

static void assert_same_file(const char *a, const char *b, const char *end) {
    file_map *left = file_of(a, end), *right = file_of(b, end);
    if (!bytes_equal(file_map_bytes(left), file_map_bytes(right))) fail_msg("%s.%s differs", a, end);
    file_map_release(left);
    file_map_release(right);
}

static void merging_gives_the_files_that_tensorflow_makes(void **state) {
    const char *folder = TEST_DATA "/bundles/merge";
    char parts[2][512], wanted[512];
    snprintf(parts[0], sizeof parts[0], "%s/first", folder);
    snprintf(parts[1], sizeof parts[1], "%s/second", folder);
    snprintf(wanted, sizeof wanted, "%s/merged", folder);
    const char *const prefixes[] = {parts[0], parts[1]};
    const char *merged = scratch_path(state, "merged");
    assert_ok(bundle_merge(prefixes, 2, merged, true, &err), &err);
    assert_same_file(merged, wanted, "index");
    assert_same_file(merged, wanted, "data-00000-of-00002");
    assert_same_file(merged, wanted, "data-00001-of-00002");
}

/* All entries of a bundle, slices too, given to the index writer as they stand. */
static void an_index_of_the_same_entries_is_the_same_file(void **state) {
    static const char *const names[] = {"one_shard", "sharded", "partitioned", "many_blocks"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char prefix[512];
        bundle *b;
        bundle_index *x;
        buffer out = {0};
        snprintf(prefix, sizeof prefix, "%s/bundles/%s/bundle", TEST_DATA, names[i]);
        assert_ok(bundle_open(prefix, false, &b, &err), &err);
        assert_ok(bundle_index_open(&x, &err), &err);
        for (size_t j = 0; j < bundle_count(b); j++) {
            const bundle_entry *e = bundle_at(b, j);
            if (e->n_slices > 0)
                assert_ok(bundle_index_add_raw(x, e->key, e->value, &err), &err);
            else
                assert_ok(bundle_index_add(x, e->key, e->type, &e->dims, e->shard, e->offset, e->size, e->crc, &err),
                          &err);
        }
        for (size_t j = bundle_slice_count(b); j-- > 0;) /* any order will do */
            assert_ok(bundle_index_add_raw(x, bundle_slice_at(b, j)->key, bundle_slice_at(b, j)->value, &err), &err);
        assert_ok(bundle_index_finish(x, bundle_shards(b), &out, &err), &err);
        const char *copy = scratch_path(state, "copy.index");
        scratch_write(copy, out.data, out.size);
        assert_same_file(prefix, scratch_path(state, "copy"), "index");
        buffer_free(&out);
        bundle_index_close(x);
        bundle_close(b);
    }
}

static void a_part_of_a_v1_tensor_is_read(void **state) {
    (void)state;
    checkpoint_v1 *c;
    tensor *whole, *part;
    assert_ok(checkpoint_v1_open(TEST_DATA "/checkpoints/v1/model.ckpt-7", false, &c, &err), &err);
    const checkpoint_tensor *t = checkpoint_v1_find(c, bytes_of("split"));
    assert_int_equal(t->n_slices, 3);
    assert_ok(checkpoint_v1_read(c, t, bytes_of(""), &whole, &err), &err);
    assert_ok(checkpoint_v1_read(c, t, bytes_of("9 4 2,5:-"), &part, &err), &err);
    assert_int_equal(part->count, 20);
    assert_memory_equal(part->data, whole->data + 2 * 4 * 4, 80);
    tensor_release(part);
    assert_status(INLAY_INVALID_ARGUMENT, checkpoint_v1_read(c, t, bytes_of("9 5 2,5:-"), &part, &err), &err);
    assert_null(checkpoint_v1_find(c, bytes_of("splat")));
    checkpoint_v1_close(c);
    assert_int_equal(whole->data[0], whole->data[0]); /* it outlives the checkpoint */
    tensor_release(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tensorflow_wrote_is_read),
        cmocka_unit_test_setup_teardown(merging_gives_the_files_that_tensorflow_makes, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(an_index_of_the_same_entries_is_the_same_file, scratch_make, scratch_remove),
        cmocka_unit_test(a_part_of_a_v1_tensor_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
