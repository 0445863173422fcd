/* Non-maximum suppression of boxes. */
#include "kernel/image/suppress.h"
#include "op/families.h"
#include "op/image.h"
#include "op/parallel.h"

#include <float.h>
#include <stdlib.h>

/* Which inputs an op has beyond boxes, scores and the number wanted. */
enum { HAS_OVERLAP = 1, HAS_SCORE = 2, HAS_SIGMA = 4, GIVES_COUNT = 8, GIVES_SCORES = 16, TAKES_OVERLAPS = 32 };

/* A scalar of float32 or float16. */
static inlay_status threshold_of(const tensor *t, const char *what, float *out, inlay_error *err) {
    if (t->type == INLAY_FLOAT32) return image_scalar(t, what, out, err);
    char text[SHAPE_TEXT];
    if (t->dims.rank != 0)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s must be a scalar, not of shape %s", what,
                    shape_text(&t->dims, text));
    uint16_t half;
    memcpy(&half, t->data, sizeof half);
    *out = t->type == INLAY_FLOAT16 ? f16_to_f32(half) : bf16_to_f32(half);
    return INLAY_OK;
}

static float rounded(float x, dtype t) {
    return t == INLAY_FLOAT16 ? f16_to_f32(f32_to_f16(x)) : x;
}

static inlay_status read_thresholds(op_call *c, suppress_job *j, inlay_error *err) {
    int detail = c->node->impl->detail;
    j->score = j->type == INLAY_FLOAT16 ? -65504.0f : -FLT_MAX;
    if (detail & HAS_OVERLAP)
        TRY(threshold_of(c->in[3], "the overlap threshold", &j->overlap, err));
    else
        TRY(attr_float(&c->node->attributes, "iou_threshold", &j->overlap, err));
    if (detail & HAS_SCORE) TRY(threshold_of(c->in[4], "score_threshold", &j->score, err));
    if (detail & HAS_SIGMA) TRY(threshold_of(c->in[5], "soft_nms_sigma", &j->sigma, err));
    j->overlap = rounded(j->overlap, j->type);
    j->score = rounded(j->score, j->type);
    if (!(detail & TAKES_OVERLAPS) && !(j->overlap >= 0 && j->overlap <= 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "iou_threshold is %g, not in [0, 1]", (double)j->overlap);
    if (!(j->sigma >= 0)) return fail(err, INLAY_INVALID_ARGUMENT, "soft_nms_sigma is %g", (double)j->sigma);
    return INLAY_OK;
}

static inlay_status check_shapes(const op_call *c, inlay_error *err) {
    const shape *boxes = &c->in[0]->dims, *scores = &c->in[1]->dims;
    bool overlaps = c->node->impl->detail & TAKES_OVERLAPS;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (boxes->rank != 2 || boxes->dims[1] != (overlaps ? boxes->dims[0] : 4) || scores->rank != 1 ||
        scores->dims[0] != boxes->dims[0] || boxes->dims[0] > INT32_MAX)
        return fail(err, INLAY_INVALID_ARGUMENT, "boxes of shape %s with scores of shape %s", shape_text(boxes, a),
                    shape_text(scores, b));
    if (c->in[2]->dims.rank != 0) return fail(err, INLAY_INVALID_ARGUMENT, "max_output_size must be a scalar");
    return INLAY_OK;
}

/* COUNT boxes found, followed by zeros up to N. */
static inlay_status put_found(op_call *c, const suppress_job *j, const int32_t *selected, const float *scores,
                              int64_t count, int64_t n, inlay_error *err) {
    int detail = c->node->impl->detail;
    shape dims = shape_vector(n);
    tensor *out;
    TRY(op_output(c, 0, &dims, &out, err));
    memset(out->data, 0, (size_t)out->size);
    memcpy(out->data, selected, (size_t)count * sizeof *selected);
    if (detail & GIVES_SCORES) {
        TRY(op_output(c, 1, &dims, &out, err));
        memset(out->data, 0, (size_t)out->size);
        for (int64_t i = 0; i < count; i++)
            if (j->type == INLAY_FLOAT16)
                ((uint16_t *)(void *)out->data)[i] = f32_to_f16(scores[i]);
            else
                tensor_f32(out)[i] = scores[i];
    }
    if (!(detail & GIVES_COUNT)) return INLAY_OK;
    TRY(op_output(c, detail & GIVES_SCORES ? 2 : 1, &(shape){0}, &out, err));
    *tensor_i32(out) = (int32_t)count;
    return INLAY_OK;
}

static inlay_status select_boxes(op_call *c, suppress_job *j, int64_t wanted, bool pad, inlay_error *err) {
    inlay_status status;
    int32_t *selected = mem_array((size_t)j->n + 1, sizeof *selected);
    float *scores = mem_array((size_t)j->n + 1, sizeof *scores);
    j->candidates = mem_array((size_t)j->n + 1, sizeof *j->candidates);
    if (selected && scores && j->candidates) {
        int64_t count = suppress_run(j, selected, scores);
        status = put_found(c, j, selected, scores, count, pad ? wanted : count, err);
    } else {
        status = fail_memory(err);
    }
    mem_free(j->candidates);
    mem_free(scores);
    mem_free(selected);
    return status;
}

static inlay_status suppress_op_run(op_call *c, inlay_error *err) {
    int detail = c->node->impl->detail;
    suppress_job j = {.type = c->in[0]->type, .score_step = 1, .box_step = 4};
    bool pad = false;
    tensor *boxes = NULL, *scores = NULL;
    if (j.type != INLAY_FLOAT32 && j.type != INLAY_FLOAT16) return op_unsupported(c, j.type, err);
    if (detail & GIVES_COUNT) TRY(attr_bool(&c->node->attributes, "pad_to_max_output_size", &pad, err));
    TRY(check_shapes(c, err));
    TRY(read_thresholds(c, &j, err));
    int64_t wanted = *tensor_i32(c->in[2]);
    if (wanted < 0) return fail(err, INLAY_INVALID_ARGUMENT, "max_output_size is %lld", (long long)wanted);
    TRY(tensor_to_float(c->in[0], INLAY_FLOAT32, c->budget, &boxes, err));
    inlay_status status = tensor_to_float(c->in[1], INLAY_FLOAT32, c->budget, &scores, err);
    if (status == INLAY_OK) {
        j.n = scores->count;
        j.most = wanted < j.n ? wanted : j.n;
        j.scores = tensor_f32(scores);
        if (detail & TAKES_OVERLAPS)
            j.overlaps = tensor_f32(boxes);
        else
            j.boxes = tensor_f32(boxes);
        status = select_boxes(c, &j, wanted, pad, err);
    }
    tensor_release(scores);
    tensor_release(boxes);
    return status;
}

/* ---- CombinedNonMaxSuppression: boxes [batch, boxes, 1 or classes, 4], scores [batch, boxes, classes]; each class by
 * itself, then the best of all classes. Equal scores: lower class and box first, where TensorFlow promises no order. */

typedef struct detection {
    float score;
    int32_t box, class;
} detection;

typedef struct combined_work {
    suppress_job job; /* thresholds */
    const float *boxes, *scores;
    int64_t batch, n, sets, classes, most, wanted; /* sets of boxes: 1 or one a class */
    detection *found;                              /* [batch, classes, most], first those there are */
    int32_t *counts;                               /* [batch, classes] */
} combined_work;

static const float *box_of(const combined_work *w, int64_t image, int64_t box, int64_t class) {
    return w->boxes + ((image * w->n + box) * w->sets + (w->sets > 1 ? class : 0)) * 4;
}

static void combined_classes(void *ctx, int64_t first, int64_t n, float *scratch) {
    const combined_work *w = ctx;
    suppress_job j = w->job;
    j.candidates = (suppress_candidate *)(void *)scratch;
    float *scores = scratch + w->n * (int64_t)(sizeof *j.candidates / sizeof *scratch);
    int32_t *selected = (int32_t *)(void *)(scores + w->n);
    for (int64_t i = first; i < first + n; i++) {
        int64_t image = i / w->classes, class = i % w->classes;
        j.scores = w->scores + image * w->n * w->classes + class;
        j.boxes = box_of(w, image, 0, class);
        w->counts[i] = (int32_t)suppress_run(&j, selected, scores);
        for (int64_t k = 0; k < w->counts[i]; k++)
            w->found[i * w->most + k] = (detection){scores[k], selected[k], (int32_t) class};
    }
}

static int by_score(const void *a, const void *b) {
    const detection *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->class != y->class) return x->class < y->class ? -1 : 1;
    return (x->box > y->box) - (x->box < y->box);
}

/* Moves the detections of IMAGE together and sorts them. Returns their number. */
static int64_t sort_image(const combined_work *w, int64_t image, detection **found) {
    detection *all = w->found + image * w->classes * w->most;
    int64_t count = 0;
    for (int64_t k = 0; k < w->classes; k++) {
        int64_t n = w->counts[image * w->classes + k];
        memmove(all + count, all + k * w->most, (size_t)n * sizeof *all);
        count += n;
    }
    if (count) qsort(all, (size_t)count, sizeof *all, by_score);
    *found = all;
    return count;
}

static float clip(float x) {
    x = 1.0f < x ? 1.0f : x;
    return x < 0.0f ? 0.0f : x;
}

static inlay_status put_detections(op_call *c, const combined_work *w, int64_t size, inlay_error *err) {
    bool clipped;
    tensor *out[4];
    shape flat = shape_matrix(w->batch, size), boxes = {3, {w->batch, size, 4}}, counts = shape_vector(w->batch);
    TRY(attr_bool(&c->node->attributes, "clip_boxes", &clipped, err));
    for (int i = 0; i < 4; i++) {
        TRY(op_output(c, i, i == 0 ? &boxes : i == 3 ? &counts : &flat, &out[i], err));
        memset(out[i]->data, 0, (size_t)out[i]->size);
    }
    for (int64_t image = 0; image < w->batch; image++) {
        detection *found;
        int64_t n = sort_image(w, image, &found);
        if (n > size) n = size;
        tensor_i32(out[3])[image] = (int32_t)n;
        for (int64_t k = 0; k < n; k++) {
            int64_t at = image * size + k;
            const float *box = box_of(w, image, found[k].box, found[k].class);
            for (int i = 0; i < 4; i++) tensor_f32(out[0])[4 * at + i] = clipped ? clip(box[i]) : box[i];
            tensor_f32(out[1])[at] = found[k].score;
            tensor_f32(out[2])[at] = (float)found[k].class;
        }
    }
    return INLAY_OK;
}

static inlay_status combined_shapes(const op_call *c, combined_work *w, inlay_error *err) {
    const shape *boxes = &c->in[0]->dims, *scores = &c->in[1]->dims;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (boxes->rank != 4 || scores->rank != 3 || boxes->dims[0] != scores->dims[0] ||
        boxes->dims[1] != scores->dims[1] || boxes->dims[3] != 4 || boxes->dims[1] > INT32_MAX ||
        scores->dims[2] > INT32_MAX || (boxes->dims[2] != 1 && boxes->dims[2] != scores->dims[2]))
        return fail(err, INLAY_INVALID_ARGUMENT, "boxes of shape %s with scores of shape %s", shape_text(boxes, a),
                    shape_text(scores, b));
    *w = (combined_work){.boxes = tensor_f32(c->in[0]), .scores = tensor_f32(c->in[1])};
    w->batch = boxes->dims[0];
    w->n = boxes->dims[1];
    w->sets = boxes->dims[2];
    w->classes = scores->dims[2];
    return INLAY_OK;
}

static inlay_status combined_limits(const op_call *c, combined_work *w, int64_t *size, inlay_error *err) {
    bool pad;
    TRY(attr_bool(&c->node->attributes, "pad_per_class", &pad, err));
    for (int i = 2; i < 4; i++)
        if (c->in[i]->dims.rank != 0 || *tensor_i32(c->in[i]) <= 0)
            return fail(err, INLAY_INVALID_ARGUMENT, "limits of the output must be positive numbers");
    TRY(image_scalar(c->in[4], "iou_threshold", &w->job.overlap, err));
    TRY(image_scalar(c->in[5], "score_threshold", &w->job.score, err));
    if (!(w->job.overlap >= 0 && w->job.overlap <= 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "iou_threshold is %g, not in [0, 1]", (double)w->job.overlap);
    int64_t per_class = *tensor_i32(c->in[2]), total = *tensor_i32(c->in[3]);
    w->most = per_class < w->n ? per_class : w->n;
    w->job.most = w->most;
    w->job.n = w->n;
    w->job.type = INLAY_FLOAT32;
    w->job.score_step = w->classes;
    w->job.box_step = 4 * w->sets;
    *size = pad && per_class * w->classes < total ? per_class * w->classes : total;
    return INLAY_OK;
}

static inlay_status combined_run(op_call *c, inlay_error *err) {
    combined_work w;
    int64_t size = 0;
    TRY(combined_shapes(c, &w, err));
    TRY(combined_limits(c, &w, &size, err));
    tensor *found = NULL, *counts = NULL;
    inlay_status status;
    TRY_TO(done, tensor_new(INLAY_FLOAT32, &(shape){4, {w.batch, w.classes, w.most, sizeof(detection) / sizeof(float)}},
                            c->budget, &found, err));
    TRY_TO(done, tensor_new(INLAY_INT32, &(shape){2, {w.batch, w.classes}}, c->budget, &counts, err));
    w.found = (detection *)(void *)found->data;
    w.counts = tensor_i32(counts);
    TRY_TO(done, op_parallel_scratch(c, w.batch * w.classes, image_grain(w.n), 5 * w.n, combined_classes, &w, err));
    status = put_detections(c, &w, size, err);
done:
    tensor_release(counts);
    tensor_release(found);
    return status;
}

const op_impl suppress_impls[] = {
    {"NonMaxSuppression", .run = suppress_op_run, .detail = 0},
    {"NonMaxSuppressionV2", .run = suppress_op_run, .detail = HAS_OVERLAP},
    {"NonMaxSuppressionV3", .run = suppress_op_run, .detail = HAS_OVERLAP | HAS_SCORE},
    {"NonMaxSuppressionV4", .run = suppress_op_run, .detail = HAS_OVERLAP | HAS_SCORE | GIVES_COUNT},
    {"NonMaxSuppressionV5", .run = suppress_op_run,
     .detail = HAS_OVERLAP | HAS_SCORE | HAS_SIGMA | GIVES_COUNT | GIVES_SCORES},
    {"NonMaxSuppressionWithOverlaps", .run = suppress_op_run, .detail = HAS_OVERLAP | HAS_SCORE | TAKES_OVERLAPS},
    {"CombinedNonMaxSuppression", .run = combined_run},
};
OP_FAMILY_END(suppress);
