#include "cli/values.h"

typedef struct encode_values {
    const char *extractor, *lines, *inputs, *signature, *feature, *output;
    int64_t batch, rows_per_shard, threads;
    bool json;
} encode_values;

#define AT(field) offsetof(encode_values, field)
static const flag_spec flags[] = {
    {"--lines", NULL, FLAG_TEXT, "FILE", "a text file, one input a line", AT(lines), NULL, false},
    {"--inputs", NULL, FLAG_TEXT, "'KEY=FILE;...'", "the signature's inputs as .npy files, one row an input",
     AT(inputs), NULL, false},
    {"--output", "-o", FLAG_TEXT, "DIR", "where the shards go: shard-00000.npy and so on", AT(output), NULL, false},
    {"--signature", NULL, FLAG_TEXT, "KEY",
     "the extractor's signature (default serving_default, or features when that is a search)", AT(signature), NULL,
     false},
    {"--feature", NULL, FLAG_TEXT, "KEY", "its output that is the vector (default: the only one that can be)",
     AT(feature), NULL, false},
    {"--batch", NULL, FLAG_NUMBER, "N", "inputs a run (default 256)", AT(batch), NULL, false},
    {"--rows-per-shard", NULL, FLAG_NUMBER, "N", "rows a file (default 1000000)", AT(rows_per_shard), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"EXTRACTOR", NULL};
static const example examples[] = {
    {"inlay encode extractor/ --lines titles.txt -o shards/", "a vector for each line of a text file"},
    {"inlay encode extractor/ --inputs image=images.npy -o shards/ --batch 32", "a vector for each row of an array"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    encode_values *v = values;
    v->batch = 256;
    v->rows_per_shard = 1000000;
}

/* The items of 'A;B', cut in place. */
static size_t split_items(char *text, const char **out, size_t most) {
    size_t n = 0;
    for (char *item; (item = strsep(&text, ";")) && n < most;)
        if (*item) out[n++] = item;
    return n;
}

static int run(const void *values) {
    const encode_values *v = values;
    if (!v->output || (v->lines != NULL) == (v->inputs != NULL))
        return fprintf(stderr, "inlay: give --lines or --inputs, and --output; inlay encode --help tells\n"),
               EXIT_USAGE;
    use_threads(v->threads);
    char text[8192];
    const char *items[64];
    inlay_encode_options o;
    inlay_encode_options_init(&o);
    o.extractor = v->extractor;
    o.lines = v->lines;
    if (v->inputs) {
        if (strlen(v->inputs) >= sizeof text) return fprintf(stderr, "inlay: --inputs is too long\n"), EXIT_USAGE;
        strcpy(text, v->inputs);
        o.inputs = items;
        o.n_inputs = split_items(text, items, sizeof items / sizeof *items);
    }
    o.signature = v->signature;
    o.feature = v->feature;
    o.output = v->output;
    o.batch = v->batch;
    o.rows_per_shard = v->rows_per_shard;
    o.progress = show_progress;
    inlay_encode_report r;
    inlay_error error;
    inlay_status status = inlay_encode(&o, &r, &error);
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    if (v->json)
        printf("{\"rows\": %lld, \"dim\": %lld, \"shards\": %zu, \"resumed_rows\": %lld, \"seconds\": %.6f}\n",
               (long long)r.rows, (long long)r.dim, r.shards, (long long)r.resumed_rows, r.seconds);
    else
        printf("%s: %lld rows x %lld in %zu shard%s, %.2f s%s\n", v->output, (long long)r.rows, (long long)r.dim,
               r.shards, r.shards == 1 ? "" : "s", r.seconds, r.resumed_rows ? " (resumed)" : "");
    return EXIT_FINE;
}

const command encode_command = {
    .name = "encode",
    .summary = "run an extractor over many inputs and store the vectors",
    .usage = "EXTRACTOR (--lines FILE | --inputs 'KEY=FILE;...') -o DIR [FLAG]...",
    .description = "Runs an extractor over a text file or arrays in batches and writes its vectors as .npy shards for "
                   "inlay fuse. Each shard appears whole or not at all; a second "
                   "call goes on where the first was stopped.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(extractor),
    .examples = examples,
    .size = sizeof(encode_values),
    .defaults = set_defaults,
    .run = run,
};
