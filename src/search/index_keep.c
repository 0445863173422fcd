/* What survives stage one: a bounded list for each query and thread. */
#include "search/index_search.h"

#include "base/alloc.h"
#include "base/num.h"

#include <math.h>

enum {
    LEAST_CAPACITY = 64,
    KEPT_ROWS = 1024,      /* of a query and a thread, at least */
    KEPT_SHARE = 16,       /* else the rows' share that is worth scoring one by one */
    KEPT_BYTES = 64 << 20, /* of all queries and threads */
    MOST_KEPT = 1 << 18    /* of a query and a thread */
};

static size_t most_kept(const index_run *s) {
    size_t share = (size_t)(s->total_rows / KEPT_SHARE / s->threads);
    return max_size(min_size(max_size(share, KEPT_ROWS), MOST_KEPT), 4 * s->k);
}

static void drop_losers(candidates *c, float floor) {
    size_t left = 0;
    for (size_t i = 0; i < c->count; i++)
        if (!(c->list[i].upper < floor)) c->list[left++] = c->list[i];
    c->count = left;
}

/* Makes room for one more candidate; without it the query leaves the index. */
static bool make_room(index_run *s, index_query *q, candidates *c) {
    if (c->count < c->capacity) return true;
    size_t most = most_kept(s);
    drop_losers(c, index_floor(q));
    if (c->count <= c->capacity / 2 && c->capacity > 0) return true;
    size_t capacity = min_size(max_size(2 * c->capacity, LEAST_CAPACITY), most), more = capacity - c->capacity;
    if (more == 0) {
        if (c->count <= most / 4 * 3) return true;
        index_leave(q);
        return false;
    }
    if (atomic_fetch_add(&s->kept_bytes, more * sizeof *c->list) > KEPT_BYTES) {
        index_leave(q);
        return false;
    }
    candidate *list = mem_realloc(c->list, capacity * sizeof *list);
    if (!list) {
        atomic_store(&s->failed, true);
        index_leave(q);
        return false;
    }
    c->list = list;
    c->capacity = capacity;
    return true;
}

static float rounded_down(double value) {
    return float_before((float)value);
}
static float rounded_up(double value) {
    return isnan(value) ? INFINITY : float_after((float)value);
}

/* What scores an estimate of ROW allows. False when the row's score is minus infinity whatever it holds. */
static bool bounds_of(const index_run *s, const quant_bound *b, const index_block *of, uint64_t row, float estimate,
                      float *lower, float *upper) {
    const scan_rows *rows = &s->sources[of->source].rows;
    const quant_head *head = &of->head;
    double middle = of->base + (double)head->scale * (double)b->step * (double)estimate;
    double bound = (double)b->error * (double)head->error + (double)b->norm * (double)head->norm +
                   (double)b->centre * (double)of->length + (double)b->fixed;
    if (rows->factor != SCAN_PLAIN) {
        float side = load_f32(rows->side + row * sizeof side);
        if (isnan(side) || (rows->factor == SCAN_MINUS && side == INFINITY)) return false;
        if (rows->factor == SCAN_MINUS) {
            middle -= (double)side;
            bound += (double)QUANT_SIDE_ROUNDING * fabs((double)side);
        }
    }
    bound += 0x1p-48 * (fabs(middle) + bound); /* of these very lines */
    *lower = rounded_down(middle - bound);
    *upper = rounded_up(middle + bound);
    return true;
}

bool index_may_win(const index_run *s, const index_query *q, const index_block *of, uint64_t row, float estimate) {
    float lower, upper;
    if (!index_allows(s, of->source, row)) return false;
    /* without differences the limit has said as much */
    if (s->sources[of->source].rows.factor != SCAN_MINUS) return true;
    return bounds_of(s, &q->one, of, row, estimate, &lower, &upper) && !(upper < index_floor(q));
}

void index_admit(index_run *s, index_part *part, index_query *q, const index_block *of, uint64_t row, float estimate) {
    float lower, upper;
    if (!index_allows(s, of->source, row)) return;
    if (!bounds_of(s, &q->two, of, row, estimate, &lower, &upper)) return;
    if (upper < index_floor(q) || !make_room(s, q, &part->kept)) return;
    part->kept.list[part->kept.count++] = (candidate){upper, of->source, row};
    part->admitted++;
    if (lower > -INFINITY && !(lower < part->lower.threshold))
        scan_top_offer(&part->lower, lower, s->sources[of->source].rows.first_row + (int64_t)row);
}
