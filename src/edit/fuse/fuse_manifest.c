#include "edit/fuse/fuse_manifest.h"

#include "base/log.h"
#include "edit/block_sums.h"
#include "edit/manifest.h"

static const char *way(const fuse_file *f) {
    if (f->converted) return "converted";
    return f->done == INLAY_LINK_REFLINK ? "reflink" : f->done == INLAY_LINK_HARD ? "hard link" : "copy";
}

static json_t *sources_json(const fuse_data *d) {
    json_t *sources = json_array();
    bool ok = sources != NULL;
    for (size_t i = 0; i < d->n_files && ok; i++) {
        const fuse_file *f = &d->files[i];
        json_t *source =
            json_pack("{sIsIsIsssi}", "rows", (json_int_t)f->source->rows, "bytes", (json_int_t)f->source->seen.size,
                      "modified_ns", (json_int_t)f->source->seen.modified_ns, "how", way(f), "shard", (int)f->shard);
        ok = source && manifest_set(source, "path", manifest_text(f->source->name));
        ok = json_array_append_new(sources, source) == 0 && ok;
    }
    if (ok) return sources;
    json_decref(sources);
    return NULL;
}

static const char *key_of(const fuse_data *d, const char *variable) {
    for (size_t i = 0; i < d->n_variables; i++)
        if (strcmp(d->variables[i].name, variable) == 0) return d->variables[i].key;
    return "";
}

static json_t *chunks_json(const fuse_data *d) {
    json_t *chunks = json_array();
    bool ok = chunks != NULL;
    for (size_t i = 0; i < d->n_chunks && ok; i++) {
        const graph_chunk *c = &d->chunks[i];
        json_t *chunk = json_pack("{sIsIsssb}", "first_row", (json_int_t)c->first_row, "rows", (json_int_t)c->count,
                                  "key", key_of(d, c->rows), "transposed", (int)c->transposed);
        ok = chunk && (!c->side || manifest_set(chunk, "side", json_string(key_of(d, c->side))));
        const fuse_blocks *b = &d->blocks[i];
        ok = ok && (!b->sums || block_sums_set(chunk, b->step, b->sums, b->n));
        ok = json_array_append_new(chunks, chunk) == 0 && ok;
    }
    if (ok) return chunks;
    json_decref(chunks);
    return NULL;
}

static json_t *collection_json(const fuse_data *d) {
    static const char *const metrics[] = {[SEARCH_COSINE] = "cosine", [SEARCH_DOT] = "dot", [SEARCH_L2] = "l2"};
    json_t *c =
        json_pack("{sssIsIsssi}", "metric", metrics[d->metric], "rows", (json_int_t)d->rows, "dim",
                  (json_int_t)d->sources->dim, "dtype", dtype_name(d->sources->type), "default_k", (int)d->options->k);
    bool ok = c && manifest_set(c, "finite", json_boolean(d->pass.counts.non_finite == 0)) &&
              manifest_set(c, "chunks", chunks_json(d)) && manifest_set(c, "sources", sources_json(d));
    if (ok && d->payload) ok = manifest_set(c, d->payload, json_pack("{ss}", "key", key_of(d, d->payload)));
    if (ok && d->options->labels)
        ok = manifest_set(json_object_get(c, "labels"), "offsets", json_sprintf("%s.labels", d->prefix));
    if (ok) return c;
    json_decref(c);
    return NULL;
}

/* The collections of the extractor's manifest, empty when it has none. One that cannot be read is left behind, with a
 * warning: a model works without it. */
static json_t *old_collections(const char *folder) {
    inlay_error error;
    json_t *root, *found = NULL;
    if (manifest_read(folder, &root, &error) != INLAY_OK) {
        log_note(INLAY_LOG_WARNING, "the manifest of the extractor is not kept: %s", error.message);
        return json_object();
    }
    json_t *collections = json_object_get(root, "collections");
    if (json_is_object(collections)) found = json_incref(collections);
    json_decref(root);
    return found ? found : json_object();
}

inlay_status fuse_write_manifest(const fuse_data *d, inlay_error *err) {
    json_t *collections = old_collections(d->folder);
    inlay_status status = INLAY_OK;
    if (!collections || !manifest_set(collections, d->options->name, collection_json(d))) status = fail_memory(err);
    if (status == INLAY_OK) status = manifest_write(d->folder, collections, NULL, err);
    json_decref(collections);
    return status;
}
