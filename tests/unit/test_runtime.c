#include "unit/graph_maker.h"

static void a_fed_tensor_comes_out(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "y", "Identity", "x", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    tensor *x = F32(DIMS(2), 3, 4), *y;
    assert_ok(small_run(&s, "x", &x, "y:0", &y, &err), &err);
    assert_ptr_equal(x, y);
    assert_f32(y, (float[]){3, 4}, 2);
    assert_status(INLAY_INVALID_ARGUMENT, small_run(&s, "", NULL, "y", &y, &err), &err);
    assert_string_equal(err.node, "x");
    tensor_release(x);
    small_close(&s);
    buffer_free(&b);
}

static void variables_live_between_runs(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "v", "VarHandleOp", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), SHAPE_ATTR("shape", 2)));
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "set", "AssignVariableOp", "v x",
             ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), BOOL_ATTR("validate_shape", 1)));
    put_node(&b, 1, "get", "ReadVariableOp", "v", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "after", "ReadVariableOp", "v ^set", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "old", "VariableV2", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32), SHAPE_ATTR("shape", 2)));
    put_node(&b, 1, "old_set", "Assign", "old x", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
    put_node(&b, 1, "old_get", "Identity", "old", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    tensor *x = F32(DIMS(2), 3, 4), *wide = F32(DIMS(3), 3, 4, 5), *y;
    assert_status(INLAY_FAILED_PRECONDITION, small_run(&s, "", NULL, "get", &y, &err), &err);
    assert_ok(small_run(&s, "x", &x, "^set", NULL, &err), &err);
    assert_ok(small_run(&s, "", NULL, "get", &y, &err), &err);
    assert_f32(y, (float[]){3, 4}, 2);
    assert_status(INLAY_INVALID_ARGUMENT, small_run(&s, "x", &wide, "^set", NULL, &err), &err);
    assert_contains(err.message, "[3]");
    assert_ok(small_run(&s, "x", &x, "after", &y, &err), &err);
    assert_f32(y, (float[]){3, 4}, 2);
    assert_ok(small_run(&s, "x", &x, "^old_set", NULL, &err), &err);
    assert_ok(small_run(&s, "", NULL, "old_get", &y, &err), &err);
    assert_f32(y, (float[]){3, 4}, 2);
    assert_ok(small_run(&s, "", NULL, "old", &y, &err), &err);
    assert_f32(y, (float[]){3, 4}, 2);
    tensor_release(x);
    tensor_release(wide);
    small_close(&s);
    buffer_free(&b);
}

static void unknown_ops_fail_only_when_run(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "odd", "MyCustomOp", "x x:0", NULL);
    put_node(&b, 1, "y", "Identity", "odd:3", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
    put_node(&b, 1, "z", "Identity", "x", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    tensor *x = F32(DIMS(1), 1), *y;
    assert_ok(small_run(&s, "x", &x, "z", &y, &err), &err);
    tensor_release(y);
    assert_status(INLAY_UNIMPLEMENTED, small_run(&s, "x", &x, "y", &y, &err), &err);
    assert_string_equal(err.node, "odd");
    assert_string_equal(err.op, "MyCustomOp");
    assert_contains(err.message, "does not know");
    tensor_release(x);
    small_close(&s);
    buffer_free(&b);
}

/* twice(x) = { y = Identity(x); return y } called from the graph, its dtype left to the caller. */
static void put_function(buffer *b, const char *name, const char *calls) {
    size_t library = wire_begin(b, 2), function = wire_begin(b, 1), signature = wire_begin(b, 1), arg;
    wire_put_text(b, 1, name);
    arg = wire_begin(b, 2);
    wire_put_text(b, 1, "a");
    wire_put_text(b, 4, "T");
    wire_end(b, arg);
    arg = wire_begin(b, 3);
    wire_put_text(b, 1, "out");
    wire_put_text(b, 4, "T");
    wire_end(b, arg);
    arg = wire_begin(b, 4);
    wire_put_text(b, 1, "T");
    wire_put_text(b, 2, "type");
    wire_end(b, arg);
    wire_end(b, signature);
    if (calls)
        put_node(b, 3, "y", "PartitionedCall", "a",
                 ATTRS(TYPES_ATTR("Tin", INLAY_FLOAT32), TYPES_ATTR("Tout", INLAY_FLOAT32), FUNC_ATTR("f", calls)));
    else
        put_node(b, 3, "y", "Identity", "a", ATTRS(PLACEHOLDER_ATTR("T", "T")));
    buffer value = {0};
    size_t ret = wire_begin(b, 4);
    wire_put_text(b, 1, "out");
    wire_put_text(b, 2, "y:output:0");
    wire_end(b, ret);
    buffer_free(&value);
    wire_end(b, function);
    wire_end(b, library);
}

static void functions_are_inlined(void **state) {
    (void)state;
    inlay_error err;
    buffer b = {0};
    put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
    put_node(&b, 1, "once", "twice", "x", ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
    put_node(&b, 1, "loop", "PartitionedCall", "x",
             ATTRS(TYPES_ATTR("Tin", INLAY_FLOAT32), TYPES_ATTR("Tout", INLAY_FLOAT32), FUNC_ATTR("f", "self")));
    put_node(&b, 1, "lost", "PartitionedCall", "x",
             ATTRS(TYPES_ATTR("Tin", INLAY_FLOAT32), TYPES_ATTR("Tout", INLAY_FLOAT32), FUNC_ATTR("f", "nobody")));
    put_function(&b, "twice", NULL);
    put_function(&b, "self", "self");
    small_session s;
    assert_ok(small_open(&s, &b, &err), &err);
    tensor *x = F32(DIMS(1), 7), *y;
    assert_ok(small_run(&s, "x", &x, "once", &y, &err), &err);
    assert_f32(y, (float[]){7}, 1);
    assert_status(INLAY_INVALID_ARGUMENT, small_run(&s, "x", &x, "loop", &y, &err), &err);
    assert_contains(err.message, "calls itself");
    assert_status(INLAY_NOT_FOUND, small_run(&s, "x", &x, "lost", &y, &err), &err);
    assert_string_equal(err.node, "lost");
    tensor_release(x);
    small_close(&s);
    buffer_free(&b);
}

static void malformed_graphs_are_refused(void **state) {
    (void)state;
    inlay_error err;
    static const struct {
        const char *name, *input, *fetch, *says;
    } cases[] = {
        {"a", "nowhere", "a", "nowhere"}, {"a", "a", "a", "cycle"},     {"a", "x:1", "a", "which has 1"},
        {"a", "x x", "a", "2 inputs"},    {"x", "x", "x", "two nodes"}, {"a", "x", "a:7", "which has 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer b = {0};
        put_node(&b, 1, "x", "Placeholder", "", ATTRS(TYPE_ATTR("dtype", INLAY_FLOAT32)));
        put_node(&b, 1, cases[i].name, "Identity", cases[i].input, ATTRS(TYPE_ATTR("T", INLAY_FLOAT32)));
        small_session s;
        tensor *x = F32(DIMS(1), 7), *y;
        inlay_status status = small_open(&s, &b, &err);
        if (status == INLAY_OK) status = small_run(&s, "x", &x, cases[i].fetch, &y, &err);
        assert_int_equal(status, INLAY_INVALID_ARGUMENT);
        assert_contains(err.message, cases[i].says);
        tensor_release(x);
        small_close(&s);
        buffer_free(&b);
    }
}

static void rows_are_sound(void **state) {
    (void)state;
    size_t rows = 0;
    for (const op_def *d; (d = opdef_at(rows)) != NULL; rows++) {
        assert_ptr_equal(opdef_find(bytes_of(d->name)), d); /* a name stands once */
        op_arg arg;
        for (const char *next = d->in; op_arg_next(&next, &arg);) assert_true(arg.type.size > 0);
        for (const char *next = d->out; op_arg_next(&next, &arg);) assert_true(arg.type.size > 0);
    }
    for (size_t i = 0; op_at(i); i++) {
        assert_ptr_equal(op_find(op_at(i)->name), op_at(i));
        if (!opdef_find(bytes_of(op_at(i)->name))) fail_msg("%s runs but has no row in opdef/", op_at(i)->name);
    }
    assert_true(rows < 2048);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fed_tensor_comes_out),         cmocka_unit_test(variables_live_between_runs),
        cmocka_unit_test(unknown_ops_fail_only_when_run), cmocka_unit_test(functions_are_inlined),
        cmocka_unit_test(malformed_graphs_are_refused),   cmocka_unit_test(rows_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
