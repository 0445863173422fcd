#include "unit/unit.h"

#include "base/alloc.h"
#include "format/saved_model.h"
#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a folder for each test */

static int make_folder(void **state) {
    char *path = strdup("/tmp/inlay_test_XXXXXX");
    *state = mkdtemp(path);
    return *state ? 0 : -1;
}

static int remove_folder(void **state) {
    inlay_error err;
    int failed = file_remove_tree(*state, &err) != INLAY_OK;
    free(*state);
    return failed;
}

static const char *in(void **state, const char *name) {
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}

static void put_file(void **state, const char *name, const void *data, size_t size) {
    inlay_error err;
    const char *path = in(state, name);
    unlink(path);
    assert_ok(file_write_all(path, FILE_ATOMIC, bytes_make(data, size), &err), &err);
}

/* ---- small messages */

static buffer node(const char *name, const char *op) {
    buffer b = {0};
    wire_put_text(&b, 1, name);
    wire_put_text(&b, 2, op);
    return b;
}

static void put_info(buffer *map, uint32_t number, const char *key, const char *name, int type) {
    buffer info = {0};
    wire_put_text(&info, 1, name);
    wire_put_uint(&info, 2, (uint64_t)type);
    size_t mark = wire_begin(&info, 3);
    shape_proto_write(&info, &(shape){.rank = 2, .dims = {-1, 4}});
    wire_end(&info, mark);
    wire_put_map(map, number, bytes_of(key), &info);
    buffer_free(&info);
}

static buffer signature(const char *method) {
    buffer b = {0};
    put_info(&b, 1, "x", "x:0", 1);
    put_info(&b, 1, "a", "a:0", 7);
    put_info(&b, 2, "y", "y:0", 101);
    wire_put_text(&b, 3, method);
    buffer value = {0};
    wire_put_uint(&value, 1, 3);
    wire_put_map(&b, 4, bytes_of("x"), &value);
    buffer_free(&value);
    return b;
}

static buffer meta_info(const char *first, const char *second) {
    buffer b = {0};
    wire_put_text(&b, 4, first);
    if (second) wire_put_text(&b, 4, second);
    wire_put_text(&b, 5, "2.21.0");
    return b;
}

/* A SavedModel with metagraphs "serve" and "serve,gpu", which hold a field that no schema has. */
static buffer two_metagraphs(void) {
    buffer b = {0};
    wire_put_uint(&b, 1, 1);
    for (int i = 0; i < 2; i++) {
        size_t graph, mark = wire_begin(&b, 2);
        buffer info = meta_info("serve", i ? "gpu" : NULL), s = signature("predict");
        wire_put_message(&b, 1, &info);
        graph = wire_begin(&b, 2);
        buffer n = node("x", "Placeholder"), f = {0};
        wire_put_message(&b, 1, &n);
        buffer_free(&n);
        n = node("y", "Identity");
        wire_put_message(&b, 1, &n);
        wire_put_text(&f, 1, "f_1");
        size_t library = wire_begin(&b, 2);
        wire_put_message(&b, 1, &f);
        wire_end(&b, library);
        wire_end(&b, graph);
        wire_put_map(&b, 5, bytes_of("serving_default"), &s);
        wire_put_text(&b, 1000, "unknown");
        wire_end(&b, mark);
        buffer_free(&info);
        buffer_free(&s);
        buffer_free(&n);
        buffer_free(&f);
    }
    return b;
}

static saved_model *open_bytes(void **state, const buffer *b) {
    inlay_error err;
    saved_model *m;
    put_file(state, "saved_model.pb", b->data, b->size);
    assert_ok(saved_model_open(*state, false, &m, &err), &err);
    return m;
}

/* ---- tests */

static void signatures_are_decoded(void **state) {
    inlay_error err;
    buffer b = two_metagraphs();
    saved_model *m = open_bytes(state, &b);
    assert_int_equal(m->metagraph_count, 2);
    const saved_metagraph *g;
    assert_ok(saved_model_pick(m, NULL, &g, &err), &err);
    assert_ptr_equal(g, &m->metagraphs[0]);
    const saved_signature *s = saved_find_signature(g, "serving_default");
    assert_non_null(s);
    assert_string_equal(s->method, "predict");
    assert_int_equal(s->input_count, 2);
    assert_string_equal(s->inputs[0].key, "a");
    assert_string_equal(s->inputs[1].name, "x:0");
    assert_int_equal(s->inputs[1].type, INLAY_FLOAT32);
    assert_int_equal(s->outputs[0].type, INLAY_FLOAT32);
    assert_int_equal(s->inputs[1].dims.rank, 2);
    assert_int_equal(s->inputs[1].dims.dims[0], -1);
    assert_int_equal(s->default_count, 1);
    assert_string_equal(s->defaults[0].key, "x");
    assert_null(saved_find_signature(g, "other"));
    assert_string_equal(g->tensorflow_version, "2.21.0");
    assert_false(m->has_variables);
    saved_model_close(m);
    buffer_free(&b);
}

static void metagraphs_are_picked_by_their_tags(void **state) {
    inlay_error err;
    buffer b = two_metagraphs();
    saved_model *m = open_bytes(state, &b);
    const saved_metagraph *g;
    static const struct {
        const char *tags;
        int index;
    } cases[] = {{"serve", 0}, {"serve,gpu", 1}, {"gpu,serve", 1}, {"gpu", -1}, {"", -1}, {"serve,gpu,x", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].index >= 0) {
            assert_ok(saved_model_pick(m, cases[i].tags, &g, &err), &err);
            assert_ptr_equal(g, &m->metagraphs[cases[i].index]);
        } else {
            assert_status(INLAY_NOT_FOUND, saved_model_pick(m, cases[i].tags, &g, &err), &err);
            assert_contains(err.message, "there are: serve; serve,gpu");
        }
    }
    saved_model_close(m);
    buffer_free(&b);
}

static void an_edit_that_adds_nothing_changes_no_byte(void **state) {
    inlay_error err;
    buffer b = two_metagraphs(), out = {0};
    saved_model *m = open_bytes(state, &b);
    saved_edit e;
    saved_edit_begin(&e, m, &m->metagraphs[1]);
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    assert_int_equal(out.size, b.size);
    assert_memory_equal(out.data, b.data, b.size);
    saved_model_close(m);
    buffer_free(&out);
    buffer_free(&b);
}

static size_t count_walk(saved_walk w, const char *last_name) {
    inlay_error err;
    size_t count = 0;
    bytes name = {0};
    for (;;) {
        wire_field field, part;
        bool got, found;
        assert_ok(saved_walk_next(&w, &field, &got, &err), &err);
        if (!got) break;
        count++;
        assert_ok(wire_find(field.data, 1, NULL, &part, &found, &err), &err);
        name = found ? part.data : (bytes){0};
    }
    if (last_name) assert_true(bytes_is(name, last_name));
    return count;
}

static void what_is_added_stands_where_a_writer_would_put_it(void **state) {
    inlay_error err;
    buffer b = two_metagraphs(), out = {0}, n = node("z", "NoOp"), s = signature("search"), f = {0};
    saved_model *m = open_bytes(state, &b);
    bytes other = m->metagraphs[0].message;
    saved_edit e;
    saved_edit_begin(&e, m, &m->metagraphs[1]);
    saved_edit_add_node(&e, buffer_bytes(&n));
    wire_put_text(&f, 1, "g_2");
    saved_edit_add_function(&e, buffer_bytes(&f));
    saved_edit_signature(&e, "search", buffer_bytes(&s));
    saved_edit_signature(&e, "aaa", buffer_bytes(&s));
    saved_edit_collection(&e, "variables", bytes_of(""));
    buffer saver = {0};
    wire_put_text(&saver, 1, "save/Const:0");
    wire_put_text(&saver, 3, "restore");
    saved_edit_saver(&e, buffer_bytes(&saver));
    saved_edit_object_graph(&e, bytes_of(""));
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    put_file(state, "other.pb", out.data, out.size);
    saved_model *edited;
    assert_ok(saved_model_open(in(state, "other.pb"), true, &edited, &err), &err);
    assert_int_equal(edited->kind, SAVED_MODEL);
    assert_true(bytes_equal(edited->metagraphs[0].message, other));
    const saved_metagraph *g = &edited->metagraphs[1];
    assert_int_equal(count_walk(saved_nodes(edited, g), "z"), 3);
    assert_int_equal(count_walk(saved_functions(edited, g), "g_2"), 2);
    assert_string_equal(g->saver.restore_op, "restore");
    assert_int_equal(g->signature_count, 3);
    assert_int_equal(g->collection_count, 1);
    assert_true(g->has_object_graph);
    uint32_t numbers[] = {1, 2, 3, 4, 5, 5, 5, 7, 1000};
    const char *keys[] = {"aaa", "search", "serving_default"};
    size_t at = 0, key_at = 0;
    for (wire_reader r = saved_reader(edited, g->message);;) {
        wire_field field;
        bool got;
        bytes key, value;
        assert_ok(wire_next(&r, &field, &got, &err), &err);
        if (!got) break;
        if (field.number == 5) {
            assert_ok(wire_map_entry(&r, &field, &key, &value, &err), &err);
            assert_true(bytes_is(key, keys[key_at++]));
        }
        if (field.number == 7 || field.number == 1000) { /* the object graph follows what it found */
            at++;
            continue;
        }
        assert_int_equal(field.number, numbers[at++]);
    }
    assert_int_equal(at, 9);
    saved_model_close(edited);
    saved_model_close(m);
    buffer_free(&out);
    buffer_free(&b);
    buffer_free(&n);
    buffer_free(&s);
    buffer_free(&f);
    buffer_free(&saver);
}

static void nodes_and_signatures_can_be_replaced_and_removed(void **state) {
    inlay_error err;
    buffer b = two_metagraphs(), out = {0}, n = node("x", "Const");
    saved_model *m = open_bytes(state, &b);
    saved_walk w = saved_nodes(m, &m->metagraphs[0]);
    wire_field first, second;
    bool got;
    assert_ok(saved_walk_next(&w, &first, &got, &err), &err);
    assert_ok(saved_walk_next(&w, &second, &got, &err), &err);
    saved_edit e;
    saved_edit_begin(&e, m, &m->metagraphs[0]);
    saved_edit_replace(&e, &first, buffer_bytes(&n));
    saved_edit_replace(&e, &second, (bytes){0});
    saved_edit_signature(&e, "serving_default", (bytes){0});
    saved_edit_signature(&e, "absent", (bytes){0});
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    put_file(state, "saved_model.pb", out.data, out.size);
    saved_model *edited;
    assert_ok(saved_model_open(*state, false, &edited, &err), &err);
    assert_int_equal(count_walk(saved_nodes(edited, &edited->metagraphs[0]), "x"), 1);
    assert_int_equal(count_walk(saved_nodes(edited, &edited->metagraphs[1]), "y"), 2);
    assert_int_equal(edited->metagraphs[0].signature_count, 0);
    saved_model_close(edited);

    saved_edit_begin(&e, m, &m->metagraphs[0]);
    first.whole.data++;
    saved_edit_replace(&e, &first, buffer_bytes(&n));
    assert_status(INLAY_INVALID_ARGUMENT, saved_edit_finish(&e, &out, &err), &err);
    saved_model_close(m);
    buffer_free(&out);
    buffer_free(&b);
    buffer_free(&n);
}

static void a_frozen_graph_becomes_a_saved_model(void **state) {
    inlay_error err;
    buffer graph = {0}, out = {0}, n = node("a", "Const"), added = node("b", "Const");
    wire_put_message(&graph, 1, &n);
    wire_put_uint(&graph, 3, 5);
    put_file(state, "frozen.pb", graph.data, graph.size);
    saved_model *m, *made;
    assert_ok(saved_model_open(in(state, "frozen.pb"), false, &m, &err), &err);
    assert_int_equal(m->kind, SAVED_GRAPH);
    const saved_metagraph *g;
    assert_ok(saved_model_pick(m, "serve", &g, &err), &err);
    saved_edit e;
    saved_edit_begin(&e, m, g);
    saved_edit_add_node(&e, buffer_bytes(&added));
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    put_file(state, "saved_model.pb", out.data, out.size);
    assert_ok(saved_model_open(in(state, "saved_model.pb"), false, &made, &err), &err);
    assert_string_equal(made->folder, *state);
    assert_ok(saved_model_pick(made, NULL, &g, &err), &err);
    assert_string_equal(g->tags[0], "serve");
    assert_int_equal(count_walk(saved_nodes(made, g), "b"), 2);
    assert_int_equal(made->schema_version, 1);
    saved_model_close(made);
    saved_model_close(m);

    buffer_clear(&out);
    saved_edit_begin(&e, NULL, NULL);
    saved_edit_add_node(&e, buffer_bytes(&added));
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    put_file(state, "saved_model.pb", out.data, out.size);
    assert_ok(saved_model_open(*state, false, &made, &err), &err);
    assert_int_equal(count_walk(saved_nodes(made, made->metagraphs), "b"), 1);
    saved_model_close(made);
    buffer_free(&graph);
    buffer_free(&out);
    buffer_free(&n);
    buffer_free(&added);
}

static void a_meta_file_is_a_metagraph(void **state) {
    inlay_error err;
    buffer b = two_metagraphs(), inner = {0}, out = {0};
    saved_model *m = open_bytes(state, &b), *meta;
    buffer_append_bytes(&inner, m->metagraphs[0].message);
    put_file(state, "model.meta", inner.data, inner.size);
    assert_ok(saved_model_open(in(state, "model.meta"), false, &meta, &err), &err);
    assert_int_equal(meta->kind, SAVED_METAGRAPH);
    assert_int_equal(count_walk(saved_nodes(meta, meta->metagraphs), "y"), 2);
    assert_non_null(saved_find_signature(meta->metagraphs, "serving_default"));
    saved_edit e;
    saved_edit_begin(&e, meta, meta->metagraphs);
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    assert_true(out.size > inner.size);
    saved_model_close(meta);
    saved_model_close(m);
    buffer_free(&b);
    buffer_free(&inner);
    buffer_free(&out);
}

static void the_init_op_comes_from_signature_or_collection(void **state) {
    inlay_error err;
    buffer b = {0}, out = {0}, sig = {0}, list = {0}, two = {0};
    put_info(&sig, 2, "__saved_model_init_op", "NoOp", 0);
    size_t mark = wire_begin(&list, 1);
    wire_put_text(&list, 1, "main");
    wire_end(&list, mark);
    buffer_append_bytes(&two, buffer_bytes(&list));
    buffer_append_bytes(&two, buffer_bytes(&list));
    static const struct {
        bool signature, main, legacy_twice;
        const char *name;
        inlay_status status;
    } cases[] = {{true, true, false, "NoOp", INLAY_OK},
                 {false, true, true, "main", INLAY_OK},
                 {false, false, true, NULL, INLAY_FAILED_PRECONDITION},
                 {false, false, false, NULL, INLAY_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        saved_edit e;
        saved_edit_begin(&e, NULL, NULL);
        if (cases[i].signature) saved_edit_signature(&e, "__saved_model_init_op", buffer_bytes(&sig));
        if (cases[i].main) saved_edit_collection(&e, "saved_model_main_op", buffer_bytes(&list));
        if (cases[i].legacy_twice) saved_edit_collection(&e, "legacy_init_op", buffer_bytes(&two));
        buffer_clear(&out);
        assert_ok(saved_edit_finish(&e, &out, &err), &err);
        saved_model *m = open_bytes(state, &out);
        const char *name;
        assert_status(cases[i].status, saved_init_op(m, m->metagraphs, &name, &err), &err);
        if (cases[i].status == INLAY_OK && cases[i].name)
            assert_string_equal(name, cases[i].name);
        else if (cases[i].status == INLAY_OK)
            assert_null(name);
        saved_model_close(m);
    }
    buffer_free(&b);
    buffer_free(&out);
    buffer_free(&sig);
    buffer_free(&list);
    buffer_free(&two);
}

static void assets_of_tensorflow_1_are_in_a_collection(void **state) {
    (void)state;
    inlay_error err;
    saved_model *m;
    assert_ok(saved_model_open(TEST_DATA "/saved_models/tf1", false, &m, &err), &err);
    assert_int_equal(m->metagraphs->asset_count, 1);
    assert_string_equal(m->metagraphs->assets->file, "words.txt");
    assert_string_equal(m->metagraphs->assets->tensor, "asset_path:0");
    saved_model_close(m);
}

static void assets_stay_in_their_folder(void **state) {
    inlay_error err;
    buffer out = {0};
    saved_edit e;
    saved_edit_begin(&e, NULL, NULL);
    static const struct {
        const char *file;
        inlay_status status;
    } cases[] = {{"vocab.txt", INLAY_OK},
                 {"../secret", INLAY_INVALID_ARGUMENT},
                 {"a/../../secret", INLAY_INVALID_ARGUMENT},
                 {"/etc/passwd", INLAY_INVALID_ARGUMENT},
                 {"", INLAY_INVALID_ARGUMENT},
                 {"out", INLAY_INVALID_ARGUMENT},
                 {"within", INLAY_OK},
                 {"absent", INLAY_NOT_FOUND},
                 {"..dots", INLAY_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer asset = {0}, info = {0};
        wire_put_text(&info, 1, "Const:0");
        wire_put_message(&asset, 1, &info);
        wire_put_text(&asset, 2, cases[i].file);
        saved_edit_add_asset(&e, buffer_bytes(&asset));
        buffer_free(&asset);
        buffer_free(&info);
    }
    assert_ok(saved_edit_finish(&e, &out, &err), &err);
    assert_ok(file_make_folder(in(state, "assets"), &err), &err);
    put_file(state, "secret", "x", 1);
    put_file(state, "assets/vocab.txt", "x", 1);
    put_file(state, "assets/..dots", "x", 1);
    assert_int_equal(0, symlink("../secret", in(state, "assets/out")));
    assert_int_equal(0, symlink("vocab.txt", in(state, "assets/within")));
    saved_model *m = open_bytes(state, &out);
    assert_int_equal(m->metagraphs->asset_count, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path;
        assert_status(cases[i].status, saved_asset_path(m, &m->metagraphs->assets[i], &path, &err), &err);
        if (cases[i].status == INLAY_OK) {
            assert_true(file_exists(path));
            mem_free(path);
        } else {
            assert_null(path);
        }
    }
    saved_model_close(m);
    buffer_free(&out);
}

static void a_folder_without_a_model_says_so(void **state) {
    inlay_error err;
    saved_model *m;
    assert_status(INLAY_NOT_FOUND, saved_model_open(*state, false, &m, &err), &err);
    assert_contains(err.message, "neither saved_model.pb nor saved_model.pbtxt");
    assert_status(INLAY_NOT_FOUND, saved_model_open(in(state, "absent"), false, &m, &err), &err);
    assert_null(m);
    put_file(state, "saved_model.cpb", "x", 1);
    assert_status(INLAY_UNIMPLEMENTED, saved_model_open(*state, false, &m, &err), &err);
}

static void malformed_models_name_file_and_offset(void **state) {
    inlay_error err;
    saved_model *m;
    buffer b = two_metagraphs();
    put_file(state, "saved_model.pb", b.data, b.size - 1);
    assert_status(INLAY_DATA_LOSS, saved_model_open(*state, false, &m, &err), &err);
    assert_contains(err.message, "saved_model.pb");
    assert_true(err.offset > 2);
    buffer_free(&b);
}

static void text_is_told_apart_by_its_first_field(void **state) {
    inlay_error err;
    static const struct {
        const char *name, *text;
        saved_kind kind;
    } cases[] = {
        {"saved_model.pbtxt",
         "# a model\nsaved_model_schema_version: 1 meta_graphs { meta_info_def { tags: 'serve' } "
         "graph_def { node { name: 'x' op: 'Const' } } signature_def { key: 's' value { method_name: 'm' } } }",
         SAVED_MODEL},
        {"a.pbtxt", "meta_info_def { tags: 't' } graph_def { node { name: 'x' op: 'Const' } }", SAVED_METAGRAPH},
        {"b.pbtxt", "node { name: 'x' op: 'Const' }", SAVED_GRAPH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        saved_model *m;
        const saved_metagraph *g;
        put_file(state, cases[i].name, cases[i].text, strlen(cases[i].text));
        assert_ok(saved_model_open(in(state, cases[i].name), false, &m, &err), &err);
        assert_int_equal(m->kind, cases[i].kind);
        assert_ok(saved_model_pick(m, NULL, &g, &err), &err);
        assert_int_equal(count_walk(saved_nodes(m, g), "x"), 1);
        assert_int_equal(g->signature_count, i == 0);
        saved_model_close(m);
    }
    saved_model *m;
    put_file(state, "c.pbtxt", "node {\n  nam: 'x' }", 18);
    assert_status(INLAY_INVALID_ARGUMENT, saved_model_open(in(state, "c.pbtxt"), false, &m, &err), &err);
    assert_contains(err.message, "c.pbtxt: 2:3: ");
}

/* ---- models that TensorFlow wrote: tests/data/README.md */

/* Each line of expected.tsv names tags, signature, direction, key and dtype of something that the model has. */
static void check_against_expected(const saved_model *m, const char *folder) {
    char path[600], line[512], tags[64], signature[64], direction[8], key[64], type[32];
    inlay_error err;
    int lines = 0;
    snprintf(path, sizeof path, "%s/expected.tsv", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        const saved_metagraph *g;
        if (sscanf(line, "%63[^\t]\t%63[^\t]\t%7[^\t]\t%63[^\t]\t%31[^\t]", tags, signature, direction, key, type) != 5)
            continue;
        lines++;
        assert_ok(saved_model_pick(m, tags, &g, &err), &err);
        const saved_signature *s = saved_find_signature(g, signature);
        assert_non_null(s);
        bool input = strcmp(direction, "in") == 0;
        const saved_tensor *t =
            saved_find_tensor(input ? s->inputs : s->outputs, input ? s->input_count : s->output_count, key);
        assert_non_null(t);
        assert_int_equal(t->type, dtype_of_name(type));
        assert_true(t->form == SAVED_DENSE && strchr(t->name, ':'));
    }
    fclose(f);
    assert_true(lines > 0);
}

static const char *const fixtures[] = {"tf1",        "tf1_pbtxt", "tf2_text",      "keras",
                                       "metagraphs", "stateless", "constant_table"};

static void models_of_tensorflow_are_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) {
        char folder[512];
        inlay_error err;
        saved_model *m;
        buffer out = {0};
        snprintf(folder, sizeof folder, TEST_DATA "/saved_models/%s", fixtures[i]);
        assert_ok(saved_model_open(folder, i % 2, &m, &err), &err);
        check_against_expected(m, folder);
        for (size_t k = 0; k < m->metagraph_count; k++) {
            const saved_metagraph *g = &m->metagraphs[k];
            const char *init;
            assert_ok(saved_init_op(m, g, &init, &err), &err);
            assert_true(count_walk(saved_nodes(m, g), NULL) > 2);
            for (size_t n = 0; n < g->asset_count; n++) {
                char *path;
                assert_ok(saved_asset_path(m, &g->assets[n], &path, &err), &err);
                mem_free(path);
            }
            saved_edit e;
            saved_edit_begin(&e, m, g);
            buffer_clear(&out);
            assert_ok(saved_edit_finish(&e, &out, &err), &err);
            assert_true(bytes_equal(buffer_bytes(&out), m->message));
        }
        saved_model_close(m);
        buffer_free(&out);
    }
}

static void text_and_binary_form_are_one_model(void **state) {
    (void)state;
    inlay_error err;
    saved_model *m[2];
    buffer canonical[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        const char *folder = i ? TEST_DATA "/saved_models/tf1_pbtxt" : TEST_DATA "/saved_models/tf1";
        assert_ok(saved_model_open(folder, false, &m[i], &err), &err);
        assert_true(m[i]->is_text == (i == 1) && m[i]->has_variables);
        assert_ok(message_canonical(saved_reader(m[i], m[i]->message), schema_find(bytes_of("tensorflow.SavedModel")),
                                    &canonical[i], &err),
                  &err);
    }
    assert_true(bytes_equal(buffer_bytes(&canonical[0]), buffer_bytes(&canonical[1])));
    for (int i = 0; i < 2; i++) {
        saved_model_close(m[i]);
        buffer_free(&canonical[i]);
    }
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(signatures_are_decoded),
        WITH_FOLDER(metagraphs_are_picked_by_their_tags),
        WITH_FOLDER(an_edit_that_adds_nothing_changes_no_byte),
        WITH_FOLDER(what_is_added_stands_where_a_writer_would_put_it),
        WITH_FOLDER(nodes_and_signatures_can_be_replaced_and_removed),
        WITH_FOLDER(a_frozen_graph_becomes_a_saved_model),
        WITH_FOLDER(a_meta_file_is_a_metagraph),
        WITH_FOLDER(the_init_op_comes_from_signature_or_collection),
        cmocka_unit_test(assets_of_tensorflow_1_are_in_a_collection),
        WITH_FOLDER(assets_stay_in_their_folder),
        WITH_FOLDER(a_folder_without_a_model_says_so),
        WITH_FOLDER(text_is_told_apart_by_its_first_field),
        cmocka_unit_test(models_of_tensorflow_are_read),
        cmocka_unit_test(text_and_binary_form_are_one_model),
        WITH_FOLDER(malformed_models_name_file_and_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
