#include "cli/values.h"

#include <inttypes.h>

typedef struct export_values {
    const char *path;
    text_list keys;
    const char *output;
    bool force, json;
} export_values;

#define AT(field) offsetof(export_values, field)
static const flag_spec flags[] = {
    {"--out", "-o", FLAG_TEXT, "FILE.npy|FILE.npz|DIR",
     "where the tensors go: one to FILE.npy (strings to FILE.json), any number to FILE.npz or to a folder", AT(output),
     NULL, false},
    {"--force", NULL, FLAG_SWITCH, NULL,
     "replace a file that is there, or a folder that holds only .npy and .json files", AT(force), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", "KEY...", NULL};
static const example examples[] = {
    {"inlay export model/ dense/kernel -o kernel.npy", "one variable"},
    {"inlay export train/ -o weights.npz", "all of the latest checkpoint, for numpy.load"},
    {"inlay export frozen.pb -o weights/", "the constants of a frozen graph, a file each"},
    {NULL, NULL},
};

static int run(const void *values) {
    const export_values *v = values;
    if (!v->output) return fprintf(stderr, "inlay: -o is needed; inlay export --help tells\n"), EXIT_USAGE;
    inlay_export_options o;
    inlay_export_options_init(&o);
    o.source = v->path;
    o.keys = v->keys.items;
    o.n_keys = v->keys.count;
    o.output = v->output;
    o.force = v->force;
    o.progress = show_progress;
    inlay_export_report report;
    inlay_error error;
    double start = seconds_now();
    inlay_status status = inlay_export(&o, &report, &error);
    double seconds = seconds_now() - start;
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    if (v->json)
        printf("{\"tensors\": %zu, \"left_out\": %zu, \"bytes\": %" PRIu64 ", \"seconds\": %.6f}\n", report.tensors,
               report.left_out, report.bytes, seconds);
    else
        printf("%s: %zu tensor%s, %" PRIu64 " bytes in %.2f s\n", v->output, report.tensors,
               report.tensors == 1 ? "" : "s", report.bytes, seconds);
    return EXIT_FINE;
}

const command export_command = {
    .name = "export",
    .summary = "write stored tensors as .npy, .npz or a folder of them",
    .usage = "MODEL|CHECKPOINT [KEY]... -o FILE.npy|FILE.npz|DIR [FLAG]...",
    .description = "Writes tensors that a model or checkpoint stores as files that NumPy reads; without KEYs all of "
                   "them. What MODEL "
                   "and CHECKPOINT may be, inlay tensors --help tells. Numbers of any size are streamed. All appears "
                   "whole or not at "
                   "all.\n\nA folder gets a file for each key: KEY.npy, or KEY.json for strings (bytes that are no "
                   "text as {\"b64\": "
                   "...}). Bytes of the key other than letters, digits, '_', '-' and '.' become %XX, and so does a '.' "
                   "at the start: "
                   "dense/kernel is dense%2Fkernel.npy. In FILE.npz tensors have their keys as they are; strings do "
                   "not fit, since "
                   "NumPy would have to unpickle them: named ones are refused, and TensorFlow's "
                   "_CHECKPOINTABLE_OBJECT_GRAPH is left "
                   "out.\n\nbfloat16, which NumPy has not got, is written as <V2 "
                   "(numpy.load(FILE).view(ml_dtypes.bfloat16)), 4-bit "
                   "integers as <V1, a byte each.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(path),
    .examples = examples,
    .size = sizeof(export_values),
    .run = run,
};
