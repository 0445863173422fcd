/* A saved_model.pb (by the first byte a .pbtxt, a frozen graph or a .meta file): opened, looked through, edited,
 * fingerprinted.
 * Covers: src/format/saved_model.c src/format/saved_model_decode.c src/format/saved_model_find.c
 * src/format/saved_model_edit.c src/format/fingerprint.c */
#include "base/alloc.h"
#include "format/fingerprint.h"
#include "format/saved_model.h"
#include "scratch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BROKEN = 1 << 30 };

/* How many messages a walk meets; far more when it ends with an error. */
static size_t count(saved_walk w) {
    inlay_error err;
    wire_field field;
    size_t n = 0;
    for (bool got = true;; n++) {
        if (saved_walk_next(&w, &field, &got, &err) != INLAY_OK) return BROKEN;
        if (!got) return n;
    }
}

static void edit(saved_model *m, const saved_metagraph *g, bool much) {
    buffer out = {0};
    inlay_error err;
    saved_edit e;
    saved_walk w = saved_nodes(m, g);
    wire_field node = {0};
    bool got = false;
    size_t before = count(w);
    saved_walk_next(&w, &node, &got, &err);
    saved_edit_begin(&e, m, g);
    if (much) {
        saved_edit_add_node(&e, bytes_of("\x0a\1x\x12\4NoOp"));
        saved_edit_add_function(&e, bytes_of(""));
        saved_edit_add_asset(&e, bytes_of(""));
        saved_edit_signature(&e, "search", bytes_of(""));
        saved_edit_signature(&e, "serving_default", (bytes){0});
        saved_edit_collection(&e, "variables", bytes_of(""));
        saved_edit_saver(&e, bytes_of(""));
        saved_edit_object_graph(&e, bytes_of(""));
        saved_edit_meta_info(&e, bytes_of(""));
        saved_edit_versions(&e, bytes_of(""));
        if (got) saved_edit_replace(&e, &node, (bytes){0});
    }
    if (saved_edit_finish(&e, &out, &err) == INLAY_OK) {
        saved_model *again;
        if (!much && m->kind == SAVED_MODEL && !bytes_equal(buffer_bytes(&out), m->message)) __builtin_trap();
        if (saved_model_open(scratch_file("out.pb", out.data, out.size), true, &again, &err) == INLAY_OK) {
            const saved_metagraph *same = &again->metagraphs[m->kind == SAVED_MODEL ? g - m->metagraphs : 0];
            if (again->kind == SAVED_MODEL && much && before != BROKEN &&
                count(saved_nodes(again, same)) != before + 1 - got)
                __builtin_trap();
            saved_model_close(again);
        }
    }
    buffer_free(&out);
}

static void look(saved_model *m) {
    const saved_metagraph *g;
    const char *name;
    char *path;
    inlay_error err;
    fingerprint f;
    saved_model_pick(m, "serve,gpu", &g, &err);
    fingerprint_compute(m->message, m->message, &f, &err);
    if (saved_model_pick(m, NULL, &g, &err) != INLAY_OK) return;
    saved_init_op(m, g, &name, &err);
    count(saved_functions(m, g));
    for (size_t i = 0; i < g->asset_count; i++)
        if (saved_asset_path(m, &g->assets[i], &path, &err) == INLAY_OK) mem_free(path);
    for (size_t i = 0; i < g->signature_count; i++)
        if (saved_find_signature(g, g->signatures[i].key) != &g->signatures[i]) __builtin_trap();
    edit(m, g, false);
    edit(m, g, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"saved_model.pb", "saved_model.pbtxt", "frozen.pb", "model.meta"};
    if (size == 0) return 0;
    const char *path = scratch_file(names[data[0] % 4], data + 1, size - 1);
    saved_model *m;
    inlay_error err;
    if (saved_model_open(path, true, &m, &err) != INLAY_OK) return 0;
    look(m);
    saved_model_close(m);
    return 0;
}
