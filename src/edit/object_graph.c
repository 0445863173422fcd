#include "edit/object_graph.h"

#include "base/alloc.h"

enum { NODES = 1, CONCRETE_FUNCTIONS = 2, CHILDREN = 1, BARE_FUNCTION = 8 };

typedef struct counts {
    size_t nodes, others;
} counts;

/* Counts the fields, and stores them when G has room for them. */
static inlay_status walk(bytes message, object_graph *g, counts *n, inlay_error *err) {
    wire_reader r = wire_open(message, g->file, NULL);
    *n = (counts){0};
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == NODES) {
            TRY(wire_expect(&r, &field, WIRE_BYTES, err));
            if (g->nodes) g->nodes[n->nodes] = field.data;
            n->nodes++;
        } else {
            if (g->others) g->others[n->others] = field.whole;
            n->others++;
        }
    }
}

inlay_status object_graph_open(bytes message, const char *file, arena *a, object_graph *g, inlay_error *err) {
    *g = (object_graph){.file = file};
    counts n;
    TRY(walk(message, g, &n, err));
    if (n.nodes == 0) return fail_at(err, INLAY_DATA_LOSS, file, -1, "the object graph has no root");
    g->nodes = arena_zalloc(a, n.nodes, sizeof *g->nodes);
    g->others = arena_zalloc(a, n.others + 1, sizeof *g->others);
    g->children = mem_zalloc(n.nodes, sizeof *g->children);
    if (!g->nodes || !g->others || !g->children) {
        mem_free(g->children);
        *g = (object_graph){0};
        return fail_memory(err);
    }
    g->n_nodes = n.nodes;
    g->n_others = n.others;
    return walk(message, g, &n, err);
}

void object_graph_free(object_graph *g) {
    for (size_t i = 0; g->children && i < g->n_nodes; i++) buffer_free(&g->children[i]);
    mem_free(g->children);
    buffer_free(&g->tail);
    *g = (object_graph){0};
}

/* Calls for each child until one is called NAME; *at is its field. */
static inlay_status find_child(const object_graph *g, int64_t node, const char *name, int64_t *child, wire_field *at,
                               inlay_error *err) {
    *child = -1;
    if (node < 0 || (uint64_t)node >= g->n_nodes)
        return fail_at(err, INLAY_DATA_LOSS, g->file, -1, "the object graph has no node %lld", (long long)node);
    wire_reader r = wire_open(g->nodes[node], g->file, NULL);
    for (;;) {
        bool got;
        TRY(wire_next(&r, at, &got, err));
        if (!got) return INLAY_OK;
        if (at->number != CHILDREN || at->type != WIRE_BYTES) continue;
        wire_field id = {0}, label = {0};
        bool has_id, has_label;
        TRY(wire_find(at->data, 1, g->file, &id, &has_id, err));
        TRY(wire_find(at->data, 2, g->file, &label, &has_label, err));
        if (!has_label || !bytes_is(label.data, name)) continue;
        if (id.value >= g->n_nodes)
            return fail_at(err, INLAY_DATA_LOSS, g->file, -1, "a child of the object graph is no node");
        *child = (int64_t)id.value;
        return INLAY_OK;
    }
}

inlay_status object_graph_child(const object_graph *g, int64_t node, const char *name, int64_t *child,
                                inlay_error *err) {
    wire_field at;
    return find_child(g, node, name, child, &at, err);
}

void put_child(buffer *node, int64_t child, const char *name) {
    size_t mark = wire_begin(node, CHILDREN);
    if (child) wire_put_uint(node, 1, (uint64_t)child);
    wire_put_text(node, 2, name);
    wire_end(node, mark);
}

void object_graph_add_child(object_graph *g, int64_t node, int64_t child, const char *name) {
    put_child(&g->children[node], child, name);
}

/* WITH, a child as a field, or nothing, takes the place of the child FROM. */
static inlay_status replace_child(object_graph *g, int64_t node, const char *from, const buffer *with, arena *a,
                                  inlay_error *err) {
    int64_t old_child;
    wire_field at;
    TRY(find_child(g, node, from, &old_child, &at, err));
    if (old_child < 0) return fail_at(err, INLAY_NOT_FOUND, g->file, -1, "the object graph has no child %s", from);
    bytes old = g->nodes[node];
    size_t before = (size_t)(at.whole.data - old.data);
    buffer changed = {.failed = with->failed};
    buffer_append(&changed, old.data, before);
    buffer_append_bytes(&changed, buffer_bytes(with));
    buffer_append(&changed, at.whole.data + at.whole.size, old.size - before - at.whole.size);
    char *kept = changed.failed ? NULL : arena_copy(a, buffer_bytes(&changed));
    if (kept) g->nodes[node] = bytes_make(kept, changed.size);
    buffer_free(&changed);
    return kept ? INLAY_OK : fail_memory(err);
}

inlay_status object_graph_change_child(object_graph *g, int64_t node, const char *from, int64_t child, const char *to,
                                       arena *a, inlay_error *err) {
    buffer with = {0};
    if (child < 0) TRY(object_graph_child(g, node, from, &child, err));
    put_child(&with, child, to);
    inlay_status status = replace_child(g, node, from, &with, a, err);
    buffer_free(&with);
    return status;
}

inlay_status object_graph_remove_child(object_graph *g, int64_t node, const char *name, arena *a, inlay_error *err) {
    buffer nothing = {0};
    return replace_child(g, node, name, &nothing, a, err);
}

int64_t object_graph_add_node(object_graph *g, const buffer *node) {
    wire_put_message(&g->tail, NODES, node);
    return (int64_t)(g->n_nodes + g->n_added++);
}

inlay_status object_graph_finish(const object_graph *g, const buffer *extra, buffer *out, inlay_error *err) {
    for (size_t i = 0; i < g->n_nodes; i++) {
        size_t mark = wire_begin(out, NODES);
        buffer_append_bytes(out, g->nodes[i]);
        buffer_append_bytes(out, buffer_bytes(&g->children[i]));
        wire_end(out, mark);
        if (g->children[i].failed) return fail_memory(err);
    }
    buffer_append_bytes(out, buffer_bytes(&g->tail));
    for (size_t i = 0; i < g->n_others; i++) buffer_append_bytes(out, g->others[i]);
    if (extra) buffer_append_bytes(out, buffer_bytes(extra));
    if (g->tail.failed || (extra && extra->failed)) return fail_memory(err);
    return buffer_check(out, err);
}

inlay_status object_graph_bare_function(const object_graph *g, int64_t node, bytes *name, inlay_error *err) {
    *name = bytes_make("", 0);
    if (node < 0 || (uint64_t)node >= g->n_nodes) return INLAY_OK;
    wire_field bare = {0}, label = {0};
    bool found;
    TRY(wire_find(g->nodes[node], BARE_FUNCTION, g->file, &bare, &found, err));
    if (!found || bare.type != WIRE_BYTES) return INLAY_OK;
    TRY(wire_find(bare.data, 1, g->file, &label, &found, err));
    if (found && label.type == WIRE_BYTES) *name = label.data;
    return INLAY_OK;
}

inlay_status object_graph_argument_keywords(const object_graph *g, int64_t node, arena *a, bytes **out, size_t *n,
                                            inlay_error *err) {
    wire_field bare, keyword;
    bool found, got;
    *n = 0;
    *out = NULL;
    TRY(wire_find(g->nodes[node], BARE_FUNCTION, g->file, &bare, &found, err));
    for (int pass = 0; found && pass < 2; pass++) {
        wire_reader r = wire_open(bare.data, g->file, NULL);
        for (*n = 0;;) {
            TRY(wire_next(&r, &keyword, &got, err));
            if (!got) break;
            if (keyword.number != 2 || keyword.type != WIRE_BYTES) continue;
            if (*out) (*out)[*n] = keyword.data;
            ++*n;
        }
        if (pass == 0 && !(*out = arena_zalloc(a, *n + 1, sizeof **out))) return fail_memory(err);
    }
    return INLAY_OK;
}

typedef struct id_list {
    int64_t *ids; /* NULL: only count */
    size_t count;
} id_list;

static inlay_status add_id(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    id_list *list = ctx;
    if (list->ids) list->ids[list->count] = (int32_t)value;
    list->count++;
    return INLAY_OK;
}

static inlay_status each_bound_input(bytes function, const char *file, id_list *list, inlay_error *err) {
    wire_reader r = wire_open(function, file, NULL);
    list->count = 0;
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == 2) TRY(wire_numbers(&r, &field, WIRE_VARINT, add_id, list, err));
    }
}

inlay_status object_graph_bound_inputs(const object_graph *g, bytes name, arena *a, int64_t **out, size_t *n,
                                       inlay_error *err) {
    for (size_t i = 0; i < g->n_others; i++) {
        wire_reader r = wire_open(g->others[i], g->file, NULL);
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got || field.number != CONCRETE_FUNCTIONS) continue;
        bytes key, value;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        if (!bytes_equal(key, name)) continue;
        id_list list = {0};
        TRY(each_bound_input(value, g->file, &list, err));
        list.ids = arena_zalloc(a, list.count + 1, sizeof *list.ids);
        if (!list.ids) return fail_memory(err);
        TRY(each_bound_input(value, g->file, &list, err));
        *out = list.ids;
        *n = list.count;
        return INLAY_OK;
    }
    return fail_at(err, INLAY_NOT_FOUND, g->file, -1, "the object graph has no function %.*s",
                   (int)(name.size < 200 ? name.size : 200), (const char *)name.data);
}
