/* Plain loops over one type; conv_direct.c includes this once a type, with T and NAME(x). */

/* Adds one tap of the window: the pixel FROM [channels] through W [channels / groups, filters]. */
static void NAME(add_tap)(const conv_sizes *s, const T *from, const T *w, T *to) {
    int64_t per = s->channels / s->groups, each = s->filters / s->groups;
    if (per == 1 && each == 1) {
        for (int64_t c = 0; c < s->channels; c++) to[c] += from[c] * w[c];
        return;
    }
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t i = 0; i < per; i++) {
            T v = from[g * per + i];
            const T *row = w + i * s->filters + g * each;
            for (int64_t o = 0; o < each; o++) to[g * each + o] += v * row[o];
        }
}

/* The output pixel at AT of image B. */
static void NAME(pixel)(const conv_sizes *s, const T *in, const T *filter, int64_t b, const int64_t *at, T *to) {
    int64_t p[CONV_DIMS], k[CONV_DIMS];
    for (int64_t o = 0; o < s->filters; o++) to[o] = 0;
    for (k[0] = 0; k[0] < s->window[0]; k[0]++) {
        if (!inside(s, 0, at, k, p)) continue;
        for (k[1] = 0; k[1] < s->window[1]; k[1]++) {
            if (!inside(s, 1, at, k, p)) continue;
            for (k[2] = 0; k[2] < s->window[2]; k[2]++) {
                if (!inside(s, 2, at, k, p)) continue;
                int64_t pixel = ((b * s->in[0] + p[0]) * s->in[1] + p[1]) * s->in[2] + p[2];
                int64_t tap = (k[0] * s->window[1] + k[1]) * s->window[2] + k[2];
                NAME(add_tap)
                (s, in + pixel * s->channels, filter + tap * (s->channels / s->groups) * s->filters, to);
            }
        }
    }
}

static void NAME(rows)(void *ctx, int64_t first, int64_t n) {
    const direct_job *j = ctx;
    const conv_sizes *s = j->sizes;
    for (int64_t row = first; row < first + n; row++) {
        int64_t at[CONV_DIMS] = {row / s->out[1] % s->out[0], row % s->out[1], 0};
        for (; at[2] < s->out[2]; at[2]++) NAME(pixel)
        (s, j->in, j->filter, row / s->out[1] / s->out[0], at, (T *)j->out + (row * s->out[2] + at[2]) * s->filters);
    }
}

#undef T
#undef NAME
