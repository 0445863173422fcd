/* Lookup tables: resources that map keys to values. What a table holds is never changed in place: who looks up keeps
 * the content it found, who changes the table puts another in its place. */
#ifndef OP_TABLE_H
#define OP_TABLE_H

#include "op/resource.h"

/* Keys [n] and values [n], and where each key is. */
typedef struct table_content table_content;

typedef struct table {
    resource base;
    pthread_mutex_t lock;   /* around content, for a moment only */
    pthread_mutex_t change; /* held while new content is made from old */
    table_content *content; /* NULL: not initialised */
    dtype key, value;
    bool is_mutable;     /* begins empty instead of not initialised */
    tensor *reserved[2]; /* keys that no entry may have; set once (table_reserve). NULL: none */
} table;

extern const resource_kind table_kind;

inlay_status table_find_or_make(resource_store *s, bytes container, bytes name, dtype key, dtype value, bool is_mutable,
                                table **out, inlay_error *err);
inlay_status table_make(dtype key, dtype value, bool is_mutable, table **out, inlay_error *err); /* without a name */
inlay_status table_of(const tensor *handle, table **out, inlay_error *err);                      /* borrowed */

/* No entry of T may have the keys EMPTY or DELETED (scalars, held), which dense tables set aside: using them is
 * INVALID_ARGUMENT from then on. Of two calls the first counts. INVALID_ARGUMENT: another dtype, both the same. */
inlay_status table_reserve(table *t, tensor *empty, tensor *deleted, inlay_error *err);

/* KEYS and VALUES (both held by the table) become what T holds, unless it is initialised already. Errors:
 * INVALID_ARGUMENT (dtypes or shapes unfit), FAILED_PRECONDITION (a key twice with different values). */
inlay_status table_initialize(table *t, tensor *keys, tensor *values, inlay_error *err);

/* Mutable tables: a key that is there gets its new value. REPLACE: what was there before is forgotten. */
inlay_status table_insert(table *t, const tensor *keys, const tensor *values, bool replace, inlay_error *err);
inlay_status table_remove(table *t, const tensor *keys, inlay_error *err);

/* Values of KEYS, as many and of the same shape; FALLBACK, one value or one for each key, where there is none.
 * FAILED_PRECONDITION when T is not initialised. */
inlay_status table_look_up(table *t, const tensor *keys, const tensor *fallback, mem_budget *budget, tensor **out,
                           inlay_error *err);

bool table_is_initialized(table *t);
int64_t table_size(table *t);

/* What T holds; both are the caller's. */
inlay_status table_export(table *t, tensor **keys, tensor **values, inlay_error *err);

#endif
