/* Our own ops: whole searches, put in place of subgraphs by transform/. */
#include "opdef/families.h"

const op_def search_defs[] = {
    /* queries float32 [batch, dim], as given by the extractor, not scaled for the metric; scores float32 and rows int64
     * [batch, min(k, rows)]. `rows` and `sides` are variables; `sided` says which chunks have a
     * side: all, but for the dot product. `own` [batch] or absent: the queries are these rows, and the graph strikes
     * each from its own answer. */
    {"_InlaySearch", .in = "queries:float32 k:int32 rows:N*resource sides:M*resource own:O*int64",
     .out = "scores:float32 indices:int64",
     .attrs = "N:int M:int O:int metric:string sided:list(int) transposed:list(int) first_rows:list(int)",
     .flags = OP_STATEFUL},
    /* The k best of scores(query, row), as TopKV2 gives them: values float32 and places [.., k], fewer rows than k are
     * an error. queries float32 [.., dim]; rows [n, dim], or [dim, n] when `transposed`; side float32 [n] or absent;
     * offset float32 [batch, 1] or absent, added to the scores of a query. `metric`: "dot" (times the side), "less"
     * (the product minus the side), "apart" (minus the squared distance). `rank` of the queries: 1, 2, 3 ([batch, 1,
     * dim], whose result is [batch, k]), or 0: 2 or more. */
    {"_InlayTopK", .in = "queries:float32 rows:T k:Tk side:S*float32 offset:P*float32",
     .out = "values:float32 indices:index_type",
     .attrs = "T:type Tk:type=int32 index_type:type=int32 S:int P:int metric:string transposed:bool rank:int"},
    /* A number for each row: its squared norm with `squares`, else itself; then `steps` (op/row_side.h). */
    {"_InlayRowSide", .in = "rows:T", .out = "side:float32",
     .attrs = "T:type squares:bool transposed:bool steps:list(int)"},
};
const size_t search_defs_count = sizeof search_defs / sizeof *search_defs;
