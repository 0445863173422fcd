/* Between the files of compose.h. */
#ifndef EDIT_COMPOSE_PARTS_H
#define EDIT_COMPOSE_PARTS_H

#include "edit/scope.h"
#include "format/bundle.h"

/* One of the two models. Its nodes, variables, tables and keys go under PREFIX, its functions get another one before
 * their names. */
typedef struct compose_side {
    const char *prefix, *function_prefix; /* "a/", "a_" */
    saved_model *model;
    const saved_metagraph *graph;
    const saved_signature *signature;
    scope_list scopes;
    bundle *variables;  /* NULL: none */
    const char *init;   /* its init op; NULL: none */
    const char **files; /* [graph->asset_count] what its assets are called in the composed model */
    const char **fed;   /* [signature->input_count] the tensor that feeds input i; NULL: it stays an input */
} compose_side;

typedef struct compose_job {
    const inlay_compose_options *o;
    compose_side sides[2];
    arena a;
    saved_edit edit;
    buffer graph;
    staging stage;
} compose_job;

/* compose_graph.c: adds the nodes, functions, collections and assets of SIDE to the edit, under their new names. */
inlay_status compose_put_graph(compose_job *j, const compose_side *side, inlay_error *err);
/* NAME ("node:0", "^node", "loc:@node") under the side's prefix, in the arena; NULL when memory is out. */
const char *compose_name(compose_job *j, const compose_side *side, const char *name);

/* compose_data.c: the variables of both as one bundle over shared files, and the files of assets. */
inlay_status compose_put_variables(compose_job *j, inlay_error *err);
inlay_status compose_name_assets(compose_job *j, inlay_error *err);
inlay_status compose_put_assets(compose_job *j, inlay_error *err);

#endif
