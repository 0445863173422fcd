#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *inlay_status_name(inlay_status status) {
    static const char *const names[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "UNKNOWN";
}

/* Copies TEXT to OUT [SIZE] with control characters as \xNN, cut where it does not fit. */
static void copy_escaped(char *out, size_t size, const char *text) {
    size_t used = 0;
    for (; *text && used + 5 <= size; text++) {
        unsigned char c = (unsigned char)*text, after = (unsigned char)text[1];
        bool wide = c == 0xc2 && after >= 0x80 && after < 0xa0; /* U+0080 to U+009F, which terminals obey too */
        if (c < 0x20 || c == 0x7f || wide)
            used += (size_t)snprintf(out + used, 5, "\\x%02x", wide ? after : c);
        else
            out[used++] = (char)c;
        text += wide;
    }
    out[used] = 0;
}

static void fill(inlay_error *err, inlay_status code, const char *file, int64_t offset, const char *format,
                 va_list arguments) {
    char text[sizeof err->message];
    int used = 0;
    if (file) used = snprintf(text, sizeof text, "%.500s: ", file);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    size_t length = strlen(text);
    if (offset >= 0) snprintf(text + length, sizeof text - length, " (at byte %" PRId64 ")", offset);
    err->code = code;
    err->offset = offset;
    err->node[0] = err->op[0] = 0;
    snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    copy_escaped(err->message, sizeof err->message, text);
}

inlay_status fail(inlay_error *err, inlay_status code, const char *format, ...) {
    if (!err) return code;
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, NULL, -1, format, arguments);
    va_end(arguments);
    return code;
}

inlay_status fail_at(inlay_error *err, inlay_status code, const char *file, int64_t offset, const char *format, ...) {
    if (!err) return code;
    va_list arguments;
    va_start(arguments, format);
    fill(err, code, file, offset, format, arguments);
    va_end(arguments);
    return code;
}

static inlay_status code_of_errno(int error_number) {
    switch (error_number) {
    case ENOENT:
    case ENOTDIR: return INLAY_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return INLAY_ALREADY_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return INLAY_PERMISSION_DENIED;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE: return INLAY_RESOURCE_EXHAUSTED;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case EXDEV: return INLAY_INVALID_ARGUMENT;
    default: return INLAY_UNAVAILABLE;
    }
}

inlay_status fail_errno(inlay_error *err, int error_number, const char *file, const char *what) {
    return fail_at(err, code_of_errno(error_number), file, -1, "cannot %s: %s", what, strerror(error_number));
}

inlay_status fail_memory(inlay_error *err) {
    return fail(err, INLAY_RESOURCE_EXHAUSTED, "out of memory");
}

inlay_status error_in_node(inlay_error *err, inlay_status code, const char *node, const char *op) {
    if (!err || err->node[0]) return code;
    char text[sizeof err->message];
    snprintf(text, sizeof text, "node %.200s (%.60s): %.700s", node, op, err->message);
    copy_escaped(err->message, sizeof err->message, text);
    snprintf(err->node, sizeof err->node, "%s", node);
    snprintf(err->op, sizeof err->op, "%s", op);
    return code;
}
