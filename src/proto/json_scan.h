/* Between the files of json.h: JSON text read value by value, without a tree of it in memory. (jansson would hold the
 * whole tree, some forty times the text, and has no numbers from 2^63 to 2^64.) */
#ifndef PROTO_JSON_SCAN_H
#define PROTO_JSON_SCAN_H

#include "base/buffer.h"

typedef enum json_kind {
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_OBJECT,
    JSON_LIST,
    JSON_NOTHING /* no value begins here */
} json_kind;

typedef struct json_scanner {
    const uint8_t *start, *next, *end;
    const char *file;
} json_scanner;

void json_open(json_scanner *s, bytes text, const char *file);

/* What the value ahead is; blanks before it are skipped. */
json_kind json_peek(json_scanner *s);

/* Each takes the value ahead, which is of that kind. A string is appended to OUT, its escapes undone. */
inlay_status json_take_word(json_scanner *s, inlay_error *err); /* null, true, false */
inlay_status json_take_number(json_scanner *s, bytes *out, inlay_error *err);
inlay_status json_take_string(json_scanner *s, buffer *out, inlay_error *err);

/* Takes the sign C if it is ahead. */
bool json_try(json_scanner *s, char c);
inlay_status json_expect(json_scanner *s, char c, inlay_error *err);

/* Skips a whole value, nested at most 100 deep. */
inlay_status json_skip(json_scanner *s, inlay_error *err);

/* INVALID_ARGUMENT at AT: file, line and column, and the message. */
inlay_status json_fail(const json_scanner *s, const uint8_t *at, inlay_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
