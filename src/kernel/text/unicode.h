/* UTF-8 text: characters, and case by Unicode 13 without a locale, as TensorFlow's string ops treat them. */
#ifndef KERNEL_UNICODE_H
#define KERNEL_UNICODE_H

#include "base/buffer.h"

enum { UNICODE_BAD = 0xfffd };

/* The character at P < END: its bytes, *code its number. What is no character counts as UNICODE_BAD, one for each
 * longest start of a well-formed sequence (Unicode 13, section 3.9). */
size_t unicode_next(const uint8_t *p, const uint8_t *end, uint32_t *code);

void unicode_put(buffer *out, uint32_t code); /* appends CODE as UTF-8; what is no character as UNICODE_BAD */

/* Appends TEXT in lower or upper case, full mappings and final sigma included; bad bytes become U+FFFD. */
void unicode_lower(bytes text, buffer *out);
void unicode_upper(bytes text, buffer *out);

/* Bytes that begin a character, counted without looking whether it is well-formed. */
size_t utf8_length(bytes text);

/* From *at, moves by N characters of the same kind (towards the end, or the start when N < 0); false when the text ends
 * before. */
bool utf8_move(bytes text, int64_t n, size_t *at);

#endif
