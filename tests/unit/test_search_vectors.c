/* Search without a model: the same answers as a fused model's, from memory and from files, with an index or without. */
#include "inlay/inlay.h"

#include "base/num.h"
#include "tensor/dtype.h"
#include "unit/files.h"
#include "unit/random.h"

#include <math.h>
#include <pthread.h>

enum { ROWS = 5000, DIM = 21, QUERIES = 5, K = 12 };

static float values[ROWS][DIM], queries[QUERIES][DIM];
static const char *const metrics[] = {"cosine", "dot", "l2"};

/* Small whole numbers, so that sums are exact and ties are many. */
static void draw(void) {
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < DIM; j++) values[i][j] = (float)(below(9) - 4);
    for (int i = 0; i < QUERIES; i++)
        for (int j = 0; j < DIM; j++) queries[i][j] = (float)(below(9) - 4);
}

/* The values as TYPE, on the heap, at an odd address where ODD says so. */
static uint8_t *stored_as(dtype type, bool odd, void **held) {
    uint8_t *to = *held = malloc(sizeof values * 2 + 1);
    assert_non_null(to);
    to += odd;
    for (int i = 0; i < ROWS * DIM; i++) {
        float value = values[i / DIM][i % DIM];
        double wide = (double)value;
        uint16_t half = type == INLAY_FLOAT16 ? f32_to_f16(value) : f32_to_bf16(value);
        int8_t small = (int8_t)value;
        size_t size = dtype_size(type);
        const void *of[] = {[1] = &small, [2] = &half, [4] = &value, [8] = &wide};
        memcpy(to + (size_t)i * size, of[size], size);
    }
    return to;
}

typedef struct answer {
    int64_t rows[QUERIES][K];
    float scores[QUERIES][K];
} answer;

static inlay_vectors_options options_of(int metric, bool index) {
    inlay_vectors_options o;
    inlay_vectors_options_init(&o);
    o.metric = (inlay_metric)metric;
    o.index = index;
    return o;
}

static inlay_vectors *open_values(const inlay_vectors_options *options) {
    inlay_error err;
    inlay_vectors *v;
    assert_ok(inlay_vectors_open_rows(INLAY_FLOAT32, values, ROWS, DIM, options, &v, &err), &err);
    return v;
}

static void ask(const inlay_vectors *v, answer *out) {
    inlay_error err;
    memset(out, 0, sizeof *out);
    assert_ok(inlay_vectors_search(v, queries[0], QUERIES, DIM, K, out->rows[0], out->scores[0], &err), &err);
}

static double score_of(int metric, const float *q, const float *x) {
    double dot = 0, apart = 0, nq = 0, nx = 0;
    for (int j = 0; j < DIM; j++) {
        dot += q[j] * x[j];
        apart += (q[j] - x[j]) * (q[j] - x[j]);
        nq += q[j] * q[j];
        nx += x[j] * x[j];
    }
    return metric == INLAY_DOT ? dot : metric == INLAY_L2 ? -apart : nx > 0 && nq > 0 ? dot / sqrt(nq * nx) : 0;
}

/* Right when each score is its row's, in order, and no other row is better. */
static void assert_best(const answer *a, int metric) {
    for (int q = 0; q < QUERIES; q++) {
        int better = 0;
        double last = (double)a->scores[q][K - 1];
        for (int i = 0; i < K; i++) {
            assert_in_range(a->rows[q][i], 0, ROWS - 1);
            double truth = score_of(metric, queries[q], values[a->rows[q][i]]);
            assert_true(fabs(truth - (double)a->scores[q][i]) <= (metric == INLAY_COSINE ? 1e-6 : 0));
            if (i > 0) assert_true(a->scores[q][i] <= a->scores[q][i - 1]);
            if (i > 0 && a->scores[q][i] == a->scores[q][i - 1]) assert_true(a->rows[q][i] > a->rows[q][i - 1]);
        }
        for (int r = 0; r < ROWS; r++) better += score_of(metric, queries[q], values[r]) > last + 1e-6;
        assert_true(better < K);
    }
}

static void rows_in_memory_of_every_dtype_are_searched(void **state) {
    (void)state;
    static const dtype types[] = {INLAY_FLOAT32, INLAY_FLOAT64, INLAY_FLOAT16, INLAY_BFLOAT16, INLAY_INT8};
    inlay_error err;
    draw();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int metric = 0; metric < 3; metric++) {
            void *held;
            const uint8_t *rows = stored_as(types[t], t % 2, &held);
            answer answers[2];
            for (int index = 0; index < 2; index++) {
                inlay_vectors_options o = options_of(metric, index);
                inlay_vectors *v;
                assert_ok(inlay_vectors_open_rows(types[t], rows, ROWS, DIM, &o, &v, &err), &err);
                assert_int_equal(inlay_vectors_rows(v), ROWS);
                assert_int_equal(inlay_vectors_dim(v), DIM);
                ask(v, answers + index);
                inlay_vectors_close(v);
            }
            assert_best(answers, metric);
            assert_memory_equal(answers, answers + 1, sizeof *answers);
            free(held);
        }
}

/* ---- files */

static const char *write_rows(void **state, const char *name, int first, int count, bool fortran) {
    static float turned[ROWS * DIM];
    buffer file = {0};
    char dims[40];
    const char *path = scratch_path(state, name);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < DIM; j++) turned[j * count + i] = values[first + i][j];
    snprintf(dims, sizeof dims, "%d, %d", count, DIM);
    make_array(&file, "<f4", fortran, dims, fortran ? turned : values[first], (size_t)(count * DIM) * sizeof(float));
    scratch_write(path, file.data, file.size);
    buffer_free(&file);
    return path;
}

static void a_fused_model_answers_the_same(void **state) {
    draw();
    const char *files[] = {write_rows(state, "a.npy", 0, 3000, false), write_rows(state, "b.npy", 3000, 2000, true)};
    for (int metric = 0; metric < 3; metric++) {
        inlay_error err;
        inlay_model *m;
        inlay_hits *h;
        inlay_fuse_options fuse;
        inlay_fuse_options_init(&fuse);
        fuse.embeddings = files;
        fuse.n_embeddings = 2;
        fuse.output = scratch_path(state, metrics[metric]);
        fuse.metric = (inlay_metric)metric;
        assert_ok(inlay_fuse(&fuse, NULL, &err), &err);
        assert_ok(inlay_model_open(fuse.output, NULL, &m, &err), &err);
        assert_ok(inlay_search_vectors(m, NULL, queries[0], QUERIES, DIM, K, &h, &err), &err);
        for (int index = 0; index < 2; index++) {
            inlay_vectors_options o = options_of(metric, index);
            inlay_vectors *v;
            answer got;
            o.copy = index;
            assert_ok(inlay_vectors_open_files(files, 2, &o, &v, &err), &err);
            ask(v, &got);
            assert_memory_equal(got.rows, h->indices, sizeof got.rows);
            assert_memory_equal(got.scores, h->scores, sizeof got.scores);
            inlay_vectors_close(v);
        }
        inlay_hits_release(h);
        inlay_model_close(m);
    }
}

static void files_that_cannot_be_mapped_are_converted(void **state) {
    buffer file = {0};
    inlay_error err;
    inlay_vectors *v;
    draw();
    static uint8_t bytes[ROWS * DIM * 4];
    for (size_t i = 0; i < ROWS * DIM; i++)
        for (size_t b = 0; b < 4; b++) bytes[4 * i + b] = ((const uint8_t *)values)[4 * i + 3 - b];
    make_array(&file, ">f4", false, "5000, 21", bytes, sizeof bytes);
    const char *path = scratch_path(state, "big.npy");
    scratch_write(path, file.data, file.size);
    buffer_free(&file);
    inlay_vectors_options o = options_of(INLAY_L2, false);
    answer got;
    assert_ok(inlay_vectors_open_files(&path, 1, &o, &v, &err), &err);
    ask(v, &got);
    assert_best(&got, INLAY_L2);
    inlay_vectors_close(v);
}

static void files_of_bytes_are_mapped(void **state) {
    static int8_t bytes[ROWS * DIM], turned[ROWS * DIM];
    buffer file = {0};
    draw();
    for (int i = 0; i < ROWS * DIM; i++) {
        bytes[i] = (int8_t)values[i / DIM][i % DIM];
        turned[i % DIM * ROWS + i / DIM] = bytes[i];
    }
    const uint32_t head[] = {ROWS, DIM};
    buffer_append(&file, head, sizeof head);
    buffer_append(&file, bytes, sizeof bytes);
    scratch_write(scratch_path(state, "0.i8bin"), file.data, file.size);
    make_array(&file, "|i1", false, "5000, 21", bytes, sizeof bytes);
    scratch_write(scratch_path(state, "1.npy"), file.data, file.size);
    make_array(&file, "|i1", true, "5000, 21", turned, sizeof turned);
    scratch_write(scratch_path(state, "2.npy"), file.data, file.size);
    buffer_free(&file);
    for (int i = 0; i < 6; i++) {
        inlay_error err;
        inlay_vectors *v;
        answer got;
        const char *path = scratch_path(state, (const char *const[]){"0.i8bin", "1.npy", "2.npy"}[i % 3]);
        inlay_vectors_options o = options_of(i % 2 ? INLAY_COSINE : INLAY_DOT, i < 3);
        assert_ok(inlay_vectors_open_files(&path, 1, &o, &v, &err), &err);
        ask(v, &got);
        assert_best(&got, (int)o.metric);
        inlay_vectors_close(v);
    }
}

/* ---- index files */

static struct stat stat_of(const char *path) {
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    return s;
}

static void ask_with_folder(int metric, const char *folder, answer *out) {
    inlay_vectors_options o = options_of(metric, false);
    o.index_folder = folder;
    inlay_vectors *v = open_values(&o);
    ask(v, out);
    inlay_vectors_close(v);
}

static void an_index_file_is_kept_as_long_as_it_is_right(void **state) {
    draw();
    for (int metric = 0; metric < 3; metric++) {
        const char *folder = scratch_path(state, metrics[metric]);
        char file[1200];
        answer plain, got;
        snprintf(file, sizeof file, "%s/rows-00000.index", folder);
        inlay_vectors_options o = options_of(metric, false);
        inlay_vectors *v = open_values(&o);
        ask(v, &plain);
        inlay_vectors_close(v);

        ask_with_folder(metric, folder, &got);
        assert_memory_equal(&got, &plain, sizeof got);
        struct stat first = stat_of(file);
        ask_with_folder(metric, folder, &got);
        assert_int_equal(stat_of(file).st_ino, first.st_ino);
        assert_memory_equal(&got, &plain, sizeof got);

        for (int damage = 0; damage < 3; damage++) { /* a code, the head, the end */
            FILE *f = fopen(file, "r+b");
            assert_non_null(f);
            assert_int_equal(fseek(f, damage == 0 ? first.st_size / 2 : 1, SEEK_SET), 0);
            if (damage < 2) assert_int_equal(fputc(0x55, f), 0x55);
            fclose(f);
            if (damage == 2) assert_int_equal(truncate(file, first.st_size - 1), 0);
            ask_with_folder(metric, folder, &got);
            assert_memory_equal(&got, &plain, sizeof got);
            struct stat mended = stat_of(file);
            assert_int_equal(mended.st_size, first.st_size);
            assert_true(mended.st_ino != first.st_ino || mended.st_mtim.tv_nsec != first.st_mtim.tv_nsec);
        }

        struct stat before = stat_of(file);
        values[4321][DIM - 1] += 1; /* other rows of the same shape */
        o = options_of(metric, false);
        v = open_values(&o);
        ask(v, &plain);
        inlay_vectors_close(v);
        ask_with_folder(metric, folder, &got);
        struct stat after = stat_of(file);
        assert_true(after.st_mtim.tv_sec != before.st_mtim.tv_sec || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
        assert_memory_equal(&got, &plain, sizeof got);
    }
}

/* ---- limits, padding */

static void searches_keep_within_limits(void **state) {
    (void)state;
    draw();
    for (int index = 0; index < 2; index++) {
        inlay_error err;
        inlay_vectors_options o = options_of(INLAY_DOT, index);
        inlay_vectors *v = open_values(&o);
        inlay_search_options limits;
        inlay_search_options_init(&limits);
        const inlay_row_range only = {100, 4000}, except = {200, 300};
        limits.only = (inlay_row_set){.ranges = &only, .n_ranges = 1};
        limits.except = (inlay_row_set){.ranges = &except, .n_ranges = 1};
        limits.min_score = 50;
        limits.vectors = true;
        inlay_hits *all;
        assert_ok(inlay_vectors_search_all(v, queries[0], QUERIES, DIM, &limits, &all, &err), &err);
        size_t most = 0;
        for (int q = 0; q < QUERIES; q++) {
            size_t count = 0;
            for (int r = 100; r < 4000; r++)
                count += (r < 200 || r >= 300) && score_of(INLAY_DOT, queries[q], values[r]) >= 50;
            assert_int_equal(all->counts[q], count);
            most = max_size(most, count);
        }
        assert_int_equal(all->k, most);
        assert_true(most > 3);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t i = 0; i < most; i++) {
                const float *wanted =
                    (int64_t)i < all->counts[q] ? values[all->indices[q * most + i]] : (float[DIM]){0};
                assert_memory_equal(all->vectors + (q * most + i) * DIM, wanted, DIM * sizeof(float));
            }

        limits.vectors = false;
        limits.k = (int64_t)most + 2;
        int64_t *rows = calloc(QUERIES * (most + 2), sizeof *rows);
        float *scores = calloc(QUERIES * (most + 2), sizeof *scores);
        assert_ok(inlay_vectors_search_with(v, queries[0], QUERIES, DIM, &limits, rows, scores, &err), &err);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t i = 0; i < most + 2; i++) {
                bool hit = (int64_t)i < all->counts[q];
                assert_int_equal(rows[q * (most + 2) + i], hit ? all->indices[q * most + i] : -1);
                assert_true(scores[q * (most + 2) + i] == (hit ? all->scores[q * most + i] : -INFINITY));
            }
        limits.most = 1;
        inlay_hits_release(all);
        assert_status(INLAY_RESOURCE_EXHAUSTED,
                      inlay_vectors_search_all(v, queries[0], QUERIES, DIM, &limits, &all, &err), &err);
        assert_null(all);
        limits.all = true;
        assert_status(INLAY_INVALID_ARGUMENT,
                      inlay_vectors_search_with(v, queries[0], QUERIES, DIM, &limits, rows, scores, &err), &err);
        free(rows);
        free(scores);
        inlay_vectors_close(v);
    }
}

static void places_without_a_hit_say_so(void **state) {
    (void)state;
    static const float few[4][2] = {{1, 0}, {NAN, 0}, {0, 1}, {1, 1}};
    static const float query[2][2] = {{1, 0.5f}, {-1, 0}};
    for (int metric = 0; metric < 3; metric++) {
        inlay_error err;
        inlay_vectors_options o = options_of(metric, metric == 1);
        inlay_vectors *v;
        int64_t rows[2][6];
        float scores[2][6];
        assert_ok(inlay_vectors_open_rows(INLAY_FLOAT32, few, 4, 2, &o, &v, &err), &err);
        assert_ok(inlay_vectors_search(v, query[0], 2, 2, 6, rows[0], scores[0], &err), &err);
        for (int q = 0; q < 2; q++)
            for (int i = 0; i < 6; i++) {
                assert_int_equal(rows[q][i] == -1, i >= 3);
                assert_int_equal(scores[q][i] == -INFINITY, i >= 3);
                assert_int_not_equal(rows[q][i], 1);
            }
        assert_ok(inlay_vectors_search(v, query[0], 2, 2, 0, rows[0], scores[0], &err), &err);
        assert_ok(inlay_vectors_search(v, NULL, 0, 2, 3, rows[0], scores[0], &err), &err);
        inlay_vectors_close(v);
    }
}

/* ---- what it is asked wrongly */

static void mistakes_are_named(void **state) {
    static const float two[2][3] = {{1, 2, 3}, {4, 5, 6}};
    const char *absent = scratch_path(state, "absent.npy"), *text = scratch_path(state, "text.npy");
    scratch_write(text, "no array", 8);
    const struct {
        dtype type;
        int64_t rows, dim;
        int metric;
        const char *says;
    } cases[] = {{INLAY_INT32, 2, 3, 0, "matrix 0 holds int32"},
                 {INLAY_FLOAT32, 2, 0, 0, "rows without numbers"},
                 {INLAY_FLOAT32, -1, 3, 0, ""},
                 {INLAY_FLOAT32, INT64_MAX, INT64_MAX, 0, ""},
                 {INLAY_FLOAT32, 2, 3, 7, "no such metric"},
                 {INLAY_STRING, 2, 3, 0, "string"}};
    for (int with = 0; with < 2; with++) {
        inlay_error err, *e = with ? &err : NULL;
        inlay_vectors *v;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            inlay_vectors_options o = options_of(cases[i].metric, false);
            v = (inlay_vectors *)state;
            assert_int_equal(INLAY_INVALID_ARGUMENT,
                             inlay_vectors_open_rows(cases[i].type, two, cases[i].rows, cases[i].dim, &o, &v, e));
            assert_null(v);
            if (with) assert_contains(err.message, cases[i].says);
        }
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_open(NULL, 0, NULL, &v, e));
        assert_int_equal(INLAY_NOT_FOUND, inlay_vectors_open_files(&absent, 1, NULL, &v, e));
        assert_null(v);
        assert_int_equal(INLAY_DATA_LOSS, inlay_vectors_open_files(&text, 1, NULL, &v, e));
        if (with) assert_contains(err.message, "text.npy");

        inlay_tensor *matrices[2];
        assert_ok(inlay_tensor_wrap(INLAY_FLOAT32, (int64_t[]){2, 3}, 2, two, NULL, NULL, matrices, &err), &err);
        assert_ok(inlay_tensor_wrap(INLAY_FLOAT32, (int64_t[]){3, 2}, 2, two, NULL, NULL, matrices + 1, &err), &err);
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_open(matrices, 2, NULL, &v, e));
        assert_int_equal(INLAY_OK, inlay_vectors_open(matrices, 1, NULL, &v, e));
        for (int i = 0; i < 2; i++) inlay_tensor_release(matrices[i]);

        int64_t rows[2];
        float scores[2];
        const float bad[3] = {1, NAN, 0};
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_search(v, two[0], 1, 2, 1, rows, scores, e));
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_search(v, two[0], 1, 3, -1, rows, scores, e));
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_search(v, bad, 1, 3, 1, rows, scores, e));
        if (with) assert_contains(err.message, "not finite");
        inlay_search_options limits;
        inlay_search_options_init(&limits);
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_search_with(v, two[0], 1, 3, &limits, rows, scores, e));
        limits.k = 1;
        limits.only = (inlay_row_set){.ranges = &(inlay_row_range){0, 3}, .n_ranges = 1};
        assert_int_equal(INLAY_INVALID_ARGUMENT, inlay_vectors_search_with(v, two[0], 1, 3, &limits, rows, scores, e));
        inlay_vectors_close(v);
    }
    inlay_vectors_close(NULL);
}

static bool stop(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    return strcmp(stage, user) != 0;
}

static void opening_can_be_stopped(void **state) {
    static const char *const stages[] = {"reading vectors", "indexing rows"};
    draw();
    for (int i = 0; i < 4; i++) {
        inlay_error err;
        inlay_vectors *v;
        inlay_vectors_options o = options_of(INLAY_COSINE, true);
        o.progress = stop;
        o.progress_user = (void *)(uintptr_t)stages[i % 2];
        o.index_folder = i < 2 ? NULL : scratch_path(state, "indexes");
        assert_status(INLAY_CANCELLED, inlay_vectors_open_rows(INLAY_FLOAT32, values, ROWS, DIM, &o, &v, &err), &err);
        assert_null(v);
    }
    assert_int_not_equal(access(scratch_path(state, "indexes/rows-00000.index"), F_OK), 0);
}

/* ---- threads */

typedef struct asker {
    const inlay_vectors *vectors;
    answer got;
} asker;

static void *ask_often(void *user) {
    asker *a = user;
    for (int i = 0; i < 20; i++) ask(a->vectors, &a->got);
    return NULL;
}

static void threads_search_at_the_same_time(void **state) {
    (void)state;
    enum { THREADS = 4 };
    draw();
    inlay_vectors_options o = options_of(INLAY_COSINE, true);
    inlay_vectors *v = open_values(&o);
    pthread_t threads[THREADS];
    asker askers[THREADS];
    answer alone;
    ask(v, &alone);
    for (int i = 0; i < THREADS; i++) {
        askers[i].vectors = v;
        assert_int_equal(pthread_create(threads + i, NULL, ask_often, askers + i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_memory_equal(&askers[i].got, &alone, sizeof alone);
    }
    inlay_vectors_close(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_memory_of_every_dtype_are_searched),
        cmocka_unit_test_setup_teardown(a_fused_model_answers_the_same, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_mapped_are_converted, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(files_of_bytes_are_mapped, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(an_index_file_is_kept_as_long_as_it_is_right, scratch_make, scratch_remove),
        cmocka_unit_test(searches_keep_within_limits),
        cmocka_unit_test(places_without_a_hit_say_so),
        cmocka_unit_test_setup_teardown(mistakes_are_named, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(opening_can_be_stopped, scratch_make, scratch_remove),
        cmocka_unit_test(threads_search_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
