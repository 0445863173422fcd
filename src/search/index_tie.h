/* Whether an index is of what a bundle stores. */
#ifndef SEARCH_INDEX_TIE_H
#define SEARCH_INDEX_TIE_H

#include "format/bundle.h"
#include "search/search_index.h"

/* The entries of B that an index was made from, by their checksums, sizes, dtypes and shapes; *side is NULL when it was
 * made without, or with side numbers that a graph computes, of which nothing is said. False when B stores something
 * else. The tie says what the side numbers are, not what they are called: any that are the same serve. */
bool index_is_of(const search_index_info *about, const bundle *b, const bundle_entry **rows, const bundle_entry **side);

#endif
