/* Fusing, from the library's side: what is written is read back through the bundle; whatever fails leaves nothing. */
#include "unit/scratch.h"

#include "base/fault.h"
#include "base/file.h"
#include "edit/fuse/fuse.h"
#include "format/bundle.h"
#include "format/npy.h"
#include "format/saved_model.h"

#include <errno.h>
#include <math.h>

static uint64_t random_state = 1;

static float random_float(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(random_state >> 32) * 0x1p-31f;
}

/* scratch_path that stays valid through a test. */
static const char *kept_path(void **state, const char *name) {
    static char paths[64][1100];
    static unsigned next;
    return strcpy(paths[next++ % 64], scratch_path(state, name));
}

/* Writes a .npy of ROWS x DIM random float32 in the scratch folder and returns its path. */
static const char *make_shard(void **state, const char *name, int64_t rows, int64_t dim) {
    inlay_error err;
    tensor *t;
    shape dims = shape_matrix(rows, dim);
    const char *path = kept_path(state, name);
    assert_ok(tensor_new(INLAY_FLOAT32, &dims, NULL, &t, &err), &err);
    for (int64_t i = 0; i < t->count; i++) tensor_f32(t)[i] = random_float();
    assert_ok(npy_write(t, path, &err), &err);
    tensor_release(t);
    return path;
}

static inlay_fuse_options options_for(const char *const *embeddings, size_t n, const char *output) {
    inlay_fuse_options o;
    inlay_fuse_options_init(&o);
    o.embeddings = embeddings;
    o.n_embeddings = n;
    o.output = output;
    return o;
}

static bundle *open_fused(const char *model) {
    char prefix[1200];
    bundle *b;
    inlay_error err;
    snprintf(prefix, sizeof prefix, "%s/variables/variables", model);
    assert_ok(bundle_open(prefix, false, &b, &err), &err);
    return b;
}

static tensor *read_key(bundle *b, const char *key) {
    inlay_error err;
    tensor *t;
    const bundle_entry *entry = bundle_find(b, bytes_of(key));
    if (!entry) fail_msg("no key %s", key);
    assert_ok(bundle_check(b, entry, &err), &err);
    assert_ok(bundle_read(b, entry, &t, &err), &err);
    return t;
}

static void rows_are_the_sources_and_sides_their_norms(void **state) {
    static const struct {
        inlay_metric metric;
        inlay_link link;
    } cases[] = {{INLAY_COSINE, INLAY_LINK_AUTO}, {INLAY_L2, INLAY_LINK_COPY}, {INLAY_DOT, INLAY_LINK_HARD}};
    const char *sources[] = {make_shard(state, "2.npy", 700, 33), make_shard(state, "10.npy", 300, 33),
                             make_shard(state, "1.npy", 0, 33)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[16];
        snprintf(name, sizeof name, "model%zu", i);
        inlay_fuse_options o = options_for(sources, 3, kept_path(state, name));
        o.metric = cases[i].metric;
        o.link = cases[i].link;
        o.chunk_bytes = 100 * 33 * 4;
        o.check_rows = 7;
        inlay_fuse_report report;
        inlay_error err;
        assert_ok(fuse(&o, &report, &err), &err);
        assert_int_equal(report.rows, 1000);
        assert_int_equal(report.chunks, 10);
        bundle *b = open_fused(o.output);
        tensor *rows = read_key(b, "inlay_search/rows_8"), *source;
        assert_ok(npy_read(sources[1], INLAY_INVALID_DTYPE, false, &source, &err), &err);
        assert_memory_equal(rows->data, source->data + 100 * 33 * 4, 100 * 33 * 4); /* 7 chunks of 2.npy come first */
        if (o.metric == INLAY_DOT) {
            assert_null(bundle_find(b, bytes_of("inlay_search/side_8")));
        } else {
            tensor *side = read_key(b, "inlay_search/side_8");
            float value, first[33];
            double sum = 0;
            memcpy(first, rows->data, sizeof first);
            for (int j = 0; j < 33; j++) sum += (double)first[j] * (double)first[j];
            memcpy(&value, side->data, sizeof value);
            double wanted = o.metric == INLAY_L2 ? sum : 1 / sqrt(sum);
            assert_true(fabs((double)value - wanted) < 1e-6 * wanted);
            tensor_release(side);
        }
        tensor_release(source);
        tensor_release(rows);
        bundle_close(b);
    }
}

static void a_fortran_file_is_linked_as_its_transpose(void **state) {
    enum { ROWS = 50, DIM = 7 };
    float stored[DIM][ROWS];
    for (int i = 0; i < DIM; i++)
        for (int j = 0; j < ROWS; j++) stored[i][j] = random_float();
    buffer file = {0};
    inlay_error err;
    shape dims = shape_matrix(ROWS, DIM);
    assert_ok(npy_header_text(INLAY_FLOAT32, &dims, true, &file, &err), &err);
    buffer_append(&file, stored, sizeof stored);
    const char *path = kept_path(state, "f.npy");
    scratch_write(path, file.data, file.size);
    buffer_free(&file);
    inlay_fuse_options o = options_for(&path, 1, kept_path(state, "model"));
    o.check_rows = ROWS;
    assert_ok(fuse(&o, NULL, &err), &err);
    bundle *b = open_fused(o.output);
    tensor *rows = read_key(b, "inlay_search/rows_0"), *side = read_key(b, "inlay_search/side_0");
    assert_int_equal(rows->dims.dims[0], DIM);
    assert_memory_equal(rows->data, stored, sizeof stored);
    double sum = 0;
    for (int j = 0; j < DIM; j++) sum += (double)stored[j][49] * (double)stored[j][49];
    float last;
    memcpy(&last, side->data + 49 * 4, 4);
    assert_true(fabs((double)last - 1 / sqrt(sum)) < 1e-6 / sqrt(sum));
    tensor_release(rows);
    tensor_release(side);
    bundle_close(b);
}

static void mistakes_are_named(void **state) {
    const char *good = make_shard(state, "good.npy", 10, 4), *other = make_shard(state, "other.npy", 10, 5);
    scratch_write(scratch_path(state, "nine.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\n", 18);
    scratch_write(scratch_path(state, "bad.txt"), "a\n\xff\n", 4);
    scratch_write(scratch_path(state, "not.npy"), "hello", 5);
    assert_int_equal(0, mkdir(scratch_path(state, "plain"), 0777));
    char folder[1100], nine[1100], bad[1100], not_npy[1100], plain[1100], inside[1200], missing[1100];
    snprintf(folder, sizeof folder, "%s", (char *)*state);
    snprintf(nine, sizeof nine, "%s", scratch_path(state, "nine.txt"));
    snprintf(bad, sizeof bad, "%s", scratch_path(state, "bad.txt"));
    snprintf(not_npy, sizeof not_npy, "%s", scratch_path(state, "not.npy"));
    snprintf(plain, sizeof plain, "%s", scratch_path(state, "plain"));
    snprintf(inside, sizeof inside, "%s/good.npy/model", folder);
    snprintf(missing, sizeof missing, "%s", scratch_path(state, "missing.npy"));
    const char *one[] = {good}, *two[] = {good, other}, *broken[] = {not_npy}, *absent[] = {missing};
    const struct {
        const char *const *embeddings;
        size_t n;
        const char *labels, *name, *output, *extractor;
        bool force;
        inlay_status status;
        const char *part;
    } cases[] = {
        {one, 0, NULL, "search", NULL, NULL, false, INLAY_INVALID_ARGUMENT, "no embeddings"},
        {two, 2, NULL, "search", NULL, NULL, false, INLAY_INVALID_ARGUMENT, "other.npy"},
        {absent, 1, NULL, "search", NULL, NULL, false, INLAY_NOT_FOUND, "missing.npy"},
        {broken, 1, NULL, "search", NULL, NULL, false, INLAY_DATA_LOSS, "not.npy"},
        {one, 1, nine, "search", NULL, NULL, false, INLAY_INVALID_ARGUMENT,
         "nine.txt: holds 9 labels, the stored vectors are 10"},
        {one, 1, bad, "search", NULL, NULL, false, INLAY_INVALID_ARGUMENT, "bad.txt"},
        {one, 1, NULL, "a/b", NULL, NULL, false, INLAY_INVALID_ARGUMENT, "a/b is no name"},
        {one, 1, NULL, "search", plain, NULL, false, INLAY_ALREADY_EXISTS, "plain: is there already"},
        {one, 1, NULL, "search", plain, NULL, true, INLAY_FAILED_PRECONDITION, "no saved_model.pb"},
        {one, 1, NULL, "search", folder, NULL, true, INLAY_INVALID_ARGUMENT, "holds or lies inside"},
        {one, 1, NULL, "search", NULL, plain, false, INLAY_NOT_FOUND, "plain"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_fuse_options o =
            options_for(cases[i].embeddings, cases[i].n, cases[i].output ? cases[i].output : kept_path(state, "model"));
        o.labels = cases[i].labels;
        o.name = cases[i].name;
        o.extractor = cases[i].extractor;
        o.force = cases[i].force;
        inlay_error err;
        assert_status(cases[i].status, fuse(&o, NULL, &err), &err);
        assert_contains(err.message, cases[i].part);
        assert_false(file_exists(kept_path(state, "model")));
    }
}

static void rows_that_are_not_finite_are_refused_by_file_and_number(void **state) {
    inlay_error err;
    shape dims = shape_matrix(5, 3);
    tensor *t;
    assert_ok(tensor_new_zero(INLAY_FLOAT32, &dims, NULL, &t, &err), &err);
    for (int i = 0; i < 9; i++) tensor_f32(t)[i] = 1;
    tensor_f32(t)[7] = NAN;
    const char *path = kept_path(state, "n.npy");
    assert_ok(npy_write(t, path, &err), &err);
    tensor_release(t);
    inlay_fuse_options o = options_for(&path, 1, kept_path(state, "model"));
    assert_status(INLAY_INVALID_ARGUMENT, fuse(&o, NULL, &err), &err);
    assert_contains(err.message, "n.npy: row 2 is not finite");
    o.allow_non_finite = true;
    o.check_rows = 5;
    for (int metric = 0; metric <= INLAY_L2; metric++) {
        inlay_fuse_report report;
        o.metric = (inlay_metric)metric;
        o.force = metric > 0;
        assert_ok(fuse(&o, &report, &err), &err);
        assert_int_equal(report.non_finite_rows, 1);
        assert_int_equal(report.first_non_finite_row, 2);
        assert_int_equal(report.zero_rows, 2);
        assert_int_equal(report.first_zero_row, 3);
    }
}

typedef struct fault_plan {
    long at, count; /* the operation to fail, from 1; operations so far */
    int error;      /* errno, or 0 for a short write */
} fault_plan;

static int fault_at(void *user, const char *operation, const char *path, size_t *size) {
    (void)operation;
    (void)path;
    fault_plan *plan = user;
    if (++plan->count != plan->at) return 0;
    if (plan->error) return plan->error;
    if (size && *size > 1) *size /= 2;
    return 0;
}

static void a_fault_at_any_operation_leaves_nothing_or_the_model(void **state) {
    static const int errors[] = {ENOSPC, EIO, 0};
    const char *sources[] = {make_shard(state, "a.npy", 40, 3), make_shard(state, "b.npy", 20, 3)};
    scratch_write(scratch_path(state, "labels.txt"), "x\n", 2);
    char folder[1100];
    snprintf(folder, sizeof folder, "%s", scratch_path(state, "target"));
    assert_int_equal(0, mkdir(folder, 0777));
    char output[1200];
    snprintf(output, sizeof output, "%s/model", folder);
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
        long failed = 0;
        for (long at = 1;; at++) {
            inlay_fuse_options o = options_for(sources, 2, output);
            o.link = at % 2 ? INLAY_LINK_COPY : INLAY_LINK_AUTO;
            fault_plan plan = {.at = at, .error = errors[e]};
            inlay_error err = {.message = ""};
            fault_set(fault_at, &plan);
            inlay_status status = fuse(&o, NULL, &err);
            fault_set(NULL, NULL);
            file_names names;
            inlay_error list_error;
            assert_ok(file_list(folder, &names, &list_error), &list_error);
            if (status != INLAY_OK) {
                failed++;
                assert_true(err.message[0] != 0 && !strchr(err.message, '\n'));
            }
            bool whole = names.count == 1 && strcmp(names.names[0], "model") == 0;
            if (names.count != 0 && !whole) fail_msg("operation %ld: %s is left", at, names.names[0]);
            file_names_free(&names);
            if (whole) { /* whatever was answered, what is there must be sound */
                bundle *b = open_fused(output);
                tensor_release(read_key(b, "inlay_search/rows_1"));
                bundle_close(b);
                assert_ok(file_remove_tree(output, &list_error), &list_error);
            } else if (status == INLAY_OK) {
                fail_msg("operation %ld: fine, but there is no model", at);
            }
            if (plan.count < at) break;
        }
        assert_true(errors[e] == 0 || failed > 10);
    }
}

static bool stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)user, (void)stage, (void)done, (void)total;
    return false;
}

static void a_cancelled_fuse_leaves_nothing(void **state) {
    const char *path = make_shard(state, "a.npy", 1000, 8);
    inlay_fuse_options o = options_for(&path, 1, kept_path(state, "model"));
    o.progress = stop_at_once;
    inlay_error err;
    assert_status(INLAY_CANCELLED, fuse(&o, NULL, &err), &err);
    file_names names;
    assert_ok(file_list(*state, &names, &err), &err);
    assert_int_equal(names.count, 1);
    file_names_free(&names);
}

/* Adds a byte to the file USER once all rows are read. */
static bool grow_at_the_end(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)stage;
    FILE *f = done == total ? fopen(user, "ab") : NULL;
    if (f) {
        fputc(0, f);
        fclose(f);
    }
    return true;
}

static void a_source_that_changes_after_its_pass_is_an_error(void **state) {
    const char *paths[] = {make_shard(state, "a.npy", 1000, 8), make_shard(state, "b.npy", 1000, 8)};
    inlay_fuse_options o = options_for(paths, 2, kept_path(state, "model"));
    o.progress = grow_at_the_end;
    o.progress_user = (void *)(uintptr_t)paths[0];
    inlay_error err;
    assert_status(INLAY_FAILED_PRECONDITION, fuse(&o, NULL, &err), &err);
    assert_contains(err.message, "a.npy");
    assert_false(file_exists(o.output));
}

static void moving_leaves_the_model_only(void **state) {
    const char *path = make_shard(state, "a.npy", 10, 2);
    inlay_fuse_options o = options_for(&path, 1, kept_path(state, "model"));
    o.link = INLAY_LINK_MOVE;
    inlay_error err;
    assert_ok(fuse(&o, NULL, &err), &err);
    assert_false(file_exists(path));
    bundle *b = open_fused(o.output);
    tensor_release(read_key(b, "inlay_search/rows_0"));
    bundle_close(b);
}

/* Bytes that the model does not hold as they are would be lost: a checkpoint's other tensors, rows before conversion.
 */
static void moving_keeps_what_is_not_whole_in_the_model(void **state) {
    inlay_error err;
    const char *path = make_shard(state, "a.npy", 10, 2), *held = kept_path(state, "held");
    inlay_fuse_options o = options_for(&path, 1, held);
    o.link = INLAY_LINK_COPY;
    assert_ok(fuse(&o, NULL, &err), &err);
    char key[1200];
    snprintf(key, sizeof key, "%s#inlay_search/rows_0", held);
    const char *bytes_file = kept_path(state, "b.bvecs");
    scratch_write(bytes_file, "\2\0\0\0\7\10", 6);
    const char *sources[] = {key, bytes_file, path};
    o = options_for(sources, 3, kept_path(state, "moved"));
    o.link = INLAY_LINK_MOVE;
    assert_ok(fuse(&o, NULL, &err), &err);
    assert_false(file_exists(path));
    assert_true(file_exists(bytes_file));
    bundle *b = open_fused(held);
    tensor_release(read_key(b, "inlay_search/rows_0"));
    bundle_close(b);
}

typedef struct other_file_system {
    const char *spoiled; /* a file to spoil once the model is in place; NULL: none */
    const char *parent;
} other_file_system;

static int no_links(void *user, const char *operation, const char *path, size_t *size) {
    (void)size;
    const other_file_system *plan = user;
    if (strcmp(operation, "link") == 0) return EXDEV;
    if (plan->spoiled && strcmp(operation, "sync") == 0 && strcmp(path, plan->parent) == 0 &&
        file_exists(plan->spoiled)) {
        FILE *f = fopen(plan->spoiled, "r+b");
        fseek(f, 130, SEEK_SET);
        fputc('x', f);
        fclose(f);
    }
    return 0;
}

static void moving_across_file_systems_removes_only_what_was_copied_well(void **state) {
    for (int spoil = 0; spoil < 2; spoil++) {
        inlay_error err;
        const char *path = make_shard(state, "a.npy", 10, 2), *model = kept_path(state, spoil ? "bad" : "good");
        char spoiled[1300];
        snprintf(spoiled, sizeof spoiled, "%s/variables/variables.data-00001-of-00002", model);
        inlay_fuse_options o = options_for(&path, 1, model);
        o.link = INLAY_LINK_MOVE;
        other_file_system plan = {spoil ? spoiled : NULL, *state};
        inlay_fuse_report report;
        fault_set(no_links, &plan);
        inlay_status status = fuse(&o, &report, &err);
        fault_set(NULL, NULL);
        assert_int_equal(report.copied, 1);
        assert_int_equal(file_exists(path), spoil);
        if (spoil) {
            assert_int_equal(status, INLAY_DATA_LOSS);
            assert_contains(err.message, "differs from");
            assert_int_equal(err.offset, 130);
        } else {
            assert_ok(status, &err);
        }
    }
}

/* Spoils a row of the staged model when its graph is written, which comes behind the rows. */
static int spoil_a_row(void *user, const char *operation, const char *path, size_t *size) {
    (void)user, (void)size;
    const char *graph = strstr(path, "/saved_model.pb");
    if (strcmp(operation, "open") != 0 || !graph) return 0;
    char shard[1300];
    snprintf(shard, sizeof shard, "%.*s/variables/variables.data-00001-of-00002", (int)(graph - path), path);
    FILE *f = fopen(shard, "r+b");
    assert_non_null(f);
    fseek(f, 130, SEEK_SET);
    fputc('x', f);
    fclose(f);
    return 0;
}

static void a_check_finds_a_row_that_is_not_what_was_read(void **state) {
    const char *path = make_shard(state, "a.npy", 10, 2);
    inlay_fuse_options o = options_for(&path, 1, kept_path(state, "model"));
    o.link = INLAY_LINK_COPY;
    o.check_rows = 10;
    inlay_error err;
    fault_set(spoil_a_row, NULL);
    inlay_status status = fuse(&o, NULL, &err);
    fault_set(NULL, NULL);
    assert_int_equal(status, INLAY_DATA_LOSS);
    assert_contains(err.message, "variables.data-00001-of-00002");
    assert_false(file_exists(o.output));
}

static void force_replaces_a_model(void **state) {
    const char *first = make_shard(state, "a.npy", 10, 2), *second = make_shard(state, "b.npy", 20, 2);
    inlay_fuse_options o = options_for(&first, 1, kept_path(state, "model"));
    inlay_error err;
    inlay_fuse_report report;
    assert_ok(fuse(&o, &report, &err), &err);
    o = options_for(&second, 1, o.output);
    o.force = true;
    assert_ok(fuse(&o, &report, &err), &err);
    assert_int_equal(report.rows, 20);
    file_names names;
    assert_ok(file_list(*state, &names, &err), &err);
    assert_int_equal(names.count, 3);
    file_names_free(&names);
}

static void assert_signatures(const char *model, const char *const *keys, size_t n) {
    saved_model *m;
    const saved_metagraph *g;
    inlay_error err;
    assert_ok(saved_model_open(model, false, &m, &err), &err);
    assert_ok(saved_model_pick(m, NULL, &g, &err), &err);
    assert_int_equal(g->signature_count, n);
    for (size_t i = 0; i < n; i++) assert_string_equal(g->signatures[i].key, keys[i]);
    saved_model_close(m);
}

static void a_model_is_fused_again_under_another_name(void **state) {
    const char *first = make_shard(state, "a.npy", 10, 2), *second = make_shard(state, "b.npy", 20, 2);
    inlay_fuse_options o = options_for(&first, 1, kept_path(state, "one"));
    inlay_error err;
    assert_ok(fuse(&o, NULL, &err), &err);
    char one[1100];
    snprintf(one, sizeof one, "%s", o.output);
    o = options_for(&second, 1, kept_path(state, "two"));
    o.extractor = one;
    const struct {
        const char *name, *signature;
        inlay_status status;
        const char *part;
    } cases[] = {
        {"search", NULL, INLAY_ALREADY_EXISTS, "a signature called search"},
        {"more", "search", INLAY_INVALID_ARGUMENT,
         "search is a search, whose scores are no features; name the extractor's. The signatures: features, search"},
        {"more", "serving_default", INLAY_NOT_FOUND, "no signature serving_default"},
        {"features", NULL, INLAY_INVALID_ARGUMENT, "features is no name"},
        {"more", NULL, INLAY_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.name = cases[i].name;
        o.signature = cases[i].signature;
        err.message[0] = 0;
        assert_status(cases[i].status, fuse(&o, NULL, &err), &err);
        assert_contains(err.message, cases[i].part);
    }
    assert_signatures(o.output, (const char *[]){"features", "more", "search"}, 3);
    saved_model *m;
    const saved_metagraph *g;
    assert_ok(saved_model_open(one, false, &m, &err), &err);
    assert_ok(saved_model_pick(m, NULL, &g, &err), &err);
    const saved_signature *s = saved_find_signature(g, "search");
    assert_non_null(s);
    assert_int_equal(s->input_count, 2);
    assert_int_equal(s->output_count, 2);
    assert_string_equal(s->inputs[0].key, "k");
    assert_int_equal(s->default_count, 1);
    saved_model_close(m);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(rows_are_the_sources_and_sides_their_norms),
        IN_SCRATCH(a_fortran_file_is_linked_as_its_transpose),
        IN_SCRATCH(mistakes_are_named),
        IN_SCRATCH(rows_that_are_not_finite_are_refused_by_file_and_number),
        IN_SCRATCH(a_fault_at_any_operation_leaves_nothing_or_the_model),
        IN_SCRATCH(a_cancelled_fuse_leaves_nothing),
        IN_SCRATCH(a_source_that_changes_after_its_pass_is_an_error),
        IN_SCRATCH(moving_leaves_the_model_only),
        IN_SCRATCH(moving_keeps_what_is_not_whole_in_the_model),
        IN_SCRATCH(moving_across_file_systems_removes_only_what_was_copied_well),
        IN_SCRATCH(a_check_finds_a_row_that_is_not_what_was_read),
        IN_SCRATCH(force_replaces_a_model),
        IN_SCRATCH(a_model_is_fused_again_under_another_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
