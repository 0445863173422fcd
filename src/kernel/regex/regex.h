/* Regular expressions with RE2's syntax and meaning, which are TensorFlow's. Linear in the text; memory is bounded.
 *
 * Text and patterns are UTF-8, invalid bytes are taken as they are. A compiled regex may be used by many threads. */
#ifndef KERNEL_REGEX_H
#define KERNEL_REGEX_H

#ifdef __cplusplus
extern "C" {
#endif

#include "base/buffer.h"

typedef struct regex regex;

/* *out is the caller's (regex_free), NULL on failure. INVALID_ARGUMENT says what is wrong with PATTERN, in the words
 * that TensorFlow uses ("Invalid pattern: …, error: …"); RESOURCE_EXHAUSTED when it would be too large or memory is
 * out. */
inlay_status regex_compile(bytes pattern, regex **out, inlay_error *err);
void regex_free(regex *r); /* NULL is fine */

/* *out: whether all of TEXT matches. */
inlay_status regex_full_match(const regex *r, bytes text, bool *out, inlay_error *err);

/* Appends TEXT to OUT with the first match (or, GLOBAL, every match) replaced by REWRITE, in which \0 … \9 stand for
 * the match and its groups and \\ for a backslash. As in TensorFlow a rewrite that names a group that PATTERN lacks
 * leaves TEXT unchanged; any other escape ends the rewrite where it stands when GLOBAL, and leaves TEXT unchanged
 * otherwise. RESOURCE_EXHAUSTED when OUT would pass LIMIT bytes, or memory is out; OUT is then partly filled. */
inlay_status regex_replace(const regex *r, bytes text, bytes rewrite, bool global, size_t limit, buffer *out,
                           inlay_error *err);

#ifdef __cplusplus
}
#endif

#endif
