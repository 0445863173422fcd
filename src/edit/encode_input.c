#include "edit/encode_input.h"

#include "base/alloc.h"
#include "format/npy.h"
#include "format/tensor_json.h"

#include <inttypes.h>

static int64_t count_lines(bytes text) {
    int64_t lines = 0;
    const uint8_t *p = text.data, *end = text.data + text.size;
    while (p < end) {
        const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
        lines++;
        p = newline ? newline + 1 : end;
    }
    return lines;
}

/* The next line without its end. */
static bytes next_line(encode_input *in) {
    const uint8_t *start = in->lines->data + in->at, *end = in->lines->data + in->lines->size;
    const uint8_t *newline = memchr(start, '\n', (size_t)(end - start)), *stop = newline ? newline : end;
    in->at = (uint64_t)((newline ? newline + 1 : end) - in->lines->data);
    if (stop > start && newline && stop[-1] == '\r') stop--;
    return bytes_make(start, (size_t)(stop - start));
}

static inlay_status open_lines(encode_input *in, const inlay_signature *signature, inlay_error *err) {
    in->keys = mem_zalloc(1, sizeof *in->keys);
    if (!in->keys) return fail_memory(err);
    for (size_t i = 0; i < signature->n_inputs; i++) {
        if (signature->inputs[i].optional) continue;
        if (in->n_keys || signature->inputs[i].dtype != INLAY_STRING)
            return fail(err, INLAY_INVALID_ARGUMENT, "signature %s does not take text alone; give its inputs as arrays",
                        signature->key);
        in->keys[in->n_keys++] = signature->inputs[i].key;
    }
    if (in->n_keys == 0) return fail(err, INLAY_INVALID_ARGUMENT, "signature %s has no input", signature->key);
    in->path = in->options->lines;
    TRY(file_map_open(in->path, false, &in->lines, err));
    in->rows = count_lines(file_map_bytes(in->lines));
    return INLAY_OK;
}

static inlay_status open_array(encode_input *in, size_t i, const inlay_signature *signature, inlay_error *err) {
    const char *item = in->options->inputs[i], *equals = strchr(item, '=');
    for (size_t k = 0; equals && k < signature->n_inputs; k++) {
        const char *key = signature->inputs[k].key;
        if (strlen(key) != (size_t)(equals - item) || strncmp(key, item, strlen(key)) != 0) continue;
        const char *path = equals + 1;
        size_t size = strlen(path);
        bool json = size > 5 && strcmp(path + size - 5, ".json") == 0;
        TRY(json ? tensor_json_read(path, signature->inputs[k].dtype, &in->arrays[i], err)
                 : npy_read(path, signature->inputs[k].dtype, false, &in->arrays[i], err));
        in->keys[i] = key;
        if (in->arrays[i]->dims.rank < 1)
            return fail_at(err, INLAY_INVALID_ARGUMENT, equals + 1, -1, "is a scalar; one row an input is needed");
        int64_t rows = in->arrays[i]->dims.dims[0];
        if (i > 0 && rows != in->rows)
            return fail_at(err, INLAY_INVALID_ARGUMENT, equals + 1, -1, "has %" PRId64 " rows, %s has %" PRId64, rows,
                           in->options->inputs[0], in->rows);
        in->rows = rows;
        return INLAY_OK;
    }
    return fail(err, INLAY_INVALID_ARGUMENT,
                equals ? "signature %s has no input like %s" : "signature %s: %s is not of the form KEY=FILE",
                signature->key, item);
}

inlay_status encode_input_open(const inlay_encode_options *o, const inlay_signature *signature, encode_input *in,
                               inlay_error *err) {
    *in = (encode_input){.options = o};
    if (o->lines) return open_lines(in, signature, err);
    in->keys = mem_zalloc(o->n_inputs, sizeof *in->keys);
    in->arrays = mem_zalloc(o->n_inputs, sizeof *in->arrays);
    if (!in->keys || !in->arrays) return fail_memory(err);
    in->n_keys = o->n_inputs;
    for (size_t i = 0; i < o->n_inputs; i++) TRY(open_array(in, i, signature, err));
    return INLAY_OK;
}

void encode_input_close(encode_input *in) {
    for (size_t i = 0; in->arrays && i < in->n_keys; i++) tensor_release(in->arrays[i]);
    file_map_release(in->lines);
    mem_free(in->arrays);
    mem_free(in->keys);
    *in = (encode_input){0};
}

static inlay_status next_texts(encode_input *in, int64_t n, tensor **out, inlay_error *err) {
    shape dims = shape_vector(n);
    string_builder b;
    TRY(string_builder_init(&b, &dims, NULL, err));
    for (int64_t i = 0; i < n; i++) {
        inlay_status status = string_builder_add(&b, next_line(in), err);
        if (status != INLAY_OK) {
            string_builder_free(&b);
            return status;
        }
    }
    return string_builder_finish(&b, out, err);
}

inlay_status encode_input_next(encode_input *in, int64_t n, inlay_named_tensor *out, inlay_error *err) {
    for (size_t i = 0; i < in->n_keys; i++) {
        out[i].key = in->keys[i];
        TRY(in->arrays ? tensor_rows(in->arrays[i], in->next, n, &out[i].tensor, err)
                       : next_texts(in, n, &out[i].tensor, err));
    }
    in->next += n;
    return INLAY_OK;
}

void encode_input_skip(encode_input *in, int64_t n) {
    for (int64_t i = 0; in->lines && i < n; i++) next_line(in);
    in->next += n;
}

static inlay_status describe_file(const char *path, buffer *out, inlay_error *err) {
    file_info info;
    TRY(file_stat(path, true, &info, err));
    buffer_format(out, "input %s %" PRIu64 " %" PRId64 "\n", path, info.size, info.modified_ns);
    return INLAY_OK;
}

inlay_status encode_input_describe(const encode_input *in, buffer *out, inlay_error *err) {
    if (in->lines) return describe_file(in->path, out, err);
    for (size_t i = 0; i < in->n_keys; i++) TRY(describe_file(strchr(in->options->inputs[i], '=') + 1, out, err));
    return INLAY_OK;
}
