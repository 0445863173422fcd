#include "cli/values.h"

typedef struct explain_values {
    const char *text;
} explain_values;

static const flag_spec flags[] = {{NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false}};
static const char *const operands[] = {"ERROR TEXT", NULL};
static const example examples[] = {
    {"inlay explain 'TensorBundle at m shard 0 (1024 bytes): Checksum does not match: stored 1 vs. calculated on the "
     "restored bytes 4004437628'",
     "what was read are 1,024 zeros"},
    {NULL, NULL},
};

static void print_line(void *user, const inlay_finding *f) {
    (void)user;
    print_name(stdout, f->text);
    if (f->cause) printf(" [likely cause: %s]", inlay_cause_name(f->cause));
    putchar('\n');
    if (f->severity == INLAY_FINDING_NOTE && f->file[0]) {
        printf("to look at the files: inlay verify ");
        print_name(stdout, f->file);
        putchar('\n');
    }
}

static int run(const void *values) {
    const explain_values *v = values;
    inlay_error error;
    if (inlay_bundle_explain(v->text, print_line, NULL, &error) != INLAY_OK) return report_error(&error);
    return EXIT_FINE;
}

const command explain_command = {
    .name = "explain",
    .summary = "say what TensorFlow's error about a checkpoint means",
    .usage = "'ERROR TEXT'",
    .description =
        "Takes the text of TensorFlow's DATA_LOSS or OUT_OF_RANGE error about a checkpoint and says as much as "
        "its numbers allow, without any file: whether what was read are zeros, whether one flipped bit explains "
        "the difference and where, whether the stored checksum itself is at fault, which numbers were stored. "
        "With the files at hand inlay verify says more.",
    .flags = flags,
    .operands = operands,
    .operands_offset = offsetof(explain_values, text),
    .examples = examples,
    .size = sizeof(explain_values),
    .run = run,
};
