/* Embedding sources: the files, folders, archive members and checkpoint tensors that hold stored vectors, listed in
 * order, each opened as a shard: a matrix [rows, dim] of one file, usable where it lies or to be converted.
 * Knows nothing of models or of how shards get into them. Kinds of files: docs/formats/npy.md, npz.md, vectors.md. */
#ifndef FORMAT_SHARDS_H
#define FORMAT_SHARDS_H

#include "format/npz.h"
#include "format/vectors.h"

typedef enum shard_form {
    SHARD_NPY,
    SHARD_NPZ,     /* a member of an archive */
    SHARD_VECTORS, /* raw, .fvecs, .bvecs, .fbin, .u8bin, .i8bin */
    SHARD_TENSOR   /* a tensor in a data file of a checkpoint */
} shard_form;

typedef struct shard {
    shard_form form;
    char *path;   /* of the file */
    char *member; /* of the archive, or the checkpoint's key; else NULL */
    char *name;   /* for messages: PATH, or as the source named it, "ARCHIVE.npz#MEMBER" */

    int64_t rows, dim;
    dtype stored; /* as the file holds it */
    dtype type;   /* as a model should: STORED when that is float32, float64, float16 or bfloat16, else float32 */
    bool big_endian;
    bool transposed; /* the file holds [dim, rows] (Fortran order) */

    /* Where the rows are as TYPE, little-endian, without gaps: [rows, dim], or [dim, rows] when transposed. */
    bool linkable;
    uint64_t offset, size; /* bytes in PATH */
    const char *obstacle;  /* why it must be converted ("is big-endian"), a static text; NULL when linkable */

    file_info seen;         /* of PATH when it was opened */
    vectors_header vectors; /* SHARD_VECTORS only */
} shard;

typedef struct shard_list {
    shard *shards;
    size_t count, capacity;
    int64_t rows, dim; /* in all; of each */
    dtype type;        /* of each */
} shard_list;

typedef struct shard_options {
    bool as_listed; /* sources in the order given; else all files in natural order */
    int64_t dim;    /* of raw files; 0: not told. When told, every shard must have it */
    dtype type;     /* of files that cannot say it: raw, and .npy of V; INLAY_INVALID_DTYPE: not told */

    /* Opens tensor KEY of checkpoint PREFIX (a bundle's prefix or a SavedModel's folder) by calling
     * shard_list_add_tensor. NULL: such sources are refused. */
    inlay_status (*checkpoint)(void *user, const char *prefix, const char *key, shard_list *list, inlay_error *err);
    void *user;
} shard_options;

/* Lists and opens SOURCES: files, folders (their files in natural order; hidden ones are ignored), FILE.npz (all float
 * members in natural order), FILE.npz#MEMBER, CHECKPOINT#KEY. A 1-dimensional array of n elements is n rows of
 * dimension
 * 1. *out is the caller's (shards_close), empty on failure. Errors name the file or, when two do not fit each other,
 * both: NOT_FOUND, INVALID_ARGUMENT (unknown kinds of files, all named; ranks other than 1 and 2; dimensions or dtypes
 * differ), DATA_LOSS, UNIMPLEMENTED. */
inlay_status shards_open(const char *const *sources, size_t n, const shard_options *options, shard_list *out,
                         inlay_error *err);
void shards_close(shard_list *list); /* a zeroed one is fine */

/* Adds the tensor at bytes OFFSET of PATH, called NAME in messages, for a shard_options.checkpoint. */
inlay_status shard_list_add_tensor(shard_list *list, const char *path, const char *name, const char *key,
                                   uint64_t offset, const shape *dims, dtype t, bool big_endian, inlay_error *err);

/* FAILED_PRECONDITION when size, time or identity of the shard's file is no longer what it was at shards_open. */
inlay_status shard_check_unchanged(const shard *s, inlay_error *err);

/* "2.npy" before "10.npy": runs of digits by value, '/' before all else, ties bytewise. A total order. */
int natural_compare(const char *a, const char *b);

/* ---- reading rows, whatever the form */

typedef struct shard_reader shard_reader;

/* Reads S, which must outlive it, as TYPE (that of the shard, or INLAY_FLOAT32) in C order. Files are mapped; at most
 * 1 MiB of memory is used. For one thread at a time. */
inlay_status shard_reader_open(const shard *s, dtype type, shard_reader **out, inlay_error *err);

/* Rows [first, first + n) to TO [n, dim]. Rising FIRST is quick; archives start again when it falls, and for members in
 * Fortran order at every call: ask for many rows at a time. DATA_LOSS when the file is damaged. */
inlay_status shard_reader_rows(shard_reader *r, int64_t first, int64_t n, void *to, inlay_error *err);
void shard_reader_close(shard_reader *r); /* NULL is fine */

#endif
