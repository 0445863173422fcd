/* What is run, given on the command line: a signature on its inputs, or tensors of a graph. */
#ifndef CLI_EXECUTION_H
#define CLI_EXECUTION_H

#include "cli/profile.h"
#include "cli/values.h"

/* The first field of a command's values. */
typedef struct execution_values {
    const char *tag_set, *signature, *inputs, *fetch, *checkpoint, *trace;
    int64_t threads, timeout;
    bool profile;
} execution_values;

/* For the table of flags. */
#define EXECUTION_FLAG(name, kind, value, help, field) \
    { name, NULL, kind, value, help, offsetof(execution_values, field), NULL, false }
#define EXECUTION_FLAGS                                                                                                \
    EXECUTION_FLAG("--signature_def", FLAG_TEXT, "KEY", "the signature to run (default serving_default)", signature),  \
        EXECUTION_FLAG("--inputs", FLAG_TEXT, "'KEY=FILE;...'",                                                        \
                       "inputs by their keys, or by tensors of the graph (x:0): .npy, or .json of nested lists, "      \
                       "{\"b64\": ...} for bytes",                                                                     \
                       inputs),                                                                                        \
        EXECUTION_FLAG("--fetch", FLAG_TEXT, "'NAME;...'",                                                             \
                       "these outputs only, by their keys, or by tensors of the graph (y:0)", fetch),                  \
        EXECUTION_FLAG("--checkpoint", FLAG_TEXT, "PREFIX",                                                            \
                       "of a graph or a .meta file: where its variables are (default: of NAME.meta, NAME)",            \
                       checkpoint),                                                                                    \
        EXECUTION_FLAG("--tag_set", FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", tag_set),  \
        EXECUTION_FLAG("--threads", FLAG_NUMBER, "N", "threads to use (default: one a core)", threads),                \
        EXECUTION_FLAG("--timeout", FLAG_NUMBER, "SECONDS", "a run that takes longer is an error", timeout),           \
        EXECUTION_FLAG("--profile", FLAG_SWITCH, NULL, "print to standard error what each op and node took", profile), \
        EXECUTION_FLAG("--trace", FLAG_TEXT, "FILE", "write the last run's nodes in Chrome's trace format", trace)

/* A model, opened, and what each run of it is given and gives. */
typedef struct execution {
    inlay_model *model;
    const char *signature; /* NULL: feeds and fetches are tensors of the graph */
    input_list inputs;
    inlay_named_tensor *outputs; /* [n_outputs]; keys as they were asked for, no tensors but after execution_run */
    const char **tensors;        /* [n_outputs] of the graph, when `signature` is NULL */
    size_t n_outputs;
    char *names; /* that keys point into */
    inlay_run_options options;
    profile *profile; /* NULL: nobody asked */
    double open_seconds;
} execution;

/* Opens MODEL. False after the reason was printed; closed in any case. */
bool execution_open(const char *model, const execution_values *v, execution *out);
void execution_close(execution *e);

/* Prints and writes what V asks of the profile. False after the reason was printed. */
bool execution_report(const execution *e, const execution_values *v);

/* Runs once; what the last run gave is released. False after the error was printed. */
bool execution_run(execution *e, double *seconds);

#endif
