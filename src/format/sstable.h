/* LevelDB-format tables, as TensorFlow writes them: the index of a bundle, and V1 checkpoints. Format:
 * docs/formats/sstable.md. */
#ifndef FORMAT_SSTABLE_H
#define FORMAT_SSTABLE_H

#include "base/buffer.h"
#include "base/file.h"

typedef struct sstable sstable;

/* Opens the table in MAP (retained). Reads the footer and the index block; blocks are read, and their checksums
 * verified, as they are visited. DATA_LOSS names file and offset. */
inlay_status sstable_open(file_map *map, sstable **out, inlay_error *err);
void sstable_close(sstable *t);

/* A position in the table; keys and values stay valid until the cursor moves or is closed. */
typedef struct sstable_cursor sstable_cursor;
inlay_status sstable_cursor_open(sstable *t, sstable_cursor **out, inlay_error *err);
void sstable_cursor_close(sstable_cursor *c);
inlay_status sstable_seek(sstable_cursor *c, bytes key,
                          inlay_error *err); /* first entry with key >= KEY; an empty KEY is the start */
bool sstable_valid(const sstable_cursor *c);
inlay_status sstable_advance(sstable_cursor *c, inlay_error *err);
bytes sstable_key(const sstable_cursor *c);
bytes sstable_value(const sstable_cursor *c);
uint64_t sstable_value_offset(
    const sstable_cursor *c); /* byte in the file, for errors; block start when the block is compressed */

/* Writing: keys in strictly rising bytewise order; the same bytes as TensorFlow's own writer for the same entries. */
typedef struct sstable_writer sstable_writer;
inlay_status sstable_writer_open(sstable_writer **out, inlay_error *err);
inlay_status sstable_add(sstable_writer *w, bytes key, bytes value,
                         inlay_error *err);                                    /* INVALID_ARGUMENT when out of order */
inlay_status sstable_finish(sstable_writer *w, buffer *out, inlay_error *err); /* the whole file */
void sstable_writer_close(sstable_writer *w);

#endif
