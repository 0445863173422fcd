/* Parsing tf.SequenceExample: features of the whole, and lists of features, one a step. */
#include "opdef/families.h"

#define SEQUENCE_ATTRS                                                                                               \
    "Ncontext_sparse:int=0 Nfeature_list_sparse:int=0 Nfeature_list_dense:int=0 context_sparse_types:list(type)=[] " \
    "Tcontext_dense:list(type)=[] feature_list_dense_types:list(type)=[] context_dense_shapes:list(shape)=[] "       \
    "feature_list_sparse_types:list(type)=[] feature_list_dense_shapes:list(shape)=[]"
#define CONTEXT_OUT                                                                            \
    "context_sparse_indices:Ncontext_sparse*int64 context_sparse_values:context_sparse_types " \
    "context_sparse_shapes:Ncontext_sparse*int64 context_dense_values:Tcontext_dense"
#define LISTS_OUT                                                                                                   \
    " feature_list_sparse_indices:Nfeature_list_sparse*int64 feature_list_sparse_values:feature_list_sparse_types " \
    "feature_list_sparse_shapes:Nfeature_list_sparse*int64 feature_list_dense_values:feature_list_dense_types"
#define LENGTHS_OUT " feature_list_dense_lengths:Nfeature_list_dense*int64"

const op_def sequence_defs[] = {
    {"ParseSequenceExample", .in = "serialized:string debug_name:string context_dense_defaults:Tcontext_dense",
     .out = CONTEXT_OUT LISTS_OUT LENGTHS_OUT,
     .attrs = SEQUENCE_ATTRS
     " feature_list_dense_missing_assumed_empty:list(string) context_sparse_keys:list(string) "
     "context_dense_keys:list(string) feature_list_sparse_keys:list(string) feature_list_dense_keys:list(string) "
     "Ncontext_dense:int=0"},
    {"ParseSequenceExampleV2",
     .in = "serialized:string debug_name:string context_sparse_keys:string context_dense_keys:string "
           "context_ragged_keys:string feature_list_sparse_keys:string feature_list_dense_keys:string "
           "feature_list_ragged_keys:string feature_list_dense_missing_assumed_empty:bool "
           "context_dense_defaults:Tcontext_dense",
     .out = CONTEXT_OUT
     " context_ragged_values:context_ragged_value_types context_ragged_row_splits:context_ragged_split_types" LISTS_OUT
         LENGTHS_OUT " feature_list_ragged_values:feature_list_ragged_value_types "
     "feature_list_ragged_outer_splits:feature_list_ragged_split_types "
     "feature_list_ragged_inner_splits:feature_list_ragged_split_types",
     .attrs =
         SEQUENCE_ATTRS " context_ragged_value_types:list(type)=[] context_ragged_split_types:list(type)=[] "
                        "feature_list_ragged_value_types:list(type)=[] feature_list_ragged_split_types:list(type)=[]"},
    {"ParseSingleSequenceExample",
     .in =
         "serialized:string feature_list_dense_missing_assumed_empty:string context_sparse_keys:Ncontext_sparse*string "
         "context_dense_keys:Ncontext_dense*string feature_list_sparse_keys:Nfeature_list_sparse*string "
         "feature_list_dense_keys:Nfeature_list_dense*string context_dense_defaults:Tcontext_dense debug_name:string",
     .out = CONTEXT_OUT LISTS_OUT, .attrs = SEQUENCE_ATTRS " Ncontext_dense:int=0"},
};
const size_t sequence_defs_count = sizeof sequence_defs / sizeof *sequence_defs;
