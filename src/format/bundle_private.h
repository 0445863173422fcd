/* What the files of the bundle reader share. */
#ifndef FORMAT_BUNDLE_PRIVATE_H
#define FORMAT_BUNDLE_PRIVATE_H

#include "base/arena.h"
#include "format/bundle.h"
#include "format/bundle_slice.h"

#include <pthread.h>

/* One data file that entries name. */
typedef struct bundle_shard {
    int32_t id;
    file_map *map; /* NULL until a tensor of it is asked for; under the bundle's lock */
} bundle_shard;

/* Entries by rising key. */
typedef struct entry_list {
    bundle_entry *entries;
    size_t count, capacity;
} entry_list;

struct bundle {
    char *prefix, *index_path;
    file_map *index;
    arena memory; /* keys, inflated values */
    bool copy, big_endian;
    int32_t shards, producer, min_consumer;
    bytes header; /* BundleHeaderProto as it stood */
    entry_list tensors, slices;
    bundle_shard *files; /* by rising id */
    size_t n_files;
    pthread_mutex_t lock;
};

/* The data file of ENTRY, mapped, and large enough for it. Not for an entry of size 0. *out is the bundle's. */
inlay_status bundle_map_shard(bundle *b, const bundle_entry *entry, file_map **out, inlay_error *err);

/* The stored bytes of ENTRY: a view of its mapped file, with the map. For size 0 *map is NULL. */
inlay_status bundle_stored(bundle *b, const bundle_entry *entry, file_map **map, bytes *out, inlay_error *err);

/* The entry that holds SLICE of the partitioned tensor KEY, or NULL. */
const bundle_entry *bundle_find_slice(const bundle *b, bytes slice_key);

/* PART (NULL: all) of the partitioned tensor ENTRY, put together from its slices. */
inlay_status bundle_read_partitioned(bundle *b, const bundle_entry *entry, const box *part, tensor **out,
                                     inlay_error *err);

/* The entries of the slices of ENTRY, ENTRIES [n_slices], in the order in which it lists them. */
inlay_status bundle_list_slices(bundle *b, const bundle_entry *entry, const bundle_entry **entries, inlay_error *err);

/* Turns the bytes of each number of T, which is owned, around. */
void bundle_swap_bytes(tensor *t);

/* Appends what stands before the strings of T in their stored form; *crc becomes the entry's checksum so far. */
inlay_status bundle_append_lengths(file_writer *w, const tensor *t, uint32_t *crc, inlay_error *err);

/* Appends T in its stored form; *crc becomes the sum of that, unmasked. */
inlay_status bundle_append_tensor(file_writer *w, const tensor *t, uint32_t *crc, inlay_error *err);

/* DTYPE cannot be read from a bundle: UNIMPLEMENTED names key and dtype. */
inlay_status bundle_unsupported(const bundle *b, const bundle_entry *entry, inlay_error *err);

#endif
