/* Parsing tf.Example into dense, sparse and ragged features. */
#include "op/example.h"
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"

enum { BATCH_V1 = 1, BATCH_V2, ONE };

typedef struct example_state {
    int n_sparse, n_dense, n_ragged;
    shape *dense_shapes;
    int version;                     /* of the above */
    bytes *sparse_keys, *dense_keys; /* ONE: from attributes; else NULL */
} example_state;

static inlay_status read_keys(const attrs *a, arena *memory, example_state *state, inlay_error *err) {
    size_t sparse, dense;
    TRY(attr_texts(a, "sparse_keys", memory, &state->sparse_keys, &sparse, err));
    TRY(attr_texts(a, "dense_keys", memory, &state->dense_keys, &dense, err));
    if (sparse == (size_t)state->n_sparse && dense == (size_t)state->n_dense) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "the keys do not fit the dtypes in number");
}

static inlay_status example_prepare(op_node *node, op_setting *s, inlay_error *err) {
    example_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    dtype *types;
    size_t count;
    state->version = node->impl->detail;
    TRY(attr_shapes(a, "dense_shapes", s->memory, &state->dense_shapes, &count, err));
    state->n_dense = (int)count;
    TRY(attr_types(a, "sparse_types", s->memory, &types, &count, err));
    state->n_sparse = (int)count;
    if (state->version == BATCH_V2) {
        TRY(attr_types(a, "ragged_value_types", s->memory, &types, &count, err));
        state->n_ragged = (int)count;
    }
    if (state->version == ONE) TRY(read_keys(a, s->memory, state, err));
    int fixed = state->version == BATCH_V2 ? 5 : state->version == ONE ? 1 : 2 + state->n_sparse + state->n_dense;
    if (node->in.count != fixed + state->n_dense ||
        node->out.count != 3 * state->n_sparse + state->n_dense + 2 * state->n_ragged)
        return fail(err, INLAY_INVALID_ARGUMENT, "the attributes do not fit the inputs and outputs");
    node->state = state;
    return INLAY_OK;
}

/* Key number I of COUNT: an attribute's, an input's from FIRST on (V1), or an element of one (V2). */
static inlay_status key_at(const op_call *c, const bytes *given, int first, int i, int count, bytes *out,
                           inlay_error *err) {
    const example_state *e = c->node->state;
    bool second = e->version == 2;
    if (given) {
        *out = given[i];
        return INLAY_OK;
    }
    const tensor *t = c->in[second ? first : first + i];
    if (t->count != (second ? count : 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld keys for %d features", (long long)t->count, count);
    *out = tensor_string(t, second ? i : 0);
    return INLAY_OK;
}

static inlay_status add_slot(const op_call *c, parse *p, slot_form form, int i, inlay_error *err) {
    const example_state *e = c->node->state;
    slot s = {.form = form};
    const op_value *out = c->node->out.items;
    if (form == SPARSE) {
        TRY(key_at(c, e->sparse_keys, 2, i, e->n_sparse, &s.name, err));
        s.out = i;
        s.out_values = e->n_sparse + i;
        s.out_extra = 2 * e->n_sparse + i;
        s.type = out[s.out_values].type;
    } else if (form == DENSE) {
        TRY(key_at(c, e->dense_keys, e->version == BATCH_V2 ? 3 : 2 + e->n_sparse, i, e->n_dense, &s.name, err));
        s.out = 3 * e->n_sparse + i;
        s.type = out[s.out].type;
        s.fallback = c->in[c->node->in.count - e->n_dense + i];
        s.dims = e->dense_shapes[i];
    } else {
        TRY(key_at(c, NULL, 4, i, e->n_ragged, &s.name, err));
        s.out = 3 * e->n_sparse + e->n_dense + i;
        s.out_extra = s.out + e->n_ragged;
        s.type = out[s.out].type;
    }
    return example_add(c, p, &s, err);
}

static inlay_status read_wishes(const op_call *c, parse *p, inlay_error *err) {
    const example_state *e = c->node->state;
    p->slots = mem_zalloc((size_t)e->n_sparse + (size_t)e->n_dense + (size_t)e->n_ragged, sizeof *p->slots);
    if (!p->slots) return fail_memory(err);
    for (int i = 0; i < e->n_sparse; i++) TRY(add_slot(c, p, SPARSE, i, err));
    for (int i = 0; i < e->n_dense; i++) TRY(add_slot(c, p, DENSE, i, err));
    for (int i = 0; i < e->n_ragged; i++) TRY(add_slot(c, p, RAGGED, i, err));
    return INLAY_OK;
}

static inlay_status example_run(op_call *c, inlay_error *err) {
    const example_state *e = c->node->state;
    const tensor *in = c->in[0];
    parse p = {.n = in->count, .single = e->version != BATCH_V1 && in->dims.rank == 0};
    if (e->version == ONE && !p.single)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected serialized to be a scalar, got rank %d", in->dims.rank);
    if (in->dims.rank != 1 && !p.single)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected serialized to be a vector, got rank %d", in->dims.rank);
    inlay_status status = read_wishes(c, &p, err);
    if (status == INLAY_OK) status = example_begin_reading(&p, err);
    for (int64_t i = 0; status == INLAY_OK && i < p.n; i++)
        status = example_read(&p, example_begin(tensor_string(in, i)), tensor_string(in, i), i, err);
    if (status == INLAY_OK) status = example_put_all(c, &p, err);
    example_free(&p);
    return status;
}

const op_impl example_impls[] = {
    {"ParseExample", .run = example_run, .prepare = example_prepare, .detail = BATCH_V1},
    {"ParseExampleV2", .run = example_run, .prepare = example_prepare, .detail = BATCH_V2},
    {"ParseSingleExample", .run = example_run, .prepare = example_prepare, .detail = ONE},
};
OP_FAMILY_END(example);
