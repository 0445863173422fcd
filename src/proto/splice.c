#include "proto/splice.h"

#include "base/alloc.h"

#include <stdlib.h>

typedef enum edit_kind { AT_START, REPLACE, AFTER } edit_kind;

struct splice_edit {
    const uint8_t *at; /* where what is named begins */
    size_t size;       /* and how long it is */
    edit_kind kind;
    size_t order; /* of the call */
    bytes new;
    bool used;
};

static void add(splice *s, edit_kind kind, bytes what, bytes new) {
    if (s->failed) return;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 16;
        splice_edit *grown =
            capacity > SIZE_MAX / sizeof *grown ? NULL : mem_realloc(s->edits, capacity * sizeof *grown);
        if (!grown) {
            s->failed = true;
            return;
        }
        s->edits = grown;
        s->capacity = capacity;
    }
    s->edits[s->count] = (splice_edit){what.data, what.size, kind, s->count, new, false};
    s->count++;
}

void splice_replace(splice *s, bytes field, bytes new) {
    add(s, REPLACE, field, new);
}
void splice_after(splice *s, bytes field, bytes new) {
    add(s, AFTER, field, new);
}
void splice_at_start(splice *s, bytes content, bytes new) {
    add(s, AT_START, content, new);
}

inlay_status splice_insert(splice *s, bytes content, uint32_t number, bytes new, inlay_error *err) {
    wire_reader r = wire_open(content, NULL, NULL);
    bytes last = {0};
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number <= number) last = field.whole;
    }
    if (last.data)
        splice_after(s, last, new);
    else
        splice_at_start(s, content, new);
    return INLAY_OK;
}

/* By place. What begins at one place: the larger (outer) first, then by kind, then in the order of the calls. */
static int by_place(const void *a, const void *b) {
    const splice_edit *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* The first edit at or after AT. */
static size_t lower_bound(const splice *s, const uint8_t *at) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->edits[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct writing {
    splice *s;
    const char *file;
    inlay_status (*put)(void *ctx, bytes piece, inlay_error *err); /* NULL: only the size is wanted */
    void *ctx;
    uint64_t size;
} writing;

static inlay_status put(writing *w, bytes piece, inlay_error *err) {
    w->size += piece.size;
    return w->put && piece.size ? w->put(w->ctx, piece, err) : INLAY_OK;
}

/* Puts what is to stand AT_START of, or AFTER, the span. */
static inlay_status put_added(writing *w, bytes span, edit_kind kind, inlay_error *err) {
    for (size_t i = lower_bound(w->s, span.data); i < w->s->count && w->s->edits[i].at == span.data; i++) {
        splice_edit *edit = &w->s->edits[i];
        if (edit->size != span.size || edit->kind != kind) continue;
        edit->used = true;
        TRY(put(w, edit->new, err));
    }
    return INLAY_OK;
}

static splice_edit *find_replacement(writing *w, bytes span) {
    splice_edit *found = NULL;
    for (size_t i = lower_bound(w->s, span.data); i < w->s->count && w->s->edits[i].at == span.data; i++) {
        splice_edit *edit = &w->s->edits[i];
        if (edit->size != span.size || edit->kind != REPLACE) continue;
        edit->used = true;
        found = edit;
    }
    return found;
}

/* Whether an edit concerns the inside of a field: something that begins in its data, or its data as a message. */
static bool touches_inside(const writing *w, const wire_field *field) {
    if (field->type != WIRE_BYTES) return false;
    size_t i = lower_bound(w->s, field->data.data);
    const uint8_t *end = field->data.data + field->data.size;
    for (; i < w->s->count && w->s->edits[i].at <= end; i++) {
        const splice_edit *edit = &w->s->edits[i];
        if (edit->at < end) return true;
        if (edit->kind == AT_START && edit->size == 0 && field->data.size == 0) return true;
    }
    return false;
}

static inlay_status write_message(writing *w, bytes message, inlay_error *err);

static inlay_status write_field(writing *w, const wire_field *field, inlay_error *err) {
    splice_edit *replacement = find_replacement(w, field->whole);
    if (replacement) {
        TRY(put(w, replacement->new, err));
    } else if (touches_inside(w, field)) {
        writing inside = {.s = w->s, .file = w->file};
        TRY(write_message(&inside, field->data, err));
        buffer head = {0};
        wire_put_varint(&head, (uint64_t)field->number << 3 | WIRE_BYTES);
        wire_put_varint(&head, inside.size);
        inlay_status status = buffer_check(&head, err);
        if (status == INLAY_OK) status = put(w, buffer_bytes(&head), err);
        buffer_free(&head);
        TRY(status);
        TRY(write_message(w, field->data, err));
    } else {
        TRY(put(w, field->whole, err));
    }
    return put_added(w, field->whole, AFTER, err);
}

/* Fields in runs: what no edit concerns is handed on without being looked at twice. */
static inlay_status write_message(writing *w, bytes message, inlay_error *err) {
    TRY(put_added(w, message, AT_START, err));
    wire_reader r = wire_open(message, w->file, NULL);
    const uint8_t *run = r.next;
    for (;;) {
        wire_field field;
        bool got;
        const uint8_t *start = r.next;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        size_t i = lower_bound(w->s, start);
        if (i == w->s->count || w->s->edits[i].at > r.next) continue;
        TRY(put(w, bytes_make(run, (size_t)(start - run)), err));
        TRY(write_field(w, &field, err));
        run = r.next;
    }
    return put(w, bytes_make(run, (size_t)(r.end - run)), err);
}

inlay_status splice_write(splice *s, bytes message, const char *file,
                          inlay_status (*put_piece)(void *ctx, bytes piece, inlay_error *err), void *ctx,
                          inlay_error *err) {
    if (s->failed) return fail_memory(err);
    if (s->count) qsort(s->edits, s->count, sizeof *s->edits, by_place);
    for (size_t i = 0; i < s->count; i++) s->edits[i].used = false;
    writing w = {.s = s, .file = file, .put = put_piece, .ctx = ctx};
    TRY(write_message(&w, message, err));
    for (size_t i = 0; i < s->count; i++)
        if (!s->edits[i].used)
            return fail_at(err, INLAY_INVALID_ARGUMENT, file, s->edits[i].at - message.data,
                           "an edit concerns no field of this message");
    return INLAY_OK;
}

static inlay_status put_to_buffer(void *ctx, bytes piece, inlay_error *err) {
    (void)err;
    buffer_append_bytes(ctx, piece);
    return INLAY_OK;
}

inlay_status splice_to_buffer(splice *s, bytes message, const char *file, buffer *out, inlay_error *err) {
    TRY(splice_write(s, message, file, put_to_buffer, out, err));
    return buffer_check(out, err);
}

void splice_free(splice *s) {
    mem_free(s->edits);
    *s = (splice){0};
}
