/* Rows of a collection by their numbers, and their neighbours, in standard ops (docs/formats/fused_model.md). */
#ifndef EDIT_LOOKUP_GRAPH_H
#define EDIT_LOOKUP_GRAPH_H

#include "edit/fuse/search_graph.h"

/* The node that fails for a number that is no row's: in a function it must run, whatever is asked of it. */
#define LOOKUP_CHECK "check"

/* The rows INDEX (reference, int64 [batch]) of G, whose query and k are not asked: vector float32 [batch, dim],
 * payload [batch] or NULL. */
typedef struct lookup_outputs {
    const char *vector, *payload;
} lookup_outputs;
lookup_outputs lookup_graph_put(node_writer *w, const search_graph *g, const char *index);

/* What the search G answers when it is asked with the rows INDEX, these rows themselves left out; its query is not
 * asked. All [batch, min(k, rows - 1)]. */
search_outputs similar_graph_put(node_writer *w, const search_graph *g, const char *index);

#endif
