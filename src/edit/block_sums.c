#include "edit/block_sums.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/num.h"

#include <string.h>

enum { SUM = sizeof(uint32_t) };

uint32_t block_sum(const block_sums *s, size_t block) {
    return load_u32(s->sums + block * SUM);
}

bool block_sums_of(const json_t *chunk, const bundle_entry *e, block_sums *out) {
    const json_t *sums = json_object_get(chunk, "blocks"), *step = json_object_get(chunk, "block_bytes");
    *out = (block_sums){0};
    if (!json_is_string(sums) || !json_is_integer(step) || json_integer_value(step) <= 0 || e->size == 0) return false;
    block_sums found = {.step = (uint64_t)json_integer_value(step), .sums = json_string_value(sums)};
    found.n = (size_t)((e->size - 1) / found.step + 1);
    if (json_string_length(sums) % SUM || json_string_length(sums) / SUM != found.n) return false;
    uint32_t all = 0, power = crc32c_power(found.step);
    for (size_t i = 0; i + 1 < found.n; i++) all = crc32c_combine_by(all, block_sum(&found, i), power);
    all = crc32c_combine(all, block_sum(&found, found.n - 1), block_bytes(e->size, found.step, found.n - 1));
    if (all != e->crc) return false;
    *out = found;
    return true;
}

bool block_sums_set(json_t *chunk, uint64_t step, const void *sums, size_t n) {
    return json_object_set_new(chunk, "block_bytes", json_integer((json_int_t)step)) == 0 &&
           json_object_set_new(chunk, "blocks", json_stringn_nocheck(sums, n * SUM)) == 0;
}

/* ---- their file: uint32 little-endian, those of a chunk together. On the disk a chunk says where: "first_block" and
 * how many "blocks" */

static bool take_out(json_t *chunk, buffer *out) {
    const json_t *sums = json_object_get(chunk, "blocks");
    if (!sums) return true;
    size_t first = out->size / SUM, n = json_string_length(sums) / SUM;
    buffer_append(out, json_string_value(sums), n * SUM);
    return json_object_set_new(chunk, "first_block", json_integer((json_int_t)first)) == 0 &&
           json_object_set_new(chunk, "blocks", json_integer((json_int_t)n)) == 0;
}

static bool put_in(json_t *chunk, bytes file) {
    const json_t *first = json_object_get(chunk, "first_block"), *blocks = json_object_get(chunk, "blocks");
    uint64_t all = file.size / SUM, at = (uint64_t)json_integer_value(first), n = (uint64_t)json_integer_value(blocks);
    bool known = json_is_integer(first) && json_is_integer(blocks) && at <= all && n > 0 && n <= all - at;
    json_t *sums = known ? json_stringn_nocheck((const char *)file.data + at * SUM, (size_t)n * SUM) : NULL;
    json_object_del(chunk, "first_block");
    json_object_del(chunk, "blocks");
    return !known || json_object_set_new(chunk, "blocks", sums) == 0;
}

inlay_status block_sums_load(const char *folder, json_t *collections, inlay_error *err) {
    char *path = path_join(folder, BLOCK_SUMS_FILE);
    file_map *map = NULL;
    inlay_error unread;
    json_t *c, *chunk;
    const char *name;
    size_t i;
    bool ok = path != NULL;
    if (path && file_exists(path) && file_map_open(path, true, &map, &unread) == INLAY_RESOURCE_EXHAUSTED) ok = false;
    bytes file = map ? file_map_bytes(map) : (bytes){0};
    json_object_foreach(collections, name, c) json_array_foreach(json_object_get(c, "chunks"), i, chunk) ok =
        ok && put_in(chunk, file);
    file_map_release(map);
    mem_free(path);
    return ok ? INLAY_OK : fail_memory(err);
}

/* Whether CONTENT is what PATH holds. */
static bool is_there(const char *path, bytes content) {
    file_map *map;
    inlay_error unread;
    if (!file_exists(path) || file_map_open(path, true, &map, &unread) != INLAY_OK) return false;
    bool same = bytes_equal(file_map_bytes(map), content);
    file_map_release(map);
    return same;
}

inlay_status block_sums_save(const char *folder, json_t *collections, buffer *out, inlay_error *err) {
    json_t *c, *chunk;
    const char *name;
    size_t i;
    bool ok = true;
    json_object_foreach(collections, name, c) json_array_foreach(json_object_get(c, "chunks"), i, chunk) ok =
        ok && take_out(chunk, out);
    char *path = ok && !out->failed ? path_join(folder, BLOCK_SUMS_FILE) : NULL;
    if (!path) return fail_memory(err);
    inlay_status status = INLAY_OK;
    if (!is_there(path, buffer_bytes(out))) {
        if (file_exists(path)) status = file_remove(path, err);
        if (status == INLAY_OK && out->size) status = file_write_all(path, FILE_DIRECT, buffer_bytes(out), err);
    }
    mem_free(path);
    return status;
}
