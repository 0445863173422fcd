/* A model's folder from fuzz input: a byte of options, then files, each a byte that picks its name, three bytes of size
 * and its bytes. The manifest is sealed here, so that changes of it are read. seeds_verify.py packs the same way. */
#ifndef FUZZ_MODEL_FILES_H
#define FUZZ_MODEL_FILES_H

#include "base/buffer.h"
#include "base/crc32c.h"
#include "inlay/inlay.h"
#include "scratch_file.h"

#include <ftw.h>
#include <sys/stat.h>

#define MODEL_MANIFEST "assets.extra/inlay.json"
static const char *const model_names[] = {"saved_model.pb",
                                          "variables/variables.index",
                                          "variables/variables.data-00000-of-00002",
                                          "variables/variables.data-00001-of-00002",
                                          MODEL_MANIFEST,
                                          "assets.extra/inlay_search.labels",
                                          "fingerprint.pb",
                                          "assets/words.txt",
                                          "variables/variables.data-00000-of-00001",
                                          "saved_model.pbtxt",
                                          "assets.extra/inlay.sums"};
enum { MODEL_NAMES = sizeof model_names / sizeof *model_names, MODEL_UNSEALED = 16 };

/* Removes "FOLDER/NAME" and all in it. */
static inline int scratch_unlink(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info, (void)kind, (void)at;
    return remove(path);
}
static inline void scratch_clear(const char *name) {
    nftw(scratch_path(name), scratch_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void write_model_file(const char *name, const uint8_t *data, size_t size, unsigned options) {
    buffer content = {0};
    char path[128];
    snprintf(path, sizeof path, "m/%s", name);
    buffer_append(&content, data, size);
    if (strcmp(name, MODEL_MANIFEST) == 0 && !(options & MODEL_UNSEALED))
        buffer_format(&content, "\"crc32c\": %u\n}",
                      (unsigned)crc32c(0, content.data ? content.data : data, content.size));
    scratch_file(path, content.data, content.size);
    buffer_free(&content);
}

/* Makes the folder m of the scratch folder; returns the options. */
static inline unsigned write_model(const uint8_t *data, size_t size) {
    static const char *const folders[] = {"m", "m/variables", "m/assets", "m/assets.extra"};
    unsigned options = size ? data[0] : 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) mkdir(scratch_path(folders[i]), 0777);
    inlay_set_threads(1);
    for (size_t at = 1; at + 4 <= size;) {
        size_t n = (size_t)data[at + 1] | (size_t)data[at + 2] << 8 | (size_t)data[at + 3] << 16;
        const char *name = model_names[data[at] % MODEL_NAMES];
        at += 4;
        if (n > size - at) n = size - at;
        write_model_file(name, data + at, n, options);
        at += n;
    }
    return options;
}

#endif
