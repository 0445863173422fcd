#include "cli/values.h"

typedef struct defuse_values {
    const char *model;
    const char *name, *output;
    int shards;
    bool json;
} defuse_values;

#define AT(field) offsetof(defuse_values, field)
static const char *const ways[] = {"auto", "reflink", "hard", "move", "copy", NULL};
static const flag_spec flags[] = {
    {"--out", "-o", FLAG_TEXT, "DIR", "directory to make", AT(output), NULL, false},
    {"--name", NULL, FLAG_TEXT, "NAME", "which collection (default: search, or the only one)", AT(name), NULL, false},
    {"--shards", NULL, FLAG_CHOICE, "HOW",
     "how files get out that the model holds as they were: auto is reflink, else hard link, else copy", AT(shards),
     ways, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay defuse model/ -o parts/", "extractor and shards of a fused model"},
    {"inlay fuse parts/extractor --embeddings parts/shards --labels parts/labels.txt -o again/", "and back"},
    {NULL, NULL},
};

static void print_report(const defuse_values *v, const inlay_defuse_report *r) {
    if (v->json) {
        printf(
            "{\"rows\": %lld, \"dim\": %lld, \"dtype\": \"%s\", \"files\": %zu, \"bytes\": %llu, \"reflinked\": %zu, "
            "\"hard_linked\": %zu, \"copied\": %zu, \"written\": %zu, \"tombstones\": %lld, \"extractor\": %s}\n",
            (long long)r->rows, (long long)r->dim, inlay_dtype_name(r->dtype), r->files, (unsigned long long)r->bytes,
            r->reflinked, r->hard_linked, r->copied, r->written, (long long)r->tombstones,
            r->extractor ? "true" : "false");
        return;
    }
    size_t linked = r->reflinked + r->hard_linked;
    printf("%s: %lld rows x %lld %s in %zu file%s (%zu linked, %zu copied, %zu written anew)%s\n", v->output,
           (long long)r->rows, (long long)r->dim, inlay_dtype_name(r->dtype), r->files, r->files == 1 ? "" : "s",
           linked, r->copied, r->written, r->extractor ? ", and the extractor" : "");
    if (r->tombstones)
        printf("%lld row%s a tombstone in the model; the files hold %s like all others\n", (long long)r->tombstones,
               r->tombstones == 1 ? " is" : "s are", r->tombstones == 1 ? "it" : "them");
}

static int run(const void *values) {
    const defuse_values *v = values;
    if (!v->output) return fprintf(stderr, "inlay: -o is needed; inlay defuse --help tells\n"), EXIT_USAGE;
    inlay_defuse_options o;
    inlay_defuse_options_init(&o);
    o.model = v->model;
    o.name = v->name;
    o.output = v->output;
    o.link = (inlay_link)v->shards;
    o.progress = show_progress;
    inlay_defuse_report report;
    inlay_error error;
    inlay_status status = inlay_bundle_defuse(&o, &report, &error);
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    print_report(v, &report);
    return EXIT_FINE;
}

const command defuse_command = {
    .name = "defuse",
    .summary = "take a fused model apart: extractor and shards",
    .usage = "MODEL -o DIR [FLAG]...",
    .description =
        "Gives back what was fused: DIR/extractor, the SavedModel without the collection (with the others, "
        "when it has more); DIR/shards, the rows as .npy files; DIR/labels.txt or DIR/ids.npy. A source that "
        "the model holds whole and unchanged is linked back under its own name; other rows are written anew. "
        "MODEL stays as it is. All appears whole or not at all.\n\nLabels with line breaks in them go to "
        "DIR/labels.npy. A frozen graph comes back as a SavedModel with the signature that fuse gave it.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(defuse_values),
    .run = run,
};
