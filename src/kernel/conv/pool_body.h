/* Pools over one type; pool.c includes this once a type, with T, LOWEST and NAME(x). */

static void NAME(largest)(T *to, const T *from, int64_t n) {
    for (int64_t c = 0; c < n; c++) to[c] = from[c] > to[c] ? from[c] : to[c];
}

static void NAME(add)(T *to, const T *from, int64_t n) {
    for (int64_t c = 0; c < n; c++) to[c] = (T)(to[c] + from[c]);
}

/* Rows of the output: FIRST_VALUE, then COMBINE with each pixel of the window; MEAN: divided by how many. */
static inline void NAME(rows)(const conv_sizes *s, const T *in, T *out, int64_t first, int64_t n, bool mean) {
    taps t;
    T start = LOWEST;
    if (mean) start = 0;
    for (int64_t row = first; row < first + n; row++) {
        int64_t b = row / s->out[1] / s->out[0];
        clip(s, 0, row / s->out[1] % s->out[0], &t.start[0], &t.from[0], &t.to[0]);
        clip(s, 1, row % s->out[1], &t.start[1], &t.from[1], &t.to[1]);
        for (int64_t at = 0; at < s->out[2]; at++) {
            T *to = out + (row * s->out[2] + at) * s->channels;
            int64_t count = 0;
            clip(s, 2, at, &t.start[2], &t.from[2], &t.to[2]);
            for (int64_t c = 0; c < s->channels; c++) to[c] = start;
            for (int64_t z = t.from[0]; z < t.to[0]; z++)
                for (int64_t y = t.from[1]; y < t.to[1]; y++)
                    for (int64_t x = t.from[2]; x < t.to[2]; x++, count++)
                        (mean ? NAME(add) : NAME(largest))(to, in + pixel_at(s, &t, b, z, y, x) * s->channels,
                                                           s->channels);
            for (int64_t c = 0; mean && c < s->channels; c++) to[c] = (T)(to[c] / (T)count);
        }
    }
}

static void NAME(max)(const conv_sizes *s, const void *in, void *out, int64_t first, int64_t n) {
    NAME(rows)(s, in, out, first, n, false);
}

#undef T
#undef LOWEST
#undef NAME
