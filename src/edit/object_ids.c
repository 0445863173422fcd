#include "edit/object_ids.h"

#include "base/alloc.h"
#include "proto/wire.h"

enum { DEPTH = 6, NODES = 1, FUNCTIONS = 2, CHILDREN = 1 };

/* The fields that hold numbers of nodes, as paths of field numbers. SavedObjectGraph: nodes 1 {children 1 {node_id 1},
 * slot_variables 3 {original_variable_node_id 1, slot_variable_node_id 3}, saveable_objects 11 (a map) {save_function
 * 2, restore_function 3}, dependencies 15 {node_id 1}}, concrete_functions 2 (a map) {bound_inputs 2}.
 * TrackableObjectGraph: children and slot_variables alike. */
static const uint32_t saved_paths[][DEPTH] = {{NODES, CHILDREN, 1}, {NODES, 3, 1},  {NODES, 3, 3},    {NODES, 11, 2, 2},
                                              {NODES, 11, 2, 3},    {NODES, 15, 1}, {FUNCTIONS, 2, 2}};
static const uint32_t checkpoint_paths[][DEPTH] = {{NODES, CHILDREN, 1}, {NODES, 3, 1}, {NODES, 3, 3}};

typedef struct renumbering {
    const uint32_t (*paths)[DEPTH];
    size_t n_paths;
    const bool *gone;
    const uint64_t *to; /* [n] */
    size_t n;
    const char *const *functions; /* NULL-terminated, or NULL */
    const char *file;
    buffer *numbers;    /* scratch */
    bool changed, lost; /* of the numbers in one field */
} renumbering;

static inlay_status add_number(void *ctx, uint64_t value, inlay_error *err) {
    renumbering *r = ctx;
    if (value >= r->n)
        return fail_at(err, INLAY_DATA_LOSS, r->file, -1, "the object graph refers to node %llu of %zu",
                       (unsigned long long)value, r->n);
    r->changed |= r->to[value] != value;
    r->lost |= r->gone && r->gone[value];
    wire_put_varint(r->numbers, r->to[value]);
    return INLAY_OK;
}

static inlay_status put_numbers(renumbering *r, const wire_reader *in, const wire_field *f, buffer *out, bool *lost,
                                inlay_error *err) {
    buffer_clear(r->numbers);
    r->changed = r->lost = false;
    TRY(wire_numbers(in, f, WIRE_VARINT, add_number, r, err));
    *lost |= r->lost;
    if (!r->changed) {
        buffer_append_bytes(out, f->whole);
    } else if (f->type == WIRE_BYTES) {
        wire_put_message(out, f->number, r->numbers);
    } else {
        wire_put_varint(out, (uint64_t)f->number << 3 | WIRE_VARINT);
        buffer_append_bytes(out, buffer_bytes(r->numbers));
    }
    return INLAY_OK;
}

/* Copies MESSAGE, which the paths of MASK lead to at DEPTH. *lost: it holds the number of a node that goes. */
static inlay_status put_message(renumbering *r, bytes message, unsigned depth, unsigned mask, buffer *out, bool *lost,
                                inlay_error *err) {
    wire_reader in = wire_open(message, r->file, NULL);
    for (;;) {
        wire_field f;
        bool got, leaf = false, part_lost = false;
        unsigned on = 0;
        TRY(wire_next(&in, &f, &got, err));
        if (!got) return INLAY_OK;
        for (size_t i = 0; i < r->n_paths; i++)
            if ((mask >> i & 1) && r->paths[i][depth] == f.number) {
                on |= 1u << i;
                leaf |= r->paths[i][depth + 1] == 0;
            }
        if (leaf && (f.type == WIRE_VARINT || f.type == WIRE_BYTES)) {
            TRY(put_numbers(r, &in, &f, out, lost, err));
            continue;
        }
        if (!on || leaf || f.type != WIRE_BYTES) {
            buffer_append_bytes(out, f.whole);
            continue;
        }
        buffer inner = {0};
        inlay_status status = put_message(r, f.data, depth + 1, on, &inner, &part_lost, err);
        bool child = depth == 1 && f.number == CHILDREN && r->paths[__builtin_ctz(on)][0] == NODES;
        if (status == INLAY_OK && part_lost && !child)
            status = fail_at(err, INLAY_FAILED_PRECONDITION, r->file, -1,
                             "the object graph needs an object that is to be removed");
        if (status == INLAY_OK && !part_lost) {
            if (bytes_equal(buffer_bytes(&inner), f.data) && !inner.failed)
                buffer_append_bytes(out, f.whole);
            else
                wire_put_message(out, f.number, &inner);
        }
        buffer_free(&inner);
        TRY(status);
    }
}

/* The whole graph: nodes and functions that go are left out before anything in them is looked at. */
static inlay_status put_graph(renumbering *r, bytes message, buffer *out, inlay_error *err) {
    wire_reader in = wire_open(message, r->file, NULL);
    size_t node = 0;
    for (;;) {
        wire_field f;
        bool got, lost = false;
        bytes key, value;
        TRY(wire_next(&in, &f, &got, err));
        if (!got) break;
        if (f.number == NODES && r->gone && node < r->n && r->gone[node++]) continue;
        if (f.number == FUNCTIONS && r->functions) {
            TRY(wire_map_entry(&in, &f, &key, &value, err));
            const char *const *name = r->functions;
            while (*name && !bytes_is(key, *name)) name++;
            if (*name) continue;
        }
        TRY(put_message(r, f.whole, 0, (1u << r->n_paths) - 1, out, &lost, err));
    }
    return buffer_check(out, err);
}

static inlay_status renumber(renumbering *r, object_kind kind, bytes message, buffer *out, inlay_error *err) {
    buffer numbers = {0};
    bool saved = kind == SAVED_OBJECTS;
    r->paths = saved ? saved_paths : checkpoint_paths;
    r->n_paths = saved ? sizeof saved_paths / sizeof *saved_paths : sizeof checkpoint_paths / sizeof *checkpoint_paths;
    r->numbers = &numbers;
    inlay_status status = put_graph(r, message, out, err);
    if (status == INLAY_OK) status = buffer_check(&numbers, err);
    buffer_free(&numbers);
    return status;
}

inlay_status object_graph_renumber(bytes message, object_kind kind, const uint64_t *to, size_t n, const char *file,
                                   buffer *out, inlay_error *err) {
    renumbering r = {.to = to, .n = n, .file = file};
    return renumber(&r, kind, message, out, err);
}

inlay_status object_graph_without(bytes message, object_kind kind, const bool *gone, size_t n,
                                  const char *const *functions, const char *file, buffer *out, inlay_error *err) {
    uint64_t *to = mem_array(n + 1, sizeof *to), next = 0;
    if (!to) return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        to[i] = next;
        next += !gone[i];
    }
    renumbering r = {.gone = gone, .to = to, .n = n, .functions = functions, .file = file};
    inlay_status status = renumber(&r, kind, message, out, err);
    mem_free(to);
    return status;
}
