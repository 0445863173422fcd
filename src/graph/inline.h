/* Private to graph/. */
#ifndef GRAPH_INLINE_H
#define GRAPH_INLINE_H

#include "graph/program.h"

/* Replaces every call of a function by the function's body, again and again until there is none. */
inlay_status program_inline(program *p, inlay_error *err);

#endif
