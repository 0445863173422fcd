/* Files: read by map, written whole or not at all. The only place of the library that writes to a file system.
 *
 * Every system call that writes goes through the fault hook (fault.h), so that tests can kill, fail or shorten any of
 * them. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buffer.h"
#include "base/error.h"

/* ---- reading */

/* A whole file in memory, shared by reference count. */
typedef struct file_map {
    const uint8_t *data; /* never NULL, also when size is 0 */
    uint64_t size;
    char *path;
    bool copied; /* in memory of our own instead of mapped */
    _Atomic int refs;
    int slot;
} file_map;

/* Maps PATH read-only; with COPY its bytes are read into memory instead. *out is the caller's (file_map_release).
 * Errors: as the system gives them, naming PATH; INVALID_ARGUMENT when it is no regular file. */
inlay_status file_map_open(const char *path, bool copy, file_map **out, inlay_error *err);
file_map *file_map_retain(file_map *mapped);
void file_map_release(file_map *mapped); /* NULL is fine */
void file_map_release_any(void *mapped); /* the same, as a release callback */
static inline bytes file_map_bytes(const file_map *mapped) {
    return bytes_make(mapped->data, (size_t)mapped->size);
}

/* Path of the mapped file that holds ADDRESS, or NULL. Safe in a signal handler. */
const char *file_map_name_at(const void *address);

/* Reads SIZE bytes at DATA, part of the mapped file PATH, and keeps them in memory until they are unmapped.
 * RESOURCE_EXHAUSTED when that is more than the process may lock. */
inlay_status file_pin(const void *data, size_t size, const char *path, inlay_error *err);

/* Has SIZE bytes at DATA, of a mapped file, read without waiting for them. Nothing where they are in memory. */
void file_prefetch(const void *data, size_t size);

/* How often this thread has waited so far, for a page to be read or for anything else. */
uint64_t file_waits(void);

typedef struct file_info {
    uint64_t size; /* bytes */
    int64_t modified_ns;
    uint64_t device, inode;
    uint64_t links; /* names that it has */
    bool is_folder, is_link;
} file_info;

/* Of PATH, following symbolic links (not when it is one and FOLLOW is false). NOT_FOUND when there is none. */
inlay_status file_stat(const char *path, bool follow, file_info *out, inlay_error *err);
bool file_exists(const char *path);
bool file_exists_in(const char *folder, const char *name); /* needs no memory, whose lack would look like a no */

/* Whether both were the same file in the same state. */
static inline bool file_info_equal(const file_info *a, const file_info *b) {
    return a->size == b->size && a->modified_ns == b->modified_ns && a->device == b->device && a->inode == b->inode;
}

/* PATH without symbolic links and dots, on the heap (mem_free). NULL on failure. */
inlay_status file_real_path(const char *path, char **out, inlay_error *err);

/* Names in a folder, without "." and "..", in bytewise order. */
typedef struct file_names {
    char **names;
    size_t count;
} file_names;
inlay_status file_list(const char *folder, file_names *out, inlay_error *err);
void file_names_free(file_names *names);

/* "A/B", on the heap (mem_free), NULL when memory is out. An empty A gives B. */
char *path_join(const char *a, const char *b);
const char *path_name(const char *path); /* what follows the last '/' */
/* The folder that PATH is in ("." for a bare name, "/" for one at the root), on the heap; NULL when memory is out. */
char *path_parent(const char *path);

/* ---- writing */

typedef struct file_writer file_writer;

typedef enum file_mode {
    FILE_ATOMIC, /* written beside PATH and renamed over it by file_commit */
    FILE_DIRECT  /* created at PATH, which must not exist: inside a staged folder */
} file_mode;

/* Begins a file. *out is ended by file_commit or file_abandon. */
inlay_status file_create(const char *path, file_mode mode, file_writer **out, inlay_error *err);
inlay_status file_append(file_writer *w, const void *data, size_t size, inlay_error *err); /* buffered */
/* Appends SIZE bytes from OFFSET on of the file SOURCE, which share its blocks where the file system can; blocks of
 * SOURCE around them come along then. *at is where they begin in W. Elsewhere they are copied, or, unless MAY_COPY,
 * nothing is done; *done says so. */
inlay_status file_append_range(file_writer *w, const char *source, uint64_t offset, uint64_t size, bool may_copy,
                               uint64_t *at, bool *done, inlay_error *err);
/* Overwrites bytes that were appended before. */
inlay_status file_patch(file_writer *w, uint64_t offset, const void *data, size_t size, inlay_error *err);
uint64_t file_position(const file_writer *w); /* bytes appended so far */
/* Flushes, syncs, renames. W is gone afterwards, whatever the result. On failure PATH is as it was, or, when only the
 * sync of its folder failed, whole and new. */
inlay_status file_commit(file_writer *w, inlay_error *err);
void file_abandon(file_writer *w); /* nothing remains; NULL is fine */

inlay_status file_write_all(const char *path, file_mode mode, bytes data, inlay_error *err);

/* Puts SOURCE at TARGET (which must not exist): HOW is what is allowed, *done (may be NULL) what was done:
 * INLAY_LINK_REFLINK, _HARD or _COPY. _MOVE here means a hard link where the file system can, else a copy. A linked
 * file's mode and times are not touched. A copy counts its bytes into PROGRESS (may be NULL). */
struct progress;
inlay_status file_place(const char *source, const char *target, inlay_link how, inlay_link *done,
                        struct progress *progress, inlay_error *err);

/* Another name TARGET for what SOURCE is: a hard link where the file system can, else a copy; of a symbolic link one
 * that leads to the same file. */
inlay_status file_share(const char *source, const char *target, inlay_error *err);

/* The same for all that is below folder FROM, into folder TO: folders that are not there yet are made, with their
 * modes. What SKIP (may be NULL) says by its path below FROM is left out, of folders all that is in them. */
inlay_status file_share_tree(const char *from, const char *to, bool (*skip)(const void *ctx, const char *relative),
                             const void *ctx, inlay_error *err);

/* DATA_LOSS, naming COPY and the first byte that differs, when COPY does not hold what ORIGINAL does. */
inlay_status file_compare(const char *original, const char *copy, inlay_error *err);

inlay_status file_make_folder(const char *path, inlay_error *err);
/* Gives TO the permissions, and where that is allowed the owner, of FROM. */
inlay_status file_copy_mode(const char *from, const char *to, inlay_error *err);
inlay_status file_remove(const char *path, inlay_error *err);
inlay_status file_remove_tree(const char *path, inlay_error *err);
inlay_status file_rename(const char *from, const char *to, inlay_error *err);
inlay_status file_sync(const char *path, inlay_error *err); /* a file, or the names in a folder */

/* ---- a folder that appears whole */

typedef struct staging {
    char *path;            /* the folder to fill */
    char *target;          /* where it goes */
    int lock;              /* descriptor of the folder, locked as a sign of life, plus 1; 0: none */
    bool links_are_synced; /* for its owner to set: a file that has other names was on the disk before */
} staging;

/* Makes an empty folder beside TARGET, on the same file system, with the modes that umask gives. What calls that were
 * killed left for TARGET goes. */
inlay_status staging_begin(const char *target, staging *out, inlay_error *err);

/* Syncs what is in it and renames it to its target. REPLACE false: ALREADY_EXISTS when the target is there. REPLACE
 * true: exchanges the two and deletes the old one last. S is released, whatever the result; on failure the target is as
 * it was. *sync_seconds (may be NULL) is the time that syncing took. */
inlay_status staging_commit(staging *s, bool replace, double *sync_seconds, inlay_error *err);
void staging_abandon(staging *s); /* removes the folder; fine after commit or when never begun (zeroed) */

/* file_leftovers.c: removes folders ".NAME.inlay-PID-N" beside the target which nobody has locked. */
void staging_sweep(const staging *s);
/* Removes what killed calls left of files beside PREFIX that were to be called PREFIX and anything behind it. */
void file_sweep(const char *prefix);
int file_lock_folder(const char *path); /* a descriptor that holds the lock until it is closed; -1 when there is none */

/* The same for a file or folder that is edited: *out is closed by its owner. ABORTED when another editor holds it. */
inlay_status file_lock(const char *path, int *out, inlay_error *err);

#endif
