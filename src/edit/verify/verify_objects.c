#include "base/alloc.h"
#include "edit/object_graph.h"
#include "edit/verify/verify_parts.h"
#include "format/tensor_proto.h"

#include <inttypes.h>

/* The checkpoint's own object graph, a string scalar; data NULL when there is none, or it is damaged. */
static bytes checkpoint_objects(const verify_job *j) {
    checked *t = find_checked(j, bytes_of("_CHECKPOINTABLE_OBJECT_GRAPH"));
    strings_sum sum;
    if (!t || t->entry->type != INLAY_STRING || t->entry->dims.rank != 0 || !t->readable || !t->file->map || t->bad)
        return (bytes){0};
    bytes data = bytes_make(t->file->map->data + t->entry->offset, (size_t)t->entry->size);
    bundle_sum_lengths(t->entry, data, j->survey->big_endian, &sum);
    if (!sum.lengths_fit) return (bytes){0};
    return bytes_make(data.data + sum.head, data.size - sum.head);
}

/* ---- the checkpoint's graph against the index */

typedef struct attribute {
    bytes name, key;
} attribute;

/* The next attribute of the TrackableObject that R walks. */
static bool next_attribute(wire_reader *r, attribute *out, const char *file) {
    enum { ATTRIBUTES = 2 };
    wire_field field, part;
    bool got;
    while (wire_next(r, &field, &got, NULL) == INLAY_OK && got) {
        if (field.number != ATTRIBUTES || field.type != WIRE_BYTES) continue;
        *out = (attribute){bytes_make("", 0), bytes_make("", 0)};
        if (wire_find(field.data, 1, file, &part, &got, NULL) == INLAY_OK && got) out->name = part.data;
        if (wire_find(field.data, 3, file, &part, &got, NULL) == INLAY_OK && got) out->key = part.data;
        return true;
    }
    return false;
}

static void check_keys(verify_job *j, const object_graph *g) {
    for (size_t i = 0; i < g->n_nodes; i++) {
        wire_reader r = wire_open(g->nodes[i], g->file, NULL);
        attribute a;
        while (next_attribute(&r, &a, g->file)) {
            if (a.key.size == 0 || bundle_survey_find(j->survey, a.key)) continue;
            finding *f = findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_MISSING, j->survey->path,
                                      "the checkpoint's object graph names a key that the index has not got: %s",
                                      key_shown(&j->found, a.key));
            f->shown.key = (inlay_string){(const char *)a.key.data, a.key.size};
        }
    }
}

/* ---- the model's graph against the checkpoint's: children of the same names, from the roots on */

typedef struct matching {
    verify_job *j;
    object_graph saved, stored;
    int64_t *match; /* [saved.n_nodes] the checkpoint's node; -1: none */
    int64_t *queue;
} matching;

static void match_children(matching *m, int64_t node, size_t *tail) {
    wire_reader r = wire_open(m->saved.nodes[node], m->saved.file, NULL);
    wire_field field, id, label;
    bool got, has_id, has_label;
    while (wire_next(&r, &field, &got, NULL) == INLAY_OK && got) {
        if (field.number != 1 || field.type != WIRE_BYTES) continue;
        if (wire_find(field.data, 1, m->saved.file, &id, &has_id, NULL) != INLAY_OK ||
            wire_find(field.data, 2, m->saved.file, &label, &has_label, NULL) != INLAY_OK || !has_label)
            continue;
        uint64_t child = has_id ? id.value : 0;
        char *name = arena_copy(&m->j->a, label.data);
        int64_t stored = -1;
        if (!name) m->j->found.failed = true;
        if (!name || child >= m->saved.n_nodes || m->match[child] >= 0) continue;
        if (object_graph_child(&m->stored, m->match[node], name, &stored, NULL) != INLAY_OK || stored < 0) continue;
        m->match[child] = stored;
        m->queue[(*tail)++] = (int64_t)child;
    }
}

/* ---- slot variables, which optimizers have beside their children */

enum { SLOTS = 3 }; /* of SavedObject and of TrackableObject */

typedef struct slot {
    uint64_t original, variable; /* nodes */
    bytes name;
} slot;

static bool next_slot(wire_reader *r, slot *out, const char *file) {
    wire_field field, part;
    bool got;
    while (wire_next(r, &field, &got, NULL) == INLAY_OK && got) {
        if (field.number != SLOTS || field.type != WIRE_BYTES) continue;
        *out = (slot){0, 0, bytes_make("", 0)};
        if (wire_find(field.data, 1, file, &part, &got, NULL) == INLAY_OK && got) out->original = part.value;
        if (wire_find(field.data, 2, file, &part, &got, NULL) == INLAY_OK && got) out->name = part.data;
        if (wire_find(field.data, 3, file, &part, &got, NULL) == INLAY_OK && got) out->variable = part.value;
        return true;
    }
    return false;
}

/* The slots of NODE become those of its match that are of the same variable and have the same name. */
static void match_slots(matching *m, size_t node) {
    wire_reader r = wire_open(m->saved.nodes[node], m->saved.file, NULL);
    slot ours, theirs;
    while (next_slot(&r, &ours, m->saved.file)) {
        if (ours.original >= m->saved.n_nodes || ours.variable >= m->saved.n_nodes || m->match[ours.variable] >= 0)
            continue;
        wire_reader other = wire_open(m->stored.nodes[m->match[node]], m->stored.file, NULL);
        while (next_slot(&other, &theirs, m->stored.file))
            if ((int64_t)theirs.original == m->match[ours.original] && bytes_equal(theirs.name, ours.name) &&
                theirs.variable < m->stored.n_nodes)
                m->match[ours.variable] = (int64_t)theirs.variable;
    }
}

/* The bundle's key of the value of variable NODE of the checkpoint's graph; empty without one. */
static bytes value_key(const matching *m, int64_t node) {
    wire_reader r = wire_open(m->stored.nodes[node], m->stored.file, NULL);
    attribute a;
    while (next_attribute(&r, &a, m->stored.file))
        if (bytes_is(a.name, "VARIABLE_VALUE")) return a.key;
    return bytes_make("", 0);
}

static void check_variable(matching *m, size_t node, bytes variable) {
    verify_job *j = m->j;
    wire_field part;
    bool found;
    bytes name = bytes_make("", 0);
    if (wire_find(variable, 6, m->saved.file, &part, &found, NULL) == INLAY_OK && found) name = part.data;
    bytes key = m->match[node] >= 0 ? value_key(m, m->match[node]) : bytes_make("", 0);
    if (key.size == 0) {
        findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_MISSING, j->model->file,
                     "variable %s (node %zu of the object graph) has no value in the checkpoint's object graph",
                     key_shown(&j->found, name), node);
        return;
    }
    const bundle_entry *e = bundle_survey_find(j->survey, key);
    if (!e) return; /* told by check_keys */
    uint64_t type = wire_find(variable, 1, m->saved.file, &part, &found, NULL) == INLAY_OK && found ? part.value : 0;
    shape dims = {.rank = -1};
    if (wire_find(variable, 2, m->saved.file, &part, &found, NULL) == INLAY_OK && found &&
        shape_proto_read(wire_open(part.data, m->saved.file, NULL), &dims, NULL) != INLAY_OK)
        dims.rank = -1;
    if ((type && type != (uint64_t)e->type) || (dims.rank >= 0 && !shape_fits(&e->dims, &dims))) {
        char a[SHAPE_TEXT], b[SHAPE_TEXT];
        finding *f =
            findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, j->model->file,
                         "variable %s is %s %s in the model, %s %s in the checkpoint", key_shown(&j->found, key),
                         dtype_name((dtype)type), shape_text(&dims, a), dtype_name(e->type), shape_text(&e->dims, b));
        f->shown.key = (inlay_string){(const char *)key.data, key.size};
    }
}

static inlay_status match_all(matching *m, inlay_error *err) {
    enum { VARIABLE = 7 };
    size_t n = m->saved.n_nodes, tail = 0;
    m->match = arena_alloc(&m->j->a, n * sizeof *m->match);
    m->queue = arena_alloc(&m->j->a, n * sizeof *m->queue);
    if (!m->match || !m->queue) return fail_memory(err);
    for (size_t i = 0; i < n; i++) m->match[i] = -1;
    m->match[0] = 0;
    m->queue[tail++] = 0;
    for (size_t head = 0; head < tail; head++) match_children(m, m->queue[head], &tail);
    for (size_t i = 0; i < n; i++)
        if (m->match[i] >= 0) match_slots(m, i);
    for (size_t i = 0; i < n; i++) {
        wire_field variable;
        bool found;
        if (wire_find(m->saved.nodes[i], VARIABLE, m->saved.file, &variable, &found, NULL) == INLAY_OK && found)
            check_variable(m, i, variable.data);
    }
    return INLAY_OK;
}

static inlay_status open_objects(verify_job *j, bytes message, const char *file, object_graph *g, bool *opened,
                                 inlay_error *err) {
    inlay_error what;
    inlay_status status = object_graph_open(message, file, &j->a, g, &what);
    *opened = status == INLAY_OK;
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail_memory(err);
    if (status != INLAY_OK) findings_add_error(&j->found, file, &what);
    return INLAY_OK;
}

inlay_status verify_objects(verify_job *j, const saved_metagraph *g, inlay_error *err) {
    bytes stored = checkpoint_objects(j);
    if (!stored.data) return INLAY_OK;
    matching m = {.j = j};
    bool opened = false, both = false;
    inlay_status status = open_objects(j, stored, j->survey->path, &m.stored, &opened, err);
    if (status == INLAY_OK && opened) check_keys(j, &m.stored);
    if (status == INLAY_OK && opened && g && g->has_object_graph)
        status = open_objects(j, g->object_graph, j->model->file, &m.saved, &both, err);
    if (status == INLAY_OK && both) status = match_all(&m, err);
    if (both) object_graph_free(&m.saved);
    if (opened) object_graph_free(&m.stored);
    return status;
}
