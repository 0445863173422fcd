#include "format/checkpoint_state.h"

#include "base/alloc.h"
#include "base/file.h"
#include "proto/text.h"
#include "proto/view.h"

/* checkpoint_state.proto */
enum { LATEST = 1, ALL = 2, TIMES = 3, LAST_PRESERVED = 4 };

static const message_type *state_type(void) {
    return schema_find(bytes_of("tensorflow.CheckpointState"));
}

/* ---- reading */

typedef struct times {
    double *values;
    size_t count, capacity; /* values NULL: only counted */
} times;

static inlay_status add_time(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    times *t = ctx;
    if (t->values && t->count < t->capacity) memcpy(&t->values[t->count], &value, sizeof value);
    t->count++;
    return INLAY_OK;
}

static inlay_status read_times(const view *v, times *t, inlay_error *err) {
    t->count = 0;
    for (size_t i = 0; i < v->count; i++) {
        const field_type *f;
        wire_field field;
        if (v->slots[i].number != TIMES) continue;
        TRY(view_field(v, i, &f, &field, err));
        TRY(view_numbers(v, f, &field, add_time, t, err));
    }
    return INLAY_OK;
}

static inlay_status keep_text(arena *a, bytes text, const char *file, const char **out, inlay_error *err) {
    if (text.size && memchr(text.data, 0, text.size))
        return fail_at(err, INLAY_INVALID_ARGUMENT, file, -1, "a path holds a zero byte");
    *out = arena_copy(a, text);
    return *out ? INLAY_OK : fail_memory(err);
}

static inlay_status read_view(const view *v, const char *file, arena *a, checkpoint_state *out, inlay_error *err) {
    times t = {0};
    out->latest = "";
    TRY(read_times(v, &t, err));
    out->times = t.values = arena_zalloc(a, t.count + 1, sizeof *t.values);
    out->all = arena_zalloc(a, v->count + 1, sizeof *out->all);
    if (!out->times || !out->all) return fail_memory(err);
    out->time_count = t.capacity = t.count;
    TRY(read_times(v, &t, err));
    for (size_t i = 0; i < v->count; i++) {
        const field_type *f;
        wire_field field;
        TRY(view_field(v, i, &f, &field, err));
        if (f->id == LATEST) TRY(keep_text(a, field.data, file, &out->latest, err));
        if (f->id == ALL) TRY(keep_text(a, field.data, file, &out->all[out->count++], err));
        if (f->id == LAST_PRESERVED) memcpy(&out->last_preserved, &field.value, sizeof field.value);
    }
    return INLAY_OK;
}

inlay_status checkpoint_state_parse(bytes text, const char *file, arena *a, checkpoint_state *out, inlay_error *err) {
    *out = (checkpoint_state){.latest = ""};
    buffer wire = {0};
    view_limits limits;
    view v;
    inlay_status status = text_parse(text, file, state_type(), &wire, err);
    if (status == INLAY_OK) {
        view_limits_init(&limits, wire.size);
        status = view_open(wire_open(buffer_bytes(&wire), file, NULL), state_type(), &limits, &v, err);
        if (status == INLAY_OK) status = read_view(&v, file, a, out, err);
        view_close(&v);
    }
    buffer_free(&wire);
    return status;
}

/* ---- writing */

static void put_double(buffer *b, uint32_t number, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put_fixed64(b, number, bits);
}

inlay_status checkpoint_state_write(const checkpoint_state *state, buffer *out, inlay_error *err) {
    buffer wire = {0};
    wire_put_text(&wire, LATEST, state->latest);
    for (size_t i = 0; i < state->count; i++) wire_put_text(&wire, ALL, state->all[i]);
    for (size_t i = 0; i < state->time_count; i++) put_double(&wire, TIMES, state->times[i]);
    if (state->last_preserved != 0) put_double(&wire, LAST_PRESERVED, state->last_preserved);
    inlay_status status = buffer_check(&wire, err);
    if (status == INLAY_OK)
        status = text_print(wire_open(buffer_bytes(&wire), NULL, NULL), state_type(), NULL, out, err);
    buffer_free(&wire);
    return status == INLAY_DATA_LOSS ? fail(err, INLAY_INVALID_ARGUMENT, "the path of a checkpoint is no UTF-8")
                                     : status;
}

/* ---- in a folder */

static inlay_status resolve(const char *folder, const char *file, bytes text, char **prefix, inlay_error *err) {
    arena a;
    checkpoint_state state;
    arena_init(&a, 16u << 20);
    inlay_status status = checkpoint_state_parse(text, file, &a, &state, err);
    if (status == INLAY_OK && state.latest[0] == 0)
        status = fail_at(err, INLAY_NOT_FOUND, file, -1, "no checkpoint is named in it");
    if (status == INLAY_OK) {
        *prefix = state.latest[0] == '/' ? mem_strdup(state.latest) : path_join(folder, state.latest);
        if (!*prefix) status = fail_memory(err);
    }
    arena_free(&a);
    return status;
}

inlay_status checkpoint_latest(const char *folder, char **prefix, inlay_error *err) {
    *prefix = NULL;
    char *file = path_join(folder, "checkpoint");
    if (!file) return fail_memory(err);
    file_map *map;
    inlay_status status = file_map_open(file, false, &map, err);
    if (status == INLAY_OK) {
        status = resolve(folder, file, file_map_bytes(map), prefix, err);
        file_map_release(map);
    }
    mem_free(file);
    return status;
}
