/* Every operation that writes fails in turn, or is the last one that works. */
#include "unit/scratch.h"

#include "base/fault.h"
#include "format/bundle.h"

#include <errno.h>

static inlay_error err;

/* Operation `at` fails with `error`, and those after it too when `onwards`. */
typedef struct plan {
    int at, seen, error;
    bool onwards;
} plan;

static int fail_planned(void *user, const char *operation, const char *path, size_t *size) {
    (void)operation;
    (void)path;
    (void)size;
    plan *p = user;
    p->seen++;
    return p->seen == p->at || (p->onwards && p->seen > p->at) ? p->error : 0;
}

static void write_one(const char *prefix, const char *key, int64_t value) {
    tensor *t;
    assert_ok(tensor_from_i64(value, &t, &err), &err);
    bundle_item item = {bytes_of(key), t};
    assert_ok(bundle_write(prefix, &item, 1, &err), &err);
    tensor_release(t);
}

static void expect_one(const char *prefix, const char *key, int64_t value) {
    bundle *b;
    tensor *t;
    assert_ok(bundle_open(prefix, false, &b, &err), &err);
    const bundle_entry *e = bundle_find(b, bytes_of(key));
    assert_non_null(e);
    assert_ok(bundle_check(b, e, &err), &err);
    assert_ok(bundle_read(b, e, &t, &err), &err);
    assert_int_equal(tensor_i64(t)[0], value);
    tensor_release(t);
    bundle_close(b);
}

static void a_failed_write_leaves_nothing(void **state) {
    tensor *t;
    assert_ok(tensor_from_i64(5, &t, &err), &err);
    bundle_item items[] = {{bytes_of("x"), t}, {bytes_of("y"), t}};
    const char *prefix = scratch_path(state, "w");
    bool done = false;
    for (int at = 1; !done; at++) {
        plan p = {.at = at, .error = ENOSPC};
        assert_true(at < 50);
        fault_set(fail_planned, &p);
        inlay_status status = bundle_write(prefix, items, 2, &err);
        fault_set(NULL, NULL);
        done = p.seen < at;
        if (done) assert_int_equal(status, INLAY_OK);
        if (done) continue;
        assert_int_equal(status, INLAY_RESOURCE_EXHAUSTED);
        assert_int_equal(0, scratch_count(state));
    }
    tensor_release(t);
    expect_one(prefix, "y", 5);
    bundle_item twice[] = {items[0], items[0]};
    t = NULL;
    assert_ok(tensor_from_i64(6, &t, &err), &err);
    twice[0].value = twice[1].value = t;
    assert_status(INLAY_ALREADY_EXISTS, bundle_write(prefix, twice, 2, &err), &err);
    tensor_release(t);
    expect_one(prefix, "y", 5); /* as it was */
}

static void a_failed_merge_leaves_the_parts(void **state) {
    const char *const parts[] = {scratch_path(state, "a"), scratch_path(state, "b")};
    const char *merged = scratch_path(state, "merged");
    for (int mode = 0; mode < 4; mode++) {
        bool keep = mode % 2, done = false;
        for (int at = 1; !done; at++) {
            write_one(parts[0], "x", 1);
            write_one(parts[1], "y", 2);
            plan p = {.at = at, .error = EIO, .onwards = mode / 2};
            assert_true(at < 50);
            fault_set(fail_planned, &p);
            inlay_status status = bundle_merge(parts, 2, merged, keep, &err);
            fault_set(NULL, NULL);
            done = p.seen < at;
            if (done) assert_int_equal(status, INLAY_OK);
            if (status != INLAY_OK || keep) {
                expect_one(parts[0], "x", 1);
                expect_one(parts[1], "y", 2);
            }
            if (status != INLAY_OK && !p.onwards) assert_int_equal(4, scratch_count(state));
            if (status == INLAY_OK) {
                expect_one(merged, "x", 1);
                expect_one(merged, "y", 2);
            }
            static const char *const ends[] = {"index", "data-00000-of-00002", "data-00001-of-00002"};
            for (int i = 0; i < 3; i++) {
                char path[1200];
                snprintf(path, sizeof path, "%s.%s", merged, ends[i]);
                unlink(path);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_nothing, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_failed_merge_leaves_the_parts, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
