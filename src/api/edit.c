#include "edit/cast/cast.h"
#include "edit/index/index.h"
#include "edit/signature.h"
#include "edit/tensors.h"

#include <string.h>

void inlay_edit_options_init(inlay_edit_options *options) {
    *options = (inlay_edit_options){.size = sizeof *options};
}

/* The caller's options as this version knows them. */
static inlay_edit_options own(const inlay_edit_options *options) {
    inlay_edit_options out;
    inlay_edit_options_init(&out);
    if (options) memcpy(&out, options, options->size < sizeof out ? options->size : sizeof out);
    return out;
}

inlay_status inlay_edit_rename(const char *model, const char *old_key, const char *new_key,
                               const inlay_edit_options *options, inlay_error *error) {
    inlay_edit_options o = own(options);
    return edit_rename(model, old_key, new_key, &o, error);
}

inlay_status inlay_edit_drop(const char *model, const char *const *keys, size_t n, const inlay_edit_options *options,
                             inlay_error *error) {
    inlay_edit_options o = own(options);
    return edit_drop(model, keys, n, &o, error);
}

inlay_status inlay_edit_swap(const char *model, const char *key, const char *file, const inlay_edit_options *options,
                             inlay_error *error) {
    inlay_edit_options o = own(options);
    return edit_swap(model, key, file, &o, error);
}

void inlay_signature_edits_init(inlay_signature_edits *edits) {
    *edits = (inlay_signature_edits){.size = sizeof *edits};
}

inlay_status inlay_edit_signatures(const char *model, const inlay_signature_edits *edits,
                                   const inlay_edit_options *options, inlay_error *error) {
    inlay_edit_options o = own(options);
    inlay_signature_edits e;
    inlay_signature_edits_init(&e);
    memcpy(&e, edits, edits->size < sizeof e ? edits->size : sizeof e);
    return edit_signatures(model, &e, &o, error);
}

void inlay_index_options_init(inlay_index_options *options) {
    *options = (inlay_index_options){.size = sizeof *options};
}

inlay_status inlay_index(const char *model, const inlay_index_options *index, const inlay_edit_options *options,
                         inlay_index_report *report, inlay_error *error) {
    inlay_edit_options o = own(options);
    inlay_index_options i;
    inlay_index_options_init(&i);
    memcpy(&i, index, index->size < sizeof i ? index->size : sizeof i);
    return edit_index(model, &i, &o, report, error);
}

inlay_status inlay_edit_cast(const char *model, const char *const *keys, size_t n, inlay_dtype to,
                             const inlay_edit_options *options, inlay_error *error) {
    inlay_edit_options o = own(options);
    return edit_cast(model, keys, n, to, &o, error);
}
