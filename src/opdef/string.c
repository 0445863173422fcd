/* Texts: case, pieces, patterns, numbers, hashes. */
#include "opdef/families.h"

const op_def string_defs[] = {
    {"StringLower", .in = "input:string", .out = "output:string", .attrs = "encoding:string=''"},
    {"StringUpper", .in = "input:string", .out = "output:string", .attrs = "encoding:string=''"},
    {"StringStrip", .in = "input:string", .out = "output:string"},
    {"StringLength", .in = "input:string", .out = "output:int32", .attrs = "unit:string=BYTE"},
    {"StringJoin", .in = "inputs:N*string", .out = "output:string", .attrs = "N:int separator:string=''"},
    {"Substr", .in = "input:string pos:T len:T", .out = "output:string", .attrs = "T:type unit:string=BYTE"},
    {"RegexReplace", .in = "input:string pattern:string rewrite:string", .out = "output:string",
     .attrs = "replace_global:bool=true"},
    {"StaticRegexReplace", .in = "input:string", .out = "output:string",
     .attrs = "pattern:string rewrite:string replace_global:bool=true"},
    {"RegexFullMatch", .in = "input:string pattern:string", .out = "output:bool"},
    {"StaticRegexFullMatch", .in = "input:string", .out = "output:bool", .attrs = "pattern:string"},
    {"StringSplit", .in = "input:string delimiter:string", .out = "indices:int64 values:string shape:int64",
     .attrs = "skip_empty:bool=true"},
    {"StringSplitV2", .in = "input:string sep:string", .out = "indices:int64 values:string shape:int64",
     .attrs = "maxsplit:int=-1"},
    {"StringNGrams", .in = "data:string data_splits:Tsplits", .out = "ngrams:string ngrams_splits:Tsplits",
     .attrs = "separator:string ngram_widths:list(int) left_pad:string right_pad:string pad_width:int "
              "preserve_short_sequences:bool Tsplits:type=int64"},
    {"ReduceJoin", .in = "inputs:string reduction_indices:int32", .out = "output:string",
     .attrs = "keep_dims:bool=false separator:string=''"},
    {"UnsortedSegmentJoin", .in = "inputs:string segment_ids:Tindices num_segments:Tnumsegments",
     .out = "output:string", .attrs = "separator:string='' Tindices:type Tnumsegments:type=int32"},
    {"AsString", .in = "input:T", .out = "output:string",
     .attrs = "T:type precision:int=-1 scientific:bool=false shortest:bool=false width:int=-1 fill:string=''"},
    {"StringToNumber", .in = "string_tensor:string", .out = "output:out_type", .attrs = "out_type:type=float32"},
    {"StringToHashBucket", .in = "string_tensor:string", .out = "output:int64", .attrs = "num_buckets:int"},
    {"StringToHashBucketFast", .in = "input:string", .out = "output:int64", .attrs = "num_buckets:int"},
    {"StringToHashBucketStrong", .in = "input:string", .out = "output:int64", .attrs = "num_buckets:int key:list(int)"},
    {"StringFormat", .in = "inputs:T", .out = "output:string",
     .attrs = "T:list(type) template:string='%s' placeholder:string='%s' summarize:int=3"},
    {"DecodeCSV", .in = "records:string record_defaults:OUT_TYPE", .out = "output:OUT_TYPE",
     .attrs = "OUT_TYPE:list(type) field_delim:string=',' use_quote_delim:bool=true na_value:string='' "
              "select_cols:list(int)=[]"},
    {"DecodeRaw", .in = "bytes:string", .out = "output:out_type", .attrs = "out_type:type little_endian:bool=true"},
    {"DecodePaddedRaw", .in = "input_bytes:string fixed_length:int32", .out = "output:out_type",
     .attrs = "out_type:type little_endian:bool=true"},
    {"DecodeCompressed", .in = "bytes:string", .out = "output:string", .attrs = "compression_type:string=''"},
    {"DecodeBase64", .in = "input:string", .out = "output:string"},
    {"EncodeBase64", .in = "input:string", .out = "output:string", .attrs = "pad:bool=false"},
    {"UnicodeDecode", .in = "input:string", .out = "row_splits:Tsplits char_values:int32",
     .attrs = "input_encoding:string errors:string=replace replacement_char:int=65533 "
              "replace_control_characters:bool=false Tsplits:type=int64"},
    {"UnicodeDecodeWithOffsets", .in = "input:string",
     .out = "row_splits:Tsplits char_values:int32 char_to_byte_starts:int64",
     .attrs = "input_encoding:string errors:string=replace replacement_char:int=65533 "
              "replace_control_characters:bool=false Tsplits:type=int64"},
    {"UnicodeEncode", .in = "input_values:int32 input_splits:Tsplits", .out = "output:string",
     .attrs = "errors:string=replace output_encoding:string replacement_char:int=65533 Tsplits:type=int64"},
    {"UnicodeTranscode", .in = "input:string", .out = "output:string",
     .attrs = "input_encoding:string output_encoding:string errors:string=replace replacement_char:int=65533 "
              "replace_control_characters:bool=false"},
    {"UnicodeScript", .in = "input:int32", .out = "output:int32"},
};
const size_t string_defs_count = sizeof string_defs / sizeof *string_defs;
