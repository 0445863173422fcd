#include "edit/verify/repair_index.h"

#include "base/crc32c.h"
#include "base/num.h"

static const survey_block *block_at(const bundle_survey *s, uint64_t offset) {
    for (size_t i = 0; i < s->n_blocks; i++)
        if (s->blocks[i].offset == offset) return &s->blocks[i];
    return NULL;
}

static const survey_block *block_of(const bundle_survey *s, const bundle_entry *e) {
    const uint8_t *at = e->value.data;
    for (size_t i = 0; i < s->n_blocks; i++) {
        const uint8_t *begin = s->index->data + s->blocks[i].offset;
        if (at >= begin && at < begin + s->blocks[i].size) return &s->blocks[i];
    }
    return NULL;
}

static bool is_listed(const verify_job *j, const survey_block *b) {
    for (size_t i = 0; i < j->found.count; i++) {
        const finding *f = j->found.list[i];
        if (f->repair == REPAIR_BLOCK && f->shown.repairable && f->block == b->offset) return true;
    }
    return false;
}

void repair_settle(verify_job *j) {
    for (size_t i = 0; i < j->found.count; i++) {
        finding *f = j->found.list[i];
        if (f->repair != REPAIR_ENTRY) continue;
        const survey_block *b = block_of(j->survey, f->entry);
        bool sealed = b && (b->stored == b->calculated || is_listed(j, b)); /* a damaged block is not sealed anew */
        if (sealed && bundle_entry_crc_at(f->entry) >= 0) continue;
        f->repair = REPAIR_NONE;
        f->shown.repairable = false;
    }
}

static void seal_block(buffer *out, const survey_block *b) {
    uint8_t *data = out->data + b->offset;
    store_u32(data + b->size + 1, crc32c_mask(crc32c(0, data, (size_t)b->size + 1)));
}

inlay_status repair_index(const verify_job *j, buffer *out, inlay_error *err) {
    const bundle_survey *s = j->survey;
    buffer_append(out, s->index->data, (size_t)s->index->size);
    TRY(buffer_check(out, err));
    for (size_t i = 0; i < j->found.count; i++) {
        const finding *f = j->found.list[i];
        if (f->repair != REPAIR_ENTRY || !f->shown.repairable) continue;
        if (s->compressed)
            return fail_at(err, INLAY_UNIMPLEMENTED, s->path, -1,
                           "the index is compressed; inlay convert writes another one from what is sound");
        int64_t at = f->entry->value.data - s->index->data + bundle_entry_crc_at(f->entry);
        store_u32(out->data + at, crc32c_mask(f->shown.calculated));
    }
    for (size_t i = 0; i < j->found.count; i++) {
        const finding *f = j->found.list[i];
        if (!f->shown.repairable) continue;
        const survey_block *b = f->repair == REPAIR_ENTRY ? block_of(s, f->entry) : block_at(s, f->block);
        if (b) seal_block(out, b);
    }
    return INLAY_OK;
}
