/* A fused model with bytes of its files changed: its rows edited, taken apart, merged. The first byte says which model
 * and which edit, six bytes each what changes: the file, where (3), how, a value. Covers: src/edit/rows/collection.c
 * src/edit/rows/graph_nodes.c src/edit/rows/unfuse.c src/edit/rows/rebuild.c src/edit/rows/rows_graph.c
 * src/edit/rows/rows_patch.c src/edit/rows/rows_view.c src/edit/object_ids.c src/edit/block_sums.c */
#include "base/alloc.h"
#include "base/file.h"
#include "edit/rows/collection.h"
#include "format/npy.h"
#include "scratch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODELS = 3, MOST_FILES = 16, ROWS = 12, DIM = 16 };

typedef struct model_files {
    const char *names[MOST_FILES];
    buffer contents[MOST_FILES];
    size_t count;
} model_files;

static model_files models[MODELS];
static char given[300], labels[300];

static void check(inlay_status status, const inlay_error *err) {
    if (status == INLAY_OK) return;
    fprintf(stderr, "%s\n", err->message);
    abort();
}

static void write_rows(const char *path, int64_t n) {
    inlay_error err;
    tensor *t;
    shape dims = shape_matrix(n, DIM);
    check(tensor_new(INLAY_FLOAT32, &dims, NULL, &t, &err), &err);
    for (int64_t i = 0; i < t->count; i++) tensor_f32(t)[i] = (float)((i * 7919) % 101) / 50 - 1;
    check(npy_write(t, path, &err), &err);
    tensor_release(t);
}

static void read_files(model_files *m, const char *folder, const char *relative) {
    inlay_error err;
    file_names names;
    check(file_list(folder, &names, &err), &err);
    for (size_t i = 0; i < names.count; i++) {
        char *path = path_join(folder, names.names[i]), *inside = path_join(relative, names.names[i]);
        file_info info;
        check(file_stat(path, false, &info, &err), &err);
        if (info.is_folder) {
            read_files(m, path, inside);
        } else if (m->count < MOST_FILES) {
            file_map *map;
            check(file_map_open(path, true, &map, &err), &err);
            m->names[m->count] = mem_strdup(inside);
            buffer_append(&m->contents[m->count++], map->data, (size_t)map->size);
            file_map_release(map);
        }
        mem_free(path);
        mem_free(inside);
    }
    file_names_free(&names);
}

/* Models of no extractor, of a TF1 and of a TF2 one. */
static void make_models(void) {
    static const char *const extractors[MODELS] = {NULL, "tf1", "tf2_text"};
    char source[1100], rows[300], out[300];
    strcpy(rows, scratch_path("rows.npy"));
    strcpy(given, scratch_path("given.npy"));
    strcpy(labels, scratch_file("given.txt", "a\nb\n", 4));
    write_rows(rows, ROWS);
    write_rows(given, 2);
    for (int i = 0; i < MODELS; i++) {
        inlay_error err;
        inlay_fuse_options o;
        const char *embeddings = rows;
        char all[ROWS * 8] = "";
        inlay_fuse_options_init(&o);
        for (int j = 0; j < ROWS; j++) snprintf(all + strlen(all), sizeof all - strlen(all), "row %d\n", j);
        char text[300];
        strcpy(text, scratch_file("labels.txt", all, strlen(all)));
        strcpy(out, scratch_path("base"));
        const char *slash = strstr(__FILE__, "fuzz/fuzz_rows.c");
        snprintf(source, sizeof source, "%.*sdata/saved_models/%s", (int)(slash - __FILE__), __FILE__,
                 extractors[i] ? extractors[i] : "");
        o.extractor = extractors[i] && file_exists(source) ? source : NULL;
        o.embeddings = &embeddings;
        o.n_embeddings = 1;
        o.labels = text;
        o.chunk_bytes = 4 * DIM * sizeof(float);
        o.metric = (inlay_metric)i;
        o.link = INLAY_LINK_COPY;
        o.similar = true;
        o.lookup = i != 1; /* the TF1 model has a signature of that name */
        o.output = out;
        check(inlay_fuse(&o, NULL, &err), &err);
        read_files(&models[i], out, "");
        check(file_remove_tree(out, &err), &err);
    }
}

/* The bytes of file NUMBER with all changes to it, at PATH. */
static void write_changed(const model_files *m, size_t number, const char *path, const uint8_t *data, size_t size) {
    buffer b = {0};
    buffer_append_bytes(&b, buffer_bytes(&m->contents[number]));
    for (; size >= 6; data += 6, size -= 6) {
        size_t at = data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16, n = data[4] >> 2;
        if (data[0] % m->count != number || b.size == 0) continue;
        at %= b.size;
        if (n > b.size - at) n = b.size - at;
        switch (data[4] % 4) {
        case 0: b.data[at] ^= (uint8_t)(data[5] ? data[5] : 1); break;
        case 1: b.data[at] = data[5]; break;
        case 2:
            memmove(b.data + at, b.data + at + n, b.size - at - n);
            b.size -= n;
            break;
        default: memset(b.data + at, data[5], n);
        }
    }
    FILE *f = fopen(path, "wb");
    if (!f || (b.size && fwrite(b.data, 1, b.size, f) != b.size) || fclose(f) != 0) abort();
    buffer_free(&b);
}

static void write_model(const char *folder, const model_files *m, const uint8_t *data, size_t size) {
    static const char *const folders[] = {"", "variables", "assets", "assets.extra"};
    inlay_error err;
    for (int i = 0; i < 4; i++) {
        char *path = path_join(folder, folders[i]);
        if (!file_exists(path)) check(file_make_folder(path, &err), &err);
        mem_free(path);
    }
    for (size_t i = 0; i < m->count; i++) {
        char *path = path_join(folder, m->names[i]);
        write_changed(m, i, path, data, size);
        mem_free(path);
    }
}

static inlay_status edit(int action, const char *model, const char *out) {
    inlay_error err;
    if (action == 4) {
        inlay_defuse_options o;
        inlay_defuse_options_init(&o);
        o.model = model;
        o.output = out;
        return inlay_bundle_defuse(&o, NULL, &err);
    }
    if (action == 5) {
        inlay_merge_options o;
        inlay_merge_options_init(&o);
        o.sources = (const char *const[]){model, model};
        o.n_sources = 2;
        o.output = out;
        return inlay_bundle_merge(&o, NULL, &err);
    }
    inlay_rows_options o;
    inlay_edit_options how;
    inlay_rows_options_init(&o);
    inlay_edit_options_init(&how);
    how.output = out;
    o.action = (inlay_rows_action)action;
    o.rows = given;
    o.set_at = 3;
    if (action == INLAY_ROWS_APPEND) o.labels = labels;
    o.ranges = (const inlay_row_range[]){{1, 2}, {5, 9}};
    o.n_ranges = 2;
    return inlay_edit_rows(model, &o, &how, NULL, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char model[300], out[300];
    inlay_error err;
    if (size == 0) return 0;
    if (models[0].count == 0) make_models();
    strcpy(model, scratch_path("model"));
    strcpy(out, scratch_path("out"));
    write_model(model, &models[data[0] % MODELS], data + 1, size - 1);
    int action = data[0] / MODELS % 6;
    if (edit(action, model, out) == INLAY_OK && action != 4) {
        arena a;
        collection c;
        arena_init(&a, 0);
        check(collection_open(out, "search", &a, &c, &err), &err); /* what was made is whole */
        collection_close(&c);
        arena_free(&a);
    }
    if (file_exists(model)) check(file_remove_tree(model, &err), &err);
    if (file_exists(out)) check(file_remove_tree(out, &err), &err);
    return 0;
}
