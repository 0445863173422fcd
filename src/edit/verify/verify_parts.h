/* What the files of verify share: one job, and what each part adds to it. */
#ifndef EDIT_VERIFY_PARTS_H
#define EDIT_VERIFY_PARTS_H

#include "base/log.h"
#include "edit/block_sums.h"
#include "edit/verify/findings.h"
#include "edit/verify/sums.h"
#include "format/bundle_survey.h"
#include "format/saved_model.h"

#include <jansson.h>

/* A data file that entries name. */
typedef struct data_file {
    int32_t id;
    const char *path;
    file_map *map;       /* NULL: missing, or it cannot be read */
    uint64_t end;        /* where its last entry ends */
    size_t tensors, bad; /* with bytes in it; of these, whose checksum is wrong */
    bool shifted;        /* some tensor was found SHIFT bytes from its place */
    int64_t shift;
    const char *other; /* the evidence that it is the data file of another checkpoint; NULL: none */
    double other_odds;
} data_file;

/* Rows of a search, by the manifest. */
typedef struct fused_chunk {
    const char *search; /* its name */
    const char *metric;
    bytes key, side; /* side: empty without */
    int64_t first_row, rows, dim;
    bool transposed, finite; /* finite: no row was not, when it was fused */
    block_sums blocks;
    const struct checked *side_of; /* the stored side factors; NULL: unreadable */
    const uint32_t *calculated;    /* [blocks.n] sums of what is there now; NULL: not made */
    bool sides_differ;
    int64_t first_differing; /* row of the chunk */
    int64_t tombstones;      /* rows that can never be found */
    bool has_source;         /* of the .npy it came from: */
    const char *source;
    bool hard_linked;
    uint64_t source_bytes;
    int64_t source_modified_ns;
} fused_chunk;

/* A tensor's (or a slice's) bytes. */
typedef struct checked {
    const bundle_entry *entry;
    data_file *file;
    fused_chunk *chunk; /* NULL: no rows of a search */
    bool readable;      /* it lies within its file */
    bool summed;        /* `calculated` is there */
    bool bad;
    uint32_t calculated;
    strings_sum strings;     /* of a string tensor */
    bool is_side;            /* side factors of a search: NaN and infinity mark tombstones */
    uint64_t odd, first_odd; /* elements that are not finite */
    uint64_t odd_rows;       /* instead of these, of rows of a search */
    int64_t first_odd_row;   /* of the chunk */
} checked;

/* Bytes outside of tensors whose checksum the manifest has: a whole file, or a gap of a data file. */
typedef struct other_range {
    const char *path; /* in the arena */
    file_map *map;
    uint64_t offset, size;
    uint32_t wanted;
    bool whole;
} other_range;

typedef struct verify_job {
    const inlay_verify_options *o;
    arena a;
    findings found;
    inlay_verify_report report;
    progress progress;

    char *folder; /* of a SavedModel; NULL: none */
    char *prefix; /* of a bundle; NULL: none */
    saved_model *model;
    json_t *manifest;
    const char *manifest_path; /* in the arena; "" without one */
    bundle_survey *survey;
    data_file *files;
    size_t n_files;
    checked *tensors; /* by rising key */
    size_t n_tensors;
    fused_chunk *chunks;
    size_t n_chunks;
    other_range *others;
    size_t n_others, others_capacity;
    uint64_t pages;        /* bytes of a page */
    struct row_pass *pass; /* of the search whose rows were summed last; in the arena */
} verify_job;

void verify_begin(verify_job *j, const inlay_verify_options *o);
void verify_end(verify_job *j);
inlay_status verify_all(verify_job *j, inlay_error *err); /* findings and report filled in, nothing told yet */

/* verify_bundle.c: the index at PREFIX and its data files. */
inlay_status verify_bundle(verify_job *j, const char *prefix, bool index_alone, inlay_error *err);

/* verify_index.c: what is wrong with the index file itself. */
void verify_index(verify_job *j);
inlay_status verify_indexes(verify_job *j, const char *prefix, inlay_error *err);
void verify_blocks(verify_job *j); /* their checksums, once the data is known to fit the entries or not */

/* verify_data.c: sums of all tensors and of the ranges of the manifest; then each that is wrong, with its cause. */
inlay_status verify_data(verify_job *j, inlay_error *err);

/* causes.c: adds the finding of T, whose checksum is wrong or whose bytes are not all there. */
void name_cause(verify_job *j, checked *t);
void look_at_files(verify_job *j); /* before: causes that hold for whole data files */
void name_cause_of_range(verify_job *j, const other_range *r, uint32_t calculated);

/* verify_manifest.c: sizes and names of files against the manifest; lists the ranges to sum. */
inlay_status verify_manifest(verify_job *j, inlay_error *err);

/* verify_fused.c */
inlay_status list_chunks(verify_job *j, inlay_error *err); /* from the manifest; those that fit the index */
inlay_status sum_chunk(verify_job *j, checked *t, inlay_error *err);
void verify_fused(verify_job *j);                                                           /* after the data */
inlay_status verify_collections(verify_job *j, const saved_metagraph *g, inlay_error *err); /* by the graph */

/* verify_graph.c, verify_objects.c: a SavedModel or frozen graph against itself and against the index. */
inlay_status verify_graphs(verify_job *j, inlay_error *err);
inlay_status verify_objects(verify_job *j, const saved_metagraph *g, inlay_error *err); /* G NULL: a checkpoint */

/* The first row and the count of rows of T that [at, at + size) of its bytes touches, into F. */
void finding_rows(finding *f, const checked *t, uint64_t at, uint64_t size);

checked *find_checked(const verify_job *j, bytes key); /* NULL when there is none */

#endif
