#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ".MODEL.inlay-PID-N" for the model NAME: the process that made it, or 0 for another name. */
static pid_t maker_of(const char *name, const char *model) {
    size_t n = strlen(model);
    char *end;
    if (name[0] != '.' || strncmp(name + 1, model, n) != 0 || strncmp(name + 1 + n, ".inlay-", 7) != 0) return 0;
    const char *number = name + 1 + n + 7;
    long pid = *number >= '1' && *number <= '9' ? strtol(number, &end, 10) : 0;
    if (pid <= 0 || pid > INT_MAX || *end != '-' || !end[1]) return 0;
    return end[1 + strspn(end + 1, "0123456789")] ? 0 : (pid_t)pid;
}

int file_lock_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    return -1;
}

void file_sweep(const char *prefix) {
    char *folder = path_parent(prefix);
    file_names names;
    inlay_error ignored;
    size_t n = strlen(path_name(prefix));
    if (!folder || file_list(folder, &names, &ignored) != INLAY_OK) {
        mem_free(folder);
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.names[i], *end = NULL;
        for (const char *p = name; (p = strstr(p, ".inlay-")); p++) end = p;
        if (!end || name[0] != '.' || strncmp(name + 1, path_name(prefix), n) != 0) continue;
        char *model = mem_strdup(name + 1), *path = path_join(folder, name);
        pid_t maker = 0;
        if (model && path) {
            model[end - name - 1] = 0;
            maker = maker_of(name, model);
        }
        if (maker && kill(maker, 0) != 0 && errno == ESRCH) file_remove(path, &ignored);
        mem_free(model);
        mem_free(path);
    }
    file_names_free(&names);
    mem_free(folder);
}

inlay_status file_lock(const char *path, int *out, inlay_error *err) {
    for (;;) {
        struct stat held, there;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return fail_errno(err, errno, path, "open");
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int reason = errno;
            close(fd);
            if (reason == EWOULDBLOCK) return fail_at(err, INLAY_ABORTED, path, -1, "another edit of it is under way");
            return fail_errno(err, reason, path, "lock");
        }
        if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino &&
            held.st_dev == there.st_dev) {
            *out = fd;
            return INLAY_OK;
        }
        close(fd); /* it was replaced since it was opened */
    }
}

enum { YOUNG_MS = 2000 };

/* A folder is locked while it is filled. The lock comes just after the folder, so a young one stays while there is a
 * process with its maker's number, which may be that maker or, in a container begun anew, another. */
static void sweep_one(const char *path, pid_t maker, int64_t now_ns) {
    file_info info;
    inlay_error ignored;
    if (file_stat(path, false, &info, &ignored) != INLAY_OK) return;
    bool gone = kill(maker, 0) != 0 && errno == ESRCH;
    if (!gone && now_ns - info.modified_ns < YOUNG_MS * INT64_C(1000000)) return;
    int fd = file_lock_folder(path);
    if (fd < 0) return;
    inlay_error err;
    if (file_remove_tree(path, &err) == INLAY_OK)
        log_note(INLAY_LOG_INFO, "%s: removed; a call that was killed left it", path);
    else
        log_note(INLAY_LOG_WARNING, "%s: left by a call that was killed, and cannot be removed: %s", path, err.message);
    close(fd);
}

void staging_sweep(const staging *s) {
    char *parent = path_parent(s->target);
    file_info own;
    file_names names;
    inlay_error ignored;
    if (!parent || file_stat(s->path, false, &own, &ignored) != INLAY_OK ||
        file_list(parent, &names, &ignored) != INLAY_OK) {
        mem_free(parent);
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        pid_t maker = maker_of(names.names[i], path_name(s->target));
        char *path = maker ? path_join(parent, names.names[i]) : NULL;
        if (path && strcmp(path_name(path), path_name(s->path)) != 0) sweep_one(path, maker, own.modified_ns);
        mem_free(path);
    }
    file_names_free(&names);
    mem_free(parent);
}
