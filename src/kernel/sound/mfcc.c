#include "kernel/sound/mfcc.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

struct mfcc {
    mfcc_settings s;
    int64_t first, last; /* bins that count */
    double *weights;     /* [bins] share of the band below; the rest goes to the next one */
    int64_t *band;       /* [bins] the band below; -1: under the first */
    double *cosines;     /* [coefficients, bands] */
};

static double mel_of(double hertz) {
    return 1127 * log1p(hertz / 700);
}

static inlay_status check(const mfcc_settings *s, inlay_error *err) {
    const char *wrong = s->bands < 1                                  ? "it needs a band"
                        : s->rate <= 0                                ? "the sample rate must be positive"
                        : s->bins < 2                                 ? "a frame needs 2 bins"
                        : !(s->lowest >= 0)                           ? "the lower frequency limit is negative"
                        : !(s->highest > s->lowest)                   ? "the upper frequency limit is below the lower"
                        : !isfinite(s->highest)                       ? "the upper frequency limit is infinite"
                        : s->coefficients < 1                         ? "it needs a coefficient"
                        : s->coefficients > s->bands                  ? "there are more coefficients than bands"
                        : s->bands > INT32_MAX || s->bins > INT32_MAX ? "it is too large"
                                                                      : NULL;
    return wrong ? fail(err, INLAY_INVALID_ARGUMENT, "Mfcc initialization failed: %s", wrong) : INLAY_OK;
}

/* Bands are triangles: each rises from the centre of the one before and falls to that of the next. */
static void spread_bins(mfcc *m) {
    const mfcc_settings *s = &m->s;
    double low = mel_of(s->lowest), apart = (mel_of(s->highest) - low) / (double)(s->bands + 1);
    double hertz = 0.5 * s->rate / (double)(s->bins - 1);
    double first = 1.5 + s->lowest / hertz, last = s->highest / hertz; /* the constant part never counts */
    m->first = first < (double)s->bins ? (int64_t)first : s->bins;
    m->last = last < (double)s->bins ? (int64_t)last : s->bins;
    int64_t band = 0;
    for (int64_t i = m->first; i <= m->last && i < s->bins; i++) {
        double mel = mel_of((double)i * hertz);
        while (band < s->bands && low + apart * (double)(band + 1) < mel) band++;
        double centre = low + apart * (double)(band + 1), before = band ? low + apart * (double)band : low;
        m->band[i] = band - 1;
        m->weights[i] = (centre - mel) / (centre - before);
    }
}

inlay_status mfcc_make(const mfcc_settings *s, mfcc **out, inlay_error *err) {
    *out = NULL;
    TRY(check(s, err));
    mfcc *m = mem_zalloc(1, sizeof *m);
    if (!m) return fail_memory(err);
    m->s = *s;
    m->weights = mem_zalloc((size_t)s->bins, sizeof *m->weights);
    m->band = mem_zalloc((size_t)s->bins, sizeof *m->band);
    m->cosines = mem_array((size_t)s->bands * (size_t)s->coefficients, sizeof *m->cosines);
    if (!m->weights || !m->band || !m->cosines) {
        mfcc_free(m);
        return fail_memory(err);
    }
    spread_bins(m);
    double scale = sqrt(2.0 / (double)s->bands), angle = M_PI / (double)s->bands;
    for (int64_t i = 0; i < s->coefficients; i++)
        for (int64_t k = 0; k < s->bands; k++)
            m->cosines[i * s->bands + k] = scale * cos((double)i * angle * ((double)k + 0.5));
    *out = m;
    return INLAY_OK;
}

void mfcc_free(mfcc *m) {
    if (!m) return;
    mem_free(m->weights);
    mem_free(m->band);
    mem_free(m->cosines);
    mem_free(m);
}

void mfcc_run(const mfcc *m, const float *frame, double *bands, float *out) {
    const mfcc_settings *s = &m->s;
    memset(out, 0, (size_t)s->coefficients * sizeof *out);
    if (m->last >= s->bins) return;
    memset(bands, 0, (size_t)s->bands * sizeof *bands);
    for (int64_t i = m->first; i <= m->last; i++) {
        double size = sqrt((double)frame[i]), below = size * m->weights[i];
        if (m->band[i] >= 0) bands[m->band[i]] += below;
        if (m->band[i] + 1 < s->bands) bands[m->band[i] + 1] += size - below;
    }
    for (int64_t k = 0; k < s->bands; k++) bands[k] = log(bands[k] < 1e-12 ? 1e-12 : bands[k]);
    for (int64_t i = 0; i < s->coefficients; i++) {
        double sum = 0;
        for (int64_t k = 0; k < s->bands; k++) sum += m->cosines[i * s->bands + k] * bands[k];
        out[i] = (float)sum;
    }
}
