/* Rows dealt out by number, and put back in order. */
#include "op/families.h"
#include "op/runs.h"

/* ---- DynamicPartition */

static inlay_status check_partitions(const tensor *data, const tensor *partitions, int n, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    bool fits = partitions->dims.rank <= data->dims.rank;
    for (int i = 0; fits && i < partitions->dims.rank; i++) fits = partitions->dims.dims[i] == data->dims.dims[i];
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT,
                    "data.shape must start with partitions.shape, got data.shape = %s, partitions.shape = %s",
                    shape_text(&data->dims, a), shape_text(&partitions->dims, b));
    const int32_t *to = tensor_i32(partitions);
    for (int64_t i = 0; i < partitions->count; i++)
        if (to[i] < 0 || to[i] >= n)
            return fail(err, INLAY_INVALID_ARGUMENT, "partitions[%lld] = %d is not in [0, %d)", (long long)i, to[i], n);
    return INLAY_OK;
}

static inlay_status put_partition(op_call *c, int number, int64_t count, inlay_error *err) {
    const tensor *data = c->in[0], *partitions = c->in[1];
    const int32_t *to = tensor_i32(partitions);
    shape dims = shape_vector(count);
    for (int i = partitions->dims.rank; i < data->dims.rank; i++) dims.dims[dims.rank++] = data->dims.dims[i];
    int64_t width = op_span(&data->dims, partitions->dims.rank, data->dims.rank);
    run_writer w;
    TRY(runs_begin(&w, c, number, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < partitions->count && status == INLAY_OK; i++)
        if (to[i] == number) status = runs_copy(&w, data, i * width, width, err);
    return runs_end(&w, status, err);
}

static inlay_status partition_run(op_call *c, inlay_error *err) {
    const tensor *data = c->in[0], *partitions = c->in[1];
    int n = c->node->out.count;
    TRY(check_partitions(data, partitions, n, err));
    if (data->dims.rank - partitions->dims.rank + 1 > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    int64_t *counts = mem_zalloc((size_t)n, sizeof *counts);
    if (!counts) return fail_memory(err);
    for (int64_t i = 0; i < partitions->count; i++) counts[tensor_i32(partitions)[i]]++;
    inlay_status status = INLAY_OK;
    for (int i = 0; i < n && status == INLAY_OK; i++)
        if (!c->unused[i]) status = put_partition(c, i, counts[i], err);
    mem_free(counts);
    return status;
}

/* ---- DynamicStitch */

/* Where a row of the output comes from. */
typedef struct stitch_place {
    int64_t piece; /* 0: nobody says it; else one more than the number of the piece */
    int64_t row;
} stitch_place;

/* The dims of one row: those that a piece of data has beyond its indices. */
static inlay_status row_dims(const tensor *indices, const tensor *data, shape *dims, inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    bool fits = indices->dims.rank <= data->dims.rank;
    for (int i = 0; fits && i < indices->dims.rank; i++) fits = indices->dims.dims[i] == data->dims.dims[i];
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "data of shape %s does not start with the shape %s of its indices",
                    shape_text(&data->dims, a), shape_text(&indices->dims, b));
    *dims = (shape){0};
    for (int i = indices->dims.rank; i < data->dims.rank; i++) dims->dims[dims->rank++] = data->dims.dims[i];
    return INLAY_OK;
}

/* Dims of the output: as many rows as the largest index asks for. */
static inlay_status stitched_dims(const op_call *c, int n, shape *out, inlay_error *err) {
    shape first = {0};
    int64_t rows = 0;
    for (int i = 0; i < n; i++) {
        shape dims;
        const int32_t *at = tensor_i32(c->in[i]);
        TRY(row_dims(c->in[i], c->in[n + i], &dims, err));
        if (i == 0) first = dims;
        if (!shape_equal(&dims, &first))
            return fail(err, INLAY_INVALID_ARGUMENT, "the pieces of data have rows of different shapes");
        for (int64_t j = 0; j < c->in[i]->count; j++) {
            if (at[j] < 0) return fail(err, INLAY_INVALID_ARGUMENT, "indices[%lld] is out of range", (long long)j);
            if (at[j] >= rows) rows = (int64_t)at[j] + 1;
        }
    }
    if (first.rank == INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    *out = shape_vector(rows);
    for (int i = 0; i < first.rank; i++) out->dims[out->rank++] = first.dims[i];
    return INLAY_OK;
}

/* Of rows that several pieces give, the last one stays. Rows that nobody gives are zeros. */
static inlay_status stitch(op_call *c, int n, const shape *dims, stitch_place *places, inlay_error *err) {
    int64_t width = op_span(dims, 1, dims->rank);
    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < c->in[i]->count; j++) places[tensor_i32(c->in[i])[j]] = (stitch_place){i + 1, j};
    run_writer w;
    TRY(runs_begin(&w, c, 0, dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t r = 0; r < dims->dims[0] && status == INLAY_OK; r++) {
        const stitch_place *p = &places[r];
        status = p->piece ? runs_copy(&w, c->in[n + p->piece - 1], p->row * width, width, err)
                          : runs_repeat(&w, NULL, 0, width, err);
    }
    return runs_end(&w, status, err);
}

static inlay_status stitch_run(op_call *c, inlay_error *err) {
    int n = c->node->in.count / 2;
    shape dims;
    TRY(stitched_dims(c, n, &dims, err));
    /* A tensor, so that the session's budget bounds it: one index may ask for two billion rows. */
    shape pairs = shape_matrix(dims.dims[0], sizeof(stitch_place) / sizeof(int64_t));
    tensor *places;
    TRY(tensor_new_zero(INLAY_INT64, &pairs, c->budget, &places, err));
    inlay_status status = stitch(c, n, &dims, (stitch_place *)(void *)places->data, err);
    tensor_release(places);
    return status;
}

const op_impl dynamic_impls[] = {
    {"DynamicPartition", .run = partition_run},
    {"DynamicStitch", .run = stitch_run},
    {"ParallelDynamicStitch", .run = stitch_run},
};
OP_FAMILY_END(dynamic);
