/* Which index is that of rows at some place in memory: what an op that holds rows and their side numbers asks. Of the
 * same rows there may be several: as they are compared with other side numbers. */
#ifndef SEARCH_INDEX_SET_H
#define SEARCH_INDEX_SET_H

#include "search/search_index.h"

typedef struct index_set index_set;

/* *out is the caller's (index_set_free). */
inlay_status index_set_new(index_set **out, inlay_error *err);
void index_set_free(index_set *s); /* closes its indexes and lets go of their files; NULL is fine */

/* INDEX, which lies in FILE, is that of the rows at ROWS with the side numbers at SIDE (NULL: none, or computed ones);
 * both must stay where they are, unchanged, as long as S. S takes INDEX and FILE, also when it fails. Not while others
 * ask. */
inlay_status index_set_add(index_set *s, search_index *index, file_map *file, const void *rows, const void *side,
                           inlay_error *err);

/* NULL: none. S may be NULL. */
const search_index *index_set_find(const index_set *s, const void *rows, const void *side);

/* The same for CHUNK of a plain search, whose side numbers, if it has any, are computed: looked at, all of them, when
 * there is an index that fits but for them. */
const search_index *index_set_find_plain(const index_set *s, const search_chunk *chunk, int64_t dim,
                                         search_metric metric);

/* Bytes of the indexes of the stored tensor KEY. S may be NULL. */
uint64_t index_set_bytes(const index_set *s, bytes key);

#endif
