#include "cli/findings.h"

#include <inttypes.h>

void print_finding(const inlay_finding *f) {
    static const char *const severities[] = {"note", "warning", "not looked at", "damage"};
    printf("%s: ", severities[f->severity]);
    if (f->file[0]) {
        print_name(stdout, f->file);
        printf(": ");
    }
    print_name(stdout, f->text);
    putchar('\n');
    if (f->severity != INLAY_FINDING_DAMAGE) return;
    const char *comma = "    ";
    if (f->cause) printf("%slikely cause: %s", comma, inlay_cause_name(f->cause)), comma = ", ";
    if (f->bytes > 0) printf("%sbytes %" PRId64 " to %" PRId64, comma, f->offset, f->offset + f->bytes), comma = ", ";
    if (f->rows > 0)
        printf("%srows %" PRId64 " to %" PRId64, comma, f->first_row, f->first_row + f->rows), comma = ", ";
    if (comma[0] == ',') putchar('\n');
}

static void json_text(const char *name, const char *text) {
    printf(", \"%s\": ", name);
    print_json(stdout, text, strlen(text));
}

static void json_whole(const char *name, int64_t value, bool there) {
    if (there) printf(", \"%s\": %" PRId64, name, value);
}

void print_finding_json(const inlay_finding *f) {
    static const char *const severities[] = {"note", "warning", "unseen", "damage"};
    printf("{\"severity\": \"%s\", \"cause\": \"%s\"", severities[f->severity], inlay_cause_name(f->cause));
    json_text("text", f->text);
    if (f->file[0]) json_text("file", f->file);
    if (f->key.size) {
        printf(", \"key\": ");
        print_json(stdout, f->key.data, f->key.size);
    }
    if (f->node[0]) json_text("node", f->node);
    json_whole("offset", f->offset, f->offset >= 0);
    json_whole("bytes", f->bytes, f->bytes >= 0);
    json_whole("first_row", f->first_row, f->rows > 0);
    json_whole("rows", f->rows, f->rows > 0);
    json_whole("bit", f->bit, f->bit >= 0);
    json_whole("shift", f->shift, f->shift != 0);
    if (f->false_match >= 0) printf(", \"false_match\": %.3g", f->false_match);
    if (f->stored != f->calculated)
        printf(", \"stored\": %" PRIu32 ", \"calculated\": %" PRIu32, f->stored, f->calculated);
    printf(", \"repairable\": %s}", f->repairable ? "true" : "false");
}
