/* Encodings of text: characters read from and written to bytes. */
#ifndef KERNEL_ENCODING_H
#define KERNEL_ENCODING_H

#include "base/buffer.h"

typedef enum encoding {
    ENCODING_UTF8,
    ENCODING_UTF16_BE,
    ENCODING_UTF16_LE,
    ENCODING_UTF32_BE,
    ENCODING_UTF32_LE,
    ENCODING_ASCII,
    ENCODING_LATIN1,
    ENCODING_WINDOWS_1252
} encoding;

/* The encoding called NAME, case, '-' and '_' aside; false when it is none of these. */
bool encoding_find(bytes name, encoding *out);

/* The character at P < END: its bytes, *code its number; *bad when it is malformed, then *code is U+FFFD. */
size_t encoding_next(encoding e, const uint8_t *p, const uint8_t *end, uint32_t *code, bool *bad);

/* Appends character CODE, one that is no surrogate, in UTF-8, UTF-16 or UTF-32. */
void encoding_put(encoding e, uint32_t code, buffer *out);

/* Whether CODE may stand in text: inside Unicode and no surrogate. */
bool unicode_is_character(uint32_t code);

/* The script of CODE as ICU numbers it; -1 beyond Unicode. */
int unicode_script(uint32_t code);

#endif
