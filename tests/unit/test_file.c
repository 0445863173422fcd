#include "unit/scratch.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the fault hook: fails or shortens operation number `at`, and remembers what was asked */

typedef struct fault_plan {
    int at, error; /* operation from 1; 0: none */
    bool shorten;
    int seen;
    char operations[64][12];
} fault_plan;

static int planned_fault(void *user, const char *operation, const char *path, size_t *size) {
    fault_plan *plan = user;
    assert_non_null(path);
    if (plan->seen < 64) snprintf(plan->operations[plan->seen], sizeof plan->operations[0], "%s", operation);
    plan->seen++;
    if (plan->seen != plan->at) return 0;
    if (plan->shorten && size && *size > 1) *size = 1;
    return plan->error;
}

static int scratch_remove_unhooked(void **state) {
    fault_set(NULL, NULL);
    return scratch_remove(state);
}

/* ---- reading */

static void a_map_shows_the_file_and_names_its_addresses(void **state) {
    inlay_error err;
    const char *path = scratch_path(state, "data");
    scratch_write(path, "hello", 5);
    for (int copy = 0; copy < 2; copy++) {
        file_map *map;
        assert_ok(file_map_open(path, copy, &map, &err), &err);
        assert_int_equal(5, map->size);
        assert_memory_equal(map->data, "hello", 5);
        const char *name = file_map_name_at(map->data + 4);
        if (copy) {
            assert_null(name);
        } else {
            assert_string_equal(name, path);
        }
        const uint8_t *data = map->data;
        file_map_release(file_map_retain(map));
        file_map_release(map);
        assert_null(file_map_name_at(data));
    }
}

static void an_empty_file_maps_to_nothing(void **state) {
    inlay_error err;
    const char *path = scratch_path(state, "empty");
    scratch_write(path, "", 0);
    for (int copy = 0; copy < 2; copy++) {
        file_map *map;
        assert_ok(file_map_open(path, copy, &map, &err), &err);
        assert_int_equal(0, map->size);
        assert_non_null(map->data);
        file_map_release(map);
    }
}

static void what_is_no_file_is_refused_by_name(void **state) {
    inlay_error err;
    file_map *map = (file_map *)state;
    assert_status(INLAY_NOT_FOUND, file_map_open(scratch_path(state, "absent"), false, &map, &err), &err);
    assert_contains(err.message, "absent");
    assert_string_equal(err.file, scratch_path(state, "absent"));
    assert_null(map);
    assert_status(INLAY_INVALID_ARGUMENT, file_map_open(*state, false, &map, &err), &err);
    assert_contains(err.message, "is a folder");
    const char *pipe = scratch_path(state, "pipe");
    assert_int_equal(0, mkfifo(pipe, 0600));
    assert_status(INLAY_INVALID_ARGUMENT, file_map_open(pipe, false, &map, &err), &err);
    assert_contains(err.message, "no regular file");
}

static void a_listing_is_sorted_bytewise(void **state) {
    inlay_error err;
    static const char *const names[] = {"b", "a", "10", "2", ".hidden", "\xc3\xa9", "B"};
    static const char *const sorted[] = {".hidden", "10", "2", "B", "a", "b", "\xc3\xa9"};
    enum { N = sizeof names / sizeof *names };
    for (size_t i = 0; i < N; i++) scratch_write(scratch_path(state, names[i]), "", 0);
    file_names list;
    assert_ok(file_list(*state, &list, &err), &err);
    assert_int_equal(N, list.count);
    for (size_t i = 0; i < N; i++) assert_string_equal(sorted[i], list.names[i]);
    file_names_free(&list);
    assert_status(INLAY_NOT_FOUND, file_list(scratch_path(state, "absent"), &list, &err), &err);
    assert_int_equal(0, list.count);
}

static void a_large_folder_is_listed_whole(void **state) {
    inlay_error err;
    char name[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "f%03d", i);
        scratch_write(scratch_path(state, name), "", 0);
    }
    file_names list;
    assert_ok(file_list(*state, &list, &err), &err);
    assert_int_equal(300, list.count);
    assert_string_equal("f299", list.names[299]);
    file_names_free(&list);
}

static void paths_join_with_one_slash(void **state) {
    (void)state;
    static const struct {
        const char *a, *b, *joined, *name, *parent;
    } cases[] = {
        {"a", "b", "a/b", "b", "a"},    {"a/", "b", "a/b", "b", "a"}, {"", "b", "b", "b", "."},
        {"/", "b", "/b", "b", "/"},     {"a", "", "a/", "", "a"},     {"x/y", "z/w", "x/y/z/w", "w", "x/y/z"},
        {"a//", "b", "a//b", "b", "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *joined = path_join(cases[i].a, cases[i].b);
        assert_string_equal(cases[i].joined, joined);
        assert_string_equal(cases[i].name, path_name(joined));
        char *parent = path_parent(joined);
        assert_string_equal(cases[i].parent, parent);
        mem_free(joined);
        mem_free(parent);
    }
}

static void stat_tells_links_from_what_they_name(void **state) {
    inlay_error err;
    const char *file = scratch_path(state, "file"), *link_path = scratch_path(state, "link");
    scratch_write(file, "1234", 4);
    assert_int_equal(0, symlink("file", link_path));
    file_info of_file, followed, not_followed;
    assert_ok(file_stat(file, true, &of_file, &err), &err);
    assert_ok(file_stat(link_path, true, &followed, &err), &err);
    assert_ok(file_stat(link_path, false, &not_followed, &err), &err);
    assert_int_equal(4, followed.size);
    assert_true(of_file.inode == followed.inode && of_file.modified_ns == followed.modified_ns);
    assert_true(not_followed.is_link && !followed.is_link && !followed.is_folder);
    assert_status(INLAY_NOT_FOUND, file_stat(scratch_path(state, "absent"), true, &followed, &err), &err);
}

/* ---- writing one file */

static void what_was_appended_and_patched_is_in_the_file(void **state) {
    inlay_error err;
    enum { N = 700001 }; /* beyond the writer's buffer */
    static uint8_t wanted[N];
    for (int mode = 0; mode < 2; mode++) {
        const char *path = scratch_path(state, mode ? "direct" : "atomic");
        file_writer *w;
        assert_ok(file_create(path, mode ? FILE_DIRECT : FILE_ATOMIC, &w, &err), &err);
        srand(7);
        for (size_t i = 0; i < N; i++) wanted[i] = (uint8_t)rand();
        size_t done = 0;
        while (done < N) {
            size_t step = (size_t)rand() % 3 ? (size_t)rand() % 5000 : (size_t)rand() % 400000;
            if (step > N - done) step = N - done;
            assert_ok(file_append(w, wanted + done, step, &err), &err);
            done += step;
            assert_int_equal(done, file_position(w));
            if (done > 100 && rand() % 4 == 0) {
                size_t at = (size_t)rand() % (done - 8);
                memset(wanted + at, 0x5a, 8);
                assert_ok(file_patch(w, at, wanted + at, 8, &err), &err);
            }
        }
        assert_ok(file_commit(w, &err), &err);
        assert_true(scratch_holds(path, wanted, N));
    }
    assert_int_equal(2, scratch_count(state));
}

static void an_atomic_file_appears_at_its_commit(void **state) {
    inlay_error err;
    const char *path = scratch_path(state, "file");
    scratch_write(path, "old", 3);
    file_writer *w;
    assert_ok(file_create(path, FILE_ATOMIC, &w, &err), &err);
    assert_ok(file_append(w, "new text", 8, &err), &err);
    assert_true(scratch_holds(path, "old", 3));
    assert_ok(file_commit(w, &err), &err);
    assert_true(scratch_holds(path, "new text", 8));
    assert_int_equal(1, scratch_count(state));
}

static void an_abandoned_file_leaves_nothing(void **state) {
    inlay_error err;
    for (int mode = 0; mode < 2; mode++) {
        file_writer *w;
        assert_ok(file_create(scratch_path(state, "file"), mode ? FILE_DIRECT : FILE_ATOMIC, &w, &err), &err);
        assert_ok(file_append(w, "text", 4, &err), &err);
        file_abandon(w);
        assert_int_equal(0, scratch_count(state));
    }
    file_abandon(NULL);
}

static void a_direct_file_must_be_new(void **state) {
    inlay_error err;
    file_writer *w = (file_writer *)state;
    const char *path = scratch_path(state, "file");
    scratch_write(path, "old", 3);
    assert_status(INLAY_ALREADY_EXISTS, file_create(path, FILE_DIRECT, &w, &err), &err);
    assert_null(w);
    assert_true(scratch_holds(path, "old", 3));
}

static void new_files_honour_umask(void **state) {
    inlay_error err;
    mode_t before = umask(027);
    const char *path = scratch_path(state, "file");
    assert_ok(file_write_all(path, FILE_ATOMIC, bytes_of("x"), &err), &err);
    umask(before);
    struct stat info;
    assert_int_equal(0, stat(path, &info));
    assert_int_equal(0640, info.st_mode & 0777);
}

/* Each operation of an atomic write fails in turn: the old file is whole or the new one is, and nothing is left over.
 */
static void a_fault_leaves_the_old_file_or_the_new(void **state) {
    static const int errors[] = {ENOSPC, EIO};
    const char *path = scratch_path(state, "file");
    enum { N = 600000 };
    uint8_t *data = mem_zalloc(N, 1);
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
        int failures = 0;
        for (int at = 1;; at++) {
            scratch_write(path, "old", 3);
            fault_plan plan = {.at = at, .error = errors[e]};
            fault_set(planned_fault, &plan);
            inlay_error err = {0};
            inlay_status status = file_write_all(path, FILE_ATOMIC, bytes_make(data, N), &err);
            fault_set(NULL, NULL);
            if (plan.seen < at) {
                assert_int_equal(INLAY_OK, status);
                break;
            }
            failures++;
            assert_int_equal(errors[e] == ENOSPC ? INLAY_RESOURCE_EXHAUSTED : INLAY_UNAVAILABLE, status);
            assert_contains(err.message, errors[e] == ENOSPC ? "No space left" : "Input/output error");
            bool renamed = at > 1 && strcmp(plan.operations[at - 2], "rename") == 0; /* only the folder's sync failed */
            assert_true(renamed ? scratch_holds(path, data, N) : scratch_holds(path, "old", 3));
            assert_int_equal(1, scratch_count(state));
        }
        assert_int_equal(5, failures); /* open, write, sync, rename, sync */
    }
    mem_free(data);
}

static void a_short_write_is_continued(void **state) {
    inlay_error err;
    enum { N = 600000 };
    uint8_t *data = mem_alloc(N);
    for (size_t i = 0; i < N; i++) data[i] = (uint8_t)(i * 7);
    const char *path = scratch_path(state, "file");
    for (int at = 1; at <= 3; at++) {
        fault_plan plan = {.at = at, .shorten = true};
        fault_set(planned_fault, &plan);
        assert_ok(file_write_all(path, FILE_ATOMIC, bytes_make(data, N), &err), &err);
        fault_set(NULL, NULL);
        assert_true(scratch_holds(path, data, N));
    }
    mem_free(data);
}

/* ---- placing */

static void placing_gives_the_bytes_and_says_how(void **state) {
    inlay_error err;
    static const inlay_link ways[] = {INLAY_LINK_AUTO, INLAY_LINK_HARD, INLAY_LINK_MOVE, INLAY_LINK_COPY};
    const char *source = scratch_path(state, "source"), *target = scratch_path(state, "target");
    scratch_write(source, "vectors", 7);
    struct stat before, after, placed;
    assert_int_equal(0, stat(source, &before));
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        inlay_link done = (inlay_link)-1;
        assert_ok(file_place(source, target, ways[i], &done, NULL, &err), &err);
        assert_true(scratch_holds(target, "vectors", 7));
        assert_int_equal(0, stat(source, &after));
        assert_int_equal(0, stat(target, &placed));
        bool shared = after.st_ino == placed.st_ino;
        assert_int_equal(shared, done == INLAY_LINK_HARD);
        if (ways[i] == INLAY_LINK_COPY) assert_int_equal(INLAY_LINK_COPY, done);
        if (ways[i] == INLAY_LINK_HARD) assert_int_equal(INLAY_LINK_HARD, done);
        assert_int_equal(before.st_mode, after.st_mode);
        assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
        assert_int_equal(0, unlink(target));
    }
}

static void a_reflink_is_made_or_refused_never_faked(void **state) {
    inlay_error err;
    const char *source = scratch_path(state, "source"), *target = scratch_path(state, "target");
    scratch_write(source, "vectors", 7);
    inlay_link done;
    inlay_status status = file_place(source, target, INLAY_LINK_REFLINK, &done, NULL, &err);
    if (status == INLAY_OK) {
        assert_int_equal(INLAY_LINK_REFLINK, done);
        assert_true(scratch_holds(target, "vectors", 7));
    } else {
        assert_int_equal(INLAY_UNIMPLEMENTED, status);
        assert_contains(err.message, "cannot reflink");
        assert_int_equal(-1, access(target, F_OK));
    }
}

static void placing_over_a_file_is_refused(void **state) {
    static const inlay_link ways[] = {INLAY_LINK_AUTO, INLAY_LINK_REFLINK, INLAY_LINK_HARD, INLAY_LINK_MOVE,
                                      INLAY_LINK_COPY};
    inlay_error err;
    const char *source = scratch_path(state, "source"), *target = scratch_path(state, "target");
    scratch_write(source, "vectors", 7);
    scratch_write(target, "mine", 4);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_status(INLAY_ALREADY_EXISTS, file_place(source, target, ways[i], NULL, NULL, &err), &err);
        assert_contains(err.message, "target");
        assert_true(scratch_holds(target, "mine", 4));
    }
}

static void a_symbolic_link_is_placed_as_what_it_names(void **state) {
    inlay_error err;
    const char *link_path = scratch_path(state, "link"), *target = scratch_path(state, "target");
    scratch_write(scratch_path(state, "source"), "vectors", 7);
    assert_int_equal(0, symlink("source", link_path));
    assert_ok(file_place(link_path, target, INLAY_LINK_HARD, NULL, NULL, &err), &err);
    struct stat info;
    assert_int_equal(0, lstat(target, &info));
    assert_true(S_ISREG(info.st_mode));
}

/* A copy of several steps, each of which fails in turn. */
static void a_failed_copy_leaves_nothing(void **state) {
    enum { N = 20 << 20 };
    const char *source = scratch_path(state, "source"), *target = scratch_path(state, "target");
    uint8_t *data = mem_zalloc(N, 1);
    data[N - 1] = 1;
    scratch_write(source, data, N);
    int at = 1;
    for (;; at++) {
        fault_plan plan = {.at = at, .error = ENOSPC};
        fault_set(planned_fault, &plan);
        inlay_error err = {0};
        inlay_status status = file_place(source, target, INLAY_LINK_COPY, NULL, NULL, &err);
        fault_set(NULL, NULL);
        if (plan.seen < at) break;
        assert_int_equal(INLAY_RESOURCE_EXHAUSTED, status);
        assert_contains(err.message, "target");
        assert_int_equal(1, scratch_count(state));
    }
    assert_true(at > 3);
    assert_true(scratch_holds(target, data, N));
    mem_free(data);
}

static bool stop_at_half(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)stage;
    *(uint64_t *)user = done;
    return done < total / 2;
}

static void a_copy_can_be_cancelled(void **state) {
    enum { N = 40 << 20 };
    inlay_error err;
    const char *source = scratch_path(state, "source"), *target = scratch_path(state, "target");
    scratch_write(source, "", 0);
    assert_int_equal(0, truncate(source, N));
    uint64_t done = 0;
    progress p;
    progress_start(&p, stop_at_half, &done, "copy", N);
    assert_status(INLAY_CANCELLED, file_place(source, target, INLAY_LINK_COPY, NULL, &p, &err), &err);
    assert_in_range(done, N / 2, N - 1);
    assert_int_equal(-1, access(target, F_OK));
}

/* ---- staging */

static void a_staged_folder_appears_whole(void **state) {
    inlay_error err;
    staging s;
    const char *target = scratch_path(state, "model");
    assert_ok(staging_begin(scratch_path(state, "model//"), &s, &err), &err);
    assert_string_equal(target, s.target);
    char *inside = path_join(s.path, "variables");
    assert_ok(file_make_folder(inside, &err), &err);
    char *file = path_join(inside, "index");
    assert_ok(file_write_all(file, FILE_DIRECT, bytes_of("x"), &err), &err);
    assert_int_equal(-1, access(target, F_OK));
    double seconds = -1;
    assert_ok(staging_commit(&s, false, &seconds, &err), &err);
    assert_true(seconds >= 0);
    assert_true(scratch_holds(scratch_path(state, "model/variables/index"), "x", 1));
    assert_int_equal(1, scratch_count(state));
    mem_free(inside);
    mem_free(file);
    staging_abandon(&s);
}

/* Fills a stage for TARGET with one file that holds TEXT. */
static void stage(const char *target, const char *text, staging *s) {
    inlay_error err;
    assert_ok(staging_begin(target, s, &err), &err);
    char *file = path_join(s->path, "file");
    assert_ok(file_write_all(file, FILE_DIRECT, bytes_of(text), &err), &err);
    mem_free(file);
}

static void an_existing_target_is_kept_unless_replaced(void **state) {
    inlay_error err;
    staging s;
    const char *target = scratch_path(state, "model");
    stage(target, "one", &s);
    assert_ok(staging_commit(&s, true, NULL, &err), &err);
    stage(target, "two", &s);
    assert_status(INLAY_ALREADY_EXISTS, staging_commit(&s, false, NULL, &err), &err);
    assert_true(scratch_holds(scratch_path(state, "model/file"), "one", 3));
    assert_int_equal(1, scratch_count(state));
    stage(target, "two", &s);
    assert_ok(staging_commit(&s, true, NULL, &err), &err);
    assert_true(scratch_holds(scratch_path(state, "model/file"), "two", 3));
    assert_int_equal(1, scratch_count(state));
}

static void an_abandoned_stage_leaves_nothing(void **state) {
    staging s;
    stage(scratch_path(state, "model"), "one", &s);
    staging_abandon(&s);
    assert_int_equal(0, scratch_count(state));
    staging_abandon(&s);
    staging_abandon(&(staging){0});
}

/* A folder with a file in it, as a call leaves that is killed. */
static void make_leftover(void **state, const char *name) {
    char file[1200];
    inlay_error err;
    assert_ok(file_make_folder(scratch_path(state, name), &err), &err);
    snprintf(file, sizeof file, "%s/file", scratch_path(state, name));
    assert_ok(file_write_all(file, FILE_DIRECT, bytes_of("x"), &err), &err);
}

static void what_a_killed_call_left_goes_and_nothing_else(void **state) {
    enum { NOBODY = 999999999 }; /* no process has this number: Linux ends at 2^22 */
    char own[64], old[64], locked[64];
    snprintf(own, sizeof own, ".model.inlay-%ld-7", (long)getpid());
    snprintf(old, sizeof old, ".model.inlay-%ld-8", (long)getpid());
    snprintf(locked, sizeof locked, ".model.inlay-%d-9", NOBODY);
    const struct {
        const char *name;
        bool stays;
    } cases[] = {
        {".model.inlay-999999999-0", false},
        {".model.inlay-999999999-12", false},
        {old, false},
        {own, true},
        {locked, true},
        {".model.inlay-999999999-", true},
        {".model.inlay-999999999-1x", true},
        {".model.inlay-9999999999999999999-1", true},
        {".model.inlay-x-1", true},
        {".model2.inlay-999999999-0", true},
        {"model.inlay-999999999-0", true},
    };
    size_t n = sizeof cases / sizeof *cases, stay = 0;
    for (size_t i = 0; i < n; i++) make_leftover(state, cases[i].name);
    struct timespec past[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(0, utimensat(AT_FDCWD, scratch_path(state, old), past, 0));
    assert_int_equal(0, symlink("model2", scratch_path(state, ".model.inlay-999999999-3")));
    int lock = file_lock_folder(scratch_path(state, locked));
    assert_true(lock >= 0);
    staging s;
    stage(scratch_path(state, "model"), "one", &s);
    staging_abandon(&s);
    close(lock);
    for (size_t i = 0; i < n; i++) {
        if (file_exists(scratch_path(state, cases[i].name)) != cases[i].stays) fail_msg("%s", cases[i].name);
        stay += cases[i].stays;
    }
    assert_int_equal(stay + 1, scratch_count(state));
}

static void a_target_needs_a_name(void **state) {
    inlay_error err;
    static const char *const names[] = {"", "/", ".", "..", "a/..", "a/.", "///"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        staging s;
        assert_status(INLAY_INVALID_ARGUMENT, staging_begin(names[i], &s, &err), &err);
        assert_null(s.path);
    }
    staging s;
    assert_status(INLAY_NOT_FOUND, staging_begin(scratch_path(state, "absent/model"), &s, &err), &err);
    assert_null(s.path);
}

/* Every operation of a replacing commit fails in turn: the target is whole, the old one or the new one. */
static void a_fault_leaves_the_old_folder_or_the_new(void **state) {
    const char *target = scratch_path(state, "model");
    inlay_error err;
    staging s;
    for (int at = 1;; at++) {
        stage(target, "one", &s);
        assert_ok(staging_commit(&s, true, NULL, &err), &err);
        stage(target, "two", &s);
        fault_plan plan = {.at = at, .error = EIO};
        fault_set(planned_fault, &plan);
        inlay_status status = staging_commit(&s, true, NULL, &err);
        fault_set(NULL, NULL);
        const char *file = scratch_path(state, "model/file");
        bool old = scratch_holds(file, "one", 3), new = scratch_holds(file, "two", 3);
        assert_true(old != new);
        if (status == INLAY_OK) assert_true(new);
        if (plan.seen < at) {
            assert_int_equal(INLAY_OK, status);
            break;
        }
        if (old) assert_int_equal(1, scratch_count(state));
    }
}

/* EINVAL is what a file system says that has no flags for rename. */
static int renames_without_flags(void *user, const char *operation, const char *path, size_t *size) {
    (void)user, (void)path, (void)size;
    return strcmp(operation, "rename") == 0 || strcmp(operation, "exchange") == 0 ? EINVAL : 0;
}

static void a_plain_rename_will_do_where_there_are_no_flags(void **state) {
    inlay_error err;
    staging s;
    const char *target = scratch_path(state, "model");
    fault_set(renames_without_flags, NULL);
    stage(target, "one", &s);
    assert_ok(staging_commit(&s, false, NULL, &err), &err);
    stage(target, "two", &s);
    assert_status(INLAY_ALREADY_EXISTS, staging_commit(&s, false, NULL, &err), &err);
    stage(target, "two", &s);
    assert_status(INLAY_UNIMPLEMENTED, staging_commit(&s, true, NULL, &err), &err);
    assert_contains(err.message, "cannot exchange");
    assert_true(scratch_holds(scratch_path(state, "model/file"), "one", 3));
    assert_int_equal(1, scratch_count(state));
}

static void a_tree_is_removed_without_following_links(void **state) {
    inlay_error err;
    scratch_write(scratch_path(state, "keep"), "x", 1);
    const char *tree = scratch_path(state, "tree");
    assert_ok(file_make_folder(tree, &err), &err);
    assert_ok(file_make_folder(scratch_path(state, "tree/sub"), &err), &err);
    scratch_write(scratch_path(state, "tree/sub/file"), "x", 1);
    assert_int_equal(0, symlink("../keep", scratch_path(state, "tree/link")));
    assert_int_equal(0, symlink("..", scratch_path(state, "tree/up")));
    assert_ok(file_remove_tree(tree, &err), &err);
    assert_int_equal(1, scratch_count(state));
    assert_true(scratch_holds(scratch_path(state, "keep"), "x", 1));
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove_unhooked)

int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_map_shows_the_file_and_names_its_addresses),
        test(an_empty_file_maps_to_nothing),
        test(what_is_no_file_is_refused_by_name),
        test(a_listing_is_sorted_bytewise),
        test(a_large_folder_is_listed_whole),
        test(paths_join_with_one_slash),
        test(stat_tells_links_from_what_they_name),
        test(what_was_appended_and_patched_is_in_the_file),
        test(an_atomic_file_appears_at_its_commit),
        test(an_abandoned_file_leaves_nothing),
        test(a_direct_file_must_be_new),
        test(new_files_honour_umask),
        test(a_fault_leaves_the_old_file_or_the_new),
        test(a_short_write_is_continued),
        test(placing_gives_the_bytes_and_says_how),
        test(a_reflink_is_made_or_refused_never_faked),
        test(placing_over_a_file_is_refused),
        test(a_symbolic_link_is_placed_as_what_it_names),
        test(a_failed_copy_leaves_nothing),
        test(a_copy_can_be_cancelled),
        test(a_staged_folder_appears_whole),
        test(an_existing_target_is_kept_unless_replaced),
        test(an_abandoned_stage_leaves_nothing),
        test(what_a_killed_call_left_goes_and_nothing_else),
        test(a_target_needs_a_name),
        test(a_fault_leaves_the_old_folder_or_the_new),
        test(a_plain_rename_will_do_where_there_are_no_flags),
        test(a_tree_is_removed_without_following_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
