/* A GraphDef that means harm: imported, cut out, inlined, put through the passes, planned and run with small budgets.
 * The first byte chooses what is fetched.
 * Covers: src/graph/graph.c src/graph/import.c src/graph/function.c src/graph/inline.c src/graph/library.c
 * src/graph/program.c src/graph/order.c src/graph/frames.c src/graph/branch.c
 * src/runtime/plan.c src/runtime/plan_flow.c src/runtime/run.c src/transform/common.c src/transform/fold.c
 * src/transform/identity.c src/transform/controls.c src/transform/users.c
 * src/transform/plain.c src/transform/plain_form.c src/transform/plain_product.c src/transform/plain_value.c
 * src/op/search_top.c src/op/row_side.c */
#include "base/log.h"
#include "runtime/plan.h"
#include "transform/transform.h"

enum { NODES = 2000, BYTES = 16 << 20, ROUNDS = 100 };

/* Feeds for placeholders, as their dtype and shape say; unknown dims are 2. */
static tensor *make_feed(const graph_node *n) {
    attrs a = graph_attrs(n);
    dtype type;
    shape dims;
    tensor *out = NULL;
    int64_t count;
    if (attr_type(&a, "dtype", &type, NULL) != INLAY_OK) return NULL;
    if (attr_shape(&a, "shape", &dims, NULL) != INLAY_OK || dims.rank < 0) dims = shape_vector(2);
    for (int i = 0; i < dims.rank; i++)
        if (dims.dims[i] < 0) dims.dims[i] = 2;
    if (!shape_elements(&dims, &count) || count > 4096) return NULL;
    if (type != INLAY_STRING) {
        if (tensor_new_zero(type, &dims, NULL, &out, NULL) != INLAY_OK) return NULL;
        for (uint64_t i = 0; i < out->size; i += 3) out->data[i] = type == INLAY_BOOL ? 1 : (uint8_t)(i * 37);
        return out;
    }
    string_builder b;
    if (string_builder_init(&b, &dims, NULL, NULL) != INLAY_OK) return NULL;
    for (int64_t i = 0; i < count; i++) (void)string_builder_add(&b, bytes_of(i % 2 ? "ab c" : ""), NULL);
    return string_builder_finish(&b, &out, NULL) == INLAY_OK ? out : NULL;
}

typedef struct request {
    graph_edge feeds[8], fetches[4];
    tensor *given[8], *fetched[4];
    graph_node *targets[1];
    program_request asked;
} request;

static void choose(request *r, const graph *g, size_t pick) {
    for (size_t i = 0; i < g->n_nodes && r->asked.n_feeds < 8; i++) {
        if (strcmp(g->nodes[i]->op, "Placeholder") != 0) continue;
        tensor *t = make_feed(g->nodes[i]);
        if (!t) continue;
        r->given[r->asked.n_feeds] = t;
        r->feeds[r->asked.n_feeds++] = (graph_edge){g->nodes[i], 0};
    }
    for (size_t i = 0; i < 4 && i < g->n_nodes; i++)
        r->fetches[r->asked.n_fetches++] = (graph_edge){g->nodes[g->n_nodes - 1 - (pick + i) % g->n_nodes], i == 3};
    if (g->n_nodes) r->targets[r->asked.n_targets++] = g->nodes[pick % g->n_nodes];
    r->asked.feeds = r->feeds;
    r->asked.fetches = r->fetches;
    r->asked.targets = r->targets;
    r->asked.node_limit = NODES;
}

static void ignore(void *user, const char *line) {
    (void)user;
    (void)line;
}

static void run(const plan *p, request *r) {
    inlay_error err;
    mem_budget *budget = mem_budget_new(BYTES);
    run_options options = {.budget = budget, .most_rounds = ROUNDS};
    if (!budget) return;
    plan_describe(p, ignore, NULL);
    if (plan_run(p, r->given, r->fetched, &options, &err) == INLAY_OK)
        for (size_t i = 0; i < r->asked.n_fetches; i++) tensor_release(r->fetched[i]);
    mem_budget_leave(budget);
}

static void try_graph(graph *model, op_host *host, size_t pick, bool optimize) {
    request r = {0};
    inlay_error err;
    program made;
    plan *p;
    choose(&r, model, pick);
    if (program_make(model, &r.asked, &made, &err) == INLAY_OK) {
        if (optimize && transform_run(&made, host, &err) != INLAY_OK)
            program_free(&made);
        else if (plan_make(&made, host, &p, &err) == INLAY_OK) {
            run(p, &r);
            plan_free(p);
        }
    }
    for (size_t i = 0; i < r.asked.n_feeds; i++) tensor_release(r.given[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    bytes message = bytes_make(data + 1, size - 1);
    graph_source source = {.file = "graph", .origin = message.data};
    source.tensors.limit = BYTES;
    inlay_error err;
    resource_store resources;
    graph_library library;
    graph model;
    if (resource_store_init(&resources, &err) != INLAY_OK) return 0;
    op_host host = {.resources = &resources};
    if (graph_library_init(&library, message, (bytes){0}, &source, &err) == INLAY_OK) {
        graph_init(&model, &library, &source, NODES);
        if (graph_import(&model, message, &err) == INLAY_OK) {
            try_graph(&model, &host, data[0], false);
            try_graph(&model, &host, data[0], true);
        }
        graph_free(&model);
        graph_library_free(&library);
    }
    resource_store_free(&resources);
    return 0;
}
