/* Diagonals of matrices: taken out, put in, cut off. A band of diagonals is packed as a matrix, a row a diagonal, the
 * uppermost first; shorter ones are aligned to one side of their row. */
#include "base/num.h"
#include "op/families.h"
#include "op/runs.h"

enum {
    PACKED_LEFT = 1,
    ALIGNED = 2,
    PLAIN = 4
}; /* op_impl.detail: as in version 2, as an attribute says, one diagonal */

/* Diagonal d holds the elements (row, column) with column - row = d. */
typedef struct band {
    int64_t lower, upper, rows, columns, longest;
    bool upper_right, lower_right; /* where diagonals above and below the main one are aligned; the main one is above */
} band;

static int64_t length_of(const band *b, int64_t d) {
    return min_i64(b->rows + min_i64(d, 0), b->columns - max_i64(d, 0));
}

/* Where in its row of the packed form element (ROW, COLUMN) lies. */
static int64_t packed_place(const band *b, int64_t row, int64_t column) {
    int64_t d = column - row, along = d < 0 ? column : row;
    bool right = d >= 0 ? b->upper_right : b->lower_right;
    return along + (right ? b->longest - length_of(b, d) : 0);
}

static inlay_status read_band(const op_call *c, const tensor *k, band *b, inlay_error *err) {
    b->upper_right = b->lower_right = false;
    b->lower = b->upper = 0;
    if (c->node->impl->detail & ALIGNED) {
        bytes align;
        TRY(attr_text(&c->node->attributes, "align", &align, err));
        b->upper_right = bytes_start_with(align, "RIGHT");
        b->lower_right = align.size > 6 && bytes_start_with(bytes_make(align.data + align.size - 5, 5), "RIGHT");
    }
    if (!k) return INLAY_OK;
    if (k->dims.rank > 1 || k->count < 1 || k->count > 2)
        return fail(err, INLAY_INVALID_ARGUMENT, "diag_index must have one or two elements, not %lld",
                    (long long)k->count);
    TRY(tensor_as_int(k, 0, "k", &b->lower, err));
    TRY(tensor_as_int(k, k->count - 1, "k", &b->upper, err));
    if (b->lower > b->upper)
        return fail(err, INLAY_INVALID_ARGUMENT, "diag_index %lld is above %lld", (long long)b->lower,
                    (long long)b->upper);
    return INLAY_OK;
}

/* The band must touch a matrix of its rows and columns. */
static inlay_status check_band(band *b, inlay_error *err) {
    bool fits = (b->lower == 0 || (-b->rows < b->lower && b->lower < b->columns)) &&
                (b->upper == 0 || (-b->rows < b->upper && b->upper < b->columns));
    if (!fits)
        return fail(err, INLAY_INVALID_ARGUMENT, "diagonals %lld to %lld of a matrix of %lld rows and %lld columns",
                    (long long)b->lower, (long long)b->upper, (long long)b->rows, (long long)b->columns);
    b->longest = min_i64(b->rows + min_i64(b->upper, 0), b->columns - max_i64(b->lower, 0));
    return INLAY_OK;
}

static inlay_status scalar_or_none(const op_call *c, int i, const tensor **out, inlay_error *err) {
    *out = i < c->node->in.count ? c->in[i] : NULL;
    if (*out && (*out)->count != 1) return fail(err, INLAY_INVALID_ARGUMENT, "padding_value must be a scalar");
    return INLAY_OK;
}

/* ---- taking out */

static inlay_status write_diagonals(run_writer *w, const tensor *in, const band *b, int64_t matrix, const tensor *fill,
                                    inlay_error *err) {
    for (int64_t d = b->upper; d >= b->lower; d--) {
        int64_t n = length_of(b, d), row = d < 0 ? -d : 0, column = d > 0 ? d : 0;
        int64_t first = packed_place(b, row, column), start = (matrix * b->rows + row) * b->columns + column;
        if (n < 0) n = 0;
        TRY(runs_repeat(w, fill, 0, first, err));
        TRY(runs_box(w, in, start, 1, &n, &(int64_t){b->columns + 1}, err));
        TRY(runs_repeat(w, fill, 0, b->longest - first - n, err));
    }
    return INLAY_OK;
}

static inlay_status part_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0], *fill;
    bool plain = c->node->impl->detail & PLAIN;
    band b;
    if (in->dims.rank < 2) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have at least 2 dimensions");
    shape dims = in->dims;
    dims.rank -= 2;
    b.rows = in->dims.dims[dims.rank];
    b.columns = in->dims.dims[dims.rank + 1];
    TRY(read_band(c, plain ? NULL : c->in[1], &b, err));
    TRY(scalar_or_none(c, 2, &fill, err));
    TRY(check_band(&b, err));
    int64_t matrices = op_span(&dims, 0, dims.rank);
    if (b.upper > b.lower) dims.dims[dims.rank++] = b.upper - b.lower + 1;
    dims.dims[dims.rank++] = b.longest;
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t m = 0; m < matrices && status == INLAY_OK; m++) status = write_diagonals(&w, in, &b, m, fill, err);
    return runs_end(&w, status, err);
}

/* ---- putting in */

/* Matrices [.., rows, columns] of the packed DIAGONALS; elsewhere those of UNDER, else FILL. */
static inlay_status write_matrix(run_writer *w, const band *b, int64_t matrix, const tensor *diagonals,
                                 const tensor *under, const tensor *fill, inlay_error *err) {
    int64_t high = b->upper - b->lower + 1;
    for (int64_t r = 0; r < b->rows; r++) {
        int64_t from = min_i64(max_i64(r + b->lower, 0), b->columns),
                to = min_i64(max_i64(r + b->upper + 1, 0), b->columns);
        int64_t row = (matrix * b->rows + r) * b->columns;
        TRY(under ? runs_copy(w, under, row, from, err) : runs_repeat(w, fill, 0, from, err));
        for (int64_t k = from; k < to; k++) {
            int64_t diagonal = matrix * high + b->upper - (k - r);
            TRY(runs_copy(w, diagonals, diagonal * b->longest + packed_place(b, r, k), 1, err));
        }
        TRY(under ? runs_copy(w, under, row + to, b->columns - to, err)
                  : runs_repeat(w, fill, 0, b->columns - to, err));
    }
    return INLAY_OK;
}

static inlay_status write_matrices(op_call *c, const shape *dims, const band *b, int64_t matrices,
                                   const tensor *diagonals, const tensor *under, const tensor *fill, inlay_error *err) {
    run_writer w;
    TRY(runs_begin(&w, c, 0, dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t m = 0; m < matrices && status == INLAY_OK; m++)
        status = write_matrix(&w, b, m, diagonals, under, fill, err);
    return runs_end(&w, status, err);
}

/* Rows and columns that are not said are the least that hold the diagonals; one of them said, the other follows. */
static inlay_status guess_sizes(const op_call *c, band *b, inlay_error *err) {
    int64_t least_rows = b->longest - min_i64(b->upper, 0), least_columns = b->longest + max_i64(b->lower, 0);
    b->rows = b->columns = -1;
    if (!(c->node->impl->detail & PLAIN)) {
        TRY(tensor_scalar_int(c->in[2], "num_rows", &b->rows, err));
        TRY(tensor_scalar_int(c->in[3], "num_cols", &b->columns, err));
    }
    if ((b->rows != -1 && b->rows < least_rows) || (b->columns != -1 && b->columns < least_columns))
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld rows and %lld columns are too few", (long long)b->rows,
                    (long long)b->columns);
    if (b->rows == -1 && b->columns == -1)
        b->rows = b->columns = max_i64(least_rows, least_columns);
    else if (b->rows == -1)
        b->rows = least_rows;
    else if (b->columns == -1)
        b->columns = least_columns;
    if (b->rows != least_rows && b->columns != least_columns)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld rows and %lld columns are too many", (long long)b->rows,
                    (long long)b->columns);
    return INLAY_OK;
}

static inlay_status diag_run(op_call *c, inlay_error *err) {
    const tensor *diagonals = c->in[0], *fill;
    bool plain = c->node->impl->detail & PLAIN;
    band b;
    shape dims = diagonals->dims;
    int64_t count;
    if (dims.rank < 1) return fail(err, INLAY_INVALID_ARGUMENT, "a diagonal must have at least 1 dimension");
    TRY(read_band(c, plain ? NULL : c->in[1], &b, err));
    TRY(scalar_or_none(c, 4, &fill, err));
    b.longest = dims.dims[--dims.rank];
    if (b.upper > b.lower && (dims.rank < 1 || dims.dims[--dims.rank] != b.upper - b.lower + 1))
        return fail(err, INLAY_INVALID_ARGUMENT, "diagonals %lld to %lld do not fit the input", (long long)b.lower,
                    (long long)b.upper);
    TRY(guess_sizes(c, &b, err));
    int64_t longest = b.longest, matrices = op_span(&dims, 0, dims.rank);
    TRY(check_band(&b, err));
    if (dims.rank + 2 > INLAY_MAX_RANK || b.longest != longest)
        return fail(err, INLAY_INVALID_ARGUMENT, "diagonals of %lld do not fit %lld rows and %lld columns",
                    (long long)longest, (long long)b.rows, (long long)b.columns);
    dims.dims[dims.rank++] = b.rows;
    dims.dims[dims.rank++] = b.columns;
    if (!shape_elements(&dims, &count)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    return write_matrices(c, &dims, &b, matrices, diagonals, NULL, fill, err);
}

static inlay_status set_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0], *diagonals = c->in[1];
    band b;
    char x[SHAPE_TEXT], y[SHAPE_TEXT];
    if (in->dims.rank < 2) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have at least 2 dimensions");
    shape wanted = in->dims;
    wanted.rank -= 2;
    b.rows = in->dims.dims[wanted.rank];
    b.columns = in->dims.dims[wanted.rank + 1];
    TRY(read_band(c, c->node->impl->detail & PLAIN ? NULL : c->in[2], &b, err));
    TRY(check_band(&b, err));
    int64_t matrices = op_span(&wanted, 0, wanted.rank);
    if (b.upper > b.lower) wanted.dims[wanted.rank++] = b.upper - b.lower + 1;
    wanted.dims[wanted.rank++] = b.longest;
    if (!shape_equal(&wanted, &diagonals->dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "diagonals of shape %s, not %s", shape_text(&diagonals->dims, x),
                    shape_text(&wanted, y));
    return write_matrices(c, &in->dims, &b, in->count ? matrices : 0, diagonals, in, NULL, err);
}

/* ---- all but a band becomes zero */

static inlay_status band_part_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    int64_t lower, upper, rows, columns;
    if (in->dims.rank < 2) return fail(err, INLAY_INVALID_ARGUMENT, "the input must have at least 2 dimensions");
    rows = in->dims.dims[in->dims.rank - 2];
    columns = in->dims.dims[in->dims.rank - 1];
    TRY(tensor_scalar_int(c->in[1], "num_lower", &lower, err));
    TRY(tensor_scalar_int(c->in[2], "num_upper", &upper, err));
    if (lower > rows || upper > columns)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld diagonals below and %lld above, of %lld rows and %lld columns",
                    (long long)lower, (long long)upper, (long long)rows, (long long)columns);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &in->dims, err));
    inlay_status status = INLAY_OK;
    for (int64_t row = 0; in->count && row < in->count / columns && status == INLAY_OK; row++) {
        int64_t r = row % rows, from = lower < 0 ? 0 : min_i64(max_i64(r - lower, 0), columns);
        int64_t to = upper < 0 ? columns : max_i64(min_i64(r + upper + 1, columns), from);
        status = runs_repeat(&w, NULL, 0, from, err);
        if (status == INLAY_OK) status = runs_copy(&w, in, row * columns + from, to - from, err);
        if (status == INLAY_OK) status = runs_repeat(&w, NULL, 0, columns - to, err);
    }
    return runs_end(&w, status, err);
}

/* ---- of tensors seen as matrices: Diag puts [n..] into [n.., n..], DiagPart takes it out */

static inlay_status tensor_diag_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    shape dims = in->dims;
    int64_t count;
    if (dims.rank < 1 || 2 * dims.rank > INLAY_MAX_RANK)
        return fail(err, INLAY_INVALID_ARGUMENT, "a diagonal of %d dimensions", dims.rank);
    for (int i = 0; i < in->dims.rank; i++) dims.dims[dims.rank++] = in->dims.dims[i];
    if (!shape_elements(&dims, &count)) return fail(err, INLAY_INVALID_ARGUMENT, "the result is too large");
    band b = {.rows = in->count, .columns = in->count, .longest = in->count};
    return write_matrices(c, &dims, &b, 1, in, NULL, NULL, err);
}

static inlay_status tensor_part_run(op_call *c, inlay_error *err) {
    const tensor *in = c->in[0];
    int half = in->dims.rank / 2;
    shape dims = in->dims;
    dims.rank = half;
    bool fits = in->dims.rank > 0 && in->dims.rank % 2 == 0;
    for (int i = 0; fits && i < half; i++) fits = in->dims.dims[i] == in->dims.dims[half + i];
    if (!fits) return fail(err, INLAY_INVALID_ARGUMENT, "the two halves of the shape differ");
    int64_t n = op_span(&dims, 0, half);
    run_writer w;
    TRY(runs_begin(&w, c, 0, &dims, err));
    return runs_end(&w, runs_box(&w, in, 0, 1, &n, &(int64_t){n + 1}, err), err);
}

#define ROW(op, function, what) \
    { op, .run = function, .detail = what, .flags = OP_ANY_ALIGNMENT }
const op_impl diagonal_impls[] = {
    ROW("MatrixDiag", diag_run, PLAIN),
    ROW("MatrixDiagV2", diag_run, PACKED_LEFT),
    ROW("MatrixDiagV3", diag_run, ALIGNED),
    ROW("BatchMatrixDiag", diag_run, PLAIN),
    ROW("MatrixDiagPart", part_run, PLAIN),
    ROW("MatrixDiagPartV2", part_run, PACKED_LEFT),
    ROW("MatrixDiagPartV3", part_run, ALIGNED),
    ROW("BatchMatrixDiagPart", part_run, PLAIN),
    ROW("MatrixSetDiag", set_run, PLAIN),
    ROW("MatrixSetDiagV2", set_run, PACKED_LEFT),
    ROW("MatrixSetDiagV3", set_run, ALIGNED),
    ROW("BatchMatrixSetDiag", set_run, PLAIN),
    ROW("MatrixBandPart", band_part_run, 0),
    ROW("BatchMatrixBandPart", band_part_run, 0),
    ROW("Diag", tensor_diag_run, 0),
    ROW("DiagPart", tensor_part_run, 0),
};
OP_FAMILY_END(diagonal);
