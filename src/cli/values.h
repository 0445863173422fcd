/* What several commands share: tensors named on the command line, and text made safe to print. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include "cli/command.h"

#include <stdio.h>

typedef struct input_list {
    inlay_named_tensor *items; /* keys point into `text` */
    size_t count;
    char *text;
} input_list;

/* Loads 'KEY=FILE;KEY=FILE' for SIGNATURE; files are .npy or .json. False after the reason was printed; free in any
 * case. */
bool load_inputs(const char *text, const inlay_signature *signature, input_list *out);
void free_inputs(input_list *list);

/* Has the library use THREADS threads, 0: as many as it would by itself. */
void use_threads(int64_t threads);

/* Opens the model at PATH after use_threads; NULL after the error was printed. The caller closes it. */
inlay_model *open_model(const char *path, const char *tag_set, int64_t threads, bool lock_indexes);

/* The signature KEY of MODEL; NULL after an error that lists those there are. */
const inlay_signature *need_signature(const inlay_model *model, const char *path, const char *key);

/* TEXT [SIZE] as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void print_json(FILE *out, const char *text, size_t size);

/* TEXT [SIZE] with control characters as \xNN: what is printed to a terminal never steers it. */
void print_plain(FILE *out, const char *text, size_t size);

/* The same of a text that ends in a NUL, which every name that a model gives must go through. */
void print_name(FILE *out, const char *name);

/* A number as JSON: NaN and the infinities as Python writes and reads them. */
void print_json_number(FILE *out, double value);

/* VECTOR [dim] as a JSON list; as numbers with spaces between. */
void print_json_vector(FILE *out, const float *vector, size_t dim);
void print_vector(FILE *out, const float *vector, size_t dim);

/* "[?, 64]" or "unknown rank". */
void print_dims(FILE *out, const int64_t *dims, int rank);

/* "[-1, 64]" or "null". */
void print_json_dims(FILE *out, const int64_t *dims, int rank);

double seconds_now(void);
double quantile(double *values, size_t n, double q); /* sorts VALUES */

#endif
