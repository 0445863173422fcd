/* Prints the fingerprint of a SavedModel, computed anew. Usage: fingerprint_dump DIR */
#include "base/alloc.h"
#include "format/fingerprint.h"
#include "format/saved_model.h"

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    inlay_error err;
    saved_model *m = NULL;
    char *index = path_join(argv[1], "variables/variables.index"), text[FINGERPRINT_TEXT];
    if (!index) return fprintf(stderr, "RESOURCE_EXHAUSTED: out of memory\n"), 1;
    file_map *map = NULL;
    fingerprint f;
    inlay_status status = saved_model_open(argv[1], false, &m, &err);
    if (status == INLAY_OK && m->has_variables) status = file_map_open(index, false, &map, &err);
    if (status == INLAY_OK) status = fingerprint_compute(m->message, map ? file_map_bytes(map) : (bytes){0}, &f, &err);
    if (status == INLAY_OK)
        printf("%" PRIu64 " %s %d %s\n", f.saved_model, fingerprint_text(&f, text), f.producer, f.uuid);
    else
        fprintf(stderr, "%s: %s\n", inlay_status_name(status), err.message);
    file_map_release(map);
    saved_model_close(m);
    mem_free(index);
    return status == INLAY_OK ? 0 : 1;
}
