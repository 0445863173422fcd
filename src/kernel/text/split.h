/* Cutting texts into pieces, as TensorFlow's splitting ops and Python's str.split do. */
#ifndef KERNEL_SPLIT_H
#define KERNEL_SPLIT_H

#include "base/buffer.h"

/* Pieces of texts that outlive them: `bytes` after `bytes`. */
typedef struct pieces {
    buffer items;
} pieces;

static inline size_t pieces_count(const pieces *p) {
    return p->items.size / sizeof(bytes);
}
static inline bytes pieces_at(const pieces *p, size_t index) {
    bytes piece;
    memcpy(&piece, p->items.data + index * sizeof piece, sizeof piece);
    return piece;
}
static inline void pieces_free(pieces *p) {
    buffer_free(&p->items);
}

/* Each appends the pieces of TEXT; when memory is out, buffer_check(&out->items) says so. */

/* At runs of ASCII white space, of which none at the start or the end counts; after MAX_SPLIT cuts (negative: no limit)
 * the rest is one piece. */
void split_at_space(bytes text, int64_t max_split, pieces *out);

/* At each SEPARATOR (not empty). */
void split_at_text(bytes text, bytes separator, int64_t max_split, pieces *out);

/* At each byte that is in SET, or, when SET is empty, into single bytes; without the empty pieces when SKIP_EMPTY. An
 * empty text has no pieces. */
void split_at_any(bytes text, bytes set, bool skip_empty, pieces *out);

/* TEXT without ASCII white space at its ends. */
bytes text_stripped(bytes text);

static inline bool is_ascii_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
