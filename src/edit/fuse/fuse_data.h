/* The data side of fuse: files placed, rows passed over once, side variables and labels written, the index. */
#ifndef EDIT_FUSE_DATA_H
#define EDIT_FUSE_DATA_H

#include "edit/fuse/fuse_graph.h"
#include "edit/fuse/row_pass.h"
#include "format/bundle.h"
#include "format/shards.h"

/* One data file of the fused model that holds rows. */
typedef struct fuse_file {
    const shard *source;
    int32_t shard;   /* number of the data file */
    inlay_link done; /* how it got there; INLAY_LINK_COPY when converted */
    bool converted;
} fuse_file;

/* Sums of a chunk's bytes, block by block, for the manifest. */
typedef struct fuse_blocks {
    uint64_t step;    /* bytes */
    const void *sums; /* uint32 [n]; NULL: none are kept */
    size_t n;
} fuse_blocks;

typedef struct fuse_data {
    const inlay_fuse_options *options;
    const fuse_extractor *extractor;
    arena *a;
    const char *prefix; /* "inlay_NAME" */
    const char *folder; /* the staged model */
    const char *bundle; /* FOLDER/variables/variables */
    const shard_list *sources;
    search_metric metric;

    int32_t old_shards, n_shards; /* data files of the extractor; of the fused model */
    fuse_file *files;             /* [n_files] those with rows */
    size_t n_files;

    fuse_variable *variables; /* what the model gains */
    size_t n_variables, variable_capacity;
    graph_chunk *chunks;
    fuse_blocks *blocks; /* [n_chunks] */
    size_t n_chunks, chunk_capacity, block_capacity;
    int64_t rows;
    const char *payload; /* "labels", "ids" or NULL */
    dtype payload_type;

    file_writer *small; /* data file OLD_SHARDS: side variables, payload, checkpoint objects */
    bundle_index *index;
    row_pass pass;
    progress report;
    size_t reflinked, hard_linked, copied, converted; /* files */
    uint64_t row_bytes;
} fuse_data;

/* Begins: lays out the data files, links the extractor's, and passes over all rows. */
inlay_status fuse_data_write_rows(fuse_data *d, inlay_error *err);

/* Adds a string scalar KEY to the small file: the checkpoint's object graph. */
inlay_status fuse_data_add_string(fuse_data *d, const char *key, bytes text, inlay_error *err);

/* Adds labels or ids when the options name any. */
inlay_status fuse_data_write_payload(fuse_data *d, inlay_error *err);

/* Ends the small file and writes the index. REPLACED (may be NULL) is a key of the extractor's that was written anew.
 */
inlay_status fuse_data_finish(fuse_data *d, const char *replaced, inlay_error *err);

/* Whether S cannot be used where it lies. */
bool fuse_must_convert(const shard *s);

/* After a failure too; a zeroed one is fine. */
void fuse_data_free(fuse_data *d);

/* For fuse_labels.c: a variable whose bytes are in the small file from OFFSET to here. */
inlay_status fuse_data_add_variable(fuse_data *d, const char *name, dtype type, const shape *dims, int32_t shard,
                                    uint64_t offset, uint64_t size, uint32_t crc, inlay_error *err);

#endif
