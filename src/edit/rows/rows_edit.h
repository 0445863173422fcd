/* Between the files that edit the rows of a fused collection. */
#ifndef EDIT_ROWS_EDIT_H
#define EDIT_ROWS_EDIT_H

#include "edit/change.h"
#include "edit/fuse/row_pass.h"
#include "edit/rows/collection.h"
#include "format/labels.h"
#include "format/shards.h"

enum {
    ROWS_STEP_BYTES = 4 << 20, /* of rows that are held at a time */
    ROWS_MANY_CHUNKS = 256     /* chunks are not cut into more */
};

/* A chunk as it will be; names are those of variables. */
typedef struct next_chunk {
    const char *rows, *side;
    int64_t count;
    bool transposed, guarded;
    json_t *json; /* of the manifest, without first_row; NULL: there is no manifest */
} next_chunk;

typedef struct rows_edit {
    const inlay_rows_options *o;
    inlay_rows_report *report;
    change *change;
    arena a;
    collection c;
    json_t *manifest; /* of the collection, borrowed; NULL: none */
    next_chunk *chunks;
    size_t n_chunks, capacity;
    size_t next_variable;
    bool graph_changed;
    bool is_new; /* the collection is not in the model yet: C tells of it in another one with the same extractor */
    const char *payload_variable; /* as it will be */
    row_pass pass;
    bool has_pass;
    buffer sides; /* float32 each, of the rows that were passed over */
    progress progress;
    shard_list source; /* the rows given */
    shard_reader *reader;
} rows_edit;

/* rows_edit.c: what all edits share */
inlay_status rows_add_chunk(rows_edit *e, const next_chunk *chunk, inlay_error *err);
inlay_status rows_keep(rows_edit *e, size_t chunk, inlay_error *err); /* it stays as it is */
inlay_status rows_drop(rows_edit *e, size_t chunk, inlay_error *err); /* its variables go */
/* A name that no variable has had, "rows_12", for NUMBER = e->next_variable; in the arena. DATA_LOSS when a tensor that
 * is not the search's has it. */
inlay_status rows_variable(rows_edit *e, const char *what, size_t number, const char **out, inlay_error *err);
inlay_status rows_put_entry(rows_edit *e, const char *variable, dtype type, const shape *dims, int32_t shard,
                            uint64_t offset, uint64_t size, uint32_t crc, inlay_error *err);
/* Opens the file with rows for e->reader: INVALID_ARGUMENT when it does not fit the collection. */
inlay_status rows_open_source(rows_edit *e, const char *path, inlay_error *err);
/* The pass over the rows given; their factors go to e->sides. */
inlay_status rows_begin_pass(rows_edit *e, inlay_error *err);
/* FAILED_PRECONDITION... INVALID_ARGUMENT when the pass met rows that are not finite and they are not allowed. */
inlay_status rows_check_finite(const rows_edit *e, inlay_error *err);
uint64_t rows_row_bytes(const collection *c);
/* The factors of CHUNK, float32 [count], as stored; held by *out. */
inlay_status rows_old_sides(rows_edit *e, size_t chunk, tensor **out, inlay_error *err);
/* DATA_LOSS when rows or factors of CHUNK are not what their checksums say: what is summed anew would hide it. */
inlay_status rows_check_chunk(rows_edit *e, size_t chunk, inlay_error *err);
/* What MANIFEST (of the collection) says of a chunk of C, and a copy of it; NULL: nothing. */
const json_t *rows_json(const collection *c, const json_t *manifest, size_t chunk);
json_t *rows_old_json(const collection *c, const json_t *manifest, size_t chunk);
/* CHUNK, whose rows are in C order, for the manifest; SUMS: uint32 each, of its blocks of STEP bytes, 0: none are
 * known. NULL when memory is out. */
json_t *rows_new_json(rows_edit *e, const next_chunk *chunk, uint64_t step, const buffer *sums);

/* Bytes of a data file. */
typedef struct stored_part {
    int32_t shard;
    uint64_t offset, size;
    uint32_t crc;
} stored_part;

/* A new chunk: rows in C order, their factors, and the sums of their blocks as rows_new_json takes them. */
typedef struct placed_chunk {
    int64_t count; /* above 0 */
    bool guarded, sided;
    stored_part rows, side;
    uint64_t step;
    const buffer *sums;
} placed_chunk;

/* Names the variables of CHUNK and puts it behind the chunks there are. */
inlay_status rows_put_chunk(rows_edit *e, const placed_chunk *chunk, inlay_error *err);

/* rows_patch.c */
inlay_status rows_set(rows_edit *e, inlay_error *err);
inlay_status rows_tombstone(rows_edit *e, inlay_error *err);

/* rows_build.c: a chunk made of old rows and of given ones. */
typedef struct chunk_builder {
    rows_edit *e;
    file_writer *out;
    int32_t shard;
    uint64_t offset;
    int64_t count;
    uint32_t crc;
    buffer sides;
    bool guarded, sided;
    buffer sums; /* uint32 each, of blocks of BLOCK_BYTES: of those that are full, and, at the end, of the last one */
    uint64_t block_bytes, filled;
    uint32_t block_crc; /* of the last one so far, FILLED bytes */
} chunk_builder;
inlay_status chunk_begin(rows_edit *e, chunk_builder *b, inlay_error *err);
inlay_status chunk_add_old(chunk_builder *b, size_t chunk, int64_t first, int64_t count, inlay_error *err);
inlay_status chunk_add_given(chunk_builder *b, int64_t first, int64_t count, int64_t global, inlay_error *err);
inlay_status chunk_end(chunk_builder *b, inlay_error *err); /* nothing when it is empty */
void chunk_free(chunk_builder *b);
int64_t chunk_most_rows(const rows_edit *e, int64_t total); /* of a chunk */

/* rows_append.c, rows_delete.c */
inlay_status rows_append(rows_edit *e, inlay_error *err);
inlay_status rows_delete(rows_edit *e, inlay_error *err);

/* rows_payload.c: labels or ids of the rows KEPT (ranges of old rows, by rising row), and those given behind them. */
inlay_status rows_payload(rows_edit *e, const inlay_row_range *kept, size_t n, inlay_error *err);
/* The labels of PIECES [n], or the ids of their tensors and then those of ADDED (may be NULL), as the payload. */
inlay_status rows_put_labels(rows_edit *e, const labels_piece *pieces, size_t n, inlay_error *err);
inlay_status rows_put_ids(rows_edit *e, const labels_piece *pieces, size_t n, const ids *added, inlay_error *err);
/* The labels of C as a tensor over its mapped file, by their table of offsets where there is one. */
inlay_status rows_open_labels(const collection *c, tensor **out, inlay_error *err);

/* rows_graph.c: graph, objects and manifest of the model as it will be, from the chunks. */
inlay_status rows_rebuild_graph(rows_edit *e, inlay_error *err);
inlay_status rows_edit_manifest(rows_edit *e, inlay_error *err);

#endif
