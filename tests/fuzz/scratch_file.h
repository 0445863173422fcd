/* A file for targets whose parser opens files by name: in memory where the system has such a folder. */
#ifndef FUZZ_SCRATCH_FILE_H
#define FUZZ_SCRATCH_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_folder[64];

static void scratch_remove(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_folder);
    if (system(command) != 0) perror(command);
}

/* "FOLDER/NAME"; the folder is made at the first call and removed at the end. */
static inline const char *scratch_path(const char *name) {
    static char path[256];
    if (!scratch_folder[0]) {
        strcpy(scratch_folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/inlay-fuzz-XXXXXX" : "/tmp/inlay-fuzz-XXXXXX");
        if (!mkdtemp(scratch_folder)) abort();
        atexit(scratch_remove);
    }
    snprintf(path, sizeof path, "%s/%.180s", scratch_folder, name);
    return path;
}

static inline const char *scratch_file(const char *name, const void *data, size_t size) {
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f) != 0) abort();
    return path;
}

#endif
