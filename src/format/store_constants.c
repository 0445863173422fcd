#include "format/bundle_entry.h"
#include "format/store_parts.h"

#include <stdlib.h>

/* Field numbers of node_def.proto, attr_value.proto and tensor.proto. */
enum { NODE_NAME = 1, NODE_OP = 2, NODE_ATTR = 5, ATTR_TENSOR = 8, TENSOR_CONTENT = 4, TENSOR_STRINGS = 8 };

typedef struct constant_node {
    bytes name, op, value; /* value: AttrValue */
} constant_node;

static inlay_status read_node(const saved_model *model, bytes message, constant_node *out, inlay_error *err) {
    *out = (constant_node){0};
    wire_field f;
    bool got;
    for (wire_reader r = saved_reader(model, message);;) {
        bytes key, value;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != NODE_NAME && f.number != NODE_OP && f.number != NODE_ATTR) continue;
        TRY(wire_expect(&r, &f, WIRE_BYTES, err));
        if (f.number == NODE_NAME) out->name = f.data;
        if (f.number == NODE_OP) out->op = f.data;
        if (f.number != NODE_ATTR) continue;
        TRY(wire_map_entry(&r, &f, &key, &value, err));
        if (bytes_is(key, "value")) out->value = value;
    }
}

/* Where the elements lie in the file, when they lie there as they are. */
static int64_t place_in_file(const saved_model *model, bytes content, uint64_t size) {
    const uint8_t *start = model->message.data;
    bool inside = content.data && content.data >= start && content.data + content.size <= start + model->message.size;
    return inside && !model->is_text && content.size == size ? content.data - start : -1;
}

/* Dtype, shape and place; a shape that is not known in full is listed as it is. */
static inlay_status describe(const saved_model *model, bytes message, store_tensor *out, inlay_error *err) {
    wire_field content;
    bool found;
    int64_t elements;
    uint64_t size;
    TRY(tensor_proto_read_header(saved_reader(model, message), &out->type, &out->dims, err));
    out->shard = -1;
    out->offset = -1;
    if (out->type == INLAY_STRING) {
        for (wire_reader r = saved_reader(model, message);;) {
            TRY(wire_next(&r, &content, &found, err));
            if (!found) return INLAY_OK;
            if (content.number == TENSOR_STRINGS) out->size += content.whole.size;
        }
    }
    if (!shape_elements(&out->dims, &elements) ||
        __builtin_mul_overflow((uint64_t)elements, (uint64_t)dtype_size(out->type), &size))
        return INLAY_OK;
    out->size = size;
    TRY(wire_find(message, TENSOR_CONTENT, model->file, &content, &found, err));
    if (found && content.type == WIRE_BYTES) out->offset = place_in_file(model, content.data, size);
    return INLAY_OK;
}

static inlay_status add(store *s, const constant_node *node, inlay_error *err) {
    if (s->count == s->capacity) {
        size_t more = s->capacity ? 2 * s->capacity : 64;
        store_constant *grown = mem_realloc(s->constants, more * sizeof *grown);
        if (!grown) return fail_memory(err);
        s->constants = grown;
        s->capacity = more;
    }
    char text[KEY_TEXT];
    wire_field f;
    bool found;
    store_constant *c = &s->constants[s->count];
    *c = (store_constant){0};
    TRY(wire_find(node->value, ATTR_TENSOR, s->graph->file, &f, &found, err));
    if (!found || f.type != WIRE_BYTES)
        return fail_at(err, INLAY_DATA_LOSS, s->graph->file, -1, "the Const node %s has no value",
                       key_text(node->name, text));
    c->message = f.data;
    TRY(describe(s->graph, c->message, &c->head, err));
    char *name = arena_copy(&s->memory, node->name);
    if (!name) return fail_memory(err);
    c->head.key = bytes_make(name, node->name.size);
    s->count++;
    return INLAY_OK;
}

static int compare_keys(const void *a, const void *b) {
    return bytes_compare(((const store_constant *)a)->head.key, ((const store_constant *)b)->head.key);
}

inlay_status store_list_constants(store *s, inlay_error *err) {
    const saved_metagraph *graph;
    TRY(saved_model_pick(s->graph, NULL, &graph, err));
    for (saved_walk walk = saved_nodes(s->graph, graph);;) {
        wire_field f;
        constant_node node;
        bool got;
        TRY(saved_walk_next(&walk, &f, &got, err));
        if (!got) break;
        TRY(read_node(s->graph, f.data, &node, err));
        if (bytes_is(node.op, "Const") || bytes_is(node.op, "HostConst")) TRY(add(s, &node, err));
    }
    if (s->count) qsort(s->constants, s->count, sizeof *s->constants, compare_keys);
    char text[KEY_TEXT];
    for (size_t i = 1; i < s->count; i++)
        if (compare_keys(&s->constants[i - 1], &s->constants[i]) == 0)
            return fail_at(err, INLAY_INVALID_ARGUMENT, s->graph->file, -1, "two nodes are called %s",
                           key_text(s->constants[i].head.key, text));
    return INLAY_OK;
}
