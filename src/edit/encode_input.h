/* What encode reads: the lines of a text file, or rows of arrays, a batch at a time and in order. */
#ifndef EDIT_ENCODE_INPUT_H
#define EDIT_ENCODE_INPUT_H

#include "base/file.h"
#include "tensor/tensor.h"

typedef struct encode_input {
    size_t n_keys;
    const char **keys; /* of the signature */
    tensor **arrays;   /* [n_keys]; NULL: lines */
    file_map *lines;
    const char *path; /* of the lines */
    uint64_t at;      /* byte of the next line */
    int64_t next, rows;
    const inlay_encode_options *options;
} encode_input;

/* Opens what OPTIONS name for SIGNATURE. Released by encode_input_close, also after a failure; a zeroed one is fine. */
inlay_status encode_input_open(const inlay_encode_options *o, const inlay_signature *signature, encode_input *in,
                               inlay_error *err);
void encode_input_close(encode_input *in);

/* The next N rows as tensors, OUT [n_keys] with their keys; the caller's. */
inlay_status encode_input_next(encode_input *in, int64_t n, inlay_named_tensor *out, inlay_error *err);
void encode_input_skip(encode_input *in, int64_t n); /* the next N rows */

/* Appends lines of text that change when the inputs do: path, size and time of each file. */
inlay_status encode_input_describe(const encode_input *in, buffer *out, inlay_error *err);

#endif
