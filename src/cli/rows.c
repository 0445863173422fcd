#include "cli/edit.h"

#include <errno.h>
#include <stdlib.h>

typedef struct rows_values {
    edit_values edit;
    const char *model;
    const char *name, *append, *labels, *ids, *delete, *tombstone;
    text_list set;
    bool allow_non_finite;
} rows_values;

#define AT(field) offsetof(rows_values, field)
static const flag_spec flags[] = {
    {"--set", NULL, FLAG_LIST, "N FILE", "the rows of FILE replace row N and those that follow", AT(set), NULL, true},
    {"--append", NULL, FLAG_TEXT, "FILE", "the rows of FILE follow the last one", AT(append), NULL, false},
    {"--labels", NULL, FLAG_TEXT, "FILE", "labels of the appended rows, as fuse takes them", AT(labels), NULL, false},
    {"--ids", NULL, FLAG_TEXT, "FILE", "ids of the appended rows, as fuse takes them", AT(ids), NULL, false},
    {"--delete", NULL, FLAG_TEXT, "A:B,...", "rows A to B-1 go; those behind them get lower numbers", AT(delete), NULL,
     false},
    {"--tombstone", NULL, FLAG_TEXT, "A:B,...", "rows A to B-1 can no longer win; all keep their numbers",
     AT(tombstone), NULL, false},
    {"--name", NULL, FLAG_TEXT, "NAME", "which collection (default: search, or the only one)", AT(name), NULL, false},
    {"--allow-non-finite", NULL, FLAG_SWITCH, NULL, "accept rows with NaN or infinities", AT(allow_non_finite), NULL,
     false},
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay rows model/ --set 41 corrected.npy", "row 41 and, when the file has more, those that follow"},
    {"inlay rows model/ --append new.npy --labels new.txt", "rows behind all others"},
    {"inlay rows model/ --tombstone 3:4,100:120", "21 rows that nobody shall find, without new numbers"},
    {"inlay rows model/ --delete 0:1000 -o smaller/", "a copy without the first thousand"},
    {NULL, NULL},
};

/* A row number; *end is what follows it. */
static bool read_number(const char *text, int64_t *out, const char **end) {
    char *stop;
    errno = 0;
    long long value = strtoll(text, &stop, 10);
    *out = value;
    *end = stop;
    return stop > text && *text >= '0' && *text <= '9' && errno == 0;
}

/* "A:B,C:D"; a row by itself is "A". NULL after the reason was printed, *code is the exit code then. */
static inlay_row_range *read_ranges(const char *text, size_t *n, int *code) {
    size_t most = 1;
    for (const char *p = text; *p; p++) most += *p == ',';
    inlay_row_range *out = calloc(most, sizeof *out);
    *code = EXIT_USAGE;
    if (!out) return *code = out_of_memory(), NULL;
    const char *p = text;
    for (*n = 0; *n < most; ++*n, p++) {
        inlay_row_range *r = &out[*n];
        bool good = read_number(p, &r->begin, &p);
        r->end = r->begin < INT64_MAX ? r->begin + 1 : r->begin;
        if (good && *p == ':') good = read_number(p + 1, &r->end, &p);
        if (good && (*p == ',' || (*p == 0 && *n + 1 == most))) continue;
        fprintf(stderr, "inlay: rows are named as A:B,C:D (A to B-1, C to D-1), not as ");
        print_name(stderr, text);
        fprintf(stderr, "\n");
        free(out);
        return NULL;
    }
    return out;
}

/* The edit that was asked for; the exit code when it is none. */
static int read_action(const rows_values *v, inlay_rows_options *o, inlay_row_range **ranges) {
    const char *end, *named = v->delete ? v->delete : v->tombstone;
    int asked = (v->set.count > 0) + (v->append != NULL) + (v->delete != NULL) + (v->tombstone != NULL);
    if (asked != 1)
        return usage_failed("give one of --set, --append, --delete and --tombstone; inlay rows --help tells");
    if (v->set.count > 0) {
        if (v->set.count != 2 || !read_number(v->set.items[0], &o->set_at, &end) || *end)
            return usage_failed("--set takes the number of a row and a file; inlay rows --help tells");
        o->action = INLAY_ROWS_SET;
        o->rows = v->set.items[1];
    } else if (v->append) {
        o->action = INLAY_ROWS_APPEND;
        o->rows = v->append;
    } else {
        o->action = v->delete ? INLAY_ROWS_DELETE : INLAY_ROWS_TOMBSTONE;
        int code;
        if (!(*ranges = read_ranges(named, &o->n_ranges, &code))) return code;
        o->ranges = *ranges;
    }
    return EXIT_FINE;
}

static int run(const void *values) {
    rows_values v = *(const rows_values *)values;
    inlay_rows_options rows;
    inlay_edit_options options;
    inlay_row_range *ranges = NULL;
    inlay_error error;
    inlay_rows_options_init(&rows);
    rows.name = v.name;
    rows.labels = v.labels;
    rows.ids = v.ids;
    rows.allow_non_finite = v.allow_non_finite;
    int code = read_action(&v, &rows, &ranges);
    if (code != EXIT_FINE) return code;
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_edit_rows(v.model, &rows, &options, NULL, &error);
    code = end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
    free(ranges);
    return code;
}

const command rows_command = {
    .name = "rows",
    .summary = "replace, append, delete or bury rows of a fused model",
    .usage = "MODEL (--set N FILE | --append FILE | --delete A:B,... | --tombstone A:B,...) [FLAG]...",
    .description = "Edits the rows of a fused collection. Their factors, labels or ids, the graph, its functions, the "
                   "signature and the manifest follow; FILE is what fuse takes, of the collection's dimension and "
                   "dtype. Only chunks that are touched are written.\n\nA tombstone keeps its number and its bytes, "
                   "but scores minus infinity, whoever asks: TensorFlow lists it last, when k is larger than the rows "
                   "that are left, inlay query never. Setting its row brings it back.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(rows_values),
    .run = run,
};
