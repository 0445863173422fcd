#include "cli/values.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct run_values {
    const char *model, *tag_set, *signature, *inputs, *outdir;
    int64_t threads;
    bool overwrite;
} run_values;

#define AT(field) offsetof(run_values, field)
static const flag_spec flags[] = {
    {"--signature_def", NULL, FLAG_TEXT, "KEY", "the signature to run (default serving_default)", AT(signature), NULL,
     false},
    {"--inputs", NULL, FLAG_TEXT, "'KEY=FILE;...'",
     "its inputs: .npy, or .json of nested lists, {\"b64\": ...} for bytes", AT(inputs), NULL, false},
    {"--outdir", "-o", FLAG_TEXT, "DIR", "where the outputs go: KEY.npy, strings to KEY.json", AT(outdir), NULL, false},
    {"--overwrite", NULL, FLAG_SWITCH, NULL, "replace files that are there", AT(overwrite), NULL, false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay run model/ --signature_def serving_default --inputs text=lines.json --outdir out/",
     "every output of the signature, a file each"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    run_values *v = values;
    v->signature = "serving_default";
    v->inputs = "";
}

/* DIR/KEY.npy or .json; '/' of the key becomes '_', so that no key leaves DIR. */
static bool save_output(const run_values *v, const inlay_named_tensor *output) {
    char path[4096];
    const char *ending = inlay_tensor_dtype(output->tensor) == INLAY_STRING ? "json" : "npy";
    int n = snprintf(path, sizeof path, "%s/%s.%s", v->outdir, output->key, ending);
    if (n < 0 || (size_t)n >= sizeof path) {
        fprintf(stderr, "inlay: the name of an output is too long: ");
        print_name(stderr, output->key);
        putc('\n', stderr);
        return false;
    }
    for (char *p = path + strlen(v->outdir) + 1; *p; p++)
        if (*p == '/') *p = '_';
    if (!v->overwrite && access(path, F_OK) == 0) {
        fprintf(stderr, "inlay: ");
        print_name(stderr, path);
        fprintf(stderr, " is there already; --overwrite replaces it\n");
        return false;
    }
    inlay_error error;
    if (inlay_tensor_save(output->tensor, path, &error) != INLAY_OK) return report_error(&error), false;
    print_name(stdout, path);
    printf(": %s ", inlay_dtype_name(inlay_tensor_dtype(output->tensor)));
    print_dims(stdout, inlay_tensor_dims(output->tensor), inlay_tensor_rank(output->tensor));
    putchar('\n');
    return true;
}

static bool make_folder(const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    fprintf(stderr, "inlay: %s: %s\n", path, strerror(errno));
    return false;
}

static int run_signature(const run_values *v, inlay_model *model) {
    const inlay_signature *signature = need_signature(model, v->model, v->signature);
    if (!signature) return EXIT_FAILED;
    input_list inputs;
    int code = EXIT_FAILED;
    inlay_named_tensor *outputs = calloc(signature->n_outputs ? signature->n_outputs : 1, sizeof *outputs);
    inlay_error error;
    if (!outputs) out_of_memory();
    if (load_inputs(v->inputs, signature, &inputs) && outputs && make_folder(v->outdir)) {
        for (size_t i = 0; i < signature->n_outputs; i++) outputs[i].key = signature->outputs[i].key;
        if (inlay_model_run(model, v->signature, inputs.items, inputs.count, outputs, signature->n_outputs, &error) ==
            INLAY_OK) {
            code = EXIT_FINE;
            for (size_t i = 0; i < signature->n_outputs && code == EXIT_FINE; i++)
                code = save_output(v, &outputs[i]) ? EXIT_FINE : EXIT_FAILED;
        } else {
            report_error(&error);
        }
    }
    for (size_t i = 0; outputs && i < signature->n_outputs; i++) inlay_tensor_release(outputs[i].tensor);
    free(outputs);
    free_inputs(&inputs);
    return code;
}

static int run(const void *values) {
    const run_values *v = values;
    if (!v->outdir) return fprintf(stderr, "inlay: --outdir is needed; inlay run --help tells\n"), EXIT_USAGE;
    inlay_model *model = open_model(v->model, v->tag_set, v->threads, false);
    if (!model) return EXIT_FAILED;
    int code = run_signature(v, model);
    inlay_model_close(model);
    return code;
}

const command run_command = {
    .name = "run",
    .summary = "run a signature of a model on files",
    .usage = "MODEL --signature_def KEY --inputs 'KEY=FILE;...' --outdir DIR [FLAG]...",
    .description =
        "Runs one signature of a SavedModel and writes each output to a file of its own, whole or not at all.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(run_values),
    .defaults = set_defaults,
    .run = run,
};
