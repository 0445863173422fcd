/* Ops on texts, ragged tensors and segments, run without a graph: the first byte picks the op, the rest becomes
 * its attributes and inputs. Whatever they are, an op answers or refuses.
 * Covers: src/op/string.c src/op/string_split.c src/op/string_join.c src/op/string_number.c src/op/text.c
 * src/op/ragged.c src/op/segment.c */
#include "base/num.h"
#include "op/op.h"
#include "source.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bytes next_text(source *s) {
    size_t n = min_size(next_byte(s) % 32, s->size);
    bytes text = bytes_make(s->data, n);
    s->data += n;
    s->size -= n;
    return text;
}

/* Mostly small, now and then not. */
static int64_t next_number(source *s) {
    uint8_t b = next_byte(s);
    if (b < 250) return (int64_t)(b % 12) - 2;
    return b == 250 ? INT64_MAX : b == 251 ? INT64_MIN : b == 252 ? INT32_MAX : b == 253 ? 1 << 20 : 255;
}

static const char *const ops[] = {
    "StringLower",
    "StringUpper",
    "StringStrip",
    "StringLength",
    "Substr",
    "RegexReplace",
    "RegexFullMatch",
    "StringSplit",
    "StringSplitV2",
    "StringNGrams",
    "StringJoin",
    "ReduceJoin",
    "UnsortedSegmentJoin",
    "AsString",
    "StringToNumber",
    "StringToHashBucketFast",
    "RaggedTensorToTensor",
    "RaggedTensorToSparse",
    "RaggedGather",
    "RaggedRange",
    "DenseBincount",
    "RaggedBincount",
    "SparseBincount",
    "UpperBound",
    "SegmentSum",
    "UnsortedSegmentMax",
    "SparseSegmentMean",
    "ParseExampleV2",
    "UniqueWithCounts",
};

static const dtype types[] = {INLAY_INT64, INLAY_FLOAT32, INLAY_STRING, INLAY_INT32};

/* An attribute as its declared type asks. */
static void put_attr(buffer *b, const attr_decl *d, source *s, int shared) {
    if (bytes_is(d->type, "type")) {
        bool index = d->name.size > 1; /* Tidx, Tsplits, …: integers */
        attr_put_type(b, index ? types[shared & 1 ? 0 : 3] : types[shared % 4]);
    } else if (bytes_is(d->type, "int")) {
        attr_put_int(b,
                     d->name.data[0] == 'N' || d->name.data[0] == 'R' || d->name.data[0] == 'P' ? 1 : next_number(s));
    } else if (bytes_is(d->type, "bool")) {
        attr_put_bool(b, next_byte(s) & 1);
    } else if (bytes_is(d->type, "list(int)")) {
        int64_t numbers[3] = {next_number(s), next_number(s), next_number(s)};
        attr_put_ints(b, numbers, next_byte(s) % 4);
    } else if (bytes_is(d->type, "string")) {
        uint8_t b0 = next_byte(s);
        attr_put_text(b, d->fallback.data && b0 & 1 ? d->fallback : b0 & 2 ? bytes_of("utf-8") : next_text(s));
    }
}

enum { MOST_ATTRS = 16 };

static size_t make_attrs(const op_def *def, source *s, attr *items, buffer *values) {
    size_t n = 0;
    attr_decl d;
    int shared = next_byte(s);
    for (const char *next = def->attrs; n < MOST_ATTRS && attr_decl_next(&next, &d);) {
        put_attr(&values[n], &d, s, shared);
        if (!values[n].size) continue; /* its default, or none */
        items[n] = (attr){d.name, buffer_bytes(&values[n])};
        n++;
    }
    return n;
}

static tensor *make_input(dtype t, source *s) {
    shape dims = {.rank = next_byte(s) % 3};
    for (int i = 0; i < dims.rank; i++) dims.dims[i] = next_byte(s) % 6;
    tensor *out = NULL;
    if (t != INLAY_STRING) {
        if (tensor_new_zero(t, &dims, NULL, &out, NULL) != INLAY_OK) return NULL;
        for (int64_t i = 0; i < out->count; i++) {
            int64_t n = next_number(s);
            float real = (float)n;
            if (t == INLAY_FLOAT32) memcpy(out->data + 4 * i, &real, 4);
            if (t == INLAY_INT32) store_u32(out->data + 4 * i, (uint32_t)n);
            if (t == INLAY_INT64) store_u64(out->data + 8 * i, (uint64_t)n);
        }
        return out;
    }
    string_builder b;
    if (string_builder_init(&b, &dims, NULL, NULL) != INLAY_OK) return NULL;
    for (int64_t i = 0; i < b.count; i++)
        if (string_builder_add(&b, next_text(s), NULL) != INLAY_OK) return string_builder_free(&b), NULL;
    return string_builder_finish(&b, &out, NULL) == INLAY_OK ? out : NULL;
}

enum { MOST_VALUES = 16 };

static void run(op_node *node, source *s, op_host *host, mem_budget *budget) {
    tensor *in[MOST_VALUES] = {0}, *out[MOST_VALUES] = {0};
    inlay_error err;
    bool whole = true;
    for (int i = 0; i < node->in.count; i++) {
        in[i] = make_input(node->in.items[i].type, s);
        whole = whole && in[i];
    }
    op_call call = {.node = node, .in = in, .out = out, .host = host, .budget = budget};
    if (whole && node->impl->run(&call, &err) == INLAY_OK)
        for (int i = 0; i < node->out.count; i++)
            if (!out[i] || out[i]->type != node->out.items[i].type) __builtin_trap();
    for (int i = 0; i < MOST_VALUES; i++) {
        tensor_release(in[i]);
        tensor_release(out[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    source s = {data, size};
    const char *name = ops[next_byte(&s) % (sizeof ops / sizeof *ops)];
    attr items[MOST_ATTRS];
    buffer values[MOST_ATTRS] = {0};
    resource_store store;
    mem_budget budget;
    mem_budget_init(&budget, 64 << 20);
    if (resource_store_init(&store, NULL) != INLAY_OK) return 0;
    op_host host = {.resources = &store};
    arena memory;
    arena_init(&memory, 1 << 20);
    op_node node = {.name = "fuzzed", .def = opdef_find(bytes_of(name)), .impl = op_find(name)};
    if (!node.def || !node.impl) __builtin_trap();
    node.attributes = (attrs){items, make_attrs(node.def, &s, items, values), node.def->attrs};
    op_setting setting = {&host, &memory};
    inlay_error err;
    bool ready = opdef_values(node.def->in, &node.attributes, &memory, &node.in, &err) == INLAY_OK &&
                 opdef_values(node.def->out, &node.attributes, &memory, &node.out, &err) == INLAY_OK &&
                 node.in.count <= MOST_VALUES && node.out.count <= MOST_VALUES;
    for (int i = 0; ready && i < node.in.count; i++)
        ready = node.in.items[i].type == INLAY_STRING || dtype_size(node.in.items[i].type) > 0;
    if (ready && (!node.impl->prepare || node.impl->prepare(&node, &setting, &err) == INLAY_OK)) {
        run(&node, &s, &host, &budget);
        if (node.impl->dispose) node.impl->dispose(&node);
    }
    for (int i = 0; i < MOST_ATTRS; i++) buffer_free(&values[i]);
    arena_free(&memory);
    resource_store_free(&store);
    return 0;
}
