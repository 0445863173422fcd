/* Range search by searches for ever more of the best rows, until one of each query's no longer is full: most ranges are
 * small and end with the first, which an index answers. */
#include "search/search_parts.h"

#include "base/alloc.h"
#include "base/num.h"

#include <inttypes.h>

enum { FIRST_WIDTH = 1024, WIDER = 16, HITS_AT_ONCE = 1 << 20 };

typedef struct round_of_search {
    const search_view *view;
    search_ask ask;
    const float *queries; /* of all */
    search_list *lists;
    int64_t most;
    size_t *open, n_open; /* queries without an answer */
    float *asked;         /* [at once, dim] */
    float *scores;
    int64_t *rows;
} round_of_search;

static size_t hits_of(const float *scores, size_t k) {
    while (k > 0 && scores[k - 1] == -INFINITY) k--;
    return k;
}

static inlay_status keep(search_list *list, const float *scores, const int64_t *rows, size_t count, inlay_error *err) {
    list->scores = mem_array(count + 1, sizeof *list->scores);
    list->rows = mem_array(count + 1, sizeof *list->rows);
    if (!list->scores || !list->rows) return fail_memory(err);
    memcpy(list->scores, scores, count * sizeof *scores);
    memcpy(list->rows, rows, count * sizeof *rows);
    list->count = (int64_t)count;
    return INLAY_OK;
}

/* Asks for K rows each of N open queries from FIRST on; those that stay open move to STAYED. */
static inlay_status ask_some(round_of_search *s, size_t first, size_t n, size_t k, bool last, size_t *stayed,
                             inlay_error *err) {
    size_t dim = (size_t)s->view->dim;
    for (size_t i = 0; i < n; i++)
        memcpy(s->asked + i * dim, s->queries + s->open[first + i] * dim, dim * sizeof *s->asked);
    s->ask.n = n;
    s->ask.k = k;
    TRY(search_answer(s->view, &s->ask, err));
    for (size_t i = 0; i < n; i++) {
        size_t q = s->open[first + i], count = hits_of(s->scores + i * k, k);
        if ((int64_t)count > s->most)
            return fail(err, INLAY_RESOURCE_EXHAUSTED,
                        "query %zu: more than %" PRId64 " rows score %g or more; raise the minimum or the limit", q,
                        s->most, (double)s->ask.limits->least);
        if (count == k && !last)
            s->open[(*stayed)++] = q;
        else
            TRY(keep(s->lists + q, s->scores + i * k, s->rows + i * k, count, err));
    }
    return INLAY_OK;
}

static inlay_status ask_open(round_of_search *s, size_t k, bool last, inlay_error *err) {
    size_t at_once = min_size(max_size(HITS_AT_ONCE / k, 1), s->n_open), stayed = 0;
    s->ask.queries = s->asked = mem_array(at_once * (size_t)s->view->dim + 1, sizeof *s->asked);
    s->ask.scores = s->scores = mem_array(at_once * k, sizeof *s->scores);
    s->ask.rows = s->rows = mem_array(at_once * k, sizeof *s->rows);
    inlay_status status = s->asked && s->scores && s->rows ? INLAY_OK : fail_memory(err);
    for (size_t i = 0; i < s->n_open && status == INLAY_OK; i += at_once)
        status = ask_some(s, i, min_size(at_once, s->n_open - i), k, last, &stayed, err);
    s->n_open = stayed;
    mem_free(s->asked);
    mem_free(s->scores);
    mem_free(s->rows);
    return status;
}

inlay_status search_all_of(const search_view *view, const search_ask *ask, int64_t most, search_list *lists,
                           inlay_error *err) {
    round_of_search s = {.view = view, .ask = *ask, .queries = ask->queries, .lists = lists, .most = most};
    size_t allowed = (size_t)search_allowed(view, ask->limits);
    size_t widest = most < INT64_MAX ? min_size(allowed, (size_t)most + 1) : allowed;
    s.open = mem_array(ask->n + 1, sizeof *s.open);
    if (!s.open) return fail_memory(err);
    for (; s.n_open < ask->n; s.n_open++) s.open[s.n_open] = s.n_open;
    inlay_status status = INLAY_OK;
    for (size_t k = min_size(FIRST_WIDTH, widest); s.n_open > 0 && status == INLAY_OK;) {
        status = ask_open(&s, k, k == widest, err);
        k = min_size(k * WIDER, widest);
    }
    mem_free(s.open);
    return status;
}

void search_lists_free(search_list *lists, size_t n) {
    for (size_t i = 0; i < n; i++) {
        mem_free(lists[i].scores);
        mem_free(lists[i].rows);
    }
}

int64_t search_lists_width(const search_list *lists, size_t n) {
    int64_t width = 0;
    for (size_t q = 0; q < n; q++) width = lists[q].count > width ? lists[q].count : width;
    return width;
}

void search_lists_pad(const search_list *lists, size_t n, int64_t width, float *scores, int64_t *rows) {
    for (size_t q = 0; q < n; q++)
        for (int64_t i = 0; i < width; i++) {
            *scores++ = i < lists[q].count ? lists[q].scores[i] : -INFINITY;
            *rows++ = i < lists[q].count ? lists[q].rows[i] : 0;
        }
}
