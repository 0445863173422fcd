#include "edit/signature.h"

#include "base/alloc.h"
#include "edit/object_graph.h"
#include "edit/signature_list.h"

#include <stdlib.h>

typedef struct signature_job {
    change *c;
    const inlay_signature_edits *edits;
    signature_list list;
    object_graph objects;
    int64_t map; /* node of the object graph that holds the signatures; -1: none */
} signature_job;

/* ---- the list */

signature_item *signature_find(const signature_list *list, bytes key) {
    for (size_t i = 0; i < list->count; i++)
        if (bytes_equal(bytes_of(list->items[i].key), key)) return &list->items[i];
    return NULL;
}

inlay_status signature_add(signature_list *list, const signature_item *item, inlay_error *err) {
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        signature_item *grown = mem_realloc(list->items, room * sizeof *grown);
        if (!grown) return fail_memory(err);
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = *item;
    return INLAY_OK;
}

static inlay_status list_signatures(signature_job *j, inlay_error *err) {
    const saved_metagraph *g = j->list.graph;
    j->map = -1;
    if (g->has_object_graph) {
        TRY(object_graph_open(g->object_graph, j->list.model->file, &j->c->a, &j->objects, err));
        TRY(object_graph_child(&j->objects, 0, "signatures", &j->map, err));
    }
    for (size_t i = 0; i < g->signature_count; i++) {
        signature_item item = {g->signatures[i].key, g->signatures[i].message, -1};
        if (j->map >= 0) TRY(object_graph_child(&j->objects, j->map, item.key, &item.object, err));
        TRY(signature_add(&j->list, &item, err));
    }
    return INLAY_OK;
}

/* ---- what may be edited */

/* TensorFlow runs these when it loads a model; they are no signatures to call. */
static bool is_special(bytes key) {
    return bytes_is(key, "__saved_model_init_op") || bytes_is(key, "__saved_model_train_op");
}

static inlay_status find_existing(signature_job *j, bytes key, signature_item **out, inlay_error *err) {
    const char *shown = arena_copy(&j->c->a, key);
    if (!shown) return fail_memory(err);
    if (is_special(key))
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is what loading runs, and no signature to edit", shown);
    *out = signature_find(&j->list, key);
    if (*out) return INLAY_OK;
    return fail_at(err, INLAY_NOT_FOUND, j->list.model->file, -1, "there is no signature %s", shown);
}

static inlay_status check_free(signature_job *j, const char *key, inlay_error *err) {
    bytes name = bytes_of(key);
    if (name.size == 0) return fail(err, INLAY_INVALID_ARGUMENT, "a signature needs a name");
    if (is_special(name))
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is what loading runs, and no name for a signature", key);
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < 0x20) return fail(err, INLAY_INVALID_ARGUMENT, "a name holds control characters");
    if (!bytes_valid_utf8(name, NULL)) return fail(err, INLAY_INVALID_ARGUMENT, "%s is no UTF-8", key);
    if (signature_find(&j->list, name))
        return fail_at(err, INLAY_ALREADY_EXISTS, j->list.model->file, -1, "there is a signature %s already", key);
    return INLAY_OK;
}

/* A search is known by its signature's name: its rows, its labels and the manifest go by it. */
static inlay_status check_no_search(const signature_job *j, const char *key, inlay_error *err) {
    if (!json_object_get(json_object_get(j->c->manifest, "collections"), key)) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, j->c->path, -1,
                   "%s is the name of a search, by which its rows are found; add another name to it instead", key);
}

/* "LEFT=RIGHT", cut at the first '='. */
static inlay_status cut_pair(signature_job *j, const char *text, const char *what, const char **left,
                             const char **right, inlay_error *err) {
    const char *mark = strchr(text, '=');
    if (!mark) return fail(err, INLAY_INVALID_ARGUMENT, "%s is no %s", text, what);
    *left = arena_copy(&j->c->a, bytes_make(text, (size_t)(mark - text)));
    *right = mark + 1;
    return *left ? INLAY_OK : fail_memory(err);
}

/* ---- the edits */

static inlay_status remove_one(signature_job *j, const char *key, inlay_error *err) {
    signature_item *item;
    TRY(find_existing(j, bytes_of(key), &item, err));
    TRY(check_no_search(j, key, err));
    if (item->object >= 0) TRY(object_graph_remove_child(&j->objects, j->map, key, &j->c->a, err));
    size_t at = (size_t)(item - j->list.items);
    memmove(item, item + 1, (j->list.count - at - 1) * sizeof *item);
    j->list.count--;
    change_note(j->c, "signature %s goes", key);
    return INLAY_OK;
}

static inlay_status rename_one(signature_job *j, const char *pair, inlay_error *err) {
    const char *from, *to;
    signature_item *item;
    TRY(cut_pair(j, pair, "OLD=NEW", &from, &to, err));
    TRY(find_existing(j, bytes_of(from), &item, err));
    TRY(check_no_search(j, from, err));
    TRY(check_free(j, to, err));
    if (item->object >= 0) TRY(object_graph_change_child(&j->objects, j->map, from, -1, to, &j->c->a, err));
    item->key = arena_strdup(&j->c->a, to);
    if (!item->key) return fail_memory(err);
    change_note(j->c, "signature %s is called %s", from, to);
    return INLAY_OK;
}

/* Where the tensors of "NAME:in=…" begin; NULL for a "NAME=FROM". */
static const char *tensors_of(const char *text) {
    const char *in = strstr(text, ":in="), *out = strstr(text, ":out=");
    return in && (!out || in < out) ? in : out;
}

static inlay_status add_tensors(signature_job *j, const char *text, const char *spec, inlay_error *err) {
    signature_item item = {.object = -1};
    item.key = arena_copy(&j->c->a, bytes_make(text, (size_t)(spec - text)));
    if (!item.key) return fail_memory(err);
    TRY(check_free(j, item.key, err));
    if (j->list.graph->has_object_graph)
        return fail_at(
            err, INLAY_UNIMPLEMENTED, j->list.model->file, -1,
            "has an object graph, whose signatures are functions: one of tensors would be there for sessions "
            "and not for tf.saved_model.load");
    TRY(signature_of_tensors(&j->list, spec + 1, &item.message, err));
    change_note(j->c, "signature %s is new", item.key);
    return signature_add(&j->list, &item, err);
}

static inlay_status add_one(signature_job *j, const char *text, inlay_error *err) {
    const char *spec = tensors_of(text), *name, *from;
    if (spec) return add_tensors(j, text, spec, err);
    signature_item *item;
    TRY(cut_pair(j, text, "NAME=FROM", &name, &from, err));
    TRY(find_existing(j, bytes_of(from), &item, err));
    TRY(check_free(j, name, err));
    signature_item copy = {name, item->message, item->object};
    if (copy.object >= 0) object_graph_add_child(&j->objects, j->map, copy.object, name);
    change_note(j->c, "signature %s is new, the same as %s", name, from);
    return signature_add(&j->list, &copy, err);
}

/* SIGNATURE.KEY: names may hold dots, so the first cut that finds a signature counts. */
static inlay_status default_one(signature_job *j, const char *text, inlay_error *err) {
    const char *target, *value;
    TRY(cut_pair(j, text, "SIGNATURE.INPUT=VALUE", &target, &value, err));
    for (const char *dot = strchr(target, '.'); dot; dot = strchr(dot + 1, '.')) {
        signature_item *item = signature_find(&j->list, bytes_make(target, (size_t)(dot - target)));
        if (!item) continue;
        TRY(signature_set_default(&j->list, item, bytes_of(dot + 1), bytes_of(value), err));
        change_note(j->c, *value ? "input %s has the default %s" : "input %s has no default%s", target, value);
        return INLAY_OK;
    }
    return fail_at(err, INLAY_NOT_FOUND, j->list.model->file, -1, "there is no signature with an input %s", target);
}

static inlay_status each(signature_job *j, const char *const *texts, size_t n,
                         inlay_status (*fn)(signature_job *j, const char *text, inlay_error *err), inlay_error *err) {
    for (size_t i = 0; i < n; i++) TRY(fn(j, texts[i], err));
    return INLAY_OK;
}

/* ---- tags */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a,b" as a sorted list. */
static inlay_status cut_tags(signature_job *j, const char ***out, size_t *n, inlay_error *err) {
    char *text = arena_strdup(&j->c->a, j->edits->tags), *next;
    *out = arena_zalloc(&j->c->a, strlen(j->edits->tags) + 1, sizeof **out);
    if (!text || !*out) return fail_memory(err);
    *n = 0;
    for (char *tag = text; tag; tag = next) {
        if ((next = strchr(tag, ','))) *next++ = 0;
        if (!*tag) return fail(err, INLAY_INVALID_ARGUMENT, "%s holds an empty tag", j->edits->tags);
        (*out)[(*n)++] = tag;
    }
    qsort(*out, *n, sizeof **out, compare_texts);
    for (size_t i = 1; i < *n; i++)
        if (strcmp((*out)[i], (*out)[i - 1]) == 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "the tag %s is given twice", (*out)[i]);
    return INLAY_OK;
}

/* Loaders pick a metagraph by its tags. */
static inlay_status check_tags_are_free(const signature_job *j, inlay_error *err) {
    const saved_metagraph *found;
    inlay_error ignored;
    if (saved_model_pick(j->list.model, j->edits->tags, &found, &ignored) == INLAY_OK && found != j->list.graph)
        return fail_at(err, INLAY_ALREADY_EXISTS, j->list.model->file, -1, "another metagraph has the tags %s",
                       j->edits->tags);
    return INLAY_OK;
}

static inlay_status set_tags(signature_job *j, saved_edit *edit, inlay_error *err) {
    const char **tags;
    size_t n = 0;
    buffer info = {0};
    if (!j->edits->tags) return INLAY_OK;
    TRY(cut_tags(j, &tags, &n, err));
    TRY(check_tags_are_free(j, err));
    wire_reader r = saved_reader(j->list.model, j->list.graph->meta_info);
    inlay_status status = INLAY_OK;
    bool done = false;
    while (status == INLAY_OK) {
        wire_field field;
        bool got;
        status = wire_next(&r, &field, &got, err);
        if (status != INLAY_OK) break;
        for (size_t i = 0; i < n && !done && (!got || field.number >= 4); i++) wire_put_text(&info, 4, tags[i]);
        done |= !got || field.number >= 4;
        if (!got) break;
        if (field.number != 4) buffer_append_bytes(&info, field.whole);
    }
    if (status == INLAY_OK) status = buffer_check(&info, err);
    if (status == INLAY_OK) saved_edit_meta_info(edit, buffer_bytes(&info));
    buffer_free(&info);
    change_note(j->c, "tags are %s", j->edits->tags);
    return status;
}

/* ---- all of it */

static inlay_status write_objects(signature_job *j, saved_edit *edit, inlay_error *err) {
    if (j->map < 0) return INLAY_OK;
    buffer message = {0};
    inlay_status status = object_graph_finish(&j->objects, NULL, &message, err);
    if (status == INLAY_OK) saved_edit_object_graph(edit, buffer_bytes(&message));
    buffer_free(&message);
    return status;
}

static void write_signatures(signature_job *j, saved_edit *edit) {
    const saved_metagraph *g = j->list.graph;
    for (size_t i = 0; i < g->signature_count; i++)
        if (!signature_find(&j->list, bytes_of(g->signatures[i].key)))
            saved_edit_signature(edit, g->signatures[i].key, (bytes){0});
    for (size_t i = 0; i < j->list.count; i++) {
        const signature_item *item = &j->list.items[i];
        const saved_signature *old = saved_find_signature(g, item->key);
        if (!old || !bytes_equal(old->message, item->message)) saved_edit_signature(edit, item->key, item->message);
    }
}

static inlay_status write_graph(signature_job *j, inlay_error *err) {
    saved_edit edit;
    buffer whole = {0};
    saved_edit_begin(&edit, j->list.model, j->list.graph);
    write_signatures(j, &edit);
    inlay_status status = set_tags(j, &edit, err);
    if (status == INLAY_OK) status = write_objects(j, &edit, err);
    if (status == INLAY_OK) status = saved_edit_finish(&edit, &whole, err);
    saved_edit_abandon(&edit);
    if (status == INLAY_OK) change_graph(j->c, &whole);
    buffer_free(&whole);
    return status;
}

static inlay_status apply(signature_job *j, inlay_error *err) {
    const inlay_signature_edits *e = j->edits;
    const saved_model *model = j->c->model;
    if (!model || model->kind != SAVED_MODEL)
        return fail_at(err, INLAY_FAILED_PRECONDITION, j->c->path, -1, "is no SavedModel, and has no signatures");
    j->list = (signature_list){.model = model, .a = &j->c->a};
    TRY(saved_model_pick(model, e->tag_set, &j->list.graph, err));
    TRY(list_signatures(j, err));
    TRY(each(j, e->remove, e->n_remove, remove_one, err));
    TRY(each(j, e->rename, e->n_rename, rename_one, err));
    TRY(each(j, e->add, e->n_add, add_one, err));
    TRY(each(j, e->defaults, e->n_defaults, default_one, err));
    return write_graph(j, err);
}

inlay_status edit_signatures(const char *model, const inlay_signature_edits *edits, const inlay_edit_options *options,
                             inlay_error *err) {
    static const change_needs needs = {.keep_old_shards = true};
    change c;
    if (edits->n_rename + edits->n_remove + edits->n_add + edits->n_defaults == 0 && !edits->tags)
        return fail(err, INLAY_INVALID_ARGUMENT, "nothing is asked for: rename, remove, add, a default or tags");
    TRY(change_begin(model, options, &needs, &c, err));
    signature_job j = {.c = &c, .edits = edits};
    inlay_status status = apply(&j, err);
    object_graph_free(&j.objects);
    mem_free(j.list.items);
    if (status == INLAY_OK) return change_commit(&c, err);
    change_abandon(&c);
    return status;
}
