#include "base/alloc.h"
#include "edit/rows/rebuild.h"
#include "edit/rows/rows_edit.h"
#include "edit/rows/unfuse.h"

static inlay_status list_variables(rows_edit *e, fuse_graph *g, inlay_error *err) {
    const collection *c = &e->c;
    fuse_variable *list = arena_zalloc(&e->a, 2 * e->n_chunks + 1, sizeof *list);
    graph_chunk *chunks = arena_zalloc(&e->a, e->n_chunks, sizeof *chunks);
    int64_t rows = 0;
    if (!list || !chunks) return fail_memory(err);
    for (size_t i = 0; i < e->n_chunks; i++) {
        const next_chunk *k = &e->chunks[i];
        shape dims = k->transposed ? shape_matrix(c->dim, k->count) : shape_matrix(k->count, c->dim);
        list[g->n_variables++] = (fuse_variable){.name = k->rows, .type = c->type, .dims = dims};
        if (k->side)
            list[g->n_variables++] =
                (fuse_variable){.name = k->side, .type = INLAY_FLOAT32, .dims = shape_vector(k->count)};
        chunks[i] = (graph_chunk){k->rows, k->side, k->count, rows, k->transposed, k->guarded};
        rows += k->count;
    }
    if (c->payload)
        list[g->n_variables++] =
            (fuse_variable){.name = e->payload_variable, .type = c->payload_stored->type, .dims = shape_vector(rows)};
    for (size_t i = 0; i < g->n_variables; i++)
        if (!(list[i].key = fuse_variable_key(c->form, c->prefix, list[i].name, &e->a))) return fail_memory(err);
    g->variables = list;
    g->chunks = chunks;
    g->n_chunks = e->n_chunks;
    return INLAY_OK;
}

/* The model as it is so far: an earlier collection of the same edit may have changed its graph. *own is to be closed.
 */
static inlay_status open_current(rows_edit *e, saved_model **own, saved_model **out, inlay_error *err) {
    change *c = e->change;
    buffer copy = {0};
    *own = NULL;
    *out = c->model;
    if (!c->has_whole_graph) return INLAY_OK;
    buffer_append_bytes(&copy, buffer_bytes(&c->whole_graph));
    inlay_status status = buffer_check(&copy, err);
    if (status == INLAY_OK) status = saved_model_open_edited(c->model, &copy, own, err);
    buffer_free(&copy);
    *out = *own;
    return status;
}

/* What the collection is put into: for one that is there the model without it. *made is to be closed. */
static inlay_status open_base(rows_edit *e, const collection *c, saved_model *current, buffer *objects,
                              saved_model **made, fuse_extractor *out, inlay_error *err) {
    buffer without = {0};
    if (e->is_new && c->own_query) {
        *out = (fuse_extractor){.form = FUSE_NO_EXTRACTOR, .model = current};
        return saved_model_pick(current, NULL, &out->graph, err);
    }
    if (e->is_new) return collection_extractor(c, current, c->objects, &e->a, out, err);
    inlay_status status = unfuse(c, UNFUSE_REBUILD, &e->a, &without, objects, err);
    if (status == INLAY_OK) status = saved_model_open_edited(c->model, &without, made, err);
    buffer_free(&without);
    return status == INLAY_OK ? collection_extractor(c, *made, buffer_bytes(objects), &e->a, out, err) : status;
}

inlay_status rows_rebuild_graph(rows_edit *e, inlay_error *err) {
    collection c = e->c; /* in the model as it is so far */
    buffer objects = {0}, graph = {0}, next_objects = {0};
    saved_model *current = NULL, *base = NULL, *own = NULL;
    fuse_extractor extractor;
    fuse_graph g = {.name = c.signature->key,
                    .prefix = c.prefix,
                    .default_k = c.default_k,
                    .make_default = c.is_default && !e->is_new,
                    .dim = c.dim,
                    .metric = c.metric,
                    .type = c.type,
                    .payload = c.payload,
                    .payload_variable = e->payload_variable,
                    .payload_type = c.payload ? c.payload_stored->type : INLAY_INVALID_DTYPE};
    inlay_status status;
    memcpy(g.parts, c.parts, sizeof g.parts);
    TRY_TO(done, list_variables(e, &g, err));
    TRY_TO(done, open_current(e, &own, &current, err));
    if (own && !e->is_new) TRY_TO(done, collection_move(&c, current, &e->a, err));
    if (e->change->objects.data) c.objects = buffer_bytes(&e->change->objects);
    TRY_TO(done, open_base(e, &c, current, &objects, &base, &extractor, err));
    TRY_TO(done, fuse_write_graph(&extractor, &g, &e->a, &graph, &next_objects, err));
    change_graph(e->change, &graph);
    buffer_free(&e->change->objects);
    e->change->objects = next_objects;
    next_objects = (buffer){0};
done:
    saved_model_close(base);
    saved_model_close(own);
    buffer_free(&objects);
    buffer_free(&graph);
    buffer_free(&next_objects);
    return status;
}

inlay_status rows_edit_manifest(rows_edit *e, inlay_error *err) {
    if (!e->manifest) return INLAY_OK;
    json_t *chunks = json_array();
    int64_t rows = 0;
    bool ok = chunks != NULL;
    for (size_t i = 0; i < e->n_chunks && ok; i++) {
        json_t *chunk = e->chunks[i].json;
        e->chunks[i].json = NULL;
        ok = chunk && manifest_set(chunk, "first_row", json_integer(rows));
        ok = json_array_append_new(chunks, chunk) == 0 && ok;
        rows += e->chunks[i].count;
    }
    ok = manifest_set(e->manifest, "chunks", chunks) && ok;
    ok = ok && manifest_set(e->manifest, "rows", json_integer(rows)) &&
         manifest_set(e->manifest, "next_variable", json_integer((json_int_t)e->next_variable));
    if (ok && e->c.payload) {
        const char *key = fuse_variable_key(e->c.form, e->c.prefix, e->payload_variable, &e->a);
        ok = key && manifest_set(json_object_get(e->manifest, e->c.payload), "key", json_string(key));
    }
    return ok ? INLAY_OK : fail_memory(err);
}
