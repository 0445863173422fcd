/* The parts of a search subgraph. Private to transform/. */
#ifndef TRANSFORM_SEARCH_CHUNK_H
#define TRANSFORM_SEARCH_CHUNK_H

#include "op/op.h"
#include "search/search.h"
#include "transform/passes.h"

/* ---- asking a graph */

graph_node *edge_source(graph_edge e, const char *op, int output);    /* E's node, when it is output OUTPUT of an OP */
graph_node *edge_source_of(graph_edge e, const char *op, int inputs); /* the same for output 0 and INPUTS or more */
bool edge_same(graph_edge a, graph_edge b);
bool edge_int(program *p, graph_edge e, int64_t *out); /* a constant scalar */
bool edge_float(program *p, graph_edge e, float *out);
bool node_flag_is(const graph_node *n, const char *name, bool wanted); /* of a bool attribute */
dtype node_type(const graph_node *n, const char *name);                /* of a dtype attribute */

/* Dims of the variable that HANDLE makes: declared, else those of what it holds. */
bool variable_dims(op_host *host, const graph_node *handle, shape *out);

/* ---- what a search is made of */

/* One chunk of rows with the winners taken from it. */
typedef struct found_chunk {
    graph_node *rows, *side; /* VarHandleOp; side NULL for dot */
    int64_t count, first_row;
    bool transposed;
    search_metric metric;
    graph_edge scaled; /* what the rows are multiplied with, before any Cast */
    graph_edge k;      /* what Minimum bounds */
} found_chunk;

/* Sum(Square(q), 1, keep_dims); Mul(q, Rsqrt(Maximum(that, tiny))); Mul(q, 2). *query is q. */
bool match_squares(program *p, graph_edge e, graph_edge *query);
bool match_unit(program *p, graph_edge e, graph_edge *query);
bool match_twice(program *p, graph_edge e, graph_edge *query);

/* A TopKV2 of float32 that sorts. */
bool match_top(const graph_node *top);

/* Minimum(k, LIMIT). */
bool match_count(program *p, graph_edge e, int64_t limit, graph_edge *k);

/* TOP takes the winners of one chunk: all of *out but first_row. */
bool match_chunk(program *p, op_host *host, const graph_node *top, found_chunk *out);

/* E is AddV2(Cast(TOP:1, int64), first row). */
bool match_first_row(program *p, graph_edge e, const graph_node *top, int64_t *first_row);

#endif
