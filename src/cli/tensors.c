#include "cli/values.h"

#include <inttypes.h>
#include <math.h>

typedef struct tensors_values {
    const char *path;
    text_list keys;
    int64_t threads;
    bool json, stats;
} tensors_values;

#define AT(field) offsetof(tensors_values, field)
static const flag_spec flags[] = {
    {"--stats", NULL, FLAG_SWITCH, NULL,
     "read the values too: range and mean of the finite ones, how many are zero, NaN or infinite", AT(stats), NULL,
     false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", "KEY...", NULL};
static const example examples[] = {
    {"inlay tensors model/", "every variable: key, dtype, shape, and where its bytes lie"},
    {"inlay tensors train/ --stats", "the latest checkpoint of a folder, with ranges and means"},
    {"inlay tensors frozen.pb conv1/weights --stats --json", "one constant of a frozen graph"},
    {NULL, NULL},
};

static void print_place(const inlay_stored *t) {
    printf("  %" PRIu64 " bytes", t->bytes);
    if (t->slices) printf(" in %zu slice%s", t->slices, t->slices == 1 ? "" : "s");
    if (t->shard >= 0) printf(" in shard %d", t->shard);
    if (t->offset >= 0) printf(" at %" PRId64, t->offset);
    putchar('\n');
}

static bool is_float(inlay_dtype t) {
    return t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 || t == INLAY_FLOAT32 || t == INLAY_FLOAT64;
}

static void print_stats(inlay_dtype dtype, const inlay_stats *s) {
    int digits = is_float(dtype) ? 9 : 17; /* whole numbers in full */
    printf("    min %.*g  max %.*g  mean %.9g  zeros %" PRIu64 "  NaN %" PRIu64, digits, s->min, digits, s->max,
           s->mean, s->zeros, s->nans);
    if (s->positive_infinities + s->negative_infinities)
        printf("  infinity %" PRIu64 "  -infinity %" PRIu64, s->positive_infinities, s->negative_infinities);
    putchar('\n');
}

static void plain_one(const inlay_stored *t, const inlay_stats *s) {
    print_plain(stdout, t->key.data, t->key.size);
    printf(": %s ", inlay_dtype_name(t->dtype));
    print_dims(stdout, t->dims, t->rank);
    print_place(t);
    if (s) print_stats(t->dtype, s);
}

static void json_figure(const char *name, double value) {
    printf(", \"%s\": ", name);
    if (isnan(value))
        printf("null");
    else
        printf("%.17g", value);
}

static void json_place(const char *name, int64_t value) {
    if (value < 0)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %" PRId64, name, value);
}

static void json_one(const inlay_stored *t, const inlay_stats *s) {
    printf("{\"key\": ");
    print_json(stdout, t->key.data, t->key.size);
    printf(", \"dtype\": \"%s\", \"shape\": ", inlay_dtype_name(t->dtype));
    print_json_dims(stdout, t->dims, t->rank);
    json_place("shard", t->shard);
    json_place("offset", t->offset);
    printf(", \"bytes\": %" PRIu64 ", \"slices\": %zu", t->bytes, t->slices);
    if (s) {
        printf(", \"stats\": {\"elements\": %" PRIu64, s->elements);
        json_figure("min", s->min);
        json_figure("max", s->max);
        json_figure("mean", s->mean);
        printf(", \"zeros\": %" PRIu64 ", \"nan\": %" PRIu64 ", \"infinity\": %" PRIu64
               ", \"negative_infinity\": %" PRIu64 "}",
               s->zeros, s->nans, s->positive_infinities, s->negative_infinities);
    }
    putchar('}');
}

/* Tensors of which there are no statistics are listed without. */
static inlay_status print_one(const tensors_values *v, inlay_store *store, size_t index, inlay_error *error) {
    inlay_stored t;
    inlay_stats stats;
    bool measured = false;
    if (v->stats) {
        inlay_status status = inlay_store_stats(store, index, &stats, error);
        if (status != INLAY_OK && status != INLAY_UNIMPLEMENTED) return status;
        measured = status == INLAY_OK;
    }
    inlay_store_tensor(store, index, &t);
    (v->json ? json_one : plain_one)(&t, measured ? &stats : NULL);
    return INLAY_OK;
}

/* All keys are looked up before the first line is printed. */
static inlay_status list_keys(const tensors_values *v, inlay_store *store, inlay_error *error) {
    size_t index = 0;
    for (size_t i = 0; i < v->keys.count; i++) {
        inlay_status status = inlay_store_find(store, v->keys.items[i], &index, error);
        if (status != INLAY_OK) return status;
    }
    size_t n = v->keys.count ? v->keys.count : inlay_store_count(store);
    if (v->json) putchar('[');
    for (size_t i = 0; i < n; i++) {
        inlay_status status = INLAY_OK;
        index = i;
        if (v->keys.count) status = inlay_store_find(store, v->keys.items[i], &index, error);
        if (v->json && i) printf(",\n ");
        if (status == INLAY_OK) status = print_one(v, store, index, error);
        if (status != INLAY_OK) return status;
    }
    if (v->json) printf("]\n");
    return INLAY_OK;
}

static int run(const void *values) {
    const tensors_values *v = values;
    if (v->threads > 0) inlay_set_threads(v->threads < 256 ? (int)v->threads : 256);
    inlay_store *store;
    inlay_error error;
    if (inlay_store_open(v->path, false, &store, &error) != INLAY_OK) return report_error(&error);
    int code = list_keys(v, store, &error) == INLAY_OK ? EXIT_FINE : report_error(&error);
    inlay_store_close(store);
    return code;
}

const command tensors_command = {
    .name = "tensors",
    .summary = "list the tensors that a model or checkpoint stores",
    .usage = "MODEL|CHECKPOINT [KEY]... [FLAG]...",
    .description =
        "Lists stored tensors: key, dtype, shape, and the bytes, shard and offset where they lie. MODEL is a "
        "SavedModel "
        "folder (its variables) or a frozen graph (its Const nodes, functions apart). CHECKPOINT is a bundle's prefix "
        "or "
        ".index file, a V1 checkpoint, or a folder whose file `checkpoint` names the latest one. With KEYs only those "
        "tensors are listed.\n\nWith --stats the values are read too, on all cores and by mapping: a model may be "
        "larger "
        "than memory. Strings, complex numbers and floats of 8 bits have no statistics.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(path),
    .examples = examples,
    .size = sizeof(tensors_values),
    .run = run,
};
