/* Reductions and scans along dimensions. */
#include "opdef/families.h"

const op_def reduce_defs[] = {
    {"Sum", .in = "input:T reduction_indices:Tidx", .out = "output:T",
     .attrs = "keep_dims:bool=false T:type Tidx:type=int32"},
    {"Mean", .in = "input:T reduction_indices:Tidx", .out = "output:T",
     .attrs = "keep_dims:bool=false T:type Tidx:type=int32"},
    {"Max", .in = "input:T reduction_indices:Tidx", .out = "output:T",
     .attrs = "keep_dims:bool=false T:type Tidx:type=int32"},
    {"Min", .in = "input:T reduction_indices:Tidx", .out = "output:T",
     .attrs = "keep_dims:bool=false T:type Tidx:type=int32"},
    {"Prod", .in = "input:T reduction_indices:Tidx", .out = "output:T",
     .attrs = "keep_dims:bool=false T:type Tidx:type=int32"},
    {"All", .in = "input:bool reduction_indices:Tidx", .out = "output:bool",
     .attrs = "keep_dims:bool=false Tidx:type=int32"},
    {"Any", .in = "input:bool reduction_indices:Tidx", .out = "output:bool",
     .attrs = "keep_dims:bool=false Tidx:type=int32"},
    {"ArgMax", .in = "input:T dimension:Tidx", .out = "output:output_type",
     .attrs = "T:type Tidx:type=int32 output_type:type=int64"},
    {"ArgMin", .in = "input:T dimension:Tidx", .out = "output:output_type",
     .attrs = "T:type Tidx:type=int32 output_type:type=int64"},
    {"Cumsum", .in = "x:T axis:Tidx", .out = "out:T",
     .attrs = "exclusive:bool=false reverse:bool=false T:type Tidx:type=int32"},
    {"Cumprod", .in = "x:T axis:Tidx", .out = "out:T",
     .attrs = "exclusive:bool=false reverse:bool=false T:type Tidx:type=int32"},
};
const size_t reduce_defs_count = sizeof reduce_defs / sizeof *reduce_defs;
