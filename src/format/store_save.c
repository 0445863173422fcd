#include "format/bundle_entry.h"
#include "format/npy.h"
#include "format/store_parts.h"
#include "format/tensor_json.h"

enum { STEP = 8 << 20 };

static inlay_status append_part(file_writer *w, const tensor *part, progress *report, inlay_error *err) {
    for (uint64_t at = 0; at < part->size;) {
        uint64_t step = part->size - at < STEP ? part->size - at : STEP;
        TRY(file_append(w, part->data + at, (size_t)step, err));
        progress_add(report, step);
        TRY(progress_check(report, err));
        at += step;
    }
    return INLAY_OK;
}

static inlay_status append_numbers(store *s, size_t index, file_writer *w, progress *report, inlay_error *err) {
    store_stream stream;
    const tensor *part;
    inlay_status status;
    store_stream_begin(s, index, &stream);
    do {
        TRY_TO(done, store_stream_next(&stream, &part, err));
        if (part) TRY_TO(done, append_part(w, part, report, err));
    } while (part);
done:
    store_stream_end(&stream);
    return status;
}

static inlay_status save_numbers(store *s, size_t index, const char *path, file_mode mode, progress *report,
                                 inlay_error *err) {
    buffer header = {0};
    file_writer *w = NULL;
    char text[KEY_TEXT];
    inlay_error reason;
    store_tensor t = store_at(s, index);
    inlay_status status = npy_header_text(t.type, &t.dims, false, &header, &reason);
    if (status != INLAY_OK) TRY_TO(done, fail(err, status, "%s: %s", key_text(t.key, text), reason.message));
    TRY_TO(done, file_create(path, mode, &w, err));
    TRY_TO(done, file_append(w, header.data, header.size, err));
    TRY_TO(done, append_numbers(s, index, w, report, err));
    status = file_commit(w, err);
    w = NULL;
done:
    file_abandon(w);
    buffer_free(&header);
    return status;
}

static inlay_status save_strings(store *s, size_t index, const char *path, file_mode mode, progress *report,
                                 inlay_error *err) {
    buffer json = {0};
    tensor *t;
    TRY(store_read(s, index, &t, err));
    inlay_status status = tensor_to_json(t, &json, err);
    buffer_append_byte(&json, '\n');
    if (status == INLAY_OK) status = buffer_check(&json, err);
    if (status == INLAY_OK) status = file_write_all(path, mode, buffer_bytes(&json), err);
    progress_add(report, store_at(s, index).size);
    buffer_free(&json);
    tensor_release(t);
    return status;
}

inlay_status store_save(store *s, size_t index, const char *path, file_mode mode, progress *report, inlay_error *err) {
    bool strings = store_at(s, index).type == INLAY_STRING;
    return (strings ? save_strings : save_numbers)(s, index, path, mode, report, err);
}
