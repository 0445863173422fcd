#include "edit/manifest.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "edit/block_sums.h"
#include "format/index_files.h"
#include "format/json_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORMAT = 1, LARGEST = 64 << 20 };
#define PLACE "assets.extra/inlay.json"

/* A range of a data file whose checksum is known. */
typedef struct range {
    int32_t shard;
    uint64_t offset, size;
    uint32_t crc;
} range;

typedef struct ranges {
    range *list; /* by shard, then offset */
    size_t count, capacity;
} ranges;

typedef struct manifest_job {
    const char *folder;
    const manifest_known *known; /* NULL: nothing is */
    bundle *bundle;              /* NULL: the model has none */
    ranges covered, pieces;      /* of the new bundle; of the known one, gaps among them */
    json_t *files;
} manifest_job;

static int compare_ranges(const void *a, const void *b) {
    const range *x = a, *y = b;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool add_range(ranges *r, range added) {
    if (added.size == 0) return true;
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        range *grown = mem_realloc(r->list, capacity * sizeof *grown);
        if (!grown) return false;
        r->list = grown;
        r->capacity = capacity;
    }
    r->list[r->count++] = added;
    return true;
}

static bool add_entry(ranges *r, const bundle_entry *e) {
    return e->n_slices > 0 || add_range(r, (range){e->shard, e->offset, e->size, e->crc});
}

static bool add_entries(ranges *r, const bundle *b) {
    bool ok = true;
    for (size_t i = 0; i < bundle_count(b) && ok; i++) ok = add_entry(r, bundle_at(b, i));
    for (size_t i = 0; i < bundle_slice_count(b) && ok; i++) ok = add_entry(r, bundle_slice_at(b, i));
    return ok;
}

/* ---- JSON; jansson answers NULL and -1 when memory is out, which sticks in `ok` */

bool manifest_set(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

json_t *manifest_text(const char *text) {
    if (bytes_valid_utf8(bytes_of(text), NULL)) return json_string(text);
    buffer escaped = {0};
    for (const char *p = text; *p; p++)
        buffer_format(&escaped, (unsigned char)*p < 0x80 ? "%c" : "\\x%02x", (unsigned char)*p);
    json_t *out = escaped.failed ? NULL : json_stringn((const char *)escaped.data, escaped.size);
    buffer_free(&escaped);
    return out;
}

/* The entry of the file RELATIVE in the known manifest, or NULL. */
static const json_t *known_entry(const manifest_job *j, const char *relative) {
    const json_t *file, *files = j->known ? json_object_get(j->known->root, "files") : NULL;
    json_t *name = files ? manifest_text(relative) : NULL;
    const json_t *found = NULL;
    size_t i;
    json_array_foreach(files, i, file) if (name && json_equal(json_object_get(file, "path"), name)) found = file;
    json_decref(name);
    return found;
}

/* ---- data files */

/* Number of a data file of the bundle, -1 for any other file; *shards is their count. */
static int32_t data_file_number(const char *relative, int32_t *shards) {
    int number, count, used = 0;
    if (sscanf(relative, "variables/variables.data-%d-of-%d%n", &number, &count, &used) != 2 || relative[used] != 0)
        return -1;
    *shards = count;
    return number;
}

/* The gaps that the known manifest lists become pieces of data file SHARD. */
static bool add_known_gaps(manifest_job *j, const json_t *entry, int32_t shard) {
    size_t i;
    const json_t *gap, *gaps = json_object_get(entry, "uncovered");
    json_array_foreach(gaps, i, gap) {
        const json_t *offset = json_object_get(gap, "offset"), *size = json_object_get(gap, "bytes"),
                     *crc = json_object_get(gap, "crc32c");
        if (!json_is_integer(offset) || !json_is_integer(size) || !json_is_integer(crc)) continue;
        range r = {shard, (uint64_t)json_integer_value(offset), (uint64_t)json_integer_value(size),
                   (uint32_t)json_integer_value(crc)};
        if (!add_range(&j->pieces, r)) return false;
    }
    return true;
}

/* The checksum of a tensor of strings or variants is not that of its bytes as they lie (docs/formats/bundle.md). */
static void drop_unlike_sums(ranges *r, const bundle *b) {
    for (size_t i = 0; i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        size_t kept = 0;
        if (e->n_slices > 0 || (e->type != INLAY_STRING && e->type != INLAY_VARIANT)) continue;
        for (size_t j = 0; j < r->count; j++)
            if (r->list[j].shard != e->shard || r->list[j].offset != e->offset || r->list[j].size != e->size)
                r->list[kept++] = r->list[j];
        r->count = kept;
    }
}

static bool collect_pieces(manifest_job *j) {
    const json_t *file, *files = json_object_get(j->known->root, "files");
    size_t i;
    if (!j->known->bundle) return true;
    json_array_foreach(files, i, file) {
        const char *path = json_string_value(json_object_get(file, "path"));
        int32_t shards = 0, shard = path ? data_file_number(path, &shards) : -1;
        if (shard >= 0 && shards == bundle_shards(j->known->bundle) && !add_known_gaps(j, file, shard)) return false;
    }
    if (!add_entries(&j->pieces, j->known->bundle)) return false;
    drop_unlike_sums(&j->pieces, j->known->bundle);
    if (j->pieces.count) qsort(j->pieces.list, j->pieces.count, sizeof *j->pieces.list, compare_ranges);
    return true;
}

/* The piece of data file SHARD that begins at AT and ends at or before TO; else *next (from TO down) becomes the start
 * of the next one. */
static const range *piece_at(const manifest_job *j, int32_t shard, uint64_t at, uint64_t to, uint64_t *next) {
    *next = to;
    for (size_t i = 0; i < j->pieces.count; i++) {
        const range *r = &j->pieces.list[i];
        if (r->shard != shard || r->offset < at) continue;
        if (r->offset >= to) break;
        if (r->size > to - r->offset) continue;
        if (r->offset == at) return r;
        *next = r->offset;
        break;
    }
    return NULL;
}

/* A data file of the new model. */
typedef struct data_file {
    const char *path;
    uint64_t size;
    int32_t shard;
    bool known;    /* the known model has the same one */
    file_map *map; /* NULL: nothing of it has been read yet */
} data_file;

enum { FEW_BYTES = 64 << 10 };

/* The checksum of bytes [AT, TO), put together from known ones where the file is a known one. */
static inlay_status range_crc(const manifest_job *j, data_file *f, uint64_t at, uint64_t to, uint32_t *crc,
                              inlay_error *err) {
    *crc = 0;
    while (at < to) {
        uint64_t next = to;
        const range *piece = f->known ? piece_at(j, f->shard, at, to, &next) : NULL;
        if (piece) {
            *crc = crc32c_combine(*crc, piece->crc, piece->size);
            at += piece->size;
            continue;
        }
        if (!f->map) TRY(file_map_open(f->path, false, &f->map, err));
        if (f->map->size < to) return fail_at(err, INLAY_ABORTED, f->path, -1, "became shorter while it was read");
        const uint8_t *data = f->map->data + at;
        if (next - at <= FEW_BYTES)
            file_prefetch(data, (size_t)(next - at)); /* not all that a fault would read ahead */
        *crc = crc32c(*crc, data, (size_t)(next - at));
        at = next;
    }
    return INLAY_OK;
}

static inlay_status add_gap(const manifest_job *j, json_t *gaps, data_file *f, uint64_t from, uint64_t to,
                            inlay_error *err) {
    uint32_t crc;
    if (to > f->size) to = f->size;
    if (from >= to) return INLAY_OK;
    TRY(range_crc(j, f, from, to, &crc, err));
    json_t *gap =
        json_pack("{sIsIsI}", "offset", (json_int_t)from, "bytes", (json_int_t)(to - from), "crc32c", (json_int_t)crc);
    return json_array_append_new(gaps, gap) == 0 ? INLAY_OK : fail_memory(err);
}

/* The bytes of a data file that no entry of the bundle covers; of one that the index does not name (its count of files
 * is another), all. */
static inlay_status add_gaps(const manifest_job *j, json_t *gaps, data_file *f, bool named, inlay_error *err) {
    uint64_t at = 0;
    for (size_t i = 0; named && i < j->covered.count; i++) {
        const range *r = &j->covered.list[i];
        if (r->shard != f->shard) continue;
        TRY(add_gap(j, gaps, f, at, r->offset, err));
        if (r->offset + r->size > at) at = r->offset + r->size;
    }
    return add_gap(j, gaps, f, at, f->size, err);
}

/* ---- files */

/* Whether the file of which INFO tells is the known model's file RELATIVE. */
static bool is_same(const manifest_job *j, const file_info *info, const char *relative) {
    file_info old;
    inlay_error ignored;
    char *other = j->known ? path_join(j->known->folder, relative) : NULL;
    bool same = other && file_stat(other, true, &old, &ignored) == INLAY_OK && info->inode == old.inode &&
                info->device == old.device;
    mem_free(other);
    return same;
}

static inlay_status add_data_file(const manifest_job *j, json_t *file, data_file *f, const file_info *info, bool named,
                                  inlay_error *err) {
    char name[64];
    json_t *gaps = json_array();
    if (j->known && j->known->bundle) {
        snprintf(name, sizeof name, "variables/variables.data-%05d-of-%05d", (int)f->shard,
                 (int)bundle_shards(j->known->bundle));
        f->known = is_same(j, info, name);
    }
    inlay_status status = gaps ? add_gaps(j, gaps, f, named, err) : fail_memory(err);
    file_map_release(f->map);
    return manifest_set(file, "uncovered", gaps) || status != INLAY_OK ? status : fail_memory(err);
}

static inlay_status add_other_file(json_t *file, const char *path, inlay_error *err) {
    file_map *map;
    TRY(file_map_open(path, false, &map, err));
    uint32_t crc = crc32c(0, map->data, (size_t)map->size);
    file_map_release(map);
    return manifest_set(file, "crc32c", json_integer(crc)) ? INLAY_OK : fail_memory(err);
}

/* INFO is of PATH itself; of a link, what it leads to is meant. */
static inlay_status add_file(manifest_job *j, const char *path, const char *relative, file_info info,
                             inlay_error *err) {
    int32_t shards = 0, shard = j->bundle ? data_file_number(relative, &shards) : -1;
    if (info.is_link) TRY(file_stat(path, true, &info, err));
    const json_t *old = shard < 0 && is_same(j, &info, relative) ? known_entry(j, relative) : NULL;
    if (old) return json_array_append(j->files, (json_t *)old) == 0 ? INLAY_OK : fail_memory(err);
    json_t *file = json_pack("{sI}", "bytes", (json_int_t)info.size);
    inlay_status status = file && manifest_set(file, "path", manifest_text(relative)) ? INLAY_OK : fail_memory(err);
    data_file data = {.path = path, .size = info.size, .shard = shard};
    if (status == INLAY_OK)
        status = shard < 0 ? add_other_file(file, path, err)
                           : add_data_file(j, file, &data, &info, shards == bundle_shards(j->bundle), err);
    return json_array_append_new(j->files, file) == 0 || status != INLAY_OK ? status : fail_memory(err);
}

/* Every file below FOLDER, but for the manifest. */
static inlay_status add_files(manifest_job *j, const char *folder, const char *relative, inlay_error *err) {
    file_names names;
    TRY(file_list(folder, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *path = path_join(folder, names.names[i]), *inside = path_join(relative, names.names[i]);
        file_info info;
        if (!path || !inside)
            status = fail_memory(err);
        else if ((status = file_stat(path, false, &info, err)) == INLAY_OK && strcmp(inside, PLACE) != 0 &&
                 strcmp(inside, INDEX_FOLDER) != 0) /* indexes have checksums of their own */
            status = info.is_folder ? add_files(j, path, inside, err) : add_file(j, path, inside, info, err);
        mem_free(path);
        mem_free(inside);
    }
    file_names_free(&names);
    return status;
}

/* ---- the whole */

inlay_status manifest_read(const char *folder, json_t **root, inlay_error *err) {
    *root = NULL;
    char *path = path_join(folder, PLACE);
    file_map *map = NULL;
    if (!path) return fail_memory(err);
    inlay_status status = INLAY_OK;
    if (!file_exists(path)) goto done;
    TRY_TO(done, file_map_open(path, true, &map, err));
    if (map->size <= LARGEST)
        TRY_TO(done, json_tree_read(file_map_bytes(map), JSON_REJECT_DUPLICATES, root, NULL, err));
    json_object_del(*root, "crc32c"); /* of this very text: whoever writes a manifest makes its own */
    if (!json_is_object(*root)) {
        json_decref(*root);
        *root = NULL;
        TRY_TO(done, fail_at(err, INLAY_DATA_LOSS, path, -1, "is no manifest"));
    }
    status = block_sums_load(folder, json_object_get(*root, "collections"), err);
    if (status != INLAY_OK) {
        json_decref(*root);
        *root = NULL;
    }
done:
    file_map_release(map);
    mem_free(path);
    return status;
}

static bool chunk_owns(const json_t *chunk, bytes key) {
    static const char *const parts[] = {"key", "side"};
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(chunk, parts[i]));
        if (text && bytes_is(key, text)) return true;
    }
    return false;
}

bool manifest_owns(const json_t *root, bytes key, const char **name) {
    json_t *collections = json_object_get(root, "collections"), *c;
    const char *of;
    json_object_foreach(collections, of, c) {
        const json_t *chunk;
        size_t i;
        *name = of;
        json_array_foreach(json_object_get(c, "chunks"), i, chunk) if (chunk_owns(chunk, key)) return true;
        if (chunk_owns(json_object_get(c, "labels"), key) || chunk_owns(json_object_get(c, "ids"), key)) return true;
    }
    return false;
}

/* ---- the seal: the last key of the manifest is a checksum of all bytes before it */

enum { SEAL_TEXT = 32 };
static size_t seal_text(char text[SEAL_TEXT], uint32_t crc) {
    return (size_t)snprintf(text, SEAL_TEXT, "\"crc32c\": %" PRIu32 "\n}", crc);
}

manifest_seal manifest_sealed(bytes text, uint32_t *stored, uint32_t *calculated) {
    static const char key[] = "\"crc32c\": ";
    *stored = *calculated = 0;
    size_t at = text.size;
    while (at > 0 && text.size - at < SEAL_TEXT &&
           (text.size - at < sizeof key - 1 || memcmp(text.data + at, key, sizeof key - 1) != 0))
        at--;
    if (text.size - at < sizeof key - 1 || memcmp(text.data + at, key, sizeof key - 1) != 0) return SEAL_NONE;
    uint64_t number = 0;
    for (size_t i = at + sizeof key - 1; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    *stored = (uint32_t)number;
    *calculated = crc32c(0, text.data, at);
    char wanted[SEAL_TEXT];
    size_t size = seal_text(wanted, *calculated);
    return bytes_equal(bytes_make(wanted, size), bytes_make(text.data + at, text.size - at)) ? SEAL_SOUND : SEAL_BROKEN;
}

inlay_status manifest_save(json_t *root, const char *path, inlay_error *err) {
    buffer sealed = {0};
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII), seal[SEAL_TEXT];
    if (!text) return fail_memory(err);
    buffer_append(&sealed, text, strlen(text) - 2); /* without "\n}" */
    free(text);
    buffer_append_text(&sealed, ",\n ");
    inlay_status status = buffer_check(&sealed, err);
    if (status == INLAY_OK) {
        buffer_append(&sealed, seal, seal_text(seal, crc32c(0, sealed.data, sealed.size)));
        status = buffer_check(&sealed, err);
    }
    if (status == INLAY_OK && file_exists(path)) status = file_remove(path, err);
    if (status == INLAY_OK) status = file_write_all(path, FILE_DIRECT, buffer_bytes(&sealed), err);
    buffer_free(&sealed);
    return status;
}

static inlay_status open_new(manifest_job *j, inlay_error *err) {
    char *prefix = path_join(j->folder, "variables/variables"), *index = prefix ? bundle_index_path(prefix) : NULL;
    inlay_status status = index ? INLAY_OK : fail_memory(err);
    if (index && file_exists(index)) status = bundle_open(prefix, false, &j->bundle, err);
    mem_free(index);
    mem_free(prefix);
    TRY(status);
    if (!j->bundle) return INLAY_OK;
    if (!add_entries(&j->covered, j->bundle) || (j->known && !collect_pieces(j))) return fail_memory(err);
    if (j->covered.count) qsort(j->covered.list, j->covered.count, sizeof *j->covered.list, compare_ranges);
    return INLAY_OK;
}

inlay_status manifest_write(const char *folder, json_t *collections, const manifest_known *known, inlay_error *err) {
    manifest_job j = {.folder = folder, .known = known, .files = json_array()};
    char *path = path_join(folder, PLACE);
    buffer sums = {0};
    json_t *root = json_pack("{siss}", "format", FORMAT, "generator", "inlay " INLAY_VERSION);
    inlay_status status = path && root && j.files ? open_new(&j, err) : fail_memory(err);
    if (status == INLAY_OK) status = block_sums_save(folder, collections, &sums, err);
    if (status == INLAY_OK) status = add_files(&j, folder, "", err);
    if (status == INLAY_OK &&
        (json_object_set(root, "collections", collections) != 0 || json_object_set(root, "files", j.files) != 0))
        status = fail_memory(err);
    if (status == INLAY_OK) status = manifest_save(root, path, err);
    bundle_close(j.bundle);
    mem_free(j.covered.list);
    mem_free(j.pieces.list);
    buffer_free(&sums);
    json_decref(root);
    json_decref(j.files);
    mem_free(path);
    return status;
}
