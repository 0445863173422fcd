/* Signatures as callers see them. */
#include "model/model_private.h"

static bool is_hidden(const char *key) {
    return strcmp(key, "__saved_model_init_op") == 0 || strcmp(key, "__saved_model_train_op") == 0;
}

static bool has_default(const model *m, const saved_signature *s, const saved_tensor *t) {
    for (size_t i = 0; i < s->default_count; i++)
        if (strcmp(s->defaults[i].key, t->key) == 0) return true;
    graph_edge e;
    return t->form == SAVED_DENSE && graph_find_tensor(&m->g, bytes_of(t->name), &e, NULL) == INLAY_OK &&
           e.output == 0 && strcmp(e.node->op, "PlaceholderWithDefault") == 0;
}

static inlay_status list_endpoints(model *m, const saved_signature *s, const saved_tensor *tensors, size_t n,
                                   bool inputs, const inlay_endpoint **out, inlay_error *err) {
    inlay_endpoint *list = arena_zalloc(&m->memory, n + 1, sizeof *list);
    if (!list) return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        list[i] = (inlay_endpoint){.key = tensors[i].key,
                                   .tensor = tensors[i].name,
                                   .dtype = tensors[i].type,
                                   .rank = tensors[i].dims.rank,
                                   .dims = tensors[i].dims.dims,
                                   .optional = inputs && has_default(m, s, &tensors[i])};
    *out = list;
    return INLAY_OK;
}

static dtype edge_type(graph_edge e, arena *memory) {
    op_values values;
    if (!e.node->def) return INLAY_INVALID_DTYPE;
    attrs a = graph_attrs(e.node);
    bool found = opdef_values(e.node->def->out, &a, memory, &values, NULL) == INLAY_OK && e.output >= 0 &&
                 e.output < values.count;
    return found ? values.items[e.output].type : INLAY_INVALID_DTYPE;
}

/* What the graph says of tensor T, else what the signature says. */
static dtype graph_type(model *m, const saved_tensor *t) {
    graph_edge e;
    if (t->form != SAVED_DENSE || graph_find_tensor(&m->g, bytes_of(t->name), &e, NULL) != INLAY_OK) return t->type;
    dtype found = edge_type(e, &m->memory);
    return found == INLAY_INVALID_DTYPE ? t->type : found;
}

inlay_status model_tensor_type(const model *m, const char *name, dtype *out, inlay_error *err) {
    graph_edge e;
    arena scratch;
    *out = INLAY_INVALID_DTYPE;
    TRY(graph_find_tensor(&m->g, bytes_of(name), &e, err));
    arena_init(&scratch, 0);
    *out = edge_type(e, &scratch);
    arena_free(&scratch);
    return INLAY_OK;
}

inlay_status model_list_signatures(model *m, inlay_error *err) {
    const saved_metagraph *g = m->graph_of;
    m->signatures = arena_zalloc(&m->memory, g->signature_count + 1, sizeof *m->signatures);
    if (!m->signatures) return fail_memory(err);
    for (size_t i = 0; i < g->signature_count; i++) {
        const saved_signature *s = &g->signatures[i];
        if (is_hidden(s->key)) continue;
        model_signature_entry *entry = &m->signatures[m->n_signatures++];
        entry->saved = s;
        entry->shown = (inlay_signature){
            .key = s->key, .method = s->method, .n_inputs = s->input_count, .n_outputs = s->output_count};
        TRY(list_endpoints(m, s, s->inputs, s->input_count, true, &entry->shown.inputs, err));
        entry->input_types = arena_zalloc(&m->memory, s->input_count + 1, sizeof *entry->input_types);
        if (!entry->input_types) return fail_memory(err);
        for (size_t k = 0; k < s->input_count; k++) entry->input_types[k] = graph_type(m, &s->inputs[k]);
        TRY(list_endpoints(m, s, s->outputs, s->output_count, false, &entry->shown.outputs, err));
    }
    return INLAY_OK;
}

size_t model_signature_count(const model *m) {
    return m->n_signatures;
}

const inlay_signature *model_signature(const model *m, size_t index) {
    return index < m->n_signatures ? &m->signatures[index].shown : NULL;
}

const inlay_signature *model_find_signature(const model *m, const char *key) {
    for (size_t i = 0; i < m->n_signatures; i++)
        if (strcmp(m->signatures[i].shown.key, key) == 0) return &m->signatures[i].shown;
    return NULL;
}

size_t model_variable_count(const model *m) {
    return m->variables ? bundle_count(m->variables) : 0;
}

bool model_variable(const model *m, size_t index, inlay_variable *out) {
    if (index >= model_variable_count(m)) return false;
    const bundle_entry *e = bundle_at(m->variables, index);
    *out = (inlay_variable){.key = (const char *)e->key.data,
                            .dtype = e->type,
                            .rank = e->dims.rank,
                            .dims = e->dims.dims,
                            .shard = e->shard,
                            .offset = e->offset,
                            .bytes = e->size,
                            .index_bytes = index_set_bytes(m->indexes, e->key)};
    return true;
}
