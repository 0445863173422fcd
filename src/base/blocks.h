/* Large blocks of memory that one run gives back and the next takes again: the system would take each away, and hand
 * out empty pages, a page fault for every 4 KiB, in its place. */
#ifndef BASE_BLOCKS_H
#define BASE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_LEAST = 64 << 10 }; /* bytes of a block that is worth keeping; malloc is good at less */

typedef struct block_store block_store;

block_store *block_store_new(void); /* the caller's (block_store_close); NULL when memory is out */
block_store *block_store_retain(block_store *s);
void block_store_leave(block_store *s); /* ends a hold; NULL is fine */
void block_store_close(
    block_store *s); /* by its owner: what is kept goes, and what is given back from now on; NULL is fine */

/* SIZE bytes, aligned to 64, with anything in them: a kept block when one is about as large. NULL when memory is out.
 */
void *block_take(block_store *s, size_t size);

/* Gives back what block_take made for SIZE. It is kept while all that is kept is no more than MOST bytes. */
void block_give(block_store *s, void *block, size_t size, uint64_t most);

#endif
