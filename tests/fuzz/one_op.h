/* Runs one op without a graph: what fuzz targets of ops share. */
#ifndef FUZZ_ONE_OP_H
#define FUZZ_ONE_OP_H

#include "base/num.h"
#include "op/op.h"

enum { MOST_ATTRS = 24, MOST_VALUES = 16 };

typedef struct one_op {
    const char *name;
    attr items[MOST_ATTRS];
    size_t n_items;
    tensor *in[MOST_VALUES]; /* given away; NULL: could not be made, nothing runs */
    int n_in;
} one_op;

/* Whatever it is given, an op answers with what its row says, or refuses. */
static inline void run_node(op_node *node, one_op *o, op_host *host, mem_budget *budget) {
    tensor *out[MOST_VALUES] = {0};
    inlay_error err;
    bool whole = node->in.count == o->n_in;
    for (int i = 0; i < o->n_in && whole; i++) whole = o->in[i] && o->in[i]->type == node->in.items[i].type;
    op_call call = {.node = node, .in = o->in, .out = out, .host = host, .budget = budget};
    if (whole && node->impl->run(&call, &err) == INLAY_OK)
        for (int i = 0; i < node->out.count; i++)
            if (!out[i] || out[i]->type != node->out.items[i].type) __builtin_trap();
    for (int i = 0; i < MOST_VALUES; i++) tensor_release(out[i]);
}

static inline void run_one(one_op *o) {
    resource_store store;
    mem_budget budget;
    mem_budget_init(&budget, 64 << 20);
    op_node node = {.name = "fuzzed", .def = opdef_find(bytes_of(o->name)), .impl = op_find(o->name)};
    if (!node.def || !node.impl) __builtin_trap();
    node.attributes = (attrs){o->items, o->n_items, node.def->attrs};
    inlay_error err;
    if (resource_store_init(&store, &err) == INLAY_OK) {
        op_host host = {.resources = &store};
        arena memory;
        arena_init(&memory, 1 << 20);
        op_setting setting = {&host, &memory};
        bool ready = opdef_values(node.def->in, &node.attributes, &memory, &node.in, &err) == INLAY_OK &&
                     opdef_values(node.def->out, &node.attributes, &memory, &node.out, &err) == INLAY_OK &&
                     node.in.count <= MOST_VALUES && node.out.count <= MOST_VALUES;
        if (ready && (!node.impl->prepare || node.impl->prepare(&node, &setting, &err) == INLAY_OK)) {
            run_node(&node, o, &host, &budget);
            if (node.impl->dispose) node.impl->dispose(&node);
        }
        arena_free(&memory);
        resource_store_free(&store);
    }
    for (int i = 0; i < o->n_in; i++) tensor_release(o->in[i]);
}

#endif
