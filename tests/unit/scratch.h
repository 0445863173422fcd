/* A folder of a test's own, made before it and removed after it. Use cmocka_unit_test_setup_teardown(test,
 * scratch_make, scratch_remove); the test's state is the folder's path. */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int scratch_make(void **state) {
    const char *parent = getenv("TMPDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/inlay-test-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(path)) return -1;
    *state = strdup(path);
    return *state ? 0 : -1;
}

static inline int scratch_remove(void **state) {
    char command[1100];
    snprintf(command, sizeof command, "chmod -R u+rwX '%s' && rm -rf '%s'", (char *)*state, (char *)*state);
    int failed = system(command);
    free(*state);
    return failed ? -1 : 0;
}

/* "FOLDER/NAME" in one of eight buffers in turn. */
static inline const char *scratch_path(void **state, const char *name) {
    static char paths[8][1100];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}

static inline void scratch_write(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(size, fwrite(data, 1, size, f));
    assert_int_equal(0, fclose(f));
}

/* Whether PATH is a file that holds exactly DATA [SIZE]. */
static inline bool scratch_holds(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    char *got = malloc(size + 1);
    assert_non_null(got);
    size_t n = fread(got, 1, size + 1, f);
    fclose(f);
    bool same = n == size && memcmp(got, data, size) == 0;
    free(got);
    return same;
}

/* Number of entries of the scratch folder itself, hidden ones included. */
static inline int scratch_count(void **state) {
    char command[1100];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", (char *)*state);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    int count = -1;
    assert_int_equal(1, fscanf(f, "%d", &count));
    pclose(f);
    return count;
}

#endif
