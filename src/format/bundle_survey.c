#include "format/bundle_survey.h"

#include "base/crc32c.h"
#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"

#include <inttypes.h>
#include <stdlib.h>

static inlay_status out_of_room(const bundle_survey *s, inlay_error *err) {
    return fail_at(err, INLAY_RESOURCE_EXHAUSTED, s->path, -1, "the index needs too much memory");
}

/* What an error says without the file's name, which it begins with. */
static const char *bare_message(const bundle_survey *s, const inlay_error *e) {
    size_t n = strlen(s->path);
    const char *m = e->message;
    if (strncmp(m, s->path, n) == 0 && m[n] == ':' && m[n + 1] == ' ') m += n + 2;
    return m;
}

static inlay_status add_problem(bundle_survey *s, int64_t offset, const char *message, inlay_error *err) {
    enum { MOST = 256 };
    if (s->n_problems == MOST) return INLAY_OK;
    if (!s->problems && !(s->problems = mem_array(MOST, sizeof *s->problems))) return fail_memory(err);
    char *kept = arena_strdup(s->memory, message);
    if (!kept) return out_of_room(s, err);
    s->problems[s->n_problems++] = (survey_problem){offset, kept};
    return INLAY_OK;
}

/* Damage becomes a problem; that memory is out stays an error. */
static inlay_status take_damage(bundle_survey *s, inlay_status status, const inlay_error *what, inlay_error *err) {
    if (status == INLAY_RESOURCE_EXHAUSTED) return fail(err, status, "%s", what->message);
    return add_problem(s, what->offset, bare_message(s, what), err);
}

static bool accept(void *user, uint64_t offset, uint64_t size, uint32_t stored, uint32_t calculated) {
    (void)user, (void)offset, (void)size, (void)stored, (void)calculated; /* list_blocks has them all */
    return true;
}

/* ---- blocks */

static int by_offset(const void *a, const void *b) {
    const survey_block *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Bytes between the blocks, which nothing covers. */
static inlay_status count_uncovered(bundle_survey *s, inlay_error *err) {
    survey_block *sorted = mem_array(s->n_blocks, sizeof *sorted);
    if (!sorted) return fail_memory(err);
    memcpy(sorted, s->blocks, s->n_blocks * sizeof *sorted);
    qsort(sorted, s->n_blocks, sizeof *sorted, by_offset);
    uint64_t at = 0;
    s->uncovered = SSTABLE_FOOTER;
    for (size_t i = 0; i < s->n_blocks; i++) {
        if (sorted[i].offset > at) s->uncovered += sorted[i].offset - at;
        uint64_t end = sorted[i].offset + sorted[i].size + SSTABLE_TRAILER;
        if (end > at) at = end;
    }
    uint64_t room = s->index->size - SSTABLE_FOOTER;
    if (room > at) s->uncovered += room - at;
    mem_free(sorted);
    return INLAY_OK;
}

static inlay_status list_blocks(bundle_survey *s, const sstable *t, inlay_error *err) {
    size_t data = sstable_data_blocks(t);
    s->blocks = mem_zalloc(data + 2, sizeof *s->blocks);
    if (!s->blocks) return fail_memory(err);
    uint64_t room = s->index->size - SSTABLE_FOOTER;
    for (size_t i = 0; i < data + 2; i++) {
        sstable_place p = sstable_block_at(t, i);
        if (p.offset > room || p.size > room - p.offset || room - p.offset - p.size < SSTABLE_TRAILER) {
            TRY(add_problem(s, (int64_t)room, "bad block handle of the metaindex", err));
            continue;
        }
        const uint8_t *block = s->index->data + p.offset;
        s->blocks[s->n_blocks++] = (survey_block){.offset = p.offset,
                                                  .size = p.size,
                                                  .stored = crc32c_unmask(load_u32(block + p.size + 1)),
                                                  .calculated = crc32c(0, block, (size_t)p.size + 1)};
        s->compressed |= block[p.size] != SSTABLE_PLAIN;
    }
    return count_uncovered(s, err);
}

/* What readers of the footer skip: a writer leaves zeros there. */
static inlay_status check_footer(bundle_survey *s, inlay_error *err) {
    const uint8_t *p = s->index->data + s->index->size - SSTABLE_FOOTER, *end = p + SSTABLE_FOOTER - 8;
    for (int i = 0; i < 4; i++) {
        uint64_t value;
        size_t used = wire_get_varint(p, end, &value);
        if (used != wire_varint_size(value))
            return add_problem(s, p - s->index->data, "a number of the footer is longer than it need be", err);
        p += used;
    }
    for (; p < end; p++)
        if (*p) return add_problem(s, p - s->index->data, "the footer's padding is not zero", err);
    return INLAY_OK;
}

/* ---- entries */

static inlay_status push(bundle_survey *s, const bundle_entry *e, bool is_slice, inlay_error *err) {
    if (s->n_entries == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 64;
        bundle_entry *entries = mem_realloc(s->entries, capacity * sizeof *entries);
        if (!entries) return fail_memory(err);
        s->entries = entries;
        bool *flags = mem_realloc(s->is_slice, capacity * sizeof *flags);
        if (!flags) return fail_memory(err);
        s->is_slice = flags;
        s->capacity = capacity;
    }
    s->is_slice[s->n_entries] = is_slice;
    s->entries[s->n_entries++] = *e;
    return INLAY_OK;
}

static inlay_status read_header(bundle_survey *s, bytes value, const message_place *place, inlay_error *err) {
    bundle_header header;
    inlay_error what;
    inlay_status status = bundle_header_parse(value, place, &header, &what);
    if (status != INLAY_OK) return take_damage(s, status, &what, err);
    s->is_bundle = true;
    s->shards = header.shards;
    s->big_endian = header.big_endian;
    return INLAY_OK;
}

static inlay_status add_entry(bundle_survey *s, const sstable_cursor *c, inlay_error *err) {
    bytes key = sstable_key(c), value = sstable_value(c);
    if (!sstable_value_in_file(c)) {
        value.data = (const uint8_t *)arena_copy(s->memory, value);
        if (!value.data) return out_of_room(s, err);
    }
    const char *kept = arena_copy(s->memory, key);
    if (!kept) return out_of_room(s, err);
    key.data = (const uint8_t *)kept;
    message_place place = {s->path, value.data - sstable_value_offset(c), key};
    if (key.size == 0) return read_header(s, value, &place, err);
    if (s->n_entries && bytes_compare(s->entries[s->n_entries - 1].key, key) >= 0)
        return add_problem(s, (int64_t)sstable_value_offset(c), "keys do not rise", err);
    bundle_entry e = {.key = key};
    inlay_error what;
    inlay_status status = bundle_entry_parse(value, &place, &e, &what);
    if (status != INLAY_OK) return take_damage(s, status, &what, err);
    return push(s, &e, slice_key_is(key), err);
}

static inlay_status read_block(bundle_survey *s, sstable_cursor *c, size_t index, inlay_error *err) {
    inlay_error what;
    size_t before = s->n_problems;
    inlay_status status = sstable_seek_block(c, index, &what);
    while (status == INLAY_OK && sstable_valid(c)) {
        TRY(add_entry(s, c, err));
        status = sstable_advance_in_block(c, &what);
    }
    if (status != INLAY_OK) TRY(take_damage(s, status, &what, err));
    s->blocks[index].broken = s->n_problems > before;
    return INLAY_OK;
}

static inlay_status read_table(bundle_survey *s, sstable *t, inlay_error *err) {
    TRY(list_blocks(s, t, err));
    TRY(check_footer(s, err));
    sstable_cursor *c;
    TRY(sstable_cursor_open(t, &c, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < sstable_data_blocks(t) && status == INLAY_OK; i++) status = read_block(s, c, i, err);
    sstable_cursor_close(c);
    if (status == INLAY_OK && !s->is_bundle && s->n_problems == 0)
        status = add_problem(s, 0, "no bundle: the table has no header entry", err);
    return status;
}

inlay_status bundle_survey_open(const char *path, bundle_survey **out, inlay_error *err) {
    *out = NULL;
    bundle_survey *s = mem_zalloc(1, sizeof *s);
    if (!s) return fail_memory(err);
    sstable *t = NULL;
    inlay_status status;
    s->memory = mem_zalloc(1, sizeof *s->memory);
    s->path = mem_strdup(path);
    if (!s->memory || !s->path) TRY_TO(failed, fail_memory(err));
    TRY_TO(failed, file_map_open(path, false, &s->index, err));
    arena_init(s->memory, (16u << 20) + 64 * s->index->size);
    sstable_watch watch = {accept, NULL};
    inlay_error what;
    status = sstable_open_watched(s->index, &watch, &t, &what);
    s->is_table = status == INLAY_OK;
    status = s->is_table ? read_table(s, t, err) : take_damage(s, status, &what, err);
    if (status != INLAY_OK) goto failed;
    sstable_close(t);
    *out = s;
    return INLAY_OK;
failed:
    sstable_close(t);
    bundle_survey_close(s);
    return status;
}

void bundle_survey_close(bundle_survey *s) {
    if (!s) return;
    mem_free(s->blocks);
    mem_free(s->entries);
    mem_free(s->is_slice);
    mem_free(s->problems);
    if (s->memory) arena_free(s->memory);
    mem_free(s->memory);
    file_map_release(s->index);
    mem_free(s->path);
    mem_free(s);
}

const bundle_entry *bundle_survey_find(const bundle_survey *s, bytes key) {
    size_t low = 0, high = s->n_entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(s->entries[middle].key, key);
        if (order == 0) return &s->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- sums */

static uint32_t swapped(uint32_t value, bool swap) {
    return swap ? __builtin_bswap32(value) : value;
}

/* Lengths are summed many at a time. */
typedef struct lengths_run {
    uint32_t numbers[1024];
    size_t count;
    uint32_t crc;
} lengths_run;

static void sum_run(lengths_run *run) {
    run->crc = crc32c(run->crc, run->numbers, run->count * sizeof *run->numbers);
    run->count = 0;
}

static void add_length(lengths_run *run, uint64_t length, bool big_endian) {
    if (length <= UINT32_MAX) {
        run->numbers[run->count++] = swapped((uint32_t)length, big_endian);
    } else {
        sum_run(run);
        uint64_t wide = big_endian ? __builtin_bswap64(length) : length;
        run->crc = crc32c(run->crc, &wide, sizeof wide);
    }
    if (run->count == sizeof run->numbers / sizeof *run->numbers) sum_run(run);
}

void bundle_sum_lengths(const bundle_entry *entry, bytes data, bool big_endian, strings_sum *out) {
    *out = (strings_sum){.lengths_canonical = true};
    lengths_run run = {.count = 0};
    int64_t count = 0;
    shape_elements(&entry->dims, &count);
    size_t at = 0;
    uint64_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t length;
        size_t used = 1;
        if (at < data.size && data.data[at] < 0x80)
            length = data.data[at];
        else
            used = wire_get_varint(data.data + at, data.data + data.size, &length);
        if (used == 0 || !add_u64(total, length, &total)) return;
        out->lengths_canonical &= used == 1 || used == wire_varint_size(length);
        add_length(&run, length, big_endian);
        at += used;
    }
    sum_run(&run);
    if (data.size - at < 4) return;
    out->lengths_calculated = run.crc;
    out->lengths_stored = crc32c_unmask(swapped(load_u32(data.data + at), big_endian));
    out->lengths_sound = out->lengths_stored == run.crc;
    out->lengths_fit = total == data.size - at - 4;
    out->head = at + 4;
}

void bundle_sum_strings(const bundle_entry *entry, bytes data, bool big_endian, strings_sum *out) {
    bundle_sum_lengths(entry, data, big_endian, out);
    if (out->head)
        out->calculated = crc32c(out->lengths_calculated, data.data + out->head - 4, data.size - out->head + 4);
}

int64_t bundle_entry_crc_at(const bundle_entry *entry) {
    wire_reader r = wire_open(entry->value, "", NULL);
    int64_t at = -1;
    for (;;) {
        wire_field f;
        bool got;
        if (wire_next(&r, &f, &got, NULL) != INLAY_OK || !got) return at;
        if (f.number == 6 && f.type == WIRE_FIXED32) at = f.whole.data + f.whole.size - 4 - entry->value.data;
    }
}
