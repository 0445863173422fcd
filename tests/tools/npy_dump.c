/* Lets the oracle tests look at arrays, vector files, labels and JSON through our eyes, and write them. */
#include "format/labels.h"
#include "format/npy.h"
#include "format/shards.h"
#include "format/tensor_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static inlay_error err;

static inlay_status put_text(file_writer *w, bytes text) {
    uint64_t size = text.size;
    TRY(file_append(w, &size, sizeof size, &err));
    return file_append(w, text.data, text.size, &err);
}

/* Prints "dtype dims"; numbers go to PATH as they are, strings each as its length (8 bytes) and its bytes. */
static inlay_status save_tensor(const tensor *t, const char *path) {
    printf("%s ", dtype_name(t->type));
    for (int i = 0; i < t->dims.rank; i++) printf("%s%" PRId64, i ? "," : "", t->dims.dims[i]);
    printf(t->dims.rank ? "\n" : "-\n");
    file_writer *w;
    TRY(file_create(path, FILE_ATOMIC, &w, &err));
    inlay_status status = INLAY_OK;
    if (t->type != INLAY_STRING) status = file_append(w, t->data, (size_t)t->size, &err);
    for (int64_t i = 0; t->type == INLAY_STRING && i < t->count && status == INLAY_OK; i++)
        status = put_text(w, tensor_string(t, i));
    if (status == INLAY_OK) return file_commit(w, &err);
    file_abandon(w);
    return status;
}

/* read FILE DTYPE OUT */
static inlay_status read_array(char **args) {
    tensor *t;
    TRY(npy_read(args[0], dtype_of_name(args[1]), false, &t, &err));
    inlay_status status = save_tensor(t, args[2]);
    tensor_release(t);
    return status;
}

/* copy FILE DTYPE NEW: read and written again. */
static inlay_status copy_array(char **args) {
    tensor *t;
    TRY(npy_read(args[0], dtype_of_name(args[1]), true, &t, &err));
    inlay_status status = npy_write(t, args[2], &err);
    tensor_release(t);
    return status;
}

/* json FILE DTYPE OUT NEW: what is read goes to OUT, and as JSON to NEW. */
static inlay_status read_json(char **args) {
    tensor *t;
    TRY(tensor_json_read(args[0], dtype_of_name(args[1]), &t, &err));
    inlay_status status = save_tensor(t, args[2]);
    if (status == INLAY_OK) status = tensor_json_write(t, args[3], &err);
    tensor_release(t);
    return status;
}

static inlay_status append_rows(const shard *s, file_writer *w) {
    enum { STEP = 100 }; /* rows */
    shard_reader *r;
    inlay_status status;
    size_t row = (size_t)s->dim * dtype_size(s->type);
    uint8_t *rows = mem_alloc(STEP * row);
    if (!rows) return fail_memory(&err);
    TRY_TO(done, shard_reader_open(s, s->type, &r, &err));
    for (int64_t at = 0; at < s->rows && status == INLAY_OK; at += STEP) {
        int64_t n = s->rows - at < STEP ? s->rows - at : STEP;
        status = shard_reader_rows(r, at, n, rows, &err);
        if (status == INLAY_OK) status = file_append(w, rows, (size_t)n * row, &err);
    }
    shard_reader_close(r);
done:
    mem_free(rows);
    return status;
}

/* shards OUT DIM DTYPE SOURCE...: a line "name rows dim dtype linkable transposed offset" each; all rows go to OUT. */
static inlay_status read_shards(char **args) {
    shard_list list;
    shard_options o = {.dim = atoll(args[1]), .type = dtype_of_name(args[2])};
    size_t n = 0;
    while (args[3 + n]) n++;
    TRY(shards_open((const char *const *)args + 3, n, &o, &list, &err));
    file_writer *w;
    inlay_status status = file_create(args[0], FILE_ATOMIC, &w, &err);
    for (size_t i = 0; i < list.count && status == INLAY_OK; i++) {
        const shard *s = &list.shards[i];
        printf("%s %" PRId64 " %" PRId64 " %s %d %d %" PRIu64 "\n", path_name(s->name), s->rows, s->dim,
               dtype_name(s->type), s->linkable, s->transposed, s->offset);
        status = append_rows(s, w);
        if (status == INLAY_OK) status = shard_check_unchanged(s, &err);
    }
    if (status == INLAY_OK)
        status = file_commit(w, &err);
    else
        file_abandon(w);
    shards_close(&list);
    return status;
}

/* labels FILE OUT */
static inlay_status read_labels(char **args) {
    labels *l;
    file_writer *w = NULL;
    inlay_status status;
    TRY(labels_open(args[0], NULL, &l, &err));
    labels_cursor c = {.of = l};
    printf("%" PRId64 " %" PRIu64 "\n", labels_count(l), labels_bytes(l));
    TRY_TO(done, file_create(args[1], FILE_ATOMIC, &w, &err));
    for (int64_t i = 0; i < labels_count(l); i++) {
        bytes text;
        TRY_TO(done, labels_next(&c, &text, &err));
        TRY_TO(done, put_text(w, text));
    }
    status = file_commit(w, &err);
    w = NULL;
done:
    file_abandon(w);
    labels_cursor_free(&c);
    labels_close(l);
    return status;
}

/* ids FILE */
static inlay_status read_ids(char **args) {
    ids *x;
    inlay_status status = INLAY_OK;
    TRY(ids_open(args[0], &x, &err));
    for (int64_t i = 0; i < ids_count(x) && status == INLAY_OK; i++) {
        int64_t id = 0;
        status = ids_read(x, i, 1, &id, &err);
        printf("%" PRId64 "\n", id);
    }
    ids_close(x);
    return status;
}

/* Runs one command; NULL behind the last of ARGS. */
static inlay_status run(int n, char **args) {
    static const struct {
        const char *name;
        int args;
        inlay_status (*run)(char **args);
    } commands[] = {
        {"read", 3, read_array},    {"copy", 3, copy_array},    {"json", 4, read_json},
        {"shards", 4, read_shards}, {"labels", 2, read_labels}, {"ids", 1, read_ids},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (n > commands[i].args && strcmp(args[0], commands[i].name) == 0) return commands[i].run(args + 1);
    return fail(&err, INLAY_INVALID_ARGUMENT, "no such command");
}

/* Commands come as lines, their words cut by tabs; each answer ends with a line "ok" or "failed MESSAGE". */
int main(void) {
    enum { WORDS = 64 };
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        char *words[WORDS + 1] = {NULL}, *rest = line;
        int n = 0;
        line[strcspn(line, "\n")] = 0;
        for (char *word; n < WORDS && (word = strsep(&rest, "\t"));) words[n++] = word;
        if (run(n, words) == INLAY_OK)
            printf("ok\n");
        else
            printf("failed %s: %s\n", inlay_status_name(err.code), err.message);
        fflush(stdout);
    }
    free(line);
    return 0;
}
