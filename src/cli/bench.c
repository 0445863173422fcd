#include "cli/values.h"

#include <stdlib.h>

typedef struct bench_values {
    const char *model, *tag_set, *signature, *inputs;
    int64_t threads, runs, seconds;
    bool json;
} bench_values;

#define AT(field) offsetof(bench_values, field)
static const flag_spec flags[] = {
    {"--signature_def", NULL, FLAG_TEXT, "KEY", "the signature to run (default serving_default)", AT(signature), NULL,
     false},
    {"--inputs", NULL, FLAG_TEXT, "'KEY=FILE;...'", "its inputs: .npy or .json", AT(inputs), NULL, false},
    {"--runs", NULL, FLAG_NUMBER, "N", "run N times (default: as many as fit the seconds, at least 10)", AT(runs), NULL,
     false},
    {"--seconds", NULL, FLAG_NUMBER, "N", "how long to measure (default 3)", AT(seconds), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay bench model/ --signature_def search --inputs text=questions.json", "median, p90 and p99 of one call"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    bench_values *v = values;
    v->signature = "serving_default";
    v->inputs = "";
    v->seconds = 3;
}

static bool run_once(const bench_values *v, inlay_model *model, const input_list *inputs, inlay_named_tensor *outputs,
                     size_t n, double *seconds) {
    inlay_error error;
    double start = seconds_now();
    inlay_status status = inlay_model_run(model, v->signature, inputs->items, inputs->count, outputs, n, &error);
    *seconds = seconds_now() - start;
    if (status != INLAY_OK) return report_error(&error), false;
    for (size_t i = 0; i < n; i++) inlay_tensor_release(outputs[i].tensor);
    return true;
}

enum { MOST_RUNS = 1000000, LEAST_RUNS = 10 };

static int measure(const bench_values *v, inlay_model *model, double open_seconds, const input_list *inputs,
                   const inlay_signature *signature) {
    inlay_named_tensor *outputs = calloc(signature->n_outputs ? signature->n_outputs : 1, sizeof *outputs);
    double *times = calloc(MOST_RUNS, sizeof *times), first = 0;
    bool good = outputs && times;
    if (!good) out_of_memory();
    for (size_t i = 0; good && i < signature->n_outputs; i++) outputs[i].key = signature->outputs[i].key;
    good = good && run_once(v, model, inputs, outputs, signature->n_outputs, &first);
    double unused, end = seconds_now() + (double)v->seconds;
    for (int i = 0; good && i < 3; i++) good = run_once(v, model, inputs, outputs, signature->n_outputs, &unused);
    size_t runs = 0;
    while (good && runs < MOST_RUNS &&
           (v->runs > 0 ? runs < (size_t)v->runs : runs < LEAST_RUNS || seconds_now() < end))
        good = run_once(v, model, inputs, outputs, signature->n_outputs, &times[runs++]);
    if (good) {
        double median = 1e3 * quantile(times, runs, 0.5), p90 = 1e3 * quantile(times, runs, 0.9),
               p99 = 1e3 * quantile(times, runs, 0.99);
        if (v->json)
            printf("{\"runs\": %zu, \"open_ms\": %.4f, \"first_ms\": %.4f, \"median_ms\": %.4f, \"p90_ms\": %.4f, "
                   "\"p99_ms\": %.4f}\n",
                   runs, 1e3 * open_seconds, 1e3 * first, median, p90, p99);
        else
            printf("%zu runs: median %.3f ms, p90 %.3f ms, p99 %.3f ms; open %.3f ms, first run %.3f ms\n", runs,
                   median, p90, p99, 1e3 * open_seconds, 1e3 * first);
    }
    free(outputs);
    free(times);
    return good ? EXIT_FINE : EXIT_FAILED;
}

static int run(const void *values) {
    const bench_values *v = values;
    double start = seconds_now();
    inlay_model *model = open_model(v->model, v->tag_set, v->threads, false);
    if (!model) return EXIT_FAILED;
    double open_seconds = seconds_now() - start;
    const inlay_signature *signature = need_signature(model, v->model, v->signature);
    int code = EXIT_FAILED;
    if (signature) {
        input_list inputs;
        if (load_inputs(v->inputs, signature, &inputs)) code = measure(v, model, open_seconds, &inputs, signature);
        free_inputs(&inputs);
    }
    inlay_model_close(model);
    return code;
}

const command bench_command = {
    .name = "bench",
    .summary = "measure how long a signature takes",
    .usage = "MODEL --signature_def KEY --inputs 'KEY=FILE;...' [FLAG]...",
    .description = "Opens a model, runs one signature until the times are steady, and prints the number of runs, the "
                   "median and the 90th and 99th percentiles, the time to "
                   "open and that of the first run.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(bench_values),
    .defaults = set_defaults,
    .run = run,
};
