#include "cli/edit.h"

typedef struct index_values {
    edit_values edit;
    const char *model, *name;
    bool remove;
    int64_t threads;
} index_values;

#define AT(field) offsetof(index_values, field)
static const flag_spec flags[] = {
    {"--name", NULL, FLAG_TEXT, "NAME",
     "index the rows of this search alone, a fused one or a signature that searches (default: of all)", AT(name), NULL,
     false},
    {"--remove", NULL, FLAG_SWITCH, NULL, "remove the model's indexes", AT(remove), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay index model/", "from now on inlay query answers the same, several times faster"},
    {"inlay index model/ -o faster/", "the model stays as it is; the new one shares its bytes"},
    {"inlay index model/ --remove", "back to the rows alone"},
    {NULL, NULL},
};

static int run(const void *values) {
    index_values v = *(const index_values *)values;
    inlay_index_options index;
    inlay_edit_options options;
    inlay_error error;
    inlay_index_options_init(&index);
    index.name = v.name;
    index.remove = v.remove;
    inlay_set_threads((int)v.threads);
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_index(v.model, &index, &options, NULL, &error);
    return end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
}

const command index_command = {
    .name = "index",
    .summary = "make a model's exact search several times faster",
    .usage = "MODEL [FLAG]...",
    .description =
        "Makes an index of the rows of the model's searches: each number in 8 bits, with a bound of what that "
        "loses. A search reads the index, a quarter of the bytes, and looks at the rows themselves only "
        "where the bound leaves it open who wins: the answers are those of the scan of all rows, to the last "
        "bit.\n\nSearches that a model's own graph writes plainly have indexes too (top_k of a product with a "
        "variable, of cosines, of 2 q.x - |x|^2; Keras' Dot, TensorFlow Recommenders' BruteForce), as long as the "
        "variable holds what the checkpoint stores: after an assignment all rows are read. Searches that sum squared "
        "differences, or whose rows are a constant of the graph, have none.\n\nIndexes lie in "
        "assets.extra/inlay.index/, where TensorFlow does not look. Each is tied to "
        "the stored rows by their checksum: after a change by another program it is not used, with a warning. "
        "Edits keep them right, inlay verify checks them.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(index_values),
    .run = run,
};
