#include "format/saved_model_parts.h"
#include "format/tensor_proto.h"

#include <stdlib.h>

enum { COMPOSITE_DEPTH = 32, REFERENCE = 100 };

/* meta_graph.proto, saver.proto */
enum {
    SIGNATURE_INPUTS = 1,
    SIGNATURE_OUTPUTS = 2,
    SIGNATURE_METHOD = 3,
    SIGNATURE_DEFAULTS = 4,
    INFO_NAME = 1,
    INFO_DTYPE = 2,
    INFO_SHAPE = 3,
    INFO_SPARSE = 4,
    INFO_COMPOSITE = 5,
    SPARSE_VALUES = 1,
    SPARSE_INDICES = 2,
    SPARSE_SHAPE = 3,
    COMPOSITE_SPEC = 1,
    COMPOSITE_COMPONENTS = 2,
    ASSET_TENSOR = 1,
    ASSET_FILE = 2,
    COLLECTION_ANY_LIST = 5,
    LIST_VALUE = 1,
    ANY_VALUE = 2,
    SAVER_FILENAME = 1,
    SAVER_SAVE = 2,
    SAVER_RESTORE = 3,
    SAVER_SHARDED = 5,
    SAVER_VERSION = 7
};

static inlay_status at_fault(const saved_model *model, const uint8_t *at, inlay_status code, const char *what,
                             inlay_error *err) {
    bool inside = at >= model->message.data && at <= model->message.data + model->message.size;
    return fail_at(err, code, model->file, inside ? at - model->message.data : -1, "%s", what);
}

inlay_status saved_text(saved_model *model, bytes text, const char **out, inlay_error *err) {
    if (text.size && memchr(text.data, 0, text.size))
        return at_fault(model, text.data, INLAY_DATA_LOSS, "a name holds a zero byte", err);
    if (!bytes_valid_utf8(text, NULL))
        return at_fault(model, text.data, INLAY_DATA_LOSS, "a name is not valid UTF-8", err);
    *out = text.size ? arena_copy(&model->memory, text) : "";
    return *out ? INLAY_OK : fail_memory(err);
}

static inlay_status text_field(saved_model *model, const wire_reader *r, const wire_field *field, const char **out,
                               inlay_error *err) {
    TRY(wire_expect(r, field, WIRE_BYTES, err));
    return saved_text(model, field->data, out, err);
}

static inlay_status allocate(saved_model *model, size_t count, size_t size, void *out, inlay_error *err) {
    void *made = arena_zalloc(&model->memory, count ? count : 1, size);
    memcpy(out, &made, sizeof made);
    return made ? INLAY_OK
                : fail(err, INLAY_RESOURCE_EXHAUSTED, "%s: its signatures need too much memory", model->file);
}

/* ---- maps */

typedef struct entry {
    const char *key;
    bytes value;
    const uint8_t *at;
} entry;

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static inlay_status count_fields(wire_reader r, uint32_t number, size_t *count, inlay_error *err) {
    for (*count = 0;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        *count += field.number == number;
    }
}

/* The entries of a map field by key; of several with one key the last. */
static inlay_status read_map(saved_model *model, bytes message, uint32_t number, entry **out, size_t *count,
                             inlay_error *err) {
    size_t n = 0;
    TRY(count_fields(saved_reader(model, message), number, count, err));
    TRY(allocate(model, *count, sizeof **out, out, err));
    wire_reader r = saved_reader(model, message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number != number) continue;
        bytes key;
        entry *e = &(*out)[n++];
        e->at = field.whole.data;
        TRY(wire_map_entry(&r, &field, &key, &e->value, err));
        TRY(saved_text(model, key, &e->key, err));
    }
    qsort(*out, n, sizeof **out, by_key);
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && strcmp((*out)[i].key, (*out)[i + 1].key) == 0) continue;
        (*out)[(*count)++] = (*out)[i];
    }
    return INLAY_OK;
}

/* ---- signatures */

static inlay_status decode_tensor(saved_model *model, bytes message, int depth, saved_tensor *t, inlay_error *err);

static inlay_status decode_sparse(saved_model *model, bytes message, saved_tensor *t, inlay_error *err) {
    wire_reader r = saved_reader(model, message);
    t->values = t->indices = t->dense_shape = "";
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        const char **slot = field.number == SPARSE_VALUES    ? &t->values
                            : field.number == SPARSE_INDICES ? &t->indices
                            : field.number == SPARSE_SHAPE   ? &t->dense_shape
                                                             : NULL;
        if (slot) TRY(text_field(model, &r, &field, slot, err));
    }
}

static inlay_status decode_composite(saved_model *model, bytes message, int depth, saved_tensor *t, inlay_error *err) {
    if (depth >= COMPOSITE_DEPTH)
        return at_fault(model, message.data, INLAY_RESOURCE_EXHAUSTED, "composite tensors are nested too deep", err);
    size_t done = 0;
    TRY(count_fields(saved_reader(model, message), COMPOSITE_COMPONENTS, &t->component_count, err));
    TRY(allocate(model, t->component_count, sizeof *t->components, &t->components, err));
    wire_reader r = saved_reader(model, message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != COMPOSITE_SPEC && field.number != COMPOSITE_COMPONENTS) continue;
        TRY(wire_expect(&r, &field, WIRE_BYTES, err));
        if (field.number == COMPOSITE_SPEC)
            t->type_spec = field.data;
        else
            TRY(decode_tensor(model, field.data, depth + 1, &t->components[done++], err));
    }
}

static inlay_status decode_tensor_field(saved_model *model, const wire_reader *r, const wire_field *field, int depth,
                                        saved_tensor *t, inlay_error *err) {
    switch (field->number) {
    case INFO_NAME: t->form = SAVED_DENSE; return text_field(model, r, field, &t->name, err);
    case INFO_DTYPE: {
        TRY(wire_expect(r, field, WIRE_VARINT, err));
        int value = (int)(int32_t)field->value;
        if (value > REFERENCE) value -= REFERENCE;
        t->type = dtype_is_valid(value) ? (dtype)value : INLAY_INVALID_DTYPE;
        return INLAY_OK;
    }
    case INFO_SHAPE:
        TRY(wire_expect(r, field, WIRE_BYTES, err));
        return shape_proto_read(wire_enter(r, field), &t->dims, err);
    case INFO_SPARSE:
        TRY(wire_expect(r, field, WIRE_BYTES, err));
        t->form = SAVED_SPARSE;
        return decode_sparse(model, field->data, t, err);
    case INFO_COMPOSITE:
        TRY(wire_expect(r, field, WIRE_BYTES, err));
        t->form = SAVED_COMPOSITE;
        return decode_composite(model, field->data, depth, t, err);
    default: return INLAY_OK;
    }
}

static inlay_status decode_tensor(saved_model *model, bytes message, int depth, saved_tensor *t, inlay_error *err) {
    t->name = "";
    t->dims.rank = -1;
    wire_reader r = saved_reader(model, message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        TRY(decode_tensor_field(model, &r, &field, depth, t, err));
    }
}

static inlay_status decode_tensors(saved_model *model, bytes message, uint32_t number, saved_tensor **out,
                                   size_t *count, inlay_error *err) {
    entry *entries;
    TRY(read_map(model, message, number, &entries, count, err));
    TRY(allocate(model, *count, sizeof **out, out, err));
    for (size_t i = 0; i < *count; i++) {
        TRY(decode_tensor(model, entries[i].value, 0, &(*out)[i], err));
        (*out)[i].key = entries[i].key;
    }
    return INLAY_OK;
}

static inlay_status decode_signature(saved_model *model, const entry *e, saved_signature *s, inlay_error *err) {
    s->key = e->key;
    s->message = e->value;
    s->method = "";
    wire_field field;
    bool found;
    TRY(wire_find(e->value, SIGNATURE_METHOD, model->file, &field, &found, err));
    if (found) {
        wire_reader r = saved_reader(model, e->value);
        TRY(text_field(model, &r, &field, &s->method, err));
    }
    TRY(decode_tensors(model, e->value, SIGNATURE_INPUTS, &s->inputs, &s->input_count, err));
    TRY(decode_tensors(model, e->value, SIGNATURE_OUTPUTS, &s->outputs, &s->output_count, err));
    entry *defaults;
    TRY(read_map(model, e->value, SIGNATURE_DEFAULTS, &defaults, &s->default_count, err));
    TRY(allocate(model, s->default_count, sizeof *s->defaults, &s->defaults, err));
    for (size_t i = 0; i < s->default_count; i++) s->defaults[i] = (saved_default){defaults[i].key, defaults[i].value};
    return INLAY_OK;
}

static inlay_status decode_signatures(saved_model *model, saved_metagraph *g, inlay_error *err) {
    entry *entries;
    TRY(read_map(model, g->message, META_SIGNATURE, &entries, &g->signature_count, err));
    TRY(allocate(model, g->signature_count, sizeof *g->signatures, &g->signatures, err));
    for (size_t i = 0; i < g->signature_count; i++) TRY(decode_signature(model, &entries[i], &g->signatures[i], err));
    TRY(read_map(model, g->message, META_COLLECTION, &entries, &g->collection_count, err));
    TRY(allocate(model, g->collection_count, sizeof *g->collections, &g->collections, err));
    for (size_t i = 0; i < g->collection_count; i++)
        g->collections[i] = (saved_collection){entries[i].key, entries[i].value};
    return INLAY_OK;
}

/* ---- the other parts */

/* A part that occurs once lies in the file; protobuf puts the pieces of one that occurs often together, end to end. */
static inlay_status find_part(saved_model *model, bytes message, uint32_t number, bytes *out, inlay_error *err) {
    *out = (bytes){0};
    size_t pieces = 0, size = 0;
    uint8_t *joined = NULL;
    for (int pass = 0; pass < 2; pass++) {
        wire_reader r = saved_reader(model, message);
        for (size_t done = 0;;) {
            wire_field field;
            bool got;
            TRY(wire_next(&r, &field, &got, err));
            if (!got) break;
            if (field.number != number) continue;
            TRY(wire_expect(&r, &field, WIRE_BYTES, err));
            if (pass == 0) {
                pieces++;
                size += field.data.size;
                *out = field.data;
            } else {
                memcpy(joined + done, field.data.data, field.data.size);
                done += field.data.size;
            }
        }
        if (pieces <= 1) return INLAY_OK;
        if (pass == 0) TRY(allocate(model, size, 1, &joined, err));
    }
    *out = bytes_make(joined, size);
    return INLAY_OK;
}

static inlay_status decode_tags(saved_model *model, saved_metagraph *g, inlay_error *err) {
    size_t done = 0;
    g->tensorflow_version = "";
    TRY(count_fields(saved_reader(model, g->meta_info), INFO_TAGS, &g->tag_count, err));
    TRY(allocate(model, g->tag_count, sizeof *g->tags, &g->tags, err));
    wire_reader r = saved_reader(model, g->meta_info);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == INFO_TAGS) TRY(text_field(model, &r, &field, &g->tags[done++], err));
        if (field.number == INFO_TENSORFLOW_VERSION) TRY(text_field(model, &r, &field, &g->tensorflow_version, err));
    }
}

static inlay_status decode_saver(saved_model *model, bytes message, saved_saver *s, inlay_error *err) {
    s->filename_tensor = s->save_tensor = s->restore_op = "";
    wire_reader r = saved_reader(model, message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        const char **slot = field.number == SAVER_FILENAME  ? &s->filename_tensor
                            : field.number == SAVER_SAVE    ? &s->save_tensor
                            : field.number == SAVER_RESTORE ? &s->restore_op
                                                            : NULL;
        if (slot) TRY(text_field(model, &r, &field, slot, err));
        if (field.number == SAVER_SHARDED) s->sharded = field.value != 0;
        if (field.number == SAVER_VERSION) s->version = (int)(int32_t)field.value;
    }
}

static inlay_status decode_asset(saved_model *model, bytes message, saved_asset *a, inlay_error *err) {
    a->tensor = a->file = "";
    wire_reader r = saved_reader(model, message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == ASSET_FILE) TRY(text_field(model, &r, &field, &a->file, err));
        if (field.number != ASSET_TENSOR) continue;
        TRY(wire_expect(&r, &field, WIRE_BYTES, err));
        saved_tensor info = {0};
        TRY(decode_tensor(model, field.data, 0, &info, err));
        a->tensor = info.name;
    }
}

/* TensorFlow's V1 builder keeps assets in a collection, each wrapped in an Any. With G->assets NULL they are counted,
 * else decoded. */
static inlay_status collected_assets(saved_model *model, saved_metagraph *g, inlay_error *err) {
    const saved_collection *c = saved_find_collection(g, "saved_model_assets");
    size_t count = 0;
    wire_field list, any, value;
    bool got, found;
    if (!c) return INLAY_OK;
    TRY(wire_find(c->message, COLLECTION_ANY_LIST, model->file, &list, &found, err));
    if (!found || list.type != WIRE_BYTES) return INLAY_OK;
    for (wire_reader r = saved_reader(model, list.data);;) {
        TRY(wire_next(&r, &any, &got, err));
        if (!got) break;
        if (any.number != LIST_VALUE || any.type != WIRE_BYTES) continue;
        TRY(wire_find(any.data, ANY_VALUE, model->file, &value, &found, err));
        if (!found || value.type != WIRE_BYTES) continue;
        if (g->assets) TRY(decode_asset(model, value.data, &g->assets[count], err));
        count++;
    }
    g->asset_count = count;
    return INLAY_OK;
}

static inlay_status decode_assets(saved_model *model, saved_metagraph *g, inlay_error *err) {
    size_t done = 0;
    TRY(count_fields(saved_reader(model, g->message), META_ASSET, &g->asset_count, err));
    bool collected = g->asset_count == 0;
    if (collected) TRY(collected_assets(model, g, err));
    TRY(allocate(model, g->asset_count, sizeof *g->assets, &g->assets, err));
    if (collected) return collected_assets(model, g, err);
    wire_reader r = saved_reader(model, g->message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != META_ASSET) continue;
        TRY(wire_expect(&r, &field, WIRE_BYTES, err));
        TRY(decode_asset(model, field.data, &g->assets[done++], err));
    }
}

inlay_status saved_decode_metagraph(saved_model *model, saved_metagraph *g, inlay_error *err) {
    TRY(find_part(model, g->message, META_INFO, &g->meta_info, err));
    TRY(find_part(model, g->message, META_GRAPH, &g->graph_def, err));
    TRY(find_part(model, g->message, META_SAVER, &g->saver_def, err));
    TRY(find_part(model, g->message, META_OBJECT_GRAPH, &g->object_graph, err));
    g->has_saver = g->saver_def.data != NULL;
    g->has_object_graph = g->object_graph.data != NULL;
    TRY(decode_tags(model, g, err));
    TRY(decode_saver(model, g->saver_def, &g->saver, err));
    TRY(decode_signatures(model, g, err));
    return decode_assets(model, g, err);
}
