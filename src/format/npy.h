/* NumPy's .npy files: header parsing, mapped reading, writing. Format: docs/formats/npy.md. */
#ifndef FORMAT_NPY_H
#define FORMAT_NPY_H

#include "base/file.h"
#include "tensor/tensor.h"

enum {
    NPY_PREFIX = 12,         /* bytes that tell where the data starts; a version 1 file has one with 10 */
    NPY_MAX_HEADER = 1 << 20 /* bytes of header text that are looked at */
};

typedef struct npy_header {
    dtype type;           /* INLAY_STRING for S and U; INVALID for V until the caller says bfloat16 */
    char kind;            /* numpy's: f i u b c S U V */
    size_t item_size;     /* bytes of one element as stored: for S n, for U 4n */
    bool big_endian;      /* of more than one byte */
    bool fortran;         /* column-major: the data is the C order of the transpose. Only where that differs */
    shape dims;           /* as numpy shows it */
    int64_t count;        /* elements */
    uint64_t data_offset; /* bytes */
    uint64_t data_size;   /* bytes of data that the header promises; checked against the file by npy_parse */
} npy_header;

/* Where the data of the file begins whose first bytes are START: magic, version and header length are checked.
 * Errors: DATA_LOSS, UNIMPLEMENTED (a version above 3). */
inlay_status npy_data_offset(bytes start, const char *path, uint64_t *out, inlay_error *err);

/* Parses the header of the file of FILE_SIZE bytes whose first bytes are START (all of a short file, else at least the
 * whole header: give the map). Errors: DATA_LOSS (not a .npy, malformed, or the file is shorter than promised),
 * UNIMPLEMENTED (a dtype with no equal here). */
inlay_status npy_parse(bytes start, uint64_t file_size, const char *path, npy_header *out, inlay_error *err);

/* Says what the elements of a V file are: AS, when it is of their size. INVALID_ARGUMENT otherwise. Leaves headers of
 * other dtypes alone. */
inlay_status npy_settle_type(npy_header *h, dtype as, const char *path, inlay_error *err);

/* Opens PATH by map as a tensor: numbers without copying when they are little-endian and in C order, else converted. AS
 * says what a <V2 file holds (INLAY_BFLOAT16), else INLAY_INVALID_DTYPE. COPY reads instead of mapping. Strings (S, U)
 * become UTF-8 strings without trailing NULs. */
inlay_status npy_read(const char *path, dtype as, bool copy, tensor **out, inlay_error *err);

/* The same for a file whose bytes are in memory already and called NAME in errors. RELEASE(USER) gives them back once,
 * also on failure; the tensor may keep them until its end. */
inlay_status npy_read_bytes(bytes file, const char *name, dtype as, void (*release)(void *), void *user, tensor **out,
                            inlay_error *err);

/* Turns COUNT elements as a file stores them into the machine's byte order. FROM may equal TO. */
void npy_native(void *to, const void *from, size_t count, const npy_header *h);

/* Element of a string array, stored in h->item_size bytes at ITEM: its UTF-8 appended to *out. INDEX is for the error.
 * DATA_LOSS when a U element holds what is no character. */
inlay_status npy_string(const npy_header *h, const uint8_t *item, int64_t index, const char *path, buffer *out,
                        inlay_error *err);

/* Appends the header for an array, version 1.0, padded so that data starts at a multiple of 64: the bytes that numpy
 * writes. UNIMPLEMENTED for dtypes that numpy cannot say. */
inlay_status npy_header_text(dtype t, const shape *dims, bool fortran, buffer *out, inlay_error *err);

/* Writes a numeric tensor (bfloat16 as <V2). UNIMPLEMENTED for strings, resources and variants. */
inlay_status npy_write(const tensor *t, const char *path, inlay_error *err);

#endif
