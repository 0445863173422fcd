/* The store of large blocks: what is kept, what is not, and who may still give back after it was closed. */
#include "base/alloc.h"
#include "base/blocks.h"
#include "tensor/tensor.h"
#include "unit/unit.h"

#include <pthread.h>
#include <stdint.h>

enum { SIZE = 1 << 20 };

#if defined(__SANITIZE_ADDRESS__)
enum { KEEPS = 0 };
#else
enum { KEEPS = 1 };
#endif

static void a_block_given_back_is_taken_again(void **state) {
    (void)state;
    block_store *s = block_store_new();
    assert_non_null(s);
    void *a = block_take(s, SIZE);
    assert_non_null(a);
    assert_int_equal((uintptr_t)a % 64, 0);
    block_give(s, a, SIZE, 4 * SIZE);
    if (KEEPS) {
        void *b = block_take(s, SIZE - 100);
        assert_ptr_equal(a, b);
        block_give(s, b, SIZE - 100, 4 * SIZE);
    }
    void *other = block_take(s, 2 * SIZE); /* of another size: a new one */
    assert_non_null(other);
    if (KEEPS) assert_ptr_not_equal(other, a);
    block_give(s, other, 2 * SIZE, 0); /* no room: freed, or this leaks */
    block_store_close(s);
}

static void sizes_beyond_memory_are_refused(void **state) {
    (void)state;
    block_store *s = block_store_new();
    assert_null(block_take(s, SIZE_MAX));
    assert_null(block_take(s, SIZE_MAX - 63));
    block_store_close(s);
}

static tensor *run_once(block_store *s, uint64_t limit) {
    inlay_error err;
    tensor *t;
    shape dims = shape_vector(SIZE / 4);
    mem_budget *budget = mem_budget_new(limit);
    mem_budget_use_blocks(budget, s);
    assert_ok(tensor_new(INLAY_FLOAT32, &dims, budget, &t, &err), &err);
    memset(t->data, 7, SIZE);
    mem_budget_leave(budget);
    return t;
}

static void tensors_of_runs_share_blocks_and_may_outlive_the_store(void **state) {
    (void)state;
    block_store *s = block_store_new();
    tensor *t = run_once(s, SIZE);
    const void *first = t->data;
    tensor_release(t);
    t = run_once(s, SIZE);
    if (KEEPS) assert_ptr_equal(t->data, first);
    block_store_close(s);
    assert_int_equal(((const uint8_t *)t->data)[SIZE - 1], 7);
    tensor_release(t);
}

static void *take_and_give(void *user) {
    for (int i = 0; i < 2000; i++) {
        uint8_t *p = block_take(user, SIZE);
        if (!p) return NULL;
        p[i] = (uint8_t)i;
        block_give(user, p, SIZE, 2 * SIZE);
    }
    return NULL;
}

static void threads_share_a_store(void **state) {
    (void)state;
    block_store *s = block_store_new();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, s), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    block_store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_given_back_is_taken_again),
        cmocka_unit_test(sizes_beyond_memory_are_refused),
        cmocka_unit_test(tensors_of_runs_share_blocks_and_may_outlive_the_store),
        cmocka_unit_test(threads_share_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
