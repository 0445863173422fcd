/* Counting, buckets, distinct values. */
#include "opdef/families.h"

const op_def count_defs[] = {
    {"Bucketize", .in = "input:T", .out = "output:int32", .attrs = "T:type boundaries:list(float)"},
    {"Bincount", .in = "arr:int32 size:int32 weights:T", .out = "bins:T", .attrs = "T:type"},
    {"HistogramFixedWidth", .in = "values:T value_range:T nbins:int32", .out = "out:dtype",
     .attrs = "T:type dtype:type=int32"},
    {"DenseBincount", .in = "input:Tidx size:Tidx weights:T", .out = "output:T",
     .attrs = "Tidx:type T:type binary_output:bool=false"},
    {"SparseBincount", .in = "indices:int64 values:Tidx dense_shape:int64 size:Tidx weights:T", .out = "output:T",
     .attrs = "Tidx:type T:type binary_output:bool=false"},
    {"UniqueWithCounts", .in = "x:T", .out = "y:T idx:out_idx count:out_idx", .attrs = "T:type out_idx:type=int32"},
    {"UniqueWithCountsV2", .in = "x:T axis:Taxis", .out = "y:T idx:out_idx count:out_idx",
     .attrs = "T:type Taxis:type=int64 out_idx:type=int32"},
    {"LowerBound", .in = "sorted_inputs:T values:T", .out = "output:out_type", .attrs = "T:type out_type:type=int32"},
    {"UpperBound", .in = "sorted_inputs:T values:T", .out = "output:out_type", .attrs = "T:type out_type:type=int32"},
};
const size_t count_defs_count = sizeof count_defs / sizeof *count_defs;
