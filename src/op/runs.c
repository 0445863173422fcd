#include "op/runs.h"

#include "base/num.h"

inlay_status runs_begin(run_writer *w, op_call *call, int output, const shape *dims, inlay_error *err) {
    dtype t = call->node->out.items[output].type;
    *w = (run_writer){.call = call, .output = output, .is_text = t == INLAY_STRING, .width = dtype_size(t)};
    if (w->is_text) return string_builder_init(&w->text, dims, w->call->budget, err);
    if (w->width == 0) return op_unsupported(call, t, err);
    TRY(tensor_new(t, dims, call->budget, &w->out, err));
    w->next = w->out->data;
    return INLAY_OK;
}

inlay_status runs_copy_text(run_writer *w, const tensor *from, int64_t first, int64_t n, inlay_error *err) {
    for (int64_t i = 0; i < n; i++) TRY(string_builder_add(&w->text, tensor_string(from, first + i), err));
    return INLAY_OK;
}

inlay_status runs_repeat(run_writer *w, const tensor *from, int64_t index, int64_t n, inlay_error *err) {
    if (w->is_text) {
        bytes text = from ? tensor_string(from, index) : bytes_make("", 0);
        for (int64_t i = 0; i < n; i++) TRY(string_builder_add(&w->text, text, err));
        return INLAY_OK;
    }
    if (n <= 0) return INLAY_OK;
    size_t total = (size_t)n * w->width;
    if (!from) {
        memset(w->next, 0, total);
    } else {
        memcpy(w->next, from->data + (size_t)index * w->width, w->width);
        for (size_t done = w->width; done < total;) { /* doubling */
            size_t more = min_size(done, total - done);
            memcpy(w->next + done, w->next, more);
            done += more;
        }
    }
    w->next += total;
    return INLAY_OK;
}

/* N elements, STEP apart. */
static inlay_status stepped(run_writer *w, const tensor *from, int64_t first, int64_t n, int64_t step,
                            inlay_error *err) {
    if (step == 1) return runs_copy(w, from, first, n, err);
    if (step == 0) return runs_repeat(w, from, first, n, err);
    if (w->is_text) {
        for (int64_t i = 0; i < n; i++) TRY(string_builder_add(&w->text, tensor_string(from, first + i * step), err));
        return INLAY_OK;
    }
    const uint8_t *p = from->data + (size_t)first * w->width;
    ptrdiff_t stride = (ptrdiff_t)step * (ptrdiff_t)w->width;
    uint8_t *to = w->next;
    w->next += (size_t)n * w->width;
    switch (w->width) { /* a constant width makes memcpy one move */
    case 4:
        for (int64_t i = 0; i < n; i++) memcpy(to + i * 4, p + i * stride, 4);
        return INLAY_OK;
    case 8:
        for (int64_t i = 0; i < n; i++) memcpy(to + i * 8, p + i * stride, 8);
        return INLAY_OK;
    default:
        for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)i * w->width, p + i * stride, w->width);
        return INLAY_OK;
    }
}

/* Loops that step as one longer loop become one. Returns their number, at least 1. */
static int join_loops(int rank, const int64_t *dims, const int64_t *steps, int64_t *joined, int64_t *joined_steps) {
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 1) continue;
        if (n && joined_steps[n - 1] == steps[i] * dims[i])
            joined[n - 1] *= dims[i];
        else
            joined[n++] = dims[i];
        joined_steps[n - 1] = steps[i];
    }
    if (n == 0) {
        joined[n] = 1;
        joined_steps[n++] = 1;
    }
    return n;
}

inlay_status runs_box(run_writer *w, const tensor *from, int64_t start, int rank, const int64_t *dims,
                      const int64_t *steps, inlay_error *err) {
    int64_t count[RUNS_MAX_RANK], step[RUNS_MAX_RANK], at[RUNS_MAX_RANK] = {0};
    for (int i = 0; i < rank; i++)
        if (dims[i] == 0) return INLAY_OK;
    int n = join_loops(rank, dims, steps, count, step);
    for (;;) {
        TRY(stepped(w, from, start, count[n - 1], step[n - 1], err));
        int i = n - 2;
        for (; i >= 0; i--) {
            start += step[i];
            if (++at[i] < count[i]) break;
            start -= step[i] * count[i];
            at[i] = 0;
        }
        if (i < 0) return INLAY_OK;
    }
}

inlay_status runs_end(run_writer *w, inlay_status status, inlay_error *err) {
    if (status != INLAY_OK) {
        tensor_release(w->out);
        if (w->is_text) string_builder_free(&w->text);
        return status;
    }
    if (w->is_text) TRY(string_builder_finish(&w->text, &w->out, err));
    op_give(w->call, w->output, w->out);
    return INLAY_OK;
}
