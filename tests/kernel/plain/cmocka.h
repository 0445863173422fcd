/* As much of cmocka as the tests use that are built for a machine which has no cmocka (aarch64.sh, emulated.sh). */
#ifndef KERNEL_PLAIN_CMOCKA_H
#define KERNEL_PLAIN_CMOCKA_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(test) \
    { #test, test }

#define print_message(...) ((void)printf(__VA_ARGS__))
#define print_error(...) ((void)fprintf(stderr, __VA_ARGS__))

static jmp_buf plain_failed;

static inline _Noreturn void _fail(const char *file, int line) {
    fprintf(stderr, "%s:%d: failed\n", file, line);
    longjmp(plain_failed, 1);
}

#define skip() longjmp(plain_failed, 2)

#define assert_true(condition)                                 \
    do {                                                       \
        if (!(condition)) {                                    \
            fprintf(stderr, "%s does not hold\n", #condition); \
            _fail(__FILE__, __LINE__);                         \
        }                                                      \
    } while (0)
#define assert_false(condition) assert_true(!(condition))
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)
#define assert_in_range(value, low, high) assert_true((value) >= (low) && (value) <= (high))

static inline int plain_run(const struct CMUnitTest *tests, size_t n, int (*setup)(void **), int (*teardown)(void **)) {
    static int failed;
    static void *state;
    static size_t i;
    if (setup && setup(&state) != 0) return 1;
    for (i = 0; i < n; i++) {
        int how = setjmp(plain_failed);
        if (how == 0) tests[i].run(&state);
        printf("%s %s\n", how == 0 ? "ok" : how == 2 ? "skipped" : "FAILED", tests[i].name);
        failed += how == 1;
        fflush(stdout);
    }
    return failed + (teardown && teardown(&state) != 0);
}
#define cmocka_run_group_tests(tests, setup, teardown) \
    plain_run(tests, sizeof(tests) / sizeof *(tests), setup, teardown)

#endif
