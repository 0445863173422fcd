/* Fused models with the same extractor as one: rows of the same collection one behind the other, other collections side
 * by side. Data files are taken over whole, so that nothing but labels is copied. */
#include "edit/convert/merge.h"
#include "edit/index/index.h"

#include "base/alloc.h"
#include "edit/rows/rows_edit.h"
#include "edit/rows/unfuse.h"

#include <inttypes.h>
#include <stdlib.h>

/* A collection of one of the sources. */
typedef struct part {
    size_t source;
    collection c;
    json_t *manifest; /* of the source, owned; NULL: none */
    bool taken;
} part;

typedef struct model_merge {
    const inlay_merge_options *o;
    inlay_merge_report *report;
    arena a;
    change change;
    part *parts; /* by source, then as the graph has them */
    size_t n_parts;
    int32_t *placed; /* [n_placed] the new numbers of data files that were taken over */
    int64_t *origin; /* [n_placed] whose they were: source and number */
    size_t n_placed;
} model_merge;

/* ---- opening */

static inlay_status open_parts(model_merge *m, inlay_error *err) {
    for (size_t s = 0; s < m->o->n_sources; s++) {
        saved_model *model;
        const saved_metagraph *graph;
        const char **names = NULL;
        size_t n = 0;
        TRY(saved_model_open(m->o->sources[s], false, &model, err));
        inlay_status status = saved_model_pick(model, NULL, &graph, err);
        if (status == INLAY_OK) status = collection_names(model, graph, &m->a, &names, &n, err);
        saved_model_close(model);
        TRY(status);
        if (n == 0)
            return fail_at(err, INLAY_UNIMPLEMENTED, m->o->sources[s], -1,
                           "holds no fused embeddings: only fused models are merged");
        part *grown = mem_realloc(m->parts, (m->n_parts + n) * sizeof *grown);
        if (!grown) return fail_memory(err);
        m->parts = grown;
        for (size_t i = 0; i < n; i++) {
            part *p = &m->parts[m->n_parts];
            *p = (part){.source = s};
            m->n_parts++;
            TRY(collection_open(m->o->sources[s], names[i], &m->a, &p->c, err));
            TRY(manifest_read(m->o->sources[s], &p->manifest, err));
        }
    }
    return INLAY_OK;
}

static json_t *part_json(const part *p) {
    json_t *c = json_object_get(json_object_get(p->manifest, "collections"), p->c.name);
    return json_is_object(c) ? c : NULL;
}

/* ---- the same extractor */

/* The graph of the model in PATH without any collection. */
static inlay_status bare_graph(const char *path, arena *a, buffer *out, inlay_error *err) {
    saved_model *model;
    const saved_metagraph *graph;
    const char **names;
    size_t n;
    TRY(saved_model_open(path, false, &model, err));
    for (;;) {
        collection c;
        buffer next = {0}, objects = {0};
        inlay_status status = saved_model_pick(model, NULL, &graph, err);
        if (status == INLAY_OK) status = collection_names(model, graph, a, &names, &n, err);
        if (status == INLAY_OK && n == 0) buffer_append_bytes(out, model->message);
        if (status != INLAY_OK || n == 0) {
            saved_model_close(model);
            return status == INLAY_OK ? buffer_check(out, err) : status;
        }
        /* The last one first: another may be asked through an earlier one's query. */
        status = collection_open_model(model, names[n - 1], a, &c, err);
        if (status == INLAY_OK) status = unfuse(&c, UNFUSE_REMOVE, a, &next, &objects, err);
        if (status == INLAY_OK) status = saved_model_open_edited(c.model, &next, &model, err);
        collection_close(&c);
        buffer_free(&next);
        buffer_free(&objects);
        TRY(status);
    }
}

static bool is_owned(const model_merge *m, size_t source, bytes key) {
    for (size_t i = 0; i < m->n_parts; i++) {
        const part *p = &m->parts[i];
        size_t n = strlen(p->c.prefix);
        if (p->source == source && bytes_start_with(key, p->c.prefix) && key.size > n && key.data[n] == '/')
            return true;
    }
    return false;
}

static const part *first_of(const model_merge *m, size_t source) {
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].source == source) return &m->parts[i];
    return NULL;
}

/* The variables of both but for those of collections: the same keys, shapes and checksums. */
static inlay_status compare_variables(const model_merge *m, size_t source, inlay_error *err) {
    const bundle *a = first_of(m, 0)->c.bundle, *b = first_of(m, source)->c.bundle;
    size_t left = 0;
    for (size_t i = 0; i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        if (is_owned(m, source, e->key) || bytes_is(e->key, BUNDLE_OBJECTS_KEY)) continue;
        const bundle_entry *other = bundle_find(a, e->key);
        left++;
        if (!other || other->type != e->type || !shape_equal(&other->dims, &e->dims) || other->crc != e->crc)
            return fail_at(err, INLAY_FAILED_PRECONDITION, m->o->sources[source], -1,
                           "has another extractor than %s: variable %.*s differs", m->o->sources[0],
                           (int)(e->key.size < 200 ? e->key.size : 200), (const char *)e->key.data);
    }
    for (size_t i = 0; i < bundle_count(a); i++) {
        const bundle_entry *e = bundle_at(a, i);
        left -= !is_owned(m, 0, e->key) && !bytes_is(e->key, BUNDLE_OBJECTS_KEY);
    }
    if (left == 0) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, m->o->sources[source], -1,
                   "has another extractor than %s: not the same variables", m->o->sources[0]);
}

static inlay_status compare_assets(const model_merge *m, size_t source, inlay_error *err) {
    const part *a = first_of(m, 0), *b = first_of(m, source);
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < b->c.graph->asset_count && status == INLAY_OK; i++) {
        char *one = NULL, *other = NULL;
        status = saved_asset_path(a->c.model, &b->c.graph->assets[i], &one, err);
        if (status == INLAY_OK) status = saved_asset_path(b->c.model, &b->c.graph->assets[i], &other, err);
        if (status == INLAY_OK && file_compare(one, other, NULL) != INLAY_OK)
            status = fail_at(err, INLAY_FAILED_PRECONDITION, other, -1, "differs from %s", one);
        mem_free(one);
        mem_free(other);
    }
    return status;
}

/* Whether the source has no extractor: its searches are asked with an input that fuse made. */
static bool asks_itself(const model_merge *m, size_t source) {
    for (size_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].source == source && m->parts[i].c.own_query) return true;
    return false;
}

/* The graphs without any collection must be the same, byte for byte. */
static inlay_status compare_extractors(model_merge *m, inlay_error *err) {
    buffer first = {0}, other = {0};
    bool none = asks_itself(m, 0);
    inlay_status status = none ? INLAY_OK : bare_graph(m->o->sources[0], &m->a, &first, err);
    for (size_t s = 1; s < m->o->n_sources && status == INLAY_OK; s++) {
        buffer_clear(&other);
        if (!none || !asks_itself(m, s)) status = bare_graph(m->o->sources[s], &m->a, &other, err);
        if (status == INLAY_OK && !bytes_equal(buffer_bytes(&first), buffer_bytes(&other)))
            status = fail_at(err, INLAY_FAILED_PRECONDITION, m->o->sources[s], -1,
                             "has another extractor than %s: the graphs differ", m->o->sources[0]);
        if (status == INLAY_OK) status = compare_variables(m, s, err);
        if (status == INLAY_OK) status = compare_assets(m, s, err);
    }
    buffer_free(&first);
    buffer_free(&other);
    return status;
}

/* ---- data files */

typedef void entry_fn(model_merge *m, size_t source, const bundle_entry *e);

static void each_entry(model_merge *m, entry_fn *fn) {
    for (size_t i = 0; i < m->n_parts; i++) {
        const part *p = &m->parts[i];
        for (size_t j = 0; p->source > 0 && j < p->c.n_chunks; j++) {
            fn(m, p->source, p->c.chunks[j].stored);
            if (p->c.chunks[j].factor) fn(m, p->source, p->c.chunks[j].factor);
        }
        if (p->source > 0 && p->c.payload) fn(m, p->source, p->c.payload_stored);
    }
}

static int64_t origin_of(size_t source, int32_t shard) {
    return (int64_t)source << 32 | shard;
}

static void note_file(model_merge *m, size_t source, const bundle_entry *e) {
    int64_t origin = origin_of(source, e->shard);
    for (size_t i = m->n_placed; i > 0; i--)
        if (m->origin[i - 1] == origin) return;
    m->origin[m->n_placed++] = origin;
}

/* All data files of the others that a collection needs, before any is placed: they must be announced. */
static inlay_status list_files(model_merge *m, inlay_error *err) {
    size_t most = 1;
    for (size_t i = 0; i < m->n_parts; i++) most += 2 * m->parts[i].c.n_chunks + 1;
    m->origin = arena_zalloc(&m->a, most, sizeof *m->origin);
    m->placed = arena_zalloc(&m->a, most, sizeof *m->placed);
    if (!m->origin || !m->placed) return fail_memory(err);
    each_entry(m, note_file);
    return INLAY_OK;
}

static inlay_status place_files(model_merge *m, inlay_error *err) {
    for (size_t i = 0; i < m->n_placed; i++) {
        const part *p = first_of(m, (size_t)(m->origin[i] >> 32));
        char *path = bundle_data_path(p->c.bundle_prefix, (int32_t)m->origin[i], bundle_shards(p->c.bundle));
        inlay_status status = path
                                  ? bundle_edit_place(m->change.bundle, path, INLAY_LINK_AUTO, NULL, &m->placed[i], err)
                                  : fail_memory(err);
        mem_free(path);
        TRY(status);
    }
    return INLAY_OK;
}

static int32_t placed_as(const model_merge *m, size_t source, int32_t shard) {
    for (size_t i = 0; i < m->n_placed; i++)
        if (m->origin[i] == origin_of(source, shard)) return m->placed[i];
    return 0;
}

/* ---- collections */

static inlay_status put_linked(model_merge *m, rows_edit *e, const part *p, const char *name, const bundle_entry *old,
                               inlay_error *err) {
    return rows_put_entry(e, name, old->type, &old->dims, placed_as(m, p->source, old->shard), old->offset, old->size,
                          old->crc, err);
}

/* The chunks of P behind those there are. A collection that is only there keeps its names. */
static inlay_status add_chunks(model_merge *m, rows_edit *e, const part *p, bool keep_names, inlay_error *err) {
    for (size_t i = 0; i < p->c.n_chunks; i++) {
        const collection_chunk *k = &p->c.chunks[i];
        size_t number = keep_names ? 0 : e->next_variable++;
        next_chunk next = {
            .rows = k->rows, .side = k->side, .count = k->count, .transposed = k->transposed, .guarded = k->guarded};
        if (!keep_names) TRY(rows_variable(e, "rows", number, &next.rows, err));
        if (!keep_names && k->side) TRY(rows_variable(e, "side", number, &next.side, err));
        TRY(put_linked(m, e, p, next.rows, k->stored, err));
        if (k->factor) TRY(put_linked(m, e, p, next.side, k->factor, err));
        const char *key = fuse_variable_key(e->c.form, e->c.prefix, next.rows, &e->a),
                   *side = next.side ? fuse_variable_key(e->c.form, e->c.prefix, next.side, &e->a) : NULL;
        if (!key || (next.side && !side)) return fail_memory(err);
        if (e->manifest) {
            next.json = rows_old_json(&p->c, part_json(p), i);
            if (!next.json)
                next.json = json_pack("{sIsb}", "rows", (json_int_t)k->count, "transposed", (int)k->transposed);
            if (!next.json || !manifest_set(next.json, "key", json_string(key)) ||
                (side && !manifest_set(next.json, "side", json_string(side)))) {
                json_decref(next.json);
                return fail_memory(err);
            }
        }
        TRY(rows_add_chunk(e, &next, err));
    }
    return INLAY_OK;
}

/* Where the rows of P came from, as numbers of its new data files. */
static inlay_status add_sources(const model_merge *m, rows_edit *e, const part *p, inlay_error *err) {
    const json_t *source;
    size_t i;
    json_t *to = json_object_get(e->manifest, "sources");
    if (!json_is_array(to)) return INLAY_OK;
    json_array_foreach(json_object_get(part_json(p), "sources"), i, source) {
        json_t *copy = json_copy((json_t *)source);
        int32_t shard = (int32_t)json_integer_value(json_object_get(source, "shard"));
        if (!copy || !manifest_set(copy, "shard", json_integer(placed_as(m, p->source, shard))) ||
            json_array_append(to, copy) != 0) {
            json_decref(copy);
            return fail_memory(err);
        }
        json_decref(copy);
    }
    return INLAY_OK;
}

static inlay_status read_payload(const collection *c, tensor **out, inlay_error *err) {
    TRY(bundle_check(c->bundle, c->payload_stored, err));
    return c->payload_stored->type == INLAY_STRING ? rows_open_labels(c, out, err)
                                                   : bundle_read(c->bundle, c->payload_stored, out, err);
}

static inlay_status join_payload(rows_edit *e, part *const *parts, size_t n, inlay_error *err) {
    labels_piece *pieces = arena_zalloc(&e->a, n, sizeof *pieces);
    tensor **held = arena_zalloc(&e->a, n, sizeof *held);
    inlay_status status = pieces && held ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < n && status == INLAY_OK; i++) {
        status = read_payload(&parts[i]->c, &held[i], err);
        if (status == INLAY_OK) pieces[i] = (labels_piece){held[i], 0, held[i]->count, NULL};
    }
    if (status == INLAY_OK)
        status = e->c.payload_stored->type == INLAY_STRING ? rows_put_labels(e, pieces, n, err)
                                                           : rows_put_ids(e, pieces, n, NULL, err);
    for (size_t i = 0; held && i < n; i++) tensor_release(held[i]);
    return status;
}

/* The one payload of a collection that is new here, and its table of offsets. */
static inlay_status link_payload(model_merge *m, rows_edit *e, const part *p, inlay_error *err) {
    const char *table = arena_format(&e->a, "assets.extra/%s.labels", p->c.prefix);
    if (!table) return fail_memory(err);
    TRY(put_linked(m, e, p, p->c.payload_variable, p->c.payload_stored, err));
    char *from = path_join(p->c.model->folder, table);
    inlay_status status = from ? INLAY_OK : fail_memory(err);
    if (from && file_exists(from)) {
        status = change_put_file(&m->change, table, (bytes){0}, err);
        const char *to = status == INLAY_OK ? change_staged(&m->change, table, err) : NULL;
        if (status == INLAY_OK && !to) status = err ? err->code : INLAY_RESOURCE_EXHAUSTED;
        if (status == INLAY_OK) status = file_place(from, to, INLAY_LINK_AUTO, NULL, NULL, err);
    }
    mem_free(from);
    return status;
}

static inlay_status check_alike(const model_merge *m, const part *a, const part *b, inlay_error *err) {
    const char *what =
        a->c.metric != b->c.metric ? "metric"
        : a->c.dim != b->c.dim     ? "dimension"
        : a->c.type != b->c.type   ? "dtype"
        : (a->c.payload != NULL) != (b->c.payload != NULL) || (a->c.payload && strcmp(a->c.payload, b->c.payload) != 0)
            ? "kind of labels or ids"
        : strcmp(a->c.signature->key, b->c.signature->key) != 0 ? "signature"
                                                                : NULL;
    if (!what) return INLAY_OK;
    return fail_at(err, INLAY_FAILED_PRECONDITION, m->o->sources[b->source], -1,
                   "collection %s has another %s than in %s", b->c.name, what, m->o->sources[a->source]);
}

/* The manifest's entry of a collection that is new here. */
static inlay_status new_manifest(model_merge *m, rows_edit *e, const part *p, inlay_error *err) {
    json_t *all = json_object_get(m->change.manifest, "collections"), *old = part_json(p);
    if (!json_is_object(all) || !old) return INLAY_OK; /* it cannot be told what is not known */
    json_t *copy = json_deep_copy(old);
    if (!copy || !manifest_set(copy, "sources", json_array()) || json_object_set(all, p->c.name, copy) != 0) {
        json_decref(copy);
        return fail_memory(err);
    }
    e->manifest = copy;
    json_decref(copy);
    return add_sources(m, e, p, err);
}

static inlay_status merge_chunks(model_merge *m, rows_edit *e, part *const *parts, size_t n, inlay_error *err) {
    bool here = parts[0]->source == 0;
    if (!here) TRY(new_manifest(m, e, parts[0], err));
    for (size_t i = 0; here && i < parts[0]->c.n_chunks; i++) TRY(rows_keep(e, i, err));
    for (size_t i = here; i < n; i++) {
        if (parts[i]->c.next_variable > e->next_variable && i == 0) e->next_variable = parts[i]->c.next_variable;
        TRY(add_chunks(m, e, parts[i], i == 0, err));
        if (i) TRY(add_sources(m, e, parts[i], err));
    }
    if (parts[0]->c.payload) TRY(n > 1 ? join_payload(e, parts, n, err) : link_payload(m, e, parts[0], err));
    TRY(rows_rebuild_graph(e, err));
    return rows_edit_manifest(e, err);
}

static inlay_status check_keys_free(const model_merge *m, const part *p, inlay_error *err) {
    for (int i = 0; i < FUSE_PARTS; i++) {
        const char *key = i == FUSE_SEARCH ? p->c.signature->key : p->c.parts[i];
        if (key && saved_find_signature(first_of(m, 0)->c.graph, key))
            return fail_at(err, INLAY_ALREADY_EXISTS, m->o->sources[0], -1,
                           "the model has a signature called %s, which is the %s of %s in %s", key,
                           i == FUSE_SEARCH ? "search" : "part", p->c.name, m->o->sources[p->source]);
    }
    return INLAY_OK;
}

/* Everything of one name. */
static inlay_status merge_name(model_merge *m, part *const *parts, size_t n, inlay_error *err) {
    const part *base = parts[0];
    rows_edit e = {.change = &m->change, .c = base->c, .is_new = base->source > 0};
    json_t *named = json_object_get(m->change.manifest, "collections");
    for (size_t i = 1; i < n; i++) TRY(check_alike(m, base, parts[i], err));
    for (size_t i = 0; i < n; i++) m->report->rows += parts[i]->c.rows;
    if (n == 1 && !e.is_new) return INLAY_OK;
    if (e.is_new) TRY(check_keys_free(m, base, err));
    arena_init(&e.a, 0);
    inlay_status status = INLAY_OK;
    if (e.is_new && strncmp(base->c.query, "inlay_", 6) == 0) e.c.own_query = true; /* or that of another search */
    e.payload_variable = base->c.payload_variable;
    e.next_variable = base->c.next_variable;
    if (e.is_new) {
        status = collection_checkpoint_objects(&first_of(m, 0)->c, &m->a, &e.c.objects, err);
    } else {
        e.manifest = json_object_get(named, base->c.name);
        if (!json_is_object(e.manifest)) e.manifest = NULL;
    }
    if (status == INLAY_OK) status = merge_chunks(m, &e, parts, n, err);
    if (status == INLAY_OK) change_note(&m->change, "%s: %zu part%s", base->c.name, n, n == 1 ? "" : "s");
    for (size_t i = 0; i < e.n_chunks; i++) json_decref(e.chunks[i].json);
    mem_free(e.chunks);
    arena_free(&e.a);
    return status;
}

static inlay_status merge_all(model_merge *m, inlay_error *err) {
    part **same = arena_zalloc(&m->a, m->n_parts, sizeof *same);
    if (!same) return fail_memory(err);
    for (size_t i = 0; i < m->n_parts; i++) {
        size_t n = 0;
        if (m->parts[i].taken) continue;
        for (size_t j = i; j < m->n_parts; j++) {
            if (strcmp(m->parts[j].c.name, m->parts[i].c.name) != 0) continue;
            m->parts[j].taken = true;
            same[n++] = &m->parts[j];
        }
        TRY(merge_name(m, same, n, err));
    }
    return INLAY_OK;
}

/* ---- the whole */

/* The model is in place: what cannot be counted for lack of memory is no failure. */
static void fill_report(model_merge *m) {
    char *prefix = path_join(m->o->output, "variables/variables");
    bundle *b = NULL;
    inlay_error ignored;
    if (prefix) bundle_open(prefix, false, &b, &ignored);
    int32_t last = -1;
    for (size_t i = 0; b && i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        if (e->size && e->shard > last) last = e->shard;
    }
    for (int32_t s = 0; s <= last; s++) {
        char *path = bundle_data_path(prefix, s, bundle_shards(b));
        m->report->shards += path && file_exists(path);
        mem_free(path);
    }
    if (b) m->report->tensors = bundle_count(b);
    bundle_close(b);
    mem_free(prefix);
}

inlay_status merge_models(const inlay_merge_options *options, inlay_merge_report *report, inlay_error *err) {
    inlay_merge_report unused;
    model_merge m = {.o = options, .report = report ? report : &unused};
    inlay_edit_options how = {.size = sizeof how, .output = options->output};
    *m.report = (inlay_merge_report){0};
    arena_init(&m.a, 0);
    inlay_status status = INLAY_OK;
    if (options->force && file_exists(options->output))
        TRY_TO(done, fail_at(err, INLAY_UNIMPLEMENTED, options->output, -1,
                             "is there already; merged models replace nothing: remove it first"));
    TRY_TO(done, open_parts(&m, err));
    TRY_TO(done, compare_extractors(&m, err));
    TRY_TO(done, list_files(&m, err));
    change_needs needs = {.files = (int32_t)m.n_placed};
    TRY_TO(done, change_begin(options->sources[0], &how, &needs, &m.change, err));
    status = place_files(&m, err);
    if (status == INLAY_OK) status = merge_all(&m, err);
    if (status == INLAY_OK) m.change.reindex = index_is_there(m.change.path);
    if (status == INLAY_OK) status = change_commit(&m.change, err);
    change_abandon(&m.change);
    if (status == INLAY_OK) fill_report(&m);
done:
    for (size_t i = 0; i < m.n_parts; i++) {
        collection_close(&m.parts[i].c);
        json_decref(m.parts[i].manifest);
    }
    mem_free(m.parts);
    arena_free(&m.a);
    return status;
}
