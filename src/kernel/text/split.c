#include "kernel/text/split.h"

static void put(pieces *out, const uint8_t *from, const uint8_t *to) {
    bytes piece = bytes_make(from, (size_t)(to - from));
    buffer_append(&out->items, &piece, sizeof piece);
}

bytes text_stripped(bytes text) {
    const uint8_t *p = text.data, *end = p + text.size;
    while (p < end && is_ascii_space(*p)) p++;
    while (p < end && is_ascii_space(end[-1])) end--;
    return bytes_make(p, (size_t)(end - p));
}

void split_at_space(bytes text, int64_t max_split, pieces *out) {
    const uint8_t *p = text.data, *end = p + text.size;
    if (max_split == 0) {
        put(out, p, end);
        return;
    }
    while (p < end && is_ascii_space(*p)) p++;
    for (int64_t cuts = 0; p < end; cuts++) {
        const uint8_t *from = p;
        while (p < end && !is_ascii_space(*p)) p++;
        put(out, from, p);
        while (p < end && is_ascii_space(*p)) p++;
        if (max_split > 0 && cuts + 1 == max_split) {
            put(out, p, end);
            return;
        }
    }
}

void split_at_text(bytes text, bytes separator, int64_t max_split, pieces *out) {
    const uint8_t *p = text.data, *end = p + text.size;
    for (int64_t cuts = 0; max_split < 0 || cuts < max_split; cuts++) {
        const uint8_t *found = p < end ? memmem(p, (size_t)(end - p), separator.data, separator.size) : NULL;
        if (!found) break;
        put(out, p, found);
        p = found + separator.size;
    }
    put(out, p, end);
}

void split_at_any(bytes text, bytes set, bool skip_empty, pieces *out) {
    const uint8_t *p = text.data, *end = p + text.size;
    if (set.size == 0) {
        for (; p < end; p++) put(out, p, p + 1);
        return;
    }
    bool cuts[256] = {false};
    for (size_t i = 0; i < set.size; i++) cuts[set.data[i]] = true;
    const uint8_t *from = p;
    for (; p < end; p++) {
        if (!cuts[*p]) continue;
        if (p > from || !skip_empty) put(out, from, p);
        from = p + 1;
    }
    if (end > from || (!skip_empty && text.size > 0)) put(out, from, end);
}
