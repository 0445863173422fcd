/* FunctionDef bodies. */
#include "graph/import.h"

#include "base/num.h"

enum { SIGNATURE = 1, NODE = 3, RET = 4, CONTROL_RET = 6 };

/* The nodes of one list argument, "name" and "name:k" in the body. */
static inlay_status add_args(import *im, const op_def *signature, const attrs *call, graph_function *out,
                             inlay_error *err) {
    op_values values;
    TRY(opdef_values(signature->in, call, &im->scratch, &values, err));
    out->args = arena_zalloc(&im->g->memory, (size_t)values.count + 1, sizeof *out->args);
    if (!out->args) return fail_memory(err);
    op_arg arg;
    for (const char *next = signature->in; op_arg_next(&next, &arg);) {
        op_values own;
        char *one = arena_format(&im->scratch, "%.*s:%s%.*s%s%.*s", (int)arg.name.size, (const char *)arg.name.data,
                                 arg.is_ref ? "&" : "", (int)arg.number.size, (const char *)arg.number.data,
                                 arg.number.size ? "*" : "", (int)arg.type.size, (const char *)arg.type.data);
        if (!one) return fail_memory(err);
        TRY(opdef_values(one, call, &im->scratch, &own, err));
        for (int k = 0; k < own.count; k++) {
            char *name = k ? arena_format(&im->scratch, "%.*s:%d", (int)arg.name.size, (const char *)arg.name.data, k)
                           : arena_copy(&im->scratch, arg.name);
            import_node *in;
            if (!name) return fail_memory(err);
            TRY(import_add(im, bytes_of(name), "_Arg", &in, err));
            buffer b = {0};
            attr_put_type(&b, own.items[k].type);
            inlay_status status = graph_set_attr(im->g, in->node, "T", &b, err);
            if (status == INLAY_OK) {
                attr_put_int(&b, (int64_t)out->n_args);
                status = graph_set_attr(im->g, in->node, "index", &b, err);
            }
            buffer_free(&b);
            TRY(status);
            out->args[out->n_args++] = in->node;
        }
    }
    return INLAY_OK;
}

/* Index behind the last ':' of NAME, and what stands before it. */
static bool split_index(bytes name, bytes *before, int64_t *index) {
    const uint8_t *colon = name.size ? memrchr(name.data, ':', name.size) : NULL;
    if (!colon || colon + 1 == name.data + name.size) return false;
    *index = 0;
    for (const uint8_t *p = colon + 1; p < name.data + name.size; p++) {
        if (*p < '0' || *p > '9' || *index > OP_MAX_VALUES) return false;
        *index = *index * 10 + (*p - '0');
    }
    *before = bytes_make(name.data, (size_t)(colon - name.data));
    return true;
}

/* "argument", "argument:k", "node:output:k", "^node". An unknown op's outputs go by k alone: it cannot run anyway. */
static inlay_status resolve_in_body(import *im, bytes name, graph_edge *out, inlay_error *err) {
    int64_t k;
    bytes before;
    *out = (graph_edge){0};
    if (name.size && name.data[0] == '^') {
        out->node = import_find(im, bytes_make(name.data + 1, name.size - 1));
        out->output = -1;
        if (out->node) return INLAY_OK;
    } else if ((out->node = import_find(im, name)) != NULL) {
        return INLAY_OK;
    } else if (split_index(name, &before, &k)) {
        out->node = k == 0 ? import_find(im, before) : NULL;
        if (out->node) return INLAY_OK;
        const uint8_t *colon = before.size ? memrchr(before.data, ':', before.size) : NULL;
        if (colon) out->node = import_find(im, bytes_make(before.data, (size_t)(colon - before.data)));
        if (out->node && !out->node->def) {
            out->output = (int)k;
            return INLAY_OK;
        }
        if (out->node) {
            attrs a = graph_attrs(out->node);
            bytes output = bytes_make(colon + 1, (size_t)(before.data + before.size - colon - 1));
            return opdef_output(out->node->def, &a, output, k, &out->output, err);
        }
    }
    return fail(err, INLAY_INVALID_ARGUMENT, "'%.*s' is not in the function", (int)min_size(name.size, 200),
                (const char *)name.data);
}

/* The entry for KEY in map field NUMBER of the function. */
static inlay_status find_entry(bytes function, uint32_t number, bytes key, const char *file, bytes *value,
                               inlay_error *err) {
    wire_reader r = wire_open(function, file, NULL);
    for (;;) {
        wire_field f;
        bool got;
        bytes name;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number != number) continue;
        TRY(wire_map_entry(&r, &f, &name, value, err));
        if (bytes_equal(name, key)) return INLAY_OK;
    }
    return fail(err, INLAY_INVALID_ARGUMENT, "a function gives no '%.*s'", (int)min_size(key.size, 200),
                (const char *)key.data);
}

static inlay_status add_rets(import *im, bytes function, const op_def *signature, const attrs *call,
                             graph_function *out, inlay_error *err) {
    op_values values;
    TRY(opdef_values(signature->out, call, &im->scratch, &values, err));
    out->rets = arena_zalloc(&im->g->memory, (size_t)values.count + 1, sizeof *out->rets);
    if (!out->rets) return fail_memory(err);
    op_arg arg;
    for (const char *next = signature->out; op_arg_next(&next, &arg);) {
        bytes name;
        if (out->n_rets == (size_t)values.count) break;
        TRY(find_entry(function, RET, arg.name, im->g->source.file, &name, err));
        TRY(resolve_in_body(im, name, &out->rets[out->n_rets++], err));
    }
    if (out->n_rets != (size_t)values.count)
        return fail(err, INLAY_UNIMPLEMENTED, "function %s returns a list", signature->name);
    return INLAY_OK;
}

static inlay_status add_control_rets(import *im, bytes function, graph_function *out, inlay_error *err) {
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = wire_open(function, im->g->source.file, im->g->source.origin);
        size_t count = 0;
        for (;;) {
            wire_field f;
            bool got;
            bytes key, name;
            TRY(wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number != CONTROL_RET) continue;
            TRY(wire_map_entry(&r, &f, &key, &name, err));
            if (pass && !(out->controls[count] = import_find(im, name)))
                return fail(err, INLAY_INVALID_ARGUMENT, "'%.*s' is not in the function", (int)min_size(name.size, 200),
                            (const char *)name.data);
            count++;
        }
        out->n_controls = count;
        if (pass == 0 && !(out->controls = arena_zalloc(&im->g->memory, count + 1, sizeof *out->controls)))
            return fail_memory(err);
    }
    return INLAY_OK;
}

static inlay_status add_body(import *im, wire_reader r, graph_function *out, inlay_error *err) {
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number == NODE) TRY(import_node_def(im, &r, &f, err));
    }
    TRY(import_link(im, resolve_in_body, err));
    out->body = arena_zalloc(&im->g->memory, im->count + 1, sizeof *out->body);
    if (!out->body) return fail_memory(err);
    for (size_t i = 0; i < im->count; i++) out->body[i] = im->nodes[i].node;
    out->n_body = im->count;
    return INLAY_OK;
}

inlay_status graph_import_function(graph *g, bytes function, const char *prefix, const attrs *call, graph_function *out,
                                   inlay_error *err) {
    *out = (graph_function){0};
import im;
    import_begin(&im, g, prefix, call);
    inlay_status status = INLAY_OK;
    wire_field field;
    bool found;
    op_def *signature;
    TRY_TO(done, wire_find(function, SIGNATURE, g->source.file, &field, &found, err));
    if (!found) TRY_TO(done, fail(err, INLAY_DATA_LOSS, "a function has no signature"));
    TRY_TO(done, opdef_from_proto(field.data, &im.scratch, &signature, err));
    attrs given = {call ? call->items : NULL, call ? call->count : 0, signature->attrs};
    TRY_TO(done, add_args(&im, signature, &given, out, err));
    TRY_TO(done, add_body(&im, wire_open(function, g->source.file, g->source.origin), out, err));
    TRY_TO(done, add_rets(&im, function, signature, &given, out, err));
    status = add_control_rets(&im, function, out, err);
done:
    import_end(&im);
    return status;
}
