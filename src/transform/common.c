/* Nodes that do the same to the same inputs become one. */
#include "transform/passes.h"

enum { LONGEST_KEY = 1024 }; /* bytes: large constants are not compared */

enum { FLOW = OP_SWITCH | OP_MERGE | OP_ENTER | OP_EXIT | OP_LOOP };

static bool is_plain(const graph_node *n) {
    return n->def && !(n->def->flags & (OP_STATEFUL | FLOW)) && n->n_controls == 0 && n->def->out && !n->value;
}

/* What makes N what it is. False when it is too long to compare. */
static bool key_of(const graph_node *n, buffer *key) {
    buffer_clear(key);
    buffer_append_text(key, n->op);
    for (int k = 0; k < n->n_inputs; k++) {
        uint64_t from[2] = {n->inputs[k].node->index, (uint64_t)n->inputs[k].output};
        buffer_append(key, from, sizeof from);
    }
    for (int k = 0; k < n->n_attributes && key->size < LONGEST_KEY; k++) {
        const attr *a = &n->attributes[k];
        if (a->value.size > LONGEST_KEY) return false;
        if (a->name.size && a->name.data[0] == '_') continue; /* notes, without meaning */
        uint64_t sizes[2] = {a->name.size, a->value.size};
        buffer_append(key, sizes, sizeof sizes);
        buffer_append_bytes(key, a->name);
        buffer_append_bytes(key, a->value);
    }
    return key->size < LONGEST_KEY;
}

/* N's like that came before, if there is one; else N is noted. */
static inlay_status find_like(program *p, graph_node *n, map *seen, buffer *key, graph_node **like, inlay_error *err) {
    uint64_t found;
    *like = n;
    if (!is_plain(n) || !key_of(n, key)) return INLAY_OK;
    TRY(buffer_check(key, err));
    if (map_get(seen, buffer_bytes(key), &found)) {
        *like = (graph_node *)(uintptr_t)found;
        return INLAY_OK;
    }
    char *kept = arena_copy(&p->g.memory, buffer_bytes(key));
    if (!kept) return fail_memory(err);
    return map_put(seen, bytes_make(kept, key->size), (uintptr_t)n, err);
}

inlay_status pass_common(program *p, op_host *host, inlay_error *err) {
    (void)host;
    graph_node **order, **likes;
    size_t count;
    map seen = {0};
    buffer key = {0};
    TRY(program_order(p, &order, &count, err));
    likes = mem_zalloc(p->g.n_nodes + 1, sizeof(graph_node *));
    inlay_status status = likes ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < count && status == INLAY_OK; i++) likes[order[i]->index] = order[i];
    for (size_t i = 0; i < count && status == INLAY_OK; i++) {
        graph_node *n = order[i];
        for (int k = 0; k < n->n_inputs; k++) n->inputs[k].node = likes[n->inputs[k].node->index];
        status = find_like(p, n, &seen, &key, &likes[n->index], err);
    }
    for (size_t i = 0; i < p->n_fetches && status == INLAY_OK; i++)
        p->fetches[i].node = likes[p->fetches[i].node->index];
    mem_free(likes);
    map_free(&seen);
    buffer_free(&key);
    return status;
}
