#include "base/alloc.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

inlay_status file_make_folder(const char *path, inlay_error *err) {
    int fault = fault_check_path("mkdir", path);
    if (fault) return fail_errno(err, fault, path, "make the folder");
    return mkdir(path, 0777) == 0 ? INLAY_OK : fail_errno(err, errno, path, "make the folder");
}

inlay_status file_copy_mode(const char *from, const char *to, inlay_error *err) {
    struct stat info;
    if (stat(from, &info) != 0) return fail_errno(err, errno, from, "look at");
    int fault = fault_check_path("chmod", to);
    if (fault) return fail_errno(err, fault, to, "set the permissions of");
    if (chown(to, info.st_uid, info.st_gid) != 0) errno = 0; /* only root may, and need not */
    return chmod(to, info.st_mode & 07777) == 0 ? INLAY_OK : fail_errno(err, errno, to, "set the permissions of");
}

inlay_status file_remove(const char *path, inlay_error *err) {
    int fault = fault_check_path("unlink", path);
    if (fault) return fail_errno(err, fault, path, "remove");
    return unlink(path) == 0 ? INLAY_OK : fail_errno(err, errno, path, "remove");
}

inlay_status file_rename(const char *from, const char *to, inlay_error *err) {
    int fault = fault_check(&(fault_operation){.name = "rename", .path = to, .from = from});
    if (fault) return fail_errno(err, fault, to, "rename to");
    return rename(from, to) == 0 ? INLAY_OK : fail_errno(err, errno, to, "rename to");
}

inlay_status file_sync(const char *path, inlay_error *err) {
    int fault = fault_check_path("sync", path);
    if (fault) return fail_errno(err, fault, path, "sync");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, errno, path, "open");
    int failed = fsync(fd) != 0 && errno != EINVAL ? errno : 0; /* EINVAL: a file system that syncs nothing */
    close(fd);
    return failed ? fail_errno(err, failed, path, "sync") : INLAY_OK;
}

typedef struct tree_share {
    const char *from, *to;
    bool (*skip)(const void *ctx, const char *relative);
    const void *ctx;
} tree_share;

static inlay_status share_entries(const tree_share *t, const char *relative, inlay_error *err);

static inlay_status share_entry(const tree_share *t, const char *relative, inlay_error *err) {
    if (t->skip && t->skip(t->ctx, relative)) return INLAY_OK;
    char *from = path_join(t->from, relative), *to = path_join(t->to, relative);
    file_info info;
    inlay_status status = from && to ? file_stat(from, false, &info, err) : fail_memory(err);
    if (status == INLAY_OK && !info.is_folder) status = file_share(from, to, err);
    if (status == INLAY_OK && info.is_folder) {
        if (!file_exists(to)) {
            status = file_make_folder(to, err);
            if (status == INLAY_OK) status = file_copy_mode(from, to, err);
        }
        if (status == INLAY_OK) status = share_entries(t, relative, err);
    }
    mem_free(from);
    mem_free(to);
    return status;
}

static inlay_status share_entries(const tree_share *t, const char *relative, inlay_error *err) {
    char *folder = path_join(t->from, relative);
    file_names names = {0};
    inlay_status status = folder ? file_list(folder, &names, err) : fail_memory(err);
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *inner = path_join(relative, names.names[i]);
        status = inner ? share_entry(t, inner, err) : fail_memory(err);
        mem_free(inner);
    }
    file_names_free(&names);
    mem_free(folder);
    return status;
}

inlay_status file_share_tree(const char *from, const char *to, bool (*skip)(const void *ctx, const char *relative),
                             const void *ctx, inlay_error *err) {
    return share_entries(&(tree_share){from, to, skip, ctx}, "", err);
}

typedef inlay_status (*visit_fn)(const char *path, const file_info *info, inlay_error *err);

/* Visits everything below PATH, and PATH itself last; symbolic links are not followed. ONLY_NEW: but for files that
 * have another name. */
static inlay_status walk(const char *path, visit_fn visit, bool only_new, inlay_error *err) {
    file_info info;
    TRY(file_stat(path, false, &info, err));
    if (!info.is_folder) return only_new && info.links > 1 ? INLAY_OK : visit(path, &info, err);
    file_names names;
    TRY(file_list(path, &names, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        char *child = path_join(path, names.names[i]);
        status = child ? walk(child, visit, only_new, err) : fail_memory(err);
        mem_free(child);
    }
    file_names_free(&names);
    return status == INLAY_OK ? visit(path, &info, err) : status;
}

static inlay_status remove_one(const char *path, const file_info *info, inlay_error *err) {
    if (!info->is_folder) return file_remove(path, err);
    int fault = fault_check_path("rmdir", path);
    if (fault) return fail_errno(err, fault, path, "remove");
    return rmdir(path) == 0 ? INLAY_OK : fail_errno(err, errno, path, "remove");
}

inlay_status file_remove_tree(const char *path, inlay_error *err) {
    return walk(path, remove_one, false, err);
}

static inlay_status sync_one(const char *path, const file_info *info, inlay_error *err) {
    return info->is_link ? INLAY_OK : file_sync(path, err);
}

/* Sets the disk to work on a file, so that the syncs that follow wait for all of them together. */
static inlay_status begin_sync(const char *path, const file_info *info, inlay_error *err) {
    (void)err;
    int fd = info->is_folder ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return INLAY_OK;
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    close(fd);
    return INLAY_OK;
}

static char *without_trailing_slashes(const char *path) {
    char *copy = mem_strdup(path);
    if (!copy) return NULL;
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--) copy[n - 1] = 0;
    return copy;
}

inlay_status staging_begin(const char *target, staging *out, inlay_error *err) {
    *out = (staging){.target = without_trailing_slashes(target)};
    if (!out->target) return fail_memory(err);
    const char *name = path_name(out->target);
    size_t size = strlen(out->target) + 48;
    inlay_status status = INLAY_OK;
    char *parent = path_parent(out->target);
    file_info info;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        status = fail_at(err, INLAY_INVALID_ARGUMENT, target, -1, "is no name for a new folder");
    else if (!parent || !(out->path = mem_alloc(size)))
        status = fail_memory(err);
    else
        status = file_stat(parent, true, &info, err); /* a clearer error than that of the folder made in it */
    mem_free(parent);
    for (int i = 0; status == INLAY_OK; i++) {
        snprintf(out->path, size, "%.*s.%s.inlay-%ld-%d", (int)(name - out->target), out->target, name, (long)getpid(),
                 i);
        inlay_error mkdir_error;
        status = file_make_folder(out->path, &mkdir_error);
        if (status == INLAY_OK) {
            out->lock = file_lock_folder(out->path) + 1;
            staging_sweep(out);
            return INLAY_OK;
        }
        if (status == INLAY_ALREADY_EXISTS && i < 1000)
            status = INLAY_OK;
        else if (err)
            *err = mkdir_error;
    }
    mem_free(out->path);
    mem_free(out->target);
    *out = (staging){0};
    return status;
}

/* renameat2 behind the fault hook. Where the file system lacks its flags (EINVAL), a name that is free is taken by a
 * plain rename, which could at worst replace an empty folder made just then. */
static int checked_rename(const char *from, const char *to, unsigned flags) {
    const char *name = flags == RENAME_EXCHANGE ? "exchange" : "rename";
    int fault = fault_check(&(fault_operation){.name = name, .path = to, .from = from});
    if (!fault && renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) == 0) return 0;
    if (fault) errno = fault;
    if ((errno != EINVAL && errno != ENOSYS) || flags != RENAME_NOREPLACE) return -1;
    struct stat there;
    if (lstat(to, &there) == 0) return errno = EEXIST, -1;
    return rename(from, to);
}

static inlay_status rename_folder(const staging *s, unsigned flags, inlay_error *err) {
    if (checked_rename(s->path, s->target, flags) == 0) return INLAY_OK;
    if (errno == EEXIST) return fail_at(err, INLAY_ALREADY_EXISTS, s->target, -1, "is there already");
    if (errno == EINVAL && flags == RENAME_EXCHANGE)
        return fail_at(err, INLAY_UNIMPLEMENTED, s->target, -1,
                       "this file system cannot exchange two folders; remove the old one first");
    if (errno == EBUSY)
        return fail_at(err, INLAY_FAILED_PRECONDITION, s->target, -1,
                       "is a mount point, or in use as one; what is inside it can only be made elsewhere");
    return fail_errno(err, errno, s->target, "rename to");
}

static void release(staging *s) {
    if (s->lock) close(s->lock - 1);
    mem_free(s->path);
    mem_free(s->target);
    *s = (staging){0};
}

inlay_status staging_commit(staging *s, bool replace, double *sync_seconds, inlay_error *err) {
    inlay_status status;
    double start = seconds_now();
    char *parent = path_parent(s->target); /* before the rename: behind it nothing may fail that need not */
    if (!parent) TRY_TO(failed, fail_memory(err));
    TRY_TO(failed, walk(s->path, begin_sync, s->links_are_synced, err));
    TRY_TO(failed, walk(s->path, sync_one, s->links_are_synced, err));
    if (sync_seconds) *sync_seconds = seconds_now() - start;
    bool exchange = replace && file_exists(s->target);
    TRY_TO(failed, rename_folder(s, exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE, err));
    status = file_sync(parent, err);
    mem_free(parent);
    /* s->path is the old one by name. It stays while a power cut could bring it back; that it cannot be deleted is not
     * a failure of the new one. */
    if (exchange && status == INLAY_OK) {
        inlay_error ignored;
        file_remove_tree(s->path, &ignored);
    }
    release(s);
    return status;
failed:
    mem_free(parent);
    staging_abandon(s);
    return status;
}

void staging_abandon(staging *s) {
    if (!s->path) return;
    inlay_error ignored;
    file_remove_tree(s->path, &ignored);
    release(s);
}
