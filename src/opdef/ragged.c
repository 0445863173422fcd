/* Ragged tensors: values with the splits of their rows. */
#include "opdef/families.h"

const op_def ragged_defs[] = {
    {"RaggedTensorToTensor",
     .in = "shape:Tshape values:T default_value:T row_partition_tensors:num_row_partition_tensors*Tindex",
     .out = "result:T",
     .attrs = "T:type Tindex:type Tshape:type num_row_partition_tensors:int row_partition_types:list(string)"},
    {"RaggedTensorToSparse", .in = "rt_nested_splits:RAGGED_RANK*Tsplits rt_dense_values:T",
     .out = "sparse_indices:int64 sparse_values:T sparse_dense_shape:int64",
     .attrs = "RAGGED_RANK:int T:type Tsplits:type=int64"},
    {"RaggedGather",
     .in = "params_nested_splits:PARAMS_RAGGED_RANK*Tsplits params_dense_values:Tvalues indices:Tindices",
     .out = "output_nested_splits:OUTPUT_RAGGED_RANK*Tsplits output_dense_values:Tvalues",
     .attrs = "Tvalues:type Tindices:type Tsplits:type=int64 PARAMS_RAGGED_RANK:int OUTPUT_RAGGED_RANK:int"},
    {"RaggedRange", .in = "starts:T limits:T deltas:T", .out = "rt_nested_splits:Tsplits rt_dense_values:T",
     .attrs = "T:type=int32 Tsplits:type=int64"},
    {"RaggedBincount", .in = "splits:int64 values:Tidx size:Tidx weights:T", .out = "output:T",
     .attrs = "Tidx:type T:type binary_output:bool=false"},
    {"RaggedFillEmptyRows", .in = "value_rowids:int64 values:T nrows:int64 default_value:T",
     .out = "output_value_rowids:int64 output_values:T empty_row_indicator:bool reverse_index_map:int64",
     .attrs = "T:type"},
};
const size_t ragged_defs_count = sizeof ragged_defs / sizeof *ragged_defs;
