#include "op/matrix_batch.h"

#include "base/num.h"
#include "kernel/cast/cast.h"
#include "op/parallel.h"

static bool is_complex(dtype t) {
    return t == INLAY_COMPLEX64 || t == INLAY_COMPLEX128;
}

inlay_status matrices_of(const tensor *t, const char *what, bool square, matrices *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    const shape *s = &t->dims;
    if (s->rank < 2) return fail(err, INLAY_INVALID_ARGUMENT, "%s must have rank >= 2, got %d", what, s->rank);
    *out = (matrices){.t = t, .rows = s->dims[s->rank - 2], .cols = s->dims[s->rank - 1], .batch = *s};
    if (square && out->rows != out->cols)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be square matrices, got %s", what, shape_text(s, text));
    out->batch.rank -= 2;
    out->count = op_span(s, 0, s->rank - 2);
    return INLAY_OK;
}

inlay_status matrices_agree(const matrices *a, const matrices *b, inlay_error *err) {
    char at[SHAPE_TEXT], bt[SHAPE_TEXT];
    if (shape_equal(&a->batch, &b->batch)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "shapes %s and %s are of different batches", shape_text(&a->t->dims, at),
                shape_text(&b->t->dims, bt));
}

inlay_status matrices_dims(const matrices *m, int64_t rows, int64_t cols, shape *out, inlay_error *err) {
    *out = m->batch;
    if (out->rank + 2 > INLAY_MAX_RANK) return fail(err, INLAY_INVALID_ARGUMENT, "too many dimensions");
    out->dims[out->rank++] = rows;
    if (cols >= 0) out->dims[out->rank++] = cols;
    return INLAY_OK;
}

static dtype part_of(dtype t) {
    return t == INLAY_COMPLEX64 ? INLAY_FLOAT32 : t == INLAY_COMPLEX128 ? INLAY_FLOAT64 : t;
}

void matrix_load(const tensor *t, int64_t first, int64_t n, void *wide) {
    int64_t parts = is_complex(t->type) ? 2 : 1;
    const uint8_t *from = t->data + (size_t)first * dtype_size(t->type);
    if (n) cast_run(wide, INLAY_FLOAT64, from, part_of(t->type), (size_t)(n * parts));
}

void matrix_store(tensor *t, int64_t first, int64_t n, const void *wide) {
    int64_t parts = is_complex(t->type) ? 2 : 1;
    uint8_t *to = t->data + (size_t)first * dtype_size(t->type);
    if (n) cast_run(to, part_of(t->type), wide, INLAY_FLOAT64, (size_t)(n * parts));
}

void matrix_store_real(tensor *t, int64_t first, int64_t n, const double *values) {
    for (int64_t i = 0; i < n; i++) matrix_store(t, first + i, 1, (const double[]){values[i], 0});
}

inlay_status matrix_job_init(matrix_job *j, op_call *c, dtype t, inlay_error *err) {
    *j = (matrix_job){.c = c};
    if (t != INLAY_FLOAT32 && t != INLAY_FLOAT64 && t != INLAY_FLOAT16 && !is_complex(t))
        return op_unsupported(c, t, err);
    j->f = is_complex(t) ? &linalg_complex : &linalg_real;
    j->unit = is_complex(t) ? 16 : 8;
    return INLAY_OK;
}

void *matrix_room(const matrix_job *j, uint8_t **room, int64_t n) {
    void *out = *room;
    *room += (size_t)n * j->unit;
    return out;
}

typedef struct batch_run {
    const matrix_job *j;
    _Atomic bool out_of_memory, refused, cancelled;
} batch_run;

static void run_part(void *ctx, int64_t first, int64_t n) {
    batch_run *r = ctx;
    size_t bytes;
    uint8_t *room = mul_size((size_t)r->j->room + 1, r->j->unit, &bytes) ? mem_alloc(bytes) : NULL;
    if (!room) r->out_of_memory = true;
    for (int64_t i = first; room && i < first + n; i++) {
        if (op_check_stop(r->j->c, NULL) != INLAY_OK) {
            r->cancelled = true;
            break;
        }
        if (!r->j->one(r->j, i, room)) r->refused = true;
    }
    mem_free(room);
}

inlay_status matrix_job_run(matrix_job *j, inlay_error *err) {
    batch_run r = {.j = j};
    op_parallel(j->count, 65536 / (j->cost + 1) + 1, run_part, &r);
    if (r.out_of_memory) return fail_memory(err);
    if (r.cancelled) return op_check_stop(j->c, err);
    return r.refused ? fail(err, INLAY_INVALID_ARGUMENT, "%s", j->refusal) : INLAY_OK;
}
