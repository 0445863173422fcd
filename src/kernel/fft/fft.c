#include "kernel/fft/fft.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* Lengths of small factors are cut by them (Stockham's self-sorting form of Cooley and Tukey 1965); any other is a
 * convolution with a chirp, of a length that is a power of two (Bluestein 1970). */
enum { MOST_FACTORS = 64, LARGEST_FACTOR = 13 };

struct fft_plan {
    int64_t n;
    int factors[MOST_FACTORS], n_factors;
    fft_pair *roots; /* [n] exp(-2 pi i k / n) */
    /* Bluestein: */
    fft_plan *inner;
    fft_pair *chirp;  /* [n] exp(-pi i k^2 / n) */
    fft_pair *filter; /* [inner->n] transform of the chirp's conjugate, divided by inner->n */
};

static fft_pair times(fft_pair a, fft_pair b) {
    return (fft_pair){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
static fft_pair plus(fft_pair a, fft_pair b) {
    return (fft_pair){a.re + b.re, a.im + b.im};
}
static fft_pair minus(fft_pair a, fft_pair b) {
    return (fft_pair){a.re - b.re, a.im - b.im};
}
static fft_pair scaled(fft_pair a, double by) {
    return (fft_pair){a.re * by, a.im * by};
}
static fft_pair turned(fft_pair a) { /* by -i */
    return (fft_pair){a.im, -a.re};
}

/* exp(-2 pi i k / n), 0 <= k < n; the angle is brought below an eighth of the circle first, where it is exact. */
static fft_pair root(int64_t k, int64_t n) {
    uint64_t eighth = (uint64_t)k * 8, size = (uint64_t)n;
    bool lower = eighth > 4 * size; /* mirror images: about the real axis, the imaginary one, the diagonal */
    if (lower) eighth = 8 * size - eighth;
    bool left = eighth > 2 * size;
    if (left) eighth = 4 * size - eighth;
    bool steep = eighth > size;
    if (steep) eighth = 2 * size - eighth;
    double angle = M_PI / 4 * ((double)eighth / (double)n), s = sin(angle), c = cos(angle);
    double re = steep ? s : c, im = steep ? c : s;
    return (fft_pair){left ? -re : re, lower ? im : -im};
}

/* ---- stages: M groups of R numbers, S numbers apart; X[q + S (p + M t)] -> Y[q + S (R p + t)] */

typedef struct stage {
    const fft_plan *plan;
    const fft_pair *x;
    fft_pair *y;
    int64_t m, s;
    int r;
} stage;

static void stage_2(const stage *g) {
    for (int64_t p = 0; p < g->m; p++) {
        fft_pair w = g->plan->roots[p * g->s];
        const fft_pair *x0 = g->x + g->s * p, *x1 = x0 + g->s * g->m;
        fft_pair *y0 = g->y + g->s * 2 * p, *y1 = y0 + g->s;
        for (int64_t q = 0; q < g->s; q++) {
            fft_pair a = x0[q], b = x1[q];
            y0[q] = plus(a, b);
            y1[q] = times(w, minus(a, b));
        }
    }
}

static void stage_4(const stage *g) {
    for (int64_t p = 0; p < g->m; p++) {
        const fft_pair *roots = g->plan->roots, *x = g->x + g->s * p;
        fft_pair w1 = roots[p * g->s], w2 = roots[2 * p * g->s], w3 = roots[3 * p * g->s];
        fft_pair *y = g->y + g->s * 4 * p;
        int64_t s = g->s, step = g->s * g->m;
        for (int64_t q = 0; q < s; q++) {
            fft_pair a = x[q], b = x[q + step], c = x[q + 2 * step], d = x[q + 3 * step];
            fft_pair sum = plus(a, c), difference = minus(a, c), others = plus(b, d), turn = turned(minus(b, d));
            y[q] = plus(sum, others);
            y[q + s] = times(w1, plus(difference, turn));
            y[q + 2 * s] = times(w2, minus(sum, others));
            y[q + 3 * s] = times(w3, minus(difference, turn));
        }
    }
}

static void stage_any(const stage *g) {
    int64_t n = g->plan->n, apart = n / g->r;
    for (int64_t p = 0; p < g->m; p++)
        for (int64_t q = 0; q < g->s; q++) {
            fft_pair in[LARGEST_FACTOR];
            for (int t = 0; t < g->r; t++) in[t] = g->x[q + g->s * (p + g->m * t)];
            for (int t = 0; t < g->r; t++) {
                fft_pair sum = in[0];
                for (int u = 1; u < g->r; u++) sum = plus(sum, times(in[u], g->plan->roots[t * u % g->r * apart]));
                g->y[q + g->s * (g->r * p + t)] = t ? times(sum, g->plan->roots[p * t * g->s]) : sum;
            }
        }
}

static void run_stages(const fft_plan *plan, fft_pair *line, fft_pair *scratch) {
    stage g = {.plan = plan, .x = line, .y = scratch, .m = plan->n, .s = 1};
    for (int i = 0; i < plan->n_factors; i++) {
        g.r = plan->factors[i];
        g.m /= g.r;
        if (g.r == 4)
            stage_4(&g);
        else if (g.r == 2)
            stage_2(&g);
        else
            stage_any(&g);
        fft_pair *read = g.y;
        g.y = read == scratch ? line : scratch;
        g.x = read;
        g.s *= g.r;
    }
    if (g.x != line) memcpy(line, scratch, (size_t)plan->n * sizeof *line);
}

static void run_chirp(const fft_plan *plan, fft_pair *line, fft_pair *scratch) {
    int64_t n = plan->n, m = plan->inner->n;
    fft_pair *wide = scratch, *rest = scratch + m;
    for (int64_t k = 0; k < n; k++) wide[k] = times(line[k], plan->chirp[k]);
    memset(wide + n, 0, (size_t)(m - n) * sizeof *wide);
    run_stages(plan->inner, wide, rest);
    for (int64_t k = 0; k < m; k++) { /* the conjugate, so that the next transform is the inverse */
        fft_pair v = times(wide[k], plan->filter[k]);
        wide[k] = (fft_pair){v.re, -v.im};
    }
    run_stages(plan->inner, wide, rest);
    for (int64_t k = 0; k < n; k++) line[k] = times((fft_pair){wide[k].re, -wide[k].im}, plan->chirp[k]);
}

/* ---- plans */

/* False: a factor is too large. */
static bool factorise(fft_plan *p) {
    int64_t left = p->n;
    static const int tried[] = {4, 2, 3, 5, 7, 11, LARGEST_FACTOR};
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        for (; left % tried[i] == 0; left /= tried[i]) p->factors[p->n_factors++] = tried[i];
    return left == 1;
}

static inlay_status make_chirp(fft_plan *p, inlay_error *err) {
    int64_t m = 1;
    while (m < 2 * p->n - 1) m *= 2;
    TRY(fft_plan_make(m, &p->inner, err));
    p->chirp = mem_array((size_t)p->n, sizeof *p->chirp);
    p->filter = mem_zalloc((size_t)m, sizeof *p->filter);
    fft_pair *scratch = mem_array((size_t)m, sizeof *scratch);
    if (!p->chirp || !p->filter || !scratch) {
        mem_free(scratch);
        return fail_memory(err);
    }
    for (int64_t k = 0; k < p->n; k++) {
        __extension__ unsigned __int128 square = (unsigned __int128)k * (unsigned __int128)k; /* of the half circle */
        p->chirp[k] = root((int64_t)(square % (uint64_t)(2 * p->n)), 2 * p->n);
        fft_pair mirrored = {p->chirp[k].re / (double)m, -p->chirp[k].im / (double)m};
        p->filter[k] = mirrored;
        if (k) p->filter[m - k] = mirrored;
    }
    run_stages(p->inner, p->filter, scratch);
    mem_free(scratch);
    return INLAY_OK;
}

inlay_status fft_plan_make(int64_t n, fft_plan **out, inlay_error *err) {
    *out = NULL;
    fft_plan *p = mem_zalloc(1, sizeof *p);
    if (!p) return fail_memory(err);
    p->n = n;
    if (n > INT64_MAX / 64) {
        mem_free(p);
        return fail_memory(err);
    }
    inlay_status status = INLAY_OK;
    if (factorise(p)) {
        p->roots = mem_array((size_t)n, sizeof *p->roots);
        if (!p->roots) status = fail_memory(err);
        for (int64_t k = 0; p->roots && k < n; k++) p->roots[k] = root(k, n);
    } else {
        status = make_chirp(p, err);
    }
    if (status == INLAY_OK)
        *out = p;
    else
        fft_plan_free(p);
    return status;
}

void fft_plan_free(fft_plan *p) {
    if (!p) return;
    fft_plan_free(p->inner);
    mem_free(p->roots);
    mem_free(p->chirp);
    mem_free(p->filter);
    mem_free(p);
}

int64_t fft_scratch(const fft_plan *p) {
    return p->inner ? 2 * p->inner->n : p->n;
}

/* The inverse is the transform with real and imaginary parts exchanged before and after. */
static void exchange(fft_pair *line, int64_t n, double scale) {
    for (int64_t k = 0; k < n; k++) line[k] = scaled((fft_pair){line[k].im, line[k].re}, scale);
}

void fft_run(const fft_plan *p, bool inverse, fft_pair *line, fft_pair *scratch) {
    if (inverse) exchange(line, p->n, 1);
    if (p->inner)
        run_chirp(p, line, scratch);
    else
        run_stages(p, line, scratch);
    if (inverse) exchange(line, p->n, 1 / (double)p->n);
}
