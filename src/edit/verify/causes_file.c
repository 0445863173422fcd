#include "base/alloc.h"
#include "base/num.h"
#include "edit/verify/causes.h"
#include "edit/verify/crc_search.h"

#include <inttypes.h>

/* Whether a data file and the index were written together is a question about all of a file's tensors at once. */

static const double SUMS = 4294967296.0;

/* ---- an index beside ours that the data file fits */

static uint32_t sum_of(const bundle_entry *e, bytes data, bool big_endian, bool *readable) {
    strings_sum strings;
    *readable = true;
    if (e->type != INLAY_STRING) {
        sum_range r = {.data = data};
        progress silent;
        progress_start(&silent, NULL, NULL, "", 0);
        *readable = sums_run(&r, 1, &silent, NULL) == INLAY_OK;
        return r.crc;
    }
    bundle_sum_strings(e, data, big_endian, &strings);
    *readable = strings.lengths_fit && strings.lengths_sound;
    return strings.calculated;
}

/* How many tensors the index S has in the data file F; 0 when one of them does not fit. */
static size_t count_fitting(const bundle_survey *s, const data_file *f) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_entries; i++) {
        const bundle_entry *e = &s->entries[i];
        if (e->n_slices || e->size == 0 || e->shard != f->id) continue;
        if (e->offset > f->map->size || e->size > f->map->size - e->offset) return 0;
        bool readable;
        uint32_t sum = sum_of(e, bytes_make(f->map->data + e->offset, (size_t)e->size), s->big_endian, &readable);
        if (!readable || sum != e->crc) return 0;
        n++;
    }
    return n;
}

static void try_index(verify_job *j, data_file *f, const char *path) {
    bundle_survey *s;
    inlay_error ignored;
    if (strcmp(path, j->survey->path) == 0 || bundle_survey_open(path, &s, &ignored) != INLAY_OK) return;
    size_t n = s->is_bundle ? count_fitting(s, f) : 0;
    if (n) {
        f->other = arena_format(&j->a, "the file fits another index, %s, in all of its %zu tensor%s", path, n,
                                n == 1 ? "" : "s");
        f->other_odds = 1 / SUMS;
        if (!f->other) j->found.failed = true;
    }
    bundle_survey_close(s);
}

static void try_neighbours(verify_job *j, data_file *f) {
    enum { MOST = 64 };
    char *folder = path_parent(j->prefix);
    file_names names = {0};
    inlay_error ignored;
    if (folder && file_list(folder, &names, &ignored) == INLAY_OK)
        for (size_t i = 0, tried = 0; i < names.count && tried < MOST && !f->other; i++) {
            size_t n = strlen(names.names[i]);
            if (n <= 6 || strcmp(names.names[i] + n - 6, ".index") != 0) continue;
            char *path = path_join(folder, names.names[i]);
            if (path) try_index(j, f, path);
            mem_free(path);
            tried++;
        }
    file_names_free(&names);
    mem_free(folder);
}

/* ---- counters: a whole number of 8 bytes that counts steps or saves can be read from its checksum */

enum { LARGEST_COUNT = 10000000 };

static bool is_counter(const checked *t, uint32_t *was, uint64_t *is) {
    const bundle_entry *e = t->entry;
    if (e->type != INLAY_INT64 || e->size != 8 || !t->bad || !search_number(e->crc, 8, was)) return false;
    *is = load_u64(t->file->map->data + e->offset);
    return *was < LARGEST_COUNT && *is < LARGEST_COUNT && !(*was == 0 && *is == 0);
}

static void try_counters(verify_job *j, data_file *f) {
    for (size_t i = 0; i < j->n_tensors && !f->other; i++) {
        const checked *t = &j->tensors[i];
        uint32_t was;
        uint64_t is;
        if (t->file != f || !t->readable || !is_counter(t, &was, &is)) continue;
        f->other = arena_format(&j->a,
                                "index and data file are of two checkpoints: by its checksum %s was %" PRIu32
                                " when the index was written, the data file has %" PRIu64,
                                key_shown(&j->found, t->entry->key), was, is);
        f->other_odds = LARGEST_COUNT / SUMS;
        if (!f->other) j->found.failed = true;
    }
}

/* ---- a data file of another size */

static bool any_shifted(verify_job *j, const data_file *f) {
    for (size_t i = 0; i < j->n_tensors; i++) {
        const checked *t = &j->tensors[i];
        int64_t shift;
        if (t->file != f || !t->bad || t->entry->type == INLAY_STRING) continue;
        if (search_shift(file_map_bytes(f->map), t->entry->offset, t->entry->size, t->entry->crc, t->calculated, true,
                         &shift))
            return true;
    }
    return false;
}

/* Writers put tensors one behind the other, the first one at byte 0. */
static bool is_packed(const verify_job *j, const data_file *f) {
    uint64_t sum = 0;
    for (size_t i = 0; i < j->n_tensors; i++)
        if (j->tensors[i].file == f) sum += j->tensors[i].entry->size;
    return sum == f->end;
}

static void try_size(verify_job *j, data_file *f) {
    enum { FEW = 3 };
    if (f->tensors < FEW || f->map->size == f->end || !is_packed(j, f) || any_shifted(j, f)) return;
    f->other = arena_format(&j->a,
                            "none of the %zu tensors of the file fits, nor does its size, %" PRIu64
                            " bytes instead of %" PRIu64 ": it is the data file of another checkpoint",
                            f->tensors, f->map->size, f->end);
    f->other_odds = -1;
    if (!f->other) j->found.failed = true;
}

void look_at_files(verify_job *j) {
    for (size_t i = 0; i < j->n_files; i++) {
        data_file *f = &j->files[i];
        if (!f->map || f->bad == 0) continue;
        size_t readable = 0, numbers = 0, bad_numbers = 0;
        for (size_t k = 0; k < j->n_tensors; k++) {
            const checked *t = &j->tensors[k];
            if (t->file != f) continue;
            bool number = t->entry->type != INLAY_STRING;
            readable += t->readable;
            numbers += t->readable && number;
            bad_numbers += t->bad && number;
        }
        if (f->bad * 2 >= readable || bad_numbers * 2 >= numbers) try_neighbours(j, f);
        bool all = numbers > 1 && bad_numbers == numbers; /* the object graph is the same in checkpoints of one model */
        if (all && !f->other) try_counters(j, f);
        if (f->bad == readable && !f->other) try_size(j, f);
    }
}
