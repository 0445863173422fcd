/* A model's folder: a byte of options, then files, each a byte that picks its name, three bytes of size and its bytes.
 * Verified, repaired, salvaged; also its variables as a bundle by itself. The manifest is sealed here, so that changes
 * of it are read.
 * Covers: src/edit/verify/verify.c src/edit/verify/verify_bundle.c src/edit/verify/verify_index.c
 * src/edit/verify/verify_data.c src/edit/verify/verify_manifest.c src/edit/verify/verify_fused.c
 * src/edit/verify/verify_graph.c src/edit/verify/verify_objects.c src/edit/verify/causes.c
 * src/edit/verify/causes_file.c src/edit/verify/crc_search.c src/edit/verify/sums.c src/edit/verify/findings.c
 * src/edit/verify/repair.c src/edit/verify/repair_index.c src/edit/verify/salvage.c src/format/bundle_survey.c */
#include "inlay/inlay.h"
#include "model_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FAST = 1, REPAIR = 2, SALVAGE = 4, ALONE = 8 }; /* options; 16 is MODEL_UNSEALED */

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
    unsigned options = write_model(data, size);
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path(options & ALONE ? "m/variables/variables" : "m"));
    run(path, options);
    scratch_clear("m");
    return 0;
}
