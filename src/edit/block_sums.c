#include "edit/block_sums.h"

#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/num.h"

#include <string.h>

enum { DIGITS = 8 };

uint32_t block_sum(const block_sums *s, size_t block) {
    uint32_t sum = 0;
    for (size_t k = 0; k < DIGITS; k++) {
        char d = s->digits[block * DIGITS + k];
        sum = sum << 4 | (uint32_t)(d <= '9' ? d - '0' : d - 'a' + 10);
    }
    return sum;
}

bool block_sums_of(const json_t *chunk, const bundle_entry *e, block_sums *out) {
    const json_t *digits = json_object_get(chunk, "blocks"), *step = json_object_get(chunk, "block_bytes");
    *out = (block_sums){0};
    if (!json_is_string(digits) || !json_is_integer(step) || json_integer_value(step) <= 0 || e->size == 0)
        return false;
    block_sums found = {.step = (uint64_t)json_integer_value(step), .digits = json_string_value(digits)};
    size_t length = json_string_length(digits);
    found.n = (size_t)((e->size - 1) / found.step + 1);
    if (length % DIGITS || length / DIGITS != found.n || strspn(found.digits, "0123456789abcdef") != length)
        return false;
    uint32_t all = 0;
    for (size_t i = 0; i < found.n; i++)
        all = crc32c_combine(all, block_sum(&found, i), block_bytes(e->size, found.step, i));
    if (all != e->crc) return false;
    *out = found;
    return true;
}

bool block_sums_set(json_t *chunk, uint64_t step, const void *sums, size_t n) {
    buffer text = {0};
    for (size_t i = 0; i < n; i++) buffer_format(&text, "%08x", load_u32((const uint8_t *)sums + i * sizeof(uint32_t)));
    bool ok = !text.failed && json_object_set_new(chunk, "block_bytes", json_integer((json_int_t)step)) == 0 &&
              json_object_set_new(chunk, "blocks", json_stringn((const char *)text.data, text.size)) == 0;
    buffer_free(&text);
    return ok;
}
