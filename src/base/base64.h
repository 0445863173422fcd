/* Base64 (RFC 4648): how JSON carries bytes that are no text. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buffer.h"

void base64_encode(bytes data, buffer *out); /* appends, with padding */

/* Appends what TEXT stands for: the standard alphabet or the URL-safe one, with or without padding. False when TEXT is
 * none of that; *out may then hold a part. */
bool base64_decode(bytes text, buffer *out);

#endif
