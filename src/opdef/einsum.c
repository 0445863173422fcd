/* Sums of products by an equation. */
#include "opdef/families.h"

const op_def einsum_defs[] = {
    {"Einsum", .in = "inputs:N*T", .out = "output:T", .attrs = "equation:string N:int T:type"},
};
const size_t einsum_defs_count = sizeof einsum_defs / sizeof *einsum_defs;
