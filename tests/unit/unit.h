/* What every unit test includes first: cmocka with the headers it needs, and the assertions of our own. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail     /* cmocka's; ours is base/error.h */
#undef fail_msg /* calls that fail */
#define fail_msg(...)              \
    do {                           \
        print_error("ERROR: ");    \
        print_error(__VA_ARGS__);  \
        print_error("\n");         \
        _fail(__FILE__, __LINE__); \
    } while (0)

#include "base/error.h"

#ifdef __SANITIZE_ADDRESS__
/* An allocation that is too large fails, as without it. The check for leaks ends in a crash where threads called a
 * library that was opened late, oneDNN's OpenMP, unless it leaves the memory of such libraries to them. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1:detect_stack_use_after_return=1:intercept_tls_get_addr=0";
}
#endif

/* CALL must return WANTED; prints ERR's message when it does not. */
#define assert_status(wanted, call, err)                                                                             \
    do {                                                                                                             \
        (err)->message[0] = 0;                                                                                       \
        inlay_status got_status = (call);                                                                            \
        if (got_status != (wanted))                                                                                  \
            fail_msg("%s: expected %s, got %s: %s", #call, inlay_status_name(wanted), inlay_status_name(got_status), \
                     (err)->message);                                                                                \
    } while (0)

#define assert_ok(call, err) assert_status(INLAY_OK, call, err)

#define assert_contains(text, part)                                                      \
    do {                                                                                 \
        if (!strstr(text, part)) fail_msg("\"%s\" does not contain \"%s\"", text, part); \
    } while (0)

#endif
