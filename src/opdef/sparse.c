/* Sparse tensors: indices [n, rank], values [n], dense shape [rank]. */
#include "opdef/families.h"

const op_def sparse_defs[] = {
    {"SparseToDense", .in = "sparse_indices:Tindices output_shape:Tindices sparse_values:T default_value:T",
     .out = "dense:T", .attrs = "validate_indices:bool=true T:type Tindices:type"},
    {"SparseReshape", .in = "input_indices:int64 input_shape:int64 new_shape:int64",
     .out = "output_indices:int64 output_shape:int64"},
    {"SparseFillEmptyRows", .in = "indices:int64 values:T dense_shape:int64 default_value:T",
     .out = "output_indices:int64 output_values:T empty_row_indicator:bool reverse_index_map:int64", .attrs = "T:type"},
    {"SparseReorder", .in = "input_indices:int64 input_values:T input_shape:int64",
     .out = "output_indices:int64 output_values:T", .attrs = "T:type"},
    {"SparseTensorDenseMatMul", .in = "a_indices:Tindices a_values:T a_shape:int64 b:T", .out = "product:T",
     .attrs = "T:type Tindices:type=int64 adjoint_a:bool=false adjoint_b:bool=false"},
    {"SparseConcat", .in = "indices:N*int64 values:N*T shapes:N*int64",
     .out = "output_indices:int64 output_values:T output_shape:int64", .attrs = "concat_dim:int N:int T:type"},
    {"SparseSlice", .in = "indices:int64 values:T shape:int64 start:int64 size:int64",
     .out = "output_indices:int64 output_values:T output_shape:int64", .attrs = "T:type"},
    {"SparseReduceSum", .in = "input_indices:int64 input_values:T input_shape:int64 reduction_axes:int32",
     .out = "output:T", .attrs = "keep_dims:bool=false T:type"},
};
const size_t sparse_defs_count = sizeof sparse_defs / sizeof *sparse_defs;
