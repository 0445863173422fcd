/* JSON of a message (the first byte says which); what is taken must print, and its print must mean the same.
 * Covers: src/proto/json_parse.c src/proto/json_scan.c src/proto/json_print.c */
#include "proto/json.h"
#include "proto_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const message_type *type = proto_type(data[0]);
    buffer wire = {0}, json = {0}, again = {0}, reprint = {0};
    inlay_error err;
    if (json_parse(bytes_make(data + 1, size - 1), "fuzz", type, &wire, &err) == INLAY_OK &&
        must(message_check(read_buffer(&wire), type, NULL, &err))) {
        inlay_status status = json_print(read_buffer(&wire), type, &json, &err);
        if (!must(status)) status = INLAY_RESOURCE_EXHAUSTED;
        if (status == INLAY_OK && must(json_parse(buffer_bytes(&json), "fuzz", type, &again, &err)) &&
            must(json_print(read_buffer(&again), type, &reprint, &err)))
            must_equal(&json, &reprint);
    }
    buffer_free(&wire);
    buffer_free(&json);
    buffer_free(&again);
    buffer_free(&reprint);
    return 0;
}
