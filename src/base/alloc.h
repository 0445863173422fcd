/* Memory: the only callers of malloc. Each returns NULL when there is none; callers answer with fail_memory. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);                /* never NULL for size 0 unless memory is out */
void *mem_zalloc(size_t count, size_t size); /* zeroed; NULL when the product overflows */
void *mem_array(size_t count, size_t size);  /* not zeroed; NULL when the product overflows */
void *mem_realloc(void *old, size_t size);
void *mem_aligned(size_t alignment,
                  size_t size); /* freed by mem_free; alignment a power of two, at least sizeof(void *) */
char *mem_strdup(const char *text);
void mem_free(void *p);

/* A cap on what one session may hold. Charging beyond the limit fails; what was charged is given back with the same
 * number. */
typedef struct mem_budget {
    _Atomic uint64_t used, peak;
    uint64_t limit;             /* bytes */
    bool counted;               /* made by mem_budget_new */
    struct block_store *blocks; /* where large blocks come from, held; NULL: the system */
} mem_budget;
void mem_budget_init(mem_budget *budget, uint64_t limit);
bool mem_budget_charge(mem_budget *budget, uint64_t size);
void mem_budget_return(mem_budget *budget, uint64_t size);

/* A budget that outlives its owner as long as something is charged to it. NULL when memory is out. */
mem_budget *mem_budget_new(uint64_t limit);
void mem_budget_use_blocks(mem_budget *budget, struct block_store *blocks); /* before anything is charged to it */
void mem_budget_leave(mem_budget *budget); /* by its owner, once: it goes when nothing is charged any more */

#endif
