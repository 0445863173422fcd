/* Loops of the old form. Private to graph/.
 *
 * A frame is what runs again and again: Enter leads into it, Exit out of it. Every node has the frame that its inputs
 * are in, the innermost one. */
#ifndef GRAPH_FRAMES_H
#define GRAPH_FRAMES_H

#include "graph/program.h"

/* Puts ORDER [count], in which each node comes after those it needs but for what closes loops, so that the nodes of
 * each loop stand together, and sets p->loops. INVALID_ARGUMENT names a node that does not fit the loops around it. */
inlay_status frames_order(program *p, graph_node **order, size_t count, inlay_error *err);

#endif
