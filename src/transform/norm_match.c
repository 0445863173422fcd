#include "transform/norm_match.h"

bool stored_dims(program *p, op_host *host, graph_edge e, shape *out) {
    tensor *value = NULL;
    graph_node *read = edge_source_of(e, "ReadVariableOp", 1), *handle;
    if (read) {
        handle = read->n_controls ? NULL : edge_source(read->inputs[0], "VarHandleOp", 0);
        return handle && node_type(read, "dtype") == INLAY_FLOAT32 && variable_dims(host, handle, out);
    }
    if (e.output != 0 || graph_constant(&p->g, e.node, &value, NULL) != INLAY_OK || !value ||
        value->type != INLAY_FLOAT32)
        return false;
    *out = value->dims;
    return true;
}

bool match_norm_op(graph_edge e, given_norm *out) {
    static const char *const ops[] = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"};
    graph_node *n = NULL;
    for (size_t i = 0; i < sizeof ops / sizeof *ops && !n; i++) n = edge_source_of(e, ops[i], 5);
    if (!n || n->n_controls || !node_flag_is(n, "is_training", false)) return false;
    attrs a = graph_attrs(n);
    bytes layout;
    if (attr_text(&a, "data_format", &layout, NULL) != INLAY_OK || !bytes_is(layout, "NHWC")) return false;
    *out = (given_norm){n->inputs[0], n->inputs[1], n->inputs[2], n->inputs[3], n->inputs[4], 0, -1};
    return attr_float(&a, "epsilon", &out->epsilon, NULL) == INLAY_OK;
}

/* E is a stored vector of COUNT numbers (-1: any, COUNT becomes their number), or that as [1, .., COUNT]. */
static bool vector_of(program *p, op_host *host, graph_edge e, int64_t *count, graph_edge *out) {
    graph_node *reshape = edge_source_of(e, "Reshape", 2);
    tensor *sizes = NULL;
    int64_t last, before;
    shape dims;
    *out = reshape ? reshape->inputs[0] : e;
    if (!stored_dims(p, host, *out, &dims) || dims.rank != 1 || (*count >= 0 && dims.dims[0] != *count)) return false;
    *count = dims.dims[0];
    if (!reshape) return true;
    if (reshape->n_controls || graph_constant(&p->g, reshape->inputs[1].node, &sizes, NULL) != INLAY_OK || !sizes ||
        sizes->count < 1 || sizes->count > 4 || tensor_as_int(sizes, sizes->count - 1, "", &last, NULL) != INLAY_OK)
        return false;
    for (int64_t i = 0; i + 1 < sizes->count; i++)
        if (tensor_as_int(sizes, i, "", &before, NULL) != INLAY_OK || before != 1) return false;
    return last == *count || last == -1;
}

/* rsqrt(variance + epsilon) · scale. */
static bool match_inverse(program *p, op_host *host, graph_edge e, given_norm *out) {
    graph_node *product = edge_source_of(e, "Mul", 2);
    for (int k = 0; product && !product->n_controls && k < 2; k++) {
        graph_node *root = edge_source_of(product->inputs[k], "Rsqrt", 1);
        graph_node *sum = root && !root->n_controls ? edge_source_of(root->inputs[0], "AddV2", 2) : NULL;
        if (sum && !sum->n_controls && edge_float(p, sum->inputs[1], &out->epsilon))
            return vector_of(p, host, sum->inputs[0], &out->count, &out->variance) &&
                   vector_of(p, host, product->inputs[1 - k], &out->count, &out->scale);
    }
    return false;
}

/* offset - mean · INVERSE. */
static bool match_rest(program *p, op_host *host, graph_edge e, graph_edge inverse, given_norm *out) {
    graph_node *less = edge_source_of(e, "Sub", 2);
    graph_node *product = less && !less->n_controls ? edge_source_of(less->inputs[1], "Mul", 2) : NULL;
    for (int k = 0; product && !product->n_controls && k < 2; k++)
        if (edge_same(product->inputs[k], inverse))
            return vector_of(p, host, product->inputs[1 - k], &out->count, &out->mean) &&
                   vector_of(p, host, less->inputs[0], &out->count, &out->offset);
    return false;
}

bool match_norm_written(program *p, op_host *host, graph_edge e, given_norm *out) {
    graph_node *sum = edge_source_of(e, "AddV2", 2);
    for (int k = 0; sum && !sum->n_controls && k < 2; k++) {
        graph_node *product = edge_source_of(sum->inputs[k], "Mul", 2);
        for (int j = 0; product && !product->n_controls && j < 2; j++) {
            *out = (given_norm){.x = product->inputs[1 - j], .count = -1};
            if (match_inverse(p, host, product->inputs[j], out) &&
                match_rest(p, host, sum->inputs[1 - k], product->inputs[j], out))
                return true;
        }
    }
    return false;
}
