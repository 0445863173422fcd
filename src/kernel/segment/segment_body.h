/* Segments over element type T; segment.c includes this once a type, with NAME(x), LOWEST, HIGHEST, and ADD and MUL
 * that wrap for integers. */

static void NAME(fill)(segment_kind kind, void *out, int64_t n) {
    T *to = out;
    T value = kind == SEGMENT_SUM ? 0 : kind == SEGMENT_PROD ? 1 : kind == SEGMENT_MAX ? LOWEST : HIGHEST;
    for (int64_t i = 0; i < n; i++) to[i] = value;
}

static void NAME(reduce)(segment_kind kind, const segment_job *job) {
    const T *data = job->data;
    T *out = job->out;
    int64_t width = job->width;
    for (int64_t i = 0; i < job->n; i++) {
        if (job->ids[i] < 0) continue;
        const T *restrict from = data + (job->rows ? job->rows[i] : i) * width;
        T *restrict to = out + job->ids[i] * width;
        switch (kind) {
        case SEGMENT_SUM:
            for (int64_t j = 0; j < width; j++) to[j] = (T)ADD(to[j], from[j]);
            break;
        case SEGMENT_PROD:
            for (int64_t j = 0; j < width; j++) to[j] = (T)MUL(to[j], from[j]);
            break;
        case SEGMENT_MAX:
            for (int64_t j = 0; j < width; j++) to[j] = from[j] > to[j] ? from[j] : to[j];
            break;
        default:
            for (int64_t j = 0; j < width; j++) to[j] = from[j] < to[j] ? from[j] : to[j];
            break;
        }
    }
}

static void NAME(divide)(void *out, int64_t segments, int64_t width, const double *divisors) {
    T *to = out;
    for (int64_t s = 0; s < segments; s++) {
        T divisor = (T)divisors[s];
        for (int64_t j = 0; j < width; j++) to[s * width + j] = (T)(to[s * width + j] / divisor);
    }
}

static const segment_fns NAME(fns) = {NAME(fill), NAME(reduce), NAME(divide)};

#undef T
#undef NAME
#undef LOWEST
#undef HIGHEST
#undef ADD
#undef MUL
