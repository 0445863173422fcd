#include "base/alloc.h"
#include "format/saved_model_parts.h"
#include "proto/text.h"

#include <limits.h>
#include <stdlib.h>

/* What decoding may take: names and shapes, not the graph, which is walked where it lies. */
static const uint64_t DECODE_LIMIT = 256u << 20;

static inlay_status count_fields(wire_reader r, uint32_t number, size_t *count, inlay_error *err) {
    for (*count = 0;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        *count += field.number == number;
    }
}

/* ---- which message a file holds */

/* The fields with these numbers differ: SavedModel {1 number, 2 message}, GraphDef {1 message, repeated, 2 message,
 * 3 number, 4 VersionDef}, MetaGraphDef {1 to 3 messages, 4 and 5 map entries, 6 and 7 messages}. */
static inlay_status detect_kind(saved_model *model, inlay_error *err) {
    size_t length = strlen(model->file);
    bool meta = length > 5 && strcmp(model->file + length - 5, ".meta") == 0;
    model->kind = meta ? SAVED_METAGRAPH : SAVED_GRAPH;
    wire_reader r = saved_reader(model, model->message);
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        bool holds = field.type == WIRE_BYTES;
        if (field.number == 1 && field.type == WIRE_VARINT) {
            model->kind = SAVED_MODEL;
            return INLAY_OK;
        }
        if (holds && (field.number == META_SAVER || field.number == META_ASSET || field.number == META_OBJECT_GRAPH ||
                      (field.number == META_COLLECTION && field.data.size && field.data.data[0] == 0x0a)))
            model->kind = SAVED_METAGRAPH;
    }
}

static inlay_status decode_metagraphs(saved_model *model, inlay_error *err) {
    size_t count = 1;
    if (model->kind == SAVED_MODEL)
        TRY(count_fields(saved_reader(model, model->message), MODEL_META_GRAPHS, &count, err));
    model->metagraphs = arena_zalloc(&model->memory, count, sizeof *model->metagraphs);
    if (!model->metagraphs) return fail_memory(err);
    model->metagraph_count = count;
    if (model->kind == SAVED_GRAPH) {
        saved_metagraph *g = model->metagraphs;
        g->tensorflow_version = "";
        g->graph_def = model->message;
        return INLAY_OK;
    }
    if (model->kind == SAVED_METAGRAPH) {
        model->metagraphs->message = model->message;
        return saved_decode_metagraph(model, model->metagraphs, err);
    }
    wire_reader r = saved_reader(model, model->message);
    for (size_t done = 0;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == MODEL_SCHEMA_VERSION) {
            TRY(wire_expect(&r, &field, WIRE_VARINT, err));
            model->schema_version = (int64_t)field.value;
        } else if (field.number == MODEL_META_GRAPHS) {
            TRY(wire_expect(&r, &field, WIRE_BYTES, err));
            model->metagraphs[done].message = field.data;
            TRY(saved_decode_metagraph(model, &model->metagraphs[done++], err));
        }
    }
}

/* ---- opening */

static bool is_text_name(const char *file) {
    static const char *const suffixes[] = {".pbtxt", ".prototxt", ".textproto"};
    size_t n = strlen(file);
    for (size_t i = 0; i < 3; i++) {
        size_t k = strlen(suffixes[i]);
        if (n > k && strcmp(file + n - k, suffixes[i]) == 0) return true;
    }
    return false;
}

/* Makes `message` the binary form of the text that was mapped. The name of its first field tells what it is. */
static inlay_status read_text(saved_model *model, inlay_error *err) {
    static const char *const names[] = {"tensorflow.SavedModel", "tensorflow.MetaGraphDef", "tensorflow.GraphDef"};
    bytes text = model->message, name = text_first_name(text);
    const message_type *type = schema_find(bytes_of(names[0]));
    for (int i = 0; i < 3 && !model->folder; i++) {
        model->kind = (saved_kind)i;
        type = schema_find(bytes_of(names[i]));
        if (message_field(type, name)) break;
    }
    TRY(text_parse(text, model->file, type, &model->binary, err));
    model->message = bytes_make(model->binary.size ? (const void *)model->binary.data : "", model->binary.size);
    return INLAY_OK;
}

/* Sets folder and file from what PATH is. */
static inlay_status locate(saved_model *model, inlay_error *err) {
    file_info info;
    TRY(file_stat(model->path, true, &info, err));
    const char *name = path_name(model->path);
    if (!info.is_folder && strcmp(name, "saved_model.pb") != 0 && strcmp(name, "saved_model.pbtxt") != 0) {
        model->file = mem_strdup(model->path);
        return model->file ? INLAY_OK : fail_memory(err);
    }
    model->folder = mem_strdup(model->path);
    if (!model->folder) return fail_memory(err);
    if (!info.is_folder) { /* the file of a directory stands for the directory */
        size_t length = (size_t)(name - model->path);
        model->folder[length > 1 ? length - 1 : length] = 0;
        if (length == 0) {
            mem_free(model->folder);
            if (!(model->folder = mem_strdup("."))) return fail_memory(err);
        }
        model->file = mem_strdup(model->path);
        return model->file ? INLAY_OK : fail_memory(err);
    }
    static const char *const names[] = {"saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mem_free(model->file);
        model->file = path_join(model->folder, names[i]);
        if (!model->file) return fail_memory(err);
        if (!file_exists(model->file)) continue;
        if (i < 2) return INLAY_OK;
        return fail_at(err, INLAY_UNIMPLEMENTED, model->file, -1,
                       "the chunked form of SavedModels is not read; TensorFlow does not read it either");
    }
    return fail_at(err, INLAY_NOT_FOUND, model->path, -1,
                   "no SavedModel: neither saved_model.pb nor saved_model.pbtxt");
}

static inlay_status find_variables(saved_model *model, inlay_error *err) {
    if (!model->folder) return INLAY_OK;
    char *prefix;
    TRY(saved_variables_prefix(model, &prefix, err));
    char *index = arena_format(&model->memory, "%s.index", prefix);
    mem_free(prefix);
    if (!index) return fail_memory(err);
    model->has_variables = file_exists(index);
    return INLAY_OK;
}

inlay_status saved_model_open(const char *path, bool copy, saved_model **out, inlay_error *err) {
    inlay_status status;
    *out = NULL;
    saved_model *model = mem_zalloc(1, sizeof *model);
    if (!model) return fail_memory(err);
    arena_init(&model->memory, DECODE_LIMIT);
    model->path = mem_strdup(path);
    if (!model->path) TRY_TO(failed, fail_memory(err));
    TRY_TO(failed, locate(model, err));
    TRY_TO(failed, file_map_open(model->file, copy, &model->map, err));
    model->is_text = is_text_name(model->file);
    model->message = file_map_bytes(model->map);
    model->kind = SAVED_MODEL;
    if (model->is_text)
        TRY_TO(failed, read_text(model, err));
    else if (!model->folder)
        TRY_TO(failed, detect_kind(model, err));
    TRY_TO(failed, decode_metagraphs(model, err));
    TRY_TO(failed, find_variables(model, err));
    *out = model;
    return INLAY_OK;
failed:
    saved_model_close(model);
    return status;
}

inlay_status saved_model_open_edited(const saved_model *like, buffer *message, saved_model **out, inlay_error *err) {
    inlay_status status;
    *out = NULL;
    saved_model *model = mem_zalloc(1, sizeof *model);
    if (!model) {
        buffer_free(message);
        return fail_memory(err);
    }
    arena_init(&model->memory, DECODE_LIMIT);
    model->binary = *message;
    *message = (buffer){0};
    model->path = mem_strdup(like->path);
    model->folder = like->folder ? mem_strdup(like->folder) : NULL;
    model->file = mem_strdup(like->file);
    if (!model->path || !model->file || (like->folder && !model->folder)) TRY_TO(failed, fail_memory(err));
    model->kind = SAVED_MODEL;
    model->is_text = true; /* nothing is in a map */
    model->message = bytes_make(model->binary.size ? (const void *)model->binary.data : "", model->binary.size);
    TRY_TO(failed, decode_metagraphs(model, err));
    TRY_TO(failed, find_variables(model, err));
    *out = model;
    return INLAY_OK;
failed:
    saved_model_close(model);
    return status;
}

void saved_model_close(saved_model *model) {
    if (!model) return;
    buffer_free(&model->binary);
    file_map_release(model->map);
    arena_free(&model->memory);
    mem_free(model->file);
    mem_free(model->folder);
    mem_free(model->path);
    mem_free(model);
}

/* ---- places */

wire_reader saved_reader(const saved_model *model, bytes message) {
    bool inside = message.data >= model->message.data &&
                  message.data <= model->message.data + model->message.size; /* not a part put together */
    return wire_open(message, model->file, inside ? model->message.data : NULL);
}

tensor_proto_options saved_tensor_options(const saved_model *model) {
    if (model->is_text) return (tensor_proto_options){0};
    return tensor_proto_in_map(model->map);
}

inlay_status saved_variables_prefix(const saved_model *model, char **out, inlay_error *err) {
    *out = NULL;
    if (!model->folder)
        return fail_at(err, INLAY_FAILED_PRECONDITION, model->path, -1, "a single file has no variables beside it");
    *out = path_join(model->folder, "variables/variables");
    return *out ? INLAY_OK : fail_memory(err);
}

/* Whether NAME has a part "..", which would leave the folder. */
static bool climbs(const char *name) {
    for (const char *part = name; part; part = strchr(part, '/')) {
        while (*part == '/') part++;
        if (strncmp(part, "..", 2) == 0 && (part[2] == 0 || part[2] == '/')) return true;
    }
    return false;
}

static inlay_status check_inside(const saved_model *model, const char *path, inlay_error *err) {
    char *real_folder = NULL, *real_path = NULL, *assets = NULL;
    inlay_status status;
    TRY_TO(done, file_real_path(model->folder, &real_folder, err));
    TRY_TO(done, file_real_path(path, &real_path, err));
    if (!(assets = path_join(real_folder, "assets/"))) TRY_TO(done, fail_memory(err));
    if (strncmp(real_path, assets, strlen(assets)) != 0)
        TRY_TO(done, fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "the asset is a link that leaves assets/"));
done:
    mem_free(real_folder);
    mem_free(real_path);
    mem_free(assets);
    return status;
}

inlay_status saved_asset_path(const saved_model *model, const saved_asset *asset, char **out, inlay_error *err) {
    *out = NULL;
    if (!model->folder)
        return fail_at(err, INLAY_FAILED_PRECONDITION, model->path, -1, "a single file has no assets beside it");
    if (asset->file[0] == 0 || asset->file[0] == '/' || climbs(asset->file))
        return fail_at(err, INLAY_INVALID_ARGUMENT, model->file, -1, "the asset name \"%s\" leaves assets/",
                       asset->file);
    char *folder = path_join(model->folder, "assets"), *path = folder ? path_join(folder, asset->file) : NULL;
    mem_free(folder);
    if (!path) return fail_memory(err);
    inlay_status status = check_inside(model, path, err);
    if (status != INLAY_OK) {
        mem_free(path);
        return status;
    }
    *out = path;
    return INLAY_OK;
}

/* ---- walking */

static saved_walk walk(const saved_model *model, const saved_metagraph *graph, uint32_t first, uint32_t second) {
    saved_walk w = {0};
    int n = 0;
    bytes outer = graph->graph_def;
    if (graph->message.data) {
        outer = graph->message;
        w.numbers[n++] = META_GRAPH;
    }
    w.numbers[n++] = first;
    if (second) w.numbers[n++] = second;
    w.depth = n;
    w.levels[0] = saved_reader(model, outer);
    return w;
}

saved_walk saved_nodes(const saved_model *model, const saved_metagraph *graph) {
    return walk(model, graph, GRAPH_NODE, 0);
}

saved_walk saved_functions(const saved_model *model, const saved_metagraph *graph) {
    return walk(model, graph, GRAPH_LIBRARY, LIBRARY_FUNCTION);
}

inlay_status saved_walk_next(saved_walk *w, wire_field *field, bool *got, inlay_error *err) {
    for (;;) {
        wire_reader *r = &w->levels[w->level];
        TRY(wire_next(r, field, got, err));
        if (!*got) {
            if (w->level == 0) return INLAY_OK;
            w->level--;
            continue;
        }
        if (field->number != w->numbers[w->level]) continue;
        TRY(wire_expect(r, field, WIRE_BYTES, err));
        if (w->level == w->depth - 1) return INLAY_OK;
        w->levels[w->level + 1] = wire_enter(r, field);
        w->level++;
    }
}
