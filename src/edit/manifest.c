#include "edit/manifest.h"

#include "base/alloc.h"
#include "base/crc32c.h"

#include <jansson.h>
#include <stdlib.h>

enum { FORMAT = 1, LARGEST_OLD = 64 << 20 };

/* A range of a data file that the bundle's checksums cover. */
typedef struct range {
    int32_t shard;
    uint64_t offset, size;
} range;

typedef struct ranges {
    range *list;
    size_t count;
} ranges;

static int compare_ranges(const void *a, const void *b) {
    const range *x = a, *y = b;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void add_range(ranges *r, const bundle_entry *e) {
    if (e->size) r->list[r->count++] = (range){e->shard, e->offset, e->size};
}

static inlay_status covered_ranges(const fuse_data *d, ranges *out, inlay_error *err) {
    bundle *b;
    TRY(bundle_open(d->bundle, false, &b, err));
    inlay_status status = INLAY_OK;
    size_t tensors = bundle_count(b), slices = bundle_slice_count(b);
    if ((out->list = mem_array(tensors + slices, sizeof *out->list))) {
        for (size_t i = 0; i < tensors; i++) add_range(out, bundle_at(b, i));
        for (size_t i = 0; i < slices; i++) add_range(out, bundle_slice_at(b, i));
        qsort(out->list, out->count, sizeof *out->list, compare_ranges);
    } else {
        status = fail_memory(err);
    }
    bundle_close(b);
    return status;
}

/* ---- JSON; jansson answers NULL and -1 when memory is out, which sticks in `ok` */

static bool set(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

/* A path as JSON: bytes that are not UTF-8 as \xNN. */
static json_t *text_json(const char *text) {
    if (bytes_valid_utf8(bytes_of(text), NULL)) return json_string(text);
    buffer escaped = {0};
    for (const char *p = text; *p; p++)
        buffer_format(&escaped, (unsigned char)*p < 0x80 ? "%c" : "\\x%02x", (unsigned char)*p);
    json_t *out = escaped.failed ? NULL : json_stringn((const char *)escaped.data, escaped.size);
    buffer_free(&escaped);
    return out;
}

static bool add_gap(json_t *gaps, const file_map *map, uint64_t from, uint64_t to) {
    if (from >= to || from >= map->size) return true;
    if (to > map->size) to = map->size;
    json_t *gap = json_pack("{sIsIsI}", "offset", (json_int_t)from, "bytes", (json_int_t)(to - from), "crc32c",
                            (json_int_t)crc32c(0, map->data + from, (size_t)(to - from)));
    return json_array_append_new(gaps, gap) == 0;
}

/* The bytes of data file SHARD that no entry covers. */
static bool add_gaps(json_t *file, const file_map *map, int32_t shard, const ranges *covered) {
    json_t *gaps = json_array();
    uint64_t at = 0;
    bool ok = gaps != NULL;
    for (size_t i = 0; i < covered->count && ok; i++) {
        const range *r = &covered->list[i];
        if (r->shard != shard) continue;
        ok = add_gap(gaps, map, at, r->offset);
        if (r->offset + r->size > at) at = r->offset + r->size;
    }
    ok = ok && add_gap(gaps, map, at, map->size);
    return set(file, "uncovered", gaps) && ok;
}

/* Number of a data file of the bundle, -1 for any other file. */
static int32_t data_file_number(const char *relative) {
    int number, count, used = 0;
    if (sscanf(relative, "variables/variables.data-%5d-of-%5d%n", &number, &count, &used) == 2 && relative[used] == 0)
        return number;
    return -1;
}

static inlay_status add_file(json_t *files, const char *path, const char *relative, const ranges *covered,
                             inlay_error *err) {
    file_map *map;
    TRY(file_map_open(path, false, &map, err));
    json_t *file = json_pack("{sI}", "bytes", (json_int_t)map->size);
    int32_t shard = data_file_number(relative);
    bool ok = file && set(file, "path", text_json(relative));
    ok = ok && (shard >= 0 ? add_gaps(file, map, shard, covered)
                           : set(file, "crc32c", json_integer(crc32c(0, map->data, (size_t)map->size))));
    ok = json_array_append_new(files, file) == 0 && ok;
    file_map_release(map);
    return ok ? INLAY_OK : fail_memory(err);
}

/* Every file below FOLDER, but for the manifest. */
static inlay_status add_files(json_t *files, const char *folder, const char *relative, const ranges *covered,
                              inlay_error *err) {
    file_names names;
    TRY(file_list(folder, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *path = path_join(folder, names.names[i]), *inside = path_join(relative, names.names[i]);
        file_info info;
        if (!path || !inside)
            status = fail_memory(err);
        else if ((status = file_stat(path, false, &info, err)) == INLAY_OK &&
                 strcmp(inside, "assets.extra/inlay.json") != 0)
            status = info.is_folder ? add_files(files, path, inside, covered, err)
                                    : add_file(files, path, inside, covered, err);
        mem_free(path);
        mem_free(inside);
    }
    file_names_free(&names);
    return status;
}

/* ---- the collection */

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
        ok = source && set(source, "path", text_json(f->source->name));
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
        ok = chunk && (!c->side || set(chunk, "side", json_string(key_of(d, c->side))));
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
    bool ok = c && set(c, "chunks", chunks_json(d)) && set(c, "sources", sources_json(d));
    if (ok && d->payload) ok = set(c, d->payload, json_pack("{ss}", "key", key_of(d, d->payload)));
    if (ok && d->options->labels)
        ok = set(json_object_get(c, "labels"), "offsets", json_sprintf("%s.labels", d->prefix));
    if (ok) return c;
    json_decref(c);
    return NULL;
}

/* The collections of the extractor's manifest, empty when it has none. One that cannot be read is left behind, with a
 * warning: a model works without it. */
static json_t *old_collections(const char *path) {
    inlay_error ignored;
    file_map *map;
    if (!file_exists(path)) return json_object();
    json_t *root = NULL, *found = NULL;
    if (file_map_open(path, true, &map, &ignored) == INLAY_OK) {
        json_error_t reason;
        if (map->size <= LARGEST_OLD)
            root = json_loadb((const char *)map->data, (size_t)map->size, JSON_REJECT_DUPLICATES, &reason);
        file_map_release(map);
    }
    json_t *collections = json_object_get(root, "collections");
    if (json_is_object(collections))
        found = json_incref(collections);
    else
        log_note(INLAY_LOG_WARNING, "%s: the manifest of the extractor cannot be read and is not kept", path);
    json_decref(root);
    return found ? found : json_object();
}

static inlay_status dump(json_t *root, const char *path, inlay_error *err) {
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    if (!text) return fail_memory(err);
    if (file_exists(path)) {
        inlay_status removed = file_remove(path, err);
        if (removed != INLAY_OK) return free(text), removed;
    }
    inlay_status status = file_write_all(path, FILE_DIRECT, bytes_of(text), err);
    free(text);
    return status;
}

inlay_status manifest_write(const fuse_data *d, inlay_error *err) {
    const char *path = arena_format(d->a, "%s/assets.extra/inlay.json", d->folder);
    if (!path) return fail_memory(err);
    ranges covered = {0};
    json_t *collections = old_collections(path), *files = json_array();
    json_t *root = json_pack("{siss}", "format", FORMAT, "generator", "inlay " INLAY_VERSION);
    inlay_status status = INLAY_OK;
    if (!collections || !files || !root || !set(collections, d->options->name, collection_json(d)))
        status = fail_memory(err);
    if (status == INLAY_OK) status = covered_ranges(d, &covered, err);
    if (status == INLAY_OK) status = add_files(files, d->folder, "", &covered, err);
    if (status == INLAY_OK &&
        (json_object_set(root, "collections", collections) != 0 || json_object_set(root, "files", files) != 0))
        status = fail_memory(err);
    if (status == INLAY_OK) status = dump(root, path, err);
    mem_free(covered.list);
    json_decref(root);
    json_decref(files);
    json_decref(collections);
    return status;
}
