/* Reductions by segment. */
#include "opdef/families.h"

const op_def segment_defs[] = {
    {"SegmentSum", .in = "data:T segment_ids:Tindices", .out = "output:T", .attrs = "T:type Tindices:type"},
    {"SegmentMean", .in = "data:T segment_ids:Tindices", .out = "output:T", .attrs = "T:type Tindices:type"},
    {"SegmentMax", .in = "data:T segment_ids:Tindices", .out = "output:T", .attrs = "T:type Tindices:type"},
    {"SegmentMin", .in = "data:T segment_ids:Tindices", .out = "output:T", .attrs = "T:type Tindices:type"},
    {"SegmentProd", .in = "data:T segment_ids:Tindices", .out = "output:T", .attrs = "T:type Tindices:type"},
    {"UnsortedSegmentSum", .in = "data:T segment_ids:Tindices num_segments:Tnumsegments", .out = "output:T",
     .attrs = "T:type Tindices:type Tnumsegments:type=int32"},
    {"UnsortedSegmentMax", .in = "data:T segment_ids:Tindices num_segments:Tnumsegments", .out = "output:T",
     .attrs = "T:type Tindices:type Tnumsegments:type=int32"},
    {"UnsortedSegmentMin", .in = "data:T segment_ids:Tindices num_segments:Tnumsegments", .out = "output:T",
     .attrs = "T:type Tindices:type Tnumsegments:type=int32"},
    {"UnsortedSegmentProd", .in = "data:T segment_ids:Tindices num_segments:Tnumsegments", .out = "output:T",
     .attrs = "T:type Tindices:type Tnumsegments:type=int32"},
    {"SparseSegmentSum", .in = "data:T indices:Tidx segment_ids:Tsegmentids", .out = "output:T",
     .attrs = "T:type Tidx:type=int32 Tsegmentids:type=int32 sparse_gradient:bool=false"},
    {"SparseSegmentMean", .in = "data:T indices:Tidx segment_ids:Tsegmentids", .out = "output:T",
     .attrs = "T:type Tidx:type=int32 Tsegmentids:type=int32 sparse_gradient:bool=false"},
    {"SparseSegmentSqrtN", .in = "data:T indices:Tidx segment_ids:Tsegmentids", .out = "output:T",
     .attrs = "T:type Tidx:type=int32 Tsegmentids:type=int32 sparse_gradient:bool=false"},
    {"SparseSegmentSumWithNumSegments", .in = "data:T indices:Tidx segment_ids:Tsegmentids num_segments:Tnumsegments",
     .out = "output:T",
     .attrs = "T:type Tidx:type=int32 Tnumsegments:type=int32 Tsegmentids:type=int32 sparse_gradient:bool=false"},
    {"SparseSegmentMeanWithNumSegments", .in = "data:T indices:Tidx segment_ids:Tsegmentids num_segments:Tnumsegments",
     .out = "output:T",
     .attrs = "T:type Tidx:type=int32 Tnumsegments:type=int32 Tsegmentids:type=int32 sparse_gradient:bool=false"},
    {"SparseSegmentSqrtNWithNumSegments", .in = "data:T indices:Tidx segment_ids:Tsegmentids num_segments:Tnumsegments",
     .out = "output:T",
     .attrs = "T:type Tidx:type=int32 Tnumsegments:type=int32 Tsegmentids:type=int32 sparse_gradient:bool=false"},
};
const size_t segment_defs_count = sizeof segment_defs / sizeof *segment_defs;
