/* One model, many threads: what the public header promises. Run under ThreadSanitizer too. */
#include "inlay/inlay.h"

#include "unit/scratch.h"

#include "tensor/tensor.h"

#include <math.h>
#include <pthread.h>

enum { ROWS = 600, DIM = 12, THREADS = 6, ROUNDS = 40 };

static float rows[ROWS][DIM];

/* Fuses the rows with labels; the model's path. */
static const char *make_model(void **state) {
    static char path[1100];
    inlay_error err;
    inlay_tensor *t;
    FILE *labels = fopen(scratch_path(state, "labels.txt"), "w");
    uint64_t seed = 1;
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < DIM; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            rows[i][j] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
        }
        fprintf(labels, "label %d\n", i);
    }
    assert_int_equal(fclose(labels), 0);
    const char *source = scratch_path(state, "rows.npy"), *names = scratch_path(state, "labels.txt");
    assert_ok(inlay_tensor_wrap(INLAY_FLOAT32, (const int64_t[]){ROWS, DIM}, 2, rows, NULL, NULL, &t, &err), &err);
    assert_ok(inlay_tensor_save(t, source, &err), &err);
    inlay_tensor_release(t);
    snprintf(path, sizeof path, "%s", scratch_path(state, "model"));
    inlay_fuse_options o;
    inlay_fuse_options_init(&o);
    o.embeddings = &source;
    o.n_embeddings = 1;
    o.labels = names;
    o.output = path;
    o.chunk_bytes = 100 * sizeof rows[0];
    assert_ok(inlay_fuse(&o, NULL, &err), &err);
    return path;
}

typedef struct asker {
    inlay_model *model;
    int number;
    char problem[1200];
} asker;

static bool search_finds(asker *a, int row, int64_t k) {
    inlay_error err;
    inlay_hits *hits;
    if (inlay_search_vectors(a->model, NULL, rows[row], 1, DIM, k, &hits, &err) != INLAY_OK) {
        snprintf(a->problem, sizeof a->problem, "%s", err.message);
        return false;
    }
    char label[32];
    int n = snprintf(label, sizeof label, "label %d", row);
    bool good = hits->k == (size_t)k && hits->indices[0] == row && hits->labels[0].size == (size_t)n &&
                memcmp(hits->labels[0].data, label, (size_t)n) == 0;
    if (!good) snprintf(a->problem, sizeof a->problem, "row %d: found %lld", row, (long long)hits->indices[0]);
    inlay_hits_release(hits);
    return good;
}

static bool run_finds(asker *a, int row) {
    inlay_error err;
    inlay_named_tensor in = {"query", NULL}, out = {"indices", NULL};
    if (inlay_tensor_wrap(INLAY_FLOAT32, (const int64_t[]){1, DIM}, 2, rows[row], NULL, NULL, &in.tensor, &err) !=
            INLAY_OK ||
        inlay_model_run(a->model, "search", &in, 1, &out, 1, &err) != INLAY_OK) {
        snprintf(a->problem, sizeof a->problem, "%s", err.message);
        return false;
    }
    int64_t found;
    memcpy(&found, inlay_tensor_data(out.tensor), sizeof found);
    if (found != row) snprintf(a->problem, sizeof a->problem, "row %d: found %lld", row, (long long)found);
    inlay_tensor_release(in.tensor);
    inlay_tensor_release(out.tensor);
    return found == row;
}

static void *ask(void *arg) {
    asker *a = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int row = (a->number * 97 + i * 31) % ROWS;
        if (!search_finds(a, row, 1 + i % 5) || !run_finds(a, row)) break;
        inlay_error err;
        inlay_hits *none; /* an error in one thread is nobody else's */
        float bad[DIM] = {INFINITY};
        if (inlay_search_vectors(a->model, NULL, bad, 1, DIM, 1, &none, &err) != INLAY_INVALID_ARGUMENT || none)
            snprintf(a->problem, sizeof a->problem, "a query that is not finite was answered");
    }
    return NULL;
}

static void a_model_is_asked_by_many_threads(void **state) {
    const char *path = make_model(state);
    for (int copy = 0; copy < 2; copy++) {
        inlay_error err;
        inlay_model_options o;
        inlay_model *model;
        inlay_model_options_init(&o);
        o.copy = copy;
        assert_ok(inlay_model_open(path, &o, &model, &err), &err);
        pthread_t threads[THREADS];
        asker askers[THREADS];
        for (int i = 0; i < THREADS; i++) {
            askers[i] = (asker){.model = model, .number = i};
            assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < THREADS; i++) assert_string_equal(askers[i].problem, "");
        inlay_model_close(model);
    }
}

/* A copy is not touched by what happens to the files; a map would raise SIGBUS. */
static void a_copied_model_outlives_its_files(void **state) {
    const char *path = make_model(state);
    char shard[1300];
    inlay_error err;
    inlay_model_options o;
    asker a = {.number = 0};
    inlay_model_options_init(&o);
    o.copy = true;
    assert_ok(inlay_model_open(path, &o, &a.model, &err), &err);
    for (int i = 0; i < 2; i++) {
        snprintf(shard, sizeof shard, "%s/variables/variables.data-0000%d-of-00002", path, i);
        assert_int_equal(truncate(shard, 0), 0);
    }
    assert_true(search_finds(&a, 5, 3));
    assert_true(search_finds(&a, 599, 3));
    inlay_model_close(a.model);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_model_is_asked_by_many_threads),
        IN_SCRATCH(a_copied_model_outlives_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
