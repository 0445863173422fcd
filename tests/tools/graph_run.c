/* Runs parts of models, for tests that compare with TensorFlow. Reads commands from standard input, a line each:
 *   open PATH [plain]    a model or graph, closing the one before; plain: no passes
 *   feed NAME FILE       FILE is .npy; for strings .strs: u64 count and rank, dims, then u32 size and bytes each
 *   fetch NAME FILE      writes FILE in the same forms
 *   target NAME
 *   signature KEY        feeds and fetches are the signature's keys
 *   run                  prints "ok PEAK" (bytes) or "CODE: message", forgets feeds and fetches
 *   time N               the same, N times and without writing: prints "ok MEDIAN LEAST" (microseconds)
 *   describe KEY         prints the nodes that signature KEY runs, a line each, then "ok"
 * A dtype that NumPy lacks is written as its bits: FILE holds uint16 for bfloat16. */
#include "base/clock.h"
#include "format/npy.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 256 };

typedef struct job {
    model *m;
    inlay_named_tensor feeds[MOST], fetches[MOST];
    char *files[MOST], *targets[MOST], *signature;
    size_t n_feeds, n_fetches, n_targets;
    uint64_t peak;
} job;

static bool read_exact(FILE *f, void *out, size_t size) {
    return fread(out, 1, size, f) == size;
}

static inlay_status load_strings(const char *path, tensor **out, inlay_error *err) {
    FILE *f = fopen(path, "rb");
    if (!f) return fail(err, INLAY_NOT_FOUND, "%s", path);
    uint64_t count, rank, dim;
    shape dims = {0};
    string_builder b;
    if (!read_exact(f, &count, 8) || !read_exact(f, &rank, 8)) return fail(err, INLAY_DATA_LOSS, "%s", path);
    for (uint64_t i = 0; i < rank; i++) {
        if (!read_exact(f, &dim, 8)) return fail(err, INLAY_DATA_LOSS, "%s", path);
        dims.dims[dims.rank++] = (int64_t)dim;
    }
    TRY(string_builder_init(&b, &dims, NULL, err));
    for (uint64_t i = 0; i < count; i++) {
        uint32_t size;
        if (!read_exact(f, &size, 4)) return fail(err, INLAY_DATA_LOSS, "%s", path);
        char *text = malloc(size + 1);
        if (!read_exact(f, text, size)) return fail(err, INLAY_DATA_LOSS, "%s", path);
        TRY(string_builder_add(&b, bytes_make(text, size), err));
        free(text);
    }
    fclose(f);
    return string_builder_finish(&b, out, err);
}

static inlay_status save_strings(const char *path, const tensor *t, inlay_error *err) {
    FILE *f = fopen(path, "wb");
    if (!f) return fail(err, INLAY_NOT_FOUND, "%s", path);
    uint64_t head[2] = {(uint64_t)t->count, (uint64_t)t->dims.rank};
    fwrite(head, 8, 2, f);
    fwrite(t->dims.dims, 8, (size_t)t->dims.rank, f);
    for (int64_t i = 0; i < t->count; i++) {
        bytes text = tensor_string(t, i);
        uint32_t size = (uint32_t)text.size;
        fwrite(&size, 4, 1, f);
        fwrite(text.data, 1, size, f);
    }
    fclose(f);
    return INLAY_OK;
}

static bool is_strings(const char *path) {
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".strs") == 0;
}

static inlay_status load(const char *path, tensor **out, inlay_error *err) {
    return is_strings(path) ? load_strings(path, out, err) : npy_read(path, INLAY_INVALID_DTYPE, false, out, err);
}

static inlay_status save(const char *path, tensor *t, inlay_error *err) {
    if (t->type == INLAY_STRING) return save_strings(path, t, err);
    return npy_write(t, path, err);
}

static void forget(job *j) {
    for (size_t i = 0; i < j->n_feeds; i++) {
        tensor_release(j->feeds[i].tensor);
        free((void *)(uintptr_t)j->feeds[i].key);
    }
    for (size_t i = 0; i < j->n_fetches; i++) {
        tensor_release(j->fetches[i].tensor);
        free((void *)(uintptr_t)j->fetches[i].key);
        free(j->files[i]);
    }
    for (size_t i = 0; i < j->n_targets; i++) free(j->targets[i]);
    free(j->signature);
    j->signature = NULL;
    j->n_feeds = j->n_fetches = j->n_targets = 0;
}

static inlay_status run(job *j, inlay_error *err) {
    if (!j->m) return fail(err, INLAY_FAILED_PRECONDITION, "no model is open");
    model_run_options options = {.peak_bytes = &j->peak};
    if (j->signature)
        TRY(model_run(j->m, j->signature, j->feeds, j->n_feeds, j->fetches, j->n_fetches, &options, err));
    else
        TRY(model_run_graph(j->m, j->feeds, j->n_feeds, j->fetches, j->n_fetches, (const char *const *)j->targets,
                            j->n_targets, &options, err));
    for (size_t i = 0; i < j->n_fetches; i++) TRY(save(j->files[i], j->fetches[i].tensor, err));
    return INLAY_OK;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and least of N runs, in microseconds. */
static inlay_status time_runs(job *j, int n, inlay_error *err) {
    double times[1000];
    if (n < 1 || n > 1000) return fail(err, INLAY_INVALID_ARGUMENT, "1 to 1000 runs");
    for (int i = 0; i < n; i++) {
        double start = seconds_now();
        model_run_options options = {.peak_bytes = &j->peak};
        if (j->signature)
            TRY(model_run(j->m, j->signature, j->feeds, j->n_feeds, j->fetches, j->n_fetches, &options, err));
        else
            TRY(model_run_graph(j->m, j->feeds, j->n_feeds, j->fetches, j->n_fetches, (const char *const *)j->targets,
                                j->n_targets, &options, err));
        times[i] = seconds_now() - start;
        for (size_t k = 0; k < j->n_fetches; k++) {
            tensor_release(j->fetches[k].tensor);
            j->fetches[k].tensor = NULL;
        }
    }
    qsort(times, (size_t)n, sizeof *times, by_size);
    printf("ok %.1f %.1f\n", 1e6 * times[n / 2], 1e6 * times[0]);
    return INLAY_OK;
}

static void print_line(void *user, const char *line) {
    (void)user;
    puts(line);
}

static void report(const job *j, inlay_status status, const inlay_error *err) {
    if (status == INLAY_OK)
        printf("ok %llu\n", (unsigned long long)j->peak);
    else
        printf("%s: %s\n", inlay_status_name(status), err->message);
    fflush(stdout);
}

int main(void) {
    static job j;
    static char line[1 << 16], a[1 << 15], b[1 << 15];
    while (fgets(line, sizeof line, stdin)) {
        inlay_error err = {0};
        char word[32] = "";
        a[0] = b[0] = 0;
        sscanf(line, "%31s %32767s %32767s", word, a, b);
        if (strcmp(word, "open") == 0) {
            model_close(j.m);
            j.m = NULL;
            inlay_model_options options = {.optimize = strcmp(b, "plain") != 0};
            report(&j, model_open(a, &options, &j.m, &err), &err);
        } else if (strcmp(word, "describe") == 0 && j.m) {
            report(&j, model_describe(j.m, a, print_line, NULL, &err), &err);
        } else if (strcmp(word, "feed") == 0 && j.n_feeds < MOST) {
            inlay_named_tensor *feed = &j.feeds[j.n_feeds];
            feed->tensor = NULL;
            if (load(b, &feed->tensor, &err) != INLAY_OK) fprintf(stderr, "%s\n", err.message);
            feed->key = strdup(a);
            j.n_feeds++;
        } else if (strcmp(word, "fetch") == 0 && j.n_fetches < MOST) {
            j.fetches[j.n_fetches] = (inlay_named_tensor){.key = strdup(a)};
            j.files[j.n_fetches++] = strdup(b);
        } else if (strcmp(word, "target") == 0 && j.n_targets < MOST) {
            j.targets[j.n_targets++] = strdup(a);
        } else if (strcmp(word, "signature") == 0) {
            free(j.signature);
            j.signature = strdup(a);
        } else if (strcmp(word, "time") == 0) {
            if (time_runs(&j, atoi(a), &err) != INLAY_OK) report(&j, err.code, &err);
            fflush(stdout);
            forget(&j);
        } else if (strcmp(word, "run") == 0) {
            report(&j, run(&j, &err), &err);
            forget(&j);
        }
    }
    forget(&j);
    model_close(j.m);
    return 0;
}
