#include "edit/verify/findings.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 1200, MOST = 4096 };

/* Formats into the arena, control characters escaped. */
static const char *make_text(findings *f, const char *before, const char *format, va_list arguments) {
    char raw[TEXT], *out;
    vsnprintf(raw, sizeof raw, format, arguments);
    size_t start = before ? strlen(before) : 0;
    out = arena_alloc(f->a, start + 4 * strlen(raw) + 1);
    if (!out) {
        f->failed = true;
        return before ? before : "out of memory";
    }
    if (before) memcpy(out, before, start);
    char *p = out + start;
    for (const char *c = raw; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            p += sprintf(p, "\\x%02x", (unsigned char)*c);
        else
            *p++ = *c;
    *p = 0;
    return out;
}

static finding *new_finding(findings *f) {
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 64;
        finding **grown = arena_zalloc(f->a, capacity, sizeof *grown);
        if (!grown) return NULL;
        if (f->count) memcpy(grown, f->list, f->count * sizeof *grown);
        f->list = grown;
        f->capacity = capacity;
    }
    finding *one = arena_zalloc(f->a, 1, sizeof *one);
    if (one) f->list[f->count++] = one;
    return one;
}

finding *findings_add(findings *f, inlay_severity severity, inlay_cause cause, const char *file, const char *format,
                      ...) {
    finding *one = f->count < MOST ? new_finding(f) : &f->spare;
    if (f->count >= MOST && one == &f->spare) f->more[severity]++;
    if (!one) {
        f->failed = true;
        one = &f->spare;
    }
    va_list arguments;
    va_start(arguments, format);
    const char *text = make_text(f, NULL, format, arguments), *kept = arena_strdup(f->a, file);
    va_end(arguments);
    if (!kept) f->failed = true;
    *one = (finding){.shown = {.severity = severity,
                               .cause = cause,
                               .text = text,
                               .file = kept ? kept : "",
                               .key = {"", 0},
                               .node = "",
                               .offset = -1,
                               .bytes = -1,
                               .first_row = -1,
                               .rows = -1,
                               .bit = -1,
                               .false_match = -1}};
    return one;
}

void finding_say(findings *f, finding *one, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    one->shown.text = make_text(f, one->shown.text, format, arguments);
    va_end(arguments);
}

static inlay_severity severity_of(inlay_status code) {
    switch (code) {
    case INLAY_RESOURCE_EXHAUSTED:
    case INLAY_PERMISSION_DENIED:
    case INLAY_UNAVAILABLE:
    case INLAY_INTERNAL:
    case INLAY_UNKNOWN: return INLAY_FINDING_UNSEEN;
    case INLAY_UNIMPLEMENTED: return INLAY_FINDING_NOTE;
    default: return INLAY_FINDING_DAMAGE;
    }
}

finding *findings_add_error(findings *f, const char *file, const inlay_error *what) {
    if (what->code == INLAY_RESOURCE_EXHAUSTED) f->failed = true;
    inlay_cause cause = what->code == INLAY_NOT_FOUND ? INLAY_CAUSE_MISSING : INLAY_CAUSE_UNKNOWN;
    const char *text = what->message;
    size_t n = strlen(what->file);
    if (n && strncmp(text, what->file, n) == 0 && text[n] == ':' && text[n + 1] == ' ') text += n + 2;
    finding *one = findings_add(f, severity_of(what->code), cause, n ? what->file : file, "%s", text);
    one->shown.offset = what->offset;
    char *node = what->node[0] ? arena_strdup(f->a, what->node) : NULL;
    if (node) one->shown.node = node;
    return one;
}

const char *key_shown(findings *f, bytes key) {
    enum { LONGEST = 200 };
    bool plain = bytes_valid_utf8(key, NULL);
    char text[LONGEST + 8];
    size_t used = 0;
    for (size_t i = 0; i < key.size && used + 5 < LONGEST; i++) {
        uint8_t c = key.data[i];
        bool escape = c < 0x20 || c == 0x7f || (c >= 0x80 && !plain);
        used += (size_t)snprintf(text + used, sizeof text - used, escape ? "\\x%02x" : "%c", c);
    }
    char *kept = arena_copy(f->a, bytes_make(text, used));
    if (!kept) f->failed = true;
    return kept ? kept : "";
}
