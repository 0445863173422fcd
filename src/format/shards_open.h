/* Opening one shard: what shards.c asks of shards_open.c. */
#ifndef FORMAT_SHARDS_OPEN_H
#define FORMAT_SHARDS_OPEN_H

#include "format/shards.h"

typedef enum file_kind { FILE_UNKNOWN, FILE_NPY, FILE_NPZ, FILE_VECTORS } file_kind;

/* By the extension of PATH. */
file_kind file_kind_of(const char *path);

/* "*.npy, *.npz, …" */
extern const char known_kinds[];

/* Adds the shard of the plain file PATH; when the extension says nothing, its first bytes do, or options->dim makes it
 * raw. An archive gives several. */
inlay_status shards_add_file(shard_list *list, const char *path, const shard_options *o, inlay_error *err);

/* Adds MEMBER of the archive PATH; MEMBER NULL: all float members, in natural order. */
inlay_status shards_add_archive(shard_list *list, const char *path, const char *member, const shard_options *o,
                                inlay_error *err);

#endif
