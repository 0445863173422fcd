#include "cli/edit.h"

typedef struct swap_values {
    edit_values edit;
    const char *model, *key, *file;
} swap_values;

static const flag_spec flags[] = {
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", "KEY", "FILE", NULL};
static const example examples[] = {
    {"inlay swap model/ dense/kernel kernel.npy", "new weights for one variable"},
    {"inlay swap frozen.pb mean mean.npy -o new.pb", "a constant of a frozen graph"},
    {NULL, NULL},
};

static int run(const void *values) {
    swap_values v = *(const swap_values *)values;
    inlay_edit_options options;
    inlay_error error;
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_edit_swap(v.model, v.key, v.file, &options, &error);
    return end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
}

const command swap_command = {
    .name = "swap",
    .summary = "replace the contents of a stored tensor",
    .usage = "MODEL|CHECKPOINT KEY FILE.npy [FLAG]...",
    .description = "Gives the tensor KEY the contents of FILE: .npy, or .json for strings. The dtype must be the one "
                   "that is stored (inlay cast changes it). In a model the shape must be, too; in a checkpoint alone "
                   "it may be any.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = offsetof(swap_values, model),
    .examples = examples,
    .size = sizeof(swap_values),
    .run = run,
};
