/* What a hostile model may not do: read files that are none of its own, or take memory without end. */
#include "unit/graph_maker.h"
#include "unit/scratch.h"

#include "base/file.h"
#include "format/bundle.h"
#include "format/saved_model.h"
#include "model/model.h"

/* A field that put_node appends: the message within. */
static void add_node(saved_edit *e, buffer *b) {
    wire_reader r = wire_open(buffer_bytes(b), "node", NULL);
    wire_field f;
    bool got;
    assert_int_equal(wire_next(&r, &f, &got, NULL), INLAY_OK);
    assert_true(got);
    saved_edit_add_node(e, f.data);
    buffer_free(b);
}

static void add_text(saved_edit *e, const char *name, const char *text) {
    buffer b = {0};
    tensor *t;
    assert_int_equal(tensor_from_string(bytes_of(text), &t, NULL), INLAY_OK);
    put_constant(&b, name, t);
    add_node(e, &b);
}

/* A SavedModel in the scratch folder's model/ that wants to fill a table from file TABLE, restore tensor "x" from
 * CHECKPOINT and make a tensor of 2^60 numbers. */
static void write_model(void **state, const char *table, const char *checkpoint) {
    saved_edit e;
    inlay_error err;
    buffer b = {0}, out = {0};
    saved_edit_begin(&e, NULL, NULL);
    put_node(&b, 1, "table", "HashTableV2", "",
             ATTRS(TYPE_ATTR("key_dtype", INLAY_STRING), TYPE_ATTR("value_dtype", INLAY_INT64)));
    add_node(&e, &b);
    add_text(&e, "path", table);
    put_node(&b, 1, "fill", "InitializeTableFromTextFileV2", "table path",
             ATTRS(INT_ATTR("key_index", -2), INT_ATTR("value_index", -1)));
    add_node(&e, &b);
    add_text(&e, "prefix", checkpoint);
    tensor *name;
    string_builder names;
    shape one = shape_vector(1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(string_builder_init(&names, &one, NULL, NULL), INLAY_OK);
        assert_int_equal(string_builder_add(&names, bytes_of(i ? "" : "x"), NULL), INLAY_OK);
        assert_int_equal(string_builder_finish(&names, &name, NULL), INLAY_OK);
        put_constant(&b, i ? "slices" : "names", name);
        add_node(&e, &b);
    }
    put_node(&b, 1, "restored", "RestoreV2", "prefix names slices", ATTRS(TYPES_ATTR("dtypes", INLAY_FLOAT32)));
    add_node(&e, &b);
    put_constant(&b, "dims", I32(DIMS(2), 1 << 30, 1 << 30));
    add_node(&e, &b);
    put_constant(&b, "one", F32(SCALAR, 1));
    add_node(&e, &b);
    put_node(&b, 1, "absurd", "Fill", "dims one",
             ATTRS(TYPE_ATTR("T", INLAY_FLOAT32), TYPE_ATTR("index_type", INLAY_INT32)));
    add_node(&e, &b);
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    scratch_write(scratch_path(state, "model/saved_model.pb"), out.data, out.size);
    buffer_free(&out);
}

/* A bundle of one float32 [1] "x". */
static void write_checkpoint(void **state, const char *prefix) {
    char name[100];
    float x = 7;
    inlay_error err;
    bundle_index *index;
    buffer out = {0};
    shape dims = shape_vector(1);
    snprintf(name, sizeof name, "%s.data-00000-of-00001", prefix);
    scratch_write(scratch_path(state, name), &x, sizeof x);
    assert_ok(bundle_index_open(&index, &err), &err);
    assert_ok(bundle_index_add(index, bytes_of("x"), INLAY_FLOAT32, &dims, 0, 0, 4, 0, &err), &err);
    assert_ok(bundle_index_finish(index, 1, &out, &err), &err);
    bundle_index_close(index);
    snprintf(name, sizeof name, "%s.index", prefix);
    scratch_write(scratch_path(state, name), out.data, out.size);
    buffer_free(&out);
}

static inlay_status run(void **state, const char *fetch, const char *target, const inlay_model_options *options,
                        inlay_error *err) {
    model *m;
    inlay_status status = model_open(scratch_path(state, "model"), options, &m, err);
    if (status != INLAY_OK) return status;
    inlay_named_tensor out = {fetch, NULL};
    status = model_run_graph(m, NULL, 0, &out, fetch ? 1 : 0, &target, target ? 1 : 0, NULL, err);
    tensor_release(out.tensor);
    model_close(m);
    return status;
}

static void make_folders(void **state) {
    static const char *const folders[] = {"model", "model/variables", "outside", "model/assets"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(0, mkdir(scratch_path(state, folders[i]), 0777));
    scratch_write(scratch_path(state, "model/assets/words"), "a\nb\n", 4);
    scratch_write(scratch_path(state, "outside/secret"), "s\n", 2);
    write_checkpoint(state, "model/variables/variables");
    write_checkpoint(state, "outside/other");
}

static void ops_read_the_models_own_files_and_no_others(void **state) {
    make_folders(state);
    assert_int_equal(0, symlink("../../outside/secret", scratch_path(state, "model/assets/link")));
    assert_int_equal(0, symlink("../../outside/other.index", scratch_path(state, "model/variables/link.index")));
    static const struct {
        const char *table, *checkpoint;
        inlay_status status;
    } cases[] = {{"model/assets/words", "model/variables/variables", INLAY_OK},
                 {"outside/secret", "outside/other", INLAY_PERMISSION_DENIED},
                 {"model/assets/link", "model/variables/link", INLAY_PERMISSION_DENIED},
                 {"model/assets/../../outside/secret", "model/variables/../../outside/other", INLAY_PERMISSION_DENIED},
                 {"/etc/passwd", "outside/other", INLAY_PERMISSION_DENIED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[1100], checkpoint[1100];
        inlay_error err;
        snprintf(table, sizeof table, "%s",
                 cases[i].table[0] == '/' ? cases[i].table : scratch_path(state, cases[i].table));
        snprintf(checkpoint, sizeof checkpoint, "%s", scratch_path(state, cases[i].checkpoint));
        write_model(state, table, checkpoint);
        assert_status(cases[i].status, run(state, NULL, "fill", NULL, &err), &err);
        if (cases[i].status != INLAY_OK) {
            assert_string_equal(err.node, "fill");
            assert_contains(err.message, "outside the model");
        }
        assert_status(cases[i].status, run(state, "restored:0", NULL, NULL, &err), &err);
    }
    /* unless the user says where */
    char folder[1100];
    inlay_error err;
    inlay_model_options options = {.optimize = true, .allow_files_in = folder};
    snprintf(folder, sizeof folder, "%s", scratch_path(state, "outside"));
    char secret[1200], other[1200];
    snprintf(secret, sizeof secret, "%s/secret", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    write_model(state, secret, other);
    assert_ok(run(state, NULL, "fill", &options, &err), &err);
    assert_ok(run(state, "restored:0", NULL, &options, &err), &err);
}

static void a_folder_that_is_a_link_makes_nothing_its_own(void **state) {
    make_folders(state);
    assert_int_equal(0, rename(scratch_path(state, "model/assets"), scratch_path(state, "old_assets")));
    assert_int_equal(0, symlink("../outside", scratch_path(state, "model/assets")));
    char table[1100], checkpoint[1100];
    inlay_error err;
    snprintf(table, sizeof table, "%s", scratch_path(state, "model/assets/secret"));
    snprintf(checkpoint, sizeof checkpoint, "%s", scratch_path(state, "outside/other"));
    write_model(state, table, checkpoint);
    assert_status(INLAY_PERMISSION_DENIED, run(state, NULL, "fill", NULL, &err), &err);
}

/* A cache of downloads: every file of the model is a link to a blob. */
static void the_models_own_checkpoint_may_be_links(void **state) {
    static const char *const files[] = {"variables.index", "variables.data-00000-of-00001"};
    make_folders(state);
    for (size_t i = 0; i < 2; i++) {
        char from[1100], to[1100], name[100];
        snprintf(name, sizeof name, "model/variables/%s", files[i]);
        snprintf(from, sizeof from, "%s", scratch_path(state, name));
        snprintf(name, sizeof name, "outside/blob%zu", i);
        snprintf(to, sizeof to, "%s", scratch_path(state, name));
        assert_int_equal(0, rename(from, to));
        assert_int_equal(0, symlink(to, from));
    }
    char prefix[1100];
    inlay_error err;
    snprintf(prefix, sizeof prefix, "%s", scratch_path(state, "model/variables/variables"));
    write_model(state, "none", prefix);
    assert_ok(run(state, "restored:0", NULL, NULL, &err), &err);
}

static void budgets_end_in_an_error_that_names_the_node(void **state) {
    make_folders(state);
    write_model(state, "none", "none");
    inlay_error err;
    assert_status(INLAY_RESOURCE_EXHAUSTED, run(state, "absurd:0", NULL, NULL, &err), &err);
    assert_string_equal(err.node, "absurd");
    inlay_model_options few = {.optimize = true, .node_budget = 3};
    assert_status(INLAY_RESOURCE_EXHAUSTED, run(state, "absurd:0", NULL, &few, &err), &err);
}

/* A node may be called anything: also what the names of several tensors look like in a row. */
static void a_name_with_separators_is_one_name(void **state) {
    static const char *const names[] = {"a", "b", "a:0\nb", "1:a3:b"};
    buffer graph = {0};
    for (int i = 0; i < 4; i++) put_constant(&graph, names[i], F32(SCALAR, (float)i));
    scratch_write(scratch_path(state, "net.pb"), graph.data, graph.size);
    buffer_free(&graph);
    model *m;
    inlay_error err;
    assert_ok(model_open(scratch_path(state, "net.pb"), NULL, &m, &err), &err);
    inlay_named_tensor both[] = {{"a:0", NULL}, {"b:0", NULL}};
    for (int i = 2; i < 4; i++) {
        char name[20];
        snprintf(name, sizeof name, "%s:0", names[i]);
        inlay_named_tensor one[] = {{name, NULL}};
        assert_ok(model_run_graph(m, NULL, 0, both, 2, NULL, 0, NULL, &err), &err);
        assert_ok(model_run_graph(m, NULL, 0, one, 1, NULL, 0, NULL, &err), &err);
        assert_true(*(const float *)one[0].tensor->data == (float)i);
        tensor_release(one[0].tensor);
        for (int k = 0; k < 2; k++) tensor_release(both[k].tensor);
    }
    model_close(m);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(ops_read_the_models_own_files_and_no_others),
        IN_SCRATCH(a_folder_that_is_a_link_makes_nothing_its_own),
        IN_SCRATCH(the_models_own_checkpoint_may_be_links),
        IN_SCRATCH(a_name_with_separators_is_one_name),
        IN_SCRATCH(budgets_end_in_an_error_that_names_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
