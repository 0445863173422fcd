/* Texts cut into pieces: sparse and ragged results. */
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"
#include "kernel/text/split.h"

typedef struct split_state {
    int64_t max_split;
    bool skip_empty;
} split_state;

enum { BY_CHARACTERS, BY_TEXT };

static inlay_status split_prepare(op_node *node, op_setting *s, inlay_error *err) {
    split_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    if (node->impl->detail == BY_TEXT)
        TRY(attr_int(&node->attributes, "maxsplit", &state->max_split, err));
    else
        TRY(attr_bool(&node->attributes, "skip_empty", &state->skip_empty, err));
    node->state = state;
    return INLAY_OK;
}

/* The pieces of all texts, ENDS [texts] pieces up to and with each text. */
static inlay_status split_all(const op_call *c, bytes separator, pieces *all, int64_t *ends, inlay_error *err) {
    const split_state *state = c->node->state;
    const tensor *in = c->in[0];
    for (int64_t i = 0; i < in->count; i++) {
        bytes text = tensor_string(in, i);
        if (c->node->impl->detail == BY_CHARACTERS)
            split_at_any(text, separator, state->skip_empty, all);
        else if (separator.size)
            split_at_text(text, separator, state->max_split, all);
        else
            split_at_space(text, state->max_split, all);
        ends[i] = (int64_t)pieces_count(all);
        if ((i & 1023) == 1023) TRY(op_check_stop(c, err));
    }
    return buffer_check(&all->items, err);
}

/* indices [n, 2], values [n], shape [2]. */
static inlay_status give_sparse(op_call *c, const pieces *all, const int64_t *ends, inlay_error *err) {
    int64_t n = (int64_t)pieces_count(all), rows = c->in[0]->count, widest = 0;
    tensor *indices, *dense_shape;
    shape dims = shape_matrix(n, 2), vector = shape_vector(n), pair = shape_vector(2);
    TRY(op_output(c, 0, &dims, &indices, err));
    TRY(op_output(c, 2, &pair, &dense_shape, err));
    string_builder b;
    inlay_status status;
    TRY(string_builder_init(&b, &vector, c->budget, err));
    for (int64_t row = 0, p = 0; row < rows; row++) {
        int64_t first = p;
        for (; p < ends[row]; p++) {
            tensor_i64(indices)[2 * p] = row;
            tensor_i64(indices)[2 * p + 1] = p - first;
            TRY_TO(failed, string_builder_add(&b, pieces_at(all, (size_t)p), err));
        }
        if (p - first > widest) widest = p - first;
    }
    tensor_i64(dense_shape)[0] = rows;
    tensor_i64(dense_shape)[1] = widest;
    return text_give(c, 1, &b, err);
failed:
    string_builder_free(&b);
    return status;
}

static inlay_status split_run(op_call *c, inlay_error *err) {
    bytes separator;
    char text[SHAPE_TEXT];
    if (c->in[0]->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "input must be a vector, not %s", shape_text(&c->in[0]->dims, text));
    TRY(text_scalar(c, 1, "the separator", &separator, err));
    pieces all = {0};
    int64_t *ends = mem_array((size_t)c->in[0]->count, sizeof *ends);
    inlay_status status;
    if (!ends) return fail_memory(err);
    TRY_TO(done, split_all(c, separator, &all, ends, err));
    status = give_sparse(c, &all, ends, err);
done:
    pieces_free(&all);
    mem_free(ends);
    return status;
}

/* ---- n-grams */

typedef struct ngram_state {
    bytes separator, left, right;
    int64_t *widths;
    size_t n_widths;
    int64_t pad; /* -1: as many as a width needs */
    bool keep_short;
} ngram_state;

enum { MAX_WIDTH = 1024 }; /* of an n-gram and of its padding: the time for a row goes with its square */

static inlay_status ngrams_prepare(op_node *node, op_setting *s, inlay_error *err) {
    ngram_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    TRY(attr_text(a, "separator", &state->separator, err));
    TRY(attr_text(a, "left_pad", &state->left, err));
    TRY(attr_text(a, "right_pad", &state->right, err));
    TRY(attr_ints(a, "ngram_widths", s->memory, &state->widths, &state->n_widths, err));
    TRY(attr_int(a, "pad_width", &state->pad, err));
    TRY(attr_bool(a, "preserve_short_sequences", &state->keep_short, err));
    for (size_t i = 0; i < state->n_widths; i++)
        if (state->widths[i] < 1 || state->widths[i] > MAX_WIDTH)
            return fail(err, INLAY_INVALID_ARGUMENT, "an n-gram width is %lld, not from 1 to %d",
                        (long long)state->widths[i], MAX_WIDTH);
    if (state->pad > MAX_WIDTH)
        return fail(err, INLAY_INVALID_ARGUMENT, "pad_width is %lld, more than %d", (long long)state->pad, MAX_WIDTH);
    node->state = state;
    return INLAY_OK;
}

/* Pads on each side of a row for n-grams of WIDTH. */
static int64_t pads_for(const ngram_state *s, int64_t width) {
    return s->pad < 0 || s->pad > width - 1 ? width - 1 : s->pad;
}

static int64_t ngrams_of(const ngram_state *s, int64_t length, int64_t width) {
    int64_t n = length + 2 * pads_for(s, width) - width + 1;
    return n > 0 ? n : 0;
}

/* N-gram INDEX of COUNT of WIDTH over the tokens from FIRST, into ROOM. */
static void make_ngram(const ngram_state *s, const tensor *tokens, int64_t first, int64_t index, int64_t count,
                       int64_t width, buffer *room) {
    int64_t pad = pads_for(s, width);
    int64_t left = pad - index > 0 ? pad - index : 0;
    int64_t right = pad - (count - index - 1) > 0 ? pad - (count - index - 1) : 0;
    int64_t inside = width - left - right, start = left ? 0 : index - pad;
    buffer_clear(room);
    for (int64_t i = 0; i < left + (inside > 0 ? inside : 0) + right; i++) {
        if (i) buffer_append_bytes(room, s->separator);
        if (i < left)
            buffer_append_bytes(room, s->left);
        else if (i < left + inside)
            buffer_append_bytes(room, tensor_string(tokens, first + start + i - left));
        else
            buffer_append_bytes(room, s->right);
    }
}

static inlay_status read_splits(const tensor *splits, int64_t tokens, int64_t *out, inlay_error *err) {
    for (int64_t i = 0; i < splits->count; i++) {
        TRY(tensor_as_int(splits, i, "data_splits", &out[i], err));
        if (i == 0 ? out[0] != 0 : out[i] < out[i - 1] || out[i] > tokens)
            return fail(err, INLAY_INVALID_ARGUMENT, "split %lld is %lld: not rising from 0 to at most %lld",
                        (long long)i, (long long)out[i], (long long)tokens);
    }
    if (splits->count && out[splits->count - 1] != tokens)
        return fail(err, INLAY_INVALID_ARGUMENT, "the last split is %lld, not %lld", (long long)out[splits->count - 1],
                    (long long)tokens);
    return INLAY_OK;
}

/* N-grams of a row of LENGTH tokens, all widths; a short row that is kept counts as one. */
static inlay_status count_row(const ngram_state *s, int64_t length, int64_t *out, inlay_error *err) {
    *out = 0;
    for (size_t w = 0; w < s->n_widths; w++)
        if (__builtin_add_overflow(*out, ngrams_of(s, length, s->widths[w]), out)) return fail_memory(err);
    if (s->keep_short && *out == 0 && length > 0) *out = 1;
    return INLAY_OK;
}

static inlay_status fill_row(const op_call *c, int64_t first, int64_t length, string_builder *b, buffer *room,
                             inlay_error *err) {
    const ngram_state *s = c->node->state;
    int64_t before = b->done;
    for (size_t w = 0; w < s->n_widths; w++) {
        int64_t count = ngrams_of(s, length, s->widths[w]);
        for (int64_t i = 0; i < count; i++) {
            make_ngram(s, c->in[0], first, i, count, s->widths[w], room);
            TRY(buffer_check(room, err));
            TRY(string_builder_add(b, buffer_bytes(room), err));
        }
        TRY(op_check_stop(c, err));
    }
    if (!s->keep_short || b->done > before || length == 0) return INLAY_OK;
    if (s->pad < 0)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "a short row can only be kept when pad_width is not negative (preserve_short_sequences)");
    make_ngram(s, c->in[0], first, 0, 1, length + 2 * s->pad, room);
    TRY(buffer_check(room, err));
    return string_builder_add(b, buffer_bytes(room), err);
}

static inlay_status ngrams_run(op_call *c, inlay_error *err) {
    const ngram_state *s = c->node->state;
    const tensor *tokens = c->in[0], *splits = c->in[1];
    tensor *out;
    TRY(op_output(c, 1, &splits->dims, &out, err));
    int64_t rows = splits->count ? splits->count - 1 : 0, total = 0;
    int64_t *at = mem_array((size_t)rows + 1, sizeof *at);
    string_builder b = {0};
    buffer room = {0};
    inlay_status status;
    if (!at) return fail_memory(err);
    TRY_TO(failed, read_splits(splits, tokens->count, at, err));
    for (int64_t i = 0; i < splits->count; i++) {
        int64_t count = 0;
        if (i) TRY_TO(failed, count_row(s, at[i] - at[i - 1], &count, err));
        if (__builtin_add_overflow(total, count, &total)) TRY_TO(failed, fail_memory(err));
        if (out->type == INLAY_INT64)
            tensor_i64(out)[i] = total;
        else
            tensor_i32(out)[i] = (int32_t)total;
    }
    shape dims = shape_vector(total);
    TRY_TO(failed, string_builder_init(&b, &dims, c->budget, err));
    for (int64_t i = 0; i < rows; i++) TRY_TO(failed, fill_row(c, at[i], at[i + 1] - at[i], &b, &room, err));
    buffer_free(&room);
    mem_free(at);
    return text_give(c, 0, &b, err);
failed:
    string_builder_free(&b);
    buffer_free(&room);
    mem_free(at);
    return status;
}

const op_impl string_split_impls[] = {
    {"StringSplit", .run = split_run, .prepare = split_prepare, .detail = BY_CHARACTERS},
    {"StringSplitV2", .run = split_run, .prepare = split_prepare, .detail = BY_TEXT},
    {"StringNGrams", .run = ngrams_run, .prepare = ngrams_prepare},
};
OP_FAMILY_END(string_split);
