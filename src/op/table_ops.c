/* Lookup tables: handles, filling them from tensors and text files, looking up. */
#include "op/families.h"
#include "op/table.h"
#include "op/text.h"

#include "base/file.h"
#include "base/num.h"
#include "kernel/text/number.h"
#include "kernel/text/split.h"

/* ---- handles */

/* Dense tables are mutable tables that set two keys aside; their values may only be scalars here. */
enum { IMMUTABLE, MUTABLE, DENSE };

static inlay_status read_types(const op_node *node, dtype *key, dtype *value, inlay_error *err) {
    shape dims = shape_scalar();
    char text[SHAPE_TEXT];
    if (node->impl->detail == DENSE) TRY(attr_shape(&node->attributes, "value_shape", &dims, err));
    if (dims.rank != 0) return fail(err, INLAY_UNIMPLEMENTED, "a table of values of shape %s", shape_text(&dims, text));
    TRY(attr_type(&node->attributes, "key_dtype", key, err));
    return attr_type(&node->attributes, "value_dtype", value, err);
}

static inlay_status table_prepare(op_node *node, op_setting *s, inlay_error *err) {
    bytes container, name;
    dtype key, value;
    TRY(attr_text(&node->attributes, "container", &container, err));
    TRY(attr_text(&node->attributes, "shared_name", &name, err));
    TRY(read_types(node, &key, &value, err));
    if (name.size == 0) name = bytes_of(node->name);
    table *t;
    TRY(table_find_or_make(s->host->resources, container, name, key, value, node->impl->detail != IMMUTABLE, &t, err));
    tensor *handle;
    inlay_status status = resource_handle(&t->base, &handle, err);
    resource_release(&t->base);
    node->state = handle;
    return status;
}

static void table_dispose(op_node *node) {
    tensor_release(node->state);
}

static inlay_status reserve(const op_call *c, table *t, inlay_error *err) {
    return c->node->impl->detail == DENSE ? table_reserve(t, c->in[0], c->in[1], err) : INLAY_OK;
}

static inlay_status table_run(op_call *c, inlay_error *err) {
    table *t;
    TRY(table_of(c->node->state, &t, err));
    TRY(reserve(c, t, err));
    op_give(c, 0, tensor_retain(c->node->state));
    return INLAY_OK;
}

static inlay_status anonymous_run(op_call *c, inlay_error *err) {
    dtype key, value;
    table *t;
    tensor *handle;
    TRY(read_types(c->node, &key, &value, err));
    TRY(table_make(key, value, c->node->impl->detail != IMMUTABLE, &t, err));
    t->base.name = mem_strdup("anonymous");
    inlay_status status = t->base.name ? reserve(c, t, err) : fail_memory(err);
    if (status == INLAY_OK) status = resource_handle(&t->base, &handle, err);
    resource_release(&t->base);
    if (status == INLAY_OK) op_give(c, 0, handle);
    return status;
}

/* ---- tensors in and out */

static inlay_status initialize_run(op_call *c, inlay_error *err) {
    table *t;
    TRY(table_of(c->in[0], &t, err));
    return table_initialize(t, c->in[1], c->in[2], err);
}

enum { INSERT, IMPORT };

static inlay_status insert_run(op_call *c, inlay_error *err) {
    table *t;
    TRY(table_of(c->in[0], &t, err));
    bool import = c->node->impl->detail == IMPORT;
    /* Restoring a checkpoint imports what an immutable table was saved with. */
    if (import && !t->is_mutable) return table_initialize(t, c->in[1], c->in[2], err);
    return table_insert(t, c->in[1], c->in[2], import, err);
}

static inlay_status remove_run(op_call *c, inlay_error *err) {
    table *t;
    TRY(table_of(c->in[0], &t, err));
    return table_remove(t, c->in[1], err);
}

static inlay_status look_up_run(op_call *c, inlay_error *err) {
    table *t;
    tensor *out;
    TRY(table_of(c->in[0], &t, err));
    TRY(table_look_up(t, c->in[1], c->in[2], c->budget, &out, err));
    op_give(c, 0, out);
    return INLAY_OK;
}

static inlay_status size_run(op_call *c, inlay_error *err) {
    table *t;
    tensor *out;
    shape dims = shape_scalar();
    TRY(table_of(c->in[0], &t, err));
    TRY(op_output(c, 0, &dims, &out, err));
    tensor_i64(out)[0] = table_size(t);
    return INLAY_OK;
}

static inlay_status export_run(op_call *c, inlay_error *err) {
    table *t;
    tensor *keys, *values;
    TRY(table_of(c->in[0], &t, err));
    TRY(table_export(t, &keys, &values, err));
    op_give(c, 0, keys);
    op_give(c, 1, values);
    return INLAY_OK;
}

/* ---- text files: one entry a line; key and value are the whole line, its number, or one of its columns */

enum { WHOLE_LINE = -2, LINE_NUMBER = -1 };

typedef struct file_state {
    int64_t key_index, value_index, vocab_size, offset;
    bytes delimiter;
} file_state;

static inlay_status file_prepare(op_node *node, op_setting *s, inlay_error *err) {
    file_state *state = arena_zalloc(s->memory, 1, sizeof *state);
    if (!state) return fail_memory(err);
    const attrs *a = &node->attributes;
    TRY(attr_int(a, "key_index", &state->key_index, err));
    TRY(attr_int(a, "value_index", &state->value_index, err));
    TRY(attr_int(a, "vocab_size", &state->vocab_size, err));
    TRY(attr_int(a, "offset", &state->offset, err));
    TRY(attr_text(a, "delimiter", &state->delimiter, err));
    if (state->key_index < WHOLE_LINE || state->value_index < WHOLE_LINE || state->vocab_size < -1)
        return fail(err, INLAY_INVALID_ARGUMENT, "key_index %lld, value_index %lld, vocab_size %lld",
                    (long long)state->key_index, (long long)state->value_index, (long long)state->vocab_size);
    node->state = state;
    return INLAY_OK;
}

/* One of the two columns being read. */
typedef struct column {
    int64_t index;
    dtype type;
    string_builder texts;
    buffer numbers;
} column;

static inlay_status put_number(column *to, bytes text, int64_t line, inlay_error *err) {
    int64_t whole;
    int32_t narrow;
    float real;
    double wide;
    bool sound;
    switch (to->type) {
    case INLAY_INT64:
        sound = parse_i64(text, &whole);
        if (sound) buffer_append(&to->numbers, &whole, sizeof whole);
        break;
    case INLAY_INT32:
        sound = parse_i64(text, &whole) && whole >= INT32_MIN && whole <= INT32_MAX;
        narrow = sound ? (int32_t)whole : 0;
        if (sound) buffer_append(&to->numbers, &narrow, sizeof narrow);
        break;
    case INLAY_FLOAT32:
        sound = parse_f32(text, &real);
        if (sound) buffer_append(&to->numbers, &real, sizeof real);
        break;
    case INLAY_FLOAT64:
        sound = parse_f64(text, &wide);
        if (sound) buffer_append(&to->numbers, &wide, sizeof wide);
        break;
    default: return fail(err, INLAY_INVALID_ARGUMENT, "a table's file cannot hold %s", dtype_name(to->type));
    }
    if (!sound)
        return fail(err, INLAY_INVALID_ARGUMENT, "Field %.*s in line %lld is not a valid %s.",
                    (int)min_size(text.size, 200), (const char *)text.data, (long long)line, dtype_name(to->type));
    return buffer_check(&to->numbers, err);
}

static inlay_status put_field(column *to, bytes line, const pieces *fields, int64_t number, int64_t offset,
                              inlay_error *err) {
    if (to->index == LINE_NUMBER) {
        int64_t value = number + offset;
        buffer_append(&to->numbers, &value, sizeof value);
        return buffer_check(&to->numbers, err);
    }
    bytes text = to->index == WHOLE_LINE ? line : pieces_at(fields, (size_t)to->index);
    if (to->type == INLAY_STRING) return string_builder_add(&to->texts, text, err);
    return put_number(to, text, number, err);
}

/* The next line of *REST, without its end. */
static bytes take_line(bytes *rest) {
    const uint8_t *newline = memchr(rest->data, '\n', rest->size);
    bytes line = bytes_make(rest->data, newline ? (size_t)(newline - rest->data) : rest->size);
    size_t used = line.size + (newline != NULL);
    *rest = bytes_make(rest->data + used, rest->size - used);
    if (line.size && line.data[line.size - 1] == '\r') line.size--;
    return line;
}

static inlay_status read_lines(const file_state *s, bytes file, const char *path, int64_t lines, column *key,
                               column *value, inlay_error *err) {
    int64_t last = key->index > value->index ? key->index : value->index;
    bytes rest = file;
    pieces fields = {0};
    inlay_status status = INLAY_OK;
    for (int64_t number = 0; number < lines; number++) {
        bytes line = take_line(&rest);
        if (line.size == 0)
            TRY_TO(done, fail_at(err, INLAY_INVALID_ARGUMENT, path, rest.data - file.data, "an empty line"));
        buffer_clear(&fields.items);
        if (last >= 0) split_at_any(line, s->delimiter, false, &fields);
        TRY_TO(done, buffer_check(&fields.items, err));
        if (last >= 0 && (uint64_t)last >= pieces_count(&fields))
            TRY_TO(done, fail_at(err, INLAY_INVALID_ARGUMENT, path, rest.data - file.data,
                                 "line %lld has %zu columns, column %lld is wanted", (long long)number,
                                 pieces_count(&fields), (long long)last));
        TRY_TO(done, put_field(key, line, &fields, number, s->offset, err));
        TRY_TO(done, put_field(value, line, &fields, number, s->offset, err));
    }
done:
    pieces_free(&fields);
    return status;
}

static inlay_status column_begin(column *c, const char *what, int64_t index, dtype type, int64_t lines,
                                 inlay_error *err) {
    *c = (column){.index = index, .type = type};
    shape dims = shape_vector(lines);
    if (index == LINE_NUMBER && type != INLAY_INT64)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s index for line number requires table %s dtype of int64, got %s",
                    what, what, dtype_name(type));
    return type == INLAY_STRING ? string_builder_init(&c->texts, &dims, NULL, err) : INLAY_OK;
}

static inlay_status column_end(column *c, int64_t lines, tensor **out, inlay_error *err) {
    shape dims = shape_vector(lines);
    if (c->type == INLAY_STRING) return string_builder_finish(&c->texts, out, err);
    TRY(tensor_new(c->type, &dims, NULL, out, err));
    memcpy((*out)->data, c->numbers.data, c->numbers.size);
    return INLAY_OK;
}

/* Lines to read of FILE: all, or as many as vocab_size says. */
static inlay_status count_lines(const file_state *s, bytes file, const char *path, int64_t *out, inlay_error *err) {
    int64_t lines = 0;
    for (bytes rest = file; rest.size && (s->vocab_size < 0 || lines < s->vocab_size); lines++) take_line(&rest);
    if (s->vocab_size >= 0 && lines < s->vocab_size)
        return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "Invalid vocab_size: expected %lld but got %lld",
                       (long long)s->vocab_size, (long long)lines);
    if (lines == 0) return fail_at(err, INLAY_OUT_OF_RANGE, path, -1, "no lines for the table");
    *out = lines;
    return INLAY_OK;
}

static inlay_status fill_from_file(const file_state *s, table *t, const file_map *file, inlay_error *err) {
    column key = {0}, value = {0};
    tensor *keys = NULL, *values = NULL;
    int64_t lines = 0;
    inlay_status status;
    TRY(count_lines(s, file_map_bytes(file), file->path, &lines, err));
    TRY_TO(done, column_begin(&key, "key", s->key_index, t->key, lines, err));
    TRY_TO(done, column_begin(&value, "value", s->value_index, t->value, lines, err));
    TRY_TO(done, read_lines(s, file_map_bytes(file), file->path, lines, &key, &value, err));
    TRY_TO(done, column_end(&key, lines, &keys, err));
    TRY_TO(done, column_end(&value, lines, &values, err));
    status = table_initialize(t, keys, values, err);
done:
    tensor_release(keys);
    tensor_release(values);
    string_builder_free(&key.texts);
    string_builder_free(&value.texts);
    buffer_free(&key.numbers);
    buffer_free(&value.numbers);
    return status;
}

static inlay_status from_file_run(op_call *c, inlay_error *err) {
    const file_state *s = c->node->state;
    table *t;
    bytes path;
    TRY(table_of(c->in[0], &t, err));
    /* Graphs carry such ops with the paths of the machine that trained them, run after a loader filled the table. */
    if (table_is_initialized(t)) return INLAY_OK;
    TRY(text_scalar(c, 1, "filename", &path, err));
    if (s->delimiter.size != 1) return fail(err, INLAY_INVALID_ARGUMENT, "delimiter should be only 1 char");
    if (!c->host->open_file) return fail(err, INLAY_PERMISSION_DENIED, "this session opens no files");
    file_map *file;
    TRY(c->host->open_file(c->host, path, &file, err));
    inlay_status status = fill_from_file(s, t, file, err);
    file_map_release(file);
    return status;
}

#define HANDLE .run = table_run, .prepare = table_prepare, .dispose = table_dispose

const op_impl table_impls[] = {
    {"HashTable", HANDLE, .detail = IMMUTABLE},
    {"HashTableV2", HANDLE, .detail = IMMUTABLE},
    {"MutableHashTable", HANDLE, .detail = MUTABLE},
    {"MutableHashTableV2", HANDLE, .detail = MUTABLE},
    {"MutableDenseHashTable", HANDLE, .detail = DENSE},
    {"MutableDenseHashTableV2", HANDLE, .detail = DENSE},
    {"AnonymousMutableDenseHashTable", .run = anonymous_run, .detail = DENSE},
    {"AnonymousHashTable", .run = anonymous_run, .detail = IMMUTABLE},
    {"AnonymousMutableHashTable", .run = anonymous_run, .detail = MUTABLE},
    {"InitializeTable", .run = initialize_run, .flags = OP_ANY_ALIGNMENT},
    {"InitializeTableV2", .run = initialize_run, .flags = OP_ANY_ALIGNMENT},
    {"InitializeTableFromTextFile", .run = from_file_run, .prepare = file_prepare},
    {"InitializeTableFromTextFileV2", .run = from_file_run, .prepare = file_prepare},
    {"LookupTableFind", .run = look_up_run, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableFindV2", .run = look_up_run, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableSize", .run = size_run},
    {"LookupTableSizeV2", .run = size_run},
    {"LookupTableInsert", .run = insert_run, .detail = INSERT, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableInsertV2", .run = insert_run, .detail = INSERT, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableRemoveV2", .run = remove_run, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableImport", .run = insert_run, .detail = IMPORT, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableImportV2", .run = insert_run, .detail = IMPORT, .flags = OP_ANY_ALIGNMENT},
    {"LookupTableExport", .run = export_run},
    {"LookupTableExportV2", .run = export_run},
};
OP_FAMILY_END(table);
