#include "edit/fuse/fuse_writer.h"
#include "edit/object_graph.h"

/* StructuredValue of a TensorSpec (tensor_spec_value 33 {name 1, shape 2, dtype 3}) as the value of entry KEY of a
 * dict_value (fields 1). */
static void put_spec(buffer *dict, const char *key, dtype type, const shape *dims) {
    size_t entry = wire_begin(dict, 1);
    wire_put_text(dict, 1, key);
    size_t value = wire_begin(dict, 2), spec = wire_begin(dict, 33);
    wire_put_text(dict, 1, key);
    put_shape(dict, 2, dims);
    wire_put_uint(dict, 3, (uint64_t)type);
    wire_end(dict, spec);
    wire_end(dict, value);
    wire_end(dict, entry);
}

/* SavedConcreteFunction: bound_inputs 2, canonicalized_input_signature 3 (a tuple 52 of an empty tuple and a dict 53),
 * output_signature 4. */
static void put_concrete_function(fuse_writer *w, buffer *out, const fuse_function *f, const int64_t *variable_nodes) {
    size_t entry = wire_begin(out, 2);
    wire_put_text(out, 1, f->name);
    size_t function = wire_begin(out, 2), bound = wire_begin(out, 2);
    for (size_t i = 0; i < f->n_captures; i++) wire_put_varint(out, (uint64_t)w->e->bound_inputs[i]);
    for (size_t i = 0; i < w->g->n_variables; i++) wire_put_varint(out, (uint64_t)variable_nodes[i]);
    wire_end(out, bound);
    size_t signature = wire_begin(out, 3), tuple = wire_begin(out, 52), first = wire_begin(out, 1),
           nothing = wire_begin(out, 52);
    wire_end(out, nothing);
    wire_end(out, first);
    size_t second = wire_begin(out, 1), dict = wire_begin(out, 53);
    for (size_t i = 0; i < f->args.n; i++)
        put_spec(out, f->args.list[i].key, f->args.list[i].type, &f->args.list[i].dims);
    wire_end(out, dict);
    wire_end(out, second);
    wire_end(out, tuple);
    wire_end(out, signature);
    size_t results = wire_begin(out, 4), result_dict = wire_begin(out, 53);
    for (size_t i = 0; i < f->n_outputs; i++) put_spec(out, f->outputs[i].key, f->outputs[i].type, &f->outputs[i].dims);
    wire_end(out, result_dict);
    wire_end(out, results);
    wire_end(out, function);
    wire_end(out, entry);
}

/* A node with the children VARIABLES, then one node each: user_object 4 {identifier 1, version 2 {producer 1,
 * min_consumer 2}}; variable 7 {dtype 1, shape 2, name 6}. Returns their numbers. */
static inlay_status add_saved_objects(fuse_writer *w, object_graph *objects, int64_t *variable_nodes) {
    const fuse_graph *g = w->g;
    buffer node = {0};
    int64_t holder = (int64_t)objects->n_nodes;
    for (size_t i = 0; i < g->n_variables; i++) put_child(&node, holder + 1 + (int64_t)i, g->variables[i].name);
    size_t user = wire_begin(&node, 4);
    wire_put_text(&node, 1, "_generic_user_object");
    size_t version = wire_begin(&node, 2);
    wire_put_uint(&node, 1, 1);
    wire_put_uint(&node, 2, 1);
    wire_end(&node, version);
    wire_end(&node, user);
    object_graph_add_child(objects, 0, object_graph_add_node(objects, &node), g->prefix);
    for (size_t i = 0; i < g->n_variables; i++) {
        buffer_clear(&node);
        size_t variable = wire_begin(&node, 7);
        wire_put_uint(&node, 1, (uint64_t)g->variables[i].type);
        put_shape(&node, 2, &g->variables[i].dims);
        wire_put_text(&node, 6, fuse_node_name(w, g->variables[i].name));
        wire_end(&node, variable);
        variable_nodes[i] = object_graph_add_node(objects, &node);
    }
    bool failed = node.failed;
    buffer_free(&node);
    return failed ? fail_memory(w->err) : INLAY_OK;
}

/* The node behind the signature of F: bare_concrete_function 8 {concrete_function_name 1, argument_keywords 2,
 * allowed_positional_arguments 3}. */
static int64_t add_bare_function(object_graph *objects, const fuse_function *f, buffer *node) {
    buffer_clear(node);
    size_t bare = wire_begin(node, 8);
    wire_put_text(node, 1, f->name);
    for (size_t i = 0; i < f->args.n; i++) wire_put_text(node, 2, f->args.list[i].key);
    wire_put_uint(node, 3, f->args.n);
    wire_end(node, bare);
    return object_graph_add_node(objects, node);
}

/* FUNCTION_NODE is serving_default too, what that was is called features. */
static inlay_status change_default(fuse_writer *w, object_graph *objects, int64_t function_node) {
    int64_t map = w->e->signature_map, old;
    TRY(object_graph_child(objects, map, "serving_default", &old, w->err));
    if (old >= 0 && w->e->default_is_search)
        return object_graph_change_child(objects, map, "serving_default", function_node, "serving_default", w->a,
                                         w->err);
    if (old >= 0) TRY(object_graph_change_child(objects, map, "serving_default", -1, "features", w->a, w->err));
    object_graph_add_child(objects, map, function_node, "serving_default");
    return INLAY_OK;
}

inlay_status fuse_put_objects(fuse_writer *w, const fuse_function *functions, size_t n) {
    object_graph objects;
    buffer node = {0}, concrete = {0}, message = {0};
    int64_t *variable_nodes = arena_zalloc(w->a, w->g->n_variables + 1, sizeof *variable_nodes);
    if (!variable_nodes) return fail_memory(w->err);
    TRY(object_graph_open(w->e->graph->object_graph, w->file, w->a, &objects, w->err));
    inlay_status status;
    TRY_TO(done, add_saved_objects(w, &objects, variable_nodes));
    for (size_t i = 0; i < n; i++) {
        put_concrete_function(w, &concrete, &functions[i], variable_nodes);
        int64_t function_node = add_bare_function(&objects, &functions[i], &node);
        object_graph_add_child(&objects, w->e->signature_map, function_node, functions[i].key);
        if (functions[i].part == FUSE_SEARCH && w->g->make_default)
            TRY_TO(done, change_default(w, &objects, function_node));
    }
    if (node.failed) TRY_TO(done, fail_memory(w->err));
    TRY_TO(done, object_graph_finish(&objects, &concrete, &message, w->err));
    saved_edit_object_graph(&w->edit, buffer_bytes(&message));
done:
    object_graph_free(&objects);
    buffer_free(&node);
    buffer_free(&concrete);
    buffer_free(&message);
    return status;
}

/* TrackableObject: children 1, attributes 2 {name 1, full_name 2, checkpoint_key 3}, has_checkpoint_values 5 {value 1}.
 */
inlay_status fuse_write_checkpoint_objects(fuse_writer *w, buffer *out) {
    const fuse_graph *g = w->g;
    object_graph objects;
    buffer node = {0};
    TRY(object_graph_open(w->e->checkpoint_objects, w->file, w->a, &objects, w->err));
    int64_t holder = (int64_t)objects.n_nodes;
    for (size_t i = 0; i < g->n_variables; i++) put_child(&node, holder + 1 + (int64_t)i, g->variables[i].name);
    size_t has_values = wire_begin(&node, 5);
    wire_put_uint(&node, 1, 1);
    wire_end(&node, has_values);
    object_graph_add_child(&objects, 0, object_graph_add_node(&objects, &node), g->prefix);
    for (size_t i = 0; i < g->n_variables; i++) {
        buffer_clear(&node);
        size_t attribute = wire_begin(&node, 2);
        wire_put_text(&node, 1, "VARIABLE_VALUE");
        wire_put_text(&node, 2, fuse_node_name(w, g->variables[i].name));
        wire_put_text(&node, 3, g->variables[i].key);
        wire_end(&node, attribute);
        has_values = wire_begin(&node, 5);
        wire_put_uint(&node, 1, 1);
        wire_end(&node, has_values);
        object_graph_add_node(&objects, &node);
    }
    inlay_status status = node.failed ? fail_memory(w->err) : object_graph_finish(&objects, NULL, out, w->err);
    object_graph_free(&objects);
    buffer_free(&node);
    return status;
}
