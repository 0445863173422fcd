/* Neural networks: activations, biases, normalisation, losses, top-k. */
#include "opdef/families.h"

#define FUSED_NORM_ATTRS \
    "epsilon:float=0.0001 exponential_avg_factor:float=1 data_format:string='NHWC' is_training:bool=true"

const op_def nn_defs[] = {
    {"Relu", .in = "features:T", .out = "activations:T", .attrs = "T:type", .flags = OP_ELEMENTWISE},
    {"Relu6", .in = "features:T", .out = "activations:T", .attrs = "T:type", .flags = OP_ELEMENTWISE},
    {"LeakyRelu", .in = "features:T", .out = "activations:T", .attrs = "alpha:float=0.200000003 T:type=float32",
     .flags = OP_ELEMENTWISE},
    {"Elu", .in = "features:T", .out = "activations:T", .attrs = "T:type", .flags = OP_ELEMENTWISE},
    {"Selu", .in = "features:T", .out = "activations:T", .attrs = "T:type", .flags = OP_ELEMENTWISE},
    {"Softplus", .in = "features:T", .out = "activations:T", .attrs = "T:type", .flags = OP_ELEMENTWISE},
    {"Softsign", .in = "features:T", .out = "activations:T", .attrs = "T:type", .flags = OP_ELEMENTWISE},
    {"BiasAdd", .in = "value:T bias:T", .out = "output:T", .attrs = "T:type data_format:string='NHWC'"},
    {"BiasAddV1", .in = "value:T bias:T", .out = "output:T", .attrs = "T:type"},
    {"Softmax", .in = "logits:T", .out = "softmax:T", .attrs = "T:type"},
    {"LogSoftmax", .in = "logits:T", .out = "logsoftmax:T", .attrs = "T:type"},
    {"L2Loss", .in = "t:T", .out = "output:T", .attrs = "T:type"},
    {"FusedBatchNorm", .in = "x:T scale:T offset:T mean:T variance:T",
     .out = "y:T batch_mean:T batch_variance:T reserve_space_1:T reserve_space_2:T",
     .attrs = "T:type " FUSED_NORM_ATTRS},
    {"FusedBatchNormV2", .in = "x:T scale:U offset:U mean:U variance:U",
     .out = "y:T batch_mean:U batch_variance:U reserve_space_1:U reserve_space_2:U",
     .attrs = "T:type U:type " FUSED_NORM_ATTRS},
    {"FusedBatchNormV3", .in = "x:T scale:U offset:U mean:U variance:U",
     .out = "y:T batch_mean:U batch_variance:U reserve_space_1:U reserve_space_2:U reserve_space_3:U",
     .attrs = "T:type U:type " FUSED_NORM_ATTRS},
    {"BatchNormWithGlobalNormalization", .in = "t:T m:T v:T beta:T gamma:T", .out = "result:T",
     .attrs = "T:type variance_epsilon:float scale_after_normalization:bool"},
    {"LRN", .in = "input:T", .out = "output:T",
     .attrs = "T:type=float32 depth_radius:int=5 bias:float=1 alpha:float=1 beta:float=0.5"},
    {"SoftmaxCrossEntropyWithLogits", .in = "features:T labels:T", .out = "loss:T backprop:T", .attrs = "T:type"},
    {"SparseSoftmaxCrossEntropyWithLogits", .in = "features:T labels:Tlabels", .out = "loss:T backprop:T",
     .attrs = "T:type Tlabels:type=int64"},
    {"InTopK", .in = "predictions:float32 targets:T", .out = "precision:bool", .attrs = "k:int T:type=int32"},
    {"InTopKV2", .in = "predictions:float32 targets:T k:T", .out = "precision:bool", .attrs = "T:type=int32"},
    {"NthElement", .in = "input:T n:int32", .out = "values:T", .attrs = "T:type reverse:bool=false"},
    {"TopK", .in = "input:T", .out = "values:T indices:int32", .attrs = "k:int sorted:bool=true T:type"},
    {"TopKV2", .in = "input:T k:Tk", .out = "values:T indices:index_type",
     .attrs = "sorted:bool=true T:type Tk:type=int32 index_type:type=int32"},
};
const size_t nn_defs_count = sizeof nn_defs / sizeof *nn_defs;
