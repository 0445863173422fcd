#include "cli/execution.h"

#include <stdlib.h>

typedef struct bench_values {
    execution_values what;
    const char *model;
    int64_t runs, seconds;
    bool json;
} bench_values;

#define AT(field) offsetof(bench_values, field)
static const flag_spec flags[] = {
    EXECUTION_FLAGS,
    {"--runs", NULL, FLAG_NUMBER, "N", "run N times (default: as many as fit the seconds, at least 10)", AT(runs), NULL,
     false},
    {"--seconds", NULL, FLAG_NUMBER, "N", "how long to measure (default 3)", AT(seconds), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|GRAPH", NULL};
static const example examples[] = {
    {"inlay bench model/ --signature_def search --inputs text=questions.json", "median, p90 and p99 of one call"},
    {"inlay bench graph.pb --inputs x:0=x.npy --fetch y:0 --threads 1 --json", "of a frozen graph, on one core"},
    {"inlay bench model/ --inputs x=x.npy --profile --trace trace.json", "which ops and nodes take the time"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    bench_values *v = values;
    v->what.inputs = "";
    v->seconds = 3;
}

enum { MOST_RUNS = 1000000, LEAST_RUNS = 10, WARM_RUNS = 3 };

static void print_times(const bench_values *v, const execution *e, double first, double *times, size_t runs) {
    double median = 1e3 * quantile(times, runs, 0.5), p90 = 1e3 * quantile(times, runs, 0.9),
           p99 = 1e3 * quantile(times, runs, 0.99);
    if (v->json)
        printf("{\"runs\": %zu, \"open_ms\": %.4f, \"first_ms\": %.4f, \"median_ms\": %.4f, \"p90_ms\": %.4f, "
               "\"p99_ms\": %.4f}\n",
               runs, 1e3 * e->open_seconds, 1e3 * first, median, p90, p99);
    else
        printf("%zu runs: median %.3f ms, p90 %.3f ms, p99 %.3f ms; open %.3f ms, first run %.3f ms\n", runs, median,
               p90, p99, 1e3 * e->open_seconds, 1e3 * first);
}

static bool measure(const bench_values *v, execution *e) {
    double *times = calloc(MOST_RUNS, sizeof *times), first = 0, unused;
    if (!times) return out_of_memory(), false;
    bool good = execution_run(e, &first);
    for (int i = 0; good && i < WARM_RUNS; i++) good = execution_run(e, &unused);
    size_t runs = 0;
    double end = seconds_now() + (double)v->seconds;
    while (good && runs < MOST_RUNS &&
           (v->runs > 0 ? runs < (size_t)v->runs : runs < LEAST_RUNS || seconds_now() < end))
        good = execution_run(e, &times[runs++]);
    if (good) print_times(v, e, first, times, runs);
    free(times);
    return good;
}

static int run(const void *values) {
    const bench_values *v = values;
    execution e;
    bool good = execution_open(v->model, &v->what, &e) && measure(v, &e) && execution_report(&e, &v->what);
    execution_close(&e);
    return good ? EXIT_FINE : EXIT_FAILED;
}

const command bench_command = {
    .name = "bench",
    .summary = "measure how long a signature or a graph takes",
    .usage = "MODEL|GRAPH [--signature_def KEY] --inputs 'KEY=FILE;...' [--fetch 'NAME;...'] [FLAG]...",
    .description = "Opens a model or a graph as inlay run does, runs it until the times are steady, and prints the "
                   "number of runs, the median and the 90th and 99th percentiles, the time to open and that of the "
                   "first run.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(bench_values),
    .defaults = set_defaults,
    .run = run,
};
