/* Neural networks: activations, biases, top-k. */
#include "opdef/families.h"

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
    {"TopK", .in = "input:T", .out = "values:T indices:int32", .attrs = "k:int sorted:bool=true T:type"},
    {"TopKV2", .in = "input:T k:Tk", .out = "values:T indices:index_type",
     .attrs = "sorted:bool=true T:type Tk:type=int32 index_type:type=int32"},
};
const size_t nn_defs_count = sizeof nn_defs / sizeof *nn_defs;
