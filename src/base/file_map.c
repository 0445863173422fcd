#include "base/alloc.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Maps in use, for the signal handler's question; a map that finds no slot is merely not named. */
enum { SLOTS = 8192 };
static _Atomic(file_map *) mapped[SLOTS];

static int take_slot(file_map *map) {
    static _Atomic unsigned next;
    unsigned start = atomic_fetch_add(&next, 1);
    for (unsigned i = 0; i < SLOTS; i++) {
        file_map *none = NULL;
        if (atomic_compare_exchange_strong(&mapped[(start + i) % SLOTS], &none, map)) return (int)((start + i) % SLOTS);
    }
    return -1;
}

const char *file_map_name_at(const void *address) {
    for (int i = 0; i < SLOTS; i++) {
        file_map *map = atomic_load(&mapped[i]);
        if (map && (const uint8_t *)address >= map->data && (const uint8_t *)address < map->data + map->size)
            return map->path;
    }
    return NULL;
}

static inlay_status read_copy(int fd, file_map *map, inlay_error *err) {
    uint8_t *data = mem_alloc((size_t)map->size);
    if (!data) return fail_at(err, INLAY_RESOURCE_EXHAUSTED, map->path, -1, "out of memory for a copy of the file");
    map->data = data;
    map->copied = true;
    for (uint64_t got = 0; got < map->size;) {
        ssize_t n = pread(fd, data + got, (size_t)(map->size - got), (off_t)got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(err, errno, map->path, "read");
        if (n == 0)
            return fail_at(err, INLAY_DATA_LOSS, map->path, (int64_t)got, "the file became shorter while it was read");
        got += (uint64_t)n;
    }
    return INLAY_OK;
}

static const uint8_t nothing[1]; /* the data of an empty file */

static inlay_status map_pages(int fd, file_map *map, inlay_error *err) {
    map->data = nothing;
    if (map->size == 0) return INLAY_OK;
    if (map->size > SIZE_MAX) return fail_at(err, INLAY_RESOURCE_EXHAUSTED, map->path, -1, "too large to map");
    void *pages = mmap(NULL, (size_t)map->size, PROT_READ, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED) return fail_errno(err, errno, map->path, "map");
    map->data = pages;
    map->slot = take_slot(map);
    return INLAY_OK;
}

inlay_status file_map_open(const char *path, bool copy, file_map **out, inlay_error *err) {
    inlay_status status;
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_errno(err, errno, path, "open");
    struct stat info;
    file_map *map = mem_zalloc(1, sizeof *map);
    if (!map || !(map->path = mem_strdup(path))) {
        status = fail_memory(err);
        goto failed;
    }
    map->slot = -1;
    atomic_init(&map->refs, 1);
    if (fstat(fd, &info) != 0) {
        status = fail_errno(err, errno, path, "read the size of");
        goto failed;
    }
    if (!S_ISREG(info.st_mode)) {
        status = fail_at(err, INLAY_INVALID_ARGUMENT, path, -1,
                         S_ISDIR(info.st_mode) ? "is a folder, not a file" : "is no regular file");
        goto failed;
    }
    map->size = (uint64_t)info.st_size;
    TRY_TO(failed, copy && map->size ? read_copy(fd, map, err) : map_pages(fd, map, err));
    close(fd);
    *out = map;
    return INLAY_OK;
failed:
    close(fd);
    file_map_release(map);
    return status;
}

file_map *file_map_retain(file_map *map) {
    atomic_fetch_add_explicit(&map->refs, 1, memory_order_relaxed);
    return map;
}

void file_map_release(file_map *map) {
    if (!map || atomic_fetch_sub(&map->refs, 1) > 1) return;
    void *data = (void *)(uintptr_t)map->data;
    if (map->slot >= 0) atomic_store(&mapped[map->slot], NULL);
    if (map->copied)
        mem_free(data);
    else if (data && data != nothing)
        munmap(data, (size_t)map->size);
    mem_free(map->path);
    mem_free(map);
}

void file_map_release_any(void *map) {
    file_map_release(map);
}

inlay_status file_compare(const char *original, const char *copy, inlay_error *err) {
    enum { STEP = 1 << 16 };
    file_map *a = NULL, *b = NULL;
    inlay_status status;
    TRY_TO(done, file_map_open(original, false, &a, err));
    TRY_TO(done, file_map_open(copy, false, &b, err));
    if (a->size != b->size)
        TRY_TO(done, fail_at(err, INLAY_DATA_LOSS, copy, -1, "has %" PRIu64 " bytes, %s has %" PRIu64, b->size,
                             original, a->size));
    for (uint64_t at = 0; at < a->size; at += STEP) {
        uint64_t n = a->size - at < STEP ? a->size - at : STEP;
        if (memcmp(a->data + at, b->data + at, (size_t)n) == 0) continue;
        while (a->data[at] == b->data[at]) at++;
        TRY_TO(done, fail_at(err, INLAY_DATA_LOSS, copy, (int64_t)at, "differs from %s", original));
    }
    status = INLAY_OK;
done:
    file_map_release(a);
    file_map_release(b);
    return status;
}

inlay_status file_stat(const char *path, bool follow, file_info *out, inlay_error *err) {
    struct stat info;
    if ((follow ? stat(path, &info) : lstat(path, &info)) != 0) return fail_errno(err, errno, path, "find");
    *out = (file_info){.size = (uint64_t)info.st_size,
                       .modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
                       .device = info.st_dev,
                       .inode = info.st_ino,
                       .is_folder = S_ISDIR(info.st_mode),
                       .links = (uint64_t)info.st_nlink,
                       .is_link = S_ISLNK(info.st_mode)};
    return INLAY_OK;
}

inlay_status file_real_path(const char *path, char **out, inlay_error *err) {
    *out = realpath(path, NULL); /* from malloc, as mem_free wants it */
    return *out ? INLAY_OK : fail_errno(err, errno, path, "find");
}

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_exists_in(const char *folder, const char *name) {
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s", folder, name);
    return size > 0 && size < (int)sizeof path && file_exists(path);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

inlay_status file_list(const char *folder, file_names *out, inlay_error *err) {
    *out = (file_names){0};
    DIR *stream = opendir(folder);
    if (!stream) return fail_errno(err, errno, folder, "list");
    inlay_status status = INLAY_OK;
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (out->count == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            char **grown = mem_realloc(out->names, capacity * sizeof *grown);
            if (!grown) TRY_TO(done, fail_memory(err));
            out->names = grown;
        }
        char *name = mem_strdup(entry->d_name);
        if (!name) TRY_TO(done, fail_memory(err));
        out->names[out->count++] = name;
    }
    if (errno) status = fail_errno(err, errno, folder, "list");
done:
    closedir(stream);
    if (status != INLAY_OK)
        file_names_free(out);
    else if (out->count)
        qsort(out->names, out->count, sizeof *out->names, compare_names);
    return status;
}

void file_names_free(file_names *names) {
    for (size_t i = 0; i < names->count; i++) mem_free(names->names[i]);
    mem_free(names->names);
    *names = (file_names){0};
}

char *path_join(const char *a, const char *b) {
    size_t size_a = strlen(a), size_b = strlen(b);
    bool slash = size_a > 0 && a[size_a - 1] != '/';
    char *joined = mem_alloc(size_a + slash + size_b + 1);
    if (!joined) return NULL;
    memcpy(joined, a, size_a);
    if (slash) joined[size_a] = '/';
    memcpy(joined + size_a + slash, b, size_b + 1);
    return joined;
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_parent(const char *path) {
    size_t size = (size_t)(path_name(path) - path);
    if (size == 0) return mem_strdup(".");
    while (size > 1 && path[size - 1] == '/') size--;
    char *parent = mem_alloc(size + 1);
    if (!parent) return NULL;
    memcpy(parent, path, size);
    parent[size] = 0;
    return parent;
}

/* The whole pages around SIZE bytes at DATA. */
static void *pages_around(const void *data, size_t *size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)data & ~(page - 1);
    *size += (uintptr_t)data - begin;
    return (void *)begin;
}

void file_prefetch(const void *data, size_t size) {
    void *begin = pages_around(data, &size);
    madvise(begin, size, MADV_WILLNEED); /* advice: that it is not taken is no failure */
}

uint64_t file_waits(void) {
    struct rusage used;
    return getrusage(RUSAGE_THREAD, &used) == 0 ? (uint64_t)(used.ru_majflt + used.ru_nvcsw) : 0;
}

inlay_status file_pin(const void *data, size_t size, const char *path, inlay_error *err) {
    struct rlimit most;
    void *begin = pages_around(data, &size);
    if (mlock(begin, size) == 0) return INLAY_OK;
    if (getrlimit(RLIMIT_MEMLOCK, &most) != 0) most.rlim_cur = 0;
    return fail_at(
        err, INLAY_RESOURCE_EXHAUSTED, path, -1,
        "%zu bytes of it cannot be locked in memory; the limit of the process (RLIMIT_MEMLOCK, ulimit -l) is "
        "%" PRIu64 " bytes for all",
        size, (uint64_t)most.rlim_cur);
}
