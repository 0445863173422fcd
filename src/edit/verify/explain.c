#include "edit/verify/explain.h"

#include "base/crc32c.h"
#include "edit/verify/crc_search.h"
#include "edit/verify/findings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const double SUMS = 4294967296.0;

typedef struct explaining {
    const char *text;
    findings found;
    const char *prefix; /* of the bundle that the message names; "" when it names none */
} explaining;

/* ---- reading the message */

/* The number behind WORD. */
static bool number_after(const char *text, const char *word, uint64_t *out) {
    const char *at = strstr(text, word);
    if (!at) return false;
    at += strlen(word);
    while (*at == ' ' || *at == ':') at++;
    char *end;
    if (*at < '0' || *at > '9') return false;
    *out = strtoull(at, &end, 10);
    return true;
}

/* What stands between WORD and END, in the arena; "" when that is nowhere. */
static const char *text_between(explaining *x, const char *word, const char *end) {
    const char *from = strstr(x->text, word);
    if (!from) return "";
    from += strlen(word);
    const char *to = strstr(from, end);
    if (!to || to - from > 500) return "";
    char *kept = arena_copy(x->found.a, bytes_make(from, (size_t)(to - from)));
    if (!kept) x->found.failed = true;
    return kept ? kept : "";
}

static finding *say(explaining *x, inlay_severity severity, inlay_cause cause, double odds, const char *text) {
    finding *f = findings_add(&x->found, severity, cause, x->prefix, "%s", text);
    f->shown.false_match = odds;
    return f;
}

/* ---- two sums of SIZE bytes (0: not known) */

/* Sizes whose zeros have the sum CRC: SIZE if that is known, else every one up to a MiB and every page beyond. */
static uint64_t zeros_with(uint32_t crc, uint64_t size) {
    static const uint8_t zero[4096];
    if (size) return crc == crc32c_zeros(size) ? size : 0;
    uint32_t sum = 0;
    uint64_t n = 0;
    for (; n < 1 << 20; n++) {
        if (sum == crc && n) return n;
        sum = crc32c(sum, zero, 1);
    }
    for (; n <= 1ull << 30; n += sizeof zero) {
        if (sum == crc) return n;
        sum = crc32c(sum, zero, sizeof zero);
    }
    return 0;
}

static bool explain_zeros(explaining *x, uint32_t stored, uint32_t calculated, uint64_t size) {
    double odds = size ? 1 / SUMS : (double)((1 << 20) + (1 << 18)) / SUMS;
    uint64_t read = zeros_with(calculated, size), written = zeros_with(stored, size);
    if (read) {
        finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_ZEROED, odds, "");
        f->shown.bytes = (int64_t)read;
        finding_say(&x->found, f, "%" PRIu32 " is the sum of %" PRIu64 " zero bytes: what was read is a hole of zeros",
                    calculated, read);
    }
    if (written) {
        finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, odds, "");
        finding_say(&x->found, f,
                    "%" PRIu32 " is the sum of %" PRIu64
                    " zero bytes: by the index the tensor was all zeros, what was read "
                    "is not",
                    stored, written);
    }
    return read || written;
}

/* The same number, masked once too often or too seldom. */
static bool explain_masks(explaining *x, uint32_t stored, uint32_t calculated) {
    const char *text = NULL;
    if (stored == crc32c_unmask(calculated))
        text = "the index has the right sum without the mask: its writer forgot crc32c masking, the data is sound";
    else if (stored == crc32c_mask(calculated))
        text = "the index has the right sum masked twice: its writer masked it too often, the data is sound";
    else if (stored == __builtin_bswap32(calculated))
        text = "the index has the right sum with its bytes turned around: the data is sound";
    else if (stored == crc32c_unmask(0))
        text = "the index has no checksum for the tensor (0 is stored): its writer left it out";
    if (text) say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_STALE_CHECKSUM, 1 / SUMS, text)->shown.repairable = true;
    return text;
}

static bool explain_stored_bit(explaining *x, uint32_t stored, uint32_t calculated) {
    uint32_t difference = crc32c_mask(stored) ^ crc32c_mask(calculated);
    if (difference == 0 || (difference & (difference - 1))) return false;
    finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_FLIPPED_BIT, 32 / SUMS, "");
    f->shown.bit = __builtin_ctz(difference);
    f->shown.repairable = true;
    finding_say(
        &x->found, f,
        "as they are stored, masked, the two sums differ in one bit: the stored checksum is damaged, not the data");
    return true;
}

static bool explain_bit(explaining *x, uint32_t stored, uint32_t calculated, uint64_t size) {
    burst got;
    if (size == 0 || size > SEARCH_MOST || !search_bit(stored ^ calculated, size, &got)) return false;
    finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_FLIPPED_BIT, (double)size * 8 / SUMS, "");
    f->shown.offset = (int64_t)got.at;
    f->shown.bytes = 1;
    f->shown.bit = __builtin_ctz(got.change);
    finding_say(&x->found, f,
                "one flipped bit explains the difference: bit %d of byte %" PRIu64
                " of the tensor (an unrelated damage "
                "looks like this once in %.0f)",
                f->shown.bit, got.at, SUMS / ((double)size * 8));
    return true;
}

static void explain_numbers(explaining *x, uint32_t stored, uint32_t calculated, uint64_t size) {
    enum { LARGEST = 100000000 };
    uint32_t was, is;
    if (!search_number(stored, size, &was) || !search_number(calculated, size, &is)) return;
    finding *f;
    if (size == 4) {
        float a, b;
        memcpy(&a, &was, sizeof a);
        memcpy(&b, &is, sizeof b);
        f = say(x, INLAY_FINDING_NOTE, INLAY_CAUSE_UNKNOWN, -1, "");
        finding_say(&x->found, f,
                    "the 4 bytes can be read from their sums: the index was written over %" PRIu32
                    " (%.9g as float32), the data file has %" PRIu32 " (%.9g)",
                    was, (double)a, is, (double)b);
    } else if (was < LARGEST && is < LARGEST) {
        f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_OTHER_CHECKPOINT, LARGEST / SUMS * (LARGEST / SUMS), "");
        finding_say(&x->found, f,
                    "if the 8 bytes are a counter, the index was written when it was %" PRIu32
                    " and the data file when it was %" PRIu32 ": they are of two checkpoints",
                    was, is);
    }
}

static void explain_sums(explaining *x, uint32_t stored, uint32_t calculated, uint64_t size) {
    bool found = explain_zeros(x, stored, calculated, size);
    found |= explain_masks(x, stored, calculated);
    found |= explain_stored_bit(x, stored, calculated);
    found |= explain_bit(x, stored, calculated, size);
    explain_numbers(x, stored, calculated, size);
    if (found) return;
    finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, -1, "");
    finding_say(&x->found, f,
                "neither zeros nor a masking mistake%s: more than the two sums say is needed to tell the cause",
                size && size <= SEARCH_MOST ? " nor one flipped bit" : "");
    if (size > SEARCH_MOST)
        finding_say(&x->found, f,
                    "; whether one bit is flipped is not told of more than 1 MiB, where chance would find one");
}

/* ---- messages */

static bool explain_checksum(explaining *x) {
    uint64_t stored, calculated, size = 0;
    if (!number_after(x->text, "stored", &stored) ||
        (!number_after(x->text, "restored bytes", &calculated) && !number_after(x->text, "calculated", &calculated)) ||
        stored > UINT32_MAX || calculated > UINT32_MAX)
        return false;
    x->prefix = text_between(x, "TensorBundle at ", " shard ");
    const char *bytes_word = strstr(x->text, " bytes)");
    while (bytes_word && bytes_word > x->text && bytes_word[-1] >= '0' && bytes_word[-1] <= '9') bytes_word--;
    if (bytes_word) size = strtoull(bytes_word, NULL, 10);
    finding *f = say(x, INLAY_FINDING_NOTE, INLAY_CAUSE_UNKNOWN, -1,
                     "TensorFlow read a tensor whose bytes do not have the checksum that the index has for it");
    f->shown.stored = (uint32_t)stored;
    f->shown.calculated = (uint32_t)calculated;
    finding_say(&x->found, f,
                " (stored %" PRIu64 ", masked 0x%08" PRIx32 "; calculated %" PRIu64 ", masked 0x%08" PRIx32 ")", stored,
                crc32c_mask((uint32_t)stored), calculated, crc32c_mask((uint32_t)calculated));
    if (size) finding_say(&x->found, f, ", %" PRIu64 " bytes", size);
    explain_sums(x, (uint32_t)stored, (uint32_t)calculated, size);
    return true;
}

static bool explain_lengths(explaining *x) {
    uint64_t stored, calculated;
    if (!strstr(x->text, "length checksum does not match") || !number_after(x->text, "expected", &stored) ||
        !number_after(x->text, "actual is", &calculated) || stored > UINT32_MAX || calculated > UINT32_MAX)
        return false;
    say(x, INLAY_FINDING_NOTE, INLAY_CAUSE_UNKNOWN, -1,
        "the lengths that begin a string tensor (often _CHECKPOINTABLE_OBJECT_GRAPH) do not have the checksum that "
        "follows them");
    if (explain_stored_bit(x, (uint32_t)stored, (uint32_t)calculated)) return true;
    uint64_t zeros = zeros_with((uint32_t)calculated, 0);
    if (zeros && zeros % 4 == 0) {
        finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_ZEROED, (double)((1 << 18) + (1 << 18)) / SUMS, "");
        finding_say(&x->found, f,
                    "%" PRIu64 " is the sum of %" PRIu64 " length%s of 0: what was read is a hole of zeros", calculated,
                    zeros / 4, zeros == 4 ? "" : "s");
        return true;
    }
    uint32_t was, is;
    if (search_number((uint32_t)stored, 4, &was) && search_number((uint32_t)calculated, 4, &is) && was < 1u << 28) {
        finding *f = say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, -1, "");
        finding_say(&x->found, f,
                    "of one string: its length was %" PRIu32 " when it was written and is read as %" PRIu32, was, is);
        return true;
    }
    say(x, INLAY_FINDING_DAMAGE, INLAY_CAUSE_UNKNOWN, -1,
        "a data file of another checkpoint, a shift, or damage there: the two sums do not tell which");
    return true;
}

typedef struct known_message {
    const char *words;
    inlay_cause cause;
    const char *meaning;
} known_message;

static const known_message messages[] = {
    {"Read less bytes than requested", INLAY_CAUSE_TRUNCATED,
     "a data file ends before a tensor does: it is truncated, or of another checkpoint"},
    {"Read fewer bytes than requested", INLAY_CAUSE_TRUNCATED,
     "a data file ends before a tensor does: it is truncated, or of another checkpoint"},
    {"truncated block read", INLAY_CAUSE_TRUNCATED, "the index ends within one of its blocks"},
    {"file is too short to be an sstable", INLAY_CAUSE_TRUNCATED, "the index has less than the 48 bytes of its footer"},
    {"not an sstable (bad magic number)", INLAY_CAUSE_UNKNOWN,
     "the index does not end with an SSTable's magic number: it is truncated, its end is damaged, or it is another "
     "kind of file"},
    {"block checksum mismatch", INLAY_CAUSE_UNKNOWN,
     "a block of the index does not have its checksum: the index was damaged, or edited by a tool that left the "
     "checksum as it was"},
    {"corrupted compressed block contents", INLAY_CAUSE_UNKNOWN, "a compressed block of the index is damaged"},
    {"bad block handle", INLAY_CAUSE_UNKNOWN, "the footer or the index of blocks points outside of the file"},
    {"bad entry in block", INLAY_CAUSE_UNKNOWN, "a block of the index is damaged, though its checksum fits"},
    {"Invalid size in bundle entry", INLAY_CAUSE_UNKNOWN,
     "an entry's size does not fit its dtype and shape: the index was edited"},
    {"String lengths longer than expected", INLAY_CAUSE_UNKNOWN,
     "a string tensor's lengths run into its strings: damage there, a shift, or a data file of another checkpoint"},
    {"not found in checkpoint", INLAY_CAUSE_MISSING,
     "the graph restores a key that the index has not got: the checkpoint is of another version of the model"},
    {"No such file or directory", INLAY_CAUSE_MISSING,
     "a file that the index names is missing; data files are called by the number of shards in the index's header"},
};

static bool explain_known(explaining *x) {
    bool found = false;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (!strstr(x->text, messages[i].words)) continue;
        if (found && i == 1) continue;
        say(x, INLAY_FINDING_DAMAGE, messages[i].cause, -1, messages[i].meaning);
        found = true;
    }
    return found;
}

inlay_status explain(const char *text, inlay_finding_fn fn, void *user, inlay_error *err) {
    arena a;
    arena_init(&a, 0);
    explaining x = {.text = text, .found = {.a = &a}, .prefix = ""};
    bool known = explain_checksum(&x) || explain_lengths(&x) || explain_known(&x);
    inlay_status status = INLAY_OK;
    if (!known)
        status = fail(err, INLAY_INVALID_ARGUMENT,
                      "not a message about a damaged checkpoint that is known here: give all of TensorFlow's text");
    else if (x.found.failed)
        status = fail_memory(err);
    for (size_t i = 0; i < x.found.count && status == INLAY_OK && fn; i++) fn(user, &x.found.list[i]->shown);
    arena_free(&a);
    return status;
}
