#include "kernel/random/random.h"

#include "base/num.h"

#include <math.h>

/* The bits are the fraction of a number in [1, 2), of which 1 is taken. */
static float unit_f32(uint32_t x) {
    uint32_t bits = 0x3f800000u | (x & 0x7fffffu);
    return load_f32(&bits) - 1;
}

double random_unit(uint32_t x0, uint32_t x1) {
    uint64_t bits = 0x3ff0000000000000u | (uint64_t)(x0 & 0xfffffu) << 32 | x1;
    double out;
    memcpy(&out, &bits, sizeof out);
    return out - 1;
}

/* Box and Muller 1958. */
void random_normals_f32(uint32_t x0, uint32_t x1, float out[2]) {
    float u = fmaxf(unit_f32(x0), 1e-7f), angle = (float)(2 * M_PI * (double)unit_f32(x1));
    float radius = sqrtf(-2 * logf(u));
    sincosf(angle, &out[0], &out[1]);
    out[0] *= radius;
    out[1] *= radius;
}

void random_normals_f64(const uint32_t block[4], double out[2]) {
    double u = fmax(random_unit(block[0], block[1]), 1e-7), angle = 2 * M_PI * random_unit(block[2], block[3]);
    double radius = sqrt(-2 * log(u));
    sincos(angle, &out[0], &out[1]);
    out[0] *= radius;
    out[1] *= radius;
}

/* A group is made of one block: BODY puts the elements of X [4] into MADE [SIZE]. */
#define GROUPS(name, T, SIZE, BODY)                                       \
    static void name(const random_draw *d, int64_t first, int64_t n) {    \
        T *out = (T *)d->out + first * SIZE;                              \
        int64_t left = d->count - first * SIZE;                           \
        philox p = d->start;                                              \
        philox_skip(&p, (uint64_t)first);                                 \
        for (int64_t g = 0; g < n; g++, out += SIZE, left -= SIZE) {      \
            uint32_t x[4];                                                \
            T made[SIZE];                                                 \
            philox_next(&p, x);                                           \
            BODY;                                                         \
            memcpy(out, made, (size_t)min_i64(left, SIZE) * sizeof *out); \
        }                                                                 \
    }
#define EACH(expression) \
    for (int i = 0; i < 4; i++) made[i] = expression
#define EACH_WIDE(expression) \
    for (int i = 0; i < 2; i++) made[i] = expression
#define NORMALS(store)                                          \
    for (int i = 0; i < 4; i += 2) {                            \
        float pair[2];                                          \
        random_normals_f32(x[i], x[i + 1], pair);               \
        made[i] = store(pair[0]), made[i + 1] = store(pair[1]); \
    }
#define SAME(x) (x)

GROUPS(uniform_f32, float, 4, EACH(unit_f32(x[i])))
GROUPS(uniform_f64, double, 2, EACH_WIDE(random_unit(x[2 * i], x[2 * i + 1])))
GROUPS(uniform_f16, uint16_t, 4, EACH(f32_to_f16((float)(x[i] & 0x3ffu) * 0x1p-10f)))
GROUPS(uniform_bf16, uint16_t, 4, EACH(f32_to_bf16((float)(x[i] & 0x7fu) * 0x1p-7f)))
GROUPS(normal_f32, float, 4, NORMALS(SAME))
GROUPS(normal_f64, double, 2, random_normals_f64(x, made))
GROUPS(normal_f16, uint16_t, 4, NORMALS(f32_to_f16))
GROUPS(normal_bf16, uint16_t, 4, NORMALS(f32_to_bf16))
GROUPS(int_32, uint32_t, 4, EACH((uint32_t)d->low + x[i] % (uint32_t)d->range))
GROUPS(int_64, uint64_t, 2, EACH_WIDE(d->low + philox_word(x + 2 * i) % d->range))
GROUPS(bits_32, uint32_t, 4, EACH(x[i]))
GROUPS(bits_64, uint64_t, 2, EACH_WIDE(philox_word(x + 2 * i)))

/* Every group has blocks of its own, as many as RANDOM_RESERVED numbers for each element are. Pairs of normal numbers
 * are drawn until SIZE of them are small enough. */
#define TRUNCATED(name, T, V, SIZE, pairs, store)                                                 \
    static void name(const random_draw *d, int64_t first, int64_t n) {                            \
        for (int64_t g = first; g < first + n; g++) {                                             \
            philox p = d->start;                                                                  \
            philox_skip(&p, (uint64_t)g *(SIZE * RANDOM_RESERVED / 4));                           \
            T *out = (T *)d->out + g * SIZE;                                                      \
            for (int64_t done = 0, wanted = min_i64(d->count - g * SIZE, SIZE); done < wanted;) { \
                uint32_t x[4];                                                                    \
                V made[4];                                                                        \
                philox_next(&p, x);                                                               \
                int count = pairs(x, made);                                                       \
                for (int i = 0; i < count && done < wanted; i++)                                  \
                    if (made[i] > -2 && made[i] < 2) out[done++] = store(made[i]);                \
            }                                                                                     \
        }                                                                                         \
    }

static int two_pairs(const uint32_t x[4], float made[4]) {
    random_normals_f32(x[0], x[1], made);
    random_normals_f32(x[2], x[3], made + 2);
    return 4;
}

static int one_pair(const uint32_t x[4], double made[4]) {
    random_normals_f64(x, made);
    return 2;
}

TRUNCATED(truncated_f32, float, float, 4, two_pairs, SAME)
TRUNCATED(truncated_f64, double, double, 2, one_pair, SAME)
TRUNCATED(truncated_f16, uint16_t, float, 4, two_pairs, f32_to_f16)
TRUNCATED(truncated_bf16, uint16_t, float, 4, two_pairs, f32_to_bf16)

random_fn random_function(random_kind kind, dtype t, int64_t *group) {
    static const struct {
        dtype type;
        int group;
        random_fn fns[RANDOM_KINDS];
    } table[] = {
        {INLAY_FLOAT32, 4, {uniform_f32, normal_f32, truncated_f32, NULL, NULL}},
        {INLAY_FLOAT64, 2, {uniform_f64, normal_f64, truncated_f64, NULL, NULL}},
        {INLAY_FLOAT16, 4, {uniform_f16, normal_f16, truncated_f16, NULL, NULL}},
        {INLAY_BFLOAT16, 4, {uniform_bf16, normal_bf16, truncated_bf16, NULL, NULL}},
        {INLAY_INT32, 4, {NULL, NULL, NULL, int_32, bits_32}},
        {INLAY_INT64, 2, {NULL, NULL, NULL, int_64, bits_64}},
        {INLAY_UINT32, 4, {NULL, NULL, NULL, int_32, bits_32}},
        {INLAY_UINT64, 2, {NULL, NULL, NULL, int_64, bits_64}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == t) {
            *group = table[i].group;
            return table[i].fns[kind];
        }
    *group = 1;
    return NULL;
}
