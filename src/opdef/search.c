/* Our own op: a whole search, put in place of its subgraph by transform/search_match.c. */
#include "opdef/families.h"

const op_def search_defs[] = {
    /* queries float32 [batch, dim], as given by the extractor, not scaled for the metric; scores float32 and rows int64
     * [batch, min(k, rows)]. `rows` and `sides` are variables; `sided` says which chunks have a
     * side: all, but for the dot product. */
    {"_InlaySearch", .in = "queries:float32 k:int32 rows:N*resource sides:M*resource",
     .out = "scores:float32 indices:int64",
     .attrs = "N:int M:int metric:string sided:list(int) transposed:list(int) first_rows:list(int)",
     .flags = OP_STATEFUL},
};
const size_t search_defs_count = sizeof search_defs / sizeof *search_defs;
