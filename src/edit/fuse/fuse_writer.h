/* Between the files that write the fused graph. */
#ifndef EDIT_FUSE_WRITER_H
#define EDIT_FUSE_WRITER_H

#include "edit/fuse/fuse_graph.h"

typedef struct fuse_writer {
    const fuse_extractor *e;
    const fuse_graph *g;
    arena *a;
    saved_edit edit;
    node_writer nodes; /* of the main graph, names under the prefix */
    const char *file;  /* named in errors */
    inlay_error *err;
} fuse_writer;

/* An output of the search signature. */
typedef struct fuse_output {
    const char *key, *ref;
    dtype type;
} fuse_output;
enum { FUSE_OUTPUTS = 3 };

extern const shape fuse_any_matrix; /* [?, ?] */

/* Text in the arena; "" and a sticking failure when memory is out. */
const char *fuse_join(fuse_writer *w, const char *a, const char *b);
const char *fuse_node_name(fuse_writer *w, const char *name);           /* of variable or part NAME in the main graph */
const char *fuse_without_zero(fuse_writer *w, const char *tensor_name); /* "x:0" as "x" */
const char **fuse_names(fuse_writer *w, size_t n); /* room for N and a NULL; NULL when memory is out */

/* fuse_restore.c: the variables, one RestoreV2, an AssignVariableOp each, and a node that stands for these and what the
 * extractor restored. */
inlay_status fuse_put_restore(fuse_writer *w);

/* fuse_graph.c */
search_outputs fuse_put_search(fuse_writer *w, node_writer *nodes, const char *query, const char *k,
                               const char *ref_prefix);
size_t fuse_sorted_outputs(const fuse_graph *g, const search_outputs *found, fuse_output out[FUSE_OUTPUTS]);
const char *fuse_put_k(fuse_writer *w);
const char *fuse_put_placeholder(fuse_writer *w, const char *name, dtype type, const shape *dims);
/* The signatures of the search. INPUTS, without k, have the tensors' names; outputs without ':' are given one. */
void fuse_put_signatures(fuse_writer *w, const saved_tensor *inputs, size_t n_inputs, const char *k,
                         fuse_output *outputs, size_t n_outputs);

/* The function's arguments: the extractor's inputs and k, sorted by their names as Python parameters, as TensorFlow
 * flattens them. */
typedef struct fuse_arguments {
    saved_tensor *list;
    const char **names; /* in the function */
    size_t *of_input;   /* [n] which of them an input of the extractor is; the last is k */
    size_t n, k;        /* k: which of them is k */
} fuse_arguments;

/* fuse_function.c: a function that calls the extractor's and searches, its call in the main graph, the signature, the
 * objects. */
inlay_status fuse_put_function(fuse_writer *w, buffer *checkpoint_objects);

/* fuse_objects.c */
inlay_status fuse_put_objects(fuse_writer *w, const char *function, const fuse_arguments *args,
                              const fuse_output *outputs, size_t n_outputs);
inlay_status fuse_write_checkpoint_objects(fuse_writer *w, buffer *out);

#endif
