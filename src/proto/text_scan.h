/* Between the files of text.h: protobuf text cut into tokens. */
#ifndef PROTO_TEXT_SCAN_H
#define PROTO_TEXT_SCAN_H

#include "base/buffer.h"

typedef enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_SIGN } token_kind;

typedef struct scanner {
    const uint8_t *start, *next, *end;
    const char *file;
    token_kind kind; /* of the token at hand */
    bytes token;     /* a string with its quotes */
} scanner;

/* At the first token. INVALID_ARGUMENT for a string without an end. */
inlay_status scan_open(scanner *s, bytes text, const char *file, inlay_error *err);
inlay_status scan_next(scanner *s, inlay_error *err);

/* Whether the token at hand is the sign C; if so *took, and the next one is at hand. */
static inline bool scan_sees(const scanner *s, char c) {
    return s->kind == TOKEN_SIGN && s->token.data[0] == (uint8_t)c;
}
inlay_status scan_try(scanner *s, char c, bool *took, inlay_error *err);
inlay_status scan_expect(scanner *s, char c, inlay_error *err);

/* The raw text up to ']' instead of tokens, without blanks and comments; the token after ']' is at hand then. The token
 * at hand is the first of that text. */
inlay_status scan_url(scanner *s, buffer *out, inlay_error *err);

/* Whether scan_url would take TEXT as it is. */
bool scan_is_url(bytes text);

/* INVALID_ARGUMENT at the token at hand: file, line and column, and the message. */
inlay_status scan_fail(const scanner *s, inlay_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The bytes that the string at hand means, appended to OUT. Escapes: \a \b \f \n \r \t \v \? \\ \' \", octal, \x,
 * \u and \U (as UTF-8). */
inlay_status scan_unescape(const scanner *s, buffer *out, inlay_error *err);

#endif
