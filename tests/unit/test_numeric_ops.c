#include "unit/graph_maker.h"

#include <math.h>

/* Runs op OP on IN [n], which are given away, its attributes and, from them, placeholders. Output 0. */
static inlay_status run_op(const char *op, const maker_attr *attributes, tensor **in, size_t n, tensor **out,
                           inlay_error *err) {
    static const char *const names[] = {"a", "b", "c", "d"};
    buffer b = {0};
    char inputs[16] = "";
    for (size_t i = 0; i < n; i++) {
        put_node(&b, 1, names[i], "Placeholder", "", ATTRS(TYPE_ATTR("dtype", in[i]->type)));
        strcat(strcat(inputs, i ? " " : ""), names[i]);
    }
    put_node(&b, 1, "x", op, inputs, attributes);
    small_session s;
    inlay_status status = small_open(&s, &b, err);
    if (status == INLAY_OK) status = small_run(&s, inputs, in, opdef_find(bytes_of(op))->out ? "x" : "^x", out, err);
    small_close(&s);
    buffer_free(&b);
    for (size_t i = 0; i < n; i++) tensor_release(in[i]);
    return status;
}

#define IN(...) ((tensor *[]){__VA_ARGS__}), sizeof((void *[]){__VA_ARGS__}) / sizeof(void *)
#define F ATTRS(TYPE_ATTR("T", INLAY_FLOAT32))
#define FI ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Tidx", INLAY_INT32))

/* The values of output 0, numbers of any dtype, must be WANTED [count] of shape DIMS. */
static void check_op(const char *op, const maker_attr *attributes, tensor **in, size_t n, const int64_t *dims,
                     const double *wanted, int64_t count) {
    inlay_error err;
    tensor *out, *wide;
    assert_ok(run_op(op, attributes, in, n, &out, &err), &err);
    assert_int_equal(out->count, count);
    for (int i = 0; i < out->dims.rank; i++) assert_int_equal(out->dims.dims[i], dims[i]);
    assert_int_equal(dims[out->dims.rank], -1);
    assert_ok(tensor_to_float(out, INLAY_FLOAT64, NULL, &wide, &err), &err);
    const double *got = (const double *)(const void *)wide->data;
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(got[i] - wanted[i]) <= 1e-6 * (1 + fabs(wanted[i])) || (isnan(got[i]) && isnan(wanted[i])) ||
              got[i] == wanted[i]))
            fail_msg("%s: element %lld is %g, not %g", op, (long long)i, got[i], wanted[i]);
    tensor_release(wide);
    tensor_release(out);
}
#define GIVES(dims, ...) dims, (const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double)

static void arithmetic_broadcasts(void **state) {
    (void)state;
    check_op("AddV2", F, IN(F32(DIMS(2, 1), 1, 2), F32(DIMS(3), 10, 20, 30)),
             GIVES(DIMS(2, 3), 11, 21, 31, 12, 22, 32));
    check_op("Sub", F, IN(F32(SCALAR, 1), F32(DIMS(2), 1, 2)), GIVES(DIMS(2), 0, -1));
    check_op("Maximum", F, IN(F32(DIMS(2), NAN, 1), F32(DIMS(2), 1, NAN)), GIVES(DIMS(2), NAN, NAN));
    check_op("FloorMod", ATTRS(TYPE_ATTR("T", INLAY_INT32)), IN(I32(DIMS(2), -7, INT32_MIN), I32(DIMS(2), 3, -1)),
             GIVES(DIMS(2), 2, 0));
    check_op("FloorDiv", ATTRS(TYPE_ATTR("T", INLAY_INT32)), IN(I32(DIMS(2), -7, INT32_MIN), I32(DIMS(2), 3, -1)),
             GIVES(DIMS(2), -3, INT32_MIN));
    check_op("Less", F, IN(F32(DIMS(2), 1, NAN), F32(SCALAR, 2)), GIVES(DIMS(2), 1, 0));
    check_op("SelectV2", F,
             IN(make_tensor(INLAY_BOOL, DIMS(2, 1), (uint8_t[]){1, 0}), F32(DIMS(2), 1, 2), F32(SCALAR, 9)),
             GIVES(DIMS(2, 2), 1, 2, 9, 9));
}

static void results_may_take_the_place_of_their_inputs(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "twice", "AddV2", "x x", F);
    put_node(&b, 1, "square", "Mul", "twice twice", F);
    put_node(&b, 1, "back", "Sub", "square twice", F);
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    tensor *x = F32(DIMS(2), 1, 2), *out[2];
    assert_ok(small_run(&s, "x", &x, "back twice", out, &err), &err);
    assert_f32(out[0], (float[]){2, 12}, 2);
    assert_f32(out[1], (float[]){2, 4}, 2);
    assert_f32(x, (float[]){1, 2}, 2); /* the caller's stays as it was */
    small_close(&s);
    buffer_free(&b);
}

static void reductions_fold_any_axes(void **state) {
    (void)state;
    float values[24];
    for (int i = 0; i < 24; i++) values[i] = (float)i;
#define CUBE make_tensor(INLAY_FLOAT32, DIMS(2, 3, 4), values)
    check_op("Sum", FI, IN(CUBE, I32(DIMS(2), 0, 2)), GIVES(DIMS(3), 60, 92, 124));
    check_op("Sum", FI, IN(CUBE, I32(DIMS(1), 1)), GIVES(DIMS(2, 4), 12, 15, 18, 21, 48, 51, 54, 57));
    check_op("Mean", FI, IN(CUBE, I32(DIMS(1), -1)), GIVES(DIMS(2, 3), 1.5, 5.5, 9.5, 13.5, 17.5, 21.5));
    check_op("Max", FI, IN(CUBE, I32(DIMS(3), 0, 1, 2)), GIVES(SCALAR, 23));
    check_op("Sum", FI, IN(F32(DIMS(0, 2), 0), I32(DIMS(1), 0)), GIVES(DIMS(2), 0, 0));
    check_op("ArgMax", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)), IN(F32(DIMS(1, 4), 1, 3, NAN, 3), I32(SCALAR, 1)),
             GIVES(DIMS(1), 1));
    check_op("Cumsum", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), BOOL_ATTR("exclusive", 1), BOOL_ATTR("reverse", 1)),
             IN(F32(DIMS(3), 1, 2, 4), I32(SCALAR, 0)), GIVES(DIMS(3), 6, 4, 0));
#undef CUBE
}

static void elements_move(void **state) {
    (void)state;
    check_op("Transpose", F, IN(F32(DIMS(2, 3), 1, 2, 3, 4, 5, 6), I32(DIMS(2), 1, 0)),
             GIVES(DIMS(3, 2), 1, 4, 2, 5, 3, 6));
    check_op("ConcatV2", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), INT_ATTR("N", 2)),
             IN(F32(DIMS(2, 1), 1, 2), F32(DIMS(2, 2), 3, 4, 5, 6), I32(SCALAR, -1)),
             GIVES(DIMS(2, 3), 1, 3, 4, 2, 5, 6));
    check_op("Pack", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), INT_ATTR("N", 2), INT_ATTR("axis", 1)),
             IN(F32(DIMS(2), 1, 2), F32(DIMS(2), 3, 4)), GIVES(DIMS(2, 2), 1, 3, 2, 4));
    check_op("Tile", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)), IN(F32(DIMS(1, 2), 1, 2), I32(DIMS(2), 2, 2)),
             GIVES(DIMS(2, 4), 1, 2, 1, 2, 1, 2, 1, 2));
    check_op("Pad", F, IN(F32(DIMS(1, 2), 1, 2), I32(DIMS(2, 2), 1, 0, 0, 1)), GIVES(DIMS(2, 3), 0, 0, 0, 1, 2, 0));
    check_op("StridedSlice",
             ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("Index", INLAY_INT32), INT_ATTR("begin_mask", 2),
                   INT_ATTR("shrink_axis_mask", 1)),
             IN(F32(DIMS(2, 3), 1, 2, 3, 4, 5, 6), I32(DIMS(2), -1, 0), I32(DIMS(2), 0, -4), I32(DIMS(2), 1, -2)),
             GIVES(DIMS(2), 6, 4));
    check_op("GatherV2",
             ATTRS(TYPE_ATTR("Tparams", INLAY_FLOAT32), TYPE_ATTR("Tindices", INLAY_INT32),
                   TYPE_ATTR("Taxis", INLAY_INT32), INT_ATTR("batch_dims", 1)),
             IN(F32(DIMS(2, 3), 1, 2, 3, 4, 5, 6), I32(DIMS(2, 1), 2, 0), I32(SCALAR, 1)), GIVES(DIMS(2, 1), 3, 4));
    check_op("Where", F, IN(F32(DIMS(2, 2), 0, 1, -0.0f, NAN)), GIVES(DIMS(2, 2), 0, 1, 1, 1));
}

static void the_largest_come_first_and_ties_by_place(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "k", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_INT32)));
    put_node(&b, 1, "top", "TopKV2", "x k", F);
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    tensor *in[2] = {F32(DIMS(1, 7), 2, NAN, 5, -0.0f, 5, 0, -INFINITY), I32(SCALAR, 7)}, *out[2];
    assert_ok(small_run(&s, "x k", in, "top top:1", out, &err), &err);
    assert_f32(out[0], (float[]){5, 5, 2, -0.0f, 0, -INFINITY, NAN}, 7);
    for (int i = 0; i < 7; i++) assert_int_equal(tensor_i32(out[1])[i], ((int[]){2, 4, 0, 3, 5, 6, 1})[i]);
    tensor_release(out[1]);
    tensor_release(in[0]);
    tensor_release(in[1]);
    small_close(&s);
    buffer_free(&b);
}

static void products_and_softmax(void **state) {
    (void)state;
    check_op("MatMul", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), BOOL_ATTR("transpose_b", 1)),
             IN(F32(DIMS(1, 2), 1, 2), F32(DIMS(3, 2), 1, 0, 0, 1, 1, 1)), GIVES(DIMS(1, 3), 1, 2, 3));
    check_op("BatchMatMulV2", F, IN(F32(DIMS(2, 1, 2), 1, 2, 3, 4), F32(DIMS(2, 1), 1, 1)), GIVES(DIMS(2, 1, 1), 3, 7));
    check_op("MatMul", F, IN(F32(DIMS(1, 0), 0), F32(DIMS(0, 2), 0)), GIVES(DIMS(1, 2), 0, 0));
    check_op("Softmax", F, IN(F32(DIMS(1, 2), 1000, 1000)), GIVES(DIMS(1, 2), 0.5, 0.5));
    check_op("BiasAdd", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), TEXT_ATTR("data_format", "NCHW")),
             IN(F32(DIMS(1, 2, 2), 1, 2, 3, 4), F32(DIMS(2), 10, 20)), GIVES(DIMS(1, 2, 2), 11, 12, 23, 24));
}

static void casts_cut_and_round(void **state) {
    (void)state;
#define CAST(from, to) ATTRS(TYPE_ATTR("SrcT", from), TYPE_ATTR("DstT", to))
    check_op("Cast", CAST(INLAY_FLOAT32, INLAY_INT32), IN(F32(DIMS(3), -1.9f, 2.9f, NAN)),
             GIVES(DIMS(3), -1, 2, INT32_MIN));
    check_op("Cast", CAST(INLAY_INT64, INLAY_INT32), IN(I64(DIMS(1), (1ll << 32) + 5)), GIVES(DIMS(1), 5));
    check_op("Cast", CAST(INLAY_FLOAT32, INLAY_BOOL), IN(F32(DIMS(2), 0.1f, -0.0f)), GIVES(DIMS(2), 1, 0));
    check_op("Cast", CAST(INLAY_FLOAT32, INLAY_BFLOAT16), IN(F32(DIMS(1), 1.00390625f)), GIVES(DIMS(1), 1));
#undef CAST
}

/* What a hostile graph may ask of an op, and what it is told. */
static void unfit_inputs_are_refused(void **state) {
    (void)state;
    static const maker_attr float_t[] = {TYPE_ATTR("T", INLAY_FLOAT32), {0}};
    struct {
        const char *op;
        const maker_attr *attributes;
        tensor *in[3];
        size_t n;
        inlay_status status;
        const char *says;
    } cases[] = {
        {"AddV2",
         float_t,
         {F32(DIMS(2), 1, 2), F32(DIMS(3), 1, 2, 3)},
         2,
         INLAY_INVALID_ARGUMENT,
         "do not go together"},
        {"AddV2", float_t, {F32(DIMS(1), 1), I32(DIMS(1), 1)}, 2, INLAY_INVALID_ARGUMENT, "int32"},
        {"MatMul", float_t, {F32(DIMS(1, 2), 1, 2), F32(DIMS(1, 2), 1, 2)}, 2, INLAY_INVALID_ARGUMENT, "do not fit"},
        {"Reshape", float_t, {F32(DIMS(2), 1, 2), I32(DIMS(2), -1, 3)}, 2, INLAY_INVALID_ARGUMENT, "[2]"},
        {"Reshape", float_t, {F32(DIMS(2), 1, 2), I32(DIMS(1), -5)}, 2, INLAY_INVALID_ARGUMENT, "-5"},
        {"Fill", float_t, {I32(DIMS(2), 1 << 30, 1 << 30), F32(SCALAR, 1)}, 2, INLAY_RESOURCE_EXHAUSTED, "budget"},
        {"Tile", float_t, {F32(DIMS(1), 1), I32(DIMS(1), -1)}, 2, INLAY_INVALID_ARGUMENT, "negative"},
        {"Transpose", float_t, {F32(DIMS(1, 2), 1, 2), I32(DIMS(2), 0, 0)}, 2, INLAY_INVALID_ARGUMENT, "permutation"},
        {"Gather", NULL, {F32(DIMS(2), 1, 2), I32(DIMS(1), 2)}, 2, INLAY_INVALID_ARGUMENT, "[0, 2)"},
        {"TopKV2", float_t, {F32(DIMS(2), 1, 2), I32(SCALAR, 3)}, 2, INLAY_INVALID_ARGUMENT, "2 columns"},
        {"Slice",
         NULL,
         {F32(DIMS(2), 1, 2), I32(DIMS(1), 1), I32(DIMS(1), 2)},
         3,
         INLAY_INVALID_ARGUMENT,
         "which has 2"},
        {"Sum", float_t, {F32(DIMS(2), 1, 2), I32(DIMS(1), 1)}, 2, INLAY_INVALID_ARGUMENT, "axis 1"},
        {"UnsortedSegmentSum",
         NULL,
         {F32(DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 1), I32(SCALAR, 0), I32(SCALAR, 1)},
         3,
         INLAY_INVALID_ARGUMENT,
         "too many dimensions"},
        {"Assert", NULL, {make_tensor(INLAY_BOOL, SCALAR, "\0")}, 1, INLAY_INVALID_ARGUMENT, "assertion"},
        {"_Retval", float_t, {F32(DIMS(1), 1)}, 1, INLAY_UNIMPLEMENTED, "_Retval"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        tensor *out = NULL;
        maker_attr fill[] = {TYPE_ATTR("T", INLAY_FLOAT32),
                             TYPE_ATTR("index_type", INLAY_INT32),
                             TYPE_ATTR("Index", INLAY_INT32),
                             TYPE_ATTR("Tparams", INLAY_FLOAT32),
                             TYPE_ATTR("Tindices", INLAY_INT32),
                             {.name = "T", .kind = 'T'},
                             {0}};
        const maker_attr *attributes = cases[i].attributes ? cases[i].attributes : fill;
        if (strcmp(cases[i].op, "Assert") == 0) attributes = fill + 5; /* no data */
        inlay_status status = run_op(cases[i].op, attributes, cases[i].in, cases[i].n, &out, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s: %s", cases[i].op, inlay_status_name(status), status ? err.message : "");
        assert_contains(err.message, cases[i].says);
        assert_string_equal(err.op, cases[i].op);
        assert_null(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_broadcasts),
        cmocka_unit_test(results_may_take_the_place_of_their_inputs),
        cmocka_unit_test(reductions_fold_any_axes),
        cmocka_unit_test(elements_move),
        cmocka_unit_test(the_largest_come_first_and_ties_by_place),
        cmocka_unit_test(products_and_softmax),
        cmocka_unit_test(casts_cut_and_round),
        cmocka_unit_test(unfit_inputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
