/* A file of labels, which is also taken for a table of offsets and for ids; the table made of the labels must be sound.
 * Covers: src/format/labels.c src/format/labels_ids.c src/format/labels_store.c src/format/labels_offsets.c */
#include "format/labels.h"
#include "format/labels_offsets.h"
#include "scratch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_table(const char *path, uint64_t count, uint64_t size, uint32_t crc) {
    file_map *map;
    labels_tie tie;
    const void *offsets;
    inlay_error err;
    if (file_map_open(path, false, &map, &err) != INLAY_OK) __builtin_trap();
    if (labels_offsets_parse(file_map_bytes(map), path, &tie, &offsets, &err) != INLAY_OK) __builtin_trap();
    if (labels_offsets_check(file_map_bytes(map), path, &err) != INLAY_OK) __builtin_trap();
    if (tie.count != count || tie.lengths_size + 4 + tie.bytes != size || tie.crc != crc) __builtin_trap();
    file_map_release(map);
    unlink(path);
}

static void store(const labels *l) {
    char out[256], table[256];
    file_writer *w;
    inlay_error err;
    uint64_t size = 0;
    uint32_t crc = 0;
    snprintf(out, sizeof out, "%s", scratch_path("out"));
    snprintf(table, sizeof table, "%s", scratch_path("table"));
    if (file_create(out, FILE_DIRECT, &w, &err) != INLAY_OK) __builtin_trap();
    if (labels_store(l, w, table, NULL, &size, &crc, &err) != INLAY_OK) __builtin_trap();
    file_abandon(w);
    check_table(table, (uint64_t)labels_count(l), size, crc);
}

static void read_ids(const uint8_t *data, size_t size) {
    ids *x;
    inlay_error err;
    int64_t some[64];
    if (ids_open(scratch_file("ids.npy", data, size), &x, &err) != INLAY_OK) return;
    for (int64_t i = 0; i + 64 <= ids_count(x); i += 64) (void)ids_read(x, i, 64, some, &err);
    if (ids_count(x)) (void)ids_read(x, ids_count(x) - 1, 1, some, &err);
    ids_close(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes file = bytes_make(data, size);
    labels *l;
    inlay_error err;
    (void)labels_offsets_check(file, "table", &err);
    read_ids(data, size);
    if (labels_open_bytes(file, "a.txt", NULL, NULL, NULL, &l, &err) != INLAY_OK) return 0;
    store(l);
    labels_close(l);
    return 0;
}
