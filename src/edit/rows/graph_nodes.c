#include "edit/rows/graph_nodes.h"

#include "base/alloc.h"
#include "edit/fuse/fuse_extractor.h"
#include "format/tensor_proto.h"

inlay_status graph_nodes_add(graph_nodes *g, bytes name, bytes node, inlay_error *err) {
    if (g->count == g->capacity) {
        size_t wanted = g->capacity ? g->capacity * 2 : 256;
        bytes *grown = mem_realloc(g->list, wanted * sizeof *grown);
        if (!grown) return fail_memory(err);
        g->list = grown;
        g->capacity = wanted;
    }
    TRY(map_put(&g->by_name, name, g->count, err));
    g->list[g->count++] = node;
    return INLAY_OK;
}

void graph_nodes_free(graph_nodes *g) {
    map_free(&g->by_name);
    mem_free(g->list);
    *g = (graph_nodes){0};
}

bytes graph_nodes_find(const graph_nodes *g, const char *name) {
    uint64_t at;
    return map_get(&g->by_name, bytes_of(name), &at) ? g->list[at] : (bytes){0};
}

/* NodeDef: input 3. */
inlay_status node_input(const graph_nodes *g, bytes node, size_t index, bytes *out, inlay_error *err) {
    wire_reader r = wire_open(node, g->file, NULL);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return fail_at(err, INLAY_DATA_LOSS, g->file, -1, "a node of the search has no input %zu", index);
        if (f.number != 3 || f.type != WIRE_BYTES || index-- > 0) continue;
        *out = f.data;
        return INLAY_OK;
    }
}

inlay_status node_attr_value(const graph_nodes *g, bytes node, const char *name, uint32_t field, wire_field *out,
                             bool *found, inlay_error *err) {
    bytes value;
    TRY(fuse_find_attr(node, name, g->file, &value, err));
    return wire_find(value, field, g->file, out, found, err);
}

inlay_status node_const_int(const graph_nodes *g, bytes node, int64_t *out, inlay_error *err) {
    wire_field value;
    bool found;
    tensor *t = NULL;
    TRY(node_attr_value(g, node, "value", 8, &value, &found, err));
    if (!found || value.type != WIRE_BYTES)
        return fail_at(err, INLAY_DATA_LOSS, g->file, -1, "a constant of the search has no value");
    TRY(tensor_proto_read(wire_open(value.data, g->file, NULL), &(tensor_proto_options){.limit = 1 << 20}, &t, err));
    inlay_status status = tensor_scalar_int(t, "a constant of the search", out, err);
    tensor_release(t);
    return status == INLAY_OK ? INLAY_OK : fail_at(err, INLAY_DATA_LOSS, g->file, -1, "a constant is no integer");
}
