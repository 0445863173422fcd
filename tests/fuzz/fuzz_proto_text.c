/* Text of a message (the first byte says which); what is taken must print, and its print must mean the same.
 * Covers: src/proto/text_parse.c src/proto/text_scan.c src/proto/text_print.c */
#include "proto/text.h"
#include "proto_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const message_type *type = proto_type(data[0]);
    buffer wire = {0}, text = {0}, again = {0}, reprint = {0};
    inlay_error err;
    if (text_parse(bytes_make(data + 1, size - 1), "fuzz", type, &wire, &err) == INLAY_OK &&
        must(message_check(read_buffer(&wire), type, NULL, &err)) &&
        must(text_print(read_buffer(&wire), type, NULL, &text, &err)) &&
        must(text_parse(buffer_bytes(&text), "fuzz", type, &again, &err)) &&
        must(text_print(read_buffer(&again), type, NULL, &reprint, &err)))
        must_equal(&text, &reprint);
    buffer_free(&wire);
    buffer_free(&text);
    buffer_free(&again);
    buffer_free(&reprint);
    return 0;
}
