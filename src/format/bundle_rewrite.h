/* A checkpoint of either kind written anew as a little-endian bundle: in another number of data files, with partitioned
 * tensors put together or tensors cut into slices. Values and keys stay what they are. */
#ifndef FORMAT_BUNDLE_REWRITE_H
#define FORMAT_BUNDLE_REWRITE_H

#include "base/log.h"
#include "format/checkpoint.h"

/* All zero: one data file, partitioned tensors of a bundle stay so. */
typedef struct rewrite_options {
    int32_t shards;    /* data files, at most one a stored tensor or slice; 0: one */
    bool whole;        /* put partitioned tensors together */
    int64_t slices;    /* > 0: cut tensors into so many slices of rows, as even as they can be, the first ones larger */
    const bytes *keys; /* [n_keys] those to cut; none: every one of that many rows that TensorFlow can put together */
    size_t n_keys;

    /* Of a little-endian bundle: large data files of which little is unused stay as they are, linked under their new
     * names; what else is stored goes to one new data file. Not with the options above. */
    bool compact;
    bool replace; /* PREFIX is FROM's own: the new index takes the place of the old, whose data files then go */
} rewrite_options;

/* A data file that stayed, by its old and its new number. */
typedef struct rewrite_kept {
    int32_t from, to;
} rewrite_kept;

typedef struct rewrite_report {
    size_t tensors, slices; /* slices: stored ones, of partitioned tensors */
    int32_t shards;
    uint64_t bytes; /* written to data files */
    rewrite_kept *kept;
    size_t n_kept;
} rewrite_report;
void rewrite_report_free(rewrite_report *report); /* a zeroed one is fine */

/* Writes the tensors of FROM as the bundle PREFIX: data files first, the index last, each whole or not at all; numbers
 * in parts of some megabytes, but a tensor of a V1 checkpoint as one. Tensors go whole to the data file that has the
 * fewest bytes, larger ones first. What a bundle holds in TensorFlow's byte order is copied as it stands, unknown
 * fields of its entry too; checksums are verified on the way. On failure the files that were written go again.
 * Errors: ALREADY_EXISTS (PREFIX.index is there), NOT_FOUND (a key to cut), INVALID_ARGUMENT (a tensor that cannot be
 * cut so, numbers out of range), UNIMPLEMENTED (dtypes that cannot be read), DATA_LOSS, CANCELLED. */
inlay_status checkpoint_rewrite(checkpoint *from, const char *prefix, file_mode mode, const rewrite_options *options,
                                progress *report_to, rewrite_report *report, inlay_error *err);

#endif
