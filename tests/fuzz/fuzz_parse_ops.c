/* Ops that parse texts, run without a graph: the first byte picks the op, the second its attributes, the rest are the
 * texts. Whatever they are, an op answers or refuses.
 * Covers: src/op/csv.c src/op/sequence.c src/op/example.c src/op/example_slots.c src/op/decode.c src/op/unicode.c
 * src/kernel/text/csv.c src/kernel/text/inflate.c src/kernel/text/encoding.c */
#include "one_op.h"
#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static buffer values[MOST_ATTRS];

static buffer *add(one_op *o, const char *name) {
    buffer *b = &values[o->n_items];
    buffer_clear(b);
    o->items[o->n_items++].name = bytes_of(name);
    return b;
}

static void add_text(one_op *o, const char *name, const char *text) {
    attr_put_text(add(o, name), bytes_of(text));
}

static void add_int(one_op *o, const char *name, int64_t value) {
    attr_put_int(add(o, name), value);
}

static void add_bool(one_op *o, const char *name, bool value) {
    attr_put_bool(add(o, name), value);
}

/* A list of N byte strings, as field NUMBER of ListValue: 2 texts, 7 shapes. */
static void add_list(one_op *o, const char *name, uint32_t number, const char *const *items, const size_t *sizes,
                     size_t n) {
    buffer *b = add(o, name);
    size_t list = wire_begin(b, 1);
    for (size_t i = 0; i < n; i++) wire_put_bytes(b, number, bytes_make(items[i], sizes[i]));
    wire_end(b, list);
}

static void add_types(one_op *o, const char *name, const dtype *types, size_t n) {
    buffer *b = add(o, name);
    size_t list = wire_begin(b, 1), packed = wire_begin(b, 6);
    for (size_t i = 0; i < n; i++) wire_put_varint(b, (uint64_t)types[i]);
    wire_end(b, packed);
    wire_end(b, list);
}

/* Texts of DATA, cut at each 0xfe; one text when ONE. */
static tensor *texts_of(const uint8_t *data, size_t size, bool one) {
    int64_t n = 1;
    for (size_t i = 0; i < size && !one; i++) n += data[i] == 0xfe;
    shape dims = one ? shape_scalar() : shape_vector(n);
    string_builder b;
    tensor *out = NULL;
    if (string_builder_init(&b, &dims, NULL, NULL) != INLAY_OK) return NULL;
    for (size_t i = 0, first = 0; i <= size; i++) {
        if (i < size && (one || data[i] != 0xfe)) continue;
        if (string_builder_add(&b, bytes_make(data + first, i - first), NULL) != INLAY_OK)
            return string_builder_free(&b), NULL;
        first = i + 1;
    }
    return string_builder_finish(&b, &out, NULL) == INLAY_OK ? out : NULL;
}

static tensor *numbers(dtype t, int64_t n) {
    shape dims = shape_vector(n);
    tensor *out = NULL;
    return tensor_new_zero(t, &dims, NULL, &out, NULL) == INLAY_OK ? out : NULL;
}

/* ---- the ops */

static void csv(one_op *o, uint8_t flags) {
    static const dtype types[] = {INLAY_STRING, INLAY_INT32, INLAY_FLOAT32, INLAY_INT64};
    static const int64_t columns[] = {0, 2, 3, 5};
    add_types(o, "OUT_TYPE", types, 4);
    add_bool(o, "use_quote_delim", flags & 1);
    add_text(o, "na_value", flags & 2 ? "NA" : "");
    if (flags & 4) attr_put_ints(add(o, "select_cols"), columns, 4);
    o->in[o->n_in++] = texts_of((const uint8_t *)"none", 4, true);
    for (int i = 1; i < 4; i++) o->in[o->n_in++] = numbers(types[i], flags & 8 ? 0 : 1);
}

static const size_t one_byte[] = {1, 1};
static const char *const pairs[] = {"a", "b"}, *const lists[] = {"x", "y"};
static const char *const shapes[] = {"", "\x12\x02\x08\x02"};
static const size_t shape_sizes[] = {0, 4};
static const dtype kinds[] = {INLAY_INT64, INLAY_FLOAT32}, texts_and_ints[] = {INLAY_STRING, INLAY_INT64};

static void sequence(one_op *o, uint8_t flags) {
    add_list(o, "context_sparse_keys", 2, pairs, one_byte, 2);
    add_types(o, "context_sparse_types", texts_and_ints, 2);
    add_list(o, "feature_list_sparse_keys", 2, lists, one_byte, 2);
    add_types(o, "feature_list_sparse_types", texts_and_ints, 2);
    static const char *const dense[] = {"e", "f"}, *const dense_lists[] = {"u", "v"};
    add_list(o, "context_dense_keys", 2, dense, one_byte, 2);
    add_types(o, "Tcontext_dense", kinds, 2);
    add_list(o, "context_dense_shapes", 7, shapes, shape_sizes, 2);
    add_list(o, "feature_list_dense_keys", 2, dense_lists, one_byte, 2);
    add_types(o, "feature_list_dense_types", kinds, 2);
    add_list(o, "feature_list_dense_shapes", 7, shapes, shape_sizes, 2);
    add_list(o, "feature_list_dense_missing_assumed_empty", 2, dense_lists, one_byte, flags & 1 ? 2 : 0);
    add_int(o, "Ncontext_sparse", 2);
    add_int(o, "Ncontext_dense", 2);
    add_int(o, "Nfeature_list_sparse", 2);
    add_int(o, "Nfeature_list_dense", 2);
    o->in[o->n_in++] = texts_of((const uint8_t *)"", 0, false);
    o->in[o->n_in++] = numbers(INLAY_INT64, 0);
    o->in[o->n_in++] = numbers(INLAY_FLOAT32, flags & 2 ? 2 : 0);
}

static void single(one_op *o, uint8_t flags) {
    static const char *const dense[] = {"e", "f"};
    add_int(o, "num_sparse", 2);
    add_list(o, "sparse_keys", 2, pairs, one_byte, 2);
    add_types(o, "sparse_types", texts_and_ints, 2);
    add_list(o, "dense_keys", 2, dense, one_byte, 2);
    add_types(o, "Tdense", kinds, 2);
    add_list(o, "dense_shapes", 7, shapes, shape_sizes, 2);
    o->in[o->n_in++] = numbers(INLAY_INT64, 0);
    o->in[o->n_in++] = numbers(INLAY_FLOAT32, flags & 2 ? 2 : 0);
}

static void encode(one_op *o, uint8_t flags) {
    add_bool(o, "pad", flags & 1);
}

static void nothing(one_op *o, uint8_t flags) {
    (void)o, (void)flags;
}

static void compressed(one_op *o, uint8_t flags) {
    add_text(o, "compression_type", flags & 1 ? "GZIP" : "ZLIB");
}

static void raw(one_op *o, uint8_t flags) {
    static const dtype types[] = {INLAY_UINT8, INLAY_FLOAT32, INLAY_COMPLEX64, INLAY_INT16};
    attr_put_type(add(o, "out_type"), types[flags & 3]);
    add_bool(o, "little_endian", flags & 4);
}

static void unicode(one_op *o, uint8_t flags) {
    static const char *const encodings[] = {"UTF-8", "UTF-16-BE", "UTF-16LE", "UTF-32-BE", "US-ASCII", "windows-1252"};
    static const char *const errors[] = {"strict", "replace", "ignore"};
    add_text(o, "input_encoding", encodings[flags % 6]);
    add_text(o, "errors", errors[flags / 6 % 3]);
    add_bool(o, "replace_control_characters", flags & 128);
}

static void transcode(one_op *o, uint8_t flags) {
    static const char *const encodings[] = {"UTF-8", "UTF-16-BE", "UTF-32-BE"};
    unicode(o, flags);
    add_text(o, "output_encoding", encodings[flags / 18 % 3]);
}

static const struct {
    const char *op;
    void (*make)(one_op *o, uint8_t flags); /* attributes, and inputs after the first */
    bool one;                               /* its first input is a scalar */
} specs[] = {
    {"DecodeCSV", csv, false},
    {"ParseSequenceExample", sequence, false},
    {"ParseSingleExample", single, true},
    {"EncodeBase64", encode, false},
    {"DecodeBase64", nothing, false},
    {"DecodeCompressed", compressed, false},
    {"DecodeRaw", raw, false},
    {"UnicodeDecodeWithOffsets", unicode, false},
    {"UnicodeTranscode", transcode, false},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t which = data[0] % (sizeof specs / sizeof *specs);
    one_op o = {.name = specs[which].op, .n_in = 1};
    o.in[0] = texts_of(data + 2, size - 2, specs[which].one);
    specs[which].make(&o, data[1]);
    for (size_t i = 0; i < o.n_items; i++) o.items[i].value = buffer_bytes(&values[i]);
    run_one(&o);
    return 0;
}
