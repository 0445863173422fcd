/* Ops on sparse tensors, run without a graph: the first byte picks the op, the second the dtype of its values, the rest
 * are indices, values and shapes. Whatever they are, an op answers or refuses.
 * Covers: src/op/sparse.c src/op/sparse_parts.c src/op/sparse_math.c src/op/sparse_reduce.c src/op/sparse_entries.c */
#include "one_op.h"
#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Mostly small, now and then not. */
static int64_t next_number(source *s) {
    uint8_t b = next_byte(s);
    if (b < 248) return (int64_t)(b % 10) - (b % 10 == 9);
    return b == 248 ? -1 : b == 249 ? INT64_MIN : b == 250 ? INT64_MAX : b == 251 ? INT32_MAX : b == 252 ? 1 << 15 : 4;
}

static void fill(tensor *t, source *s) {
    for (int64_t i = 0; i < t->count; i++) {
        int64_t n = next_number(s);
        float real = (float)n;
        size_t width = dtype_size(t->type);
        memcpy(t->data + (size_t)i * width, t->type == INLAY_FLOAT32 ? (const void *)&real : (const void *)&n, width);
    }
}

static tensor *make(dtype t, shape dims, source *s) {
    tensor *out = NULL;
    if (t == INLAY_STRING) {
        string_builder b;
        if (string_builder_init(&b, &dims, NULL, NULL) != INLAY_OK) return NULL;
        for (int64_t i = 0; i < b.count; i++)
            if (string_builder_add(&b, bytes_make("text", next_byte(s) % 5), NULL) != INLAY_OK)
                return string_builder_free(&b), NULL;
        return string_builder_finish(&b, &out, NULL) == INLAY_OK ? out : NULL;
    }
    if (tensor_new_zero(t, &dims, NULL, &out, NULL) != INLAY_OK) return NULL;
    fill(out, s);
    return out;
}

/* What each input is, a letter each: I indices [n, rank], V values [n], D shape [rank], W [rank] of int32, S a scalar
 * of values, T a scalar of int64, R rows [n], M a matrix of values. */
static const struct {
    const char *op, *inputs;
} specs[] = {
    {"SparseToDense", "IDVS"},         {"SparseReshape", "IDD"},          {"SparseReorder", "IVD"},
    {"SparseFillEmptyRows", "IVDS"},   {"RaggedFillEmptyRows", "RVTS"},   {"SparseSlice", "IVDDD"},
    {"SparseSplit", "TIVD"},           {"SparseConcat", "IIVVDD"},        {"SparseTensorDenseMatMul", "IVDM"},
    {"SparseDenseCwiseAdd", "IVDM"},   {"SparseDenseCwiseDiv", "IVDM"},   {"SparseTensorDenseAdd", "IVDM"},
    {"SparseAdd", "IVDIVDS"},          {"SparseSparseMaximum", "IVDIVD"}, {"SparseReduceSum", "IVDW"},
    {"SparseReduceMaxSparse", "IVDW"}, {"SparseSoftmax", "IVD"},
};

static tensor *make_input(char what, dtype t, int64_t n, int rank, source *s) {
    switch (what) {
    case 'I': return make(INLAY_INT64, shape_matrix(n, rank), s);
    case 'V': return make(t, shape_vector(n), s);
    case 'D': return make(INLAY_INT64, shape_vector(rank), s);
    case 'W': return make(INLAY_INT32, shape_vector(next_byte(s) % 4), s);
    case 'S': return make(t, shape_scalar(), s);
    case 'T': return make(INLAY_INT64, shape_scalar(), s);
    case 'R': return make(INLAY_INT64, shape_vector(n), s);
    default: return make(t, shape_matrix(next_byte(s) % 5, next_byte(s) % 5), s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const dtype types[] = {INLAY_FLOAT32, INLAY_INT64, INLAY_INT8, INLAY_STRING};
    static buffer values[MOST_ATTRS];
    source s = {data, size};
    size_t which = next_byte(&s) % (sizeof specs / sizeof *specs);
    dtype t = types[next_byte(&s) % 4];
    int64_t n = next_byte(&s) % 6;
    int rank = next_byte(&s) % 4;
    one_op o = {.name = specs[which].op};
    const op_def *def = opdef_find(bytes_of(o.name));
    attr_decl d;
    for (const char *next = def->attrs; o.n_items < MOST_ATTRS && attr_decl_next(&next, &d);) {
        buffer *b = &values[o.n_items];
        buffer_clear(b);
        if (bytes_is(d.type, "type")) attr_put_type(b, bytes_is(d.name, "Tindices") ? INLAY_INT64 : t);
        if (bytes_is(d.type, "bool")) attr_put_bool(b, next_byte(&s) & 1);
        if (bytes_is(d.type, "int")) attr_put_int(b, bytes_is(d.name, "N") ? 2 : next_number(&s) % 9);
        o.items[o.n_items++] = (attr){d.name, buffer_bytes(b)};
    }
    for (const char *p = specs[which].inputs; *p; p++) {
        int64_t rows = next_byte(&s) < 240 ? n : 3; /* mostly shapes that fit each other */
        o.in[o.n_in++] = make_input(*p, t, rows, rank, &s);
    }
    run_one(&o);
    return 0;
}
