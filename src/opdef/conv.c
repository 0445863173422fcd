/* Convolutions and what else moves a window over images and volumes: pools, patches, margins taken in blocks. */
#include "opdef/families.h"

#define CONV2D_ATTRS                                                                                     \
    "T:type strides:list(int) use_cudnn_on_gpu:bool=true padding:string explicit_paddings:list(int)=[] " \
    "data_format:string='NHWC' dilations:list(int)=[]"
#define DEPTHWISE_ATTRS                                                                                 \
    "T:type strides:list(int) padding:string explicit_paddings:list(int)=[] data_format:string='NHWC' " \
    "dilations:list(int)=[]"
#define CONV3D_ATTRS "T:type strides:list(int) padding:string data_format:string='NDHWC' dilations:list(int)=[]"
#define POOL_ATTRS "ksize:list(int) strides:list(int) padding:string"
/* What our own convolutions do with each output: plus `bias`, plus `add`, then an activation ("Relu", …). */
#define AFTER_ATTRS " B:int=0 A:int=0 activation:string='' slope:float=0"

const op_def conv_defs[] = {
    {"Conv2D", .in = "input:T filter:T", .out = "output:T", .attrs = CONV2D_ATTRS},
    {"Conv3D", .in = "input:T filter:T", .out = "output:T", .attrs = CONV3D_ATTRS},
    {"DepthwiseConv2dNative", .in = "input:T filter:T", .out = "output:T", .attrs = DEPTHWISE_ATTRS},
    {"_InlayConv2D", .in = "input:T filter:T bias:B*T add:A*T", .out = "output:T", .attrs = CONV2D_ATTRS AFTER_ATTRS},
    {"_InlayConv3D", .in = "input:T filter:T bias:B*T add:A*T", .out = "output:T", .attrs = CONV3D_ATTRS AFTER_ATTRS},
    {"_InlayDepthwiseConv2D", .in = "input:T filter:T bias:B*T add:A*T", .out = "output:T",
     .attrs = DEPTHWISE_ATTRS AFTER_ATTRS},
    /* Filter and bias with a normalisation of the filter's outputs in them (op/fold_norm.c). */
    {"_InlayFoldNorm", .in = "filter:float32 scale:float32 offset:float32 mean:float32 variance:float32 bias:B*float32",
     .out = "folded:float32 bias:float32", .attrs = "B:int epsilon:float"},
    {"Conv2DBackpropInput", .in = "input_sizes:Tsizes filter:T out_backprop:T", .out = "output:T",
     .attrs = CONV2D_ATTRS " Tsizes:type=int32"},
    {"Conv2DBackpropFilter", .in = "input:T filter_sizes:int32 out_backprop:T", .out = "output:T",
     .attrs = CONV2D_ATTRS},
    {"Conv3DBackpropInputV2", .in = "input_sizes:Tshape filter:T out_backprop:T", .out = "output:T",
     .attrs = CONV3D_ATTRS " Tshape:type=int32"},
    {"Conv3DBackpropFilterV2", .in = "input:T filter_sizes:int32 out_backprop:T", .out = "output:T",
     .attrs = CONV3D_ATTRS},
    {"DepthwiseConv2dNativeBackpropInput", .in = "input_sizes:int32 filter:T out_backprop:T", .out = "output:T",
     .attrs = DEPTHWISE_ATTRS},
    {"DepthwiseConv2dNativeBackpropFilter", .in = "input:T filter_sizes:int32 out_backprop:T", .out = "output:T",
     .attrs = DEPTHWISE_ATTRS},
    {"Dilation2D", .in = "input:T filter:T", .out = "output:T",
     .attrs = "T:type strides:list(int) rates:list(int) padding:string"},
    {"MaxPool", .in = "input:T", .out = "output:T",
     .attrs = "T:type=float32 " POOL_ATTRS " explicit_paddings:list(int)=[] data_format:string='NHWC'"},
    {"MaxPoolV2", .in = "input:T ksize:int32 strides:int32", .out = "output:T",
     .attrs = "T:type=float32 padding:string data_format:string='NHWC'"},
    {"AvgPool", .in = "value:T", .out = "output:T", .attrs = "T:type " POOL_ATTRS " data_format:string='NHWC'"},
    {"MaxPool3D", .in = "input:T", .out = "output:T", .attrs = "T:type " POOL_ATTRS " data_format:string='NDHWC'"},
    {"AvgPool3D", .in = "input:T", .out = "output:T", .attrs = "T:type " POOL_ATTRS " data_format:string='NDHWC'"},
    {"MaxPoolWithArgmax", .in = "input:T", .out = "output:T argmax:Targmax",
     .attrs = "T:type Targmax:type=int64 " POOL_ATTRS " include_batch_in_index:bool=false data_format:string='NHWC'"},
    {"ExtractImagePatches", .in = "images:T", .out = "patches:T",
     .attrs = "T:type ksizes:list(int) strides:list(int) rates:list(int) padding:string"},
    {"ExtractVolumePatches", .in = "input:T", .out = "patches:T",
     .attrs = "T:type ksizes:list(int) strides:list(int) padding:string"},
    {"SpaceToBatch", .in = "input:T paddings:Tpaddings", .out = "output:T",
     .attrs = "T:type Tpaddings:type=int32 block_size:int"},
    {"SpaceToBatchND", .in = "input:T block_shape:Tblock_shape paddings:Tpaddings", .out = "output:T",
     .attrs = "T:type Tblock_shape:type=int32 Tpaddings:type=int32"},
    {"BatchToSpace", .in = "input:T crops:Tidx", .out = "output:T", .attrs = "T:type Tidx:type=int32 block_size:int"},
    {"BatchToSpaceND", .in = "input:T block_shape:Tblock_shape crops:Tcrops", .out = "output:T",
     .attrs = "T:type Tblock_shape:type=int32 Tcrops:type=int32"},
    {"SpaceToDepth", .in = "input:T", .out = "output:T", .attrs = "T:type block_size:int data_format:string='NHWC'"},
    {"DepthToSpace", .in = "input:T", .out = "output:T", .attrs = "T:type block_size:int data_format:string='NHWC'"},
};
const size_t conv_defs_count = sizeof conv_defs / sizeof *conv_defs;
