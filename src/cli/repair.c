#include "cli/findings.h"

#include <inttypes.h>

typedef struct repair_values {
    const char *path;
    bool yes, json, salvage, force;
    const char *output;
    int64_t threads;
} repair_values;

#define AT(field) offsetof(repair_values, field)
static const flag_spec flags[] = {
    {"--yes", NULL, FLAG_SWITCH, NULL, "do it; without it only say what would be done", AT(yes), NULL, false},
    {"--salvage", NULL, FLAG_SWITCH, NULL,
     "write every tensor that is still sound to the folder of -o, and mend nothing", AT(salvage), NULL, false},
    {"--out", "-o", FLAG_TEXT, "DIR", "with --salvage: folder to make, KEY.npy or KEY.json for each tensor", AT(output),
     NULL, false},
    {"--force", NULL, FLAG_SWITCH, NULL, "with --salvage: replace a folder that holds only .npy and .json files",
     AT(force), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print the findings as JSON", AT(json), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", NULL};
static const example examples[] = {
    {"inlay repair model/", "what could be mended"},
    {"inlay repair model/ --yes", "mend it"},
    {"inlay repair model/ --salvage -o saved/", "what is still sound, a file each"},
    {NULL, NULL},
};

typedef struct listing {
    const repair_values *v;
    size_t printed;
} listing;

static void list_finding(void *user, const inlay_finding *f) {
    listing *l = user;
    end_progress();
    if (l->v->json) {
        printf(l->printed++ ? ",\n " : "[");
        print_finding_json(f);
        return;
    }
    if (f->severity < INLAY_FINDING_UNSEEN) return;
    print_finding(f);
    if (l->v->salvage || f->severity != INLAY_FINDING_DAMAGE) return;
    if (f->repairable)
        printf("    %s %" PRIu32 " to %" PRIu32 ", the bytes stay as they are\n",
               l->v->yes ? "rewriting the checksum from" : "--yes rewrites the checksum from", f->stored,
               f->calculated);
    else
        printf("    not mended: no checksum can be made to fit\n");
}

static int run_salvage(const repair_values *v) {
    if (!v->output) return fprintf(stderr, "inlay: --salvage needs -o; inlay repair --help tells\n"), EXIT_USAGE;
    listing l = {v, 0};
    inlay_salvage_options o;
    inlay_salvage_options_init(&o);
    o.path = v->path;
    o.output = v->output;
    o.force = v->force;
    o.finding = list_finding;
    o.finding_user = &l;
    o.progress = show_progress;
    inlay_salvage_report r;
    inlay_error error;
    inlay_status status = inlay_bundle_salvage(&o, &r, &error);
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    if (v->json)
        printf("%s, {\"saved\": %zu, \"lost\": %zu, \"bytes\": %" PRIu64 "}]\n", l.printed ? "" : "[null", r.saved,
               r.lost, r.bytes);
    else
        printf("%s: %zu tensor%s saved, %" PRIu64 " bytes; %zu lost\n", v->output, r.saved, r.saved == 1 ? "" : "s",
               r.bytes, r.lost);
    return EXIT_FINE;
}

static int run_repair(const repair_values *v) {
    listing l = {v, 0};
    inlay_repair_options o;
    inlay_repair_options_init(&o);
    o.path = v->path;
    o.yes = v->yes;
    o.finding = list_finding;
    o.finding_user = &l;
    o.progress = show_progress;
    inlay_repair_report r;
    inlay_error error;
    inlay_status status = inlay_bundle_repair(&o, &r, &error);
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    if (v->json)
        printf("%s], \"repairable\": %zu, \"repaired\": %zu, \"left\": %zu}\n", l.printed ? "" : "[", r.repairable,
               r.repaired, r.left);
    else if (r.repairable + r.left == 0)
        printf("%s: nothing to repair\n", v->path);
    else
        printf("%s: %zu checksum%s %s, %zu damage%s left\n", v->path, v->yes ? r.repaired : r.repairable,
               (v->yes ? r.repaired : r.repairable) == 1 ? "" : "s", v->yes ? "rewritten" : "to rewrite", r.left,
               r.left == 1 ? "" : "s");
    return r.left || (!v->yes && r.repairable) ? EXIT_FAILED : EXIT_FINE;
}

static int run(const void *values) {
    const repair_values *v = values;
    use_threads(v->threads);
    if (v->salvage) return run_salvage(v);
    if (v->json) printf("{\"findings\": ");
    return run_repair(v);
}

const command repair_command = {
    .name = "repair",
    .summary = "make stored checksums fit, or save what is sound",
    .usage = "MODEL|CHECKPOINT [--yes] | MODEL|CHECKPOINT --salvage -o DIR [FLAG]...",
    .description =
        "Looks as inlay verify does, lists what a rewritten checksum would mend, and with --yes rewrites it: checksums "
        "of "
        "tensors in the index, and of the index's blocks. Data is never changed, so a tensor that was damaged is "
        "damaged "
        "still, but it loads. The index is replaced whole; manifest and fingerprint follow; what was done is appended "
        "to "
        "assets.extra/inlay_repair.json of a model, to PREFIX.repair.json of a checkpoint.\n\nWith --salvage nothing "
        "is "
        "mended: every tensor whose checksum is right is written to a folder, as inlay export does it.\n\nExit code: 0 "
        "nothing is left to do, 1 there is damage, or an error.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(path),
    .examples = examples,
    .size = sizeof(repair_values),
    .run = run,
};
