#include "unit/scratch.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "format/bundle.h"

static inlay_error err;
static tensor *strings_of(const char *const *texts, int64_t n) {
    string_builder b;
    shape dims = shape_vector(n);
    tensor *t;
    assert_ok(string_builder_init(&b, &dims, NULL, &err), &err);
    for (int64_t i = 0; i < n; i++) assert_ok(string_builder_add(&b, bytes_of(texts[i]), &err), &err);
    assert_ok(string_builder_finish(&b, &t, &err), &err);
    return t;
}

static void assert_tensors_equal(const tensor *a, const tensor *b) {
    assert_int_equal(a->type, b->type);
    assert_true(shape_equal(&a->dims, &b->dims));
    for (int64_t i = 0; a->type == INLAY_STRING && i < a->count; i++)
        assert_true(bytes_equal(tensor_string(a, i), tensor_string(b, i)));
    if (a->type != INLAY_STRING) assert_int_equal(a->size, b->size);
    if (a->type != INLAY_STRING) assert_memory_equal(a->data, b->data, a->size);
}

static void what_is_written_is_read(void **state) {
    enum { N = 5 };
    tensor *t[N];
    shape matrix = shape_matrix(3, 5), none = shape_matrix(0, 7);
    assert_ok(tensor_new_zero(INLAY_FLOAT32, &matrix, NULL, &t[0], &err), &err);
    for (int i = 0; i < 15; i++) tensor_f32(t[0])[i] = (float)i * 0.5f;
    assert_ok(tensor_from_i64(-7, &t[1], &err), &err);
    assert_ok(tensor_new(INLAY_INT16, &none, NULL, &t[2], &err), &err);
    t[3] = strings_of((const char *[]){"", "one", "a longer one", ""}, 4);
    t[4] = strings_of(NULL, 0);
    const bundle_item items[N] = {{bytes_of("z"), t[0]},
                                  {bytes_of("a/.ATTRIBUTES/VARIABLE_VALUE"), t[1]},
                                  {bytes_of("none"), t[2]},
                                  {bytes_of("s"), t[3]},
                                  {bytes_of("s0"), t[4]}};
    assert_ok(bundle_write(scratch_path(state, "v"), items, N, &err), &err);
    for (int copy = 0; copy < 2; copy++) {
        bundle *b;
        assert_ok(bundle_open(scratch_path(state, "v"), copy, &b, &err), &err);
        assert_int_equal(bundle_count(b), N);
        assert_int_equal(bundle_shards(b), 1);
        assert_true(bytes_is(bundle_at(b, 0)->key, "a/.ATTRIBUTES/VARIABLE_VALUE"));
        assert_null(bundle_find(b, bytes_of("y")));
        for (int i = 0; i < N; i++) {
            const bundle_entry *e = bundle_find(b, items[i].key);
            tensor *got;
            assert_non_null(e);
            assert_ok(bundle_read(b, e, &got, &err), &err);
            assert_tensors_equal(t[i], got);
            tensor_release(got);
        }
        bundle_close(b);
    }
    for (int i = 0; i < N; i++) tensor_release(t[i]);
}

static void numbers_are_not_copied(void **state) {
    tensor *t, *got;
    assert_ok(tensor_from_f32(2.5f, &t, &err), &err);
    bundle_item items[] = {{bytes_of("a"), t}, {bytes_of("b"), t}};
    assert_ok(bundle_write(scratch_path(state, "m"), items, 2, &err), &err);
    bundle *b;
    assert_ok(bundle_open(scratch_path(state, "m"), false, &b, &err), &err);
    assert_ok(bundle_read(b, bundle_at(b, 1), &got, &err), &err);
    bundle_close(b);
    assert_string_equal(file_map_name_at(got->data), scratch_path(state, "m.data-00000-of-00001"));
    assert_memory_equal(got->data, t->data, 4);
    tensor_release(got);
    tensor_release(t);
}

static void a_short_data_file_names_file_and_key(void **state) {
    tensor *t;
    assert_ok(tensor_from_i64(3, &t, &err), &err);
    bundle_item items[] = {{bytes_of("first"), t}, {bytes_of("last"), t}};
    assert_ok(bundle_write(scratch_path(state, "short"), items, 2, &err), &err);
    tensor_release(t);
    const char *data = scratch_path(state, "short.data-00000-of-00001");
    assert_int_equal(0, truncate(data, 15));
    bundle *b;
    assert_status(INLAY_DATA_LOSS, bundle_open(scratch_path(state, "short"), false, &b, &err), &err);
    assert_null(b);
    assert_contains(err.message, data);
    assert_contains(err.message, "last");
    assert_int_equal(0, unlink(data));
    assert_status(INLAY_DATA_LOSS, bundle_open(scratch_path(state, "short"), false, &b, &err), &err);
    assert_contains(err.message, "missing");
    assert_status(INLAY_NOT_FOUND, bundle_open(scratch_path(state, "nothing"), false, &b, &err), &err);
}

static void a_key_given_twice_is_refused(void **state) {
    (void)state;
    bundle_index *x;
    buffer out = {0};
    shape dims = shape_scalar();
    assert_ok(bundle_index_open(&x, &err), &err);
    for (int i = 0; i < 2; i++)
        assert_ok(bundle_index_add(x, bytes_of("twin"), INLAY_FLOAT32, &dims, 0, 0, 4, 0, &err), &err);
    assert_status(INLAY_ALREADY_EXISTS, bundle_index_finish(x, 1, &out, &err), &err);
    assert_contains(err.message, "twin");
    bundle_index_close(x);
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(numbers_are_not_copied, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_short_data_file_names_file_and_key, scratch_make, scratch_remove),
        cmocka_unit_test(a_key_given_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
