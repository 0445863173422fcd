#include "kernel/image/suppress.h"

#include <math.h>

static float min_f(float a, float b) {
    return b < a ? b : a;
}
static float max_f(float a, float b) {
    return a < b ? b : a;
}

float suppress_overlap(const float *a, const float *b) {
    float top_a = min_f(a[0], a[2]), left_a = min_f(a[1], a[3]), bottom_a = max_f(a[0], a[2]),
          right_a = max_f(a[1], a[3]);
    float top_b = min_f(b[0], b[2]), left_b = min_f(b[1], b[3]), bottom_b = max_f(b[0], b[2]),
          right_b = max_f(b[1], b[3]);
    float area_a = (bottom_a - top_a) * (right_a - left_a), area_b = (bottom_b - top_b) * (right_b - left_b);
    if (area_a <= 0 || area_b <= 0) return 0;
    float height = max_f(min_f(bottom_a, bottom_b) - max_f(top_a, top_b), 0);
    float width = max_f(min_f(right_a, right_b) - max_f(left_a, left_b), 0);
    float shared = height * width;
    return shared / (area_a + area_b - shared);
}

/* ---- a heap, the best candidate first */

static bool better(const suppress_candidate *a, const suppress_candidate *b) {
    return a->score > b->score || (a->score == b->score && a->box < b->box);
}

static void sink(suppress_candidate *heap, int64_t n, int64_t at) {
    suppress_candidate moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && better(&heap[child + 1], &heap[child])) child++;
        if (!better(&heap[child], &moved)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static int64_t fill_heap(const suppress_job *j) {
    int64_t n = 0;
    for (int64_t i = 0; i < j->n; i++) {
        float score = j->scores[i * j->score_step];
        if (score > j->score) j->candidates[n++] = (suppress_candidate){score, (int32_t)i, 0};
    }
    for (int64_t i = n / 2 - 1; i >= 0; i--) sink(j->candidates, n, i);
    return n;
}

/* ---- */

static float rounded(float x, dtype t) {
    return t == INLAY_FLOAT16 ? f16_to_f32(f32_to_f16(x)) : x;
}

static float overlap_of(const suppress_job *j, int32_t a, int32_t b) {
    if (!j->boxes) return j->overlaps[a * j->n + b];
    return rounded(suppress_overlap(j->boxes + a * j->box_step, j->boxes + b * j->box_step), j->type);
}

/* Compares CANDIDATE with those selected that it has not met yet, the last first. False: it is out. */
static bool survives(const suppress_job *j, suppress_candidate *candidate, const int32_t *selected, int64_t count) {
    float scale = j->sigma > 0 ? rounded(-0.5f / j->sigma, j->type) : 0;
    for (int64_t k = count - 1; k >= candidate->compared; k--) {
        float overlap = overlap_of(j, candidate->box, selected[k]);
        if (!(j->sigma > 0) && overlap > j->overlap) return false;
        float power = rounded(rounded(scale * overlap, j->type) * overlap, j->type);
        if (j->sigma > 0) candidate->score = rounded(candidate->score * rounded(expf(power), j->type), j->type);
        if (candidate->score <= j->score) break;
    }
    candidate->compared = (int32_t)count;
    return true;
}

int64_t suppress_run(const suppress_job *j, int32_t *selected, float *scores) {
    int64_t n = fill_heap(j), count = 0;
    suppress_candidate *heap = j->candidates;
    while (count < j->most && n > 0) {
        suppress_candidate best = heap[0];
        float before = best.score;
        bool stays = survives(j, &best, selected, count);
        if (stays && best.score != before && best.score > j->score) { /* again, with its lower score */
            heap[0] = best;
            sink(heap, n, 0);
            continue;
        }
        heap[0] = heap[--n];
        if (n) sink(heap, n, 0);
        if (!stays || best.score != before) continue;
        selected[count] = best.box;
        scores[count++] = best.score;
    }
    return count;
}
