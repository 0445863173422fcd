/* How ops run: one row an op, one file a family. An op sees its node (attributes, resolved dtypes), its input tensors
 * and what the session offers; it knows nothing of graphs, plans or files.
 *
 * What the executor promises to run(): inputs are there, of the dtypes that the op's row in opdef/ says, and aligned
 * for them unless the row has OP_ANY_ALIGNMENT. References are read before, except where the op wants a reference.
 * Errors need not name the node: the executor adds it. */
#ifndef OP_OP_H
#define OP_OP_H

#include "op/resource.h"
#include "opdef/opdef.h"
#include "tensor/tensor.h"

struct buffer;
struct file_map;
struct search_request;
typedef struct op_impl op_impl;
typedef struct op_host op_host;

/* One node as its op sees it, the same for all runs. */
typedef struct op_node {
    const char *name; /* of the node in the graph */
    const op_def *def;
    const op_impl *impl;
    attrs attributes;
    op_values in, out; /* resolved dtypes */
    void *state;       /* what prepare made */
} op_node;

/* What the session offers. */
struct op_host {
    resource_store *resources;
    /* Tensor NAME of checkpoint PREFIX, or the part of it that SLICE says (empty: all), as a view of its file where
     * that can be. Refuses files outside the model that the user did not allow. */
    inlay_status (*restore)(op_host *host, bytes prefix, bytes name, bytes slice, tensor **out, inlay_error *err);
    /* File PATH, mapped: an asset of the model, or in the folder that the user allowed; else PERMISSION_DENIED. */
    inlay_status (*open_file)(op_host *host, bytes path, struct file_map **out, inlay_error *err);
    /* Messages, which ops themselves know nothing of: a TensorProto read (charged to BUDGET) and appended to TO, and
     * the serialized tf.Example that JSON describes. */
    inlay_status (*read_tensor)(bytes message, mem_budget *budget, tensor **out, inlay_error *err);
    inlay_status (*write_tensor)(const tensor *t, struct buffer *to, inlay_error *err);
    inlay_status (*example_of_json)(bytes text, struct buffer *to, inlay_error *err);
    const struct index_set *indexes; /* of rows that the model stores; NULL: none */
};

/* At plan time, once a node. */
typedef struct op_setting {
    op_host *host;
    arena *memory; /* lives as long as the plan; a plan is made by one thread at a time */
} op_setting;

/* When a run has to end before it is done. */
typedef struct op_stop {
    const int *cancelled; /* not 0: now; NULL: never */
    double deadline;      /* by seconds_now(); 0: none */
} op_stop;

/* One run of one node. */
typedef struct op_call {
    const op_node *node;
    tensor **in;  /* [node->in.count], held by the call: tensor_is_writable says whether an input may be overwritten */
    tensor **out; /* [node->out.count], NULL at first; the op puts tensors it gives away. One that stays NULL is an
                     error only when somebody needs it */
    const bool *unused; /* [node->out.count] outputs that nobody needs: they may stay NULL */
    op_host *host;
    mem_budget *budget;
    const op_stop *stop;           /* may be NULL; long loops look now and then (op_check_stop) */
    struct search_request *search; /* what the run asks of a search; NULL: nothing */
} op_call;

enum {
    OP_ANY_ALIGNMENT = 1 << 0, /* takes inputs at any alignment */
    OP_NOT_FOLDED = 1 << 1     /* no constant folding, though it is stateless */
};

struct op_impl {
    const char *name;
    inlay_status (*run)(op_call *call, inlay_error *err);
    /* Reads attributes into node->state (from setting->memory), checks them. May be NULL. */
    inlay_status (*prepare)(op_node *node, op_setting *setting, inlay_error *err);
    /* Releases what the state holds beside the arena. May be NULL. Not called when prepare failed. */
    void (*dispose)(op_node *node);
    int detail; /* tells apart ops that share their functions */
    unsigned flags;
};

/* The row of op NAME; NULL when it cannot run. */
const op_impl *op_find(const char *name);
const op_impl *op_at(size_t index); /* NULL beyond the last */

/* ---- for ops */

/* Output I: uninitialised, of the dtype that the node says. Not for strings. */
inlay_status op_output(op_call *c, int i, const shape *dims, tensor **out, inlay_error *err);

/* The same, over input IN when that may be overwritten and has the same dtype and dims. */
inlay_status op_output_over(op_call *c, int i, int in, const shape *dims, tensor **out, inlay_error *err);

/* Output I is T, which is given away (also on failure) unless NULL. */
void op_give(op_call *c, int i, tensor *t);

/* Output I is input IN with other dims, without a copy. */
inlay_status op_give_reshaped(op_call *c, int i, int in, const shape *dims, inlay_error *err);

inlay_status op_check_stop(const op_call *c, inlay_error *err);

/* A shape from a tensor of int32 or int64 dims; -1 is kept, below that is an error. WHAT names it. */
inlay_status op_shape_of(const tensor *t, const char *what, shape *out, inlay_error *err);

/* Brings AXIS into [0, rank): negative counts from the end. */
inlay_status op_axis(int64_t axis, int rank, int *out, inlay_error *err);

/* Axis input T: a scalar, or one element. */
inlay_status op_axis_of(const tensor *t, int rank, int *out, inlay_error *err);

/* Product of dims[from .. to). */
int64_t op_span(const shape *dims, int from, int to);

inlay_status op_unsupported(const op_call *c, dtype t, inlay_error *err); /* UNIMPLEMENTED for dtype T */

#endif
