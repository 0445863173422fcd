/* Files of vectors from the similarity-search world: raw numbers, .fvecs, .bvecs, .fbin, .u8bin, .i8bin.
 * Formats: docs/formats/vectors.md. */
#ifndef FORMAT_VECTORS_H
#define FORMAT_VECTORS_H

#include "base/bytes.h"
#include "tensor/dtype.h"

typedef enum vectors_kind {
    VECTORS_NONE,
    VECTORS_RAW,   /* rows of numbers, nothing else: the dimension must be told */
    VECTORS_FVECS, /* each row: int32 dim, float32 [dim] */
    VECTORS_BVECS, /* each row: int32 dim, uint8 [dim] */
    VECTORS_FBIN,  /* uint32 rows, uint32 dim, float32 [rows, dim] */
    VECTORS_U8BIN, /* the same with uint8 */
    VECTORS_I8BIN  /* the same with int8 */
} vectors_kind;

typedef struct vectors_header {
    vectors_kind kind;
    dtype type;
    int64_t rows, dim;
    uint64_t offset; /* bytes before the first row's numbers */
    uint64_t stride; /* bytes from one row to the next */
} vectors_header;

/* The kind that the extension of PATH names (.fvecs, .bvecs, .fbin, .u8bin, .i8bin; .f32, .raw and .bin are
 * VECTORS_RAW). */
vectors_kind vectors_kind_of(const char *path);

/* Reads the header of a file of KIND and FILE_SIZE bytes that begins with START (at least its first 8 bytes). DIM and
 * TYPE are for VECTORS_RAW: DIM 0 is an error, TYPE INLAY_INVALID_DTYPE means float32. An empty .fvecs or .bvecs file
 * has no rows of dimension DIM.
 * Errors: INVALID_ARGUMENT (no dimension), DATA_LOSS (the size of the file is not what its header or DIM make it). */
inlay_status vectors_parse(vectors_kind kind, bytes start, uint64_t file_size, const char *path, int64_t dim,
                           dtype type, vectors_header *out, inlay_error *err);

/* Checks that the N rows of an .fvecs or .bvecs file that are at ROWS repeat the file's dimension; FIRST is the number
 * of the first. DATA_LOSS names row and offset. Other kinds have nothing to check. */
inlay_status vectors_check_rows(const vectors_header *h, const uint8_t *rows, int64_t first, int64_t n,
                                const char *path, inlay_error *err);

#endif
