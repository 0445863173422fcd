#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/num.h"
#include "base/pool.h"
#include "edit/verify/verify_parts.h"

#include <inttypes.h>

static bytes bytes_of_tensor(const checked *t) {
    return bytes_make(t->file->map->data + t->entry->offset, (size_t)t->entry->size);
}

static bool is_numbers(const checked *t) {
    return dtype_size(t->entry->type) > 0;
}

/* ---- what is summed in one go: numbers that are no rows of a search, strings, and the manifest's ranges */

typedef struct plan {
    sum_range *ranges;
    checked **tensors; /* of the first n_tensors ranges */
    size_t n_tensors, n;
} plan;

static inlay_status make_plan(verify_job *j, plan *p, inlay_error *err) {
    p->ranges = arena_zalloc(&j->a, j->n_tensors + j->n_others + 1, sizeof *p->ranges);
    p->tensors = arena_zalloc(&j->a, j->n_tensors + 1, sizeof *p->tensors);
    if (!p->ranges || !p->tensors) return fail_memory(err);
    for (size_t i = 0; i < j->n_tensors; i++) {
        checked *t = &j->tensors[i];
        bool readable = t->file && t->file->map && t->readable;
        if (!readable || t->chunk || (!is_numbers(t) && t->entry->type != INLAY_STRING)) continue;
        sum_range *r = &p->ranges[p->n];
        r->data = bytes_of_tensor(t);
        if (sums_can_count(t->entry->type) && !j->survey->big_endian) r->floats = t->entry->type;
        p->tensors[p->n++] = t;
    }
    p->n_tensors = p->n;
    for (size_t i = 0; i < j->n_others; i++)
        p->ranges[p->n++].data = bytes_make(j->others[i].map->data + j->others[i].offset, (size_t)j->others[i].size);
    return INLAY_OK;
}

/* ---- strings: their lengths are summed as numbers, what follows as it is stored */

typedef struct string_job {
    const verify_job *j;
    checked **tensors;
    sum_range *ranges;
} string_job;

static void sum_one_string(void *ctx, size_t index, int worker) {
    (void)worker;
    string_job *job = ctx;
    checked *t = job->tensors[index];
    if (t->entry->type != INLAY_STRING) return;
    bundle_sum_lengths(t->entry, bytes_of_tensor(t), job->j->survey->big_endian, &t->strings);
}

static void finish_string(checked *t, const sum_range *r) {
    strings_sum *s = &t->strings;
    if (s->head < 4) return; /* the lengths cannot be read */
    uint64_t before = s->head - 4, rest = r->data.size - before;
    uint32_t lengths = crc32c(0, r->data.data, (size_t)before);
    s->calculated = crc32c_combine(s->lengths_calculated, r->crc ^ crc32c_shift(lengths, rest), rest);
}

static inlay_status run_plan(verify_job *j, plan *p, inlay_error *err) {
    string_job strings = {j, p->tensors, p->ranges};
    pool_run(p->n_tensors, sum_one_string, &strings);
    TRY(sums_run(p->ranges, p->n, &j->progress, err));
    for (size_t i = 0; i < p->n_tensors; i++) {
        checked *t = p->tensors[i];
        const sum_range *r = &p->ranges[i];
        t->summed = true;
        t->calculated = r->crc;
        t->odd = r->odd;
        t->first_odd = r->first_odd;
        if (t->entry->type == INLAY_STRING) {
            finish_string(t, r);
            t->calculated = t->strings.calculated;
        }
    }
    return INLAY_OK;
}

/* ---- what is wrong */

static bool is_sound(const checked *t) {
    if (t->calculated != t->entry->crc) return false;
    if (t->entry->type != INLAY_STRING) return true;
    return t->strings.lengths_fit && t->strings.lengths_sound && t->strings.lengths_canonical;
}

static void warn_of_odd(verify_job *j, const checked *t) {
    bool damage = t->chunk && t->chunk->finite;
    const char *key = key_shown(&j->found, t->entry->key), *then = damage ? "; all rows were when it was fused" : "";
    inlay_severity severity = damage ? INLAY_FINDING_DAMAGE : INLAY_FINDING_WARNING;
    finding *f;
    if (t->chunk) {
        f = findings_add(&j->found, severity, INLAY_CAUSE_UNKNOWN, t->file->path,
                         "%s: %" PRIu64 " row%s not finite, the first one %" PRId64 "%s", key, t->odd_rows,
                         t->odd_rows == 1 ? " is" : "s are", t->chunk->first_row + t->first_odd_row, then);
        f->shown.first_row = t->chunk->first_row + t->first_odd_row;
        f->shown.rows = 1;
    } else {
        size_t width = dtype_size(t->entry->type);
        if (t->entry->type == INLAY_COMPLEX64 || t->entry->type == INLAY_COMPLEX128) width /= 2;
        f = findings_add(&j->found, severity, INLAY_CAUSE_UNKNOWN, t->file->path,
                         "%s: %" PRIu64 " element%s not finite, the first one at %" PRIu64, key, t->odd,
                         t->odd == 1 ? " is" : "s are", t->first_odd);
        f->shown.offset = (int64_t)(t->entry->offset + t->first_odd * width);
        f->shown.bytes = (int64_t)width;
        finding_rows(f, t, t->first_odd * width, width);
    }
    f->shown.key = (inlay_string){(const char *)t->entry->key.data, t->entry->key.size};
}

static void judge(verify_job *j) {
    for (size_t i = 0; i < j->n_tensors; i++) {
        checked *t = &j->tensors[i];
        if (!t->summed) continue;
        j->report.bytes += t->entry->size;
        t->bad = !is_sound(t);
        t->file->bad += t->bad;
    }
    look_at_files(j);
    /* Strings after numbers: these show whether all of a file is shifted. */
    for (int strings = 0; strings < 2; strings++)
        for (size_t i = 0; i < j->n_tensors; i++) {
            checked *t = &j->tensors[i];
            if ((t->entry->type == INLAY_STRING) != (strings == 1)) continue;
            if (t->bad || (t->file && t->file->map && !t->readable))
                name_cause(j, t);
            else if ((t->odd && !t->is_side) || t->odd_rows)
                warn_of_odd(j, t);
        }
}

static void judge_others(verify_job *j, const plan *p) {
    for (size_t i = 0; i < j->n_others; i++) {
        const other_range *r = &j->others[i];
        uint32_t calculated = p->ranges[p->n_tensors + i].crc;
        j->report.bytes += r->size;
        if (calculated != r->wanted) name_cause_of_range(j, r, calculated);
    }
}

static void note_unsummed(verify_job *j) {
    for (size_t i = 0; i < j->n_tensors; i++) {
        checked *t = &j->tensors[i];
        if (!t->file || !t->file->map || !t->readable || t->summed) continue;
        finding *f = findings_add(&j->found, INLAY_FINDING_UNSEEN, INLAY_CAUSE_UNKNOWN, t->file->path,
                                  "%s: the checksum of dtype %s is not verified", key_shown(&j->found, t->entry->key),
                                  dtype_name(t->entry->type));
        f->shown.key = (inlay_string){(const char *)t->entry->key.data, t->entry->key.size};
    }
}

inlay_status verify_data(verify_job *j, inlay_error *err) {
    uint64_t total = 0;
    for (size_t i = 0; i < j->n_tensors; i++) total += j->tensors[i].readable ? j->tensors[i].entry->size : 0;
    for (size_t i = 0; i < j->n_others; i++) total += j->others[i].size;
    if (j->o->fast) {
        judge(j); /* what does not lie within its file */
        return INLAY_OK;
    }
    progress_start(&j->progress, j->o->progress, j->o->progress_user, "verifying", total);
    plan p = {0};
    TRY(make_plan(j, &p, err));
    TRY(run_plan(j, &p, err));
    for (size_t i = 0; i < j->n_tensors; i++) {
        checked *t = &j->tensors[i];
        if (t->chunk && t->readable && t->file->map) TRY(sum_chunk(j, t, err));
    }
    judge(j);
    judge_others(j, &p);
    note_unsummed(j);
    verify_fused(j);
    return INLAY_OK;
}

/* ---- rows */

void finding_rows(finding *f, const checked *t, uint64_t at, uint64_t size) {
    const shape *dims = &t->entry->dims;
    if (dims->rank < 1 || dims->dims[0] <= 0 || t->entry->type == INLAY_STRING || size == 0) return;
    uint64_t row = t->entry->size / (uint64_t)dims->dims[0];
    int64_t first = 0;
    if (t->chunk) first = t->chunk->first_row;
    if (t->chunk && t->chunk->transposed) { /* rows are columns: told when the range lies in one line */
        uint64_t element = dtype_size(t->entry->type);
        if (row == 0 || at / row != (at + size - 1) / row) return;
        f->shown.first_row = first + (int64_t)(at % row / element);
        f->shown.rows = (int64_t)((at % row + size - 1) / element) - (int64_t)(at % row / element) + 1;
        return;
    }
    if (row == 0) return;
    f->shown.first_row = first + (int64_t)(at / row);
    f->shown.rows = (int64_t)((at + size - 1) / row) - (int64_t)(at / row) + 1;
}
