#include "kernel/sparse/product.h"

#include <complex.h>

#define PRODUCT(name, type, conj_a, conj_b)                                          \
    static void name(const sparse_product *p) {                                      \
        const type *values = p->values, *b = p->b;                                   \
        for (int64_t i = 0; i < p->n; i++) {                                         \
            type value = conj_a;                                                     \
            type *out = (type *)p->out + p->m[i] * p->columns;                       \
            const type *row = b + p->k[i] * p->b_row;                                \
            if (p->b_column == 1 && !p->conjugate_b)                                 \
                for (int64_t j = 0; j < p->columns; j++) out[j] += value * row[j];   \
            else                                                                     \
                for (int64_t j = 0; j < p->columns; j++) out[j] += value * (conj_b); \
        }                                                                            \
    }
#define AS_IT_IS(name, type) PRODUCT(name, type, values[i], row[j * p->b_column])

AS_IT_IS(product_f32, float)
AS_IT_IS(product_f64, double)
AS_IT_IS(product_u32, uint32_t) /* of int32 too: it wraps */
PRODUCT(product_c64, float _Complex, p->conjugate_a ? conjf(values[i]) : values[i],
        p->conjugate_b ? conjf(row[j * p->b_column]) : row[j * p->b_column])
PRODUCT(product_c128, double _Complex, p->conjugate_a ? conj(values[i]) : values[i],
        p->conjugate_b ? conj(row[j * p->b_column]) : row[j * p->b_column])

bool sparse_multiply(dtype t, const sparse_product *p) {
    switch (t) {
    case INLAY_FLOAT32: product_f32(p); return true;
    case INLAY_FLOAT64: product_f64(p); return true;
    case INLAY_INT32: product_u32(p); return true;
    case INLAY_COMPLEX64: product_c64(p); return true;
    case INLAY_COMPLEX128: product_c128(p); return true;
    default: return false;
    }
}
