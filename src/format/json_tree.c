#include "format/json_tree.h"

#include "base/buffer.h"

#include <errno.h>

enum { SHORT = 12 /* bytes of a text for which jansson's buffer never grows: it begins with 16 */ };

/* No token of TEXT is longer: the longest run without a quotation mark. */
static size_t longest_token(bytes text) {
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool ends = text.data[i] == '"' && (i == 0 || text.data[i - 1] != '\\');
        run = ends ? 0 : run + 1;
        if (run > longest) longest = run;
    }
    return longest;
}

/* [PAD, TEXT], PAD being a string of *pad characters. */
static void put_padded(bytes text, size_t *pad, buffer *out) {
    size_t longest = longest_token(text);
    for (*pad = 24; *pad < longest + 8;) *pad *= 2; /* 3 * 2^n */
    buffer_append_text(out, "[\"");
    for (size_t i = 0; i < *pad; i++) buffer_append(out, "-", 1);
    buffer_append_text(out, "\",");
    buffer_append_bytes(out, text);
    buffer_append_text(out, "]");
}

/* What cannot be read at all may also be for want of memory, which jansson calls a bad token: then it can be, the
 * second time. */
static inlay_status load(bytes text, size_t flags, json_t **out, json_error_t *why, inlay_error *err) {
    errno = 0;
    *out = json_loadb((const char *)text.data, text.size, flags, why);
    if (*out) return INLAY_OK;
    if (errno == ENOMEM) return fail_memory(err);
    json_t *again = json_loadb((const char *)text.data, text.size, flags, why);
    json_decref(again);
    return again ? fail_memory(err) : INLAY_OK;
}

/* jansson overlooks that its buffer cannot grow while it reads a token, and loses characters; losing the last quotation
 * mark, it writes beyond its memory. So the first thing it reads is a string longer than any token, whose end is far
 * from the powers of two at which the buffer grows: when that comes out whole, nothing behind it makes the buffer grow.
 */
inlay_status json_tree_read(bytes text, size_t flags, json_t **out, json_error_t *why, inlay_error *err) {
    size_t pad;
    buffer padded = {0};
    json_t *both = NULL;
    *out = NULL;
    if (text.size <= SHORT) return load(text, flags | JSON_DECODE_ANY, out, why, err);
    put_padded(text, &pad, &padded);
    inlay_status status = buffer_check(&padded, err);
    if (status == INLAY_OK) status = load(buffer_bytes(&padded), flags, &both, why, err);
    if (both && json_string_length(json_array_get(both, 0)) != pad)
        status = fail_memory(err);
    else if (both && json_array_size(both) == 2)
        *out = json_incref(json_array_get(both, 1));
    else if (both && why)
        *why = (json_error_t){.text = "more than one value"};
    json_decref(both);
    buffer_free(&padded);
    return status;
}
