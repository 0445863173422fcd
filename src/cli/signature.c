#include "cli/edit.h"

typedef struct signature_values {
    edit_values edit;
    const char *model;
    const char *tag_set, *tags;
    text_list remove, rename, add, defaults;
} signature_values;

#define AT(field) offsetof(signature_values, field)
static const flag_spec flags[] = {
    {"--rename", NULL, FLAG_LIST, "OLD=NEW", "call a signature otherwise (may be given again)", AT(rename), NULL,
     false},
    {"--remove", NULL, FLAG_LIST, "NAME", "take a signature away (may be given again)", AT(remove), NULL, false},
    {"--add", NULL, FLAG_LIST, "NAME=FROM|NAME:in=KEY:TENSOR,...;out=KEY:TENSOR,...",
     "another name for FROM, or, in a TF1 model, a signature of tensors (may be given again)", AT(add), NULL, false},
    {"--default", NULL, FLAG_LIST, "SIGNATURE.INPUT=VALUE",
     "what TensorFlow Serving takes for an input that is left out: JSON, or bare text for a string; empty: nothing",
     AT(defaults), NULL, false},
    {"--tags", NULL, FLAG_TEXT, "A,B", "the tags of the metagraph from now on", AT(tags), NULL, false},
    {"--tag-set", NULL, FLAG_TEXT, "TAGS", "which metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    EDIT_FLAGS,
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay signature model/ --rename serving_default=embed --add serving_default=search", "serve the search"},
    {"inlay signature model/ --add 'logits:in=x:x:0;out=y:dense/BiasAdd:0'", "offer a tensor of a TF1 model"},
    {"inlay signature model/ --default search.k=5 -o model-2", "an edited copy that shares all data"},
    {NULL, NULL},
};

static int run(const void *values) {
    signature_values v = *(const signature_values *)values;
    inlay_edit_options options;
    inlay_signature_edits edits;
    inlay_error error;
    inlay_signature_edits_init(&edits);
    edits.tag_set = v.tag_set;
    edits.tags = v.tags;
    edits.remove = v.remove.items;
    edits.n_remove = v.remove.count;
    edits.rename = v.rename.items;
    edits.n_rename = v.rename.count;
    edits.add = v.add.items;
    edits.n_add = v.add.count;
    edits.defaults = v.defaults.items;
    edits.n_defaults = v.defaults.count;
    begin_edit(&v.edit, &options);
    double start = seconds_now();
    inlay_status status = inlay_edit_signatures(v.model, &edits, &options, &error);
    return end_edit(&v.edit, v.model, status, &error, seconds_now() - start);
}

const command signature_command = {
    .name = "signature",
    .summary = "rename, remove and add signatures, set defaults and tags",
    .usage = "MODEL [FLAG]...",
    .description = "Changes what a SavedModel offers: the signatures that sessions, TensorFlow Serving and "
                   "saved_model_cli see, and those of the object graph that tf.saved_model.load shows. Removals are "
                   "done first, then renames, additions and defaults. Data files are not touched.\n\n"
                   "--add NAME=FROM gives a signature a second name. In a TF1 model a signature can also be made of "
                   "tensors; of a TF2 model, whose signatures are functions, that is refused. A search keeps the name "
                   "by which its rows are found; add another name to it instead.\n\n" EDIT_SAFETY,
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(signature_values),
    .run = run,
};
