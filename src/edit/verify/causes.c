#include "edit/verify/causes.h"

#include "base/crc32c.h"
#include "base/num.h"
#include "edit/verify/crc_search.h"
#include "format/npy.h"

#include <inttypes.h>

/* What evidence each cause takes is told in docs/verify.md. */

static const double SUMS = 4294967296.0; /* how many there are */

bytes suspect_bytes(const suspect *s) {
    return bytes_make(s->map->data + s->offset, (size_t)s->size);
}

void blame(suspect *s, inlay_cause cause, uint64_t at, uint64_t size, double odds) {
    finding *f = s->finding;
    f->shown.cause = cause;
    f->shown.offset = (int64_t)(s->offset + at);
    f->shown.bytes = (int64_t)size;
    f->shown.false_match = odds;
    if (s->tensor) finding_rows(f, s->tensor, at, size);
}

/* ---- a flipped bit */

bool blame_bit(suspect *s, uint64_t at, uint64_t size, uint32_t difference) {
    burst got;
    if (size == 0 || size > SEARCH_MOST || !search_bit(difference, size, &got)) return false;
    blame(s, INLAY_CAUSE_FLIPPED_BIT, at + got.at, 1, (double)size * 8 / SUMS);
    uint8_t now = s->map->data[s->offset + at + got.at];
    s->finding->shown.bit = __builtin_ctz(got.change);
    finding_say(&s->job->found, s->finding,
                "; bit %d of byte %" PRIu64 " is flipped: it is 0x%02x and was 0x%02x (an unrelated damage looks like "
                "this once in %.0f)",
                s->finding->shown.bit, s->offset + at + got.at, now, (unsigned)(now ^ got.change),
                SUMS / ((double)size * 8));
    return true;
}

/* ---- a hole of zeros */

static bool near_page(uint64_t at, uint64_t page, bool above) {
    enum { SLACK = 8 }; /* neighbours of the hole may begin or end with zeros of their own */
    uint64_t past = above ? at % page : (page - at % page) % page;
    return past < SLACK;
}

static uint64_t first_not_zero(bytes data, uint64_t from) {
    for (; from + 8 <= data.size && load_u64(data.data + from) == 0; from += 8) {}
    while (from < data.size && data.data[from] == 0) from++;
    return from;
}

/* The first run of zeros in FILE that overlaps [AT, AT + SIZE), begins and ends where pages do and holds one at least.
 */
static bool find_hole(bytes file, uint64_t at, uint64_t size, uint64_t page, uint64_t *begin, uint64_t *end) {
    for (uint64_t p = at / page * page; p < at + size; p += page) {
        if (p >= file.size || file.data[p]) continue;
        uint64_t stop = first_not_zero(file, p), start = p;
        while (start > 0 && file.data[start - 1] == 0) start--;
        bool whole = stop - p >= page || (stop == file.size && p < stop);
        if (whole && (start == 0 || near_page(start, page, false)) &&
            (stop == file.size || near_page(stop, page, true)) && stop > at) {
            *begin = start > at ? start : at;
            *end = stop < at + size ? stop : at + size;
            if (*end > *begin) return true;
        }
        if (stop > p) p = (stop - 1) / page * page;
    }
    return false;
}

bool blame_zeros(suspect *s, uint64_t at, uint64_t size) {
    enum { FEW = 16 };
    bytes data = suspect_bytes(s);
    uint64_t begin = 0, end = s->size;
    bool all = s->size >= FEW && first_not_zero(data, 0) == s->size;
    if (!all) {
        if (!find_hole(file_map_bytes(s->map), s->offset + at, size, s->job->pages, &begin, &end)) return false;
        begin -= s->offset;
        end -= s->offset;
    }
    blame(s, INLAY_CAUSE_ZEROED, begin, end - begin, -1);
    finding_say(&s->job->found, s->finding, "; bytes %" PRIu64 " to %" PRIu64 " are a hole of zeros%s",
                s->offset + begin, s->offset + end, all ? ", all there is of it" : ", from page to page");
    return true;
}

/* ---- the other byte order */

static uint32_t swapped_sum(bytes data, size_t width) {
    enum { STEP = 4096 };
    uint8_t turned[STEP];
    uint32_t crc = 0;
    for (size_t at = 0; at < data.size; at += STEP) {
        size_t n = min_size(STEP, data.size - at);
        for (size_t i = 0; i < n; i++) turned[i] = data.data[at + (i / width * width) + width - 1 - i % width];
        crc = crc32c(crc, turned, n);
    }
    return crc;
}

static bool blame_order(suspect *s) {
    dtype t = s->tensor->entry->type;
    size_t width = dtype_size(t);
    if (t == INLAY_COMPLEX64 || t == INLAY_COMPLEX128) width /= 2;
    if (width < 2 || s->size % width || swapped_sum(suspect_bytes(s), width) != s->wanted) return false;
    blame(s, INLAY_CAUSE_BYTE_SWAPPED, 0, s->size, 1 / SUMS);
    finding_say(&s->job->found, s->finding,
                "; with the bytes of each number turned around it fits: it is in the other byte order");
    return true;
}

/* ---- shifted */

static bool blame_shift(suspect *s, bool known) {
    int64_t shift = 0;
    if (!search_shift(file_map_bytes(s->map), s->offset, s->size, s->wanted, s->calculated, known, &shift))
        return false;
    blame(s, INLAY_CAUSE_SHIFTED, 0, s->size, 2.0 * SHIFT_REACH / SUMS);
    s->finding->shown.shift = shift;
    s->tensor->file->shifted = true;
    s->tensor->file->shift = shift;
    finding_say(&s->job->found, s->finding,
                "; it lies %" PRId64
                " bytes %s its place: bytes were %s before it (an unrelated damage looks like this "
                "once in %.0f)",
                shift < 0 ? -shift : shift, shift < 0 ? "before" : "behind", shift < 0 ? "taken out" : "put in",
                SUMS / (2 * SHIFT_REACH));
    return true;
}

/* ---- a source that was written again */

/* Whether FILE is a .npy that is whole. */
static bool is_whole_npy(const file_map *file) {
    npy_header h;
    return npy_parse(file_map_bytes(file), file->size, file->path, &h, NULL) == INLAY_OK &&
           h.data_offset <= file->size && h.data_size == file->size - h.data_offset;
}

static bool blame_source(suspect *s, bool all_of_it) {
    const fused_chunk *c = s->tensor ? s->tensor->chunk : NULL;
    file_info info;
    if (!c || !c->has_source || !c->hard_linked || !all_of_it) return false;
    if (file_stat(s->map->path, true, &info, NULL) != INLAY_OK || info.modified_ns == c->source_modified_ns)
        return false;
    if (!is_whole_npy(s->map)) return false;
    blame(s, INLAY_CAUSE_SOURCE_REWRITTEN, 0, s->size, -1);
    finding_say(&s->job->found, s->finding, "; the file was hard-linked from %s and was written again after fusing%s",
                c->source, info.size == c->source_bytes ? "" : ", to another size");
    return true;
}

/* ---- rows whose sums are known block by block */

typedef struct blocks {
    size_t count, bad, first, last; /* of which are wrong; the first and the last of these */
} blocks;

static blocks compare_blocks(const suspect *s) {
    const fused_chunk *c = s->tensor ? s->tensor->chunk : NULL;
    blocks b = {0};
    if (!c || !c->blocks.step || !c->calculated) return b;
    b.count = c->blocks.n;
    for (size_t i = 0; i < b.count; i++) {
        if (block_sum(&c->blocks, i) == c->calculated[i]) continue;
        if (b.bad++ == 0) b.first = i;
        b.last = i;
    }
    return b;
}

/* ---- numbers, all together */

static void narrow(suspect *s, const blocks *b) {
    uint64_t step = s->tensor->chunk->blocks.step, at = b->first * step,
             end = (uint64_t)b->last * step + block_bytes(s->size, step, b->last);
    s->finding->shown.offset = (int64_t)(s->offset + at);
    s->finding->shown.bytes = (int64_t)(end - at);
    finding_rows(s->finding, s->tensor, at, end - at);
    finding_say(&s->job->found, s->finding,
                "; the damage lies in %zu of %zu blocks, between bytes %" PRIu64 " and %" PRIu64, b->bad, b->count,
                s->offset + at, s->offset + end);
}

static void name_numbers(suspect *s) {
    blocks b = compare_blocks(s);
    if (blame_order(s)) return;
    if (b.bad == 1) {
        const fused_chunk *c = s->tensor->chunk;
        uint32_t difference = block_sum(&c->blocks, b.first) ^ c->calculated[b.first];
        if (blame_bit(s, b.first * c->blocks.step, block_bytes(s->size, c->blocks.step, b.first), difference)) return;
    } else if (b.count == 0 && blame_bit(s, 0, s->size, s->wanted ^ s->calculated)) {
        return;
    }
    if (blame_shift(s, true)) return;
    uint64_t step = b.bad ? s->tensor->chunk->blocks.step : 0, at = b.first * step;
    if (blame_zeros(s, at, b.bad ? (uint64_t)b.last * step + block_bytes(s->size, step, b.last) - at : s->size)) return;
    if (blame_source(s, b.count == 0 || b.bad > b.count / 2)) return;
    if (b.bad) narrow(s, &b);
}

/* ---- strings */

/* Tries every bit of the lengths: each changes where all that follows is read. */
static bool blame_lengths(suspect *s) {
    enum { MOST = 1024 };
    bytes data = suspect_bytes(s);
    static _Thread_local uint8_t copy[1 << 16];
    int64_t count = 0;
    shape_elements(&s->tensor->entry->dims, &count);
    if (count > MOST || data.size > sizeof copy) return false;
    uint64_t lengths = (uint64_t)count * 2 + 16;
    if (lengths > data.size) lengths = data.size;
    memcpy(copy, data.data, data.size);
    for (uint64_t i = 0; i < lengths * 8; i++) {
        strings_sum sum;
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        bundle_sum_lengths(s->tensor->entry, bytes_make(copy, data.size), s->job->survey->big_endian, &sum);
        if (sum.lengths_fit && sum.lengths_sound)
            bundle_sum_strings(s->tensor->entry, bytes_make(copy, data.size), s->job->survey->big_endian, &sum);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        if (!sum.lengths_fit || !sum.lengths_sound || sum.calculated != s->wanted) continue;
        blame(s, INLAY_CAUSE_FLIPPED_BIT, i / 8, 1, (double)lengths * 8 / SUMS / SUMS);
        s->finding->shown.bit = (int)(i % 8);
        finding_say(&s->job->found, s->finding, "; bit %d of byte %" PRIu64 ", a string's length, is flipped",
                    (int)(i % 8), s->offset + i / 8);
        return true;
    }
    return false;
}

/* Where numbers of the same file were found. */
static bool blame_known_shift(suspect *s) {
    const data_file *f = s->tensor->file;
    if (!f->shifted) return false;
    int64_t at = (int64_t)s->offset + f->shift;
    if (at < 0 || (uint64_t)at > s->map->size || s->size > s->map->size - (uint64_t)at) return false;
    strings_sum sum;
    bundle_sum_strings(s->tensor->entry, bytes_make(s->map->data + at, (size_t)s->size), s->job->survey->big_endian,
                       &sum);
    if (!sum.lengths_fit || !sum.lengths_sound || sum.calculated != s->wanted) return false;
    blame(s, INLAY_CAUSE_SHIFTED, 0, s->size, 1 / SUMS / SUMS);
    s->finding->shown.shift = f->shift;
    finding_say(&s->job->found, s->finding, "; it lies %" PRId64 " bytes %s its place, as other tensors of the file do",
                f->shift < 0 ? -f->shift : f->shift, f->shift < 0 ? "before" : "behind");
    return true;
}

static void name_strings(suspect *s) {
    const strings_sum *sum = &s->tensor->strings;
    if (sum->lengths_fit) {
        uint64_t at = sum->head - 4; /* the checksum of the lengths is covered too */
        if (blame_bit(s, at, s->size - at, s->wanted ^ s->calculated)) return;
    }
    if (blame_lengths(s) || blame_known_shift(s) || blame_zeros(s, 0, s->size)) return;
    if (!sum->lengths_fit)
        finding_say(&s->job->found, s->finding, "; the lengths of its strings do not fit its size");
    else if (!sum->lengths_canonical)
        finding_say(&s->job->found, s->finding, "; a length of its strings takes more bytes than it needs");
}

/* ---- bytes that are not there */

static void name_short(suspect *s) {
    const data_file *f = s->tensor->file;
    uint64_t there = s->map->size > s->offset ? s->map->size - s->offset : 0;
    if (is_whole_npy(s->map) && blame_source(s, true)) return;
    if (s->tensor->entry->type != INLAY_STRING && blame_shift(s, false)) return;
    if (s->tensor->entry->type == INLAY_STRING && blame_known_shift(s)) return;
    size_t readable = 0;
    for (size_t i = 0; i < s->job->n_tensors; i++)
        readable += s->job->tensors[i].file == f && s->job->tensors[i].readable && s->job->tensors[i].summed;
    if (readable && f->bad == readable && !f->shifted) {
        blame(s, INLAY_CAUSE_OTHER_CHECKPOINT, 0, s->size, -1);
        finding_say(&s->job->found, s->finding, "; nothing in the file fits the index: they were not written together");
        return;
    }
    blame(s, INLAY_CAUSE_TRUNCATED, there, s->size - there, -1);
    finding_say(&s->job->found, s->finding, "; the file is truncated: %" PRIu64 " bytes of it are missing",
                s->size - there);
}

void name_cause(verify_job *j, checked *t) {
    const bundle_entry *e = t->entry;
    finding *f;
    const char *key = key_shown(&j->found, e->key);
    if (!t->readable)
        f = findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, t->file->path,
                         "%s ends at byte %" PRIu64 ", the file at %" PRIu64, key, e->offset + e->size,
                         t->file->map->size);
    else if (e->type == INLAY_STRING && t->calculated == e->crc && !t->strings.lengths_sound)
        f = findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, t->file->path,
                         "%s: the checksum of its string lengths does not match: stored %" PRIu32
                         ", calculated %" PRIu32,
                         key, t->strings.lengths_stored, t->strings.lengths_calculated);
    else
        f = findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, t->file->path,
                         "%s: its checksum does not match: stored %" PRIu32 ", calculated %" PRIu32
                         " over bytes %" PRIu64 " to %" PRIu64,
                         key, e->crc, t->calculated, e->offset, e->offset + e->size);
    f->shown.key = (inlay_string){(const char *)e->key.data, e->key.size};
    f->shown.offset = (int64_t)e->offset;
    f->shown.bytes = (int64_t)e->size;
    f->entry = e;
    if (t->readable && t->calculated != e->crc) {
        f->shown.stored = e->crc;
        f->shown.calculated = t->calculated;
        bool whole = e->type != INLAY_STRING || (t->strings.lengths_fit && t->strings.lengths_sound);
        f->shown.repairable = whole;
        f->repair = whole ? REPAIR_ENTRY : REPAIR_NONE;
    }
    finding_rows(f, t, 0, e->size);
    suspect s = {j, f, t, t->file->map, e->offset, e->size, e->crc, t->calculated};
    if (t->file->other) {
        blame(&s, INLAY_CAUSE_OTHER_CHECKPOINT, 0, e->size, t->file->other_odds);
        finding_say(&j->found, f, "; %s", t->file->other);
    } else if (!t->readable) {
        name_short(&s);
    } else if (e->type == INLAY_STRING) {
        name_strings(&s);
    } else {
        name_numbers(&s);
    }
}

void name_cause_of_range(verify_job *j, const other_range *r, uint32_t calculated) {
    finding *f = findings_add(
        &j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, r->path,
        r->whole ? "the file is not what the manifest says: stored checksum %" PRIu32 ", calculated %" PRIu32
                 : "bytes outside of tensors are not what the manifest says: stored checksum %" PRIu32
                   ", calculated %" PRIu32,
        r->wanted, calculated);
    f->shown.offset = (int64_t)r->offset;
    f->shown.bytes = (int64_t)r->size;
    f->shown.stored = r->wanted;
    f->shown.calculated = calculated;
    suspect s = {j, f, NULL, r->map, r->offset, r->size, r->wanted, calculated};
    if (!blame_bit(&s, 0, r->size, r->wanted ^ calculated)) blame_zeros(&s, 0, s.size);
}
