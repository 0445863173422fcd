/* Stored tensors by the public interface: what a caller of the library holds, and for how long. */
#include "unit/unit.h"

#include "inlay/inlay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inlay_store *open_store(const char *name) {
    char path[1024];
    inlay_error err;
    inlay_store *store;
    snprintf(path, sizeof path, TEST_DATA "/%s", name);
    assert_ok(inlay_store_open(path, false, &store, &err), &err);
    return store;
}

static void tensors_outlive_their_store(void **state) {
    (void)state;
    static const char *const stores[] = {"bundles/one_shard/bundle",   "bundles/big_endian/bundle",
                                         "bundles/partitioned/bundle", "checkpoints/v1",
                                         "graphs/frozen/graph.pb",     "saved_models/tf2_text"};
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        inlay_store *store = open_store(stores[i]);
        inlay_error err;
        size_t n = inlay_store_count(store);
        assert_true(n > 0);
        inlay_tensor **tensors = calloc(n, sizeof *tensors);
        for (size_t k = 0; k < n; k++) {
            inlay_stored t;
            size_t found;
            assert_true(inlay_store_tensor(store, k, &t));
            assert_int_equal(t.key.data[t.key.size], 0);
            assert_ok(inlay_store_find(store, t.key.data, &found, &err), &err);
            assert_int_equal(found, k);
            assert_ok(inlay_store_read(store, k, &tensors[k], &err), &err);
            assert_int_equal(inlay_tensor_dtype(tensors[k]), t.dtype);
            assert_int_equal(inlay_tensor_rank(tensors[k]), t.rank);
            assert_memory_equal(inlay_tensor_dims(tensors[k]), t.dims, (size_t)t.rank * sizeof *t.dims);
        }
        inlay_store_close(store);
        uint64_t sum = 0;
        for (size_t k = 0; k < n; k++) {
            inlay_string first = inlay_tensor_string(tensors[k], 0);
            for (size_t b = 0; b < first.size; b++) sum += (uint8_t)first.data[b];
            inlay_tensor_release(tensors[k]);
        }
        free(tensors);
        assert_true(sum < UINT64_MAX);
    }
}

static void what_is_not_there_is_told(void **state) {
    (void)state;
    inlay_store *store = open_store("bundles/one_shard/bundle");
    inlay_error err;
    inlay_stored t;
    inlay_stats stats;
    inlay_tensor *tensor;
    size_t n = inlay_store_count(store), index;
    assert_false(inlay_store_tensor(store, n, &t));
    assert_status(INLAY_OUT_OF_RANGE, inlay_store_read(store, n, &tensor, &err), &err);
    assert_null(tensor);
    assert_status(INLAY_OUT_OF_RANGE, inlay_store_stats(store, n, &stats, &err), &err);
    assert_status(INLAY_NOT_FOUND, inlay_store_find(store, "absent", &index, &err), &err);
    assert_contains(err.message, "absent");
    assert_ok(inlay_store_find(store, "string/scalar", &index, &err), &err);
    assert_status(INLAY_UNIMPLEMENTED, inlay_store_stats(store, index, &stats, &err), &err);
    assert_ok(inlay_store_find(store, "float32/empty", &index, &err), &err);
    assert_ok(inlay_store_stats(store, index, &stats, &err), &err);
    assert_true(stats.elements == 0 && isnan(stats.min) && isnan(stats.mean));
    inlay_store_close(store);
    inlay_store_close(NULL);
    assert_status(INLAY_NOT_FOUND, inlay_store_open(TEST_DATA "/absent", false, &store, &err), &err);
    assert_null(store);
}

static bool refuse(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)stage;
    assert_true(done <= total);
    ++*(int *)user;
    return false;
}

static void an_export_can_be_cancelled(void **state) {
    (void)state;
    char folder[] = "/tmp/inlay-test-XXXXXX", output[64];
    static const char *const names[] = {"x.npy", "x.npz", "x"};
    const char *const keys[] = {"float32/matrix"};
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 3; i++) {
        int calls = 0;
        inlay_error err;
        inlay_export_options o;
        inlay_export_options_init(&o);
        snprintf(output, sizeof output, "%s/%s", folder, names[i]);
        o.source = TEST_DATA "/bundles/one_shard/bundle";
        o.keys = keys;
        o.n_keys = 1;
        o.output = output;
        o.progress = refuse;
        o.progress_user = &calls;
        assert_status(INLAY_CANCELLED, inlay_export(&o, NULL, &err), &err);
        assert_true(calls > 0);
    }
    assert_int_equal(remove(folder), 0); /* nothing is left in it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_outlive_their_store),
        cmocka_unit_test(what_is_not_there_is_told),
        cmocka_unit_test(an_export_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
