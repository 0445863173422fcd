#include "base/crc32c.h"
#include "base/num.h"
#include "format/labels_file.h"
#include "format/labels_offsets.h"
#include "proto/wire.h"

enum {
    STEP = 1 << 16, /* bytes appended at a time; labels between two looks at the progress */
    GATHERED = 1024 /* lengths summed at a time */
};

/* A string tensor on its way to a file. */
typedef struct store {
    const labels *of;
    file_writer *to;
    labels_offsets_writer *offsets;
    progress *p;
    buffer pending;
    uint32_t crc; /* of the lengths as numbers at first (bundle_strings says how), then of all that is stored */
    bool summing; /* what is appended counts into crc */
    uint64_t bytes;
    size_t gathered;
    uint32_t lengths[GATHERED];
} store;

static inlay_status drain(store *s, inlay_error *err) {
    TRY(buffer_check(&s->pending, err));
    if (s->summing) s->crc = crc32c(s->crc, s->pending.data, s->pending.size);
    TRY(file_append(s->to, s->pending.data, s->pending.size, err));
    buffer_clear(&s->pending);
    return INLAY_OK;
}

/* Both passes read the whole file once: the progress is spread evenly over the labels. */
static inlay_status tick(store *s, int64_t done, inlay_error *err) {
    if (!s->p || s->of->count == 0 || (done % STEP != 0 && done != s->of->count)) return INLAY_OK;
    int64_t before = done % STEP ? done - done % STEP : done - STEP;
    double share = (double)s->of->file.size / (double)s->of->count;
    uint64_t amount = (uint64_t)(share * (double)done) - (uint64_t)(share * (double)before);
    return progress_add(s->p, amount) ? INLAY_OK : progress_check(s->p, err);
}

static void sum_lengths(store *s) {
    s->crc = crc32c(s->crc, s->lengths, s->gathered * sizeof *s->lengths);
    s->gathered = 0;
}

static inlay_status put_length(store *s, bytes text, inlay_error *err) {
    uint64_t length = text.size;
    wire_put_varint(&s->pending, length);
    if (s->gathered == GATHERED || length > UINT32_MAX) sum_lengths(s);
    if (length > UINT32_MAX)
        s->crc = crc32c(s->crc, &length, sizeof length);
    else
        s->lengths[s->gathered++] = (uint32_t)length;
    s->bytes += length;
    if (s->offsets) TRY(labels_offsets_add(s->offsets, length, err));
    return s->pending.size >= STEP ? drain(s, err) : INLAY_OK;
}

static inlay_status put_text(store *s, bytes text, inlay_error *err) {
    s->bytes -= text.size;
    if (text.size >= STEP) {
        TRY(drain(s, err));
        s->crc = crc32c(s->crc, text.data, text.size);
        return file_append(s->to, text.data, text.size, err);
    }
    buffer_append_bytes(&s->pending, text);
    return s->pending.size >= STEP ? drain(s, err) : INLAY_OK;
}

static inlay_status each_label(store *s, inlay_status (*put)(store *, bytes, inlay_error *), inlay_error *err) {
    labels_cursor c = {.of = s->of};
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < s->of->count && status == INLAY_OK; i++) {
        bytes text;
        status = labels_next(&c, &text, err);
        if (status == INLAY_OK) status = put(s, text, err);
        if (status == INLAY_OK) status = tick(s, i + 1, err);
    }
    labels_cursor_free(&c);
    return status == INLAY_OK ? drain(s, err) : status;
}

static inlay_status check_unchanged(const labels *l, inlay_error *err) {
    file_info seen;
    if (!l->is_file) return INLAY_OK;
    TRY(file_stat(l->path, true, &seen, err));
    bool same = seen.size == l->seen.size && seen.modified_ns == l->seen.modified_ns && seen.device == l->seen.device &&
                seen.inode == l->seen.inode;
    return same ? INLAY_OK : labels_changed(l, err);
}

inlay_status labels_store(const labels *l, file_writer *w, const char *offsets_path, progress *p, uint64_t *size,
                          uint32_t *crc, inlay_error *err) {
    store s = {.of = l, .to = w, .p = p};
    labels_tie tie = {.count = (uint64_t)l->count, .bytes = l->bytes};
    uint64_t start = file_position(w);
    inlay_status status;
    if (offsets_path) TRY(labels_offsets_create(offsets_path, &s.offsets, err));
    TRY_TO(done, each_label(&s, put_length, err));
    tie.lengths_size = file_position(w) - start;
    if (s.bytes != l->bytes) TRY_TO(done, labels_changed(l, err));
    sum_lengths(&s);
    s.summing = true;
    uint32_t masked = crc32c_mask(s.crc);
    s.crc = crc32c(s.crc, &masked, 4);
    TRY_TO(done, file_append(w, &masked, 4, err));
    TRY_TO(done, each_label(&s, put_text, err));
    if (s.bytes != 0) TRY_TO(done, labels_changed(l, err));
    TRY_TO(done, check_unchanged(l, err));
    *size = file_position(w) - start;
    *crc = tie.crc = s.crc;
    if (s.offsets) {
        status = labels_offsets_commit(s.offsets, &tie, err);
        s.offsets = NULL;
    }
done:
    labels_offsets_abandon(s.offsets);
    buffer_free(&s.pending);
    return status;
}
