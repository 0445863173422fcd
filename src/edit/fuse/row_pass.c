#include "edit/fuse/row_pass.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "base/pool.h"

#include <float.h>
#include <math.h>

/* A wave is what the threads share before its results are put in order: its side factors are what must be held. A piece
 * is one task, and a block whose checksum is kept; a strip of it stays in the nearest cache between the checksum and
 * the sums of squares. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* models are small there */
enum { PIECE_BYTES = 64 };
#else
enum { PIECE_BYTES = 256 << 10 };
#endif
enum {
    WAVE_ROWS = 1 << 20,
    WAVE_PIECES = 256,
    STRIP_BYTES = 16 << 10,
    COLUMN_PIECE = 64 << 10,
    LINES_MOST = 1 << 20 /* bytes of a transposed chunk in a block */
};

#define LEAST_USUAL 1e-20f /* sum of squares that nothing can have underflowed in */

typedef struct row_piece {
    int64_t begin, count; /* rows of the wave */
    uint64_t size;        /* bytes */
    uint32_t crc;
    row_counts counts;
} row_piece;

typedef struct wave {
    row_pass *pass;
    const uint8_t *rows;
    int64_t first; /* global number of the wave's first row */
} wave;

inlay_status row_pass_init(row_pass *p, search_metric metric, int64_t dim, dtype type, row_sides sides,
                           progress *report, inlay_error *err) {
    *p = (row_pass){
        .metric = metric, .dim = dim, .type = type, .sides = sides, .report = report, .counts = {0, -1, 0, -1}};
    norms_kernels_init(&p->kernels, cpu_flags());
    p->side = mem_array(WAVE_ROWS, sizeof *p->side);
    p->pieces = mem_array(WAVE_PIECES, sizeof *p->pieces);
    if (p->side && p->pieces) return INLAY_OK;
    row_pass_free(p);
    return fail_memory(err);
}

void row_pass_free(row_pass *p) {
    mem_free(p->side);
    mem_free(p->pieces);
    buffer_free(&p->blocks);
    p->side = NULL;
    p->pieces = NULL;
}

void row_pass_begin(row_pass *p) {
    p->side_crc = 0;
    p->at = 0;
    buffer_clear(&p->blocks);
}

int64_t row_block_rows(uint64_t row_bytes) {
    return row_bytes < PIECE_BYTES ? (int64_t)(PIECE_BYTES / (row_bytes ? row_bytes : 1)) : 1;
}

/* Lines of a transposed chunk in a block. */
static int64_t block_lines(const row_pass *p, int64_t count) {
    uint64_t line;
    if (!mul_u64((uint64_t)count, dtype_size(p->type), &line) || line == 0) return 0;
    return (int64_t)(LINES_MOST / line);
}

uint64_t row_pass_block_bytes(const row_pass *p, bool transposed, int64_t count) {
    size_t element = dtype_size(p->type);
    uint64_t row_bytes = (uint64_t)p->dim * element;
    return transposed ? (uint64_t)block_lines(p, count) * (uint64_t)count * element
                      : (uint64_t)row_block_rows(row_bytes) * row_bytes;
}

static void add_block(row_pass *p, uint32_t crc) {
    buffer_append(&p->blocks, &crc, sizeof crc);
}

static float side_factor(search_metric metric, double sum) {
    if (metric == SEARCH_COSINE) {
        if (!(sum > 0)) return 0; /* a zero row, or NaN */
        double factor = 1 / sqrt(sum);
        return factor > FLT_MAX ? FLT_MAX : (float)factor;
    }
    return (float)sum;
}

/* All bytes zero, which most zero rows are. */
static bool is_zero(const uint8_t *p, size_t size) {
    for (; size >= 8; size -= 8, p += 8)
        if (load_u64(p)) return false;
    uint8_t rest = 0;
    while (size--) rest |= *p++;
    return rest == 0;
}

/* Turns a row's sum of squares into its side factor; looks closer where float32 may have over- or underflowed. */
static void finish_row(const row_pass *p, const uint8_t *row, size_t stride, int64_t number, float *value,
                       row_counts *counts) {
    double sum = *value;
    bool finite = true;
    if (sum == 0 && stride == dtype_size(p->type) && is_zero(row, (size_t)p->dim * stride)) {
        if (counts->zero++ == 0) counts->first_zero = number;
    } else if (!(sum > LEAST_USUAL && sum < FLT_MAX)) {
        sum = norms_exact(row, (size_t)p->dim, stride, p->type, &finite);
        if (!finite && counts->non_finite++ == 0) counts->first_non_finite = number;
        if (sum == 0 && counts->zero++ == 0) counts->first_zero = number;
    }
    *value = side_factor(p->metric, sum);
}

/* finish_row for N rows in C order, the first at ROWS and called NUMBER. */
static void finish_rows(const row_pass *p, const uint8_t *rows, int64_t number, float *side, size_t n,
                        row_counts *counts) {
    bool usual = true;
    for (size_t i = 0; i < n; i++) usual &= side[i] > LEAST_USUAL && side[i] < FLT_MAX;
    size_t element = dtype_size(p->type), row_bytes = (size_t)p->dim * element;
    if (!usual)
        for (size_t i = 0; i < n; i++)
            finish_row(p, rows + i * row_bytes, element, number + (int64_t)i, &side[i], counts);
    else if (p->metric == SEARCH_COSINE)
        p->kernels.inverse_roots(side, n);
}

static void sum_rows(const row_pass *p, float *out, const uint8_t *rows, size_t n) {
    size_t dim = (size_t)p->dim;
    switch (p->type) {
    case INLAY_FLOAT32: p->kernels.rows_f32(out, rows, n, dim); return;
    case INLAY_FLOAT16: p->kernels.rows_f16(out, rows, n, dim); return;
    case INLAY_BFLOAT16: p->kernels.rows_bf16(out, rows, n, dim); return;
    case INLAY_INT8: p->kernels.rows_i8(out, rows, n, dim); return;
    default:
        for (size_t i = 0; i < n; i++) {
            bool finite;
            out[i] =
                (float)norms_exact(rows + i * dim * dtype_size(p->type), dim, dtype_size(p->type), p->type, &finite);
        }
    }
}

/* Sums of squares of N rows, while the bytes behind them that are called for next, NEXT of them, come from memory: the
 * checksum has no room to wait for them, this loop has. */
static void sum_rows_fetching(const row_pass *p, float *side, const uint8_t *rows, size_t n, size_t next) {
    enum { LINE = 64, STEP = 2048 };
    size_t row_bytes = (size_t)p->dim * dtype_size(p->type), step = max_size(STEP / row_bytes, 1);
    const uint8_t *following = rows + n * row_bytes;
    for (size_t i = 0; i < n; i += step) {
        size_t some = min_size(step, n - i), end = min_size((i + some) * row_bytes, next);
        for (size_t at = i * row_bytes; at < end; at += LINE) __builtin_prefetch(following + at, 0, 2);
        sum_rows(p, side + i, rows + i * row_bytes, some);
    }
}

/* The side factors of rows [begin, begin + count) of the wave, to who does not mind the order. */
static void give_piece(const row_pass *p, int64_t begin, int64_t count) {
    if (p->sides.any_order) p->sides.fn(p->sides.user, p->at + begin, p->side + begin, (size_t)count, NULL);
}

static void run_piece(void *ctx, size_t index, int worker) {
    (void)worker;
    wave *w = ctx;
    row_pass *p = w->pass;
    row_piece *piece = &p->pieces[index];
    size_t element = dtype_size(p->type), row_bytes = (size_t)p->dim * element;
    int64_t strip_rows = row_bytes < STRIP_BYTES ? (int64_t)(STRIP_BYTES / row_bytes) : 1;
    piece->crc = 0;
    piece->counts = (row_counts){0, -1, 0, -1};
    for (int64_t done = 0; done < piece->count; done += strip_rows) {
        int64_t n = piece->count - done < strip_rows ? piece->count - done : strip_rows, begin = piece->begin + done;
        const uint8_t *rows = w->rows + (size_t)begin * row_bytes;
        int64_t next = piece->count - done - n < n ? piece->count - done - n : n;
        piece->crc = crc32c(piece->crc, rows, (size_t)n * row_bytes);
        sum_rows_fetching(p, p->side + begin, rows, (size_t)n, (size_t)next * row_bytes);
        finish_rows(p, rows, w->first + begin, p->side + begin, (size_t)n, &piece->counts);
    }
    give_piece(p, piece->begin, piece->count);
    progress_add(p->report, piece->size);
}

static void add_counts(row_counts *total, const row_counts *part) {
    if (total->first_zero < 0) total->first_zero = part->first_zero;
    if (total->first_non_finite < 0) total->first_non_finite = part->first_non_finite;
    total->zero += part->zero;
    total->non_finite += part->non_finite;
}

/* A wave of ROWS is over: its side factors to who wants them in order. */
static inlay_status end_wave(row_pass *p, size_t rows, inlay_error *err) {
    int64_t at = p->at;
    p->at += (int64_t)rows;
    if (!p->sides.fn || p->sides.any_order) return INLAY_OK;
    p->side_crc = crc32c(p->side_crc, p->side, rows * sizeof *p->side);
    return p->sides.fn(p->sides.user, at, p->side, rows, err);
}

/* Puts the sums of a wave's N pieces together. Each piece is a block. */
static void add_sums(row_pass *p, size_t n, uint32_t *crc) {
    uint32_t power = 0;
    uint64_t size = 0; /* that POWER stands for */
    for (size_t i = 0; i < n; i++) {
        const row_piece *piece = &p->pieces[i];
        if (piece->size != size) power = crc32c_power(size = piece->size);
        *crc = crc32c_combine_by(*crc, piece->crc, power);
        add_block(p, piece->crc);
        add_counts(&p->counts, &piece->counts);
    }
}

inlay_status row_pass_rows(row_pass *p, const uint8_t *rows, int64_t count, int64_t first, uint32_t *crc,
                           inlay_error *err) {
    size_t row_bytes = (size_t)p->dim * dtype_size(p->type);
    int64_t step = row_block_rows(row_bytes), most = WAVE_ROWS / step * step;
    for (int64_t done = 0; done < count;) {
        wave w = {p, rows + (size_t)done * row_bytes, first + done};
        int64_t left = count - done < most ? count - done : most, taken = 0;
        size_t n = 0;
        for (; n < WAVE_PIECES && taken < left; n++) {
            int64_t rows_here = left - taken < step ? left - taken : step;
            p->pieces[n] = (row_piece){.begin = taken, .count = rows_here, .size = (size_t)rows_here * row_bytes};
            taken += rows_here;
        }
        pool_run(n, run_piece, &w);
        add_sums(p, n, crc);
        TRY(end_wave(p, (size_t)taken, err));
        TRY(progress_check(p->report, err));
        done += taken;
    }
    return INLAY_OK;
}

/* ---- transposed: a task takes a range of columns (that is, of rows) through all lines */

typedef struct column_wave {
    row_pass *pass;
    const uint8_t *base;
    int64_t count, first; /* rows in the file; global number of row 0 */
    int64_t begin, end;   /* columns of this wave */
    uint32_t *crcs;       /* [dim][pieces of the file] */
    int64_t pieces;
    row_counts *counts; /* [pieces of the wave] */
} column_wave;

static void add_squares(const row_pass *p, float *out, const uint8_t *values, int64_t n) {
    if (p->type == INLAY_FLOAT32) {
        p->kernels.add_squares_f32(out, values, (size_t)n);
        return;
    }
    size_t element = dtype_size(p->type);
    for (int64_t i = 0; i < n; i++) {
        bool finite;
        out[i] += (float)norms_exact(values + (size_t)i * element, 1, element, p->type, &finite);
    }
}

static void run_columns(void *ctx, size_t index, int worker) {
    (void)worker;
    column_wave *w = ctx;
    row_pass *p = w->pass;
    int64_t begin = w->begin + (int64_t)index * COLUMN_PIECE,
            end = begin + COLUMN_PIECE < w->end ? begin + COLUMN_PIECE : w->end;
    size_t element = dtype_size(p->type), n = (size_t)(end - begin);
    float *side = p->side + (begin - w->begin);
    memset(side, 0, n * sizeof *side);
    for (int64_t line = 0; line < p->dim; line++) {
        const uint8_t *values = w->base + (size_t)(line * w->count + begin) * element;
        w->crcs[line * w->pieces + begin / COLUMN_PIECE] = crc32c(0, values, n * element);
        add_squares(p, side, values, (int64_t)n);
    }
    w->counts[index] = (row_counts){0, -1, 0, -1};
    for (int64_t i = begin; i < end; i++)
        finish_row(p, w->base + (size_t)i * element, (size_t)w->count * element, w->first + i, &side[i - begin],
                   &w->counts[index]);
    give_piece(p, begin - w->begin, end - begin);
    progress_add(p->report, (uint64_t)n * (uint64_t)p->dim * element);
}

/* Puts the sums of all lines together. */
static void add_lines(row_pass *p, const column_wave *w, uint32_t *crc) {
    size_t element = dtype_size(p->type);
    int64_t lines = block_lines(p, w->count);
    uint32_t block = 0;
    for (int64_t line = 0; line < p->dim; line++) {
        uint32_t sum = 0;
        for (int64_t piece = 0; piece < w->pieces; piece++) {
            int64_t left = w->count - piece * COLUMN_PIECE, columns = left < COLUMN_PIECE ? left : COLUMN_PIECE;
            sum = crc32c_combine(sum, w->crcs[line * w->pieces + piece], (uint64_t)columns * element);
        }
        uint64_t size = (uint64_t)w->count * element;
        *crc = crc32c_combine(*crc, sum, size);
        if (lines == 0) continue;
        block = crc32c_combine(line % lines ? block : 0, sum, size);
        if (line % lines == lines - 1 || line == p->dim - 1) add_block(p, block);
    }
}

inlay_status row_pass_transposed(row_pass *p, const uint8_t *base, int64_t count, int64_t first, uint32_t *crc,
                                 inlay_error *err) {
    int64_t pieces = (count + COLUMN_PIECE - 1) / COLUMN_PIECE;
    row_counts counts[WAVE_ROWS / COLUMN_PIECE];
    column_wave w = {.pass = p, .base = base, .count = count, .first = first, .pieces = pieces, .counts = counts};
    uint64_t n_crcs;
    if (!mul_u64((uint64_t)pieces, (uint64_t)p->dim, &n_crcs) || !(w.crcs = mem_array((size_t)n_crcs, sizeof *w.crcs)))
        return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (w.begin = 0; w.begin < count && status == INLAY_OK; w.begin = w.end) {
        w.end = count - w.begin < WAVE_ROWS ? count : w.begin + WAVE_ROWS;
        size_t n = (size_t)((w.end - w.begin + COLUMN_PIECE - 1) / COLUMN_PIECE);
        pool_run(n, run_columns, &w);
        for (size_t i = 0; i < n; i++) add_counts(&p->counts, &counts[i]);
        status = end_wave(p, (size_t)(w.end - w.begin), err);
        if (status == INLAY_OK) status = progress_check(p->report, err);
    }
    if (status == INLAY_OK) add_lines(p, &w, crc);
    mem_free(w.crcs);
    return status;
}
