#include "edit/verify/sums.h"

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "base/pool.h"

/* A part is one task; a block of it stays in the nearest cache between the checksum and the look at its numbers. */
enum { PART = 1 << 20, BLOCK = 16 << 10 };

typedef struct part {
    size_t range;
    uint64_t at, size;
    uint32_t crc;
    uint64_t odd, first_odd;
} part;

typedef struct sum_job {
    const sum_range *ranges;
    part *parts;
    progress *report;
} sum_job;

bool sums_can_count(dtype t) {
    return t == INLAY_FLOAT32 || t == INLAY_FLOAT64 || t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 ||
           t == INLAY_COMPLEX64 || t == INLAY_COMPLEX128;
}

/* Whether any of N numbers has all bits of its exponent, EXPONENT, set. */
enum { LANES = 32 };
#define ANY_ODD(name, T)                                                              \
    static bool name(const uint8_t *data, size_t n, T exponent) {                     \
        T most[LANES] = {0}, v[LANES];                                                \
        size_t i = 0;                                                                 \
        for (; i + LANES <= n; i += LANES) {                                          \
            memcpy(v, data + i * sizeof(T), sizeof v);                                \
            for (int k = 0; k < LANES; k++) most[k] |= (v[k] & exponent) == exponent; \
        }                                                                             \
        T any = 0;                                                                    \
        for (int k = 0; k < LANES; k++) any |= most[k];                               \
        for (; i < n; i++) {                                                          \
            memcpy(v, data + i * sizeof(T), sizeof(T));                               \
            any |= (v[0] & exponent) == exponent;                                     \
        }                                                                             \
        return any != 0;                                                              \
    }
ANY_ODD(any_odd_16, uint16_t)
ANY_ODD(any_odd_32, uint32_t)
ANY_ODD(any_odd_64, uint64_t)

static size_t width_of(dtype t) {
    return t == INLAY_FLOAT64 || t == INLAY_COMPLEX128 ? 8 : t == INLAY_FLOAT16 || t == INLAY_BFLOAT16 ? 2 : 4;
}

static bool any_odd(dtype t, const uint8_t *data, size_t n) {
    switch (width_of(t)) {
    case 8: return any_odd_64(data, n, 0x7ffull << 52);
    case 4: return any_odd_32(data, n, 0x7f800000u);
    default: return any_odd_16(data, n, t == INLAY_FLOAT16 ? 0x7c00 : 0x7f80);
    }
}

static void count_odd(part *p, dtype t, const uint8_t *data, uint64_t size, uint64_t at) {
    size_t width = width_of(t);
    if (!any_odd(t, data, (size_t)(size / width))) return;
    for (uint64_t i = 0; i + width <= size; i += width)
        if (any_odd(t, data + i, 1) && p->odd++ == 0) p->first_odd = (at + i) / width;
}

/* The next block comes from memory while this one is summed. */
static void fetch(const uint8_t *from, size_t size) {
    enum { LINE = 64 };
    for (size_t i = 0; i < size; i += LINE) __builtin_prefetch(from + i, 0, 2);
}

static void run_part(void *ctx, size_t index, int worker) {
    (void)worker;
    sum_job *j = ctx;
    part *p = &j->parts[index];
    const sum_range *r = &j->ranges[p->range];
    const uint8_t *data = r->data.data + p->at;
    for (uint64_t done = 0; done < p->size; done += BLOCK) {
        uint64_t left = p->size - done, n = left < BLOCK ? left : BLOCK;
        if (left > n) fetch(data + done + n, (size_t)(left - n < BLOCK ? left - n : BLOCK));
        p->crc = crc32c(p->crc, data + done, (size_t)n);
        if (r->floats) count_odd(p, r->floats, data + done, n, p->at + done);
    }
    progress_add(j->report, p->size);
}

inlay_status sums_run(sum_range *ranges, size_t n, progress *report, inlay_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += (ranges[i].data.size + PART - 1) / PART;
    sum_job j = {ranges, mem_zalloc(count ? count : 1, sizeof *j.parts), report};
    if (!j.parts) return fail_memory(err);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (uint64_t done = 0; done < ranges[i].data.size; done += PART) {
            uint64_t left = ranges[i].data.size - done;
            j.parts[at++] = (part){.range = i, .at = done, .size = left < PART ? left : PART};
        }
    enum { WAVE = 1024 }; /* parts between two looks at whether to stop */
    inlay_status status = INLAY_OK;
    for (size_t first = 0; first < count && status == INLAY_OK; first += WAVE) {
        sum_job wave = {ranges, j.parts + first, report};
        pool_run(count - first < WAVE ? count - first : WAVE, run_part, &wave);
        status = progress_check(report, err);
    }
    for (size_t i = 0; i < n; i++) ranges[i].crc = 0, ranges[i].odd = 0;
    for (size_t i = 0; i < count && status == INLAY_OK; i++) {
        sum_range *r = &ranges[j.parts[i].range];
        r->crc = crc32c_combine(r->crc, j.parts[i].crc, j.parts[i].size);
        if (j.parts[i].odd && r->odd == 0) r->first_odd = j.parts[i].first_odd;
        r->odd += j.parts[i].odd;
    }
    mem_free(j.parts);
    return status;
}
