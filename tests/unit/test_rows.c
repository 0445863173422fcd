/* Rows of a fused model edited, from the library's side: entries, bytes and checksums; and nodes taken out of an object
 * graph. What TensorFlow makes of edited models is in tests/oracle/test_rows.py. */
#include "unit/scratch.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "edit/object_ids.h"
#include "edit/rows/collection.h"
#include "edit/rows/unfuse.h"
#include "format/npy.h"
#include "proto/wire.h"

#include <math.h>

enum { ROWS = 40, DIM = 6, MOST = 200 };

/* What the model should hold. */
typedef struct table {
    float rows[MOST][DIM];
    bool dead[MOST];
    int64_t n;
} table;

static uint64_t random_state = 9;

static float random_float(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(random_state >> 32) * 0x1p-31f;
}

static uint64_t random_below(uint64_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % n;
}

static const char *kept_path(void **state, const char *name) {
    static char paths[16][1100];
    static unsigned next;
    return strcpy(paths[next++ % 16], scratch_path(state, name));
}

static const char *write_rows(void **state, const char *name, const float *values, int64_t n) {
    inlay_error err;
    tensor *t;
    shape dims = shape_matrix(n, DIM);
    const char *path = kept_path(state, name);
    assert_ok(tensor_new(INLAY_FLOAT32, &dims, NULL, &t, &err), &err);
    memcpy(t->data, values, (size_t)n * DIM * sizeof(float));
    if (file_exists(path)) assert_ok(file_remove(path, &err), &err);
    assert_ok(npy_write(t, path, &err), &err);
    tensor_release(t);
    return path;
}

static void fill(float (*rows)[DIM], int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < DIM; j++) rows[i][j] = random_float();
}

/* Fuses 40 rows in chunks of 7. */
static const char *make_model(void **state, table *t, inlay_metric metric) {
    inlay_error err;
    inlay_fuse_options o;
    inlay_fuse_options_init(&o);
    t->n = ROWS;
    memset(t->dead, 0, sizeof t->dead);
    fill(t->rows, ROWS);
    const char *rows = write_rows(state, "rows.npy", t->rows[0], ROWS);
    o.embeddings = &rows;
    o.n_embeddings = 1;
    o.output = kept_path(state, "model");
    o.chunk_bytes = 7 * DIM * sizeof(float);
    o.metric = metric;
    o.link = INLAY_LINK_COPY;
    assert_ok(inlay_fuse(&o, NULL, &err), &err);
    return o.output;
}

static float wanted_side(const table *t, const collection *c, int64_t row) {
    double sum = 0;
    for (int j = 0; j < DIM; j++) sum += (double)t->rows[row][j] * (double)t->rows[row][j];
    if (t->dead[row]) return c->metric == SEARCH_L2 ? INFINITY : NAN;
    return c->metric == SEARCH_L2 ? (float)sum : c->metric == SEARCH_COSINE ? (float)(1 / sqrt(sum)) : 1;
}

/* Every entry is sound and holds what it should. */
static void check_model(const char *model, const table *t) {
    inlay_error err;
    arena a;
    collection c;
    arena_init(&a, 0);
    assert_ok(collection_open(model, NULL, &a, &c, &err), &err);
    assert_int_equal(c.rows, t->n);
    for (size_t i = 0; i < c.n_chunks; i++) {
        const collection_chunk *k = &c.chunks[i];
        tensor *rows, *sides = NULL;
        assert_ok(bundle_check(c.bundle, k->stored, &err), &err);
        assert_ok(bundle_read(c.bundle, k->stored, &rows, &err), &err);
        assert_memory_equal(rows->data, t->rows[k->first_row], (size_t)k->count * DIM * sizeof(float));
        if (k->factor) {
            assert_ok(bundle_check(c.bundle, k->factor, &err), &err);
            assert_ok(bundle_read(c.bundle, k->factor, &sides, &err), &err);
        }
        for (int64_t j = 0; j < k->count; j++) {
            float side = 1, wanted = wanted_side(t, &c, k->first_row + j);
            if (sides) memcpy(&side, sides->data + (size_t)j * sizeof side, sizeof side);
            if (isnan(wanted))
                assert_true(isnan(side) && k->guarded);
            else
                assert_true(side == wanted || fabsf(side - wanted) < 1e-5f * wanted);
        }
        tensor_release(rows);
        tensor_release(sides);
    }
    collection_close(&c);
    arena_free(&a);
}

static inlay_status edit(const char *model, inlay_rows_action action, const char *rows, int64_t at,
                         const inlay_row_range *ranges, size_t n, inlay_error *err) {
    inlay_rows_options o;
    inlay_rows_options_init(&o);
    o.action = action;
    o.rows = rows;
    o.set_at = at;
    o.ranges = ranges;
    o.n_ranges = n;
    return inlay_edit_rows(model, &o, NULL, NULL, err);
}

/* One random edit of both. */
static void edit_both(void **state, const char *model, table *t) {
    float given[8][DIM];
    inlay_error err;
    int64_t n = 1 + (int64_t)random_below(8), at = (int64_t)random_below((uint64_t)(t->n - n));
    inlay_row_range range = {at, at + n};
    fill(given, n);
    switch (random_below(4)) {
    case 0:
        assert_ok(edit(model, INLAY_ROWS_SET, write_rows(state, "given.npy", given[0], n), at, NULL, 0, &err), &err);
        memcpy(t->rows[at], given, (size_t)n * sizeof *given);
        memset(t->dead + at, 0, (size_t)n);
        break;
    case 1:
        assert_ok(edit(model, INLAY_ROWS_APPEND, write_rows(state, "given.npy", given[0], n), 0, NULL, 0, &err), &err);
        memcpy(t->rows[t->n], given, (size_t)n * sizeof *given);
        memset(t->dead + t->n, 0, (size_t)n);
        t->n += n;
        break;
    case 2:
        assert_ok(edit(model, INLAY_ROWS_DELETE, NULL, 0, &range, 1, &err), &err);
        memmove(t->rows[at], t->rows[at + n], (size_t)(t->n - at - n) * sizeof *t->rows);
        memmove(t->dead + at, t->dead + at + n, (size_t)(t->n - at - n));
        t->n -= n;
        break;
    default:
        assert_ok(edit(model, INLAY_ROWS_TOMBSTONE, NULL, 0, &range, 1, &err), &err);
        memset(t->dead + at, 1, (size_t)n);
    }
}

static void random_edits_keep_every_row_and_checksum(void **state) {
    static const inlay_metric metrics[] = {INLAY_COSINE, INLAY_DOT, INLAY_L2};
    for (size_t m = 0; m < 3; m++) {
        table t;
        inlay_error err;
        const char *model = make_model(state, &t, metrics[m]);
        check_model(model, &t);
        for (int i = 0; i < 25 && t.n > 12 && t.n < MOST - 8; i++) {
            edit_both(state, model, &t);
            check_model(model, &t);
        }
        assert_ok(file_remove_tree(model, &err), &err);
    }
}

static void what_cannot_be_done_is_told_and_changes_nothing(void **state) {
    static const inlay_row_range beyond = {30, 41}, twice[] = {{1, 4}, {3, 5}}, backwards = {5, 4}, all = {0, 40};
    static const float wide[2][DIM] = {{0}};
    table t;
    inlay_error err;
    const char *model = make_model(state, &t, INLAY_COSINE), *two = write_rows(state, "two.npy", wide[0], 2);
    float bad[1][DIM] = {{NAN}};
    const char *not_finite = write_rows(state, "bad.npy", bad[0], 1);
    const struct {
        inlay_rows_action action;
        const char *rows;
        int64_t at;
        const inlay_row_range *ranges;
        size_t n;
        inlay_status status;
        const char *saying;
    } cases[] = {
        {INLAY_ROWS_SET, two, 39, NULL, 0, INLAY_OUT_OF_RANGE, "would replace 39:41"},
        {INLAY_ROWS_SET, two, -1, NULL, 0, INLAY_OUT_OF_RANGE, "would replace -1:1"},
        {INLAY_ROWS_SET, NULL, 0, NULL, 0, INLAY_INVALID_ARGUMENT, "no file with rows"},
        {INLAY_ROWS_SET, not_finite, 0, NULL, 0, INLAY_INVALID_ARGUMENT, "not finite"},
        {INLAY_ROWS_APPEND, not_finite, 0, NULL, 0, INLAY_INVALID_ARGUMENT, "not finite"},
        {INLAY_ROWS_DELETE, NULL, 0, &beyond, 1, INLAY_OUT_OF_RANGE, "30:41"},
        {INLAY_ROWS_DELETE, NULL, 0, &backwards, 1, INLAY_OUT_OF_RANGE, "5:4"},
        {INLAY_ROWS_TOMBSTONE, NULL, 0, twice, 2, INLAY_INVALID_ARGUMENT, "row 3 is named twice"},
        {INLAY_ROWS_TOMBSTONE, NULL, 0, NULL, 0, INLAY_INVALID_ARGUMENT, "no rows are named"},
        {INLAY_ROWS_DELETE, NULL, 0, &all, 1, INLAY_INVALID_ARGUMENT, "no row of search would be left"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(cases[i].status,
                      edit(model, cases[i].action, cases[i].rows, cases[i].at, cases[i].ranges, cases[i].n, &err),
                      &err);
        assert_contains(err.message, cases[i].saying);
        check_model(model, &t);
    }
}

/* A field NUMBER that holds VALUE as a message. */
static void put(buffer *out, uint32_t number, buffer *value) {
    wire_put_message(out, number, value);
    buffer_clear(value);
}

static void put_reference(buffer *node, uint32_t field, uint64_t id, const char *name) {
    size_t mark = wire_begin(node, field);
    if (id) wire_put_uint(node, 1, id);
    wire_put_text(node, 2, name);
    wire_end(node, mark);
}

/* Root 0 -> (gone 1), 2, 3; node 2 depends on 3; 3 saves by functions 2 and 4; function f is bound to 2 and 4. */
static void make_objects(buffer *out, bool with_gone) {
    buffer node = {0};
    uint64_t shift = with_gone ? 0 : 1;
    if (with_gone) put_reference(&node, 1, 1, "gone");
    put_reference(&node, 1, 2 - shift, "a");
    put_reference(&node, 1, 3 - shift, "b");
    put(out, 1, &node);
    if (with_gone) put(out, 1, &node);
    put_reference(&node, 15, 3 - shift, "dependency");
    size_t slot = wire_begin(&node, 3);
    wire_put_uint(&node, 1, 3 - shift);
    wire_put_text(&node, 2, "slot");
    wire_put_uint(&node, 3, 4 - shift);
    wire_end(&node, slot);
    put(out, 1, &node);
    size_t saveable = wire_begin(&node, 11);
    wire_put_text(&node, 1, "VARIABLE_VALUE");
    size_t value = wire_begin(&node, 2);
    wire_put_uint(&node, 2, 2 - shift);
    wire_put_uint(&node, 3, 4 - shift);
    wire_end(&node, value);
    wire_end(&node, saveable);
    put(out, 1, &node);
    put(out, 1, &node);
    for (int i = 0; i < (with_gone ? 2 : 1); i++) {
        size_t entry = wire_begin(out, 2);
        wire_put_text(out, 1, i ? "removed" : "f");
        size_t function = wire_begin(out, 2), bound = wire_begin(out, 2);
        wire_put_varint(out, i ? 1 : 2 - shift);
        wire_put_varint(out, 4 - shift);
        wire_end(out, bound);
        wire_end(out, function);
        wire_end(out, entry);
    }
    buffer_free(&node);
}

static void all_that_names_objects_follows_when_some_go(void **state) {
    (void)state;
    buffer with = {0}, without = {0}, out = {0};
    inlay_error err;
    bool gone[5] = {false, true};
    static const char *const removed[] = {"another", "removed", NULL};
    make_objects(&with, true);
    make_objects(&without, false);
    assert_ok(object_graph_without(buffer_bytes(&with), SAVED_OBJECTS, gone, 5, removed, "f", &out, &err), &err);
    assert_int_equal(out.size, without.size);
    assert_memory_equal(out.data, without.data, out.size);
    buffer_clear(&out);
    /* The function that is bound to it stays. */
    assert_status(INLAY_FAILED_PRECONDITION,
                  object_graph_without(buffer_bytes(&with), SAVED_OBJECTS, gone, 5, NULL, "f", &out, &err), &err);
    buffer_clear(&out);
    assert_status(INLAY_DATA_LOSS,
                  object_graph_without(buffer_bytes(&with), SAVED_OBJECTS, gone, 3, removed, "f", &out, &err), &err);
    buffer_free(&with);
    buffer_free(&without);
    buffer_free(&out);
}

static void a_range_of_a_file_is_appended(void **state) {
    static const struct {
        uint64_t offset, size, before;
    } cases[] = {{0, 10, 0}, {5, 70000, 3}, {4096, 8192, 4096}, {100000, 1, 17}, {1, 99999, 0}, {50000, 0, 5}};
    uint8_t *content = malloc(100001);
    inlay_error err;
    assert_non_null(content);
    for (size_t i = 0; i < 100001; i++) content[i] = (uint8_t)random_below(256);
    const char *source = kept_path(state, "source"), *target = kept_path(state, "target");
    scratch_write(source, content, 100001);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file_writer *w;
        file_map *map;
        uint64_t at;
        bool done;
        assert_ok(file_create(target, FILE_DIRECT, &w, &err), &err);
        assert_ok(file_append(w, content, (size_t)cases[i].before, &err), &err);
        assert_ok(file_append_range(w, source, cases[i].offset, cases[i].size, true, &at, &done, &err), &err);
        assert_true(done);
        assert_true(at >= cases[i].before && at + cases[i].size <= file_position(w));
        assert_ok(file_append(w, "end", 3, &err), &err);
        assert_ok(file_commit(w, &err), &err);
        assert_ok(file_map_open(target, true, &map, &err), &err);
        assert_memory_equal(map->data, content, (size_t)cases[i].before);
        assert_memory_equal(map->data + at, content + cases[i].offset, (size_t)cases[i].size);
        assert_memory_equal(map->data + map->size - 3, "end", 3);
        file_map_release(map);
        assert_ok(file_remove(target, &err), &err);
    }
    free(content);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(random_edits_keep_every_row_and_checksum),
        TEST(what_cannot_be_done_is_told_and_changes_nothing),
        TEST(all_that_names_objects_follows_when_some_go),
        TEST(a_range_of_a_file_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
