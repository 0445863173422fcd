/* What is hashed: tensorflow/cc/saved_model/fingerprinting.cc and core/graph/regularization of TensorFlow 2.21. */
#include "format/fingerprint.h"

#include "base/file.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "proto/message.h"
#include "proto/view.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { PRODUCER = 4 };

/* saved_model.proto, meta_graph.proto, graph.proto, node_def.proto, attr_value.proto, saved_object_graph.proto */
enum {
    META_GRAPHS = 2,
    META_GRAPH = 2,
    META_SIGNATURE = 5,
    META_OBJECT_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_LIBRARY = 2,
    GRAPH_VERSIONS = 4,
    NODE_OP = 2,
    NODE_ATTR = 5,
    ATTR_S = 2,
    ATTR_TYPE = 6,
    ATTR_FUNC = 10,
    FUNC_NAME = 1,
    OBJECT_FUNCTIONS = 2
};

static const message_type *type_named(const char *name) {
    return schema_find(bytes_of(name));
}

static inlay_status hash_canonical(bytes message, const char *type, uint64_t *out, inlay_error *err) {
    buffer canonical = {0};
    inlay_status status = message_canonical(wire_open(message, NULL, NULL), type_named(type), &canonical, err);
    if (status == INLAY_OK) *out = hash_fingerprint64(buffer_bytes(&canonical));
    buffer_free(&canonical);
    return status;
}

/* ---- numbers at the end of function names */

/* The number behind the last '_' of NAME; false when what stands there is none. */
static bool find_uid(bytes name, int64_t *uid) {
    size_t start = name.size;
    while (start > 0 && name.data[start - 1] != '_') start--;
    size_t i = start;
    bool negative = i < name.size && name.data[i] == '-';
    if (i < name.size && (name.data[i] == '-' || name.data[i] == '+')) i++;
    if (i == name.size) return false;
    for (*uid = 0; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') return false;
        int digit = name.data[i] - '0';
        if (__builtin_mul_overflow(*uid, 10, uid)) return false;
        if (negative ? __builtin_sub_overflow(*uid, digit, uid) : __builtin_add_overflow(*uid, digit, uid))
            return false;
    }
    return true;
}

/* NAME without the decimal form of its number. */
static bytes strip_uid(bytes name, int64_t uid) {
    char text[24];
    size_t n = (size_t)snprintf(text, sizeof text, "%" PRId64, uid);
    if (name.size >= n && memcmp(name.data + name.size - n, text, n) == 0) name.size -= n;
    return name;
}

/* ---- the graph */

/* An AttrValue that calls a function: the function's name loses its number. */
static inlay_status put_call(bytes value, buffer *out, inlay_error *err) {
    for (wire_reader r = wire_open(value, NULL, NULL);;) {
        wire_field field, part;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != ATTR_FUNC || field.type != WIRE_BYTES) {
            buffer_append_bytes(out, field.whole);
            continue;
        }
        size_t mark = wire_begin(out, ATTR_FUNC);
        for (wire_reader func = wire_enter(&r, &field);;) {
            int64_t uid;
            TRY(wire_next(&func, &part, &got, err));
            if (!got) break;
            if (part.number == FUNC_NAME && part.type == WIRE_BYTES && find_uid(part.data, &uid))
                wire_put_bytes(out, FUNC_NAME, strip_uid(part.data, uid));
            else
                buffer_append_bytes(out, part.whole);
        }
        wire_end(out, mark);
    }
}

typedef enum node_kind { PLAIN, CALL, TEXT_CONSTANT } node_kind;

static inlay_status find_kind(bytes node, node_kind *kind, inlay_error *err) {
    wire_field field;
    bool found, constant;
    *kind = PLAIN;
    TRY(wire_find(node, NODE_OP, NULL, &field, &found, err));
    if (!found || field.type != WIRE_BYTES) return INLAY_OK;
    if (bytes_is(field.data, "PartitionedCall") || bytes_is(field.data, "StatefulPartitionedCall")) *kind = CALL;
    constant = bytes_is(field.data, "Const");
    for (wire_reader r = wire_open(node, NULL, NULL); constant;) {
        bytes key, value;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number != NODE_ATTR || field.type != WIRE_BYTES) continue;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        if (!bytes_is(key, "dtype")) continue;
        wire_field type;
        TRY(wire_find(value, ATTR_TYPE, NULL, &type, &found, err));
        *kind = found && type.value == INLAY_STRING ? TEXT_CONSTANT : PLAIN;
    }
    return INLAY_OK;
}

/* The node without what differs between exports of one program or between machines. */
static inlay_status put_node(bytes node, buffer *out, inlay_error *err) {
    node_kind kind;
    TRY(find_kind(node, &kind, err));
    for (wire_reader r = wire_open(node, NULL, NULL);;) {
        wire_field field;
        bool got;
        bytes key = {0}, value = {0};
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == NODE_ATTR && field.type == WIRE_BYTES) TRY(wire_map_entry(&r, &field, &key, &value, err));
        bool function = kind == CALL && bytes_is(key, "f"), config = kind == CALL && bytes_is(key, "config_proto");
        if (!function && !config && !(kind == TEXT_CONSTANT && bytes_is(key, "value"))) {
            buffer_append_bytes(out, field.whole);
            continue;
        }
        size_t mark = wire_begin(out, NODE_ATTR);
        wire_put_bytes(out, 1, key);
        size_t inner = wire_begin(out, 2);
        if (function) TRY(put_call(value, out, err));
        if (config) wire_put_bytes(out, ATTR_S, (bytes){0});
        wire_end(out, inner);
        wire_end(out, mark);
    }
}

static inlay_status put_graph(bytes graph, buffer *out, inlay_error *err) {
    for (wire_reader r = wire_open(graph, NULL, NULL);;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number == GRAPH_LIBRARY || field.number == GRAPH_VERSIONS) continue;
        if (field.number != GRAPH_NODE || field.type != WIRE_BYTES) {
            buffer_append_bytes(out, field.whole);
            continue;
        }
        size_t mark = wire_begin(out, GRAPH_NODE);
        TRY(put_node(field.data, out, err));
        wire_end(out, mark);
    }
    wire_put_bytes(out, GRAPH_LIBRARY, (bytes){0}); /* emptied, not removed */
    wire_put_bytes(out, GRAPH_VERSIONS, (bytes){0});
    return buffer_check(out, err);
}

static inlay_status hash_graph(bytes graph, uint64_t *out, inlay_error *err) {
    buffer plain = {0};
    inlay_status status = put_graph(graph, &plain, err);
    if (status == INLAY_OK) status = hash_canonical(buffer_bytes(&plain), "tensorflow.GraphDef", out, err);
    buffer_free(&plain);
    return status;
}

/* ---- signatures and functions: entries of a map, in an order of their own */

typedef struct entry {
    bytes key, value;
    int64_t uid;
} entry;

static int by_uid(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->uid != y->uid) return x->uid < y->uid ? -1 : 1;
    return bytes_compare(x->key, y->key);
}

static inlay_status collect(const view *v, uint32_t number, entry *entries, size_t *count, inlay_error *err) {
    *count = 0;
    for (size_t i = 0; i < v->count; i++) {
        const field_type *f;
        wire_field field;
        if (v->slots[i].number != number) continue;
        TRY(view_field(v, i, &f, &field, err));
        entry *e = &entries[(*count)++];
        TRY(wire_map_entry(&v->reader, &field, &e->key, &e->value, err));
    }
    return INLAY_OK;
}

/* Mixes names and canonical messages of a map's entries, one after another, from 0. */
static inlay_status fold(const entry *entries, size_t count, const char *type, bool strip, uint64_t *out,
                         inlay_error *err) {
    for (size_t i = 0; i < count; i++) {
        bytes name = strip ? strip_uid(entries[i].key, entries[i].uid) : entries[i].key;
        uint64_t hash;
        TRY(hash_canonical(entries[i].value, type, &hash, err));
        *out = hash_fingerprint_concat64(*out, hash_fingerprint64(name));
        *out = hash_fingerprint_concat64(*out, hash);
    }
    return INLAY_OK;
}

static inlay_status order_by_uid(entry *entries, size_t *count, inlay_error *err) {
    for (size_t i = 0; i < *count; i++)
        if (!find_uid(entries[i].key, &entries[i].uid))
            return fail(err, INLAY_FAILED_PRECONDITION, "function %.*s has no number at its end",
                        (int)(entries[i].key.size < 200 ? entries[i].key.size : 200),
                        (const char *)entries[i].key.data);
    qsort(entries, *count, sizeof *entries, by_uid);
    size_t kept = 0; /* of several with one number, TensorFlow hashes one */
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || entries[kept - 1].uid != entries[i].uid) entries[kept++] = entries[i];
    *count = kept;
    return INLAY_OK;
}

static inlay_status hash_map(const view *v, uint32_t number, const char *type, bool functions, uint64_t *out,
                             inlay_error *err) {
    size_t count;
    *out = 0;
    entry *entries = mem_array(v->count ? v->count : 1, sizeof *entries);
    if (!entries) return fail_memory(err);
    inlay_status status = collect(v, number, entries, &count, err);
    if (status == INLAY_OK && functions) status = order_by_uid(entries, &count, err);
    if (status == INLAY_OK) status = fold(entries, count, type, functions, out, err);
    mem_free(entries);
    return status;
}

static inlay_status hash_objects(wire_reader objects, view_limits *limits, uint64_t *out, inlay_error *err) {
    view v;
    inlay_status status = view_open(objects, type_named("tensorflow.SavedObjectGraph"), limits, &v, err);
    if (status == INLAY_OK) status = hash_map(&v, OBJECT_FUNCTIONS, "tensorflow.SavedConcreteFunction", true, out, err);
    view_close(&v);
    return status;
}

/* ---- all of them */

static inlay_status hash_metagraph(const view *v, view_limits *limits, fingerprint *out, inlay_error *err) {
    const field_type *f;
    wire_field graph = {0}, objects = {0};
    size_t at_graph = view_find(v, META_GRAPH), at_objects = view_find(v, META_OBJECT_GRAPH);
    if (at_graph < v->count) TRY(view_field(v, at_graph, &f, &graph, err));
    TRY(hash_graph(graph.data, &out->graph, err));
    TRY(hash_map(v, META_SIGNATURE, "tensorflow.SignatureDef", false, &out->signatures, err));
    if (at_objects == v->count) return INLAY_OK;
    TRY(view_field(v, at_objects, &f, &objects, err));
    return hash_objects(view_enter(v, &objects), limits, &out->object_graph, err);
}

/* The first metagraph of a SavedModel. */
static inlay_status find_metagraph(wire_reader r, wire_field *out, inlay_error *err) {
    for (;;) {
        bool got;
        TRY(wire_next(&r, out, &got, err));
        if (!got) return fail(err, INLAY_FAILED_PRECONDITION, "the model holds no metagraph to take a fingerprint of");
        if (out->number == META_GRAPHS && out->type == WIRE_BYTES) return INLAY_OK;
    }
}

/* 128 random bits in decimal, as TensorFlow has it. */
static inlay_status make_uuid(char uuid[FINGERPRINT_UUID], inlay_error *err) {
    uint32_t words[4];
    if (getrandom(words, sizeof words, 0) != sizeof words)
        return fail(err, INLAY_UNAVAILABLE, "the system gives no random numbers");
    char digits[40];
    for (int n = 0; n < 39; n++) { /* long division by ten, the last digit first */
        uint64_t rest = 0;
        for (int i = 0; i < 4; i++) {
            rest = rest << 32 | words[i];
            words[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        digits[38 - n] = (char)('0' + rest);
    }
    digits[39] = 0;
    snprintf(uuid, FINGERPRINT_UUID, "%s", digits + strspn(digits, "0"));
    return INLAY_OK;
}

inlay_status fingerprint_compute(bytes saved_model, bytes index, fingerprint *out, inlay_error *err) {
    *out = (fingerprint){.producer = PRODUCER};
    wire_reader r = wire_open(saved_model, NULL, NULL);
    wire_field metagraph;
    view_limits limits;
    view v;
    TRY(find_metagraph(r, &metagraph, err));
    TRY(hash_canonical(saved_model, "tensorflow.SavedModel", &out->saved_model, err));
    view_limits_init(&limits, saved_model.size);
    inlay_status status =
        view_open(wire_enter(&r, &metagraph), type_named("tensorflow.MetaGraphDef"), &limits, &v, err);
    if (status == INLAY_OK) status = hash_metagraph(&v, &limits, out, err);
    view_close(&v);
    TRY(status);
    if (index.data) out->checkpoint = hash_fingerprint64(index);
    return make_uuid(out->uuid, err);
}

/* ---- the file: FingerprintDef {1 to 5: the hashes, 6: VersionDef {1: producer}, 7: uuid} */

void fingerprint_write(const fingerprint *f, buffer *out) {
    const uint64_t hashes[] = {f->saved_model, f->graph, f->signatures, f->object_graph, f->checkpoint};
    for (uint32_t i = 0; i < 5; i++)
        if (hashes[i]) wire_put_uint(out, i + 1, hashes[i]);
    size_t mark = wire_begin(out, 6);
    if (f->producer) wire_put_uint(out, 1, (uint64_t)(int64_t)f->producer);
    wire_end(out, mark);
    if (f->uuid[0]) wire_put_text(out, 7, f->uuid);
}

const char *fingerprint_text(const fingerprint *f, char text[FINGERPRINT_TEXT]) {
    snprintf(text, FINGERPRINT_TEXT, "%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64, f->graph, f->signatures,
             f->object_graph, f->checkpoint);
    return text;
}

inlay_status fingerprint_write_file(const char *folder, bytes saved_model, inlay_error *err) {
    char *path = path_join(folder, "fingerprint.pb"), *index_path = path_join(folder, "variables/variables.index");
    file_map *index = NULL;
    buffer message = {0};
    fingerprint f;
    inlay_status status = path && index_path ? INLAY_OK : fail_memory(err);
    if (status == INLAY_OK && file_exists(index_path)) status = file_map_open(index_path, false, &index, err);
    if (status != INLAY_OK) goto done;
    status = fingerprint_compute(saved_model, index ? file_map_bytes(index) : (bytes){0}, &f, err);
    if (status == INLAY_FAILED_PRECONDITION) {
        status = INLAY_OK;
        goto done;
    }
    if (status == INLAY_OK) {
        fingerprint_write(&f, &message);
        status = buffer_check(&message, err);
    }
    if (status == INLAY_OK) status = file_write_all(path, FILE_DIRECT, buffer_bytes(&message), err);
done:
    buffer_free(&message);
    file_map_release(index);
    mem_free(path);
    mem_free(index_path);
    return status;
}

inlay_status fingerprint_read(bytes data, const char *file, fingerprint *out, inlay_error *err) {
    *out = (fingerprint){0};
    uint64_t *const sums[] = {&out->saved_model, &out->graph, &out->signatures, &out->object_graph, &out->checkpoint};
    wire_reader r = wire_open(data, file, data.data);
    for (;;) {
        wire_field f, producer;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number >= 1 && f.number <= 5) {
            TRY(wire_expect(&r, &f, WIRE_VARINT, err));
            *sums[f.number - 1] = f.value;
        } else if (f.number == 6) {
            TRY(wire_expect(&r, &f, WIRE_BYTES, err));
            TRY(wire_find(f.data, 1, file, &producer, &got, err));
            if (got) out->producer = (int32_t)producer.value;
        } else if (f.number == 7) {
            TRY(wire_expect(&r, &f, WIRE_BYTES, err));
            size_t n = f.data.size < sizeof out->uuid - 1 ? f.data.size : sizeof out->uuid - 1;
            memcpy(out->uuid, f.data.data, n);
        }
    }
}
