#include "cli/execution.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct run_values {
    execution_values what;
    const char *model, *outdir;
    int64_t repeat;
    bool overwrite;
} run_values;

#define AT(field) offsetof(run_values, field)
static const flag_spec flags[] = {
    EXECUTION_FLAGS,
    {"--outdir", "-o", FLAG_TEXT, "DIR", "where the outputs go: KEY.npy, strings to KEY.json, '/' in a key as %2F",
     AT(outdir), NULL, false},
    {"--overwrite", NULL, FLAG_SWITCH, NULL, "replace files that are there", AT(overwrite), NULL, false},
    {"--repeat", NULL, FLAG_NUMBER, "N", "run N times on one load; the outputs are those of the last", AT(repeat), NULL,
     false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|GRAPH", NULL};
static const example examples[] = {
    {"inlay run model/ --signature_def serving_default --inputs text=lines.json --outdir out/",
     "every output of the signature, a file each"},
    {"inlay run graph.pb --inputs 'x:0=x.npy' --fetch 'hidden/Relu:0;y:0' --outdir out/",
     "tensors of a frozen graph, inner ones too"},
    {"inlay run model.ckpt-7.meta --inputs x:0=x.npy --fetch y:0 --outdir out/",
     "a graph with the checkpoint beside it"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    run_values *v = values;
    v->what.inputs = "";
    v->repeat = 1;
}

/* DIR/KEY.npy or .json; '/' becomes %2F, and what looks like that %252F, so that no key leaves DIR or meets another.
 * NULL when memory is out. */
static char *output_path(const run_values *v, const inlay_named_tensor *output) {
    const char *ending = inlay_tensor_dtype(output->tensor) == INLAY_STRING ? ".json" : ".npy";
    size_t folder = strlen(v->outdir);
    char *path = malloc(folder + 3 * strlen(output->key) + 8), *to = path;
    if (!path) return NULL;
    to += sprintf(to, "%s/", v->outdir);
    for (const char *p = output->key; *p; p++) {
        bool slash = *p == '/', escaped = strncmp(p, "%2F", 3) == 0;
        if (slash || escaped)
            to += sprintf(to, slash ? "%%2F" : "%%25");
        else
            *to++ = *p;
    }
    strcpy(to, ending);
    return path;
}

static bool may_write(const run_values *v, const char *path) {
    if (v->overwrite || access(path, F_OK) != 0) return true;
    fprintf(stderr, "inlay: ");
    print_name(stderr, path);
    fprintf(stderr, " is there already; --overwrite replaces it\n");
    return false;
}

static bool save_output(const inlay_named_tensor *output, const char *path) {
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

/* Nothing is written unless everything may be. */
static bool save_all(const run_values *v, const execution *e) {
    char **paths = calloc(e->n_outputs + 1, sizeof *paths);
    bool good = paths != NULL;
    for (size_t i = 0; good && i < e->n_outputs; i++) good = (paths[i] = output_path(v, &e->outputs[i])) != NULL;
    if (!good) out_of_memory();
    good = good && make_folder(v->outdir);
    for (size_t i = 0; good && i < e->n_outputs; i++) good = may_write(v, paths[i]);
    for (size_t i = 0; good && i < e->n_outputs; i++) good = save_output(&e->outputs[i], paths[i]);
    for (size_t i = 0; paths && i < e->n_outputs; i++) free(paths[i]);
    free(paths);
    return good;
}

static int run(const void *values) {
    const run_values *v = values;
    double seconds;
    execution e;
    if (!v->outdir) return usage_failed("--outdir is needed; inlay run --help tells");
    if (v->repeat < 1) return usage_failed("--repeat wants a number from 1");
    bool good = execution_open(v->model, &v->what, &e);
    for (int64_t i = 0; good && i < v->repeat; i++) good = execution_run(&e, &seconds);
    good = good && save_all(v, &e) && execution_report(&e, &v->what);
    execution_close(&e);
    return good ? EXIT_FINE : EXIT_FAILED;
}

const command run_command = {
    .name = "run",
    .summary = "run a signature or a graph on files",
    .usage = "MODEL|GRAPH [--signature_def KEY] --inputs 'KEY=FILE;...' [--fetch 'NAME;...'] --outdir DIR [FLAG]...",
    .description =
        "Runs one signature of a SavedModel, or a graph that has none, and writes each output to a file of its own, "
        "whole or not at all.\n\nA graph is a frozen GraphDef, a GraphDef with --checkpoint, or a .meta file with its "
        "checkpoint beside it; its inputs and outputs are tensors: x:0, or x for the first output of x. Of a "
        "SavedModel, --fetch takes both keys of the signature and tensors. Variables are restored by the graph's own "
        "restore op, or by their names when it has none.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(run_values),
    .defaults = set_defaults,
    .run = run,
};
