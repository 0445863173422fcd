/* Between the files that write the fused graph. */
#ifndef EDIT_FUSE_WRITER_H
#define EDIT_FUSE_WRITER_H

#include "edit/fuse/fuse_graph.h"
#include "edit/fuse/lookup_graph.h"

typedef struct fuse_writer {
    const fuse_extractor *e;
    const fuse_graph *g;
    arena *a;
    saved_edit edit;
    node_writer nodes; /* of the main graph, names under the prefix */
    const char *file;  /* named in errors */
    inlay_error *err;
} fuse_writer;

/* An output of a signature. */
typedef struct fuse_output {
    const char *key, *ref;
    dtype type;
    shape dims;
} fuse_output;
enum { FUSE_OUTPUTS = 3 };

/* Text in the arena; "" and a sticking failure when memory is out. */
const char *fuse_join(fuse_writer *w, const char *a, const char *b);
const char *fuse_node_name(fuse_writer *w, const char *name);           /* of variable or part NAME in the main graph */
const char *fuse_without_zero(fuse_writer *w, const char *tensor_name); /* "x:0" as "x" */
const char **fuse_names(fuse_writer *w, size_t n); /* room for N and a NULL; NULL when memory is out */

/* fuse_restore.c: the variables, one RestoreV2, an AssignVariableOp each, and a node that stands for these and what the
 * extractor restored. */
inlay_status fuse_put_restore(fuse_writer *w);

/* fuse_graph.c */
/* The search or another part, asked with QUERY (SEARCH) or with the rows INDEX; REF_PREFIX names a variable's handle
 * where the nodes stand. Its outputs are sorted by key; returns their number. */
typedef struct fuse_question {
    fuse_part part;
    const char *query, *index, *k, *ref_prefix;
} fuse_question;
size_t fuse_put_part(fuse_writer *w, node_writer *nodes, const fuse_question *q, fuse_output out[FUSE_OUTPUTS]);

/* The writer for nodes of PART in the main graph. */
node_writer fuse_part_nodes(fuse_writer *w, fuse_part part);
const char *fuse_put_k(fuse_writer *w, node_writer *nodes);
const char *fuse_put_placeholder(node_writer *nodes, const char *name, dtype type, const shape *dims);

/* fuse_signatures.c: the signatures of PART. INPUTS, without k, have the tensors' names; K is NULL where none is asked
 * for; outputs without ':' are given one. */
void fuse_put_signatures(fuse_writer *w, fuse_part part, const saved_tensor *inputs, size_t n_inputs, const char *k,
                         fuse_output *outputs, size_t n_outputs);
/* A signature that gives the vectors which the search is asked with, so that another collection can be fused to it. */
void fuse_put_feature_signature(fuse_writer *w, const saved_tensor *inputs, size_t n_inputs, const char *feature);

/* The input of all parts but the search: index int64 [batch]. */
extern const saved_tensor fuse_index_input;

/* A function's arguments: the inputs of its signature and k, sorted by their names as Python parameters, as TensorFlow
 * flattens them. */
typedef struct fuse_arguments {
    saved_tensor *list;
    const char **names; /* in the function */
    size_t *of_input;   /* [n] which of them an input is; the last is k */
    size_t n, k;        /* k: which of them is k; n when there is none */
} fuse_arguments;

/* A function of the library, and what calls it. */
typedef struct fuse_function {
    fuse_part part;
    const char *key;  /* of the signature */
    const char *name; /* in the library */
    fuse_arguments args;
    size_t n_captures; /* those of the extractor, or none */
    fuse_output outputs[FUSE_OUTPUTS];
    size_t n_outputs;
    fuse_types all; /* arguments, captures, variables */
} fuse_function;

/* fuse_function.c: a function that calls the extractor's and searches, those of the other parts, their calls in the
 * main graph, the signatures, the objects. */
inlay_status fuse_put_functions(fuse_writer *w, buffer *checkpoint_objects);

/* fuse_arguments.c */
inlay_status fuse_make_arguments(fuse_writer *w, const saved_tensor *inputs, size_t n, bool with_k,
                                 fuse_arguments *out);

/* fuse_objects.c */
inlay_status fuse_put_objects(fuse_writer *w, const fuse_function *functions, size_t n);
inlay_status fuse_write_checkpoint_objects(fuse_writer *w, buffer *out);

#endif
