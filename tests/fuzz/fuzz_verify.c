/* A model's folder: a byte of options, then files, each a byte that picks its name, three bytes of size and its bytes.
 * Verified, repaired, salvaged; also its variables as a bundle by itself. The manifest is sealed here, so that changes
 * of it are read.
 * Covers: src/edit/verify/verify.c src/edit/verify/verify_bundle.c src/edit/verify/verify_index.c
 * src/edit/verify/verify_data.c src/edit/verify/verify_manifest.c src/edit/verify/verify_fused.c
 * src/edit/verify/verify_graph.c src/edit/verify/verify_objects.c src/edit/verify/causes.c
 * src/edit/verify/causes_file.c src/edit/verify/crc_search.c src/edit/verify/sums.c src/edit/verify/findings.c
 * src/edit/verify/repair.c src/edit/verify/repair_index.c src/edit/verify/salvage.c src/format/bundle_survey.c */
#include "base/buffer.h"
#include "base/crc32c.h"
#include "inlay/inlay.h"
#include "scratch_file.h"

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MANIFEST "assets.extra/inlay.json"
static const char *const names[] = {"saved_model.pb",
                                    "variables/variables.index",
                                    "variables/variables.data-00000-of-00002",
                                    "variables/variables.data-00001-of-00002",
                                    MANIFEST,
                                    "assets.extra/inlay_search.labels",
                                    "fingerprint.pb",
                                    "assets/words.txt",
                                    "variables/variables.data-00000-of-00001",
                                    "saved_model.pbtxt"};
enum { NAMES = sizeof names / sizeof *names, FAST = 1, REPAIR = 2, SALVAGE = 4, ALONE = 8, UNSEALED = 16 };

static void write_file(const char *name, const uint8_t *data, size_t size, unsigned options) {
    buffer content = {0};
    char path[128];
    snprintf(path, sizeof path, "m/%s", name);
    buffer_append(&content, data, size);
    if (strcmp(name, MANIFEST) == 0 && !(options & UNSEALED))
        buffer_format(&content, "\"crc32c\": %u\n}",
                      (unsigned)crc32c(0, content.data ? content.data : data, content.size));
    scratch_file(path, content.data, content.size);
    buffer_free(&content);
}

static void make_folders(void) {
    static const char *const folders[] = {"m", "m/variables", "m/assets", "m/assets.extra"};
    char path[128];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) mkdir(scratch_path(folders[i]), 0777);
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(path, sizeof path, "m/%s", names[i]);
        unlink(scratch_path(path));
    }
    unlink(scratch_path("m/assets.extra/inlay_repair.json"));
    unlink(scratch_path("m/variables/variables.repair.json"));
}

/* Every word of a finding is read. */
static void listen(void *user, const inlay_finding *f) {
    size_t *n = user;
    *n += strlen(f->text) + strlen(f->file) + strlen(f->node) + strlen(inlay_cause_name(f->cause));
    for (size_t i = 0; i < f->key.size; i++) *n += (unsigned char)f->key.data[i];
    if (f->repairable && f->severity != INLAY_FINDING_DAMAGE) abort();
}

static void run(const char *path, unsigned options) {
    inlay_error err;
    size_t read = 0;
    inlay_verify_options v;
    inlay_verify_report first, again;
    inlay_verify_options_init(&v);
    v.path = path;
    v.fast = options & FAST;
    v.finding = listen;
    v.finding_user = &read;
    if (inlay_bundle_verify(&v, &first, &err) != INLAY_OK) return;
    if (options & SALVAGE) {
        inlay_salvage_options s;
        inlay_salvage_options_init(&s);
        char out[256];
        snprintf(out, sizeof out, "%s", scratch_path("out"));
        s.path = path;
        s.output = out;
        s.force = true;
        s.finding = listen;
        s.finding_user = &read;
        inlay_bundle_salvage(&s, NULL, &err);
    }
    if (!(options & REPAIR)) return;
    inlay_repair_options r;
    inlay_repair_report repaired;
    inlay_repair_options_init(&r);
    r.path = path;
    r.yes = true;
    r.finding = listen;
    r.finding_user = &read;
    if (inlay_bundle_repair(&r, &repaired, &err) != INLAY_OK || repaired.repaired == 0) return;
    v.fast = false;
    if (inlay_bundle_verify(&v, &again, &err) != INLAY_OK) abort();
    r.yes = false;
    if (inlay_bundle_repair(&r, &repaired, &err) == INLAY_OK && repaired.repairable) abort(); /* it was done */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    unsigned options = data[0];
    make_folders();
    inlay_set_threads(1);
    for (size_t at = 1; at + 4 <= size;) {
        size_t n = (size_t)data[at + 1] | (size_t)data[at + 2] << 8 | (size_t)data[at + 3] << 16;
        const char *name = names[data[at] % NAMES];
        at += 4;
        if (n > size - at) n = size - at;
        write_file(name, data + at, n, options);
        at += n;
    }
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_path(options & ALONE ? "m/variables/variables" : "m"));
    run(path, options);
    return 0;
}
