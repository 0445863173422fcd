#include "base/alloc.h"
#include "format/saved_model_parts.h"

#include <limits.h>
#include <stdlib.h>

/* An entry of a map to add, replace or (when `with` is empty) remove. */
struct saved_keyed {
    uint32_t number;
    char *key;
    buffer with; /* the whole field */
};

void saved_edit_begin(saved_edit *edit, const saved_model *model, const saved_metagraph *graph) {
    *edit = (saved_edit){.model = model, .graph = graph};
}

void saved_edit_abandon(saved_edit *edit) {
    for (size_t i = 0; i < edit->keyed_count; i++) {
        mem_free(edit->keyed[i].key);
        buffer_free(&edit->keyed[i].with);
    }
    for (size_t i = 0; i < edit->swap_count; i++) buffer_free(&edit->swaps[i].with);
    mem_free(edit->keyed);
    mem_free(edit->swaps);
    buffer *const all[] = {&edit->nodes, &edit->functions,    &edit->assets,  &edit->meta_info,
                           &edit->saver, &edit->object_graph, &edit->versions};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) buffer_free(all[i]);
    *edit = (saved_edit){0};
}

/* ---- what is asked for */

void saved_edit_add_node(saved_edit *edit, bytes node_def) {
    wire_put_bytes(&edit->nodes, GRAPH_NODE, node_def);
}
void saved_edit_add_function(saved_edit *edit, bytes function_def) {
    wire_put_bytes(&edit->functions, LIBRARY_FUNCTION, function_def);
}
void saved_edit_add_asset(saved_edit *edit, bytes asset_file_def) {
    wire_put_bytes(&edit->assets, META_ASSET, asset_file_def);
}

static void set_part(buffer *part, bool *set, uint32_t number, bytes message) {
    buffer_clear(part);
    if (message.data) wire_put_bytes(part, number, message);
    *set = true;
}

void saved_edit_meta_info(saved_edit *edit, bytes meta_info_def) {
    set_part(&edit->meta_info, &edit->set_meta_info, META_INFO, meta_info_def);
}
void saved_edit_saver(saved_edit *edit, bytes saver_def) {
    set_part(&edit->saver, &edit->set_saver, META_SAVER, saver_def);
}
void saved_edit_object_graph(saved_edit *edit, bytes saved_object_graph) {
    set_part(&edit->object_graph, &edit->set_object_graph, META_OBJECT_GRAPH, saved_object_graph);
}
void saved_edit_versions(saved_edit *edit, bytes version_def) {
    set_part(&edit->versions, &edit->set_versions, GRAPH_VERSIONS, version_def);
}

static void set_keyed(saved_edit *edit, uint32_t number, const char *key, bytes message) {
    struct saved_keyed *slot = NULL;
    for (size_t i = 0; i < edit->keyed_count; i++)
        if (edit->keyed[i].number == number && strcmp(edit->keyed[i].key, key) == 0) slot = &edit->keyed[i];
    if (!slot) {
        struct saved_keyed *grown = mem_realloc(edit->keyed, (edit->keyed_count + 1) * sizeof *grown);
        char *name = mem_strdup(key);
        if (grown) edit->keyed = grown;
        if (!grown || !name) {
            mem_free(name);
            edit->failed = true;
            return;
        }
        slot = &edit->keyed[edit->keyed_count++];
        *slot = (struct saved_keyed){.number = number, .key = name};
    }
    buffer_clear(&slot->with);
    if (!message.data) return;
    size_t mark = wire_begin(&slot->with, number);
    wire_put_text(&slot->with, MAP_KEY, key);
    wire_put_bytes(&slot->with, MAP_VALUE, message);
    wire_end(&slot->with, mark);
}

void saved_edit_signature(saved_edit *edit, const char *key, bytes signature_def) {
    set_keyed(edit, META_SIGNATURE, key, signature_def);
}
void saved_edit_collection(saved_edit *edit, const char *key, bytes collection_def) {
    set_keyed(edit, META_COLLECTION, key, collection_def);
}

void saved_edit_replace(saved_edit *edit, const wire_field *field, bytes message) {
    struct saved_swap *grown = mem_realloc(edit->swaps, (edit->swap_count + 1) * sizeof *grown);
    if (!grown) {
        edit->failed = true;
        return;
    }
    edit->swaps = grown;
    struct saved_swap *swap = &edit->swaps[edit->swap_count++];
    *swap = (struct saved_swap){.field = field->whole};
    if (message.data) wire_put_bytes(&swap->with, field->number, message);
}

/* ---- the graph */

/* Fields that a GraphDef without any of them gets, in order. */
static void put_graph(const saved_edit *edit, buffer *out) {
    buffer_append_bytes(out, buffer_bytes(&edit->nodes));
    if (edit->functions.size) wire_put_message(out, GRAPH_LIBRARY, &edit->functions);
    if (edit->set_versions) buffer_append_bytes(out, buffer_bytes(&edit->versions));
}

/* The first field NUMBER of CONTENT becomes FIELD, others of that number go; when there is none it is inserted. */
static inlay_status set_field(splice *s, bytes content, uint32_t number, bytes field, inlay_error *err) {
    wire_reader r = wire_open(content, NULL, NULL);
    bool done = false;
    for (;;) {
        wire_field old;
        bool got;
        TRY(wire_next(&r, &old, &got, err));
        if (!got) break;
        if (old.number != number) continue;
        splice_replace(s, old.whole, done ? (bytes){0} : field);
        done = true;
    }
    return done ? INLAY_OK : splice_insert(s, content, number, field, err);
}

/* The last field NUMBER of CONTENT. */
static inlay_status find_last(bytes content, uint32_t number, wire_field *field, bool *found, inlay_error *err) {
    wire_reader r = wire_open(content, NULL, NULL);
    for (*found = false;;) {
        wire_field next;
        bool got;
        TRY(wire_next(&r, &next, &got, err));
        if (!got) return INLAY_OK;
        if (next.number != number || next.type != WIRE_BYTES) continue;
        *field = next;
        *found = true;
    }
}

/* LIBRARY is scratch that must outlive the writing. */
static inlay_status splice_graph(const saved_edit *edit, splice *s, bytes content, buffer *library, inlay_error *err) {
    if (edit->nodes.size) TRY(splice_insert(s, content, GRAPH_NODE, buffer_bytes(&edit->nodes), err));
    if (edit->functions.size) {
        wire_field field;
        bool found;
        TRY(find_last(content, GRAPH_LIBRARY, &field, &found, err));
        if (found) {
            TRY(splice_insert(s, field.data, LIBRARY_FUNCTION, buffer_bytes(&edit->functions), err));
        } else {
            wire_put_message(library, GRAPH_LIBRARY, &edit->functions);
            TRY(buffer_check(library, err));
            TRY(splice_insert(s, content, GRAPH_LIBRARY, buffer_bytes(library), err));
        }
    }
    if (edit->set_versions) TRY(set_field(s, content, GRAPH_VERSIONS, buffer_bytes(&edit->versions), err));
    return INLAY_OK;
}

static void splice_swaps(const saved_edit *edit, splice *s) {
    for (size_t i = 0; i < edit->swap_count; i++)
        splice_replace(s, edit->swaps[i].field, buffer_bytes(&edit->swaps[i].with));
}

/* ---- the metagraph */

static int by_number_and_key(const void *a, const void *b) {
    const struct saved_keyed *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return strcmp(x->key, y->key);
}

/* Replaces the entry, or puts it where its key belongs among entries that are ordered by key. */
static inlay_status splice_keyed(splice *s, bytes content, const struct saved_keyed *entry, inlay_error *err) {
    wire_reader r = wire_open(content, NULL, NULL);
    bytes before = {0}, with = buffer_bytes(&entry->with);
    bool done = false;
    for (;;) {
        wire_field field;
        bool got;
        bytes key, value;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number < entry->number) before = field.whole;
        if (field.number != entry->number) continue;
        TRY(wire_map_entry(&r, &field, &key, &value, err));
        int order = bytes_compare(key, bytes_of(entry->key));
        if (order < 0) before = field.whole;
        if (order != 0) continue;
        splice_replace(s, field.whole, done ? (bytes){0} : with);
        done = true;
    }
    if (done || with.size == 0) return INLAY_OK;
    if (before.data)
        splice_after(s, before, with);
    else
        splice_at_start(s, content, with);
    return INLAY_OK;
}

static inlay_status splice_graph_field(const saved_edit *edit, splice *s, bytes content, buffer *scratch,
                                       inlay_error *err) {
    wire_field graph;
    bool found;
    TRY(find_last(content, META_GRAPH, &graph, &found, err));
    if (found) return splice_graph(edit, s, graph.data, scratch, err);
    if (edit->nodes.size == 0 && edit->functions.size == 0 && !edit->set_versions) return INLAY_OK;
    size_t mark = wire_begin(scratch, META_GRAPH);
    put_graph(edit, scratch);
    wire_end(scratch, mark);
    TRY(buffer_check(scratch, err));
    return splice_insert(s, content, META_GRAPH, buffer_bytes(scratch), err);
}

static inlay_status splice_metagraph(const saved_edit *edit, splice *s, bytes content, buffer *scratch,
                                     inlay_error *err) {
    if (edit->set_meta_info) TRY(set_field(s, content, META_INFO, buffer_bytes(&edit->meta_info), err));
    TRY(splice_graph_field(edit, s, content, scratch, err));
    if (edit->set_saver) TRY(set_field(s, content, META_SAVER, buffer_bytes(&edit->saver), err));
    for (size_t i = 0; i < edit->keyed_count; i++) TRY(splice_keyed(s, content, &edit->keyed[i], err));
    if (edit->assets.size) TRY(splice_insert(s, content, META_ASSET, buffer_bytes(&edit->assets), err));
    if (edit->set_object_graph) TRY(set_field(s, content, META_OBJECT_GRAPH, buffer_bytes(&edit->object_graph), err));
    return INLAY_OK;
}

/* ---- the SavedModel */

static inlay_status write_spliced(const saved_edit *edit, splice *s, bytes message, buffer *out, inlay_error *err) {
    return splice_to_buffer(s, message, edit->model->file, out, err);
}

/* The metagraph that a frozen graph, or nothing, becomes. */
static inlay_status write_new_metagraph(const saved_edit *edit, splice *s, buffer *scratch, buffer *out,
                                        inlay_error *err) {
    if (edit->set_meta_info) {
        buffer_append_bytes(out, buffer_bytes(&edit->meta_info));
    } else {
        size_t mark = wire_begin(out, META_INFO);
        wire_put_text(out, INFO_TAGS, "serve");
        wire_end(out, mark);
    }
    size_t mark = wire_begin(out, META_GRAPH);
    if (edit->model) {
        TRY(splice_graph(edit, s, edit->graph->graph_def, scratch, err));
        TRY(write_spliced(edit, s, edit->graph->graph_def, out, err));
    } else {
        put_graph(edit, out);
    }
    wire_end(out, mark);
    buffer_append_bytes(out, buffer_bytes(&edit->saver));
    for (size_t i = 0; i < edit->keyed_count; i++) buffer_append_bytes(out, buffer_bytes(&edit->keyed[i].with));
    buffer_append_bytes(out, buffer_bytes(&edit->assets));
    buffer_append_bytes(out, buffer_bytes(&edit->object_graph));
    return INLAY_OK;
}

static inlay_status write_model(const saved_edit *edit, splice *s, buffer *scratch, buffer *out, inlay_error *err) {
    splice_swaps(edit, s);
    if (edit->model && edit->model->kind == SAVED_MODEL) {
        TRY(splice_metagraph(edit, s, edit->graph->message, scratch, err));
        return write_spliced(edit, s, edit->model->message, out, err);
    }
    wire_put_uint(out, MODEL_SCHEMA_VERSION, 1);
    size_t mark = wire_begin(out, MODEL_META_GRAPHS);
    if (edit->model && edit->model->kind == SAVED_METAGRAPH) {
        TRY(splice_metagraph(edit, s, edit->graph->message, scratch, err));
        TRY(write_spliced(edit, s, edit->graph->message, out, err));
    } else {
        TRY(write_new_metagraph(edit, s, scratch, out, err));
    }
    wire_end(out, mark);
    return INLAY_OK;
}

static inlay_status check_collected(const saved_edit *edit, inlay_error *err) {
    if (edit->failed) return fail_memory(err);
    const buffer *const all[] = {&edit->nodes, &edit->functions,    &edit->assets,  &edit->meta_info,
                                 &edit->saver, &edit->object_graph, &edit->versions};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) TRY(buffer_check(all[i], err));
    for (size_t i = 0; i < edit->keyed_count; i++) TRY(buffer_check(&edit->keyed[i].with, err));
    for (size_t i = 0; i < edit->swap_count; i++) TRY(buffer_check(&edit->swaps[i].with, err));
    return INLAY_OK;
}

inlay_status saved_edit_finish(saved_edit *edit, buffer *out, inlay_error *err) {
    splice s = {0};
    buffer scratch = {0};
    size_t start = out->size;
    inlay_status status = check_collected(edit, err);
    if (status == INLAY_OK) {
        if (edit->keyed_count) qsort(edit->keyed, edit->keyed_count, sizeof *edit->keyed, by_number_and_key);
        status = write_model(edit, &s, &scratch, out, err);
    }
    if (status == INLAY_OK) status = buffer_check(out, err);
    if (status == INLAY_OK && out->size - start > INT_MAX)
        status = fail(err, INLAY_RESOURCE_EXHAUSTED,
                      "the SavedModel would take %zu bytes: no protobuf reader takes 2 GiB", out->size - start);
    splice_free(&s);
    buffer_free(&scratch);
    saved_edit_abandon(edit);
    return status;
}
