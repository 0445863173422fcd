#include "runtime/session.h"

#include "base/file.h"
#include "format/bundle.h"
#include "format/labels_offsets.h"
#include "runtime/messages.h"

/* A checkpoint that ops have read from. */
typedef struct open_bundle {
    char *prefix;
    bundle *b;
} open_bundle;

struct session {
    op_host host; /* first: ops give it back to us */
    resource_store resources;
    char *assets, *variables, *extra, *allowed; /* real paths, or NULL */
    char *own;                                  /* prefix of the model's own checkpoint as loading names it, or NULL */
    checkpoint *given;                          /* NULL: none */
    bool copy;
    pthread_mutex_t lock; /* around bundles */
    open_bundle *bundles;
    size_t n_bundles;
};

static bool is_inside(const char *path, const char *folder) {
    size_t n = folder ? strlen(folder) : 0;
    return n && strncmp(path, folder, n) == 0 && (path[n] == '/' || folder[n - 1] == '/');
}

static inlay_status refuse(const char *path, inlay_error *err) {
    return fail_at(err, INLAY_PERMISSION_DENIED, path, -1,
                   "the graph wants to read a file outside the model; name its folder to allow that");
}

static inlay_status text_of(bytes name, char **out, inlay_error *err) {
    *out = NULL;
    if (memchr(name.data ? name.data : (const uint8_t *)"", 0, name.size))
        return fail(err, INLAY_INVALID_ARGUMENT, "a file name holds a NUL byte");
    char *text = mem_alloc(name.size + 8);
    if (!text) return fail_memory(err);
    if (name.size) memcpy(text, name.data, name.size);
    text[name.size] = 0;
    *out = text;
    return INLAY_OK;
}

static inlay_status open_file(op_host *host, bytes path, file_map **out, inlay_error *err) {
    session *s = (session *)host;
    char *text, *real = NULL;
    *out = NULL;
    TRY(text_of(path, &text, err));
    inlay_status status = file_real_path(text, &real, err);
    if (status == INLAY_OK && !is_inside(real, s->assets) && !is_inside(real, s->allowed)) status = refuse(text, err);
    if (status == INLAY_OK) status = file_map_open(real, s->copy, out, err);
    mem_free(real);
    mem_free(text);
    return status;
}

/* Under the lock. The bundle stays the session's. */
static inlay_status find_bundle(session *s, const char *prefix, bundle **out, inlay_error *err) {
    for (size_t i = 0; i < s->n_bundles; i++)
        if (strcmp(s->bundles[i].prefix, prefix) == 0) {
            *out = s->bundles[i].b;
            return INLAY_OK;
        }
    open_bundle *more = mem_realloc(s->bundles, (s->n_bundles + 1) * sizeof *more);
    if (!more) return fail_memory(err);
    s->bundles = more;
    char *copy = mem_strdup(prefix);
    if (!copy) return fail_memory(err);
    inlay_status status = bundle_open(prefix, s->copy, out, err);
    if (status == INLAY_OK)
        s->bundles[s->n_bundles++] = (open_bundle){copy, *out};
    else
        mem_free(copy);
    return status;
}

/* The model's own checkpoint may be a set of links, as caches of downloads make them; any other must lie where the
 * graph may read. */
static inlay_status check_prefix(const session *s, char *prefix, inlay_error *err) {
    char *real;
    if (s->own && strcmp(prefix, s->own) == 0) return INLAY_OK;
    size_t size = strlen(prefix);
    memcpy(prefix + size, ".index", sizeof ".index");
    inlay_status status = file_real_path(prefix, &real, err);
    prefix[size] = 0;
    TRY(status);
    if (!is_inside(real, s->variables) && !is_inside(real, s->allowed)) status = refuse(prefix, err);
    mem_free(real);
    return status;
}

/* Many strings: by a table of offsets in assets.extra/, when one of those there is this tensor's. *out is NULL when
 * none is: their lengths have to be read. */
static inlay_status read_by_table(const session *s, bundle *b, const bundle_entry *entry, tensor **out,
                                  inlay_error *err) {
    static const char suffix[] = ".labels";
    file_names names;
    *out = NULL;
    if (!s->extra || file_list(s->extra, &names, NULL) != INLAY_OK) return INLAY_OK;
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK && !*out; i++) {
        size_t size = strlen(names.names[i]);
        if (size < sizeof suffix || strcmp(names.names[i] + size - (sizeof suffix - 1), suffix) != 0) continue;
        char *path = path_join(s->extra, names.names[i]);
        if (!path)
            status = fail_memory(err);
        else
            (void)labels_offsets_read(path, b, entry, out, NULL); /* another tensor's, or damaged: not needed */
        mem_free(path);
    }
    file_names_free(&names);
    return status;
}

enum { FEW_STRINGS = 1024 };

static inlay_status read_entry(const session *s, bundle *b, const bundle_entry *entry, tensor **out, inlay_error *err) {
    int64_t count;
    if (entry->type == INLAY_STRING && shape_elements(&entry->dims, &count) && count > FEW_STRINGS)
        TRY(read_by_table(s, b, entry, out, err));
    return *out ? INLAY_OK : bundle_read(b, entry, out, err);
}

static inlay_status restore(op_host *host, bytes prefix, bytes name, bytes slice, tensor **out, inlay_error *err) {
    session *s = (session *)host;
    char *text;
    bundle *b;
    *out = NULL;
    if (s->given && bytes_is(prefix, checkpoint_prefix(s->given)))
        return checkpoint_read(s->given, name, slice, out, err);
    TRY(text_of(prefix, &text, err));
    inlay_status status = check_prefix(s, text, err);
    if (status == INLAY_OK) {
        pthread_mutex_lock(&s->lock);
        status = find_bundle(s, text, &b, err);
        pthread_mutex_unlock(&s->lock);
    }
    if (status == INLAY_OK) {
        const bundle_entry *entry = bundle_find(b, name);
        if (!entry)
            status = fail_at(err, INLAY_NOT_FOUND, text, -1, "the checkpoint has no tensor '%.*s'",
                             (int)(name.size < 200 ? name.size : 200), (const char *)name.data);
        else
            status = slice.size ? bundle_read_slice(b, entry, slice, out, err) : read_entry(s, b, entry, out, err);
    }
    mem_free(text);
    return status;
}

/* The real path of FOLDER/NAME, or NULL in *out when there is none, or a link out of FOLDER. */
static inlay_status real_folder(const char *folder, const char *name, char **out, inlay_error *err) {
    char *path = path_join(folder, name), *real = NULL;
    *out = NULL;
    if (!path) return fail_memory(err);
    inlay_status status = file_real_path(path, &real, err);
    mem_free(path);
    if (status == INLAY_NOT_FOUND) return INLAY_OK;
    if (status == INLAY_OK && is_inside(real, folder)) {
        *out = real;
        return INLAY_OK;
    }
    mem_free(real);
    return status;
}

static inlay_status find_folders(session *s, const session_options *options, inlay_error *err) {
    if (options->folder) {
        static const char *const names[] = {"assets", "variables", "assets.extra"};
        char *model, **const folders[] = {&s->assets, &s->variables, &s->extra};
        if (!(s->own = path_join(options->folder, "variables/variables"))) return fail_memory(err);
        TRY(file_real_path(options->folder, &model, err));
        inlay_status status = INLAY_OK;
        for (size_t i = 0; i < 3 && status == INLAY_OK; i++) status = real_folder(model, names[i], folders[i], err);
        mem_free(model);
        TRY(status);
    }
    return options->allow_files_in ? file_real_path(options->allow_files_in, &s->allowed, err) : INLAY_OK;
}

inlay_status session_open(const session_options *options, session **out, inlay_error *err) {
    *out = NULL;
    session *s = mem_zalloc(1, sizeof *s);
    if (!s) return fail_memory(err);
    inlay_status status = resource_store_init(&s->resources, err);
    if (status != INLAY_OK || pthread_mutex_init(&s->lock, NULL) != 0) {
        if (status == INLAY_OK) resource_store_free(&s->resources);
        mem_free(s);
        return status == INLAY_OK ? fail_memory(err) : status;
    }
    s->copy = options->copy;
    s->host = (op_host){.resources = &s->resources,
                        .restore = restore,
                        .open_file = open_file,
                        .read_tensor = message_read_tensor,
                        .write_tensor = message_write_tensor,
                        .example_of_json = message_example_of_json};
    status = find_folders(s, options, err);
    if (status == INLAY_OK && options->checkpoint)
        status = checkpoint_open(options->checkpoint, options->copy, &s->given, err);
    if (status == INLAY_OK)
        *out = s;
    else
        session_close(s);
    return status;
}

void session_close(session *s) {
    if (!s) return;
    resource_store_free(&s->resources);
    for (size_t i = 0; i < s->n_bundles; i++) {
        bundle_close(s->bundles[i].b);
        mem_free(s->bundles[i].prefix);
    }
    mem_free(s->bundles);
    checkpoint_close(s->given);
    mem_free(s->assets);
    mem_free(s->variables);
    mem_free(s->extra);
    mem_free(s->allowed);
    mem_free(s->own);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

checkpoint *session_checkpoint(session *s) {
    return s->given;
}

op_host *session_host(session *s) {
    return &s->host;
}
