/* Records of comma-separated values as one tensor a column. */
#include "op/families.h"
#include "op/text.h"

#include "base/num.h"
#include "kernel/text/csv.h"
#include "kernel/text/number.h"

typedef struct csv_state {
    csv_rules rules;
    bytes missing; /* a field that reads so counts as empty */
} csv_state;

static inlay_status csv_prepare(op_node *node, op_setting *s, inlay_error *err) {
    csv_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    bytes delimiter;
    int64_t *columns;
    TRY(attr_text(a, "field_delim", &delimiter, err));
    TRY(attr_bool(a, "use_quote_delim", &state->rules.quotes, err));
    TRY(attr_text(a, "na_value", &state->missing, err));
    TRY(attr_ints(a, "select_cols", s->memory, &columns, &state->rules.n_columns, err));
    if (delimiter.size != 1) return fail(err, INLAY_INVALID_ARGUMENT, "field_delim should be only 1 char");
    state->rules.delimiter = delimiter.data[0];
    if (state->rules.n_columns) state->rules.columns = columns;
    for (size_t i = 0; i < state->rules.n_columns; i++)
        if (columns[i] < 0 || (i && columns[i] <= columns[i - 1]))
            return fail(err, INLAY_INVALID_ARGUMENT, "select_cols should be strictly increasing indices from 0");
    if (state->rules.n_columns && state->rules.n_columns != (size_t)node->out.count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%zu columns are selected for %d outputs", state->rules.n_columns,
                    node->out.count);
    node->state = state;
    return INLAY_OK;
}

/* Reading all records: for each column a tensor of numbers, or texts. */
typedef struct reading {
    op_call *c;
    tensor **numbers;      /* [columns] NULL: texts */
    string_builder *texts; /* [columns] */
    buffer text, ends;     /* of one record */
} reading;

static bool parse_field(tensor *to, int64_t record, bytes field) {
    int64_t whole;
    switch (to->type) {
    case INLAY_FLOAT32: return parse_f32(field, &tensor_f32(to)[record]);
    case INLAY_FLOAT64: return parse_f64(field, (double *)(void *)to->data + record);
    case INLAY_INT64: return parse_i64(field, &tensor_i64(to)[record]);
    default:
        if (!parse_i64(field, &whole) || whole < INT32_MIN || whole > INT32_MAX) return false;
        tensor_i32(to)[record] = (int32_t)whole;
        return true;
    }
}

static inlay_status put_field(reading *r, int column, int64_t record, bytes field, inlay_error *err) {
    const csv_state *s = r->c->node->state;
    const tensor *fallback = r->c->in[1 + column];
    tensor *to = r->numbers[column];
    bool missing = field.size == 0 || bytes_equal(field, s->missing);
    if (missing && fallback->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "Field %d is required but missing in record %lld!", column,
                    (long long)record);
    if (!to) return string_builder_add(&r->texts[column], missing ? tensor_string(fallback, 0) : field, err);
    size_t width = dtype_size(to->type);
    if (missing)
        memcpy(to->data + (size_t)record * width, fallback->data, width);
    else if (!parse_field(to, record, field))
        return fail(err, INLAY_INVALID_ARGUMENT, "Field %d in record %lld is not a valid %s: %.*s", column,
                    (long long)record, dtype_name(to->type), (int)min_size(field.size, 100), (const char *)field.data);
    return INLAY_OK;
}

static inlay_status read_record(reading *r, int64_t record, inlay_error *err) {
    const csv_state *s = r->c->node->state;
    size_t columns = (size_t)r->c->node->out.count;
    buffer_clear(&r->text);
    buffer_clear(&r->ends);
    const char *problem = csv_fields(tensor_string(r->c->in[0], record), &s->rules, columns, &r->text, &r->ends);
    if (problem) return fail(err, INLAY_INVALID_ARGUMENT, "%s (record %lld)", problem, (long long)record);
    TRY(buffer_check(&r->text, err));
    TRY(buffer_check(&r->ends, err));
    size_t fields = r->ends.size / sizeof(uint64_t);
    if (fields != columns)
        return fail(err, INLAY_INVALID_ARGUMENT, "Expect %zu fields but have %s%zu in record %lld", columns,
                    fields > columns ? "at least " : "", fields, (long long)record);
    const uint8_t *text = r->text.size ? r->text.data : (const uint8_t *)"";
    size_t from = 0;
    for (size_t i = 0; i < columns; i++) {
        size_t end = (size_t)load_u64(r->ends.data + i * sizeof(uint64_t));
        TRY(put_field(r, (int)i, record, bytes_make(text + from, end - from), err));
        from = end;
    }
    return INLAY_OK;
}

static inlay_status begin_columns(reading *r, inlay_error *err) {
    const shape *dims = &r->c->in[0]->dims;
    for (int i = 0; i < r->c->node->out.count; i++) {
        dtype t = r->c->node->out.items[i].type;
        const tensor *fallback = r->c->in[1 + i];
        if (fallback->dims.rank > 1 || fallback->count > 1)
            return fail(err, INLAY_INVALID_ARGUMENT, "There should only be 1 default per field but field %d has %lld",
                        i, (long long)fallback->count);
        if (t != INLAY_STRING && t != INLAY_FLOAT32 && t != INLAY_FLOAT64 && t != INLAY_INT32 && t != INLAY_INT64)
            return op_unsupported(r->c, t, err);
        if (t == INLAY_STRING)
            TRY(string_builder_init(&r->texts[i], dims, r->c->budget, err));
        else
            TRY(op_output(r->c, i, dims, &r->numbers[i], err));
    }
    return INLAY_OK;
}

static inlay_status csv_run(op_call *c, inlay_error *err) {
    reading r = {.c = c};
    int n = c->node->out.count;
    r.numbers = mem_zalloc((size_t)n + 1, sizeof(tensor *));
    r.texts = mem_zalloc((size_t)n + 1, sizeof *r.texts);
    inlay_status status = r.numbers && r.texts ? begin_columns(&r, err) : fail_memory(err);
    for (int64_t i = 0; i < c->in[0]->count && status == INLAY_OK; i++) {
        if ((i & 1023) == 1023) TRY_TO(done, op_check_stop(c, err));
        status = read_record(&r, i, err);
    }
    for (int i = 0; i < n && status == INLAY_OK; i++)
        if (!r.numbers[i]) status = text_give(c, i, &r.texts[i], err);
done:
    for (int i = 0; r.texts && i < n; i++) string_builder_free(&r.texts[i]);
    buffer_free(&r.text);
    buffer_free(&r.ends);
    mem_free(r.texts);
    mem_free(r.numbers);
    return status;
}

const op_impl csv_impls[] = {
    {"DecodeCSV", .run = csv_run, .prepare = csv_prepare},
};
OP_FAMILY_END(csv);
