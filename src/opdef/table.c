/* Lookup tables. Old-style handles are references to what V2 handles hold. */
#include "opdef/families.h"

#define DENSE_TABLE " value_shape:shape=[] initial_num_buckets:int=131072 max_load_factor:float=0.8"
#define NAMED_TABLE \
    "container:string='' shared_name:string='' use_node_name_sharing:bool=false key_dtype:type value_dtype:type"

const op_def table_defs[] = {
    {"MutableDenseHashTable", .in = "empty_key:key_dtype deleted_key:key_dtype", .out = "table_handle:&string",
     .attrs = NAMED_TABLE DENSE_TABLE, .flags = OP_STATEFUL},
    {"MutableDenseHashTableV2", .in = "empty_key:key_dtype deleted_key:key_dtype", .out = "table_handle:resource",
     .attrs = NAMED_TABLE DENSE_TABLE, .flags = OP_STATEFUL},
    {"AnonymousMutableDenseHashTable", .in = "empty_key:key_dtype deleted_key:key_dtype",
     .out = "table_handle:resource", .attrs = "key_dtype:type value_dtype:type" DENSE_TABLE, .flags = OP_STATEFUL},
    {"HashTable", .out = "table_handle:&string", .attrs = NAMED_TABLE, .flags = OP_STATEFUL},
    {"HashTableV2", .out = "table_handle:resource", .attrs = NAMED_TABLE, .flags = OP_STATEFUL},
    {"AnonymousHashTable", .out = "table_handle:resource", .attrs = "key_dtype:type value_dtype:type",
     .flags = OP_STATEFUL},
    {"MutableHashTable", .out = "table_handle:&string", .attrs = NAMED_TABLE, .flags = OP_STATEFUL},
    {"MutableHashTableV2", .out = "table_handle:resource", .attrs = NAMED_TABLE, .flags = OP_STATEFUL},
    {"AnonymousMutableHashTable", .out = "table_handle:resource", .attrs = "key_dtype:type value_dtype:type",
     .flags = OP_STATEFUL},
    {"InitializeTable", .in = "table_handle:&string keys:Tkey values:Tval", .attrs = "Tkey:type Tval:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"InitializeTableV2", .in = "table_handle:resource keys:Tkey values:Tval", .attrs = "Tkey:type Tval:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"InitializeTableFromTextFile", .in = "table_handle:&string filename:string",
     .attrs = "key_index:int value_index:int vocab_size:int=-1 delimiter:string='\t' offset:int=0",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"InitializeTableFromTextFileV2", .in = "table_handle:resource filename:string",
     .attrs = "key_index:int value_index:int vocab_size:int=-1 delimiter:string='\t' offset:int=0",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"LookupTableFind", .in = "table_handle:&string keys:Tin default_value:Tout", .out = "values:Tout",
     .attrs = "Tin:type Tout:type", .flags = OP_STATEFUL},
    {"LookupTableFindV2", .in = "table_handle:resource keys:Tin default_value:Tout", .out = "values:Tout",
     .attrs = "Tin:type Tout:type", .flags = OP_STATEFUL},
    {"LookupTableSize", .in = "table_handle:&string", .out = "size:int64", .flags = OP_STATEFUL},
    {"LookupTableSizeV2", .in = "table_handle:resource", .out = "size:int64", .flags = OP_STATEFUL},
    {"LookupTableInsert", .in = "table_handle:&string keys:Tin values:Tout", .attrs = "Tin:type Tout:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"LookupTableInsertV2", .in = "table_handle:resource keys:Tin values:Tout", .attrs = "Tin:type Tout:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"LookupTableRemoveV2", .in = "table_handle:resource keys:Tin", .attrs = "Tin:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"LookupTableImport", .in = "table_handle:&string keys:Tin values:Tout", .attrs = "Tin:type Tout:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"LookupTableImportV2", .in = "table_handle:resource keys:Tin values:Tout", .attrs = "Tin:type Tout:type",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"LookupTableExport", .in = "table_handle:&string", .out = "keys:Tkeys values:Tvalues",
     .attrs = "Tkeys:type Tvalues:type", .flags = OP_STATEFUL},
    {"LookupTableExportV2", .in = "table_handle:resource", .out = "keys:Tkeys values:Tvalues",
     .attrs = "Tkeys:type Tvalues:type", .flags = OP_STATEFUL},
};
const size_t table_defs_count = sizeof table_defs / sizeof *table_defs;
