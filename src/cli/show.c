#include "cli/values.h"

typedef struct show_values {
    const char *model, *tag_set, *signature;
    bool optimized, json;
} show_values;

#define AT(field) offsetof(show_values, field)
static const flag_spec flags[] = {
    {"--signature", NULL, FLAG_TEXT, "KEY", "only this signature", AT(signature), NULL, false},
    {"--optimized", NULL, FLAG_SWITCH, NULL, "list the nodes that each signature runs after all passes", AT(optimized),
     NULL, false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay show model/", "signatures and variables"},
    {"inlay show model/ --optimized --signature search", "what a search really runs"},
    {NULL, NULL},
};

static void print_endpoints(const char *what, const inlay_endpoint *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        printf("  %s ", what);
        print_name(stdout, list[i].key);
        printf(": %s ", inlay_dtype_name(list[i].dtype));
        print_dims(stdout, list[i].dims, list[i].rank);
        printf("  ");
        print_name(stdout, list[i].tensor);
        printf("%s\n", list[i].optional ? "  (optional)" : "");
    }
}

static void print_line(void *user, const char *line) {
    (void)user;
    printf("    ");
    print_name(stdout, line);
    putchar('\n');
}

static int show_plain(const show_values *v, inlay_model *model) {
    for (size_t i = 0; i < inlay_model_signature_count(model); i++) {
        const inlay_signature *s = inlay_model_signature(model, i);
        if (v->signature && strcmp(v->signature, s->key) != 0) continue;
        printf("signature ");
        print_name(stdout, s->key);
        printf("  ");
        print_name(stdout, s->method);
        putchar('\n');
        print_endpoints("input ", s->inputs, s->n_inputs);
        print_endpoints("output", s->outputs, s->n_outputs);
        inlay_error error;
        if (!v->optimized) continue;
        printf("  runs\n");
        if (inlay_model_describe(model, s->key, print_line, NULL, &error) != INLAY_OK) return report_error(&error);
    }
    if (v->signature) return EXIT_FINE;
    size_t n = inlay_model_variable_count(model);
    if (n + inlay_model_signature_count(model) == 0) printf("no signatures and no variables\n");
    uint64_t total = 0;
    inlay_variable x;
    for (size_t i = 0; i < n; i++)
        if (inlay_model_variable(model, i, &x)) total += x.bytes;
    if (n) printf("%zu variable%s, %llu bytes\n", n, n == 1 ? "" : "s", (unsigned long long)total);
    for (size_t i = 0; i < n; i++) {
        if (!inlay_model_variable(model, i, &x)) continue;
        printf("  ");
        print_name(stdout, x.key);
        printf(": %s ", inlay_dtype_name(x.dtype));
        print_dims(stdout, x.dims, x.rank);
        printf("  %llu bytes in shard %d at %llu", (unsigned long long)x.bytes, x.shard, (unsigned long long)x.offset);
        if (x.index_bytes) printf(", with an index of %llu bytes", (unsigned long long)x.index_bytes);
        putchar('\n');
    }
    return EXIT_FINE;
}

static void json_endpoints(const char *what, const inlay_endpoint *list, size_t n) {
    printf("\"%s\": {", what);
    for (size_t i = 0; i < n; i++) {
        if (i) printf(", ");
        print_json(stdout, list[i].key, strlen(list[i].key));
        printf(": {\"dtype\": \"%s\", \"shape\": ", inlay_dtype_name(list[i].dtype));
        print_json_dims(stdout, list[i].dims, list[i].rank);
        printf(", \"tensor\": ");
        print_json(stdout, list[i].tensor, strlen(list[i].tensor));
        printf("%s}", list[i].optional ? ", \"optional\": true" : "");
    }
    putchar('}');
}

static void json_line(void *user, const char *line) {
    size_t *count = user;
    if ((*count)++) printf(", ");
    print_json(stdout, line, strlen(line));
}

static int show_json(const show_values *v, inlay_model *model) {
    inlay_error error;
    bool first = true;
    printf("{\"signatures\": {");
    for (size_t i = 0; i < inlay_model_signature_count(model); i++) {
        const inlay_signature *s = inlay_model_signature(model, i);
        if (v->signature && strcmp(v->signature, s->key) != 0) continue;
        printf("%s", first ? "" : ", ");
        first = false;
        print_json(stdout, s->key, strlen(s->key));
        printf(": {");
        json_endpoints("inputs", s->inputs, s->n_inputs);
        printf(", ");
        json_endpoints("outputs", s->outputs, s->n_outputs);
        if (v->optimized) {
            size_t count = 0;
            printf(", \"runs\": [");
            if (inlay_model_describe(model, s->key, json_line, &count, &error) != INLAY_OK) return report_error(&error);
            putchar(']');
        }
        putchar('}');
    }
    printf("}, \"variables\": [");
    inlay_variable x;
    for (size_t i = 0; i < inlay_model_variable_count(model); i++) {
        if (!inlay_model_variable(model, i, &x)) continue;
        printf("%s{\"key\": ", i ? ", " : "");
        print_json(stdout, x.key, strlen(x.key));
        printf(", \"dtype\": \"%s\", \"shape\": ", inlay_dtype_name(x.dtype));
        print_json_dims(stdout, x.dims, x.rank);
        printf(", \"shard\": %d, \"offset\": %llu, \"bytes\": %llu", x.shard, (unsigned long long)x.offset,
               (unsigned long long)x.bytes);
        if (x.index_bytes) printf(", \"index_bytes\": %llu", (unsigned long long)x.index_bytes);
        putchar('}');
    }
    printf("]}\n");
    return EXIT_FINE;
}

static int run(const void *values) {
    const show_values *v = values;
    inlay_model *model = open_model(v->model, v->tag_set, 0, false);
    if (!model) return EXIT_FAILED;
    int code = v->signature && !need_signature(model, v->model, v->signature) ? EXIT_FAILED
               : v->json                                                      ? show_json(v, model)
                                                                              : show_plain(v, model);
    inlay_model_close(model);
    return code;
}

const command show_command = {
    .name = "show",
    .summary = "list a model's signatures and variables",
    .usage = "MODEL [FLAG]...",
    .description = "Lists the signatures of a model with their inputs and outputs, and its stored variables with "
                   "dtype, shape and place, and the size of the search index of their rows where there is one.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(show_values),
    .run = run,
};
