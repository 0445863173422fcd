#include "cli/edit.h"

typedef struct rename_values {
    edit_values edit;
    const char *model, *from, *to;
} rename_values;

static const flag_spec flags[] = {
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", "OLD", "NEW", NULL};
static const example examples[] = {
    {"inlay rename model/ dense/kernel encoder/kernel", "one variable of a TF1 model, its node too"},
    {"inlay rename ckpt-100 'a/.ATTRIBUTES/VARIABLE_VALUE' 'b/.ATTRIBUTES/VARIABLE_VALUE' -o renamed",
     "a checkpoint, written beside the old one"},
    {NULL, NULL},
};

static int run(const void *values) {
    rename_values v = *(const rename_values *)values;
    inlay_edit_options options;
    inlay_error error;
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_edit_rename(v.model, v.from, v.to, &options, &error);
    return end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
}

const command rename_command = {
    .name = "rename",
    .summary = "store a tensor under another key",
    .usage = "MODEL|CHECKPOINT OLD NEW [FLAG]...",
    .description = "Renames the stored tensor OLD: in the bundle, in every graph and function that restores or saves "
                   "it, and in the checkpoint's object graph. In a graph without objects (TensorFlow 1) the variable's "
                   "node is renamed as well, since a Saver takes nodes' names for keys; in a frozen graph the "
                   "constant. Data files are not touched.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = offsetof(rename_values, model),
    .examples = examples,
    .size = sizeof(rename_values),
    .run = run,
};
