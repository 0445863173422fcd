/* A convolution with what follows it, as one node: a bias, a normalisation by moments that are given, an activation;
 * and with zeros put round its input before. A normalisation goes into the filter, by a node of its own that computes
 * the filter again when a variable holds another tensor. */
#include "transform/norm_match.h"
#include "transform/users.h"

static const struct {
    const char *plain, *fused;
} convolutions[] = {{"Conv2D", "_InlayConv2D"}, {"DepthwiseConv2dNative", "_InlayDepthwiseConv2D"}};

static const char *const activations[] = {"Relu", "Relu6", "Elu", "LeakyRelu"};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

typedef struct fusion {
    program *p;
    op_host *host;
    const users *u;
    size_t n_nodes; /* that `u` knows */
    graph_node *conv;
    graph_edge last;                /* whose value the fused node gives */
    graph_edge input, filter, bias; /* bias.node NULL: none */
    graph_node *pad;                /* NULL: none */
    given_norm norm;                /* count 0: none */
    const char *activation;
    float slope;
} fusion;

/* ---- who uses what */

static bool is_fetched(const program *p, const graph_node *n) {
    for (size_t i = 0; i < p->n_fetches; i++)
        if (p->fetches[i].node == n) return true;
    for (size_t i = 0; i < p->n_targets; i++)
        if (p->targets[i] == n) return true;
    return false;
}

/* Users of N by any input; their number. */
static size_t users_of(const fusion *f, const graph_node *n, graph_node ***items) {
    if (n->index >= f->n_nodes) return 0;
    *items = f->u->items + f->u->first[n->index];
    return f->u->first[n->index + 1] - f->u->first[n->index];
}

/* The only user of output 0 of f->last, which nothing else needs; NULL when there is none. */
static graph_node *only_user(const fusion *f) {
    graph_node **items;
    if (is_fetched(f->p, f->last.node) || users_of(f, f->last.node, &items) != 1 || items[0]->n_controls) return NULL;
    return items[0];
}

static bool is_one_of(const graph_node *n, const char *const *ops, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(n->op, ops[i]) == 0) return true;
    return false;
}

static bool text_is(const graph_node *n, const char *name, const char *wanted) {
    attrs a = graph_attrs(n);
    bytes value;
    return attr_text(&a, name, &value, NULL) == INLAY_OK && bytes_is(value, wanted);
}

static bool is_last(const fusion *f, graph_edge e) {
    return e.node == f->last.node && e.output == f->last.output;
}

/* ---- what follows */

/* A stored vector given another shape and back is that vector: the same tensor in each run. */
static graph_edge stored_vector(const fusion *f, graph_edge e) {
    graph_edge from = e;
    shape dims;
    while ((edge_source_of(from, "Squeeze", 1) || edge_source_of(from, "Reshape", 2)) && !from.node->n_controls)
        from = from.node->inputs[0];
    return stored_dims(f->p, f->host, from, &dims) && dims.rank == 1 ? from : e;
}

static bool take_bias(fusion *f) {
    graph_node *n = only_user(f);
    if (!n || strcmp(n->op, "BiasAdd") != 0 || n->n_inputs != 2 || !is_last(f, n->inputs[0]) ||
        !text_is(n, "data_format", "NHWC"))
        return false;
    f->bias = stored_vector(f, n->inputs[1]);
    f->last = (graph_edge){n, 0};
    return true;
}

/* Only output 0 of N is used. */
static bool is_used_for_one(const fusion *f, const graph_node *n) {
    graph_node **items;
    size_t count = users_of(f, n, &items);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < items[i]->n_inputs; k++)
            if (items[i]->inputs[k].node == n && items[i]->inputs[k].output != 0) return false;
    for (size_t i = 0; i < f->p->n_fetches; i++)
        if (f->p->fetches[i].node == n && f->p->fetches[i].output != 0) return false;
    return true;
}

/* Whether a written normalisation has as many numbers as the convolution has filters. */
static bool fits_filter(const fusion *f, const given_norm *norm) {
    shape dims;
    if (!stored_dims(f->p, f->host, f->filter, &dims) || dims.rank != 4) return false;
    bool depthwise = strcmp(f->conv->op, convolutions[0].plain) != 0;
    return norm->count > 0 && norm->count == dims.dims[3] * (depthwise ? dims.dims[2] : 1);
}

static bool take_norm(fusion *f) {
    given_norm norm;
    graph_node *n = only_user(f);
    if (!n) return false;
    if (match_norm_op((graph_edge){n, 0}, &norm) && is_last(f, norm.x) && is_used_for_one(f, n)) {
        f->norm = norm;
        f->last = (graph_edge){n, 0};
        return true;
    }
    fusion next = *f;
    next.last = (graph_edge){n, 0};
    graph_node *sum = strcmp(n->op, "Mul") == 0 ? only_user(&next) : NULL;
    if (!sum || !match_norm_written(f->p, f->host, (graph_edge){sum, 0}, &norm) || !is_last(f, norm.x) ||
        !fits_filter(f, &norm))
        return false;
    f->norm = norm;
    f->last = (graph_edge){sum, 0};
    return true;
}

/* The sigmoid of x, or of 1 · x, where N uses x = f->last. */
static graph_node *sigmoid_of(const fusion *f, graph_node *n) {
    graph_node **users;
    float one;
    if (strcmp(n->op, "Mul") == 0 && n->n_inputs == 2 && !n->n_controls && !is_fetched(f->p, n) &&
        ((is_last(f, n->inputs[1]) && edge_float(f->p, n->inputs[0], &one) && one == 1) ||
         (is_last(f, n->inputs[0]) && edge_float(f->p, n->inputs[1], &one) && one == 1)))
        return users_of(f, n, &users) == 1 && strcmp(users[0]->op, "Sigmoid") == 0 ? users[0] : NULL;
    return strcmp(n->op, "Sigmoid") == 0 ? n : NULL;
}

/* x · sigmoid(x), which uses x twice. */
static bool take_swish(fusion *f) {
    graph_node **items, **users;
    if (is_fetched(f->p, f->last.node) || users_of(f, f->last.node, &items) != 2) return false;
    for (int k = 0; k < 2; k++) {
        graph_node *sigmoid = sigmoid_of(f, items[k]), *product = items[1 - k];
        if (!sigmoid || sigmoid->n_controls || is_fetched(f->p, sigmoid) || strcmp(product->op, "Mul") != 0 ||
            product->n_controls || product->n_inputs != 2 || users_of(f, sigmoid, &users) != 1 || users[0] != product)
            continue;
        if (!is_last(f, product->inputs[0]) && !is_last(f, product->inputs[1])) continue;
        f->activation = "Swish";
        f->last = (graph_edge){product, 0};
        return true;
    }
    return false;
}

static bool take_activation(fusion *f) {
    graph_node *n = only_user(f);
    if (!n || n->n_inputs != 1 || !is_last(f, n->inputs[0]) || !is_one_of(n, activations, ACTIVATIONS))
        return take_swish(f);
    attrs a = graph_attrs(n);
    if (strcmp(n->op, "LeakyRelu") == 0 && attr_float(&a, "alpha", &f->slope, NULL) != INLAY_OK) return false;
    f->activation = n->op;
    f->last = (graph_edge){n, 0};
    return true;
}

/* Zeros round the input: PADS [8] as explicit_paddings has them. */
static bool take_pad(fusion *f, int64_t *pads) {
    graph_node *n = f->input.node;
    tensor *value = NULL;
    if (f->input.output != 0 || strcmp(n->op, "Pad") != 0 || n->n_inputs != 2 || n->n_controls ||
        !text_is(f->conv, "padding", "VALID") ||
        graph_constant(&f->p->g, n->inputs[1].node, &value, NULL) != INLAY_OK || !value || value->count != 8)
        return false;
    for (int i = 0; i < 8; i++)
        if (tensor_as_int(value, i, "", &pads[i], NULL) != INLAY_OK || pads[i] < 0 || pads[i] > INT32_MAX) return false;
    if (pads[0] || pads[1] || pads[6] || pads[7]) return false;
    f->pad = n;
    f->input = n->inputs[0];
    return true;
}

/* ---- the node that does it all */

static inlay_status set_int(graph *g, graph_node *n, const char *name, int64_t value, inlay_error *err) {
    buffer b = {0};
    attr_put_int(&b, value);
    return graph_set_attr(g, n, name, &b, err);
}

static inlay_status set_text(graph *g, graph_node *n, const char *name, const char *value, inlay_error *err) {
    buffer b = {0};
    attr_put_text(&b, bytes_of(value));
    return graph_set_attr(g, n, name, &b, err);
}

static inlay_status set_float(graph *g, graph_node *n, const char *name, float value, inlay_error *err) {
    buffer b = {0};
    attr_put_float(&b, value);
    return graph_set_attr(g, n, name, &b, err);
}

/* The filter and the bias with the normalisation in them. */
static inlay_status fold_norm(fusion *f, inlay_error *err) {
    graph *g = &f->p->g;
    graph_node *n;
    TRY(graph_add(g, f->last.node->name, "_InlayFoldNorm", &n, err));
    graph_edge inputs[6] = {f->filter, f->norm.scale, f->norm.offset, f->norm.mean, f->norm.variance, f->bias};
    TRY(graph_set_inputs(g, n, inputs, f->bias.node ? 6 : 5, err));
    TRY(set_int(g, n, "B", f->bias.node != NULL, err));
    TRY(set_float(g, n, "epsilon", f->norm.epsilon, err));
    f->filter = (graph_edge){n, 0};
    f->bias = (graph_edge){n, 1};
    return INLAY_OK;
}

static inlay_status copy_attributes(fusion *f, graph_node *to, inlay_error *err) {
    for (int i = 0; i < f->conv->n_attributes; i++) {
        const attr *a = &f->conv->attributes[i];
        char name[64];
        buffer value = {0};
        if (a->name.size >= sizeof name || a->name.size == 0 || a->name.data[0] == '_') continue;
        memcpy(name, a->name.data, a->name.size);
        name[a->name.size] = 0;
        buffer_append_bytes(&value, a->value);
        TRY(graph_set_attr(&f->p->g, to, name, &value, err));
    }
    return INLAY_OK;
}

static inlay_status put_fused(fusion *f, const char *op, const int64_t *pads, inlay_error *err) {
    graph *g = &f->p->g;
    graph_node *n;
    if (f->norm.count) TRY(fold_norm(f, err));
    TRY(graph_add(g, f->last.node->name, op, &n, err));
    graph_edge inputs[3] = {f->input, f->filter, f->bias};
    TRY(graph_set_inputs(g, n, inputs, f->bias.node ? 3 : 2, err));
    TRY(copy_attributes(f, n, err));
    TRY(set_int(g, n, "B", f->bias.node != NULL, err));
    if (f->activation) TRY(set_text(g, n, "activation", f->activation, err));
    TRY(set_float(g, n, "slope", f->slope, err));
    if (f->pad) {
        buffer list = {0};
        attr_put_ints(&list, pads, 8);
        TRY(graph_set_attr(g, n, "explicit_paddings", &list, err));
        TRY(set_text(g, n, "padding", "EXPLICIT", err));
    }
    return program_redirect(f->p, f->last, (graph_edge){n, 0}, err);
}

static inlay_status fuse(program *p, op_host *host, const users *u, size_t n_nodes, graph_node *conv, const char *op,
                         inlay_error *err) {
    int64_t pads[8];
    if (conv->n_inputs != 2 || conv->n_controls || node_type(conv, "T") != INLAY_FLOAT32 ||
        !text_is(conv, "data_format", "NHWC"))
        return INLAY_OK;
    fusion f = {.p = p,
                .host = host,
                .u = u,
                .n_nodes = n_nodes,
                .conv = conv,
                .last = {conv, 0},
                .input = conv->inputs[0],
                .filter = conv->inputs[1]};
    bool any = take_pad(&f, pads);
    any = take_bias(&f) || any;
    any = take_norm(&f) || any;
    any = take_activation(&f) || any;
    return any ? put_fused(&f, op, pads, err) : INLAY_OK;
}

inlay_status pass_fuse_conv(program *p, op_host *host, inlay_error *err) {
    size_t n_nodes = p->g.n_nodes;
    users u;
    TRY(users_find(p, &u, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < n_nodes && status == INLAY_OK; i++)
        for (size_t k = 0; k < sizeof convolutions / sizeof *convolutions && p->g.nodes[i]; k++)
            if (strcmp(p->g.nodes[i]->op, convolutions[k].plain) == 0) {
                status = fuse(p, host, &u, n_nodes, p->g.nodes[i], convolutions[k].fused, err);
                break;
            }
    users_free(&u);
    return status;
}
