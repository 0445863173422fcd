#include "format/labels.h"

#include "format/labels_file.h"

#include <inttypes.h>

enum { STEP = 1 << 20 }; /* bytes of text, elements of arrays, between two looks at the progress */

/* ---- text */

/* The end of the block that starts at AT: at most a line longer than STEP. */
static uint64_t block_end(bytes text, uint64_t at) {
    if (text.size - at <= STEP) return text.size;
    const uint8_t *from = text.data + at + STEP;
    const uint8_t *newline = memchr(from, '\n', (size_t)(text.size - at - STEP));
    return newline ? (uint64_t)(newline - text.data) + 1 : text.size;
}

static int64_t count_newlines(const uint8_t *from, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) n += from[i] == '\n';
    return (int64_t)n;
}

/* Carriage returns that end lines are no part of labels. */
static uint64_t count_line_ends(const uint8_t *from, size_t size) {
    size_t n = 0;
    for (size_t i = 1; i < size; i++) n += (size_t)(from[i] == '\n') & (size_t)(from[i - 1] == '\r');
    return n;
}

static inlay_status scan_text(labels *l, progress *p, inlay_error *err) {
    uint64_t breaks = 0;
    for (uint64_t at = l->start, end; at < l->file.size; at = end) {
        end = block_end(l->file, at);
        const uint8_t *block = l->file.data + at;
        size_t size = (size_t)(end - at), bad;
        if (!bytes_valid_utf8(bytes_make(block, size), &bad))
            return fail_at(err, INLAY_INVALID_ARGUMENT, l->path, (int64_t)(at + bad), "line %" PRId64 " is not UTF-8",
                           l->count + count_newlines(block, bad) + 1);
        int64_t lines = count_newlines(block, size);
        breaks += (uint64_t)lines + count_line_ends(block, size);
        l->count += lines;
        if (p && !progress_add(p, size)) return progress_check(p, err);
    }
    l->bytes = l->file.size - l->start - breaks;
    if (l->file.size > l->start && l->file.data[l->file.size - 1] != '\n') l->count++;
    return INLAY_OK;
}

static inlay_status next_line(labels_cursor *c, bytes *out, inlay_error *err) {
    bytes text = c->of->file;
    uint64_t at = c->done ? c->at : c->of->start;
    if (at >= text.size) return labels_changed(c->of, err);
    const uint8_t *from = text.data + at, *newline = memchr(from, '\n', (size_t)(text.size - at));
    size_t size = newline ? (size_t)(newline - from) : (size_t)(text.size - at);
    c->at = at + size + (newline != NULL);
    if (newline && size && from[size - 1] == '\r') size--;
    *out = bytes_make(from, size);
    return INLAY_OK;
}

/* ---- arrays of strings */

static inlay_status next_element(labels_cursor *c, bytes *out, inlay_error *err) {
    const labels *l = c->of;
    if (c->done >= l->count) return labels_changed(l, err);
    const uint8_t *item = l->file.data + l->array.data_offset + (uint64_t)c->done * l->array.item_size;
    if (l->array.kind == 'S') {
        size_t n = l->array.item_size;
        while (n > 0 && item[n - 1] == 0) n--;
        *out = bytes_make(item, n);
        return INLAY_OK;
    }
    buffer_clear(&c->text);
    TRY(npy_string(&l->array, item, c->done, l->path, &c->text, err));
    *out = buffer_bytes(&c->text);
    return INLAY_OK;
}

static inlay_status scan_array(labels *l, progress *p, inlay_error *err) {
    labels_cursor c = {.of = l};
    inlay_status status = INLAY_OK;
    for (int64_t i = 0; i < l->count; i++) {
        bytes text;
        size_t bad;
        TRY_TO(done, labels_next(&c, &text, err));
        if (l->array.kind == 'S' && !bytes_valid_utf8(text, &bad))
            TRY_TO(done, fail_at(err, INLAY_INVALID_ARGUMENT, l->path, (int64_t)(text.data - l->file.data + bad),
                                 "element %" PRId64 " is not UTF-8", i));
        l->bytes += text.size;
        if (p && i % STEP == STEP - 1 && !progress_add(p, STEP * l->array.item_size))
            TRY_TO(done, progress_check(p, err));
    }
done:
    labels_cursor_free(&c);
    return status;
}

static inlay_status open_array(labels *l, inlay_error *err) {
    TRY(npy_parse(l->file, l->file.size, l->path, &l->array, err));
    if (l->array.type != INLAY_STRING)
        return fail_at(err, INLAY_INVALID_ARGUMENT, l->path, -1, "holds %s; labels are strings (integers can be ids)",
                       l->array.type ? dtype_name(l->array.type) : "bytes of no dtype");
    TRY(check_column(&l->array, l->path, "labels", err));
    l->is_array = true;
    l->count = l->array.count;
    return INLAY_OK;
}

inlay_status check_column(const npy_header *h, const char *path, const char *what, inlay_error *err) {
    char text[SHAPE_TEXT];
    if (h->dims.rank == 1 || (h->dims.rank == 2 && h->dims.dims[1] == 1)) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "has the shape %s; %s are [rows]", shape_text(&h->dims, text),
                   what);
}

/* ---- either */

static bool is_array(const labels *l) {
    size_t n = strlen(l->path);
    return bytes_start_with(l->file, "\x93NUMPY") || (n > 4 && strcmp(l->path + n - 4, ".npy") == 0);
}

static inlay_status open_file(labels *l, const char *name, progress *p, inlay_error *err) {
    l->path = mem_strdup(name);
    if (!l->path) return fail_memory(err);
    if (is_array(l)) {
        TRY(open_array(l, err));
        return scan_array(l, p, err);
    }
    l->start = bytes_start_with(l->file, "\xef\xbb\xbf") ? 3 : 0;
    return scan_text(l, p, err);
}

inlay_status labels_open_bytes(bytes file, const char *name, void (*release)(void *), void *user, progress *p,
                               labels **out, inlay_error *err) {
    *out = NULL;
    labels *l = mem_zalloc(1, sizeof *l);
    if (!l) {
        if (release) release(user);
        return fail_memory(err);
    }
    l->file = file;
    l->release = release;
    l->user = user;
    inlay_status status = open_file(l, name, p, err);
    if (status == INLAY_OK)
        *out = l;
    else
        labels_close(l);
    return status;
}

inlay_status labels_open(const char *path, progress *p, labels **out, inlay_error *err) {
    *out = NULL;
    file_info seen;
    file_map *map;
    TRY(file_stat(path, true, &seen, err));
    TRY(file_map_open(path, false, &map, err));
    TRY(labels_open_bytes(file_map_bytes(map), path, file_map_release_any, map, p, out, err));
    (*out)->seen = seen;
    (*out)->is_file = true;
    return INLAY_OK;
}

void labels_close(labels *l) {
    if (!l) return;
    if (l->release) l->release(l->user);
    mem_free(l->pieces);
    mem_free(l->path);
    mem_free(l);
}

int64_t labels_count(const labels *l) {
    return l->count;
}

uint64_t labels_bytes(const labels *l) {
    return l->bytes;
}

inlay_status labels_changed(const labels *l, inlay_error *err) {
    return fail_at(err, INLAY_FAILED_PRECONDITION, l->path, -1, "changed while it was being read");
}

inlay_status labels_join(const labels_piece *pieces, size_t n, const char *name, labels **out, inlay_error *err) {
    labels *l = mem_zalloc(1, sizeof *l);
    *out = NULL;
    if (!l) return fail_memory(err);
    l->path = mem_strdup(name);
    l->pieces = mem_zalloc(n + 1, sizeof *l->pieces);
    if (!l->path || !l->pieces) {
        labels_close(l);
        return fail_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        const labels_piece *p = &pieces[i];
        l->pieces[i] = *p;
        if (!p->strings) l->pieces[i].count = p->file->count;
        l->count += l->pieces[i].count;
        if (!p->strings) l->bytes += p->file->bytes;
        for (int64_t j = 0; p->strings && j < p->count; j++) l->bytes += tensor_string(p->strings, p->first + j).size;
    }
    l->n_pieces = n;
    *out = l;
    return INLAY_OK;
}

static inlay_status next_joined(labels_cursor *c, bytes *out, inlay_error *err) {
    const labels *l = c->of;
    while (c->piece < l->n_pieces && c->piece_done == l->pieces[c->piece].count) {
        c->piece++;
        c->piece_done = 0;
    }
    if (c->piece == l->n_pieces) return labels_changed(l, err);
    const labels_piece *p = &l->pieces[c->piece];
    if (p->strings) {
        *out = tensor_string(p->strings, p->first + c->piece_done++);
        return INLAY_OK;
    }
    if (c->piece_done++ == 0) {
        if (!c->inner && !(c->inner = mem_zalloc(1, sizeof *c->inner))) return fail_memory(err);
        buffer_free(&c->inner->text);
        *c->inner = (labels_cursor){.of = p->file};
    }
    return labels_next(c->inner, out, err);
}

inlay_status labels_next(labels_cursor *c, bytes *out, inlay_error *err) {
    TRY(c->of->pieces     ? next_joined(c, out, err)
        : c->of->is_array ? next_element(c, out, err)
                          : next_line(c, out, err));
    c->done++;
    return INLAY_OK;
}

void labels_cursor_free(labels_cursor *c) {
    buffer_free(&c->text);
    if (c->inner) buffer_free(&c->inner->text);
    mem_free(c->inner);
}
