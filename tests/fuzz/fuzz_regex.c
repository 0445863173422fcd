/* Pattern, rewrite and text in one input, cut at the first two newlines. Covers: src/kernel/regex/regex.cc */
#include "base/alloc.h"
#include "kernel/regex/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bytes cut(bytes *rest) {
    const uint8_t *newline = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    bytes line = bytes_make(rest->data, newline ? (size_t)(newline - rest->data) : rest->size);
    size_t used = line.size + (newline != NULL);
    *rest = bytes_make(rest->data + used, rest->size - used);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 4096) return 0;
    bytes rest = bytes_make(data, size);
    bytes pattern = cut(&rest), rewrite = cut(&rest);
    regex *r;
    inlay_error err;
    if (regex_compile(pattern, &r, &err) != INLAY_OK) return 0;
    bool match;
    buffer out = {0};
    if (regex_full_match(r, rest, &match, &err) != INLAY_OK) __builtin_trap();
    inlay_status status = regex_replace(r, rest, rewrite, true, 1 << 20, &out, &err);
    if (status != INLAY_OK && status != INLAY_RESOURCE_EXHAUSTED) __builtin_trap();
    buffer_clear(&out);
    if (regex_replace(r, rest, rewrite, false, 1 << 20, &out, &err) != INLAY_OK) __builtin_trap();
    buffer_free(&out);
    regex_free(r);
    return 0;
}
