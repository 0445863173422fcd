/* Fuzzed tables: inputs that spell out entries or blocks, so that checksums and order do not keep the fuzzer out, and a
 * folder in memory for the files that are opened by name. */
#ifndef FUZZ_ENTRIES_H
#define FUZZ_ENTRIES_H

#include "base/num.h"
#include "format/sstable.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline bytes fuzz_take(bytes *rest, size_t size) {
    size = min_size(size, rest->size);
    bytes taken = bytes_make(rest->data, size);
    *rest = bytes_make(rest->data + size, rest->size - size);
    return taken;
}

static inline size_t fuzz_number(bytes *rest, size_t width) {
    bytes taken = fuzz_take(rest, width);
    size_t value = 0;
    for (size_t i = taken.size; i-- > 0;) value = value << 8 | taken.data[i];
    return value;
}

typedef struct fuzz_entry {
    bytes key, value;
} fuzz_entry;

static inline int fuzz_compare(const void *a, const void *b) {
    return bytes_compare(((const fuzz_entry *)a)->key, ((const fuzz_entry *)b)->key);
}

/* A count (1 byte), then for each entry the size of the key (1), the key, the size of the value (2), the value. *rest
 * is left at what follows. The table of them, the first of equal keys kept, is appended to OUT. */
static inline void fuzz_table(bytes *rest, buffer *out) {
    static fuzz_entry entries[256];
    inlay_error err;
    size_t n = fuzz_number(rest, 1);
    for (size_t i = 0; i < n; i++) {
        entries[i].key = fuzz_take(rest, fuzz_number(rest, 1));
        entries[i].value = fuzz_take(rest, fuzz_number(rest, 2));
    }
    qsort(entries, n, sizeof *entries, fuzz_compare);
    sstable_writer *w;
    if (sstable_writer_open(&w, &err) != INLAY_OK) abort();
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && fuzz_compare(&entries[i], &entries[i - 1]) == 0) continue;
        if (sstable_add(w, entries[i].key, entries[i].value, &err) != INLAY_OK) abort();
    }
    if (sstable_finish(w, out, &err) != INLAY_OK) abort();
    sstable_writer_close(w);
}

static char fuzz_folder[64];

static inline void fuzz_remove_folder(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", fuzz_folder);
    if (system(command) != 0) fprintf(stderr, "%s remains\n", fuzz_folder);
}

/* "FOLDER/NAME", the folder being made at the first call and removed at the end. */
static inline const char *fuzz_path(const char *name) {
    static char paths[4][128];
    static unsigned next;
    if (!fuzz_folder[0]) {
        snprintf(fuzz_folder, sizeof fuzz_folder, "/dev/shm/inlay-fuzz-XXXXXX");
        if (!mkdtemp(fuzz_folder)) {
            snprintf(fuzz_folder, sizeof fuzz_folder, "/tmp/inlay-fuzz-XXXXXX");
            if (!mkdtemp(fuzz_folder)) abort();
        }
        atexit(fuzz_remove_folder);
    }
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", fuzz_folder, name);
    return path;
}

static inline void fuzz_write(const char *path, bytes data) {
    FILE *f = fopen(path, "wb");
    if (!f || (data.size && fwrite(data.data, 1, data.size, f) != data.size) || fclose(f) != 0) abort();
}

#endif
