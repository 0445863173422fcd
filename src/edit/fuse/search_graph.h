/* The search subgraph of a fused model in standard ops, which every TensorFlow runs (docs/formats/fused_model.md). */
#ifndef EDIT_SEARCH_GRAPH_H
#define EDIT_SEARCH_GRAPH_H

#include "edit/node_writer.h"
#include "search/search.h"

/* One chunk of rows as the graph sees it: references to the handles of its variables. */
typedef struct graph_chunk {
    const char *rows; /* [rows, dim], or [dim, rows] when transposed */
    const char *side; /* [rows] float32; may be NULL for dot: factors of 1, NaN for a tombstone */
    int64_t count, first_row;
    bool transposed;
    bool guard; /* its NaN scores become minus infinity */
} graph_chunk;

typedef struct search_graph {
    search_metric metric;
    dtype type; /* of the rows */
    const graph_chunk *chunks;
    size_t n_chunks;
    bool guard_nan;      /* those of all chunks do: only for rows that are not finite */
    const char *query;   /* reference, float32 [batch, dim] */
    const char *k;       /* reference, int32 scalar */
    const char *payload; /* handle of the variable with labels (strings) or ids (int64); NULL: none */
    dtype payload_type;
} search_graph;

/* Writes the nodes; the references of what they yield: scores float32 [batch, k'], indices int64 [batch, k'], payload
 * or NULL. */
typedef struct search_outputs {
    const char *scores, *indices, *payload;
} search_outputs;
search_outputs search_graph_put(node_writer *w, const search_graph *g);

/* Labels or ids of ROWS (reference, int64 of any shape), for a G that has some. */
const char *search_payload_put(node_writer *w, const search_graph *g, const char *rows);

#endif
