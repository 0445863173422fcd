/* Search without a model: matrices in memory or in mapped files, the side numbers that their metric wants, and an index
 * of each where one is asked for. After opening all of it is read-only. */
#ifndef API_VECTORS_H
#define API_VECTORS_H

#include "base/file.h"
#include "base/log.h"
#include "search/search_index.h"
#include "tensor/tensor.h"

/* One matrix and what was made from it. */
typedef struct matrix {
    tensor *rows; /* [count, dim], or [dim, count] when transposed */
    bool transposed;
    float *sides;        /* [count]; NULL for dot */
    search_tie tie;      /* its key is `name` */
    char name[32];       /* of its index file */
    uint8_t *codes;      /* the index, in memory */
    file_map *file;      /* or in a file */
    search_index *index; /* NULL: none */
} matrix;

struct inlay_vectors {
    search_view view;
    search_chunk *chunks;
    matrix *matrices; /* [n] */
    size_t n;
    inlay_vectors_options options; /* valid while it is opened */
};

/* vectors_prepare.c: makes V's matrices searchable. */
inlay_status vectors_prepare(inlay_vectors *v, inlay_error *err);

#endif
