/* What a session keeps between runs: variables, tables. A resource travels through the graph as a scalar tensor of
 * dtype RESOURCE that holds it; old-style references are the same tensors. */
#ifndef OP_RESOURCE_H
#define OP_RESOURCE_H

#include "base/map.h"
#include "tensor/tensor.h"

#include <pthread.h>

typedef struct resource resource;

typedef struct resource_kind {
    const char *name; /* "variable", "table", for errors */
    void (*destroy)(resource *r);
} resource_kind;

/* The first member of whatever a session keeps. */
struct resource {
    _Atomic int refs;
    const resource_kind *kind;
    char *name; /* "container/name", mem_free */
};

resource *resource_retain(resource *r);
void resource_release(resource *r); /* NULL is fine */

/* The tensor that stands for R, held by it. *out is the caller's. */
inlay_status resource_handle(resource *r, tensor **out, inlay_error *err);

/* What handle T stands for, borrowed; INVALID_ARGUMENT when it is no KIND. */
inlay_status resource_of(const tensor *t, const resource_kind *kind, resource **out, inlay_error *err);

typedef struct resource_store {
    pthread_mutex_t lock;
    map by_name;
    resource **items;
    size_t count, capacity;
} resource_store;

inlay_status resource_store_init(resource_store *s, inlay_error *err);
void resource_store_free(resource_store *s);

/* The resource CONTAINER/NAME, or the one that MAKE(ctx) makes for it (its name is set here). *out is the caller's.
 * INVALID_ARGUMENT when it exists as another kind. */
inlay_status resource_find_or_make(resource_store *s, bytes container, bytes name, const resource_kind *kind,
                                   inlay_status (*make)(void *ctx, resource **out, inlay_error *err), void *ctx,
                                   resource **out, inlay_error *err);

/* ---- variables */

typedef struct variable {
    resource base;
    pthread_mutex_t lock; /* around value; readers leave with a reference, so it is held for a moment only */
    tensor *value;        /* NULL until assigned */
    dtype type;
    shape dims; /* declared; may be partly unknown */
} variable;

extern const resource_kind variable_kind;

inlay_status variable_find_or_make(resource_store *s, bytes container, bytes name, dtype type, const shape *dims,
                                   variable **out, inlay_error *err);
inlay_status variable_of(const tensor *handle, variable **out, inlay_error *err); /* borrowed */

/* The value, the caller's. FAILED_PRECONDITION when nothing was assigned. */
inlay_status variable_read(variable *v, tensor **out, inlay_error *err);
bool variable_is_set(variable *v);

/* T (retained) becomes the value. INVALID_ARGUMENT when the dtype differs, or the shape does and CHECK says to look. */
inlay_status variable_assign(variable *v, tensor *t, bool check, inlay_error *err);

/* CHANGE(ctx, value) writes over the value, which must have dtype TYPE: nobody else sees it half done. A value that
 * others hold is copied before. */
inlay_status variable_change(variable *v, dtype type, mem_budget *budget,
                             inlay_status (*change)(void *ctx, tensor *value, inlay_error *err), void *ctx,
                             inlay_error *err);

/* The variable has no value any more. */
void variable_clear(variable *v);

#endif
