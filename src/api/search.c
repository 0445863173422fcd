#include "api/hits.h"
#include "base/alloc.h"
#include "model/model.h"
#include "op/search_request.h"

#include <math.h>

static bool has_output(const inlay_signature *s, const char *key) {
    for (size_t i = 0; i < s->n_outputs; i++)
        if (strcmp(s->outputs[i].key, key) == 0) return true;
    return false;
}

static bool has_input(const inlay_signature *s, const char *key) {
    for (size_t i = 0; i < s->n_inputs; i++)
        if (strcmp(s->inputs[i].key, key) == 0) return true;
    return false;
}

static inlay_status find_search(const model *m, const char *key, const inlay_signature **out, inlay_error *err) {
    *out = model_find_signature(m, key ? key : "search");
    if (!*out) return fail(err, INLAY_NOT_FOUND, "the model has no signature %s", key ? key : "search");
    if (!has_output(*out, "scores") || !has_output(*out, "indices"))
        return fail(err, INLAY_INVALID_ARGUMENT, "signature %s is no search: it has no outputs scores and indices",
                    (*out)->key);
    return INLAY_OK;
}

static inlay_status count_hits(hits *h, inlay_error *err) {
    size_t k = h->shown.k;
    h->counts = mem_array(h->shown.n_queries + 1, sizeof *h->counts);
    if (!h->counts) return fail_memory(err);
    for (size_t q = 0; q < h->shown.n_queries; q++) {
        size_t n = k; /* rows that cannot win come last */
        while (n > 0 && h->shown.scores[q * k + n - 1] == -INFINITY) n--;
        h->counts[q] = (int64_t)n;
    }
    h->shown.counts = h->counts;
    return INLAY_OK;
}

/* Of a search that somebody else wrote they may be int32. */
static inlay_status widen_indices(hits *h, inlay_error *err) {
    tensor *wide;
    if (h->indices->type == INLAY_INT64) return INLAY_OK;
    if (h->indices->type != INLAY_INT32)
        return fail(err, INLAY_INTERNAL, "the search answered indices of dtype %s", dtype_name(h->indices->type));
    TRY(tensor_new(INLAY_INT64, &h->indices->dims, NULL, &wide, err));
    for (int64_t i = 0; i < wide->count; i++) tensor_as_int(h->indices, i, "index", tensor_i64(wide) + i, NULL);
    tensor_release(h->indices);
    h->indices = wide;
    return INLAY_OK;
}

inlay_status hits_fill(hits *h, inlay_error *err) {
    char text[SHAPE_TEXT];
    int rank = h->scores->dims.rank;
    if (h->scores->type != INLAY_FLOAT32 || (rank != 1 && rank != 2) ||
        !shape_equal(&h->scores->dims, &h->indices->dims))
        return fail(err, INLAY_INTERNAL, "the search answered scores of shape %s", shape_text(&h->scores->dims, text));
    tensor *aligned;
    TRY(widen_indices(h, err));
    tensor **parts[] = {&h->scores, &h->indices};
    for (int i = 0; i < 2; i++) {
        TRY(tensor_aligned(*parts[i], NULL, &aligned, err));
        tensor_release(*parts[i]);
        *parts[i] = aligned;
    }
    h->shown.n_queries = rank == 2 ? (size_t)h->scores->dims.dims[0] : 1;
    h->shown.k = (size_t)h->scores->dims.dims[rank - 1];
    h->shown.scores = tensor_f32(h->scores);
    h->shown.indices = tensor_i64(h->indices);
    TRY(count_hits(h, err));
    if (!h->payload) return INLAY_OK;
    if (h->payload->count != h->scores->count)
        return fail(err, INLAY_INTERNAL, "the search answered labels of shape %s", shape_text(&h->payload->dims, text));
    if (h->payload->type == INLAY_INT64) {
        TRY(tensor_aligned(h->payload, NULL, &aligned, err));
        tensor_release(h->payload);
        h->payload = aligned;
        h->shown.ids = tensor_i64(h->payload);
    } else if (h->payload->type == INLAY_STRING) {
        h->labels = mem_array((size_t)h->payload->count, sizeof *h->labels);
        if (!h->labels) return fail_memory(err);
        for (int64_t i = 0; i < h->payload->count; i++) {
            bytes label = tensor_string(h->payload, i);
            h->labels[i] = (inlay_string){(const char *)label.data, label.size};
        }
        h->shown.labels = h->labels;
    }
    return INLAY_OK;
}

/* The vectors of hits Q from those of FOUND [width], rows that the search found for it, of which the graph may have
 * left some out. False when the hits are other rows. */
static bool take_vectors(hits *h, size_t q, const tensor *found, size_t width, const float *vectors, float *out) {
    size_t k = h->shown.k, dim = h->shown.dim, at = 0;
    for (size_t i = 0; i < (size_t)h->counts[q]; i++, at++) {
        int64_t row = -1;
        while (at < width && tensor_as_int(found, (int64_t)(q * width + at), "row", &row, NULL) == INLAY_OK &&
               row != h->shown.indices[q * k + i])
            at++;
        if (at == width) return false;
        memmove(out + (q * k + i) * dim, vectors + (q * width + at) * dim, dim * sizeof *out);
    }
    memset(out + (q * k + (size_t)h->counts[q]) * dim, 0, (k - (size_t)h->counts[q]) * dim * sizeof *out);
    return true;
}

/* Those that R kept, moved to the front where the graph answers fewer rows than the search. */
static inlay_status fill_vectors(hits *h, search_request *r, inlay_error *err) {
    const shape *dims = &r->found->dims;
    size_t n = h->shown.n_queries, width = dims->rank > 0 ? (size_t)dims->dims[dims->rank - 1] : 0;
    h->shown.dim = (size_t)r->vectors->dims.dims[1];
    h->vectors = r->vectors;
    r->vectors = NULL;
    h->shown.vectors = tensor_f32(h->vectors);
    bool same = (size_t)r->found->count == n * width && h->shown.k <= width;
    for (size_t q = 0; q < n && same; q++)
        same = take_vectors(h, q, r->found, width, h->shown.vectors, tensor_f32(h->vectors));
    return same ? INLAY_OK
                : fail(err, INLAY_UNIMPLEMENTED, "no vectors: the answer is not the rows that the search found");
}

static inlay_status check_answered(const inlay_signature *s, const search_request *r, inlay_error *err) {
    bool limited = r && search_request_limits(r->options);
    if (!r || r->answered == 1 || (!limited && !r->options->vectors)) return INLAY_OK;
    const char *what = limited ? "within limits" : "for vectors";
    if (r->answered > 1)
        return fail(err, INLAY_UNIMPLEMENTED, "signature %s cannot be asked %s: it has several searches", s->key, what);
    return fail(err, INLAY_UNIMPLEMENTED, "signature %s cannot be asked %s: Inlay %s its search", s->key, what,
                limited ? "did not make, or does not recognise," : "does not recognise");
}

/* REQUEST: NULL for what the graph does by itself. */
static inlay_status ask_once(inlay_model *handle, const char *signature, const inlay_named_tensor *inputs,
                             size_t n_inputs, int64_t k, search_request *request, inlay_hits **out,
                             inlay_error *error) {
    *out = NULL;
    model *m = (model *)handle;
    const inlay_signature *s;
    TRY(find_search(m, signature, &s, error));
    if (k < 0 && request && request->options->all && has_input(s, "k")) k = 0; /* all are all, whatever k is */
    if (k > INT32_MAX)
        return fail(error, INLAY_INVALID_ARGUMENT, "k is %lld, beyond the most there can be, 2147483647", (long long)k);
    inlay_named_tensor *all = mem_array(n_inputs + 1, sizeof *all);
    hits *h = mem_zalloc(1, sizeof *h);
    tensor *k_tensor = NULL;
    inlay_status status;
    if (!all || !h) TRY_TO(failed, fail_memory(error));
    if (n_inputs) memcpy(all, inputs, n_inputs * sizeof *all);
    if (k >= 0) {
        TRY_TO(failed, tensor_from_i32((int32_t)k, &k_tensor, error));
        all[n_inputs++] = (inlay_named_tensor){"k", k_tensor};
    }
    const char *payload = has_output(s, "labels") ? "labels" : has_output(s, "ids") ? "ids" : NULL;
    inlay_named_tensor outputs[] = {{"scores", NULL}, {"indices", NULL}, {payload, NULL}};
    TRY_TO(failed, model_run(m, s->key, all, n_inputs, outputs, payload ? 3 : 2,
                             &(model_run_options){.search = request}, error));
    h->scores = outputs[0].tensor;
    h->indices = outputs[1].tensor;
    h->payload = outputs[2].tensor;
    TRY_TO(failed, hits_fill(h, error));
    TRY_TO(failed, check_answered(s, request, error));
    if (request && request->found) TRY_TO(failed, fill_vectors(h, request, error));
    if (request) {
        h->shown.chunks = request->chunks;
        h->shown.indexed = request->indexed;
        search_request_end(request);
    }
    tensor_release(k_tensor);
    mem_free(all);
    h->shown.asked = request && request->answered ? request->k : -1;
    h->shown.rows = request && request->answered ? request->rows : -1;
    *out = &h->shown;
    return INLAY_OK;
failed:
    if (request) search_request_end(request);
    tensor_release(k_tensor);
    mem_free(all);
    if (h) inlay_hits_release(&h->shown);
    return status;
}

/* OPTIONS: NULL for what the graph does by itself. */
static inlay_status ask(inlay_model *handle, const char *signature, const inlay_named_tensor *inputs, size_t n_inputs,
                        int64_t k, const inlay_search_options *options, inlay_hits **out, inlay_error *error) {
    if (!options) return ask_once(handle, signature, inputs, n_inputs, k, NULL, out, error);
    inlay_search_options own = *options;
    search_request request = {.options = &own};
    TRY(ask_once(handle, signature, inputs, n_inputs, k, &request, out, error));
    if (!own.all || !request.of_rows) return INLAY_OK;
    inlay_hits_release(*out); /* it told how many there are */
    own.all = false;
    return ask_once(handle, signature, inputs, n_inputs, request.longest, &(search_request){.options = &own}, out,
                    error);
}

inlay_status inlay_search(inlay_model *model, const char *signature, const inlay_named_tensor *inputs, size_t n_inputs,
                          int64_t k, inlay_hits **out, inlay_error *error) {
    return ask(model, signature, inputs, n_inputs, k, NULL, out, error);
}

void inlay_search_options_init(inlay_search_options *options) {
    *options = (inlay_search_options){.size = sizeof *options, .k = -1, .min_score = -INFINITY, .most = 1000000};
}

inlay_search_options search_options(const inlay_search_options *options) {
    inlay_search_options own;
    inlay_search_options_init(&own);
    memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    return own;
}

inlay_status inlay_search_with(inlay_model *model, const char *signature, const inlay_named_tensor *inputs,
                               size_t n_inputs, const inlay_search_options *options, inlay_hits **out,
                               inlay_error *error) {
    inlay_search_options own = search_options(options);
    return ask(model, signature, inputs, n_inputs, own.k, &own, out, error);
}

void inlay_hits_release(inlay_hits *shown) {
    hits *h = (hits *)shown;
    if (!h) return;
    tensor_release(h->scores);
    tensor_release(h->indices);
    tensor_release(h->payload);
    tensor_release(h->vectors);
    mem_free(h->labels);
    mem_free(h->counts);
    mem_free(h);
}

/* The one input of the signature beside k. */
static inlay_status only_input(const inlay_signature *s, const char **key, inlay_dtype *type, inlay_error *err) {
    *key = NULL;
    for (size_t i = 0; i < s->n_inputs; i++) {
        if (strcmp(s->inputs[i].key, "k") == 0 || s->inputs[i].optional) continue;
        if (*key)
            return fail(err, INLAY_INVALID_ARGUMENT, "signature %s has more than one input; name them all", s->key);
        *key = s->inputs[i].key;
        *type = s->inputs[i].dtype;
    }
    return *key ? INLAY_OK : fail(err, INLAY_INVALID_ARGUMENT, "signature %s has no input", s->key);
}

static inlay_status ask_texts(inlay_model *handle, const char *signature, const char *const *texts, size_t n, int64_t k,
                              const inlay_search_options *options, inlay_hits **out, inlay_error *error) {
    *out = NULL;
    const inlay_signature *s;
    const char *key;
    inlay_dtype type = INLAY_INVALID_DTYPE;
    TRY(find_search((model *)handle, signature, &s, error));
    TRY(only_input(s, &key, &type, error));
    if (type != INLAY_STRING)
        return fail(error, INLAY_INVALID_ARGUMENT, "input %s of signature %s is %s, not text", key, s->key,
                    dtype_name(type));
    inlay_string *items = mem_array(n, sizeof *items);
    if (!items) return fail_memory(error);
    for (size_t i = 0; i < n; i++) items[i] = (inlay_string){texts[i], strlen(texts[i])};
    inlay_named_tensor input = {key, NULL};
    int64_t count = (int64_t)n;
    inlay_status status = inlay_tensor_from_strings(items, &count, 1, &input.tensor, error);
    if (status == INLAY_OK) status = ask(handle, signature, &input, 1, k, options, out, error);
    inlay_tensor_release(input.tensor);
    mem_free(items);
    return status;
}

static inlay_status ask_vectors(inlay_model *handle, const char *signature, const float *vectors, size_t n, size_t dim,
                                int64_t k, const inlay_search_options *options, inlay_hits **out, inlay_error *error) {
    *out = NULL;
    const inlay_signature *s;
    const char *key;
    inlay_dtype type = INLAY_INVALID_DTYPE;
    TRY(find_search((model *)handle, signature, &s, error));
    TRY(only_input(s, &key, &type, error));
    if (type != INLAY_FLOAT32)
        return fail(error, INLAY_INVALID_ARGUMENT, "input %s of signature %s is %s, not float32", key, s->key,
                    dtype_name(type));
    inlay_named_tensor input = {key, NULL};
    shape dims = shape_matrix((int64_t)n, (int64_t)dim);
    TRY(tensor_wrap(INLAY_FLOAT32, &dims, vectors, NULL, NULL, &input.tensor, error));
    inlay_status status = ask(handle, signature, &input, 1, k, options, out, error);
    inlay_tensor_release(input.tensor);
    return status;
}

inlay_status inlay_search_texts(inlay_model *model, const char *signature, const char *const *texts, size_t n,
                                int64_t k, inlay_hits **out, inlay_error *error) {
    return ask_texts(model, signature, texts, n, k, NULL, out, error);
}

inlay_status inlay_search_texts_with(inlay_model *model, const char *signature, const char *const *texts, size_t n,
                                     const inlay_search_options *options, inlay_hits **out, inlay_error *error) {
    inlay_search_options own = search_options(options);
    return ask_texts(model, signature, texts, n, own.k, &own, out, error);
}

inlay_status inlay_search_vectors(inlay_model *model, const char *signature, const float *vectors, size_t n, size_t dim,
                                  int64_t k, inlay_hits **out, inlay_error *error) {
    return ask_vectors(model, signature, vectors, n, dim, k, NULL, out, error);
}

inlay_status inlay_search_vectors_with(inlay_model *model, const char *signature, const float *vectors, size_t n,
                                       size_t dim, const inlay_search_options *options, inlay_hits **out,
                                       inlay_error *error) {
    inlay_search_options own = search_options(options);
    return ask_vectors(model, signature, vectors, n, dim, own.k, &own, out, error);
}
