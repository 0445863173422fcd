/* The parts of a plain search: scores as people write them, from a matrix product or a sum of differences, searched by
 * TopKV2. Private to transform/.
 *
 * Every form comes down to
 *   score(query, row) = product(query', row) * side(row) + offset(query)       or
 *   score(query, row) = product(query', row) - side(row) + offset(query)       or
 *   score(query, row) = -|query' - row|^2 + offset(query)
 * and what may follow when the winners are known: minus the root of minus that, plus a constant. Here query' is the
 * query times factors of its own. Side numbers depend on stored rows alone; whatever belongs to the query stays in the
 * graph. */
#ifndef TRANSFORM_PLAIN_H
#define TRANSFORM_PLAIN_H

#include "transform/search_chunk.h"
#include "transform/users.h"

enum { PLAIN_STEPS = 8, PLAIN_RANK = 4, PLAIN_ADDENDS = 6, PLAIN_FACTORS = 4 };

typedef struct plain_graph {
    program *p;
    op_host *host;
    const users *u;
    size_t n_nodes;  /* that `u` knows; those put in meanwhile come after */
    int *steps_left; /* nodes that may be looked at for one search */
} plain_graph;

/* A number for each row of a matrix. */
typedef struct plain_side {
    graph_edge base;                /* the matrix, or the numbers themselves */
    bool squares;                   /* the sum of the squares of a row; else base is [rows] */
    int axis;                       /* of base, the one that rows run along */
    int64_t count;                  /* rows, -1: unknown */
    int64_t steps[2 * PLAIN_STEPS]; /* op/row_side.h */
    int n_steps;
} plain_side;

/* What an expression over one matrix (or vector) is. */
typedef struct plain_value {
    graph_edge base;
    dtype type;      /* of the elements */
    int64_t dims[2]; /* of base, -1: unknown */
    int base_rank;
    int rank;
    char axes[PLAIN_RANK]; /* what each axis is: '0' or '1' of base, '.' of size one */
    bool squared;
    bool numbers; /* one for each row: `side` says what */
    plain_side side;
    bool factored; /* the matrix times `factor`, a number for each step along axis factor_axis of base */
    plain_side factor;
    char factor_axis;
} plain_value;

/* What E is in terms of BASE, or, when BASE.node is NULL, of a matrix or vector that the model stores. */
bool plain_value_of(const plain_graph *g, graph_edge e, graph_edge base, plain_value *out);

/* V is one number a row, as numbers along the last of two dimensions ([n], [1, n]), or along the first ([n, 1]). */
bool plain_is_row(const plain_value *v);
bool plain_is_column(const plain_value *v);

bool plain_add_step(plain_side *s, int step, float number);

/* Constants, given by nodes that wait for nothing. */
bool plain_float(const plain_graph *g, graph_edge e, float *out); /* a scalar */
bool plain_int(const plain_graph *g, graph_edge e, int64_t *out); /* one element */
bool plain_ints(const plain_graph *g, graph_edge e, int64_t *out, int most, int *count);

/* What the graph says of E's shape; rank -1 when it says nothing. */
shape plain_shape(const plain_graph *g, graph_edge e);

typedef enum plain_kind { PLAIN_PRODUCT, PLAIN_APART } plain_kind;

/* A product of queries and stored rows, or the distances between them. */
typedef struct plain_product {
    plain_kind kind;
    graph_edge query; /* float32 */
    int rank;         /* of the query: 1, 2, 3 ([batch, 1, dim]), 0: 2 or more */
    graph_edge base;  /* what terms of the query are made of, NULL when that cannot be said */
    graph_edge rows;
    bool transposed;
    int64_t count;
    bool sided;
    plain_side side; /* rows are multiplied with */
    bool root;       /* of the distances */
} plain_product;

bool plain_product_of(const plain_graph *g, graph_edge e, plain_product *out);

typedef struct plain_factor {
    graph_edge edge; /* [batch, 1], or a scalar */
    bool divides;
} plain_factor;

typedef struct plain_addend {
    graph_edge edge;
    float times;
} plain_addend;

typedef struct plain_form {
    plain_product product;
    float scale;
    plain_factor factors[PLAIN_FACTORS]; /* of the query */
    int n_factors;
    bool less;                           /* product.side is subtracted */
    plain_addend offsets[PLAIN_ADDENDS]; /* [batch, 1] */
    int n_offsets;
    float plus; /* a constant, on top */
} plain_form;

/* The form of scores E, which nobody else uses. */
bool plain_form_of(const plain_graph *g, graph_edge e, plain_form *out);

/* Whether only one node uses E's node, and no fetch. */
bool plain_used_once(const plain_graph *g, graph_edge e);

/* E's node, when it is an OP (one of OPS, which end with NULL) of so many inputs that waits for nothing and that only
 * one node uses; else NULL. */
graph_node *plain_own(const plain_graph *g, graph_edge e, const char *op, int inputs);
graph_node *plain_own_of(const plain_graph *g, graph_edge e, const char *const *ops, int inputs);

#endif
