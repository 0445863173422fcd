/* NumPy's .npy files: header parsing, mapped reading, writing. Format: docs/formats/npy.md. */
#ifndef FORMAT_NPY_H
#define FORMAT_NPY_H

#include "base/file.h"
#include "tensor/tensor.h"

typedef struct npy_header {
    dtype type;           /* INLAY_STRING for S and U; INVALID for <V2 until the caller says bfloat16 */
    char kind;            /* numpy's: f i u b c S U V */
    size_t item_size;     /* bytes of one element as stored: for S n, for U 4n */
    bool big_endian;      /* of more than one byte */
    bool fortran;         /* column-major: the data is the C order of the transpose */
    shape dims;           /* as numpy shows it */
    uint64_t data_offset; /* bytes */
    uint64_t data_size;   /* bytes of data that the header promises; checked against the file by npy_parse */
} npy_header;

/* Parses the header of the file of FILE_SIZE bytes whose first bytes are START (all of a short file, else at least the
 * whole header: give the map). Errors: DATA_LOSS (not a .npy, malformed, or the file is shorter than promised),
 * UNIMPLEMENTED (a dtype with no equal here). */
inlay_status npy_parse(bytes start, uint64_t file_size, const char *path, npy_header *out, inlay_error *err);

/* Opens PATH by map as a tensor: numbers without copying when they are little-endian and in C order, else converted. AS
 * says what a <V2 file holds (INLAY_BFLOAT16), else INLAY_INVALID_DTYPE. COPY reads instead of mapping. Strings (S, U)
 * become UTF-8 strings without trailing NULs. */
inlay_status npy_read(const char *path, dtype as, bool copy, tensor **out, inlay_error *err);

/* The header for an array, version 1.0 (2.0 when it is too long), padded so that data starts at a multiple of 64. */
inlay_status npy_header_text(dtype t, const shape *dims, bool fortran, buffer *out, inlay_error *err);

/* Writes a numeric tensor (bfloat16 as <V2). UNIMPLEMENTED for strings, resources and variants. */
inlay_status npy_write(const tensor *t, const char *path, inlay_error *err);

#endif
