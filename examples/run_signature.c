/* Runs any signature of any SavedModel on .npy or .json files: run_signature MODEL SIGNATURE KEY=FILE…
 * Prints each output's dtype and shape and saves it as KEY.npy, or KEY.json for strings. */
#include <inlay/inlay.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_kind(const char *key, const inlay_tensor *tensor) {
    printf("%s: %s [", key, inlay_dtype_name(inlay_tensor_dtype(tensor)));
    for (int i = 0; i < inlay_tensor_rank(tensor); i++)
        printf("%s%" PRId64, i ? ", " : "", inlay_tensor_dims(tensor)[i]);
    printf("]\n");
}

/* Loads the files that ARGS name, and takes all of the signature's outputs. */
static inlay_status run(inlay_model *model, const inlay_signature *signature, char **args, size_t n_inputs,
                        inlay_named_tensor *inputs, inlay_named_tensor *outputs, inlay_error *error) {
    for (size_t i = 0; i < n_inputs; i++) {
        char *file = strchr(args[i], '=');
        if (!file) return snprintf(error->message, sizeof error->message, "%s: not KEY=FILE", args[i]), INLAY_UNKNOWN;
        *file++ = 0;
        inputs[i].key = args[i];
        inlay_status status = inlay_tensor_load(file, INLAY_INVALID_DTYPE, &inputs[i].tensor, error);
        if (status != INLAY_OK) return status;
    }
    for (size_t i = 0; i < signature->n_outputs; i++) outputs[i].key = signature->outputs[i].key;
    return inlay_model_run(model, signature->key, inputs, n_inputs, outputs, signature->n_outputs, error);
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: %s MODEL SIGNATURE KEY=FILE...\n", argv[0]), 2;
    inlay_error error;
    inlay_model *model;
    if (inlay_model_open(argv[1], NULL, &model, &error) != INLAY_OK) return fprintf(stderr, "%s\n", error.message), 1;
    const inlay_signature *signature = inlay_model_find_signature(model, argv[2]);
    if (!signature) return fprintf(stderr, "%s has no signature %s\n", argv[1], argv[2]), inlay_model_close(model), 1;

    size_t n_inputs = (size_t)(argc - 3), n_outputs = signature->n_outputs;
    inlay_named_tensor *inputs = calloc(n_inputs + 1, sizeof *inputs);
    inlay_named_tensor *outputs = calloc(n_outputs + 1, sizeof *outputs);
    inlay_status status = INLAY_RESOURCE_EXHAUSTED;
    snprintf(error.message, sizeof error.message, "out of memory");
    if (inputs && outputs) status = run(model, signature, argv + 3, n_inputs, inputs, outputs, &error);
    for (size_t i = 0; status == INLAY_OK && i < n_outputs; i++) {
        char path[1024];
        bool text = inlay_tensor_dtype(outputs[i].tensor) == INLAY_STRING;
        snprintf(path, sizeof path, "%s.%s", outputs[i].key, text ? "json" : "npy");
        print_kind(outputs[i].key, outputs[i].tensor);
        status = inlay_tensor_save(outputs[i].tensor, path, &error);
    }
    if (status != INLAY_OK) fprintf(stderr, "%s\n", error.message);
    for (size_t i = 0; inputs && i < n_inputs; i++) inlay_tensor_release(inputs[i].tensor);
    for (size_t i = 0; outputs && i < n_outputs; i++) inlay_tensor_release(outputs[i].tensor);
    free(inputs);
    free(outputs);
    inlay_model_close(model);
    return status != INLAY_OK;
}
