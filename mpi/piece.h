/* Queries, some at a time: rank 0 reads them, all ranks get them. Memory is bounded by the size of a piece. */
#ifndef MPI_PIECE_H
#define MPI_PIECE_H

#include "cli/lines.h"
#include "mpi/job.h"

typedef struct piece {
    int64_t n;   /* queries; 0: there are no more */
    int64_t dim; /* of vectors; 0: they are texts */
    size_t bytes, room;
    char *data;         /* vectors: float32 [n, dim]; texts: n of them, a NUL behind each */
    const char **texts; /* [n], into data; NULL: vectors */
} piece;

/* Where rank 0 has queries from. */
typedef struct source {
    const text_list *texts;
    size_t next_text;
    inlay_tensor *vectors; /* float32 [n, dim] */
    int64_t next_vector;
    line_reader lines;
    bool waits; /* for a whole piece of lines; else takes what is there */
} source;

/* One of TEXTS (a "-" alone: standard input), LINES (a file) and VECTORS (.npy). An exit code, the reason printed; to
 * be closed in any case. */
int source_open(source *s, const text_list *texts, const char *lines, const char *vectors);
void source_close(source *s);

/* The next queries, at most MOST. Those that are few are never by themselves unless they are all: some kernels sum in
 * another order for up to six. */
int source_next(source *s, size_t most, piece *out);

/* Gives all ranks what rank 0 has, CODE too, which is returned. */
int piece_share(const job *j, piece *p, int code);
void piece_free(piece *p);

#endif
