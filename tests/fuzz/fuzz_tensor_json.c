/* A JSON text behind a byte that says which dtype is wanted. What is read must be written as text that gives it back.
 * Covers: src/format/tensor_json_parse.c src/format/tensor_json_print.c src/base/base64.c */
#include "format/tensor_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const tensor *a, const tensor *b) {
    if (a->type != b->type || !shape_equal(&a->dims, &b->dims)) return false;
    for (int64_t i = 0; a->type == INLAY_STRING && i < a->count; i++)
        if (!bytes_equal(tensor_string(a, i), tensor_string(b, i))) return false;
    return a->type == INLAY_STRING || a->size == 0 || memcmp(a->data, b->data, (size_t)a->size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    tensor *t, *again;
    inlay_error err;
    buffer text = {0};
    dtype wanted = (dtype)(data[0] % 34);
    if (tensor_from_json(bytes_make(data + 1, size - 1), "a.json", wanted, &t, &err) != INLAY_OK) return 0;
    if (tensor_to_json(t, &text, &err) != INLAY_OK) __builtin_trap();
    if (tensor_from_json(buffer_bytes(&text), "again", t->type, &again, &err) != INLAY_OK) __builtin_trap();
    if (!same(t, again)) __builtin_trap();
    tensor_release(t);
    tensor_release(again);
    buffer_free(&text);
    return 0;
}
