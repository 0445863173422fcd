/* Convolutions by oneDNN and by products against plain loops, on random sizes. */
#include "unit/unit.h"

#include "base/alloc.h"
#include "kernel/conv/conv.h"

#include <math.h>
#include <stdlib.h>

enum { CASES = 200 };

static int64_t whole(int64_t low, int64_t high) {
    return low + rand() % (high - low + 1);
}

static float *numbers(int64_t n) {
    float *out = mem_array((size_t)n + 1, sizeof *out);
    assert_non_null(out);
    for (int64_t i = 0; i < n; i++) out[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    return out;
}

static conv_sizes random_sizes(void) {
    conv_sizes s = {.batch = whole(1, 3), .groups = whole(0, 3) ? 1 : whole(1, 5)};
    s.channels = s.groups * whole(1, 20);
    s.filters = s.groups * whole(1, 40);
    for (int d = 0; d < CONV_DIMS; d++) {
        bool flat = d == 0 && whole(0, 3);
        s.window[d] = flat ? 1 : whole(1, 4);
        s.stride[d] = flat ? 1 : whole(1, 2);
        s.dilation[d] = flat || s.stride[d] > 1 ? 1 : whole(1, 2);
        s.before[d] = flat ? 0 : whole(0, s.window[d] - 1);
        int64_t reach = (s.window[d] - 1) * s.dilation[d] + 1;
        s.in[d] = flat ? 1 : whole(reach, reach + 12);
        s.out[d] = (s.in[d] + 2 * s.before[d] - reach) / s.stride[d] + 1;
    }
    return s;
}

static void compare(const conv_sizes *s, const conv_after *after) {
    int64_t ins = s->batch * conv_pixels(s->in) * s->channels, outs = s->batch * conv_pixels(s->out) * s->filters;
    float *in = numbers(ins), *filter = numbers(conv_pixels(s->window) * s->channels / s->groups * s->filters);
    float *bias = numbers(s->filters), *add = numbers(outs), *out = numbers(outs), *wanted = numbers(outs);
    conv_made *made;
    assert_true(conv_direct(INLAY_FLOAT32, s, in, filter, wanted));
    for (int64_t i = 0; i < outs; i++) {
        if (after->bias) wanted[i] += bias[i % s->filters];
        if (after->add) wanted[i] += add[i];
        if (after->act == CONV_RELU && wanted[i] < 0) wanted[i] = 0;
    }
    assert_int_equal(INLAY_OK, conv_make(s, after, filter, &made, NULL));
    assert_int_equal(INLAY_OK, conv_run(made, in, bias, add, out, NULL));
    for (int64_t i = 0; i < outs; i++)
        if (fabsf(out[i] - wanted[i]) > 1e-4f) fail_msg("element %lld: %g, not %g", (long long)i, out[i], wanted[i]);
    conv_free(made);
    float *all[] = {in, filter, bias, add, out, wanted};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
}

static void all_ways_agree(bool onednn) {
    conv_choose(onednn);
    srand(1);
    for (int i = 0; i < CASES; i++) {
        conv_sizes s = random_sizes();
        conv_after after = {.bias = whole(0, 1), .add = whole(0, 1), .act = whole(0, 1) ? CONV_RELU : CONV_LINEAR};
        compare(&s, &after);
    }
}

/* Windows so wide that zeros are written around the input: in front, behind, in two and three dimensions, cut rows. */
static void wide_windows_agree_with_plain_loops(void **state) {
    (void)state;
    static const conv_sizes cases[] = {
        {.batch = 2,
         .channels = 8,
         .filters = 8,
         .in = {1, 9, 60},
         .out = {1, 9, 60},
         .window = {1, 3, 39},
         .before = {0, 1, 19}},
        {.batch = 1,
         .channels = 8,
         .filters = 8,
         .in = {1, 40, 64},
         .out = {1, 40, 50},
         .window = {1, 5, 33},
         .before = {0, 2, 18}},
        {.batch = 1,
         .channels = 16,
         .filters = 8,
         .in = {5, 7, 48},
         .out = {5, 7, 48},
         .window = {3, 3, 31},
         .before = {1, 1, 15}},
    };
    conv_choose(true);
    srand(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conv_sizes s = cases[i];
        s.groups = 1;
        for (int d = 0; d < CONV_DIMS; d++) s.stride[d] = s.dilation[d] = 1;
        compare(&s, &(conv_after){.bias = true, .add = i % 2, .act = CONV_RELU});
    }
}

static void onednn_agrees_with_plain_loops(void **state) {
    (void)state;
    all_ways_agree(true);
}

static void products_agree_with_plain_loops(void **state) {
    (void)state;
    all_ways_agree(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(onednn_agrees_with_plain_loops),
        cmocka_unit_test(products_agree_with_plain_loops),
        cmocka_unit_test(wide_windows_agree_with_plain_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
