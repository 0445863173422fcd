/* Convolutions as they are defined. */
#include "base/pool.h"
#include "kernel/conv/conv.h"
#include "kernel/conv/conv_parts.h"

typedef struct direct_job {
    const conv_sizes *sizes;
    const void *in, *filter;
    void *out;
} direct_job;

/* Where in the input tap K of the window at output AT lies, in dimension D; false: outside. */
static inline bool inside(const conv_sizes *s, int d, const int64_t *at, const int64_t *k, int64_t *p) {
    p[d] = at[d] * s->stride[d] - s->before[d] + k[d] * s->dilation[d];
    return p[d] >= 0 && p[d] < s->in[d];
}

#define T float
#define NAME(x) x##_f32
#include "kernel/conv/conv_body.h"
#define T double
#define NAME(x) x##_f64
#include "kernel/conv/conv_body.h"
#define T uint32_t
#define NAME(x) x##_u32
#include "kernel/conv/conv_body.h"

bool conv_direct(dtype t, const conv_sizes *s, const void *in, const void *filter, void *out) {
    direct_job j = {s, in, filter, out};
    void (*rows)(void *, int64_t, int64_t) = t == INLAY_FLOAT32   ? rows_f32
                                             : t == INLAY_FLOAT64 ? rows_f64
                                             : t == INLAY_INT32   ? rows_u32
                                                                  : NULL;
    if (!rows) return false;
    conv_spread(s->batch * s->out[0] * s->out[1], conv_flops(s), rows, &j);
    return true;
}
