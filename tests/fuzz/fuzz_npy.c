/* One .npy file.
 * Covers: src/format/npy_parse.c src/format/npy_read.c src/format/npy_write.c */
#include "format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written for a header must be read back as it. */
static void check_again(const npy_header *h) {
    buffer text = {0};
    npy_header again;
    inlay_error err;
    inlay_status status = npy_header_text(h->type, &h->dims, h->fortran, &text, &err);
    if (status == INLAY_OK) {
        uint64_t size = text.size + h->data_size;
        if (npy_parse(buffer_bytes(&text), size, "again", &again, &err) != INLAY_OK) __builtin_trap();
        if (!shape_equal(&again.dims, &h->dims) || again.fortran != h->fortran || again.data_size != h->data_size ||
            again.big_endian)
            __builtin_trap();
    } else if (status != INLAY_UNIMPLEMENTED) {
        __builtin_trap();
    }
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes file = bytes_make(data, size);
    inlay_error err;
    npy_header h;
    tensor *t;
    /* A file that goes on behind what is seen of it. */
    if (npy_parse(file, UINT64_MAX / 4, "a.npy", &h, &err) == INLAY_OK) check_again(&h);
    if (npy_parse(file, size, "a.npy", &h, &err) != INLAY_OK) return 0;
    dtype as = h.item_size == 1 ? INLAY_FLOAT8_E4M3FN : INLAY_BFLOAT16;
    if (npy_read_bytes(file, "a.npy", as, NULL, NULL, &t, &err) != INLAY_OK) return 0;
    if (!shape_equal(&t->dims, &h.dims) || t->count != h.count) __builtin_trap();
    if (t->type == INLAY_STRING)
        for (int64_t i = 0; i < t->count; i++)
            if (h.kind == 'U' && !bytes_valid_utf8(tensor_string(t, i), NULL)) __builtin_trap();
    tensor_release(t);
    return 0;
}
