/* Parsing tf.Example. */
#include "opdef/families.h"

const op_def example_defs[] = {
    {"ParseExample",
     .in = "serialized:string names:string sparse_keys:Nsparse*string dense_keys:Ndense*string dense_defaults:Tdense",
     .out = "sparse_indices:Nsparse*int64 sparse_values:sparse_types sparse_shapes:Nsparse*int64 dense_values:Tdense",
     .attrs = "Nsparse:int Ndense:int sparse_types:list(type) Tdense:list(type) dense_shapes:list(shape)"},
    {"ParseExampleV2",
     .in =
         "serialized:string names:string sparse_keys:string dense_keys:string ragged_keys:string dense_defaults:Tdense",
     .out = "sparse_indices:num_sparse*int64 sparse_values:sparse_types sparse_shapes:num_sparse*int64 "
            "dense_values:Tdense ragged_values:ragged_value_types ragged_row_splits:ragged_split_types",
     .attrs = "Tdense:list(type) num_sparse:int sparse_types:list(type) ragged_value_types:list(type) "
              "ragged_split_types:list(type) dense_shapes:list(shape)"},
    {"ParseSingleExample", .in = "serialized:string dense_defaults:Tdense",
     .out = "sparse_indices:num_sparse*int64 sparse_values:sparse_types sparse_shapes:num_sparse*int64 "
            "dense_values:Tdense",
     .attrs = "num_sparse:int sparse_keys:list(string) dense_keys:list(string) sparse_types:list(type) "
              "Tdense:list(type) dense_shapes:list(shape)"},
    {"DecodeJSONExample", .in = "json_examples:string", .out = "binary_examples:string"},
    {"ParseTensor", .in = "serialized:string", .out = "output:out_type", .attrs = "out_type:type"},
    {"SerializeTensor", .in = "tensor:T", .out = "serialized:string", .attrs = "T:type"},
};
const size_t example_defs_count = sizeof example_defs / sizeof *example_defs;
