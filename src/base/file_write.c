#include "base/alloc.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFERED = 256 << 10, COPY_STEP = 8 << 20 };

struct file_writer {
    int fd;
    char *path;    /* where it goes */
    char *writing; /* where it is being written; equals path when direct */
    uint64_t flushed;
    size_t buffered;
    uint8_t buffer[BUFFERED];
};

static int checked_open(const char *path) {
    int fault = fault_check_path("open", path);
    if (fault) return errno = fault, -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static int checked_sync(int fd, const char *path) {
    int fault = fault_check_path("sync", path);
    if (fault) return errno = fault, -1;
    return fsync(fd);
}

/* PATH is what is written, NAMED what errors call it. */
static inlay_status write_all(int fd, const char *path, const char *named, uint64_t offset, const uint8_t *data,
                              size_t size, inlay_error *err) {
    while (size > 0) {
        size_t step = size;
        int fault = fault_check(
            &(fault_operation){.name = "write", .path = path, .offset = offset, .data = data, .size = &step});
        if (fault) return fail_errno(err, fault, named, "write");
        ssize_t n = pwrite(fd, data, step, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, errno, named, "write");
        data += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return INLAY_OK;
}

/* A name beside PATH that nobody else uses. */
static char *temporary_name(const char *path) {
    static _Atomic unsigned counter;
    const char *name = path_name(path);
    size_t size = strlen(path) + 48;
    char *temporary = mem_alloc(size);
    if (temporary)
        snprintf(temporary, size, "%.*s.%s.inlay-%ld-%u", (int)(name - path), path, name, (long)getpid(),
                 atomic_fetch_add(&counter, 1));
    return temporary;
}

inlay_status file_create(const char *path, file_mode mode, file_writer **out, inlay_error *err) {
    *out = NULL;
    file_writer *w = mem_alloc(sizeof *w);
    if (!w) return fail_memory(err);
    w->fd = -1;
    w->flushed = w->buffered = 0;
    w->path = mem_strdup(path);
    w->writing = mode == FILE_DIRECT ? mem_strdup(path) : temporary_name(path);
    inlay_status status = INLAY_OK;
    if (!w->path || !w->writing)
        status = fail_memory(err);
    else if ((w->fd = checked_open(w->writing)) < 0)
        status = fail_errno(err, errno, path, "create");
    if (status != INLAY_OK) {
        mem_free(w->path);
        mem_free(w->writing);
        mem_free(w);
        return status;
    }
    *out = w;
    return INLAY_OK;
}

static inlay_status flush(file_writer *w, inlay_error *err) {
    TRY(write_all(w->fd, w->writing, w->path, w->flushed, w->buffer, w->buffered, err));
    w->flushed += w->buffered;
    w->buffered = 0;
    return INLAY_OK;
}

inlay_status file_append(file_writer *w, const void *data, size_t size, inlay_error *err) {
    if (size > BUFFERED - w->buffered) TRY(flush(w, err));
    if (size > BUFFERED) {
        TRY(write_all(w->fd, w->writing, w->path, w->flushed, data, size, err));
        w->flushed += size;
        return INLAY_OK;
    }
    if (size) memcpy(w->buffer + w->buffered, data, size);
    w->buffered += size;
    return INLAY_OK;
}

inlay_status file_patch(file_writer *w, uint64_t offset, const void *data, size_t size, inlay_error *err) {
    TRY(flush(w, err));
    return write_all(w->fd, w->writing, w->path, offset, data, size, err);
}

uint64_t file_position(const file_writer *w) {
    return w->flushed + w->buffered;
}

static void release_writer(file_writer *w, bool remove_file) {
    if (w->fd >= 0) close(w->fd);
    if (remove_file) unlink(w->writing);
    mem_free(w->path);
    mem_free(w->writing);
    mem_free(w);
}

inlay_status file_commit(file_writer *w, inlay_error *err) {
    bool atomic = strcmp(w->path, w->writing) != 0;
    char *parent = path_parent(w->path); /* before the rename: behind it nothing may fail that need not */
    inlay_status status = parent ? flush(w, err) : fail_memory(err);
    if (status == INLAY_OK && atomic && checked_sync(w->fd, w->writing) != 0)
        status = fail_errno(err, errno, w->path, "sync");
    if (close(w->fd) != 0 && status == INLAY_OK) status = fail_errno(err, errno, w->path, "close");
    w->fd = -1;
    if (status == INLAY_OK && atomic) status = file_rename(w->writing, w->path, err);
    bool keep = status == INLAY_OK;
    if (keep && atomic) status = file_sync(parent, err);
    mem_free(parent);
    release_writer(w, !keep);
    return status;
}

void file_abandon(file_writer *w) {
    if (w) release_writer(w, true);
}

inlay_status file_write_all(const char *path, file_mode mode, bytes data, inlay_error *err) {
    file_writer *w;
    TRY(file_create(path, mode, &w, err));
    inlay_status status = file_append(w, data.data, data.size, err);
    if (status == INLAY_OK) return file_commit(w, err);
    file_abandon(w);
    return status;
}

/* Copies SIZE bytes, from FROM_AT on to TO_AT on, by the kernel's own means first, which shares extents where the file
 * system can. */
static inlay_status copy_bytes(int from, uint64_t from_at, int to, uint64_t to_at, uint64_t size, const char *source,
                               const char *target, progress *p, inlay_error *err) {
    uint8_t *step_buffer = NULL;
    inlay_status status = INLAY_OK;
    for (uint64_t done = 0; done < size && status == INLAY_OK;) {
        size_t step = size - done > COPY_STEP ? COPY_STEP : (size_t)(size - done);
        size_t allowed = step;
        int fault = fault_check(&(fault_operation){.name = "copy",
                                                   .path = target,
                                                   .from = source,
                                                   .offset = to_at + done,
                                                   .from_offset = from_at + done,
                                                   .size = &allowed});
        if (fault) {
            status = fail_errno(err, fault, target, "write");
            break;
        }
        off_t in = (off_t)(from_at + done), out_offset = (off_t)(to_at + done);
        ssize_t n = step_buffer ? -1 : copy_file_range(from, &in, to, &out_offset, allowed, 0);
        if (n < 0 && errno == ENOSPC) {
            status = fail_errno(err, errno, target, "write");
            break;
        }
        if (n <= 0) {
            if (!step_buffer && !(step_buffer = mem_alloc(COPY_STEP))) {
                status = fail_memory(err);
                break;
            }
            n = pread(from, step_buffer, allowed, (off_t)(from_at + done));
            if (n < 0) status = fail_errno(err, errno, source, "read");
            if (n == 0)
                status = fail_at(err, INLAY_DATA_LOSS, source, (int64_t)(from_at + done),
                                 "the file became shorter while it was copied");
            if (n > 0) status = write_all(to, target, target, to_at + done, step_buffer, (size_t)n, err);
        }
        if (n > 0) done += (uint64_t)n;
        if (n > 0 && p && !progress_add(p, (uint64_t)n)) status = progress_check(p, err);
    }
    mem_free(step_buffer);
    return status;
}

/* Shares the extents of whole blocks around the bytes; false where the file system cannot. */
static bool clone_range(file_writer *w, int from, uint64_t offset, uint64_t size, uint64_t *at) {
    enum { BLOCK = 4096 };
    struct stat info;
    if (size < BLOCK || fstat(from, &info) != 0) return false;
    uint64_t end = (offset + size + BLOCK - 1) / BLOCK * BLOCK;
    if (end > (uint64_t)info.st_size) end = (uint64_t)info.st_size;
    struct file_clone_range range = {.src_fd = from,
                                     .src_offset = offset / BLOCK * BLOCK,
                                     .src_length = end - offset / BLOCK * BLOCK,
                                     .dest_offset = (w->flushed + BLOCK - 1) / BLOCK * BLOCK};
    if (end < offset + size || ioctl(w->fd, FICLONERANGE, &range) != 0) return false;
    *at = range.dest_offset + offset % BLOCK;
    w->flushed = range.dest_offset + range.src_length;
    return true;
}

inlay_status file_append_range(file_writer *w, const char *source, uint64_t offset, uint64_t size, bool may_copy,
                               uint64_t *at, bool *done, inlay_error *err) {
    TRY(flush(w, err));
    int from = open(source, O_RDONLY | O_CLOEXEC);
    if (from < 0) return fail_errno(err, errno, source, "open");
    int fault = fault_check_path("clone", w->writing);
    inlay_status status = fault ? fail_errno(err, fault, w->path, "write") : INLAY_OK;
    *done = !fault && clone_range(w, from, offset, size, at);
    if (!fault && !*done && may_copy) {
        *at = w->flushed;
        status = copy_bytes(from, offset, w->fd, w->flushed, size, source, w->writing, NULL, err);
        *done = status == INLAY_OK;
        if (*done) w->flushed += size;
    }
    close(from);
    return status;
}

/* Tries a reflink; falls back to copying the bytes unless only a reflink will do. */
static inlay_status clone_or_copy(const char *source, const char *target, bool may_copy, inlay_link *done, progress *p,
                                  inlay_error *err) {
    int from = open(source, O_RDONLY | O_CLOEXEC);
    if (from < 0) return fail_errno(err, errno, source, "open");
    inlay_status status = INLAY_OK;
    struct stat info;
    int to = checked_open(target);
    if (to < 0) {
        status = fail_errno(err, errno, target, "create");
    } else if (fstat(from, &info) != 0) {
        status = fail_errno(err, errno, source, "read the size of");
    } else if (*done != INLAY_LINK_COPY && ioctl(to, FICLONE, from) == 0) {
        *done = INLAY_LINK_REFLINK;
    } else if (!may_copy) {
        status = fail_at(err, INLAY_UNIMPLEMENTED, source, -1,
                         "this file system cannot reflink; use another way of placing shards");
    } else {
        *done = INLAY_LINK_COPY;
        status = copy_bytes(from, 0, to, 0, (uint64_t)info.st_size, source, target, p, err);
    }
    close(from);
    if (to >= 0 && close(to) != 0 && status == INLAY_OK) status = fail_errno(err, errno, target, "close");
    if (status != INLAY_OK && to >= 0) unlink(target);
    return status;
}

static int checked_link(const char *source, const char *target) {
    int fault = fault_check(&(fault_operation){.name = "link", .path = target, .from = source});
    if (fault) return errno = fault, -1;
    return linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW);
}

inlay_status file_place(const char *source, const char *target, inlay_link how, inlay_link *done, struct progress *p,
                        inlay_error *err) {
    inlay_link unused;
    if (!done) done = &unused;
    *done = how;
    if (how == INLAY_LINK_COPY) return clone_or_copy(source, target, true, done, p, err);
    if (how == INLAY_LINK_REFLINK) return clone_or_copy(source, target, false, done, p, err);
    if (how == INLAY_LINK_AUTO) {
        inlay_error clone_error;
        inlay_status status = clone_or_copy(source, target, false, done, p, &clone_error);
        if (status != INLAY_OK && status != INLAY_UNIMPLEMENTED && err) *err = clone_error;
        if (status != INLAY_UNIMPLEMENTED) return status;
    }
    *done = INLAY_LINK_HARD;
    if (checked_link(source, target) == 0) return INLAY_OK;
    bool cannot_link = errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP || errno == ENOSYS;
    if (errno == ENOENT || errno == EACCES) return fail_errno(err, errno, source, "link");
    if (!cannot_link) return fail_errno(err, errno, target, "make the link");
    if (how == INLAY_LINK_HARD) return fail_errno(err, errno, source, "make a hard link of");
    return clone_or_copy(source, target, true, done, p, err);
}

/* A symbolic link with the text TEXT, or nothing. */
static int checked_symlink(const char *text, const char *target) {
    int fault = fault_check(&(fault_operation){.name = "symlink", .path = target, .from = text});
    if (fault) return errno = fault, -1;
    return symlink(text, target);
}

static inlay_status share_link(const char *source, const char *target, inlay_error *err) {
    char text[PATH_MAX];
    file_info from, to;
    inlay_error ignored;
    ssize_t n = readlink(source, text, sizeof text - 1);
    if (n < 0) return fail_errno(err, errno, source, "read the link");
    text[n] = 0;
    TRY(file_stat(source, true, &from, err));
    if (checked_symlink(text, target) != 0) return fail_errno(err, errno, target, "make the link");
    if (file_stat(target, true, &to, &ignored) == INLAY_OK && file_info_equal(&from, &to)) return INLAY_OK;
    unlink(target); /* a relative one, and the folders are not beside each other */
    if (!realpath(source, text)) return fail_errno(err, errno, source, "follow the link");
    return checked_symlink(text, target) == 0 ? INLAY_OK : fail_errno(err, errno, target, "make the link");
}

inlay_status file_share(const char *source, const char *target, inlay_error *err) {
    file_info info;
    TRY(file_stat(source, false, &info, err));
    if (info.is_link) return share_link(source, target, err);
    return file_place(source, target, INLAY_LINK_MOVE, NULL, NULL, err);
}
