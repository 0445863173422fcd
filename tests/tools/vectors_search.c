/* vectors_search FOLDER FILE…: opens vectors with an index, in FOLDER or, when that is "-", in memory; asks for what is
 * like the first axis, within limits and all. Prints the answers, or the error's code and message. */
#include "inlay/inlay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 3, MOST_DIM = 4096 };

static inlay_status ask(const inlay_vectors *v, inlay_error *err) {
    static float query[MOST_DIM] = {1};
    const inlay_row_range except = {0, 1};
    int64_t rows[2 * K];
    float scores[2 * K];
    inlay_hits *hits;
    inlay_search_options limits;
    inlay_search_options_init(&limits);
    limits.k = K;
    limits.except = (inlay_row_set){.ranges = &except, .n_ranges = 1};
    size_t dim = (size_t)inlay_vectors_dim(v);
    inlay_status status = inlay_vectors_search(v, query, 1, dim, K, rows, scores, err);
    if (status == INLAY_OK) status = inlay_vectors_search_with(v, query, 1, dim, &limits, rows + K, scores + K, err);
    for (int i = 0; status == INLAY_OK && i < 2 * K; i++) printf("%" PRId64 " %.6g\n", rows[i], (double)scores[i]);
    if (status == INLAY_OK) status = inlay_vectors_search_all(v, query, 1, dim, &limits, &hits, err);
    if (status != INLAY_OK) return status;
    for (size_t i = 0; i < hits->k; i++) printf("%" PRId64 " %.6g\n", hits->indices[i], (double)hits->scores[i]);
    inlay_hits_release(hits);
    return INLAY_OK;
}

int main(int argc, char **argv) {
    static char room[1 << 16];
    if (argc < 3) return fprintf(stderr, "usage: vectors_search FOLDER FILE...\n"), 2;
    setvbuf(stdout, room, _IOFBF, sizeof room); /* takes no memory that could fail */
    inlay_error err;
    inlay_vectors *v;
    inlay_vectors_options options;
    inlay_vectors_options_init(&options);
    options.index = true;
    options.index_folder = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
    inlay_status status =
        inlay_vectors_open_files((const char *const *)argv + 2, (size_t)(argc - 2), &options, &v, &err);
    if (status == INLAY_OK) status = ask(v, &err);
    inlay_vectors_close(v);
    if (status != INLAY_OK) printf("failed %s: %s\n", inlay_status_name(status), err.message);
    return 0;
}
