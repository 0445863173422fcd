#include "cli/findings.h"

#include <inttypes.h>

typedef struct verify_values {
    const char *path;
    bool fast, json, quiet;
    int64_t threads;
} verify_values;

#define AT(field) offsetof(verify_values, field)
static const flag_spec flags[] = {
    {"--fast", NULL, FLAG_SWITCH, NULL, "look at everything but the data: names, sizes, the index, the graph", AT(fast),
     NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print the findings as JSON", AT(json), NULL, false},
    {"--quiet", NULL, FLAG_SWITCH, NULL, "leave notes out", AT(quiet), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", NULL};
static const example examples[] = {
    {"inlay verify model/", "every checksum of a SavedModel, and whether its parts fit one another"},
    {"inlay verify train/model.ckpt-1200 --json", "a checkpoint, for a script"},
    {"inlay verify model/ --fast", "without reading the data"},
    {NULL, NULL},
};

typedef struct listing {
    const verify_values *v;
    size_t printed;
} listing;

static void list_finding(void *user, const inlay_finding *f) {
    listing *l = user;
    end_progress();
    if (l->v->quiet && f->severity == INLAY_FINDING_NOTE) return;
    if (!l->v->json) {
        print_finding(f);
        return;
    }
    printf(l->printed++ ? ",\n " : "[");
    print_finding_json(f);
}

static const char *verdict(const inlay_verify_report *r) {
    return r->damages ? "damaged" : r->unseen ? "sound as far as it could be looked at" : "sound";
}

static void plain_report(const verify_values *v, const inlay_verify_report *r) {
    print_name(stdout, v->path);
    printf(": %s: %s", r->kind, verdict(r));
    if (r->damages) printf(", %zu finding%s", r->damages, r->damages == 1 ? "" : "s");
    if (r->warnings) printf(", %zu warning%s", r->warnings, r->warnings == 1 ? "" : "s");
    printf("; %zu tensor%s in %zu file%s, %" PRIu64 " bytes verified in %.2f s, %" PRIu64
           " byte%s that no checksum covers\n",
           r->tensors, r->tensors == 1 ? "" : "s", r->files, r->files == 1 ? "" : "s", r->bytes, r->seconds,
           r->uncovered, r->uncovered == 1 ? "" : "s");
}

static void json_report(const verify_values *v, const inlay_verify_report *r, size_t printed) {
    printf("%s],\n \"path\": ", printed ? "" : "[");
    print_json(stdout, v->path, strlen(v->path));
    printf(", \"kind\": \"%s\", \"verdict\": \"%s\", \"damages\": %zu, \"unseen\": %zu, \"warnings\": %zu, \"notes\": "
           "%zu,\n"
           " \"files\": %zu, \"tensors\": %zu, \"bytes\": %" PRIu64 ", \"uncovered\": %" PRIu64
           ", \"manifest\": %s, \"fast\": %s, \"seconds\": %.6f}\n",
           r->kind,
           r->damages  ? "damaged"
           : r->unseen ? "unseen"
                       : "sound",
           r->damages, r->unseen, r->warnings, r->notes, r->files, r->tensors, r->bytes, r->uncovered,
           r->has_manifest ? "true" : "false", v->fast ? "true" : "false", r->seconds);
}

static int run(const void *values) {
    const verify_values *v = values;
    use_threads(v->threads);
    listing l = {v, 0};
    inlay_verify_options o;
    inlay_verify_options_init(&o);
    o.path = v->path;
    o.fast = v->fast;
    o.finding = list_finding;
    o.finding_user = &l;
    o.progress = show_progress;
    inlay_verify_report report;
    inlay_error error;
    if (v->json) printf("{\"findings\": ");
    inlay_status status = inlay_bundle_verify(&o, &report, &error);
    end_progress();
    if (status != INLAY_OK) {
        if (v->json) printf("[], \"verdict\": \"unseen\"}\n");
        report_error(&error);
        return EXIT_UNSEEN;
    }
    if (v->json)
        json_report(v, &report, l.printed);
    else
        plain_report(v, &report);
    return report.damages ? EXIT_FAILED : report.unseen ? EXIT_UNSEEN : EXIT_FINE;
}

const command verify_command = {
    .name = "verify",
    .summary = "look for damage in a model or checkpoint, and name its cause",
    .usage = "MODEL|CHECKPOINT [FLAG]...",
    .description =
        "Reads every stored byte that a checksum covers and looks whether the parts fit one another: index and data "
        "files, keys that the graph restores, objects, signatures, functions, assets, and of a fused model rows, side "
        "factors and labels. What MODEL and CHECKPOINT may be, inlay tensors --help tells; an .index file by itself is "
        "looked at too.\n\nEach finding names the file, the tensor, the bytes and rows, and the likely cause where "
        "there "
        "is evidence for one. A model with a manifest (assets.extra/inlay.json) is covered in every byte; of others it "
        "says how many bytes nothing covers.\n\nExit code: 0 sound, 1 damaged, 2 something could not be looked at.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(path),
    .examples = examples,
    .size = sizeof(verify_values),
    .run = run,
};
