#include "cli/values.h"

typedef struct ops_values {
    const char *model, *tag_set, *signature;
    bool missing, json;
} ops_values;

enum { EXIT_MISSING = 3 };

#define AT(field) offsetof(ops_values, field)
static const flag_spec flags[] = {
    {"--signature_def", NULL, FLAG_TEXT, "KEY", "only what this signature needs, and what loading runs", AT(signature),
     NULL, false},
    {"--missing", NULL, FLAG_SWITCH, NULL, "only ops that do not run", AT(missing), NULL, false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL?", NULL};
static const example examples[] = {
    {"inlay ops", "every op that this build runs, with its arguments"},
    {"inlay ops model/ || echo 'something is missing'", "whether a model can run before it is deployed"},
    {NULL, NULL},
};

static void json_text(const char *name, const char *text) {
    printf("\"%s\": ", name);
    print_json(stdout, text, strlen(text));
}

static int list_ops(const ops_values *v) {
    inlay_op op;
    if (v->json) putchar('[');
    for (size_t i = 0; inlay_ops_at(i, &op); i++) {
        if (!v->json) {
            printf("%s(%s) -> (%s)\n", op.name, op.inputs, op.outputs);
            continue;
        }
        printf("%s{", i ? ",\n " : "");
        json_text("op", op.name);
        printf(", ");
        json_text("inputs", op.inputs);
        printf(", ");
        json_text("outputs", op.outputs);
        printf(", ");
        json_text("attributes", op.attributes);
        putchar('}');
    }
    if (v->json) printf("]\n");
    return EXIT_FINE;
}

static bool is_asked(const ops_values *v, const inlay_signature_ops *s) {
    return !v->signature || !s->key || strcmp(s->key, v->signature) == 0;
}

static void plain_signature(const ops_values *v, const inlay_signature_ops *s) {
    if (!s->key) {
        printf("loading");
    } else if (!*s->key) {
        printf("the whole graph");
    } else {
        printf("signature ");
        print_name(stdout, s->key);
    }
    printf(": %zu op%s", s->n_ops, s->n_ops == 1 ? "" : "s");
    if (s->n_missing)
        printf(", %zu missing\n", s->n_missing);
    else
        printf(", all of them run\n");
    for (size_t i = 0; i < s->n_ops; i++) {
        const inlay_op_use *use = &s->ops[i];
        if (v->missing && use->runs) continue;
        printf("%8llu  ", (unsigned long long)use->nodes);
        print_name(stdout, use->op);
        if (!use->runs) printf("  missing");
        if (use->library) printf(": of %s", use->library);
        putchar('\n');
    }
}

static void json_signature(const ops_values *v, const inlay_signature_ops *s) {
    bool first = true;
    printf("{\"signature\": ");
    if (s->key)
        print_json(stdout, s->key, strlen(s->key));
    else
        printf("null");
    printf(", \"missing\": %zu, \"ops\": [", s->n_missing);
    for (size_t i = 0; i < s->n_ops; i++) {
        const inlay_op_use *use = &s->ops[i];
        if (v->missing && use->runs) continue;
        printf("%s{", first ? "" : ", ");
        first = false;
        json_text("op", use->op);
        printf(", \"nodes\": %llu, \"runs\": %s", (unsigned long long)use->nodes, use->runs ? "true" : "false");
        if (use->library) {
            printf(", ");
            json_text("library", use->library);
        }
        putchar('}');
    }
    printf("]}");
}

/* The number of signatures that were asked for and that lack something. */
static size_t print_needs(const ops_values *v, const inlay_model_ops *needs) {
    size_t lacking = 0, printed = 0;
    if (v->json) printf("{\"signatures\": [");
    for (size_t i = 0; i < needs->n_signatures; i++) {
        const inlay_signature_ops *s = &needs->signatures[i];
        if (!is_asked(v, s)) continue;
        lacking += s->n_missing > 0;
        if (v->json && printed++) printf(",\n ");
        (v->json ? json_signature : plain_signature)(v, s);
    }
    if (v->json) printf("]}\n");
    return lacking;
}

static int check_signature(const ops_values *v, const inlay_model_ops *needs) {
    for (size_t i = 0; i < needs->n_signatures; i++)
        if (needs->signatures[i].key && strcmp(needs->signatures[i].key, v->signature) == 0) return EXIT_FINE;
    fprintf(stderr, "inlay: %s has no signature %s; the signatures:", v->model, v->signature);
    for (size_t i = 0; i < needs->n_signatures; i++)
        if (needs->signatures[i].key && *needs->signatures[i].key) {
            putc(' ', stderr);
            print_name(stderr, needs->signatures[i].key);
        }
    putc('\n', stderr);
    return EXIT_FAILED;
}

static int run(const void *values) {
    const ops_values *v = values;
    inlay_model_ops *needs;
    inlay_error error;
    if (!v->model && (v->signature || v->tag_set || v->missing))
        return usage_failed("--signature_def, --tag_set and --missing are about a model: name one");
    if (!v->model) return list_ops(v);
    if (inlay_ops_needed(v->model, v->tag_set, &needs, &error) != INLAY_OK) return report_error(&error);
    int code = v->signature ? check_signature(v, needs) : EXIT_FINE;
    if (code == EXIT_FINE && print_needs(v, needs)) code = EXIT_MISSING;
    inlay_ops_release(needs);
    return code;
}

const command ops_command = {
    .name = "ops",
    .summary = "list the ops that run, and those a model needs",
    .usage = "[MODEL] [FLAG]...",
    .description =
        "Without a model: every op that this build runs, with its arguments and their dtypes or the attributes that "
        "say them.\n\nWith one (a SavedModel, a .meta file or a frozen graph): for each signature, and for what "
        "loading runs, the ops and how many nodes have them; nodes of a function count once, however often it is "
        "called. Ops that do not run are marked, with the library they come from where that is known. The model is "
        "not loaded. That an op runs does not say that it does with every dtype.\n\nThe exit code is 3 when something "
        "is missing.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(ops_values),
    .run = run,
};
