/* GraphDef messages for tests, written node by node, and one call that imports, plans and runs them. */
#ifndef UNIT_GRAPH_MAKER_H
#define UNIT_GRAPH_MAKER_H

#include "unit/unit.h"

#include "proto/wire.h"
#include "runtime/plan.h"

/* One attribute. */
typedef struct maker_attr {
    const char *name;
    char kind; /* 'i', 'b', 't' (dtype), 's', 'l' (list of ints), 'T' (list of dtypes), 'v' (tensor), 'f' (function),
                  'F' (float), 'S' (shape), 'p' (placeholder) */
    int64_t number;
    const char *text;
    const int64_t *list;
    size_t count;
    const tensor *value;
    double real;
} maker_attr;

static inline void put_shape(buffer *b, const int64_t *dims, size_t rank) {
    size_t mark = wire_begin(b, 7);
    shape s = {.rank = (int)rank};
    for (size_t i = 0; i < rank; i++) s.dims[i] = dims[i];
    shape_proto_write(b, &s);
    wire_end(b, mark);
}

static inline void put_value(buffer *b, const maker_attr *a) {
    switch (a->kind) {
    case 'i': attr_put_int(b, a->number); break;
    case 'b': attr_put_bool(b, a->number != 0); break;
    case 't': attr_put_type(b, (dtype)a->number); break;
    case 's': attr_put_text(b, bytes_of(a->text)); break;
    case 'l': attr_put_ints(b, a->list, a->count); break;
    case 'F': wire_put_float(b, 4, (float)a->real); break;
    case 'S': put_shape(b, a->list, a->count); break;
    case 'p': wire_put_text(b, 9, a->text); break;
    case 'T': {
        size_t list = wire_begin(b, 1), packed = wire_begin(b, 6);
        for (size_t i = 0; i < a->count; i++) wire_put_varint(b, (uint64_t)a->list[i]);
        wire_end(b, packed);
        wire_end(b, list);
        break;
    }
    case 'v': {
        size_t mark = wire_begin(b, 8);
        assert_int_equal(tensor_proto_write(b, a->value, NULL), INLAY_OK);
        wire_end(b, mark);
        break;
    }
    case 'f': {
        size_t mark = wire_begin(b, 10);
        wire_put_text(b, 1, a->text);
        wire_end(b, mark);
        break;
    }
    default: fail_msg("no attribute kind '%c'", a->kind);
    }
}

/* Appends a NodeDef as field NUMBER (1 in a GraphDef, 3 in a FunctionDef). INPUTS: names separated by blanks. */
static inline void put_node(buffer *b, uint32_t number, const char *name, const char *op, const char *inputs,
                            const maker_attr *attributes) {
    size_t node = wire_begin(b, number);
    wire_put_text(b, 1, name);
    wire_put_text(b, 2, op);
    for (const char *p = inputs; p && *p;) {
        size_t size = strcspn(p, " ");
        wire_put_bytes(b, 3, bytes_make(p, size));
        p += size + (p[size] == ' ');
    }
    for (; attributes && attributes->name; attributes++) {
        buffer value = {0};
        put_value(&value, attributes);
        wire_put_map(b, 5, bytes_of(attributes->name), &value);
        buffer_free(&value);
    }
    wire_end(b, node);
}

#define ATTRS(...) ((const maker_attr[]){__VA_ARGS__, {0}})
#define INT_ATTR(n, v) \
    { .name = n, .kind = 'i', .number = v }
#define BOOL_ATTR(n, v) \
    { .name = n, .kind = 'b', .number = v }
#define TYPE_ATTR(n, v) \
    { .name = n, .kind = 't', .number = v }
#define TEXT_ATTR(n, v) \
    { .name = n, .kind = 's', .text = v }
#define FUNC_ATTR(n, v) \
    { .name = n, .kind = 'f', .text = v }
#define FLOAT_ATTR(n, v) \
    { .name = n, .kind = 'F', .real = v }
#define VALUE_ATTR(n, v) \
    { .name = n, .kind = 'v', .value = v }
#define PLACEHOLDER_ATTR(n, v) \
    { .name = n, .kind = 'p', .text = v }
#define INTS(...) .list = (const int64_t[]){__VA_ARGS__}, .count = sizeof((const int64_t[]){__VA_ARGS__}) / 8
#define LIST_ATTR(n, ...) \
    { .name = n, .kind = 'l', INTS(__VA_ARGS__) }
#define TYPES_ATTR(n, ...) \
    { .name = n, .kind = 'T', INTS(__VA_ARGS__) }
#define SHAPE_ATTR(n, ...) \
    { .name = n, .kind = 'S', INTS(__VA_ARGS__) }

static inline void put_constant(buffer *b, const char *name, tensor *value) {
    put_node(b, 1, name, "Const", "", ATTRS(TYPE_ATTR("dtype", value->type), VALUE_ATTR("value", value)));
    tensor_release(value);
}

/* Tensors for tests: DIMS ends with -1. */
static inline tensor *make_tensor(dtype t, const int64_t *dims, const void *data) {
    shape s = {0};
    while (dims && dims[s.rank] >= 0) s.rank++;
    for (int i = 0; i < s.rank; i++) s.dims[i] = dims[i];
    tensor *out;
    assert_int_equal(tensor_new(t, &s, NULL, &out, NULL), INLAY_OK);
    memcpy(out->data, data, out->size);
    return out;
}
#define DIMS(...) ((const int64_t[]){__VA_ARGS__, -1})
#define F32(dims, ...) make_tensor(INLAY_FLOAT32, dims, (const float[]){__VA_ARGS__})
#define I32(dims, ...) make_tensor(INLAY_INT32, dims, (const int32_t[]){__VA_ARGS__})
#define I64(dims, ...) make_tensor(INLAY_INT64, dims, (const int64_t[]){__VA_ARGS__})
#define SCALAR ((const int64_t[]){-1})

/* A session for tests: resources, no files. */
typedef struct small_session {
    resource_store resources;
    op_host host;
    graph_library library;
    graph model;
} small_session;

/* Takes B, which must stay until small_close. */
static inline inlay_status small_open(small_session *s, const buffer *b, inlay_error *err) {
    *s = (small_session){0};
    graph_source source = {.file = "graph.pb", .origin = b->data};
    assert_int_equal(resource_store_init(&s->resources, NULL), INLAY_OK);
    s->host.resources = &s->resources;
    graph_init(&s->model, NULL, &source, 0);
    TRY(graph_library_init(&s->library, buffer_bytes(b), (bytes){0}, &source, err));
    s->model.functions = &s->library;
    return graph_import(&s->model, buffer_bytes(b), err);
}

static inline void small_close(small_session *s) {
    graph_free(&s->model);
    graph_library_free(&s->library);
    resource_store_free(&s->resources);
}

/* A plan for feeds and fetches given as names separated by blanks; "^name" among the fetches is a target. */
static inline inlay_status small_plan(small_session *s, const char *feeds, const char *fetches, plan **out,
                                      inlay_error *err) {
    graph_edge in[16], wanted[16];
    graph_node *targets[16];
    program_request request = {.feeds = in, .fetches = wanted, .targets = targets, .node_limit = 10000};
    *out = NULL;
    for (const char *p = feeds; p && *p;) {
        size_t size = strcspn(p, " ");
        TRY(graph_find_tensor(&s->model, bytes_make(p, size), &in[request.n_feeds++], err));
        p += size + (p[size] == ' ');
    }
    for (const char *p = fetches; p && *p;) {
        size_t size = strcspn(p, " ");
        graph_edge e;
        TRY(graph_find_tensor(&s->model, bytes_make(p, size), &e, err));
        if (e.output < 0)
            targets[request.n_targets++] = e.node;
        else
            wanted[request.n_fetches++] = e;
        p += size + (p[size] == ' ');
    }
    program made;
    TRY(program_make(&s->model, &request, &made, err));
    return plan_make(&made, &s->host, out, err);
}

/* Imports, plans and runs, in 1 GiB. */
static inline inlay_status small_run(small_session *s, const char *feeds, tensor *const *given, const char *fetches,
                                     tensor **fetched, inlay_error *err) {
    plan *p;
    TRY(small_plan(s, feeds, fetches, &p, err));
    mem_budget *budget = mem_budget_new(1 << 30);
    run_options options = {.budget = budget};
    inlay_status status = plan_run(p, given, fetched, &options, err);
    mem_budget_leave(budget);
    plan_free(p);
    return status;
}

static inline void assert_f32(tensor *t, const float *wanted, int64_t count) {
    assert_int_equal(t->type, INLAY_FLOAT32);
    assert_int_equal(t->count, count);
    for (int64_t i = 0; i < count; i++)
        if (!(tensor_f32(t)[i] == wanted[i] || (tensor_f32(t)[i] != tensor_f32(t)[i] && wanted[i] != wanted[i])))
            fail_msg("element %lld is %g, not %g", (long long)i, (double)tensor_f32(t)[i], (double)wanted[i]);
    tensor_release(t);
}

#endif
