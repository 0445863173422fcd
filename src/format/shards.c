#include "format/shards.h"

#include "format/shards_open.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- natural order */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Compares the runs of digits at *A and *B by value and steps over them. */
static int compare_numbers(const char **a, const char **b) {
    while (**a == '0') ++*a;
    while (**b == '0') ++*b;
    const char *x = *a, *y = *b;
    while (is_digit(**a)) ++*a;
    while (is_digit(**b)) ++*b;
    ptrdiff_t size_x = *a - x, size_y = *b - y;
    if (size_x != size_y) return size_x < size_y ? -1 : 1;
    return memcmp(x, y, (size_t)size_x);
}

int natural_compare(const char *a, const char *b) {
    const char *x = a, *y = b;
    while (*x && *y) {
        int order;
        if (is_digit(*x) && is_digit(*y)) {
            order = compare_numbers(&x, &y);
        } else {
            unsigned char cx = (unsigned char)*x++, cy = (unsigned char)*y++;
            order = cx == cy ? 0 : cx == '/' ? -1 : cy == '/' ? 1 : cx < cy ? -1 : 1;
        }
        if (order) return order;
    }
    if (*x || *y) return *x ? 1 : -1;
    return strcmp(a, b);
}

/* ---- sources */

static int compare_names(const void *a, const void *b) {
    return natural_compare(*(char *const *)a, *(char *const *)b);
}

/* Every name in the folder that is no hidden one must be of a known kind. */
static inlay_status check_kinds(const char *folder, const file_names *names, inlay_error *err) {
    enum { SHOWN = 10 };
    buffer unknown = {0};
    size_t n_unknown = 0, n_known = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i][0] == '.') continue;
        if (file_kind_of(names->names[i]) != FILE_UNKNOWN)
            n_known++;
        else if (++n_unknown <= SHOWN)
            buffer_format(&unknown, "%s%s", n_unknown > 1 ? ", " : "", names->names[i]);
    }
    inlay_status status = INLAY_OK;
    buffer_append_byte(&unknown, 0);
    if (n_unknown)
        status = fail_at(err, INLAY_INVALID_ARGUMENT, folder, -1, "holds what is of no known kind: %s%s (known: %s)",
                         unknown.failed ? "" : (char *)unknown.data, n_unknown > SHOWN ? ", …" : "", known_kinds);
    else if (!n_known)
        status = fail_at(err, INLAY_NOT_FOUND, folder, -1, "holds no files of vectors (%s)", known_kinds);
    buffer_free(&unknown);
    return status;
}

static inlay_status add_folder(shard_list *list, const char *folder, const shard_options *o, inlay_error *err) {
    file_names names;
    TRY(file_list(folder, &names, err));
    inlay_status status;
    TRY_TO(done, check_kinds(folder, &names, err));
    qsort(names.names, names.count, sizeof *names.names, compare_names);
    for (size_t i = 0; i < names.count; i++) {
        if (names.names[i][0] == '.') continue;
        char *path = path_join(folder, names.names[i]);
        status = path ? shards_add_file(list, path, o, err) : fail_memory(err);
        mem_free(path);
        if (status != INLAY_OK) goto done;
    }
done:
    file_names_free(&names);
    return status;
}

/* Whether PREFIX names a checkpoint: a bundle's prefix, or a folder. */
static bool is_checkpoint(const char *prefix, bool *is_archive) {
    file_info info;
    *is_archive = false;
    if (file_stat(prefix, true, &info, NULL) == INLAY_OK) {
        *is_archive = !info.is_folder && file_kind_of(prefix) == FILE_NPZ;
        if (info.is_folder || *is_archive) return true;
    }
    size_t n = strlen(prefix);
    char *index = mem_alloc(n + sizeof ".index");
    if (!index) return false;
    memcpy(index, prefix, n);
    memcpy(index + n, ".index", sizeof ".index");
    bool there = file_exists(index);
    mem_free(index);
    return there;
}

/* SOURCE is HOLDER#PART; the holder is the shortest prefix that exists, for parts may hold '#' too. */
static inlay_status add_part(shard_list *list, const char *source, const shard_options *o, inlay_error *err) {
    char *holder = mem_strdup(source);
    if (!holder) return fail_memory(err);
    inlay_status status = INLAY_NOT_FOUND;
    char *mark = strchr(holder, '#');
    for (; mark; mark = strchr(mark + 1, '#')) {
        bool is_archive;
        *mark = 0;
        if (is_checkpoint(holder, &is_archive)) {
            if (is_archive)
                status = shards_add_archive(list, holder, mark + 1, o, err);
            else if (o->checkpoint)
                status = o->checkpoint(o->user, holder, mark + 1, list, err);
            else
                status = fail_at(err, INLAY_UNIMPLEMENTED, source, -1, "tensors of checkpoints are no source here");
            break;
        }
        *mark = '#';
    }
    if (!mark) fail_at(err, INLAY_NOT_FOUND, source, -1, "no such file, archive member or checkpoint tensor");
    mem_free(holder);
    return status;
}

static inlay_status add_source(shard_list *list, const char *source, const shard_options *o, inlay_error *err) {
    file_info info;
    inlay_status status = file_stat(source, true, &info, err);
    if (status == INLAY_NOT_FOUND && strchr(source, '#')) return add_part(list, source, o, err);
    TRY(status);
    return info.is_folder ? add_folder(list, source, o, err) : shards_add_file(list, source, o, err);
}

/* ---- what they have in common */

static inlay_status fail_mixed(const shard *a, const shard *b, const char *text_a, const char *text_b,
                               inlay_error *err) {
    return fail_at(err, INLAY_INVALID_ARGUMENT, b->name, -1, "%s, but %s in %s", text_b, text_a, a->name);
}

static inlay_status check_pair(const shard *a, const shard *b, inlay_error *err) {
    char text_a[64], text_b[64];
    if (a->dim != b->dim) {
        snprintf(text_a, sizeof text_a, "dimension %lld", (long long)a->dim);
        snprintf(text_b, sizeof text_b, "rows of dimension %lld", (long long)b->dim);
        return fail_mixed(a, b, text_a, text_b, err);
    }
    if (a->type != b->type) return fail_mixed(a, b, dtype_name(a->type), dtype_name(b->type), err);
    return INLAY_OK;
}

/* The shard that says what all should be: the first with rows, else the first with a dimension. */
static const shard *find_model(const shard_list *list) {
    const shard *found = NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (list->shards[i].rows > 0) return &list->shards[i];
        if (!found && list->shards[i].dim > 0) found = &list->shards[i];
    }
    return found;
}

static inlay_status unite(shard_list *list, const shard_options *o, inlay_error *err) {
    const shard *model = find_model(list);
    if (!model) return fail(err, INLAY_INVALID_ARGUMENT, "no source of vectors says their dimension");
    list->dim = model->dim;
    list->type = model->type;
    if (o->dim > 0 && o->dim != list->dim)
        return fail_at(err, INLAY_INVALID_ARGUMENT, model->name, -1, "rows of dimension %lld, not %lld",
                       (long long)model->dim, (long long)o->dim);
    for (size_t i = 0; i < list->count; i++) {
        shard *s = &list->shards[i];
        if (s->rows == 0) { /* no rows have no dtype, and perhaps no dimension */
            s->type = s->stored = list->type;
            if (s->dim == 0) s->dim = list->dim;
        }
        TRY(check_pair(model, s, err));
        if (__builtin_add_overflow(list->rows, s->rows, &list->rows))
            return fail_at(err, INLAY_INVALID_ARGUMENT, s->name, -1, "too many rows");
    }
    return INLAY_OK;
}

static int compare_shards(const void *a, const void *b) {
    return natural_compare(((const shard *)a)->name, ((const shard *)b)->name);
}

inlay_status shards_open(const char *const *sources, size_t n, const shard_options *options, shard_list *out,
                         inlay_error *err) {
    *out = (shard_list){0};
    inlay_status status;
    if (n == 0) TRY_TO(failed, fail(err, INLAY_INVALID_ARGUMENT, "no source of vectors is given"));
    for (size_t i = 0; i < n; i++) TRY_TO(failed, add_source(out, sources[i], options, err));
    if (!options->as_listed) qsort(out->shards, out->count, sizeof *out->shards, compare_shards);
    TRY_TO(failed, unite(out, options, err));
    return INLAY_OK;
failed:
    shards_close(out);
    return status;
}

void shards_close(shard_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->shards[i].path);
        mem_free(list->shards[i].member);
        mem_free(list->shards[i].name);
    }
    mem_free(list->shards);
    *list = (shard_list){0};
}
