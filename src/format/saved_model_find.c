#include "format/saved_model_parts.h"

/* ---- by tags */

static bool has_tag(const saved_metagraph *g, bytes tag) {
    for (size_t i = 0; i < g->tag_count; i++)
        if (bytes_is(tag, g->tags[i])) return true;
    return false;
}

/* The comma-separated part of *REST up to its end; false when there is none left. */
static bool next_tag(const char **rest, bytes *tag) {
    if (!*rest) return false;
    const char *comma = strchr(*rest, ',');
    *tag = comma ? bytes_make(*rest, (size_t)(comma - *rest)) : bytes_of(*rest);
    *rest = comma ? comma + 1 : NULL;
    return true;
}

static bool same_tags(const saved_metagraph *g, const char *tag_set) {
    bytes tag;
    for (const char *rest = *tag_set ? tag_set : NULL; next_tag(&rest, &tag);)
        if (!has_tag(g, tag)) return false;
    for (size_t i = 0; i < g->tag_count; i++) {
        bool found = false;
        for (const char *rest = *tag_set ? tag_set : NULL; !found && next_tag(&rest, &tag);)
            found = bytes_is(tag, g->tags[i]);
        if (!found) return false;
    }
    return true;
}

static void list_tag_sets(const saved_model *model, buffer *b) {
    for (size_t i = 0; i < model->metagraph_count; i++) {
        buffer_append_text(b, i ? "; " : "");
        const saved_metagraph *g = &model->metagraphs[i];
        for (size_t k = 0; k < g->tag_count; k++) {
            if (k) buffer_append_text(b, ",");
            buffer_append_text(b, g->tags[k]);
        }
        if (g->tag_count == 0) buffer_append_text(b, "(none)");
    }
    buffer_append_byte(b, 0);
}

inlay_status saved_model_pick(const saved_model *model, const char *tag_set, const saved_metagraph **out,
                              inlay_error *err) {
    *out = NULL;
    if (model->metagraph_count == 0)
        return fail_at(err, INLAY_NOT_FOUND, model->file, -1, "the model holds no metagraph");
    if (model->kind != SAVED_MODEL || (!tag_set && model->metagraph_count == 1)) {
        *out = model->metagraphs;
        return INLAY_OK;
    }
    for (size_t i = 0; i < model->metagraph_count; i++)
        if (same_tags(&model->metagraphs[i], tag_set ? tag_set : "serve")) {
            *out = &model->metagraphs[i];
            return INLAY_OK;
        }
    buffer sets = {0};
    list_tag_sets(model, &sets);
    inlay_status status =
        fail_at(err, INLAY_NOT_FOUND, model->file, -1, "no metagraph has the tags \"%s\"; there are: %s",
                tag_set ? tag_set : "serve", sets.failed ? "" : (const char *)sets.data);
    buffer_free(&sets);
    return status;
}

/* ---- by key */

const saved_signature *saved_find_signature(const saved_metagraph *graph, const char *key) {
    for (size_t i = 0; i < graph->signature_count; i++)
        if (strcmp(graph->signatures[i].key, key) == 0) return &graph->signatures[i];
    return NULL;
}

const saved_collection *saved_find_collection(const saved_metagraph *graph, const char *key) {
    for (size_t i = 0; i < graph->collection_count; i++)
        if (strcmp(graph->collections[i].key, key) == 0) return &graph->collections[i];
    return NULL;
}

const saved_tensor *saved_find_tensor(const saved_tensor *tensors, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (tensors[i].key && strcmp(tensors[i].key, key) == 0) return &tensors[i];
    return NULL;
}

/* ---- the initialising op */

static const char init_key[] = "__saved_model_init_op";

/* CollectionDef {1: NodeList {1: repeated string}}, which must hold one name. */
static inlay_status only_name(saved_model *model, const saved_collection *c, const char **name, inlay_error *err) {
    wire_reader outer = saved_reader(model, c->message);
    size_t count = 0;
    for (;;) {
        wire_field list, item;
        bool got;
        TRY(wire_next(&outer, &list, &got, err));
        if (!got) break;
        if (list.number != 1 || list.type != WIRE_BYTES) continue;
        for (wire_reader inner = wire_enter(&outer, &list);;) {
            TRY(wire_next(&inner, &item, &got, err));
            if (!got) break;
            if (item.number != 1 || item.type != WIRE_BYTES) continue;
            count++;
            TRY(saved_text(model, item.data, name, err));
        }
    }
    if (count == 1) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, model->file, -1, "the collection %s holds %zu names instead of one",
                   c->key, count);
}

inlay_status saved_init_op(saved_model *model, const saved_metagraph *graph, const char **name, inlay_error *err) {
    static const char *const collections[] = {"saved_model_main_op", "legacy_init_op"};
    *name = NULL;
    const saved_signature *s = saved_find_signature(graph, init_key);
    const saved_tensor *t = s ? saved_find_tensor(s->outputs, s->output_count, init_key) : NULL;
    if (t) {
        *name = t->name;
        return INLAY_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        const saved_collection *c = saved_find_collection(graph, collections[i]);
        if (c) return only_name(model, c, name, err);
    }
    return INLAY_OK;
}
