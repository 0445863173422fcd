#include "unit/graph_maker.h"

#include "base/pool.h"
#include "kernel/random/random.h"

#include <math.h>
#include <stdlib.h>

/* Of the authors' own distribution, Random123. */
static void blocks_are_those_that_were_published(void **state) {
    (void)state;
    static const struct {
        philox from;
        uint32_t wanted[4];
    } cases[] = {
        {{{0}, {0}}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        philox p = cases[i].from;
        uint32_t block[4];
        philox_next(&p, block);
        assert_memory_equal(block, cases[i].wanted, sizeof block);
    }
}

static void skipping_is_drawing(void **state) {
    (void)state;
    philox a = {{0xfffffffe, 0xffffffff, 0xffffffff, 7}, {1, 2}}, b = a;
    uint32_t block[4], other[4];
    for (int i = 0; i < 5; i++) philox_next(&a, block);
    philox_skip(&b, 5);
    philox_next(&a, block);
    philox_next(&b, other);
    assert_memory_equal(block, other, sizeof block);
    assert_int_equal(a.counter[3], 8);
}

enum { MOST = 64 };

/* Any cut of the groups gives the same elements, and none beyond the count is written. */
static void cuts_do_not_matter(void **state) {
    (void)state;
    static const dtype types[] = {INLAY_FLOAT32,  INLAY_FLOAT64, INLAY_FLOAT16,
                                  INLAY_BFLOAT16, INLAY_INT32,   INLAY_UINT64};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int kind = 0; kind < RANDOM_KINDS; kind++) {
            int64_t group;
            random_fn fill = random_function((random_kind)kind, types[t], &group);
            if (!fill) continue;
            for (int64_t count = 1; count < 14; count++) {
                _Alignas(8) uint8_t whole[MOST * 8], parts[MOST * 8];
                memset(whole, 0xee, sizeof whole);
                memset(parts, 0xee, sizeof parts);
                random_draw d = {(random_kind)kind, philox_of_seeds(3, 4), 5, 100, whole, count};
                int64_t groups = (count + group - 1) / group;
                fill(&d, 0, groups);
                d.out = parts;
                for (int64_t g = groups; g-- > 0;) fill(&d, g, 1);
                assert_memory_equal(whole, parts, sizeof whole);
                for (size_t i = (size_t)count * dtype_size(types[t]); i < sizeof whole; i++)
                    assert_int_equal(whole[i], 0xee);
            }
        }
}

#define SEEDS INT_ATTR("seed", 5), INT_ATTR("seed2", 6)

static void uniform_graph(buffer *b) {
    put_constant(b, "dims", I32(DIMS(1), 4));
    put_node(b, 1, "x", "RandomUniform", "dims",
             ATTRS(SEEDS, TYPE_ATTR("dtype", INLAY_FLOAT32), TYPE_ATTR("T", INLAY_INT32)));
}

static void a_session_goes_on_where_it_was(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    tensor *seen[2][3];
    uniform_graph(&b);
    for (int k = 0; k < 2; k++) {
        small_session s;
        assert_ok(small_open(&s, &b, &err), &err);
        for (int i = 0; i < 3; i++) assert_ok(small_run(&s, "", NULL, "x", &seen[k][i], &err), &err);
        small_close(&s);
    }
    assert_memory_not_equal(seen[0][0]->data, seen[0][1]->data, 16);
    for (int i = 0; i < 3; i++) {
        assert_f32(seen[1][i], tensor_f32(seen[0][i]), 4); /* and releases it */
        tensor_release(seen[0][i]);
    }
    buffer_free(&b);
}

enum { RUNS = 200 };

typedef struct many_runs {
    plan *p;
    float first[RUNS];
} many_runs;

static void run_once(void *ctx, size_t index, int worker) {
    (void)worker;
    many_runs *m = ctx;
    tensor *out;
    if (plan_run(m->p, NULL, &out, NULL, NULL) != INLAY_OK) return;
    m->first[index] = tensor_f32(out)[0];
    tensor_release(out);
}

static int by_value(const void *a, const void *b) {
    return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b);
}

/* Runs at a time share the generator: no two get the same numbers, and together they get those of runs in a row. */
static void runs_at_a_time_differ(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    static many_runs together, in_a_row;
    uniform_graph(&b);
    for (int k = 0; k < 2; k++) {
        many_runs *m = k ? &in_a_row : &together;
        small_session s;
        assert_ok(small_open(&s, &b, &err), &err);
        assert_ok(small_plan(&s, "", "x", &m->p, &err), &err);
        if (k)
            for (size_t i = 0; i < RUNS; i++) run_once(m, i, 0);
        else
            pool_run(RUNS, run_once, m);
        plan_free(m->p);
        small_close(&s);
        qsort(m->first, RUNS, sizeof *m->first, by_value);
    }
    assert_memory_equal(together.first, in_a_row.first, sizeof together.first);
    buffer_free(&b);
}

/* Runs OP on IN [n], which are given away; it must be refused with CODE. */
static void refused(const char *op, const maker_attr *attributes, tensor **in, size_t n, inlay_status code) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    inlay_error err = {0};
    buffer b = {0};
    char inputs[16] = "";
    for (size_t i = 0; i < n; i++) {
        put_constant(&b, names[i], in[i]);
        strcat(strcat(inputs, i ? " " : ""), names[i]);
    }
    put_node(&b, 1, "x", op, inputs, attributes);
    small_session s;
    tensor *out = NULL;
    assert_ok(small_open(&s, &b, &err), &err);
    assert_int_equal(small_run(&s, "", NULL, "x", &out, &err), code);
    small_close(&s);
    buffer_free(&b);
}
#define IN(...) ((tensor *[]){__VA_ARGS__}), sizeof((void *[]){__VA_ARGS__}) / sizeof(void *)
#define F32_OF_I32 TYPE_ATTR("dtype", INLAY_FLOAT32), TYPE_ATTR("T", INLAY_INT32)

static void absurd_inputs_are_refused(void **state) {
    (void)state;
    const maker_attr *uniform = ATTRS(SEEDS, F32_OF_I32);
    refused("RandomUniform", uniform, IN(I32(DIMS(2), 1 << 20, 1 << 20)), INLAY_RESOURCE_EXHAUSTED);
    refused("RandomUniform", uniform, IN(I32(DIMS(3), INT32_MAX, INT32_MAX, INT32_MAX)), INLAY_INVALID_ARGUMENT);
    refused("RandomUniform", uniform, IN(I32(DIMS(1), -1)), INLAY_INVALID_ARGUMENT);
    refused("RandomUniform", ATTRS(SEEDS, TYPE_ATTR("dtype", INLAY_INT8), TYPE_ATTR("T", INLAY_INT32)),
            IN(I32(DIMS(1), 2)), INLAY_UNIMPLEMENTED);
    refused("Multinomial", ATTRS(SEEDS, TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("output_dtype", INLAY_INT32)),
            IN(F32(DIMS(1, 2), 1, 2), I32(SCALAR, INT32_MAX)), INLAY_RESOURCE_EXHAUSTED);
    refused("RandomPoissonV2",
            ATTRS(SEEDS, TYPE_ATTR("S", INLAY_INT32), TYPE_ATTR("R", INLAY_FLOAT32), TYPE_ATTR("dtype", INLAY_INT32)),
            IN(I32(DIMS(1), 2), F32(DIMS(1), NAN)), INLAY_INVALID_ARGUMENT);
    refused("ParameterizedTruncatedNormal", ATTRS(SEEDS, F32_OF_I32),
            IN(I32(DIMS(1), 2), F32(SCALAR, 0), F32(SCALAR, NAN), F32(SCALAR, 0), F32(SCALAR, 1)),
            INLAY_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_those_that_were_published),
        cmocka_unit_test(skipping_is_drawing),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(a_session_goes_on_where_it_was),
        cmocka_unit_test(runs_at_a_time_differ),
        cmocka_unit_test(absurd_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
