#include "base/alloc.h"
#include "base/map.h"
#include "edit/manifest.h"
#include "edit/verify/crc_search.h"
#include "edit/verify/verify_parts.h"
#include "format/index_files.h"

#include <inttypes.h>
#include <stdlib.h>

#define PLACE "assets.extra/inlay.json"

/* ---- the files there are */

typedef struct here {
    const char *relative, *path; /* in the arena */
    const char *shown;           /* as a manifest writes it */
    uint64_t size;
    bool known;
} here;

typedef struct here_list {
    here *files;
    size_t count, capacity;
} here_list;

static inlay_status add_here(verify_job *j, here_list *l, const char *path, const char *relative, uint64_t size,
                             inlay_error *err) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        here *grown = mem_realloc(l->files, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        l->files = grown;
        l->capacity = capacity;
    }
    json_t *text = manifest_text(relative);
    here *h = &l->files[l->count++];
    *h = (here){.relative = arena_strdup(&j->a, relative),
                .path = arena_strdup(&j->a, path),
                .shown = text ? arena_strdup(&j->a, json_string_value(text)) : NULL,
                .size = size};
    json_decref(text);
    return h->relative && h->path && h->shown ? INLAY_OK : fail_memory(err);
}

static inlay_status list_here(verify_job *j, here_list *l, const char *folder, const char *relative, int depth,
                              inlay_error *err) {
    enum { DEEPEST = 32 };
    file_names names;
    inlay_error what;
    inlay_status status = file_list(folder, &names, &what);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status != INLAY_OK || depth > DEEPEST) {
        if (status == INLAY_OK) file_names_free(&names);
        findings_add_error(&j->found, folder, &what)->shown.severity = INLAY_FINDING_UNSEEN;
        return INLAY_OK;
    }
    status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *path = path_join(folder, names.names[i]), *inside = path_join(relative, names.names[i]);
        file_info info;
        if (!path || !inside)
            status = fail_memory(err);
        else if (file_stat(path, true, &info, &what) != INLAY_OK && file_stat(path, false, &info, &what) != INLAY_OK)
            status = INLAY_OK; /* it went away */
        else if (info.is_folder)
            status = list_here(j, l, path, inside, depth + 1, err);
        else
            status = add_here(j, l, path, inside, info.size, err);
        mem_free(path);
        mem_free(inside);
    }
    file_names_free(&names);
    return status;
}

/* ---- the manifest itself */

static void broken_seal(verify_job *j, const char *path, bytes text, uint32_t stored, uint32_t calculated,
                        uint64_t covered) {
    finding *f = findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, path,
                              "the manifest is not what its own checksum says: stored %" PRIu32 ", calculated %" PRIu32
                              "; the rest is verified without it",
                              stored, calculated);
    f->shown.offset = 0;
    f->shown.bytes = (int64_t)text.size;
    f->shown.stored = stored;
    f->shown.calculated = calculated;
    burst got;
    if (covered > SEARCH_MOST || !search_bit(stored ^ calculated, covered, &got)) return;
    f->shown.cause = INLAY_CAUSE_FLIPPED_BIT;
    f->shown.offset = (int64_t)got.at;
    f->shown.bytes = 1;
    f->shown.bit = __builtin_ctz(got.change);
    f->shown.false_match = (double)covered * 8 / 4294967296.0;
    finding_say(&j->found, f, "; bit %d of byte %" PRIu64 " is flipped", f->shown.bit, got.at);
}

/* Where the manifest's checksum begins, which is the end of what it covers. */
static uint64_t seal_at(bytes text) {
    static const char key[] = "\"crc32c\"";
    for (size_t at = text.size; at-- > 0;)
        if (text.size - at >= sizeof key - 1 && memcmp(text.data + at, key, sizeof key - 1) == 0) return at;
    return text.size;
}

static inlay_status open_manifest(verify_job *j, const char *path, inlay_error *err) {
    file_map *map;
    inlay_error what;
    if (file_map_open(path, false, &map, &what) != INLAY_OK) {
        findings_add_error(&j->found, path, &what);
        return INLAY_OK;
    }
    uint32_t stored, calculated;
    bytes text = file_map_bytes(map);
    manifest_seal seal = manifest_sealed(text, &stored, &calculated);
    j->report.files++;
    j->report.bytes += map->size;
    inlay_status status = INLAY_OK;
    if (seal == SEAL_NONE)
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, path,
                     "the manifest does not end with its own checksum; the rest is verified without it");
    else if (seal == SEAL_BROKEN)
        broken_seal(j, path, text, stored, calculated, seal_at(text));
    else
        status = manifest_read(j->folder, &j->manifest, &what);
    file_map_release(map);
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status != INLAY_OK) findings_add_error(&j->found, path, &what);
    return INLAY_OK;
}

/* ---- its files */

static inlay_status add_range(verify_job *j, const here *h, uint64_t offset, uint64_t size, uint32_t wanted, bool whole,
                              inlay_error *err) {
    if (j->n_others == j->others_capacity) {
        size_t capacity = j->others_capacity ? 2 * j->others_capacity : 64;
        other_range *grown = mem_realloc(j->others, capacity * sizeof *grown);
        if (!grown) return fail_memory(err);
        j->others = grown;
        j->others_capacity = capacity;
    }
    file_map *map;
    inlay_error what;
    if (file_map_open(h->path, false, &map, &what) != INLAY_OK) {
        findings_add_error(&j->found, h->path, &what);
        return INLAY_OK;
    }
    if (offset > map->size || size > map->size - offset) { /* its size is told already, or it changes under us */
        file_map_release(map);
        return INLAY_OK;
    }
    j->others[j->n_others++] = (other_range){h->path, map, offset, size, wanted, whole};
    return INLAY_OK;
}

static bool get_whole(const json_t *object, const char *key, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static void bad_entry(verify_job *j, const char *what) {
    findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, j->manifest_path,
                 "the manifest's entry of %s is malformed", what ? what : "a file");
}

static inlay_status check_gaps(verify_job *j, const here *h, const json_t *gaps, inlay_error *err) {
    size_t i;
    const json_t *gap;
    json_array_foreach(gaps, i, gap) {
        uint64_t offset, size, crc;
        if (!get_whole(gap, "offset", &offset) || !get_whole(gap, "bytes", &size) || !get_whole(gap, "crc32c", &crc)) {
            bad_entry(j, h->relative);
            continue;
        }
        TRY(add_range(j, h, offset, size, (uint32_t)crc, false, err));
    }
    return INLAY_OK;
}

static void check_size(verify_job *j, const here *h, uint64_t size, bool is_data) {
    if (size == h->size) return;
    bool cut = h->size < size && !is_data; /* why a data file is short, its tensors tell */
    finding *f = findings_add(&j->found, INLAY_FINDING_DAMAGE, cut ? INLAY_CAUSE_TRUNCATED : INLAY_CAUSE_UNKNOWN,
                              h->path, "the file has %" PRIu64 " bytes, the manifest says %" PRIu64, h->size, size);
    f->shown.offset = (int64_t)(h->size < size ? h->size : size);
    f->shown.bytes = (int64_t)(h->size < size ? size - h->size : h->size - size);
}

static inlay_status check_file(verify_job *j, here *h, const json_t *file, inlay_error *err) {
    uint64_t size, crc;
    const json_t *gaps = json_object_get(file, "uncovered");
    h->known = true;
    if (!get_whole(file, "bytes", &size)) {
        bad_entry(j, h->relative);
        return INLAY_OK;
    }
    check_size(j, h, size, gaps != NULL);
    if (json_is_array(gaps)) return check_gaps(j, h, gaps, err);
    j->report.files++;
    if (!get_whole(file, "crc32c", &crc)) {
        bad_entry(j, h->relative);
        return INLAY_OK;
    }
    return size == h->size ? add_range(j, h, 0, size, (uint32_t)crc, true, err) : INLAY_OK;
}

static inlay_status check_files(verify_job *j, here_list *l, inlay_error *err) {
    map names = {0};
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < l->count && status == INLAY_OK; i++)
        status = map_put(&names, bytes_of(l->files[i].shown), i, err);
    const json_t *file, *files = json_object_get(j->manifest, "files");
    if (!json_is_array(files)) bad_entry(j, "its files");
    size_t i;
    json_array_foreach(files, i, file) {
        const char *path = json_string_value(json_object_get(file, "path"));
        uint64_t at;
        if (!path)
            bad_entry(j, NULL);
        else if (map_get(&names, bytes_of(path), &at))
            status = check_file(j, &l->files[at], file, err);
        else
            findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_MISSING, path,
                         "the file is in the manifest and not in the model");
        if (status != INLAY_OK) break;
    }
    map_free(&names);
    return status;
}

/* Whether verify_layout counts the file's bytes: a data file or index of the model's bundle. */
static bool is_of_bundle(const char *relative) {
    static const char start[] = "variables/variables.";
    const char *rest = relative + sizeof start - 1;
    return strncmp(relative, start, sizeof start - 1) == 0 &&
           (strcmp(rest, "index") == 0 || strncmp(rest, "data-", 5) == 0);
}

static void count_unknown(verify_job *j, const here_list *l) {
    for (size_t i = 0; i < l->count; i++) {
        const here *h = &l->files[i];
        if (h->known || strcmp(h->relative, PLACE) == 0) continue;
        if (strncmp(h->relative, INDEX_FOLDER "/", sizeof INDEX_FOLDER) == 0) continue; /* these cover themselves */
        if (!is_of_bundle(h->relative)) j->report.uncovered += h->size;
        if (j->manifest)
            findings_add(&j->found, INLAY_FINDING_NOTE, INLAY_CAUSE_UNKNOWN, h->path,
                         "the manifest does not know this file: %" PRIu64 " bytes that nothing covers", h->size);
    }
}

inlay_status verify_manifest(verify_job *j, inlay_error *err) {
    char *path = path_join(j->folder, PLACE);
    if (!path) return fail_memory(err);
    here_list l = {0};
    inlay_status status = INLAY_OK;
    if (!(j->manifest_path = arena_strdup(&j->a, path))) status = fail_memory(err);
    if (status == INLAY_OK && file_exists(path)) status = open_manifest(j, path, err);
    mem_free(path);
    j->report.has_manifest = j->manifest != NULL;
    if (status == INLAY_OK) status = list_here(j, &l, j->folder, "", 0, err);
    if (status == INLAY_OK && j->manifest) status = check_files(j, &l, err);
    if (status == INLAY_OK) count_unknown(j, &l);
    mem_free(l.files);
    return status;
}
