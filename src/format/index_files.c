#include "format/index_files.h"

enum { LONGEST_NAME = 255 };

static bool is_plain(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

static inlay_status path_of(bytes key, const char *way, buffer *out, inlay_error *err) {
    buffer_append_text(out, INDEX_FOLDER "/");
    size_t start = out->size;
    for (size_t i = 0; i < key.size; i++)
        buffer_format(out, is_plain(key.data[i]) && (i || key.data[i] != '.') ? "%c" : "%%%02X", key.data[i]);
    if (way) buffer_format(out, "~%s", way);
    TRY(buffer_check(out, err));
    if (out->size - start > LONGEST_NAME)
        return fail(err, INLAY_INVALID_ARGUMENT, "the key %.60s... is too long for the name of its index",
                    (const char *)key.data);
    buffer_append(out, "", 1);
    return buffer_check(out, err);
}

inlay_status index_file_path(bytes key, buffer *out, inlay_error *err) {
    return path_of(key, NULL, out, err);
}

inlay_status index_plain_path(bytes key, const char *way, buffer *out, inlay_error *err) {
    return path_of(key, way, out, err);
}

bool index_is_plain(const char *name) {
    return strchr(name, '~') != NULL;
}
