/* The public interface at its edges: what a caller may leave out, and what it may get wrong. */
#include "inlay/inlay.h"

#include "unit/scratch.h"

enum { ROWS = 5, DIM = 3 };
static const float rows[ROWS][DIM] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {-1, 0, 0}};

static void make_model(void **state, const char *name) {
    inlay_error err;
    inlay_tensor *t;
    const char *source = scratch_path(state, "rows.npy");
    assert_ok(inlay_tensor_wrap(INLAY_FLOAT32, (const int64_t[]){ROWS, DIM}, 2, rows, NULL, NULL, &t, &err), &err);
    assert_ok(inlay_tensor_save(t, source, &err), &err);
    inlay_tensor_release(t);
    inlay_fuse_options o;
    inlay_fuse_options_init(&o);
    o.embeddings = &source;
    o.n_embeddings = 1;
    o.output = scratch_path(state, name);
    o.k = 2;
    assert_ok(inlay_fuse(&o, NULL, &err), &err);
}

static inlay_model *open_model(void **state) {
    inlay_error err;
    inlay_model *m;
    make_model(state, "model");
    assert_ok(inlay_model_open(scratch_path(state, "model"), NULL, &m, &err), &err);
    return m;
}

static void searches_of_every_size_are_answered(void **state) {
    inlay_model *m = open_model(state);
    static const struct {
        size_t n;
        int64_t k;
        size_t got;
    } cases[] = {{0, 2, 2}, {1, 0, 0}, {1, -1, 2}, {1, 1, 1}, {4, 5, 5}, {4, 6, 5}, {1, INT32_MAX, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        inlay_hits *h;
        assert_ok(inlay_search_vectors(m, NULL, rows[0], cases[i].n, DIM, cases[i].k, &h, &err), &err);
        assert_int_equal(h->n_queries, cases[i].n);
        assert_int_equal(h->k, cases[i].got);
        assert_null(h->labels);
        assert_null(h->ids);
        for (size_t q = 0; q < cases[i].n && h->k; q++) assert_int_equal(h->indices[q * h->k], q);
        inlay_hits_release(h);
    }
    inlay_hits_release(NULL);
    inlay_model_close(m);
}

/* With a minimum that rules the last one out: what stands behind the counts has no vector. */
static void hits_bring_the_vectors_that_were_asked_for(void **state) {
    inlay_model *m = open_model(state);
    inlay_search_options o;
    inlay_error err;
    inlay_hits *h;
    inlay_search_options_init(&o);
    o.k = 3;
    assert_ok(inlay_search_vectors_with(m, NULL, rows[0], 2, DIM, &o, &h, &err), &err);
    assert_null(h->vectors);
    assert_int_equal(h->dim, 0);
    inlay_hits_release(h);
    o.vectors = true;
    o.min_score = 0.5f;
    assert_ok(inlay_search_vectors_with(m, NULL, rows[0], 2, DIM, &o, &h, &err), &err);
    assert_int_equal(h->dim, DIM);
    assert_int_equal(h->k, 3);
    for (size_t q = 0; q < 2; q++) {
        assert_int_equal(h->counts[q], 2);
        for (size_t i = 0; i < 3; i++) {
            const float *wanted = i < 2 ? rows[h->indices[q * 3 + i]] : (float[DIM]){0};
            assert_memory_equal(h->vectors + (q * 3 + i) * DIM, wanted, DIM * sizeof(float));
        }
    }
    inlay_hits_release(h);
    o.size = offsetof(inlay_search_options, vectors); /* of a program built before there were any */
    assert_ok(inlay_search_vectors_with(m, NULL, rows[0], 1, DIM, &o, &h, &err), &err);
    assert_null(h->vectors);
    inlay_hits_release(h);
    inlay_model_close(m);
}

/* Each row is answered by one part, in whatever number of parts, and the lengths of parts differ by one at most. */
static void parts_have_all_rows_between_them(void **state) {
    inlay_model *m = open_model(state);
    inlay_search_options o;
    inlay_error err;
    inlay_hits *h;
    inlay_search_options_init(&o);
    for (o.parts = 1; o.parts <= 7; o.parts++) {
        int64_t next = 0;
        for (o.part = 0; o.part < o.parts; o.part++) {
            o.k = ROWS;
            assert_ok(inlay_search_vectors_with(m, NULL, rows[0], 1, DIM, &o, &h, &err), &err);
            assert_int_equal(h->rows, ROWS);
            assert_int_equal(h->asked, ROWS);
            assert_in_range(h->k, ROWS / o.parts, (ROWS + o.parts - 1) / o.parts);
            assert_int_equal(h->counts[0], h->k);
            int64_t met = 0, end = next + (int64_t)h->k;
            for (size_t i = 0; i < h->k; i++) {
                assert_in_range(h->indices[i], next, end - 1);
                met |= (int64_t)1 << h->indices[i];
            }
            assert_int_equal(met, ((int64_t)1 << end) - ((int64_t)1 << next));
            inlay_hits_release(h);
            next = end;
        }
        assert_int_equal(next, ROWS);
    }
    static const int32_t wrong[][2] = {{3, 3}, {-1, 3}, {0, -1}};
    for (int i = 0; i < 3; i++) {
        o.part = wrong[i][0];
        o.parts = wrong[i][1];
        assert_status(INLAY_INVALID_ARGUMENT, inlay_search_vectors_with(m, NULL, rows[0], 1, DIM, &o, &h, &err), &err);
        assert_contains(err.message, "is none");
    }
    o.parts = 0;
    o.k = -1;
    assert_ok(inlay_search_vectors_with(m, NULL, rows[0], 1, DIM, &o, &h, &err), &err);
    assert_int_equal(h->asked, 2);
    assert_int_equal(h->k, 2);
    inlay_hits_release(h);
    inlay_model_close(m);
}

/* With an error to fill in and without one. */
static void mistakes_are_answered_with_or_without_an_error(void **state) {
    inlay_model *m = open_model(state);
    const char *text = "text";
    for (int with = 0; with < 2; with++) {
        inlay_error err, *e = with ? &err : NULL;
        inlay_hits *h = (inlay_hits *)state;
        assert_int_equal(inlay_search_vectors(m, NULL, rows[0], 1, DIM + 1, 1, &h, e), INLAY_INVALID_ARGUMENT);
        assert_null(h);
        assert_int_equal(inlay_search_vectors(m, NULL, rows[0], 1, DIM, (int64_t)INT32_MAX + 1, &h, e),
                         INLAY_INVALID_ARGUMENT);
        assert_int_equal(inlay_search_vectors(m, "absent", rows[0], 1, DIM, 1, &h, e), INLAY_NOT_FOUND);
        assert_int_equal(inlay_search_texts(m, NULL, &text, 1, 1, &h, e), INLAY_INVALID_ARGUMENT);
        assert_int_equal(inlay_search(m, NULL, NULL, 0, 1, &h, e), INLAY_INVALID_ARGUMENT);
        if (with) assert_contains(err.message, "'query' of signature 'search' is missing");

        inlay_named_tensor output = {"absent", (inlay_tensor *)state};
        assert_int_equal(inlay_model_run(m, "search", NULL, 0, &output, 1, e), INLAY_INVALID_ARGUMENT);
        assert_null(output.tensor);
        assert_int_equal(inlay_model_run(m, "absent", NULL, 0, &output, 1, e), INLAY_NOT_FOUND);
        assert_int_equal(inlay_model_describe(m, "absent", NULL, NULL, e), INLAY_NOT_FOUND);

        inlay_model *none = m;
        assert_int_equal(inlay_model_open(scratch_path(state, "absent"), NULL, &none, e), INLAY_NOT_FOUND);
        assert_null(none);
        inlay_tensor *t = (inlay_tensor *)state;
        assert_int_equal(inlay_tensor_load(scratch_path(state, "absent.npy"), INLAY_INVALID_DTYPE, &t, e),
                         INLAY_NOT_FOUND);
        assert_null(t);
        assert_int_equal(inlay_tensor_new(INLAY_FLOAT32, (const int64_t[]){-1}, 1, &t, e), INLAY_INVALID_ARGUMENT);
        assert_int_equal(inlay_tensor_new(INLAY_STRING, NULL, 0, &t, e), INLAY_INVALID_ARGUMENT);
        assert_int_equal(inlay_tensor_new(INLAY_FLOAT32, NULL, INLAY_MAX_RANK + 1, &t, e), INLAY_INVALID_ARGUMENT);

        inlay_fuse_options fuse;
        inlay_fuse_options_init(&fuse);
        assert_int_equal(inlay_fuse(&fuse, NULL, e), INLAY_INVALID_ARGUMENT);
        const char *source = scratch_path(state, "rows.npy");
        fuse.embeddings = &source;
        fuse.n_embeddings = 1;
        fuse.output = scratch_path(state, "model");
        assert_int_equal(inlay_fuse(&fuse, NULL, e), INLAY_ALREADY_EXISTS);
        inlay_encode_options encode;
        inlay_encode_options_init(&encode);
        assert_int_equal(inlay_encode(&encode, NULL, e), INLAY_INVALID_ARGUMENT);
    }
    assert_null(inlay_model_signature(m, inlay_model_signature_count(m)));
    assert_null(inlay_model_find_signature(m, "absent"));
    assert_false(inlay_model_variable(m, inlay_model_variable_count(m), &(inlay_variable){0}));
    inlay_model_close(m);
    inlay_model_close(NULL);
    inlay_tensor_release(NULL);
}

static void count_release(void *user) {
    ++*(int *)user;
}

static void a_callers_memory_is_given_back_once(void **state) {
    (void)state;
    inlay_error err;
    inlay_tensor *t;
    int released = 0;
    const uint8_t bytes[9] = {0};
    assert_ok(inlay_tensor_wrap(INLAY_FLOAT32, (const int64_t[]){2}, 1, bytes + 1, count_release, &released, &t, &err),
              &err);
    assert_ptr_equal(inlay_tensor_data(t), bytes + 1);
    assert_int_equal(released, 0);
    inlay_tensor_release(t);
    assert_int_equal(released, 1);
    static const struct {
        inlay_dtype type;
        int64_t dim;
        int rank;
    } wrong[] = {{INLAY_STRING, 2, 1}, {INLAY_FLOAT32, -2, 1}, {INLAY_FLOAT32, 2, -1}, {INLAY_FLOAT32, INT64_MAX, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        released = 0;
        assert_int_not_equal(
            inlay_tensor_wrap(wrong[i].type, &wrong[i].dim, wrong[i].rank, bytes, count_release, &released, &t, &err),
            INLAY_OK);
        assert_null(t);
        assert_int_equal(released, 1);
    }
}

/* A program that was built against an older, shorter struct. */
static void options_of_an_older_program_keep_the_defaults(void **state) {
    inlay_error err;
    inlay_model *m;
    make_model(state, "model");
    inlay_model_options o;
    inlay_model_options_init(&o);
    o.size = offsetof(inlay_model_options, copy);
    memset((char *)&o + o.size, 0xff, sizeof o - o.size); /* not the program's to set */
    o.tag_set = "serve";
    assert_ok(inlay_model_open(scratch_path(state, "model"), &o, &m, &err), &err);
    inlay_model_close(m);
}

static void count_node(void *user, const inlay_node_run *node) {
    assert_true(node->node[0] && node->op[0] && node->start >= 0 && node->seconds >= 0);
    ++*(int *)user;
}

static void a_run_is_watched_and_stopped(void **state) {
    inlay_model *m = open_model(state);
    inlay_error err;
    inlay_tensor *query;
    const int64_t dims[] = {1, DIM};
    int nodes = 0, cancelled = 1;
    assert_ok(inlay_tensor_new(INLAY_FLOAT32, dims, 2, &query, &err), &err);
    inlay_named_tensor input = {"query", query}, output = {"indices", NULL};
    inlay_run_options o;
    inlay_run_options_init(&o);
    o.on_node = count_node;
    o.user = &nodes;
    o.timeout = 60;
    assert_ok(inlay_model_run_with(m, "search", &input, 1, &output, 1, &o, &err), &err);
    assert_true(nodes > 0);
    inlay_tensor_release(output.tensor);
    o.cancelled = &cancelled;
    assert_status(INLAY_CANCELLED, inlay_model_run_with(m, "search", &input, 1, &output, 1, &o, &err), &err);
    assert_null(output.tensor);
    o.cancelled = NULL;
    o.timeout = 1e-9;
    assert_status(INLAY_DEADLINE_EXCEEDED, inlay_model_run_with(m, "search", &input, 1, &output, 1, &o, &err), &err);
    inlay_tensor_release(query);
    inlay_model_close(m);
}

static void keep_line(void *user, inlay_log_level level, const char *line) {
    if (level == INLAY_LOG_WARNING) snprintf(user, 1000, "%s", line);
}

static void the_library_warns_of_shared_bytes(void **state) {
    char warning[1000] = "";
    inlay_set_log(keep_line, warning);
    make_model(state, "model");
    inlay_set_log(NULL, NULL);
    struct stat info;
    assert_int_equal(stat(scratch_path(state, "rows.npy"), &info), 0);
    if (info.st_nlink > 1)
        assert_contains(warning, "shares its bytes");
    else
        assert_string_equal(warning, "");
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(searches_of_every_size_are_answered), IN_SCRATCH(hits_bring_the_vectors_that_were_asked_for),
        IN_SCRATCH(parts_have_all_rows_between_them),    IN_SCRATCH(mistakes_are_answered_with_or_without_an_error),
        IN_SCRATCH(a_callers_memory_is_given_back_once), IN_SCRATCH(options_of_an_older_program_keep_the_defaults),
        IN_SCRATCH(the_library_warns_of_shared_bytes),   IN_SCRATCH(a_run_is_watched_and_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
