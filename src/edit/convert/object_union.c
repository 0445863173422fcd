#include "edit/convert/object_union.h"

#include "edit/object_graph.h"
#include "edit/object_ids.h"

/* TrackableObject {children 1 {node_id 1, local_name 2}, attributes 2 {name 1, full_name 2, checkpoint_key 3}} */
enum { CHILDREN = 1, ATTRIBUTES = 2 };
static const uint64_t NONE = UINT64_MAX;

typedef struct graph_union {
    object_graph a, b;
    uint64_t *to; /* [b.n_nodes] number in the union, NONE while not known */
    size_t *met;  /* nodes of B that are also in A, in the order in which they were found */
    size_t n_met;
    arena *scratch;
    bool first_wins;
} graph_union;

static inlay_status parse_child(const object_graph *g, const wire_field *field, uint64_t *id, const char **name,
                                arena *scratch, inlay_error *err) {
    wire_field number = {0}, label = {0};
    bool has_id, has_label;
    TRY(wire_find(field->data, 1, g->file, &number, &has_id, err));
    TRY(wire_find(field->data, 2, g->file, &label, &has_label, err));
    *id = has_id ? number.value : 0;
    if (*id >= g->n_nodes || (has_label && label.type != WIRE_BYTES))
        return fail_at(err, INLAY_DATA_LOSS, g->file, -1, "a child in the checkpoint's object graph is no object");
    *name = arena_copy(scratch, label.data.data ? label.data : bytes_make("", 0));
    return *name ? INLAY_OK : fail_memory(err);
}

/* Pairs the children of node NODE of B with those of the same name that its pair in A has. */
static inlay_status pair_children(graph_union *u, size_t node, inlay_error *err) {
    wire_reader r = wire_open(u->b.nodes[node], u->b.file, NULL);
    for (;;) {
        wire_field field;
        bool got;
        uint64_t id;
        const char *name;
        int64_t same;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != CHILDREN) continue;
        TRY(wire_expect(&r, &field, WIRE_BYTES, err));
        TRY(parse_child(&u->b, &field, &id, &name, u->scratch, err));
        TRY(object_graph_child(&u->a, (int64_t)u->to[node], name, &same, err));
        if (same < 0 || u->to[id] != NONE) continue;
        u->to[id] = (uint64_t)same;
        u->met[u->n_met++] = (size_t)id;
    }
}

static inlay_status pair_nodes(graph_union *u, inlay_error *err) {
    for (size_t i = 0; i < u->b.n_nodes; i++) u->to[i] = NONE;
    u->to[0] = 0;
    u->met[u->n_met++] = 0;
    for (size_t i = 0; i < u->n_met; i++) TRY(pair_children(u, u->met[i], err));
    uint64_t next = u->a.n_nodes;
    for (size_t i = 0; i < u->b.n_nodes; i++)
        if (u->to[i] == NONE) u->to[i] = next++;
    return INLAY_OK;
}

/* The key of the attribute of node NODE of A that has the name of ATTRIBUTE; data NULL when there is none. */
static inlay_status find_attribute(const graph_union *u, size_t node, bytes attribute, bytes *key, inlay_error *err) {
    wire_field name = {0};
    bool found;
    *key = (bytes){0};
    TRY(wire_find(attribute, 1, u->b.file, &name, &found, err));
    wire_reader r = wire_open(u->a.nodes[node], u->a.file, NULL);
    for (;;) {
        wire_field field, other = {0}, stored = {0};
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != ATTRIBUTES || field.type != WIRE_BYTES) continue;
        TRY(wire_find(field.data, 1, u->a.file, &other, &found, err));
        if (!bytes_equal(other.data, name.data)) continue;
        TRY(wire_find(field.data, 3, u->a.file, &stored, &found, err));
        *key = found && stored.type == WIRE_BYTES ? stored.data : bytes_make("", 0);
        return INLAY_OK;
    }
}

static inlay_status add_attribute(graph_union *u, size_t node, const wire_field *field, inlay_error *err) {
    bytes key;
    wire_field own = {0};
    bool found;
    TRY(find_attribute(u, node, field->data, &key, err));
    if (!key.data) {
        buffer_append_bytes(&u->a.children[node], field->whole);
        return INLAY_OK;
    }
    TRY(wire_find(field->data, 3, u->b.file, &own, &found, err));
    if (u->first_wins || bytes_equal(own.data, key)) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, u->b.file, -1,
                   "an object that an earlier part has, too, is stored under another key");
}

/* What NODE of B, whose numbers are those of the union, has beyond its pair in A. */
static inlay_status add_to_pair(graph_union *u, bytes node, size_t pair, inlay_error *err) {
    wire_reader r = wire_open(node, u->b.file, NULL);
    for (;;) {
        wire_field field, label = {0};
        bool got, found;
        int64_t same;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.type != WIRE_BYTES) continue;
        if (field.number == ATTRIBUTES) TRY(add_attribute(u, pair, &field, err));
        if (field.number != CHILDREN) continue;
        TRY(wire_find(field.data, 2, u->b.file, &label, &found, err));
        const char *name = arena_copy(u->scratch, label.data.data ? label.data : bytes_make("", 0));
        if (!name) return fail_memory(err);
        TRY(object_graph_child(&u->a, (int64_t)pair, name, &same, err));
        if (same < 0) buffer_append_bytes(&u->a.children[pair], field.whole);
    }
}

/* B with its final numbers: its nodes are added to A's. */
static inlay_status add_nodes(graph_union *u, bytes renumbered, inlay_error *err) {
    object_graph b;
    buffer node = {0};
    TRY(object_graph_open(renumbered, u->b.file, u->scratch, &b, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < b.n_nodes && status == INLAY_OK; i++) {
        if (u->to[i] < u->a.n_nodes) {
            status = add_to_pair(u, b.nodes[i], (size_t)u->to[i], err);
            continue;
        }
        buffer_clear(&node);
        buffer_append_bytes(&node, b.nodes[i]);
        object_graph_add_node(&u->a, &node);
    }
    if (status == INLAY_OK) status = buffer_check(&node, err);
    buffer_free(&node);
    object_graph_free(&b);
    return status;
}

inlay_status object_graph_union(bytes a, const char *a_file, bytes b, const char *b_file, bool first_wins,
                                arena *scratch, buffer *out, inlay_error *err) {
    graph_union u = {.scratch = scratch, .first_wins = first_wins};
    buffer renumbered = {0};
    inlay_status status;
    TRY_TO(done, object_graph_open(a, a_file, scratch, &u.a, err));
    TRY_TO(done, object_graph_open(b, b_file, scratch, &u.b, err));
    u.to = arena_zalloc(scratch, u.b.n_nodes, sizeof *u.to);
    u.met = arena_zalloc(scratch, u.b.n_nodes, sizeof *u.met);
    if (!u.to || !u.met) TRY_TO(done, fail_memory(err));
    TRY_TO(done, pair_nodes(&u, err));
    TRY_TO(done, object_graph_renumber(b, CHECKPOINT_OBJECTS, u.to, u.b.n_nodes, b_file, &renumbered, err));
    TRY_TO(done, add_nodes(&u, buffer_bytes(&renumbered), err));
    TRY_TO(done, object_graph_finish(&u.a, NULL, out, err));
done:
    object_graph_free(&u.a);
    object_graph_free(&u.b);
    buffer_free(&renumbered);
    return status;
}
