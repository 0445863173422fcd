/* What an op is: arguments, attributes with their defaults, and flags, one row an op. Knows nothing of how it runs.
 *
 * Arguments are text, separated by blanks:
 *   name:TYPE     one tensor; TYPE is a dtype ("int32") or a type attribute ("T")
 *   name:N*TYPE   as many as the int attribute N says
 *   name:LIST     one for each type of the list(type) attribute LIST
 *   name:&TYPE    a reference (old-style variables)
 * Attributes are text too: "T:type Tidx:type=int32 keep_dims:bool=false sep:string=' ' dims:list(int)=[]"; shapes
 * default to "?" (unknown rank). */
#ifndef OPDEF_OPDEF_H
#define OPDEF_OPDEF_H

#include "opdef/attr.h"

enum {
    OP_STATEFUL = 1 << 0,    /* reads or changes state: never folded, never merged with its like */
    OP_EFFECT = 1 << 1,      /* changes something: kept alive in functions even when nobody uses its outputs */
    OP_ELEMENTWISE = 1 << 2, /* output element i depends on input elements i only, broadcasting aside */
    OP_COMMUTATIVE = 1 << 3,
    OP_CALL = 1 << 4,     /* calls the function in attribute "f" */
    OP_LOOP = 1 << 5,     /* closes a loop of the graph: only a merge may use it */
    OP_CHECK = 1 << 6,    /* its only effect is to fail: it must run, but when does not matter */
    OP_FORWARD = 1 << 7,  /* output i is input i */
    OP_SWITCH = 1 << 8,   /* outputs that it does not make are dead: what needs them does not run */
    OP_MERGE = 1 << 9,    /* runs though inputs or what it waits for are dead */
    OP_ENTER = 1 << 10,   /* its output is inside the loop that attribute frame_name says */
    OP_EXIT = 1 << 11,    /* its output is outside the loop that it is in */
    OP_BRANCHES = 1 << 12 /* calls one of its functions, or several in turn: rewritten by graph/branch.c */
};

typedef struct op_def {
    const char *name, *in, *out, *attrs; /* NULL is "" */
    unsigned flags;
} op_def;

/* The row of op NAME; NULL when there is none. */
const op_def *opdef_find(bytes name);

/* All rows, for listing and tests: false beyond the last. */
const op_def *opdef_at(size_t index);

/* A row from the OpDef message that a model carries, in MEMORY. */
inlay_status opdef_from_proto(bytes proto, arena *memory, op_def **out, inlay_error *err);

/* One argument as declared. */
typedef struct op_arg {
    bytes name, number, type; /* number: the int attribute, or empty */
    bool is_ref;
} op_arg;
bool op_arg_next(const char **next, op_arg *out); /* false at the end; *next moves on */

/* What one node's inputs or outputs are, attributes resolved. */
typedef struct op_value {
    dtype type; /* INLAY_INVALID_DTYPE when the attribute does not say */
    bool is_ref;
} op_value;
typedef struct op_values {
    op_value *items;
    int count;
} op_values;

/* Resolves ARGUMENTS (op_def.in or .out) under ATTRIBUTES; items in MEMORY. INVALID_ARGUMENT: a missing or absurd
 * attribute. */
inlay_status opdef_values(const char *arguments, const attrs *attributes, arena *memory, op_values *out,
                          inlay_error *err);

/* Index of output element K of output argument NAME, as function bodies name them ("node:name:k"). NOT_FOUND. */
inlay_status opdef_output(const op_def *def, const attrs *attributes, bytes name, int64_t k, int *out,
                          inlay_error *err);

/* Most inputs or outputs that a node may have. */
enum { OP_MAX_VALUES = 1 << 20 };

#endif
