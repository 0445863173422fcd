#include "edit/rows/defuse.h"

#include "base/alloc.h"
#include "format/labels_offsets.h"
#include "format/npy.h"

enum { STEP_BYTES = 1 << 20 };

/* The labels as a tensor over the mapped file: by their table of offsets where there is one. */
static inlay_status open_labels(defusing *d, tensor **out, inlay_error *err) {
    const char *table = arena_format(&d->a, "%s/assets.extra/%s.labels", d->c.model->folder, d->c.prefix);
    inlay_error ignored;
    if (!table) return fail_memory(err);
    if (file_exists(table) && labels_offsets_read(table, d->c.bundle, d->c.payload_stored, out, &ignored) == INLAY_OK)
        return INLAY_OK;
    return bundle_read(d->c.bundle, d->c.payload_stored, out, err);
}

/* Whether TEXT is one line of a text file of labels, and stays what it is. */
static bool is_line(bytes text, bool first) {
    if (text.size && (memchr(text.data, '\n', text.size) || text.data[text.size - 1] == '\r')) return false;
    return !(first && bytes_start_with(text, "\xef\xbb\xbf"));
}

static inlay_status append_text(file_writer *out, buffer *pending, size_t limit, inlay_error *err) {
    if (pending->size < limit) return INLAY_OK;
    TRY(buffer_check(pending, err));
    TRY(file_append(out, pending->data, pending->size, err));
    buffer_clear(pending);
    return INLAY_OK;
}

static inlay_status write_lines(const tensor *t, file_writer *out, buffer *pending, inlay_error *err) {
    for (int64_t i = 0; i < t->count; i++) {
        buffer_append_bytes(pending, tensor_string(t, i));
        buffer_append_byte(pending, '\n');
        TRY(append_text(out, pending, STEP_BYTES, err));
    }
    return append_text(out, pending, 0, err);
}

/* Appends the UTF-32 of TEXT, which is valid UTF-8, padded with zeros to WIDTH characters. */
static void put_utf32(buffer *out, bytes text, size_t width) {
    size_t n = 0;
    for (size_t i = 0; i < text.size; n++) {
        uint8_t lead = text.data[i];
        size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        uint32_t c = more ? lead & (0x3fu >> more) : lead;
        for (i++; more > 0; more--) c = c << 6 | (text.data[i++] & 0x3f);
        buffer_append(out, &c, sizeof c);
    }
    buffer_append_zeros(out, (width - n) * sizeof(uint32_t));
}

static size_t characters(bytes text) {
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++) n += (text.data[i] & 0xc0) != 0x80;
    return n;
}

/* A .npy of <U, version 1.0, its data at a multiple of 64 as numpy writes it. */
static inlay_status write_unicode(const tensor *t, file_writer *out, buffer *pending, inlay_error *err) {
    size_t width = 1;
    for (int64_t i = 0; i < t->count; i++) {
        size_t n = characters(tensor_string(t, i));
        if (n > width) width = n;
    }
    buffer text = {0};
    buffer_format(&text, "{'descr': '<U%zu', 'fortran_order': False, 'shape': (%lld,), }", width, (long long)t->count);
    while ((10 + text.size + 1) % 64) buffer_append_byte(&text, ' ');
    buffer_append_byte(&text, '\n');
    uint8_t start[10] = "\x93NUMPY\x01";
    start[8] = (uint8_t)text.size;
    start[9] = (uint8_t)(text.size >> 8);
    buffer_append(pending, start, sizeof start);
    buffer_append_bytes(pending, buffer_bytes(&text));
    if (text.failed) pending->failed = true;
    buffer_free(&text);
    for (int64_t i = 0; i < t->count; i++) {
        put_utf32(pending, tensor_string(t, i), width);
        TRY(append_text(out, pending, STEP_BYTES, err));
    }
    return append_text(out, pending, 0, err);
}

static inlay_status write_labels(defusing *d, const tensor *t, inlay_error *err) {
    bool lines = true;
    for (int64_t i = 0; i < t->count; i++) {
        bytes text = tensor_string(t, i);
        if (!bytes_valid_utf8(text, NULL))
            return fail_at(err, INLAY_UNIMPLEMENTED, d->c.model->path, -1, "label %lld is not UTF-8", (long long)i);
        lines = lines && is_line(text, i == 0);
    }
    for (int64_t i = 0; i < t->count && !lines; i++) {
        bytes text = tensor_string(t, i);
        if (text.size && text.data[text.size - 1] == 0)
            return fail_at(err, INLAY_UNIMPLEMENTED, d->c.model->path, -1,
                           "label %lld ends in a NUL, which no file of labels can say", (long long)i);
    }
    const char *path = arena_format(&d->a, "%s/%s", d->folder, lines ? "labels.txt" : "labels.npy");
    file_writer *out;
    buffer pending = {0};
    if (!path) return fail_memory(err);
    TRY(file_create(path, FILE_DIRECT, &out, err));
    inlay_status status = lines ? write_lines(t, out, &pending, err) : write_unicode(t, out, &pending, err);
    buffer_free(&pending);
    if (status == INLAY_OK) return file_commit(out, err);
    file_abandon(out);
    return status;
}

static inlay_status write_ids(defusing *d, const tensor *t, inlay_error *err) {
    const char *path = arena_format(&d->a, "%s/ids.npy", d->folder);
    return path ? npy_write(t, path, err) : fail_memory(err);
}

inlay_status defuse_payload(defusing *d, inlay_error *err) {
    tensor *t;
    if (!d->c.payload) return INLAY_OK;
    bool labels = d->c.payload_stored->type == INLAY_STRING;
    TRY(bundle_check(d->c.bundle, d->c.payload_stored, err));
    TRY(labels ? open_labels(d, &t, err) : bundle_read(d->c.bundle, d->c.payload_stored, &t, err));
    inlay_status status = labels ? write_labels(d, t, err) : write_ids(d, t, err);
    tensor_release(t);
    return status;
}
