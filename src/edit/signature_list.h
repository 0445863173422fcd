/* Between the files of signature.h: the signatures of a metagraph as they will be. */
#ifndef EDIT_SIGNATURE_LIST_H
#define EDIT_SIGNATURE_LIST_H

#include "base/arena.h"
#include "format/saved_model.h"

typedef struct signature_item {
    const char *key;
    bytes message;  /* SignatureDef; changed ones are the arena's */
    int64_t object; /* node of its function in the object graph; -1: none */
} signature_item;

typedef struct signature_list {
    const saved_model *model;
    const saved_metagraph *graph;
    arena *a;
    signature_item *items;
    size_t count, room;
} signature_list;

signature_item *signature_find(const signature_list *list, bytes key); /* NULL when there is none */
inlay_status signature_add(signature_list *list, const signature_item *item, inlay_error *err);

/* A new signature of tensors: SPEC is "in=KEY:TENSOR,…;out=KEY:TENSOR,…". Types are those of the graph, shapes where it
 * says them. INVALID_ARGUMENT, NOT_FOUND (a tensor). */
inlay_status signature_of_tensors(const signature_list *list, const char *spec, bytes *message, inlay_error *err);

/* ITEM with the default VALUE (JSON; a bare text for a string; empty: none) for its input KEY. */
inlay_status signature_set_default(const signature_list *list, signature_item *item, bytes key, bytes value,
                                   inlay_error *err);

#endif
