/* Who uses each node's outputs, at one moment of a program. */
#ifndef TRANSFORM_USERS_H
#define TRANSFORM_USERS_H

#include "graph/program.h"

typedef struct users {
    graph_node **items; /* all users, those of one node together; a user stands once for each use */
    size_t *first;      /* by node index; its users are items[first[i] .. first[i + 1]) */
} users;

inlay_status users_find(const program *p, users *out, inlay_error *err);
void users_free(users *u);

/* The first user of EDGE whose op is OP; NULL when there is none. */
graph_node *users_with_op(const users *u, graph_edge edge, const char *op);

#endif
