/* Between the files of bundle_rewrite.h: what is to be written, and where. */
#ifndef FORMAT_BUNDLE_REWRITE_PLAN_H
#define FORMAT_BUNDLE_REWRITE_PLAN_H

#include "base/arena.h"
#include "format/bundle_rewrite.h"
#include "format/bundle_slice.h"

/* One run of bytes to write: a tensor, or a slice of one. */
typedef struct rewrite_piece {
    bytes key;                    /* that it is stored under */
    const bundle_entry *entry;    /* what it is taken from, */
    const checkpoint_tensor *old; /* or this one */
    bool as_stored;               /* ENTRY's bytes as they lie there */
    box part;                     /* of ENTRY or OLD, which it is all of when `whole` */
    bool whole;
    bool check; /* the checksums of ENTRY are to be verified: once for all slices of it */
    dtype type;
    uint64_t size; /* bytes; of strings that must be written anew what they took, or 0 */
    int32_t shard;
    bool stays; /* its data file is kept, and so is its place in that */
} rewrite_piece;

/* The entry of a partitioned tensor as a whole. */
typedef struct rewrite_head {
    bytes key, value;
} rewrite_head;

typedef struct rewrite_plan {
    checkpoint *from;
    const rewrite_options *options;
    rewrite_piece *pieces; /* by shard, then by key */
    size_t n_pieces, piece_room;
    rewrite_head *heads;
    size_t n_heads, head_room;
    int32_t shards; /* data files; those that stay come first */
    int32_t names;  /* N of their names: as many, or more where those names are taken */
    rewrite_kept *kept;
    size_t n_kept;
    uint64_t bytes; /* of all pieces that are written */
    arena memory;
} rewrite_plan;

/* Fills *plan but for `names`, which rewrite_plan_free releases in any case. */
inlay_status rewrite_plan_make(checkpoint *from, const rewrite_options *options, rewrite_plan *plan, inlay_error *err);

/* bundle_compact.c: marks the data files of the bundle that stay and the pieces in them. */
inlay_status rewrite_plan_compact(rewrite_plan *plan, inlay_error *err);

void rewrite_plan_free(rewrite_plan *plan);

#endif
