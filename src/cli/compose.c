#include "cli/values.h"

typedef struct compose_values {
    const char *first, *second;
    const char *output, *first_signature, *second_signature;
    text_list map;
    bool force, json;
} compose_values;

#define AT(field) offsetof(compose_values, field)
static const flag_spec flags[] = {
    {"--out", "-o", FLAG_TEXT, "DIR", "folder to make", AT(output), NULL, false},
    {"--map", NULL, FLAG_LIST, "OUTPUT=INPUT",
     "which output of the first feeds which input of the second (may be given again); those of one name when not said",
     AT(map), NULL, false},
    {"--first-signature", NULL, FLAG_TEXT, "KEY", "of the first model (default serving_default)", AT(first_signature),
     NULL, false},
    {"--second-signature", NULL, FLAG_TEXT, "KEY", "of the second model (default serving_default)",
     AT(second_signature), NULL, false},
    {"--force", NULL, FLAG_SWITCH, NULL, "replace a model that is there", AT(force), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"FIRST", "SECOND", NULL};
static const example examples[] = {
    {"inlay compose tokenizer/ encoder/ -o text-encoder/ --map tokens=input_ids", "pre-processing and model in one"},
    {NULL, NULL},
};

static int run(const void *values) {
    const compose_values *v = values;
    if (!v->output) return fprintf(stderr, "inlay: -o is needed; inlay compose --help tells\n"), EXIT_USAGE;
    inlay_compose_options o;
    inlay_compose_options_init(&o);
    o.first = v->first;
    o.second = v->second;
    o.first_signature = v->first_signature;
    o.second_signature = v->second_signature;
    o.map = v->map.items;
    o.n_map = v->map.count;
    o.output = v->output;
    o.force = v->force;
    inlay_compose_report report;
    inlay_error error;
    double start = seconds_now();
    if (inlay_bundle_compose(&o, &report, &error) != INLAY_OK) return report_error(&error);
    double seconds = seconds_now() - start;
    if (v->json)
        printf("{\"variables\": %zu, \"assets\": %zu, \"fed\": %zu, \"seconds\": %.6f}\n", report.variables,
               report.assets, report.fed, seconds);
    else
        printf("%s: %zu input%s fed, %zu stored tensors, %zu assets, in %.2f s\n", v->output, report.fed,
               report.fed == 1 ? "" : "s", report.variables, report.assets, seconds);
    return EXIT_FINE;
}

const command compose_command = {
    .name = "compose",
    .summary = "feed one model's outputs to another's inputs, as one model",
    .usage = "FIRST SECOND -o DIR [FLAG]...",
    .description =
        "Makes one SavedModel of two, in which outputs of the first feed inputs of the second. Its "
        "serving_default takes the first's inputs, and those of the second that nothing feeds, and gives the "
        "second's outputs. Without --map outputs feed inputs of their name, or the only output the only "
        "input; dtypes must be equal and shapes must fit.\n\n"
        "The result is a graph without objects (TensorFlow 1), which every loader takes. What is the first's "
        "goes under a/, what is the second's under b/: nodes, variables, tables and keys; functions get a_ "
        "and b_ before their names. Data files and assets are hard links where the file system can. It cannot "
        "be saved from a session again: save the models it was made of.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(first),
    .examples = examples,
    .size = sizeof(compose_values),
    .run = run,
};
