/* Lets the oracle tests look at bundles, V1 checkpoints and tables through our eyes, and write them. */
#include "base/crc32c.h"
#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static inlay_error err;

static void print_hex(bytes text) {
    for (size_t i = 0; i < text.size; i++) printf("%02x", text.data[i]);
}

static void print_shape(const shape *dims) {
    printf(" ");
    for (int i = 0; i < dims->rank; i++) printf("%s%" PRId64, i ? "," : "", dims->dims[i]);
    printf(dims->rank ? "" : "-");
}

/* Numbers as they are; strings each as its length (8 bytes) and its bytes. */
static inlay_status save_tensor(const tensor *t, const char *path) {
    file_writer *w;
    TRY(file_create(path, FILE_DIRECT, &w, &err));
    inlay_status status = INLAY_OK;
    if (t->type != INLAY_STRING) status = file_append(w, t->data, (size_t)t->size, &err);
    for (int64_t i = 0; t->type == INLAY_STRING && i < t->count && status == INLAY_OK; i++) {
        bytes text = tensor_string(t, i);
        uint64_t size = text.size;
        status = file_append(w, &size, sizeof size, &err);
        if (status == INLAY_OK) status = file_append(w, text.data, text.size, &err);
    }
    if (status == INLAY_OK) return file_commit(w, &err);
    file_abandon(w);
    return status;
}

/* dump CHECKPOINT FOLDER: a line "key dtype dims slices file" for each tensor, its values in FOLDER/NUMBER. */
static inlay_status dump(char **args) {
    checkpoint *c;
    TRY(checkpoint_open(args[0], false, &c, &err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < checkpoint_count(c) && status == INLAY_OK; i++) {
        checkpoint_tensor e = checkpoint_at(c, i);
        char path[4096];
        snprintf(path, sizeof path, "%s/%zu", args[1], i);
        tensor *t;
        TRY_TO(done, checkpoint_read(c, e.key, bytes_of(""), &t, &err));
        print_hex(e.key);
        printf(" %s", dtype_name(t->type));
        print_shape(&t->dims);
        printf(" %zu %zu\n", e.n_slices, i);
        status = save_tensor(t, path);
        tensor_release(t);
    }
done:
    checkpoint_close(c);
    return status;
}

/* list PREFIX: a line "key dtype dims shard offset size crc" for each tensor. */
static inlay_status list(char **args) {
    bundle *b;
    TRY(bundle_open(args[0], false, &b, &err));
    for (size_t i = 0; i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        print_hex(e->key);
        printf(" %s", dtype_name(e->type));
        print_shape(&e->dims);
        printf(" %" PRId32 " %" PRIu64 " %" PRIu64 " %" PRIu32 "\n", e->shard, e->offset, e->size, e->crc);
    }
    bundle_close(b);
    return INLAY_OK;
}

/* slice CHECKPOINT KEY SPEC FILE */
static inlay_status slice(char **args) {
    checkpoint *c;
    tensor *t = NULL;
    inlay_status status;
    TRY(checkpoint_open(args[0], false, &c, &err));
    TRY_TO(done, checkpoint_read(c, bytes_of(args[1]), bytes_of(args[2]), &t, &err));
    print_shape(&t->dims);
    printf("\n");
    TRY_TO(done, save_tensor(t, args[3]));
done:
    tensor_release(t);
    checkpoint_close(c);
    return status;
}

/* check PREFIX: verifies every checksum. */
static inlay_status check(char **args) {
    bundle *b;
    TRY(bundle_open(args[0], false, &b, &err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < bundle_count(b) && status == INLAY_OK; i++) status = bundle_check(b, bundle_at(b, i), &err);
    bundle_close(b);
    return status;
}

/* copy PREFIX NEW: all tensors, read and written again as one bundle. */
static inlay_status copy(char **args) {
    bundle *b;
    TRY(bundle_open(args[0], false, &b, &err));
    size_t n = bundle_count(b), done = 0;
    bundle_item *items = mem_zalloc(n + 1, sizeof *items);
    tensor **tensors = mem_zalloc(n + 1, sizeof *tensors);
    inlay_status status = items && tensors ? INLAY_OK : fail_memory(&err);
    for (; done < n && status == INLAY_OK; done++) {
        status = bundle_read(b, bundle_at(b, done), &tensors[done], &err);
        items[done] = (bundle_item){bundle_at(b, done)->key, tensors[done]};
    }
    if (status == INLAY_OK) status = bundle_write(args[1], items, n, &err);
    for (size_t i = 0; i < done; i++) tensor_release(tensors[i]);
    mem_free(items);
    mem_free(tensors);
    bundle_close(b);
    return status;
}

/* empty PREFIX: a bundle of no tensors. */
static inlay_status empty(char **args) {
    return bundle_write(args[0], NULL, 0, &err);
}

/* table FILE NEW: the entries of a table, read and written again. */
static inlay_status table(char **args) {
    file_map *map;
    sstable *t = NULL;
    sstable_cursor *c = NULL;
    sstable_writer *w = NULL;
    buffer out = {0};
    inlay_status status;
    TRY(file_map_open(args[0], false, &map, &err));
    TRY_TO(done, sstable_open(map, &t, &err));
    TRY_TO(done, sstable_cursor_open(t, &c, &err));
    TRY_TO(done, sstable_writer_open(&w, &err));
    TRY_TO(done, sstable_seek(c, bytes_of(""), &err));
    while (sstable_valid(c)) {
        TRY_TO(done, sstable_add(w, sstable_key(c), sstable_value(c), &err));
        TRY_TO(done, sstable_advance(c, &err));
    }
    TRY_TO(done, sstable_finish(w, &out, &err));
    TRY_TO(done, file_write_all(args[1], FILE_DIRECT, buffer_bytes(&out), &err));
done:
    buffer_free(&out);
    sstable_writer_close(w);
    sstable_cursor_close(c);
    sstable_close(t);
    file_map_release(map);
    return status;
}

/* ---- swap PREFIX NEW: the bundle as a big-endian machine would have written it */

static void swap_numbers(uint8_t *data, size_t size, dtype t) {
    size_t width = dtype_size(t);
    if (t == INLAY_COMPLEX64 || t == INLAY_COMPLEX128) width /= 2;
    for (size_t i = 0; i < size; i += width)
        for (size_t j = 0; j < width / 2; j++) {
            uint8_t byte = data[i + j];
            data[i + j] = data[i + width - 1 - j];
            data[i + width - 1 - j] = byte;
        }
}

/* Appends the stored form of T to OUT. */
static uint32_t put_swapped(const tensor *t, buffer *out) {
    size_t start = out->size;
    if (t->type != INLAY_STRING) {
        buffer_append(out, t->data, (size_t)t->size);
        swap_numbers(out->data + start, out->size - start, t->type);
        return crc32c(0, out->data + start, out->size - start);
    }
    uint32_t crc = 0;
    for (int64_t i = 0; i < t->count; i++) {
        uint32_t length = (uint32_t)tensor_string(t, i).size, big = __builtin_bswap32(length);
        wire_put_varint(out, length);
        crc = crc32c(crc, &big, sizeof big);
    }
    start = out->size;
    uint32_t masked = __builtin_bswap32(crc32c_mask(crc));
    buffer_append(out, &masked, sizeof masked);
    for (int64_t i = 0; i < t->count; i++) buffer_append_bytes(out, tensor_string(t, i));
    return crc32c(crc, out->data + start, out->size - start);
}

static inlay_status swap(char **args) {
    bundle *b;
    bundle_index *x = NULL;
    buffer data = {0}, header = {0}, index = {0};
    inlay_status status;
    TRY(bundle_open(args[0], false, &b, &err));
    TRY_TO(done, bundle_index_open(&x, &err));
    for (size_t i = 0; i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        tensor *t;
        TRY_TO(done, bundle_read(b, e, &t, &err));
        size_t offset = data.size;
        uint32_t crc = put_swapped(t, &data);
        tensor_release(t);
        TRY_TO(done, bundle_index_add(x, e->key, e->type, &e->dims, 0, offset, data.size - offset, crc, &err));
    }
    bundle_header_put(&header, 1, true, 1, 0);
    TRY_TO(done, bundle_index_finish_as(x, buffer_bytes(&header), &index, &err));
    char *data_path = bundle_data_path(args[1], 0, 1), *index_path = bundle_index_path(args[1]);
    status = file_write_all(data_path, FILE_DIRECT, buffer_bytes(&data), &err);
    if (status == INLAY_OK) status = file_write_all(index_path, FILE_DIRECT, buffer_bytes(&index), &err);
    mem_free(data_path);
    mem_free(index_path);
done:
    buffer_free(&data);
    buffer_free(&header);
    buffer_free(&index);
    bundle_index_close(x);
    bundle_close(b);
    return status;
}

/* merge NEW keep|move PREFIX... */
static inlay_status merge(char **args) {
    size_t n = 0;
    while (args[2 + n]) n++;
    return bundle_merge((const char *const *)args + 2, n, args[0], strcmp(args[1], "keep") == 0, &err);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int arguments;
        inlay_status (*run)(char **args);
    } commands[] = {{"dump", 2, dump}, {"slice", 4, slice}, {"check", 1, check},
                    {"copy", 2, copy}, {"table", 2, table}, {"merge", 3, merge},
                    {"list", 1, list}, {"swap", 2, swap},   {"empty", 1, empty}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 || argc < 2 + commands[i].arguments) continue;
        inlay_status status = commands[i].run(argv + 2);
        if (status == INLAY_OK) return 0;
        fprintf(stderr, "%s: %s\n", inlay_status_name(status), err.message);
        return 1;
    }
    fprintf(stderr, "usage: bundle_dump dump|list|slice|check|copy|swap|empty|table|merge ARGUMENT...\n");
    return 2;
}
