#include "edit/convert/output.h"

#include "base/alloc.h"
#include "format/checkpoint_state.h"

static bool ends_with(const char *text, const char *ending) {
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

/* The prefix that the output stands for, on the heap: of a folder the source's name in it. */
inlay_status output_prefix(const char *output, const char *from, bool *in_folder, char **out, inlay_error *err) {
    file_info info;
    inlay_error none;
    size_t size = strlen(output);
    *in_folder = output[size - 1] == '/' || (file_stat(output, true, &info, &none) == INLAY_OK && info.is_folder);
    *out = *in_folder ? path_join(output, path_name(from)) : mem_strdup(output);
    if (!*out) return fail_memory(err);
    if (!*in_folder && ends_with(output, ".index")) (*out)[size - 6] = 0;
    return INLAY_OK;
}

/* The file `checkpoint` of FOLDER names NAME as the latest, behind those that it names already. */
inlay_status output_name_latest(const char *folder, const char *name, inlay_error *err) {
    arena a;
    arena_init(&a, 0);
    checkpoint_state state = {0};
    file_map *old = NULL;
    buffer text = {0};
    inlay_status status = INLAY_OK;
    char *path = path_join(folder, "checkpoint");
    if (!path) return fail_memory(err);
    if (file_exists(path)) {
        TRY_TO(done, file_map_open(path, true, &old, err));
        TRY_TO(done, checkpoint_state_parse(file_map_bytes(old), path, &a, &state, err));
    }
    const char **all = arena_zalloc(&a, state.count + 1, sizeof *all);
    if (!all) TRY_TO(done, fail_memory(err));
    for (size_t i = 0; i < state.count; i++) all[i] = state.all[i];
    all[state.count] = name;
    state = (checkpoint_state){.latest = name, .all = all, .count = state.count + 1};
    TRY_TO(done, checkpoint_state_write(&state, &text, err));
    TRY_TO(done, file_write_all(path, FILE_ATOMIC, buffer_bytes(&text), err));
done:
    file_map_release(old);
    buffer_free(&text);
    mem_free(path);
    arena_free(&a);
    return status;
}
