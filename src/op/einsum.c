/* Einsum: "ab,bc->ac" over one or two tensors. Each is brought into the order of a matrix product (which its strides
 * may already have), sums over labels of its own come first, and the product into the order of the output. */
#include "base/num.h"
#include "kernel/eltwise/eltwise.h"
#include "kernel/gemm/gemm.h"
#include "op/families.h"

enum { LETTERS = 52, LABELS = LETTERS + INLAY_MAX_RANK }; /* dims of "..." are labels too, counted from the last */

typedef struct term {
    const tensor *t;
    int rank, labels[INLAY_MAX_RANK];
    int dots;              /* dims that "..." stands for; -1: it has none */
    int64_t steps[LABELS]; /* elements to the next position; 0 also where a dim of 1 is stretched */
    bool has[LABELS];
} term;

typedef struct equation {
    int n;
    term in[2], out;
    int64_t dims[LABELS];
} equation;

/* ---- parsing */

static int letter_of(uint8_t c) {
    if (c >= 'a' && c <= 'z') return c - 'a';
    if (c >= 'A' && c <= 'Z') return c - 'A' + 26;
    return -1;
}

/* Labels of TEXT; DOTS is what "..." stands for there. */
static inlay_status read_labels(bytes text, int dots, term *out, inlay_error *err) {
    out->rank = 0;
    out->dots = -1;
    for (size_t i = 0; i < text.size; i++) {
        int letter = letter_of(text.data[i]), more = 1;
        if (text.data[i] == ' ') continue;
        if (letter < 0) {
            if (i + 3 > text.size || memcmp(text.data + i, "...", 3) != 0 || out->dots >= 0)
                return fail(err, INLAY_INVALID_ARGUMENT, "Invalid equation: '%.*s'", (int)min_size(text.size, 100),
                            (const char *)text.data);
            out->dots = more = dots;
            i += 2;
        }
        if (out->rank + more > INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
        for (int k = 0; k < more; k++) out->labels[out->rank++] = letter < 0 ? LETTERS + dots - 1 - k : letter;
    }
    return INLAY_OK;
}

static int count_letters(bytes text) {
    int n = 0;
    for (size_t i = 0; i < text.size; i++) n += letter_of(text.data[i]) >= 0;
    return n;
}

static inlay_status read_input(bytes text, const tensor *t, term *out, equation *e, inlay_error *err) {
    char shape[SHAPE_TEXT];
    int dots = t->dims.rank - count_letters(text);
    out->t = t;
    if (dots >= 0) TRY(read_labels(text, dots, out, err));
    if (dots < 0 || out->rank != t->dims.rank)
        return fail(err, INLAY_INVALID_ARGUMENT, "'%.*s' does not fit an input of shape %s",
                    (int)min_size(text.size, 100), (const char *)text.data, shape_text(&t->dims, shape));
    int64_t step = 1;
    for (int i = t->dims.rank; i-- > 0; step *= t->dims.dims[i]) {
        int label = out->labels[i];
        int64_t *dim = &e->dims[label], own = t->dims.dims[i];
        bool stretched = label >= LETTERS && own == 1;
        if (*dim < 0 || (label >= LETTERS && *dim == 1)) *dim = own;
        if (*dim != own && !stretched)
            return fail(err, INLAY_INVALID_ARGUMENT,
                        "Expected dimension %lld at axis %d of the input shaped %s but got %lld", (long long)*dim, i,
                        shape_text(&t->dims, shape), (long long)own);
        out->has[label] = true;
        if (!stretched) out->steps[label] += step;
    }
    return INLAY_OK;
}

/* "a,b->c" in three, or "a->c" in two. */
static inlay_status split(bytes text, bytes in[2], int *n, bytes *out, inlay_error *err) {
    size_t arrow = 0, comma = text.size;
    while (arrow + 1 < text.size && memcmp(text.data + arrow, "->", 2) != 0) arrow++;
    if (arrow + 1 >= text.size)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expecting exactly one '->' in einsum equation");
    *n = 1;
    for (size_t i = 0; i < arrow; i++)
        if (text.data[i] == ',') {
            if (*n == 2) return fail(err, INLAY_UNIMPLEMENTED, "Einsum of more than 2 inputs");
            comma = i;
            *n = 2;
        }
    in[0] = bytes_make(text.data, *n == 2 ? comma : arrow);
    if (*n == 2) in[1] = bytes_make(text.data + comma + 1, arrow - comma - 1);
    *out = bytes_make(text.data + arrow + 2, text.size - arrow - 2);
    return INLAY_OK;
}

static inlay_status read_output(bytes text, equation *e, inlay_error *err) {
    int dots = 0;
    for (int i = 0; i < e->n; i++)
        if (e->in[i].dots > dots) dots = e->in[i].dots;
    TRY(read_labels(text, dots, &e->out, err));
    if (e->out.dots < 0 && dots > 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "the inputs have '...' that the output lacks");
    for (int i = 0; i < e->out.rank; i++) {
        if (e->dims[e->out.labels[i]] < 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "the output has a label that no input has");
        e->out.has[e->out.labels[i]] = true;
    }
    int64_t step = 1;
    for (int i = e->out.rank; i-- > 0;) {
        e->out.steps[e->out.labels[i]] += step;
        if (!mul_i64(step, e->dims[e->out.labels[i]] ? e->dims[e->out.labels[i]] : 1, &step))
            return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    }
    return INLAY_OK;
}

static inlay_status read_equation(const op_call *c, equation *e, inlay_error *err) {
    bytes text, in[2], out;
    *e = (equation){0};
    for (int i = 0; i < LABELS; i++) e->dims[i] = -1;
    TRY(attr_text(&c->node->attributes, "equation", &text, err));
    TRY(split(text, in, &e->n, &out, err));
    if (e->n != c->node->in.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expecting %d inputs but got %d", e->n, c->node->in.count);
    for (int i = 0; i < e->n; i++) TRY(read_input(in[i], c->in[i], &e->in[i], e, err));
    return read_output(out, e, err);
}

/* ---- moving elements */

typedef struct order {
    int rank, labels[LABELS];
} order;

static void add_if(order *o, const equation *e, bool a, bool b, bool out) {
    for (int label = 0; label < LABELS; label++)
        if (e->in[0].has[label] == a && e->in[1].has[label] == b && e->out.has[label] == out && e->dims[label] >= 0)
            o->labels[o->rank++] = label;
}

static inlay_status span_of(const order *o, const equation *e, int64_t *out, inlay_error *err) {
    *out = 1;
    for (int i = 0; i < o->rank; i++)
        if (!mul_i64(*out, e->dims[o->labels[i]], out))
            return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    return INLAY_OK;
}

/* Whether elements of T lie in this order already, without gaps. */
static bool lies_so(const term *t, const order *o, const equation *e) {
    int64_t step = 1;
    for (int i = o->rank; i-- > 0; step *= e->dims[o->labels[i]])
        if (e->dims[o->labels[i]] != 1 && t->steps[o->labels[i]] != step) return false;
    return true;
}

/* Copies the elements that ORDER goes through, with the steps of each side; COUNT of them, not 0. */
static void move(const equation *e, const order *o, const uint8_t *from, const int64_t *from_steps, uint8_t *to,
                 const int64_t *to_steps, size_t width) {
    int64_t at[LABELS] = {0};
    for (;;) {
        int last = o->rank - 1, i = last - 1;
        int64_t n = last >= 0 ? e->dims[o->labels[last]] : 1;
        int64_t in = last >= 0 ? from_steps[o->labels[last]] : 1, out = last >= 0 ? to_steps[o->labels[last]] : 1;
        if (in == 1 && out == 1)
            memcpy(to, from, (size_t)n * width);
        else if (width == 4)
            for (int64_t k = 0; k < n; k++) memcpy(to + k * out * 4, from + k * in * 4, 4);
        else
            for (int64_t k = 0; k < n; k++)
                memcpy(to + k * out * (int64_t)width, from + k * in * (int64_t)width, width);
        for (; i >= 0; i--) {
            int label = o->labels[i];
            from += from_steps[label] * (int64_t)width;
            to += to_steps[label] * (int64_t)width;
            if (++at[i] < e->dims[label]) break;
            from -= from_steps[label] * e->dims[label] * (int64_t)width;
            to -= to_steps[label] * e->dims[label] * (int64_t)width;
            at[i] = 0;
        }
        if (i < 0) return;
    }
}

static void dense_steps(const order *o, const equation *e, int64_t steps[LABELS]) {
    int64_t step = 1;
    for (int i = o->rank; i-- > 0; step *= e->dims[o->labels[i]]) steps[o->labels[i]] = step;
}

/* The sum over ALONE of T's elements in the order KEPT, as a new tensor [count]. */
static inlay_status gather(op_call *c, const equation *e, const term *t, const order *kept, const order *alone,
                           tensor **out, inlay_error *err) {
    int64_t count, rounds, steps[LABELS] = {0}, at[LABELS] = {0}, offset = 0;
    size_t width = dtype_size(t->t->type);
    binary_fn add = eltwise_binary(BINARY_ADD, t->t->type);
    tensor *part = NULL;
    TRY(span_of(kept, e, &count, err));
    TRY(span_of(alone, e, &rounds, err));
    shape dims = shape_vector(count);
    TRY(tensor_new_zero(t->t->type, &dims, c->budget, out, err));
    if (count == 0 || rounds == 0) return INLAY_OK;
    dense_steps(kept, e, steps);
    inlay_status status = INLAY_OK;
    if (rounds > 1)
        status = add ? tensor_new(t->t->type, &dims, c->budget, &part, err) : op_unsupported(c, t->t->type, err);
    for (int64_t r = 0; r < rounds && status == INLAY_OK; r++) {
        status = op_check_stop(c, err);
        move(e, kept, t->t->data + offset * (int64_t)width, t->steps, r ? part->data : (*out)->data, steps, width);
        if (r) add((*out)->data, (*out)->data, part->data, (size_t)count, 1, 1);
        for (int i = alone->rank; i-- > 0;) {
            int label = alone->labels[i];
            offset += t->steps[label];
            if (++at[i] < e->dims[label]) break;
            offset -= t->steps[label] * e->dims[label];
            at[i] = 0;
        }
    }
    tensor_release(part);
    return status;
}

/* T in the order FIRST or SECOND, whichever it has already; else made into FIRST. *out is held. */
static inlay_status bring(op_call *c, const equation *e, const term *t, const order *first, const order *second,
                          const order *alone, bool *is_second, tensor **out, inlay_error *err) {
    *is_second = alone->rank == 0 && !lies_so(t, first, e) && lies_so(t, second, e);
    if (alone->rank == 0 && (*is_second || lies_so(t, first, e))) {
        *out = tensor_retain((tensor *)(uintptr_t)t->t);
        return INLAY_OK;
    }
    return gather(c, e, t, first, alone, out, err);
}

static order joined(const order *a, const order *b, const order *c) {
    order out = {0};
    const order *const parts[] = {a, b, c};
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < parts[p]->rank; i++) out.labels[out.rank++] = parts[p]->labels[i];
    return out;
}

/* FROM, in ORDER, becomes the output; a label that comes twice there fills a diagonal. */
static inlay_status give(op_call *c, const equation *e, tensor *from, const order *o, inlay_error *err) {
    shape dims = {.rank = e->out.rank};
    tensor *out;
    for (int i = 0; i < e->out.rank; i++) dims.dims[i] = e->dims[e->out.labels[i]];
    if (lies_so(&e->out, o, e) && o->rank == e->out.rank) return tensor_reshape(from, &dims, &c->out[0], err);
    TRY(op_output(c, 0, &dims, &out, err));
    if (o->rank != e->out.rank) memset(out->data, 0, (size_t)out->size);
    int64_t steps[LABELS] = {0};
    dense_steps(o, e, steps);
    if (from->count) move(e, o, from->data, steps, out->data, e->out.steps, dtype_size(from->type));
    return INLAY_OK;
}

/* ---- one input, two inputs */

static inlay_status run_one(op_call *c, const equation *e, inlay_error *err) {
    order kept = {0}, alone = {0};
    tensor *made = NULL;
    add_if(&kept, e, true, false, true);
    add_if(&alone, e, true, false, false);
    inlay_status status = gather(c, e, &e->in[0], &kept, &alone, &made, err);
    if (status == INLAY_OK) status = give(c, e, made, &kept, err);
    tensor_release(made);
    return status;
}

static inlay_status multiply(op_call *c, const equation *e, gemm_call *g, const order *result, inlay_error *err) {
    tensor *product = NULL;
    shape dims = {.rank = 3, .dims = {g->batch, g->m, g->n}};
    TRY(tensor_new_zero(g->type, &dims, c->budget, &product, err));
    g->c = product->data;
    inlay_status status = product->count && g->k ? gemm_run(g, err) : INLAY_OK;
    if (status == INLAY_OK) status = give(c, e, product, result, err);
    tensor_release(product);
    return status;
}

static inlay_status run_two(op_call *c, const equation *e, inlay_error *err) {
    order batch = {0}, left = {0}, right = {0}, inner = {0}, alone[2] = {0};
    gemm_call g = {.type = e->in[0].t->type};
    tensor *a = NULL, *b = NULL;
    bool flipped;
    add_if(&batch, e, true, true, true);
    add_if(&inner, e, true, true, false);
    add_if(&left, e, true, false, true);
    add_if(&right, e, false, true, true);
    add_if(&alone[0], e, true, false, false);
    add_if(&alone[1], e, false, true, false);
    TRY(span_of(&batch, e, &g.batch, err));
    TRY(span_of(&left, e, &g.m, err));
    TRY(span_of(&right, e, &g.n, err));
    TRY(span_of(&inner, e, &g.k, err));
    order a_plain = joined(&batch, &left, &inner), a_other = joined(&batch, &inner, &left);
    order b_plain = joined(&batch, &inner, &right), b_other = joined(&batch, &right, &inner);
    order result = joined(&batch, &left, &right);
    inlay_status status = bring(c, e, &e->in[0], &a_plain, &a_other, &alone[0], &g.trans_a, &a, err);
    if (status == INLAY_OK) status = bring(c, e, &e->in[1], &b_plain, &b_other, &alone[1], &flipped, &b, err);
    if (status == INLAY_OK) {
        g.trans_b = flipped;
        g.a = a->data;
        g.b = b->data;
        status = multiply(c, e, &g, &result, err);
    }
    tensor_release(a);
    tensor_release(b);
    return status;
}

static inlay_status einsum_run(op_call *c, inlay_error *err) {
    equation e;
    TRY(read_equation(c, &e, err));
    for (int i = 0; i < e.n; i++)
        if (dtype_size(c->in[i]->type) == 0 || c->in[i]->type != c->in[0]->type)
            return op_unsupported(c, c->in[i]->type, err);
    return e.n == 1 ? run_one(c, &e, err) : run_two(c, &e, err);
}

const op_impl einsum_impls[] = {
    {"Einsum", .run = einsum_run},
};
OP_FAMILY_END(einsum);
