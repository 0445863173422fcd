/* Writing rows of variables and tensors by number. */
#include "opdef/families.h"

#define REF_ATTRS "T:type Tindices:type use_locking:bool=false"
#define ND_ATTRS REF_ATTRS " bad_indices_policy:string=''"
#define REF(name, attributes)                                                                         \
    {                                                                                                 \
        name, .in = "ref:&T indices:Tindices updates:T", .out = "output_ref:&T", .attrs = attributes, \
              .flags = OP_STATEFUL | OP_EFFECT                                                        \
    }
#define RESOURCE(name)                                                                                       \
    {                                                                                                        \
        name, .in = "resource:resource indices:Tindices updates:dtype", .attrs = "dtype:type Tindices:type", \
              .flags = OP_STATEFUL | OP_EFFECT                                                               \
    }
#define RESOURCE_ND(name) \
    { name, .in = "ref:resource indices:Tindices updates:T", .attrs = ND_ATTRS, .flags = OP_STATEFUL | OP_EFFECT }
#define TENSOR(name, first)                                                   \
    {                                                                         \
        name, .in = first ":T indices:Tindices updates:T", .out = "output:T", \
              .attrs = "T:type Tindices:type bad_indices_policy:string=''"    \
    }

const op_def scatter_defs[] = {
    REF("ScatterUpdate", REF_ATTRS),
    REF("ScatterAdd", REF_ATTRS),
    REF("ScatterSub", REF_ATTRS),
    REF("ScatterMul", REF_ATTRS),
    REF("ScatterDiv", REF_ATTRS),
    REF("ScatterMin", REF_ATTRS),
    REF("ScatterMax", REF_ATTRS),
    RESOURCE("ResourceScatterUpdate"),
    RESOURCE("ResourceScatterAdd"),
    RESOURCE("ResourceScatterSub"),
    RESOURCE("ResourceScatterMul"),
    RESOURCE("ResourceScatterDiv"),
    RESOURCE("ResourceScatterMin"),
    RESOURCE("ResourceScatterMax"),
    REF("ScatterNdUpdate", ND_ATTRS),
    REF("ScatterNdAdd", ND_ATTRS),
    REF("ScatterNdSub", ND_ATTRS),
    REF("ScatterNdMin", ND_ATTRS),
    REF("ScatterNdMax", ND_ATTRS),
    RESOURCE_ND("ResourceScatterNdUpdate"),
    RESOURCE_ND("ResourceScatterNdAdd"),
    RESOURCE_ND("ResourceScatterNdSub"),
    RESOURCE_ND("ResourceScatterNdMin"),
    RESOURCE_ND("ResourceScatterNdMax"),
    TENSOR("TensorScatterUpdate", "tensor"),
    TENSOR("TensorScatterAdd", "tensor"),
    TENSOR("TensorScatterSub", "tensor"),
    TENSOR("TensorScatterMin", "tensor"),
    TENSOR("TensorScatterMax", "tensor"),
    TENSOR("ScatterNdNonAliasingAdd", "input"),
    {"ScatterNd", .in = "indices:Tindices updates:T shape:Tindices", .out = "output:T",
     .attrs = "T:type Tindices:type bad_indices_policy:string=''"},
};
const size_t scatter_defs_count = sizeof scatter_defs / sizeof *scatter_defs;
