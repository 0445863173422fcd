#include "cli/edit.h"

typedef struct cast_values {
    edit_values edit;
    const char *model;
    text_list keys;
    int to;
} cast_values;

#define AT(field) offsetof(cast_values, field)
static const char *const types[] = {"float16", "bfloat16", NULL};
static const flag_spec flags[] = {
    {"--to", NULL, FLAG_CHOICE, "DTYPE", "what the tensors become (default: float16)", AT(to), types, false},
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", "KEY...", NULL};
static const example examples[] = {
    {"inlay cast model/ embedding/table --to bfloat16", "half the bytes for one variable"},
    {"inlay cast ckpt-100 a b c --to float16 -o smaller", "of a checkpoint, written beside the old one"},
    {NULL, NULL},
};

static int run(const void *values) {
    cast_values v = *(const cast_values *)values;
    inlay_edit_options options;
    inlay_error error;
    if (v.keys.count == 0) return fprintf(stderr, "inlay: no KEY; inlay cast --help tells\n"), EXIT_USAGE;
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_edit_cast(v.model, v.keys.items, v.keys.count,
                                          v.to == 0 ? INLAY_FLOAT16 : INLAY_BFLOAT16, &options, &error);
    return end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
}

const command cast_command = {
    .name = "cast",
    .summary = "store float32 tensors as float16 or bfloat16",
    .usage = "MODEL|CHECKPOINT KEY... [FLAG]...",
    .description =
        "Rounds the tensors KEY from float32 to a half type, to nearest and ties to even as TensorFlow's cast "
        "does, and says by how much that is off. In a SavedModel all graphs and functions go on in float32: "
        "each read of such a variable is followed by a Cast, each write preceded by one, and restoring, "
        "saving and the object graph know the new dtype. A model that does something else with the variable "
        "than read, gather from and assign it is refused, with the node. The dtype of a search's rows is "
        "chosen when it is fused.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(cast_values),
    .run = run,
};
