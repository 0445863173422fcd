#include "cli/values.h"

#include <inttypes.h>

typedef struct merge_values {
    text_list sources;
    const char *output;
    bool first_wins, force, json;
} merge_values;

#define AT(field) offsetof(merge_values, field)
static const flag_spec flags[] = {
    {"--out", "-o", FLAG_TEXT, "OUT", "where the result goes: a new prefix or folder", AT(output), NULL, false},
    {"--first-wins", NULL, FLAG_SWITCH, NULL, "of a tensor that several have take the first's, instead of refusing",
     AT(first_wins), NULL, false},
    {"--force", NULL, FLAG_SWITCH, NULL, "replace a model that is there", AT(force), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"SOURCE...", NULL};
static const example examples[] = {
    {"inlay merge encoder/ckpt-5 decoder/ckpt-9 -o both/ckpt", "the tensors of two checkpoints in one"},
    {"inlay merge part-0 part-1 part-2 -o whole", "the parts of a sharded save"},
    {"inlay merge monday/ tuesday/ -o both/", "the rows of two fused models in one"},
    {NULL, NULL},
};

static int run(const void *values) {
    const merge_values *v = values;
    if (!v->output) return fprintf(stderr, "inlay: -o is needed; inlay merge --help tells\n"), EXIT_USAGE;
    inlay_merge_options o;
    inlay_merge_options_init(&o);
    o.sources = v->sources.items;
    o.n_sources = v->sources.count;
    o.output = v->output;
    o.first_wins = v->first_wins;
    o.force = v->force;
    o.progress = show_progress;
    inlay_merge_report report;
    inlay_error error;
    double start = seconds_now();
    inlay_status status = inlay_bundle_merge(&o, &report, &error);
    double seconds = seconds_now() - start;
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    if (v->json)
        printf("{\"tensors\": %zu, \"shards\": %d, \"rows\": %" PRId64 ", \"seconds\": %.6f}\n", report.tensors,
               report.shards, report.rows, seconds);
    else
        printf("%s: %zu tensor%s in %d data file%s in %.2f s\n", v->output, report.tensors,
               report.tensors == 1 ? "" : "s", report.shards, report.shards == 1 ? "" : "s", seconds);
    if (!v->json && report.rows) printf("%" PRId64 " rows in all collections\n", report.rows);
    return EXIT_FINE;
}

const command merge_command = {
    .name = "merge",
    .summary = "make one checkpoint, or one fused model, of several",
    .usage = "SOURCE SOURCE... -o OUT [FLAG]...",
    .description =
        "Makes one checkpoint of several bundles: one index over the data files of all, which are shared with the "
        "sources "
        "(reflink, else hard link, else copy). Where OUT is a folder, the result is called as the first source in it "
        "and "
        "the folder's file `checkpoint` names it as the latest.\n\n"
        "A key that two sources have is refused and named; with --first-wins the first's tensor is taken. Slices of "
        "one partitioned tensor are joined. The object graphs of TF2 checkpoints become one in which each object is "
        "found by the path that it had; the number of saves is the first's.\n\n"
        "Fused models that have the same extractor become one: the rows of a collection that several have follow one "
        "another, with their labels or ids, and other collections stand side by side. The signatures, and which is the "
        "default, are those of the first. Rows are shared with the sources; only labels are copied.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(sources),
    .examples = examples,
    .size = sizeof(merge_values),
    .run = run,
};
