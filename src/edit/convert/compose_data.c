#include "base/alloc.h"
#include "edit/convert/compose_parts.h"

inlay_status compose_put_variables(compose_job *j, inlay_error *err) {
    const bundle *parts[2];
    const char *prefixes[2];
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        if (!j->sides[i].variables) continue;
        parts[n] = j->sides[i].variables;
        prefixes[n++] = j->sides[i].prefix;
    }
    if (n == 0) return INLAY_OK;
    const char *folder = arena_format(&j->a, "%s/variables", j->stage.path),
               *prefix = folder ? arena_format(&j->a, "%s/variables", folder) : NULL;
    if (!prefix) return fail_memory(err);
    TRY(file_make_folder(folder, err));
    return bundle_join(parts, prefixes, n, prefix, err);
}

/* ---- assets */

static bool is_taken(const compose_job *j, const compose_side *side, size_t index, const char *name) {
    for (int i = 0; i < 2; i++) {
        const compose_side *s = &j->sides[i];
        for (size_t k = 0; s->files && k < s->graph->asset_count; k++) {
            if (s == side && k >= index) return false;
            bool same = s->files[k] && strcmp(s->files[k], name) == 0;
            /* one file of a model that several tensors name stays one */
            if (same && !(s == side && strcmp(s->graph->assets[k].file, side->graph->assets[index].file) == 0))
                return true;
        }
    }
    return false;
}

inlay_status compose_name_assets(compose_job *j, inlay_error *err) {
    for (int i = 0; i < 2; i++) {
        compose_side *s = &j->sides[i];
        s->files = arena_zalloc(&j->a, s->graph->asset_count + 1, sizeof *s->files);
        if (!s->files) return fail_memory(err);
        for (size_t k = 0; k < s->graph->asset_count; k++) {
            const char *name = s->graph->assets[k].file;
            for (int number = 1; name && is_taken(j, s, k, name); number++) {
                const char *slash = strrchr(s->graph->assets[k].file, '/'),
                           *last = slash ? slash + 1 : s->graph->assets[k].file;
                name = arena_format(&j->a, "%.*s%d_%s", (int)(last - s->graph->assets[k].file),
                                    s->graph->assets[k].file, number, last);
            }
            if (!name) return fail_memory(err);
            s->files[k] = name;
        }
    }
    return INLAY_OK;
}

/* Makes the folders on the way to the file RELATIVE below the staged assets. */
static inlay_status make_folders(compose_job *j, const char *relative, inlay_error *err) {
    for (const char *slash = strchr(relative, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *path = arena_format(&j->a, "%s/assets/%.*s", j->stage.path, (int)(slash - relative), relative);
        if (!path) return fail_memory(err);
        if (!file_exists(path)) TRY(file_make_folder(path, err));
    }
    return INLAY_OK;
}

static inlay_status put_asset(compose_job *j, const compose_side *s, size_t index, inlay_error *err) {
    char *from;
    const char *to = arena_format(&j->a, "%s/assets/%s", j->stage.path, s->files[index]);
    if (!to) return fail_memory(err);
    TRY(saved_asset_path(s->model, &s->graph->assets[index], &from, err));
    inlay_status status = make_folders(j, s->files[index], err);
    if (status == INLAY_OK && !file_exists(to)) status = file_share(from, to, err);
    mem_free(from);
    return status;
}

inlay_status compose_put_assets(compose_job *j, inlay_error *err) {
    const char *folder = arena_format(&j->a, "%s/assets", j->stage.path);
    if (!folder) return fail_memory(err);
    if (j->sides[0].graph->asset_count + j->sides[1].graph->asset_count) TRY(file_make_folder(folder, err));
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < j->sides[i].graph->asset_count; k++) TRY(put_asset(j, &j->sides[i], k, err));
    return INLAY_OK;
}
