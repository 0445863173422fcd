/* LevelDB-format tables, as TensorFlow writes them: the index of a bundle, and V1 checkpoints. Sorted pairs of byte
 * strings; what they mean is the caller's. Format: docs/formats/sstable.md. */
#ifndef FORMAT_SSTABLE_H
#define FORMAT_SSTABLE_H

#include "base/buffer.h"
#include "base/file.h"

typedef struct sstable sstable;

/* Opens the table in MAP (retained). Reads the footer and the index block; blocks are read, and their checksums
 * verified, as they are first visited. DATA_LOSS names file and offset. A table may be read by several cursors, each in
 * a thread of its own. */
inlay_status sstable_open(file_map *map, sstable **out, inlay_error *err);
void sstable_close(sstable *t); /* its cursors first; NULL is fine */

/* The same for whoever looks for damage: of a block whose checksum is wrong MISMATCH is told; when it returns true the
 * block is used all the same. SIZE is without the trailer. */
typedef struct sstable_watch {
    bool (*mismatch)(void *user, uint64_t offset, uint64_t size, uint32_t stored, uint32_t calculated);
    void *user;
} sstable_watch;
inlay_status sstable_open_watched(file_map *map, const sstable_watch *watch, sstable **out, inlay_error *err);

/* Where the blocks lie: those with data, then the metaindex, then the index. */
typedef struct sstable_place {
    uint64_t offset, size; /* without the trailer */
} sstable_place;
size_t sstable_data_blocks(const sstable *t);
sstable_place sstable_block_at(const sstable *t, size_t index); /* index < sstable_data_blocks + 2 */

/* A position in the table; keys and values stay valid until the cursor moves or is closed, values of tables that are
 * not compressed (sstable_value_in_file) as long as the map. A cursor fresh or failed is nowhere (not valid). */
typedef struct sstable_cursor sstable_cursor;
inlay_status sstable_cursor_open(sstable *t, sstable_cursor **out, inlay_error *err);
void sstable_cursor_close(sstable_cursor *c); /* NULL is fine */

/* To the first entry with key >= KEY, or behind the last; an empty KEY is the start. */
inlay_status sstable_seek(sstable_cursor *c, bytes key, inlay_error *err);
bool sstable_valid(const sstable_cursor *c);

/* To the next entry; the cursor must be valid. DATA_LOSS when the keys do not rise. */
inlay_status sstable_advance(sstable_cursor *c, inlay_error *err);

/* To the first entry of data block INDEX, and on within it: not valid behind its last. */
inlay_status sstable_seek_block(sstable_cursor *c, size_t index, inlay_error *err);
inlay_status sstable_advance_in_block(sstable_cursor *c, inlay_error *err);
bytes sstable_key(const sstable_cursor *c);
bytes sstable_value(const sstable_cursor *c);
bool sstable_value_in_file(const sstable_cursor *c); /* the value's bytes are those of the file, not inflated ones */

/* Byte in the file, for errors; the block's start when the block is compressed. */
uint64_t sstable_value_offset(const sstable_cursor *c);

/* Writing: keys in strictly rising bytewise order; the same bytes as TensorFlow's own writer for the same entries,
 * uncompressed. The whole file is held in memory. */
typedef struct sstable_writer sstable_writer;
inlay_status sstable_writer_open(sstable_writer **out, inlay_error *err);
/* INVALID_ARGUMENT when out of order, or key or value is 4 GiB or more. */
inlay_status sstable_add(sstable_writer *w, bytes key, bytes value, inlay_error *err);
inlay_status sstable_finish(sstable_writer *w, buffer *out, inlay_error *err); /* appends the whole file to OUT */
void sstable_writer_close(sstable_writer *w);                                  /* NULL is fine */

/* Both sides of the format. */
enum {
    SSTABLE_FOOTER = 48,    /* bytes at the end of the file */
    SSTABLE_TRAILER = 5,    /* bytes behind each block: kind, masked checksum */
    SSTABLE_BLOCK = 262144, /* bytes at which a data block is closed */
    SSTABLE_RESTARTS = 16,  /* entries from one whole key to the next in a data block; 1 in the index */
    SSTABLE_PLAIN = 0,      /* kinds of block */
    SSTABLE_SNAPPY = 1
};
#define SSTABLE_MAGIC 0xdb4775248b80fb57u

#endif
