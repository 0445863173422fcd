/* Reductions by segment: sorted ids, ids in any order, and rows picked by index. */
#include "op/families.h"

#include "base/num.h"
#include "kernel/segment/segment.h"

#include <math.h>

enum {
    KIND_SUM = SEGMENT_SUM,
    KIND_PROD,
    KIND_MAX,
    KIND_MIN,
    KIND_MEAN,
    KIND_SQRT_N,
    KIND_MASK = 15,
    UNSORTED = 16,
    SPARSE = 32
};

typedef struct segments {
    int64_t *ids, *rows; /* [n]; rows NULL: row i. mem_free */
    int64_t n, width, count;
    shape dims; /* of the output */
} segments;

static inlay_status read_numbers(const tensor *t, const char *what, int64_t **out, inlay_error *err) {
    *out = mem_array((size_t)t->count, sizeof **out);
    if (!*out) return fail_memory(err);
    for (int64_t i = 0; i < t->count; i++) TRY(tensor_as_int(t, i, what, &(*out)[i], err));
    return INLAY_OK;
}

/* Rising ids from 0; the count is one more than the last, unless it is given (at least 0). */
static inlay_status check_sorted(segments *s, int64_t given, inlay_error *err) {
    for (int64_t i = 0; i < s->n; i++) {
        if (s->ids[i] < 0) return fail(err, INLAY_INVALID_ARGUMENT, "segment ids must be >= 0");
        if (i && s->ids[i] < s->ids[i - 1]) return fail(err, INLAY_INVALID_ARGUMENT, "segment ids are not increasing");
    }
    if (s->n && s->ids[s->n - 1] >= INT64_MAX / 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "segment id %lld is absurd", (long long)s->ids[s->n - 1]);
    int64_t needed = s->n ? s->ids[s->n - 1] + 1 : 0;
    if (given >= 0 && needed > given) return fail(err, INLAY_INVALID_ARGUMENT, "segment ids must be < num_segments");
    s->count = given >= 0 ? given : needed;
    return INLAY_OK;
}

static inlay_status put_dims(segments *s, const shape *data, int first, inlay_error *err) {
    if (1 + data->rank - first > INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    s->dims = shape_vector(s->count);
    for (int i = first; i < data->rank; i++) s->dims.dims[s->dims.rank++] = data->dims[i];
    return INLAY_OK;
}

static inlay_status read_sorted(const op_call *c, segments *s, inlay_error *err) {
    const tensor *data = c->in[0], *ids = c->in[1];
    if (ids->dims.rank != 1) return fail(err, INLAY_INVALID_ARGUMENT, "segment_ids should be a vector.");
    if (data->dims.rank < 1 || data->dims.dims[0] != ids->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "segment_ids should be the same size as dimension 0 of input.");
    s->n = ids->count;
    s->width = op_span(&data->dims, 1, data->dims.rank);
    TRY(read_numbers(ids, "segment_ids", &s->ids, err));
    TRY(check_sorted(s, -1, err));
    return put_dims(s, &data->dims, 1, err);
}

static inlay_status read_unsorted(const op_call *c, segments *s, inlay_error *err) {
    const tensor *data = c->in[0], *ids = c->in[1];
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    TRY(tensor_scalar_int(c->in[2], "num_segments", &s->count, err));
    if (s->count < 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "Input num_segments == %lld must not be negative.",
                    (long long)s->count);
    bool fits = ids->dims.rank <= data->dims.rank;
    for (int i = 0; fits && i < ids->dims.rank; i++) fits = ids->dims.dims[i] == data->dims.dims[i];
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "data.shape = %s does not start with segment_ids.shape = %s",
                    shape_text(&data->dims, a), shape_text(&ids->dims, b));
    s->n = ids->count;
    s->width = op_span(&data->dims, ids->dims.rank, data->dims.rank);
    TRY(read_numbers(ids, "segment_ids", &s->ids, err));
    for (int64_t i = 0; i < s->n; i++)
        if (s->ids[i] >= s->count)
            return fail(err, INLAY_INVALID_ARGUMENT, "segment_ids[%lld] = %lld is out of range [0, %lld)", (long long)i,
                        (long long)s->ids[i], (long long)s->count);
    return put_dims(s, &data->dims, ids->dims.rank, err);
}

static inlay_status read_sparse(const op_call *c, segments *s, inlay_error *err) {
    const tensor *data = c->in[0], *rows = c->in[1], *ids = c->in[2];
    int64_t given = -1;
    if (rows->dims.rank != 1 || ids->dims.rank != 1 || rows->count != ids->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "segment_ids and indices should have same size.");
    if (data->dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "data must not be a scalar");
    if (c->node->in.count == 4) {
        TRY(tensor_scalar_int(c->in[3], "num_segments", &given, err));
        if (given < 0) return fail(err, INLAY_INVALID_ARGUMENT, "segment ids must be >= 0");
    }
    s->n = ids->count;
    s->width = op_span(&data->dims, 1, data->dims.rank);
    TRY(read_numbers(ids, "segment_ids", &s->ids, err));
    TRY(read_numbers(rows, "indices", &s->rows, err));
    TRY(check_sorted(s, given, err));
    for (int64_t i = 0; i < s->n; i++)
        if (s->rows[i] < 0 || s->rows[i] >= data->dims.dims[0])
            return fail(err, INLAY_INVALID_ARGUMENT, "Bad: indices[%lld] == %lld out of range [0, %lld)", (long long)i,
                        (long long)s->rows[i], (long long)data->dims.dims[0]);
    return put_dims(s, &data->dims, 1, err);
}

/* Members of each segment (their root for SQRT_N), 1 where there is none. */
static double *divisors_of(const segments *s, int kind) {
    double *members = mem_zalloc((size_t)s->count, sizeof *members);
    if (!members) return NULL;
    for (int64_t i = 0; i < s->n; i++)
        if (s->ids[i] >= 0) members[s->ids[i]] += 1;
    for (int64_t i = 0; i < s->count; i++) {
        if (members[i] == 0) members[i] = 1;
        if (kind == KIND_SQRT_N) members[i] = sqrt(members[i]);
    }
    return members;
}

/* Segments of sorted maxima and minima that have no member are 0, unlike the unsorted ones. */
static void clear_empty(const segments *s, uint8_t *out, size_t size) {
    size_t row = (size_t)s->width * size;
    int64_t next = 0;
    for (int64_t i = 0; i <= s->n; i++) {
        int64_t id = i < s->n ? s->ids[i] : s->count;
        for (; next < id; next++) memset(out + (size_t)next * row, 0, row);
        next = id + 1;
    }
}

/* DATA, of a dtype that FNS computes, into OUT. */
static inlay_status compute(const segments *s, const segment_fns *fns, int detail, const tensor *data, tensor *out,
                            inlay_error *err) {
    if (out->count == 0) return INLAY_OK;
    int kind = detail & KIND_MASK;
    segment_kind plain = kind >= KIND_MEAN ? SEGMENT_SUM : (segment_kind)kind;
    fns->fill(plain, out->data, out->count);
    segment_job job = {data->data, s->rows, s->ids, s->n, s->width, out->data};
    fns->reduce(plain, &job);
    if (!(detail & UNSORTED) && (kind == KIND_MAX || kind == KIND_MIN))
        clear_empty(s, out->data, dtype_size(out->type));
    if (kind != KIND_MEAN && kind != KIND_SQRT_N) return INLAY_OK;
    double *divisors = divisors_of(s, kind);
    if (!divisors) return fail_memory(err);
    fns->divide(out->data, s->count, s->width, divisors);
    mem_free(divisors);
    return INLAY_OK;
}

/* Half-precision numbers are put together in float32. What no member changed is beyond them: it becomes their lowest or
 * highest. */
static uint16_t narrow(float v, dtype t) {
    float most = t == INLAY_FLOAT16 ? 65504.0f : 0x1.fep127f;
    if (v == -0x1.fffffep127f) v = -most;
    if (v == 0x1.fffffep127f) v = most;
    return t == INLAY_FLOAT16 ? f32_to_f16(v) : f32_to_bf16(v);
}

static inlay_status compute_half(op_call *c, const segments *s, int detail, tensor *out, inlay_error *err) {
    tensor *data, *wide = NULL;
    TRY(tensor_to_float(c->in[0], INLAY_FLOAT32, c->budget, &data, err));
    inlay_status status = tensor_new(INLAY_FLOAT32, &s->dims, c->budget, &wide, err);
    if (status == INLAY_OK) status = compute(s, segment_functions(INLAY_FLOAT32), detail, data, wide, err);
    for (int64_t i = 0; status == INLAY_OK && i < out->count; i++)
        store_u16(out->data + 2 * i, narrow(tensor_f32(wide)[i], out->type));
    tensor_release(wide);
    tensor_release(data);
    return status;
}

static inlay_status segment_run(op_call *c, inlay_error *err) {
    int detail = c->node->impl->detail;
    segments s = {0};
    tensor *out;
    inlay_status status = detail & SPARSE     ? read_sparse(c, &s, err)
                          : detail & UNSORTED ? read_unsorted(c, &s, err)
                                              : read_sorted(c, &s, err);
    if (status == INLAY_OK) status = op_output(c, 0, &s.dims, &out, err);
    if (status == INLAY_OK) {
        const segment_fns *fns = segment_functions(out->type);
        if (fns)
            status = compute(&s, fns, detail, c->in[0], out, err);
        else if (out->type == INLAY_FLOAT16 || out->type == INLAY_BFLOAT16)
            status = compute_half(c, &s, detail, out, err);
        else
            status = op_unsupported(c, out->type, err);
    }
    mem_free(s.ids);
    mem_free(s.rows);
    return status;
}

const op_impl segment_impls[] = {
    {"SegmentSum", .run = segment_run, .detail = KIND_SUM},
    {"SegmentMean", .run = segment_run, .detail = KIND_MEAN},
    {"SegmentMax", .run = segment_run, .detail = KIND_MAX},
    {"SegmentMin", .run = segment_run, .detail = KIND_MIN},
    {"SegmentProd", .run = segment_run, .detail = KIND_PROD},
    {"UnsortedSegmentSum", .run = segment_run, .detail = UNSORTED | KIND_SUM},
    {"UnsortedSegmentMax", .run = segment_run, .detail = UNSORTED | KIND_MAX},
    {"UnsortedSegmentMin", .run = segment_run, .detail = UNSORTED | KIND_MIN},
    {"UnsortedSegmentProd", .run = segment_run, .detail = UNSORTED | KIND_PROD},
    {"SparseSegmentSum", .run = segment_run, .detail = SPARSE | KIND_SUM},
    {"SparseSegmentMean", .run = segment_run, .detail = SPARSE | KIND_MEAN},
    {"SparseSegmentSqrtN", .run = segment_run, .detail = SPARSE | KIND_SQRT_N},
    {"SparseSegmentSumWithNumSegments", .run = segment_run, .detail = SPARSE | KIND_SUM},
    {"SparseSegmentMeanWithNumSegments", .run = segment_run, .detail = SPARSE | KIND_MEAN},
    {"SparseSegmentSqrtNWithNumSegments", .run = segment_run, .detail = SPARSE | KIND_SQRT_N},
};
OP_FAMILY_END(segment);
