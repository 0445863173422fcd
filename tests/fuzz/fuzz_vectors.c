/* A source of vectors: the first byte says what the file is called, the second what is told of it, the rest is the
 * file. Covers: src/format/vectors.c src/format/shards.c src/format/shards_open.c src/format/shards_read.c */
#include "format/shards.h"
#include "scratch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 20 }; /* bytes of rows looked at */

static void read_rows(const shard *s, dtype type) {
    inlay_error err;
    shard_reader *r;
    uint64_t row = (uint64_t)s->dim * dtype_size(type);
    if (row == 0 || row > MOST || shard_reader_open(s, type, &r, &err) != INLAY_OK) return;
    int64_t n = (int64_t)(MOST / row), first = s->rows > n ? s->rows - n : 0;
    if (n > s->rows) n = s->rows;
    uint8_t *rows = mem_alloc((size_t)((uint64_t)n * row));
    if (rows && shard_reader_rows(r, 0, n, rows, &err) == INLAY_OK && n > 1) {
        (void)shard_reader_rows(r, first / 2, 1, rows, &err);
        (void)shard_reader_rows(r, 1, n - 1, rows, &err);
    }
    mem_free(rows);
    shard_reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"a.npy",   "a.npz",   "a.fvecs", "a.bvecs", "a.fbin",  "a.u8bin",
                                        "a.i8bin", "a.f32",   "a.other", "a#b.npz", "a.npz#x", "folder",
                                        "a.npz#",  "a.bin#1", ".npy",    "a.npy"};
    static const dtype told[] = {INLAY_INVALID_DTYPE, INLAY_BFLOAT16, INLAY_FLOAT32, INLAY_INT16};
    if (size < 2) return 0;
    const char *name = names[data[0] % 16];
    char file[16];
    snprintf(file, sizeof file, "%s", strcmp(name, "a.npz#x") == 0 || strcmp(name, "a.npz#") == 0 ? "a.npz" : name);
    scratch_file(strcmp(name, "folder") == 0 ? "1.npy" : file, data + 2, size - 2);
    const char *path = strcmp(name, "folder") == 0 ? scratch_path("") : scratch_path(name);
    const char *sources[] = {path, path};
    shard_options o = {.dim = data[1] % 8, .type = told[data[1] / 8 % 4], .as_listed = data[1] & 64};
    shard_list list;
    inlay_error err;
    if (shards_open(sources, data[1] & 128 ? 2 : 1, &o, &list, &err) == INLAY_OK) {
        int64_t rows = 0;
        for (size_t i = 0; i < list.count && i < 8; i++) {
            const shard *s = &list.shards[i];
            if (s->dim != list.dim || s->type != list.type || s->linkable != !s->obstacle) __builtin_trap();
            if (s->linkable && (s->offset > s->seen.size || s->size > s->seen.size - s->offset) && s->rows)
                __builtin_trap();
            read_rows(s, s->type);
            read_rows(s, INLAY_FLOAT32);
            if (shard_check_unchanged(s, &err) != INLAY_OK) __builtin_trap();
            rows += s->rows;
        }
        if (list.count <= 8 && rows != list.rows) __builtin_trap();
        shards_close(&list);
    }
    unlink(scratch_path(strcmp(name, "folder") == 0 ? "1.npy" : file));
    return 0;
}
