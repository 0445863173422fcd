#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "edit/fuse/row_pass.h"
#include "edit/rows/collection.h"
#include "edit/verify/verify_parts.h"
#include "format/labels_offsets.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- what the manifest says of a search */

static void unfit(verify_job *j, const char *search, const char *what, bytes key) {
    finding *f =
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, j->manifest_path, "search %s: %s%s%s",
                     search, what, key.size ? " " : "", key.size ? key_shown(&j->found, key) : "");
    f->shown.key = (inlay_string){(const char *)key.data, key.size};
}

static bool get_whole(const json_t *object, const char *key, int64_t *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_is_integer(value) ? json_integer_value(value) : -1;
    return *out >= 0;
}

static bytes get_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? bytes_of(text) : bytes_make("", 0);
}

static void take_source(fused_chunk *c, const json_t *sources, const bundle_entry *e) {
    size_t i;
    const json_t *s;
    json_array_foreach(sources, i, s) {
        int64_t shard, size;
        const json_t *modified = json_object_get(s, "modified_ns");
        const char *how = json_string_value(json_object_get(s, "how")),
                   *path = json_string_value(json_object_get(s, "path"));
        if (!get_whole(s, "shard", &shard) || shard != e->shard || !get_whole(s, "bytes", &size) || !how || !path ||
            !json_is_integer(modified))
            continue;
        c->has_source = true;
        c->source = path;
        c->hard_linked = strcmp(how, "hard link") == 0;
        c->source_bytes = (uint64_t)size;
        c->source_modified_ns = json_integer_value(modified);
        return;
    }
}

typedef struct searched {
    const char *name, *metric;
    int64_t rows, dim;
    dtype type;
    bool finite;
    const json_t *sources;
} searched;

/* The chunk as the index has it; its entry, or NULL after a finding. */
static checked *rows_of_chunk(verify_job *j, const searched *s, const fused_chunk *c) {
    checked *t = find_checked(j, c->key);
    if (!t) return unfit(j, s->name, "the index has no rows", c->key), NULL;
    shape wanted = c->transposed ? shape_matrix(s->dim, c->rows) : shape_matrix(c->rows, s->dim);
    if (t->entry->type != s->type || t->entry->n_slices || !shape_equal(&t->entry->dims, &wanted))
        return unfit(j, s->name, "another dtype or shape than the manifest's has", c->key), NULL;
    return t;
}

static void take_side(verify_job *j, const searched *s, fused_chunk *c) {
    if (c->side.size == 0) {
        if (strcmp(s->metric, "dot") != 0) unfit(j, s->name, "no side factors are named for", c->key);
        return;
    }
    checked *t = find_checked(j, c->side);
    shape wanted = shape_vector(c->rows);
    if (!t)
        unfit(j, s->name, "the index has no side factors", c->side);
    else if (t->entry->type != INLAY_FLOAT32 || t->entry->n_slices || !shape_equal(&t->entry->dims, &wanted))
        unfit(j, s->name, "another dtype or shape than one float32 a row has", c->side);
    else
        c->side_of = t, t->is_side = true;
}

static void take_chunk(verify_job *j, const searched *s, const json_t *chunk, int64_t *next) {
    fused_chunk *c = &j->chunks[j->n_chunks];
    *c = (fused_chunk){.search = s->name, .metric = s->metric, .dim = s->dim, .finite = s->finite};
    c->key = get_text(chunk, "key");
    c->side = get_text(chunk, "side");
    c->transposed = json_is_true(json_object_get(chunk, "transposed"));
    if (!get_whole(chunk, "first_row", &c->first_row) || !get_whole(chunk, "rows", &c->rows) || c->key.size == 0) {
        unfit(j, s->name, "a chunk is malformed in the manifest", bytes_make("", 0));
        return;
    }
    if (c->first_row != *next) unfit(j, s->name, "rows do not follow the chunk before:", c->key);
    if (__builtin_add_overflow(c->first_row, c->rows, next)) return;
    checked *t = rows_of_chunk(j, s, c);
    take_side(j, s, c);
    if (!t || t->chunk) return;
    block_sums_of(chunk, t->entry, &c->blocks);
    take_source(c, s->sources, t->entry);
    t->chunk = c;
    j->n_chunks++;
}

/* ---- labels and ids */

static void check_offsets(verify_job *j, const char *name, const char *table, const bundle_entry *e, int64_t rows) {
    char *folder = path_join(j->folder, "assets.extra"), *path = folder ? path_join(folder, table) : NULL;
    file_map *map = NULL;
    inlay_error what;
    labels_tie tie;
    const void *offsets;
    inlay_status status = path ? file_map_open(path, false, &map, &what) : INLAY_RESOURCE_EXHAUSTED;
    if (!path) j->found.failed = true;
    if (status == INLAY_OK) status = labels_offsets_parse(file_map_bytes(map), path, &tie, &offsets, &what);
    if (status == INLAY_OK && !j->o->fast) status = labels_offsets_check(file_map_bytes(map), path, &what);
    if (path && status != INLAY_OK)
        findings_add_error(&j->found, path, &what);
    else if (path && (tie.crc != e->crc || tie.count != (uint64_t)rows))
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, path,
                     "search %s: the table of where labels begin is of other labels", name);
    file_map_release(map);
    mem_free(path);
    mem_free(folder);
}

static void check_payload(verify_job *j, const searched *s, const json_t *collection, const char *what, dtype type) {
    const json_t *payload = json_object_get(collection, what);
    if (!payload) return;
    bytes key = get_text(payload, "key");
    const checked *t = find_checked(j, key);
    shape wanted = shape_vector(s->rows);
    if (!t) {
        unfit(j, s->name, "the index has no", key);
        return;
    }
    if (t->entry->type != type || !shape_equal(&t->entry->dims, &wanted))
        unfit(j, s->name, "not one for each row:", key);
    const char *table = json_string_value(json_object_get(payload, "offsets"));
    if (table && !strchr(table, '/') && table[0] != '.') check_offsets(j, s->name, table, t->entry, s->rows);
}

/* ---- sources that are not the model's own bytes */

static void note_sources(verify_job *j, const searched *s) {
    size_t i;
    const json_t *source;
    json_array_foreach(s->sources, i, source) {
        file_info info;
        int64_t size;
        const char *path = json_string_value(json_object_get(source, "path")),
                   *how = json_string_value(json_object_get(source, "how"));
        const json_t *modified = json_object_get(source, "modified_ns");
        if (!path || !how || !get_whole(source, "bytes", &size) || !json_is_integer(modified)) continue;
        if (strcmp(how, "hard link") == 0 || file_stat(path, true, &info, NULL) != INLAY_OK || info.is_folder) continue;
        if (info.size != (uint64_t)size || info.modified_ns != json_integer_value(modified))
            findings_add(&j->found, INLAY_FINDING_NOTE, INLAY_CAUSE_SOURCE_REWRITTEN, path,
                         "search %s: the source was written again after fusing; the model has its rows as they were",
                         s->name);
    }
}

/* ---- all of it */

static void take_collection(verify_job *j, const char *name, const json_t *collection) {
    searched s = {.name = name, .metric = json_string_value(json_object_get(collection, "metric"))};
    const char *type = json_string_value(json_object_get(collection, "dtype"));
    const json_t *chunk, *chunks = json_object_get(collection, "chunks");
    if (!s.metric || !type || !get_whole(collection, "rows", &s.rows) || !get_whole(collection, "dim", &s.dim) ||
        !json_is_array(chunks)) {
        unfit(j, name, "it is malformed in the manifest", bytes_make("", 0));
        return;
    }
    s.type = dtype_of_name(type);
    s.finite = json_is_true(json_object_get(collection, "finite"));
    s.sources = json_object_get(collection, "sources");
    int64_t next = 0;
    size_t i;
    json_array_foreach(chunks, i, chunk) take_chunk(j, &s, chunk, &next);
    if (next != s.rows) unfit(j, name, "the chunks have not as many rows as the search", bytes_make("", 0));
    check_payload(j, &s, collection, "labels", INLAY_STRING);
    check_payload(j, &s, collection, "ids", INLAY_INT64);
    note_sources(j, &s);
}

inlay_status list_chunks(verify_job *j, inlay_error *err) {
    json_t *collections = json_object_get(j->manifest, "collections"), *c;
    const char *name;
    size_t most = 0;
    json_object_foreach(collections, name, c) most += json_array_size(json_object_get(c, "chunks"));
    j->chunks = arena_zalloc(&j->a, most + 1, sizeof *j->chunks);
    if (!j->chunks) return fail_memory(err);
    json_object_foreach(collections, name, c) take_collection(j, name, c);
    return INLAY_OK;
}

/* ---- rows and their side factors, in one pass */

/* Rounding differs from one kind of processor to another. */
static bool is_near(float stored, float made) {
    return fabs((double)stored - (double)made) <= 4e-6 * fabs((double)made) || stored == made;
}

typedef struct comparing {
    const uint8_t *stored; /* NULL: not to be compared */
    bool dot, l2;
    _Atomic int64_t tombstones, first_differing; /* row of the chunk, INT64_MAX: none */
} comparing;

static void note_differing(comparing *to, int64_t row) {
    int64_t first = to->first_differing;
    while (row < first && !atomic_compare_exchange_weak(&to->first_differing, &first, row)) {}
}

/* Called by many threads at once. */
static inlay_status compare_sides(void *user, int64_t at, const float *sides, size_t rows, inlay_error *err) {
    (void)err;
    comparing *to = user;
    int64_t tombstones = 0;
    for (size_t i = 0; i < rows && to->stored; i++) {
        float stored = load_f32(to->stored + ((size_t)at + i) * sizeof stored);
        if (to->l2 ? isinf(stored) : isnan(stored))
            tombstones++;
        else if (!is_near(stored, to->dot ? 1 : sides[i]))
            note_differing(to, at + (int64_t)i);
    }
    if (tombstones) to->tombstones += tombstones;
    return INLAY_OK;
}

static search_metric metric_of(const char *name) {
    return strcmp(name, "cosine") == 0 ? SEARCH_COSINE : strcmp(name, "l2") == 0 ? SEARCH_L2 : SEARCH_DOT;
}

static bool fits_pass(const row_pass *p, search_metric metric, const checked *t) {
    return p->side && p->metric == metric && p->dim == t->chunk->dim && p->type == t->entry->type;
}

static inlay_status keep_blocks(verify_job *j, fused_chunk *c, const row_pass *p, uint64_t size, inlay_error *err) {
    TRY(buffer_check(&p->blocks, err));
    uint64_t step = row_pass_block_bytes(p, c->transposed, c->rows), n = step ? (size - 1) / step + 1 : 0;
    if (!c->blocks.step || step != c->blocks.step || p->blocks.size / sizeof(uint32_t) != n) {
        c->blocks.step = 0;
        return INLAY_OK;
    }
    uint32_t *sums = arena_alloc(&j->a, p->blocks.size);
    if (!sums) return fail_memory(err);
    memcpy(sums, p->blocks.data, p->blocks.size);
    c->calculated = sums;
    return INLAY_OK;
}

inlay_status sum_chunk(verify_job *j, checked *t, inlay_error *err) {
    fused_chunk *c = t->chunk;
    const checked *side = c->side_of;
    search_metric metric = metric_of(c->metric);
    comparing to = {.dot = metric == SEARCH_DOT, .l2 = metric == SEARCH_L2, .first_differing = INT64_MAX};
    if (side && side->readable && side->file->map) to.stored = side->file->map->data + side->entry->offset;
    if (!j->pass) {
        j->pass = arena_zalloc(&j->a, 1, sizeof *j->pass);
        if (!j->pass) return fail_memory(err);
    }
    row_pass *p = j->pass;
    if (!fits_pass(p, metric, t)) {
        if (p->side) row_pass_free(p);
        TRY(row_pass_init(p, metric, c->dim, t->entry->type, (row_sides){.fn = compare_sides, .any_order = true},
                          &j->progress, err));
    }
    p->sides.user = &to;
    p->counts = (row_counts){0, -1, 0, -1};
    row_pass_begin(p);
    const uint8_t *data = t->file->map->data + t->entry->offset;
    uint32_t crc = 0;
    if (c->transposed)
        TRY(row_pass_transposed(p, data, c->rows, 0, &crc, err));
    else
        TRY(row_pass_rows(p, data, c->rows, 0, &crc, err));
    TRY(keep_blocks(j, c, p, t->entry->size, err));
    c->tombstones = to.tombstones;
    c->first_differing = to.first_differing;
    c->sides_differ = to.first_differing != INT64_MAX;
    t->summed = true;
    t->calculated = crc;
    t->odd_rows = (uint64_t)p->counts.non_finite;
    t->first_odd_row = p->counts.first_non_finite;
    return INLAY_OK;
}

void verify_fused(verify_job *j) {
    int64_t tombstones = 0;
    for (size_t i = 0; i < j->n_chunks; i++) {
        const fused_chunk *c = &j->chunks[i];
        const checked *rows = find_checked(j, c->key), *side = c->side_of;
        tombstones += c->tombstones;
        if (!c->sides_differ || !rows || rows->bad || !side || side->bad || !side->summed) continue;
        int64_t row = c->first_row + c->first_differing;
        finding *f =
            findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, side->file->path,
                         "search %s: the side factor of row %" PRId64 " is not what the row makes", c->search, row);
        f->shown.key = (inlay_string){(const char *)c->side.data, c->side.size};
        f->shown.offset = (int64_t)side->entry->offset + c->first_differing * 4;
        f->shown.bytes = 4;
        f->shown.first_row = row;
        f->shown.rows = 1;
    }
    if (tombstones)
        findings_add(&j->found, INLAY_FINDING_NOTE, INLAY_CAUSE_UNKNOWN, j->manifest_path,
                     tombstones == 1 ? "%" PRId64 " row is a tombstone: it is never found"
                                     : "%" PRId64 " rows are tombstones: they are never found",
                     tombstones);
}

/* ---- without a manifest, or beside it: the graph's own view */

inlay_status verify_collections(verify_job *j, const saved_metagraph *g, inlay_error *err) {
    const char **names;
    size_t n;
    inlay_error what;
    inlay_status status = collection_names(j->model, g, &j->a, &names, &n, &what);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status != INLAY_OK) findings_add_error(&j->found, j->model->file, &what);
    for (size_t i = 0; i < n && status == INLAY_OK; i++) {
        collection c = {0};
        status = collection_open(j->folder, names[i], &j->a, &c, &what);
        collection_close(&c);
        if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
        if (status == INLAY_DATA_LOSS) findings_add_error(&j->found, j->model->file, &what);
    }
    return INLAY_OK;
}
