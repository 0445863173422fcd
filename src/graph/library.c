/* The functions and op rows that a model brings along. */
#include "graph/graph.h"

enum { GRAPH_LIBRARY = 2, LIBRARY_FUNCTION = 1, FUNCTION_SIGNATURE = 1, OP_LIST_OP = 1, OP_NAME = 1 };

static inlay_status add_function(graph_library *l, bytes function, size_t *capacity, const graph_source *source,
                                 inlay_error *err) {
    wire_field signature, name;
    bool found;
    TRY(wire_find(function, FUNCTION_SIGNATURE, source->file, &signature, &found, err));
    if (found) TRY(wire_find(signature.data, OP_NAME, source->file, &name, &found, err));
    if (!found || name.type != WIRE_BYTES)
        return fail_at(err, INLAY_DATA_LOSS, source->file, function.data - source->origin, "a function has no name");
    if (l->count == *capacity) {
        size_t more = *capacity ? *capacity * 2 : 16;
        bytes *items = mem_realloc(l->items, more * sizeof *items);
        if (!items) return fail_memory(err);
        l->items = items;
        *capacity = more;
    }
    l->items[l->count] = function;
    return map_put(&l->functions, name.data, l->count++, err);
}

static inlay_status add_functions(graph_library *l, wire_reader r, const graph_source *source, inlay_error *err) {
    size_t capacity = 0;
    for (;;) {
        wire_field f, inner;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != GRAPH_LIBRARY || f.type != WIRE_BYTES) continue;
        for (wire_reader library = wire_enter(&r, &f);;) {
            TRY(wire_next(&library, &inner, &got, err));
            if (!got) break;
            if (inner.number == LIBRARY_FUNCTION && inner.type == WIRE_BYTES)
                TRY(add_function(l, inner.data, &capacity, source, err));
        }
    }
}

static inlay_status add_op_defs(graph_library *l, wire_reader r, inlay_error *err) {
    for (;;) {
        wire_field f, name;
        bool got, found;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != OP_LIST_OP || f.type != WIRE_BYTES) continue;
        TRY(wire_find(f.data, OP_NAME, r.file, &name, &found, err));
        if (!found || name.type != WIRE_BYTES || opdef_find(name.data)) continue;
        op_def *def;
        TRY(opdef_from_proto(f.data, &l->memory, &def, err));
        TRY(map_put(&l->op_defs, bytes_of(def->name), (uintptr_t)def, err));
    }
}

inlay_status graph_library_init(graph_library *l, bytes graph_def, bytes op_list, const graph_source *source,
                                inlay_error *err) {
    *l = (graph_library){0};
    arena_init(&l->memory, 0);
    inlay_status status = add_functions(l, wire_open(graph_def, source->file, source->origin), source, err);
    if (status == INLAY_OK) status = add_op_defs(l, wire_open(op_list, source->file, source->origin), err);
    if (status != INLAY_OK) graph_library_free(l);
    return status;
}

void graph_library_free(graph_library *l) {
    map_free(&l->functions);
    map_free(&l->op_defs);
    mem_free(l->items);
    arena_free(&l->memory);
    *l = (graph_library){0};
}

bool graph_library_find(const graph_library *l, bytes name, bytes *function) {
    uint64_t index;
    if (!l || !map_get(&l->functions, name, &index)) return false;
    *function = l->items[index];
    return true;
}

const op_def *graph_op_def(const graph_library *l, bytes name) {
    const op_def *ours = opdef_find(name);
    uint64_t value;
    if (ours || !l || !map_get(&l->op_defs, name, &value)) return ours;
    return (const op_def *)(uintptr_t)value;
}
