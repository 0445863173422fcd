/* What the files of the V1 reader share. */
#ifndef FORMAT_CHECKPOINT_V1_PARTS_H
#define FORMAT_CHECKPOINT_V1_PARTS_H

#include "base/arena.h"
#include "format/bundle_slice.h"
#include "format/checkpoint_v1.h"
#include "format/sstable.h"

typedef struct v1_file {
    file_map *map;
    sstable *table;
} v1_file;

/* What one file's list says of a tensor. */
typedef struct v1_piece {
    size_t file;
    bytes name, meta; /* meta: the SavedSliceMeta, in the map or the arena */
    dtype type;
    shape dims;
    size_t n_slices;
} v1_piece;

/* A tensor, with its pieces [first, first + pieces). Its head comes first: callers hold that. */
typedef struct v1_tensor {
    checkpoint_tensor head;
    size_t first, pieces;
} v1_tensor;

struct checkpoint_v1 {
    v1_file *files;
    size_t n_files;
    arena memory;
    v1_piece *pieces;
    size_t n_pieces, piece_room;
    v1_tensor *tensors; /* by rising name */
    size_t count;
};

#endif
