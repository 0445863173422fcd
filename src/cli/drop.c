#include "cli/edit.h"

typedef struct drop_values {
    edit_values edit;
    const char *model;
    text_list keys;
} drop_values;

static const flag_spec flags[] = {
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL|CHECKPOINT", "KEY...", NULL};
static const example examples[] = {
    {"inlay drop ckpt-100 global_step beta1_power beta2_power", "what only training needs"},
    {"inlay drop model/ old/table --dry-run", "whether the model can do without it"},
    {NULL, NULL},
};

static int run(const void *values) {
    drop_values v = *(const drop_values *)values;
    inlay_edit_options options;
    inlay_error error;
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_edit_drop(v.model, v.keys.items, v.keys.count, &options, &error);
    return end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
}

const command drop_command = {
    .name = "drop",
    .summary = "remove stored tensors",
    .usage = "MODEL|CHECKPOINT KEY... [FLAG]...",
    .description = "Removes tensors from the bundle, and what points at them from the checkpoint's object graph. A "
                   "tensor that the model's graph restores is not dropped: the model could not load without it. The "
                   "bytes stay in the data file until inlay convert --compact.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = offsetof(drop_values, model),
    .examples = examples,
    .size = sizeof(drop_values),
    .run = run,
};
