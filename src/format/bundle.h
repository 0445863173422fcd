/* Tensor bundles: the index PREFIX.index and its data files PREFIX.data-SSSSS-of-NNNNN. Format: docs/formats/bundle.md.
 */
#ifndef FORMAT_BUNDLE_H
#define FORMAT_BUNDLE_H

#include "format/sstable.h"
#include "tensor/tensor.h"

/* What the index says of one tensor. Names are valid as long as the bundle. */
typedef struct bundle_entry {
    bytes key; /* arbitrary bytes, with a NUL behind them */
    dtype type;
    shape dims;
    int32_t shard;
    uint64_t offset, size; /* bytes in the shard */
    uint32_t crc;          /* of the data as stored, unmasked */
    size_t n_slices;       /* > 0: partitioned, the data is in slice entries */
    bytes value;           /* the serialized entry as it stood */
} bundle_entry;

typedef struct bundle bundle;

/* The key of the object graph (TrackableObjectGraph, a scalar string) that TF2 stores beside its variables. */
#define BUNDLE_OBJECTS_KEY "_CHECKPOINTABLE_OBJECT_GRAPH"

/* Opens PREFIX for reading. Nothing is read but the index; data files are mapped (or, with COPY, read) when a tensor of
 * theirs is first asked for. *out is the caller's (bundle_close). Errors: NOT_FOUND (no index), DATA_LOSS (index
 * damaged, or a data file shorter than an entry needs: checked at open for every data file that an entry names). */
inlay_status bundle_open(const char *prefix, bool copy, bundle **out, inlay_error *err);
void bundle_close(bundle *b); /* tensors that were read stay valid */

const char *bundle_prefix(const bundle *b);
int32_t bundle_shards(const bundle *b);
bool bundle_big_endian(const bundle *b);
size_t bundle_count(const bundle *b);                         /* tensors, slices not counted */
const bundle_entry *bundle_at(const bundle *b, size_t index); /* by rising key */
const bundle_entry *bundle_find(const bundle *b, bytes key);  /* NULL when there is none */

/* Entries that hold slices of partitioned tensors, by rising key: what a copy of the index must keep. */
size_t bundle_slice_count(const bundle *b);
const bundle_entry *bundle_slice_at(const bundle *b, size_t index);

/* Paths of data file SHARD of SHARDS and of the index, on the heap (mem_free); NULL when memory is out. */
char *bundle_data_path(const char *prefix, int32_t shard, int32_t shards);
char *bundle_index_path(const char *prefix);

/* The tensor of ENTRY: numbers as a view of the mapped file where they can be (little-endian, not sliced), strings over
 * the mapped bytes with an offset table of their own, slices reassembled. Checksums are not verified (bundle_check). */
inlay_status bundle_read(bundle *b, const bundle_entry *entry, tensor **out, inlay_error *err);

/* A part of a tensor, as RestoreV2's shape_and_slice says ("10 4 0,5:-"); SPEC empty: the whole. */
inlay_status bundle_read_slice(bundle *b, const bundle_entry *entry, bytes spec, tensor **out, inlay_error *err);

/* Reads all of ENTRY's bytes and compares the checksum: DATA_LOSS naming key, file and range. */
inlay_status bundle_check(bundle *b, const bundle_entry *entry, inlay_error *err);

/* ---- writing an index */

typedef struct bundle_index bundle_index;

/* Entries in any order; sorted at the end. */
inlay_status bundle_index_open(bundle_index **out, inlay_error *err);
void bundle_index_close(bundle_index *x);
inlay_status bundle_index_add(bundle_index *x, bytes key, dtype t, const shape *dims, int32_t shard, uint64_t offset,
                              uint64_t size, uint32_t crc, inlay_error *err);
inlay_status bundle_index_add_raw(bundle_index *x, bytes key, bytes value,
                                  inlay_error *err); /* a serialized entry as it is; KEY and VALUE are copied */
/* The file's bytes, header included. ALREADY_EXISTS names a key given twice. */
inlay_status bundle_index_finish(bundle_index *x, int32_t shards, buffer *out, inlay_error *err);

/* ---- writing tensors */

/* The stored form of a string tensor's head: varint lengths, then the masked checksum of the lengths. *crc is the
 * entry's checksum so far (continue it over the bytes of the strings). Strings are given one after another by length.
 */
typedef struct bundle_strings {
    buffer lengths; /* varints */
    uint32_t crc;
    uint64_t count, bytes;
} bundle_strings;
void bundle_strings_add(bundle_strings *s, uint64_t length);
/* Appends the head to HEAD (to which a failure sticks) and empties S. */
void bundle_strings_finish(bundle_strings *s, buffer *head, uint32_t *crc);

/* Writes a bundle of one data file, tensors with their keys, in the order given: first the data file, then the index,
 * each whole or not at all. On failure a new PREFIX leaves nothing. A bundle that was there is replaced, file by file:
 * a failure between the two leaves its index over other data, so give a new PREFIX where that matters. ALREADY_EXISTS
 * names a key given twice. */
typedef struct bundle_item {
    bytes key;
    const tensor *value;
} bundle_item;
inlay_status bundle_write(const char *prefix, const bundle_item *items, size_t n, inlay_error *err);

/* Merges the bundles PREFIXES [n] into the new bundle PREFIX as MergeV2Checkpoints does: one index, data files taken
 * over whole and numbered as they are first used. With KEEP the parts stay (files shared by reflink or hard link where
 * possible), else they are removed once the merged bundle is whole. A part without tensors adds no shard. Errors:
 * ALREADY_EXISTS (PREFIX.index is there), INVALID_ARGUMENT (a tensor in two parts, other byte orders or versions), as
 * bundle_open for the parts. On failure the parts are as they were. */
inlay_status bundle_merge(const char *const *prefixes, size_t n, const char *prefix, bool keep, inlay_error *err);

/* The same with more to say. EXTRA tensors get a data file of their own, the last one, and take the place of what the
 * parts have under their keys. */
typedef struct bundle_merge_options {
    bool keep, first_wins; /* FIRST_WINS: of a tensor in several parts that of the first is taken */
    const bundle_item *extra;
    size_t n_extra;
} bundle_merge_options;
inlay_status bundle_merge_as(const char *const *prefixes, size_t n, const char *prefix,
                             const bundle_merge_options *options, inlay_error *err);

/* Writes the bundle PREFIX of all tensors of PARTS [n], each key with that of KEY_PREFIXES before it, over the data
 * files of the parts, which are shared under their new names. Nothing is at PREFIX yet. Errors: INVALID_ARGUMENT (other
 * byte orders or versions), ALREADY_EXISTS (a key twice), RESOURCE_EXHAUSTED (too many data files). */
inlay_status bundle_join(const bundle *const *parts, const char *const *key_prefixes, size_t n, const char *prefix,
                         inlay_error *err);

#endif
