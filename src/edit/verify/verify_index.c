#include "base/crc32c.h"
#include "base/num.h"
#include "edit/verify/crc_search.h"
#include "edit/verify/verify_parts.h"

#include <inttypes.h>

/* ---- the file as a table */

static uint64_t zeros_at_end(bytes file) {
    uint64_t n = 0;
    while (n < file.size && file.data[file.size - 1 - n] == 0) n++;
    return n;
}

/* The footer is lost. An index begins with the whole empty key of its header. */
static void name_lost_footer(verify_job *j, finding *f) {
    enum { SAME_MAGIC = 20 }; /* bits: what differs in so few is a magic number, damaged or sound */
    bytes file = file_map_bytes(j->survey->index);
    bool begins = file.size >= 3 && file.data[0] == 0 && file.data[1] == 0 && file.data[2] > 0;
    uint64_t zeros = zeros_at_end(file);
    uint64_t magic = file.size >= SSTABLE_FOOTER ? load_u64(file.data + file.size - 8) : 0,
             change = magic ^ SSTABLE_MAGIC;
    if (file.size >= SSTABLE_FOOTER && __builtin_popcountll(change) == 1) {
        int bit = __builtin_ctzll(change);
        f->shown.cause = INLAY_CAUSE_FLIPPED_BIT;
        f->shown.offset = (int64_t)(file.size - 8) + bit / 8;
        f->shown.bytes = 1;
        f->shown.bit = bit % 8;
        f->shown.false_match = 64.0 / 18446744073709551616.0;
        finding_say(&j->found, f, "; one bit of the magic number is flipped");
    } else if (zeros >= SSTABLE_FOOTER) {
        f->shown.cause = INLAY_CAUSE_ZEROED;
        f->shown.offset = (int64_t)(file.size - zeros);
        f->shown.bytes = (int64_t)zeros;
        finding_say(&j->found, f, "; its last %" PRIu64 " bytes are zeros", zeros);
    } else if (file.size < SSTABLE_FOOTER || (begins && __builtin_popcountll(change) > SAME_MAGIC)) {
        f->shown.cause = INLAY_CAUSE_TRUNCATED;
        f->shown.offset = (int64_t)file.size;
        finding_say(&j->found, f, "; it begins as an index and ends, after %" PRIu64 " bytes, without a footer",
                    (uint64_t)file.size);
    }
}

void verify_index(verify_job *j) {
    const bundle_survey *s = j->survey;
    for (size_t i = 0; i < s->n_problems; i++) {
        finding *f =
            findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, s->path, "%s", s->problems[i].message);
        f->shown.offset = s->problems[i].offset;
        if (!s->is_table) name_lost_footer(j, f);
    }
    for (size_t i = 0; i < s->n_blocks; i++) j->report.bytes += s->blocks[i].size + SSTABLE_TRAILER;
    if (!j->manifest) j->report.uncovered += s->uncovered;
}

/* ---- blocks */

/* Of the tensors that the block describes, how many fit their data, and how many do not. */
typedef struct fit {
    size_t sound, bad, unseen;
} fit;

static fit fit_of_block(const verify_job *j, const survey_block *b) {
    fit out = {0};
    const uint8_t *begin = j->survey->index->data + b->offset, *end = begin + b->size;
    for (size_t i = 0; i < j->n_tensors; i++) {
        const checked *t = &j->tensors[i];
        const uint8_t *at = t->entry->value.data;
        if (at < begin || at >= end) continue;
        if (t->summed && !t->bad)
            out.sound++;
        else if (t->bad || (t->file && t->file->map && !t->readable))
            out.bad++;
        else
            out.unseen++;
    }
    return out;
}

static bool one_bit(uint32_t difference) {
    return difference && (difference & (difference - 1)) == 0;
}

/* Whether a change of one or two neighbouring bytes explains the difference, which an edit with a forgotten checksum
 * seldom is: then the block is damaged. */
static void name_block(verify_job *j, const survey_block *b, bool has_entries, finding *f) {
    uint32_t difference = b->stored ^ b->calculated;
    uint64_t size = b->size + 1; /* the kind of the block is covered too */
    fit fits = fit_of_block(j, b);
    burst got;
    if (one_bit(crc32c_mask(b->stored) ^ crc32c_mask(b->calculated))) {
        int bit = __builtin_ctz(crc32c_mask(b->stored) ^ crc32c_mask(b->calculated));
        f->shown.cause = INLAY_CAUSE_FLIPPED_BIT;
        f->shown.offset = (int64_t)(b->offset + size) + bit / 8;
        f->shown.bytes = 1;
        f->shown.bit = bit % 8;
        f->shown.false_match = 32 / 4294967296.0;
        f->shown.repairable = true;
        finding_say(&j->found, f, "; one bit of the stored checksum itself is flipped");
    } else if (size <= SEARCH_MOST && search_bit(difference, size, &got)) {
        f->shown.cause = INLAY_CAUSE_FLIPPED_BIT;
        f->shown.offset = (int64_t)(b->offset + got.at);
        f->shown.bytes = 1;
        f->shown.bit = __builtin_ctz(got.change);
        f->shown.false_match = (double)size * 8 / 4294967296.0;
        f->shown.repairable = false;
        f->repair = REPAIR_NONE;
        finding_say(&j->found, f, "; bit %d of byte %" PRIu64 " is flipped", f->shown.bit, b->offset + got.at);
    } else if (!b->broken && size <= SEARCH_MOST && fits.bad == 0 && search_burst(difference, size, 2, &got)) {
        f->shown.offset = (int64_t)(b->offset + got.at);
        f->shown.bytes = got.bytes;
        f->shown.repairable = false;
        f->repair = REPAIR_NONE;
        finding_say(&j->found, f, "; a change of the %d byte%s from %" PRIu64 " explains it (1 in %.0f by chance)",
                    got.bytes, got.bytes == 1 ? "" : "s", b->offset + got.at,
                    4294967296.0 / ((double)size * (got.bytes == 1 ? 255 : 65535)));
    } else if (b->broken || fits.bad) {
        f->shown.repairable = false;
        f->repair = REPAIR_NONE;
        finding_say(&j->found, f,
                    b->broken ? "; its entries cannot be read either"
                              : "; entries in it do not fit the data: the block is damaged");
    } else if (has_entries && fits.sound + fits.unseen > 0) {
        f->shown.cause = INLAY_CAUSE_STALE_CHECKSUM;
        finding_say(&j->found, f, "; its entries are well formed%s: it was edited and its checksum was not",
                    fits.unseen ? "" : " and fit the data");
    }
}

void verify_blocks(verify_job *j) {
    const bundle_survey *s = j->survey;
    for (size_t i = 0; i < s->n_blocks; i++) {
        const survey_block *b = &s->blocks[i];
        if (b->stored == b->calculated) continue;
        finding *f = findings_add(&j->found, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, s->path,
                                  "block checksum mismatch: stored %" PRIu32 ", calculated %" PRIu32
                                  " over bytes %" PRIu64 " to %" PRIu64,
                                  b->stored, b->calculated, b->offset, b->offset + b->size + 1);
        f->shown.offset = (int64_t)b->offset;
        f->shown.bytes = (int64_t)b->size + 1;
        f->shown.stored = b->stored;
        f->shown.calculated = b->calculated;
        f->shown.repairable = true;
        f->repair = REPAIR_BLOCK;
        f->block = b->offset;
        name_block(j, b, i + 2 < s->n_blocks, f); /* the last two describe the table */
    }
}
