#include "edit/convert/convert.h"

#include "base/alloc.h"
#include "edit/convert/convert_model.h"
#include "edit/convert/graph_form.h"
#include "edit/convert/output.h"
#include "edit/paths.h"
#include "format/store.h"

#include <unistd.h>

static bool ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

/* ---- a file with a graph */

static inlay_status check_graph_options(const inlay_convert_options *o, inlay_error *err) {
    if (o->shards || o->whole || o->slices || o->n_keys)
        return fail_at(err, INLAY_INVALID_ARGUMENT, o->source, -1,
                       "a graph alone has no variables that could be put in other files");
    file_info info;
    inlay_error none;
    if (file_stat(o->output, true, &info, &none) != INLAY_OK) return INLAY_OK;
    if (info.is_folder)
        return fail_at(err, INLAY_ALREADY_EXISTS, o->output, -1, "is a folder, and not replaced by one");
    if (!o->force) return fail_at(err, INLAY_ALREADY_EXISTS, o->output, -1, "is there already; force replaces it");
    return INLAY_OK;
}

static inlay_status convert_graph(const inlay_convert_options *o, inlay_convert_report *report, inlay_error *err) {
    TRY(check_graph_options(o, err));
    bool text = o->form == INLAY_FORM_KEEP ? ends_with(o->output, ".pbtxt") : o->form == INLAY_FORM_TEXT;
    saved_model *model;
    buffer file = {0};
    bool lost = false;
    TRY(saved_model_open(o->source, false, &model, err));
    inlay_status status;
    if (text)
        status = graph_to_text(model, o->lossy, &lost, &file, err);
    else
        status = graph_to_binary(model, &file, err);
    if (status == INLAY_OK) status = file_write_all(o->output, FILE_ATOMIC, buffer_bytes(&file), err);
    if (status == INLAY_OK && lost) log_note(INLAY_LOG_WARNING, "%s: left out what text cannot hold", o->output);
    *report = (inlay_convert_report){.bytes = file.size, .text = text};
    buffer_free(&file);
    saved_model_close(model);
    return status;
}

/* ---- a checkpoint */

static inlay_status write_checkpoint(const inlay_convert_options *o, const rewrite_options *rewrite, checkpoint *from,
                                     inlay_convert_report *report, inlay_error *err) {
    bool in_folder;
    char *prefix;
    TRY(output_prefix(o->output, checkpoint_prefix(from), &in_folder, &prefix, err));
    inlay_status status = INLAY_OK;
    progress counted;
    rewrite_report written = {0};
    progress_start(&counted, o->progress, o->progress_user, "converting", checkpoint_bytes(from));
    if (in_folder && !file_exists(o->output)) status = file_make_folder(o->output, err);
    if (status == INLAY_OK) status = checkpoint_rewrite(from, prefix, FILE_ATOMIC, rewrite, &counted, &written, err);
    if (status == INLAY_OK) convert_report_rewrite(&written, report);
    if (status == INLAY_OK && in_folder) status = output_name_latest(o->output, path_name(prefix), err);
    rewrite_report_free(&written);
    mem_free(prefix);
    return status;
}

/* The checkpoint that *FROM has open, which is opened once more now that no other editor writes it. */
static inlay_status compact_in_place(const inlay_convert_options *o, checkpoint **from, inlay_convert_report *report,
                                     inlay_error *err) {
    if (!checkpoint_bundle(*from))
        return fail_at(err, INLAY_UNIMPLEMENTED, o->source, -1, "is a V1 checkpoint; give an output for the bundle");
    const rewrite_options how = {.compact = true, .replace = true};
    progress counted;
    rewrite_report written = {0};
    int lock = -1;
    char *prefix = mem_strdup(checkpoint_prefix(*from)), *index = prefix ? bundle_index_path(prefix) : NULL;
    inlay_status status = index ? file_lock(index, &lock, err) : fail_memory(err);
    if (status == INLAY_OK) {
        checkpoint_close(*from);
        *from = NULL;
        file_sweep(prefix);
        status = checkpoint_open(prefix, false, from, err);
    }
    if (status == INLAY_OK) {
        progress_start(&counted, o->progress, o->progress_user, "converting", checkpoint_bytes(*from));
        status = checkpoint_rewrite(*from, prefix, FILE_ATOMIC, &how, &counted, &written, err);
    }
    if (status == INLAY_OK) convert_report_rewrite(&written, report);
    rewrite_report_free(&written);
    if (lock >= 0) close(lock);
    mem_free(prefix);
    mem_free(index);
    return status;
}

static inlay_status convert_checkpoint(const inlay_convert_options *o, const rewrite_options *rewrite,
                                       inlay_convert_report *report, inlay_error *err) {
    if (o->form != INLAY_FORM_KEEP)
        return fail_at(err, INLAY_INVALID_ARGUMENT, o->source, -1, "is a checkpoint, and holds no graph to write as %s",
                       o->form == INLAY_FORM_TEXT ? "text" : "binary");
    checkpoint *from;
    TRY(checkpoint_open(o->source, false, &from, err));
    inlay_status status =
        o->output ? write_checkpoint(o, rewrite, from, report, err) : compact_in_place(o, &from, report, err);
    checkpoint_close(from);
    return status;
}

/* ---- all of it */

static inlay_status check_options(const inlay_convert_options *o, inlay_error *err) {
    if (!o->source || (!o->output && !o->compact) || (o->output && !*o->output))
        return fail(err, INLAY_INVALID_ARGUMENT, "a conversion needs a source and an output");
    if (o->compact && (o->shards || o->whole || o->slices || o->n_keys || o->form != INLAY_FORM_KEEP))
        return fail(err, INLAY_INVALID_ARGUMENT, "data files are made compact as they are, or written in another form");
    if ((unsigned)o->form > INLAY_FORM_TEXT) return fail(err, INLAY_INVALID_ARGUMENT, "no such form of a graph");
    if (o->n_keys && !o->slices)
        return fail(err, INLAY_INVALID_ARGUMENT, "tensors are named, but not into how many slices to cut them");
    if (o->whole && o->slices && !o->n_keys)
        return fail(err, INLAY_INVALID_ARGUMENT, "all tensors are to be whole and to be cut; name those to cut");
    return INLAY_OK;
}

rewrite_options convert_rewrite_options(const inlay_convert_options *o, bytes *keys) {
    for (size_t i = 0; i < o->n_keys; i++) keys[i] = bytes_of(o->keys[i]);
    return (rewrite_options){.shards = o->shards,
                             .whole = o->whole,
                             .slices = o->slices,
                             .keys = keys,
                             .n_keys = o->n_keys,
                             .compact = o->compact};
}

void convert_report_rewrite(const rewrite_report *from, inlay_convert_report *report) {
    report->tensors = from->tensors;
    report->slices = from->slices;
    report->shards = from->shards;
    report->kept = from->n_kept;
    report->bytes += from->bytes;
}

inlay_status convert(const inlay_convert_options *o, inlay_convert_report *report, inlay_error *err) {
    inlay_convert_report unused;
    if (!report) report = &unused;
    *report = (inlay_convert_report){0};
    store_kind kind;
    TRY(check_options(o, err));
    TRY(store_kind_of(o->source, &kind, err));
    bool to_file = o->output && (ends_with(o->output, ".pb") || ends_with(o->output, ".pbtxt"));
    if (o->compact && (kind == STORE_GRAPH || to_file))
        return fail_at(err, INLAY_INVALID_ARGUMENT, o->source, -1, "a graph has no data files to make compact");
    if (kind == STORE_GRAPH || (kind == STORE_MODEL && to_file)) return convert_graph(o, report, err);
    bytes *keys = mem_array(o->n_keys ? o->n_keys : 1, sizeof *keys);
    if (!keys) return fail_memory(err);
    rewrite_options rewrite = convert_rewrite_options(o, keys);
    inlay_status status =
        kind == STORE_MODEL ? convert_model(o, &rewrite, report, err) : convert_checkpoint(o, &rewrite, report, err);
    mem_free(keys);
    return status;
}
