/* Searches vectors with no model: search_vectors QUERIES.npy FILE…
 * The files are mapped, an index of eight-bit codes is made in memory, the answers go to the program's own arrays. */
#include <inlay/inlay.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 3 };

static inlay_status ask(const inlay_vectors *vectors, const inlay_tensor *queries, inlay_error *error) {
    const int64_t *dims = inlay_tensor_dims(queries);
    size_t n = (size_t)dims[0], dim = (size_t)dims[1];
    int64_t *rows = malloc((n + 1) * K * sizeof *rows);
    float *scores = malloc((n + 1) * K * sizeof *scores), *own = malloc((n + 1) * dim * sizeof *own);
    if (!rows || !scores || !own) exit(1);
    memcpy(own, inlay_tensor_data(queries), n * dim * sizeof *own); /* those of a file may lie at any address */
    inlay_status status = inlay_vectors_search(vectors, own, n, dim, K, rows, scores, error);
    for (size_t i = 0; status == INLAY_OK && i < n * K; i++)
        if (rows[i] >= 0) printf("query %zu: row %" PRId64 ", score %.4f\n", i / K, rows[i], (double)scores[i]);
    free(own);
    free(scores);
    free(rows);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: %s QUERIES.npy FILE...\n", argv[0]), 2;
    inlay_error error;
    inlay_tensor *queries = NULL;
    inlay_vectors *vectors = NULL;
    inlay_vectors_options options;
    inlay_vectors_options_init(&options);
    options.metric = INLAY_COSINE;
    options.index = true;
    inlay_status status = inlay_tensor_load(argv[1], INLAY_INVALID_DTYPE, &queries, &error);
    if (status == INLAY_OK && (inlay_tensor_rank(queries) != 2 || inlay_tensor_dtype(queries) != INLAY_FLOAT32))
        return fprintf(stderr, "%s: not float32 [n, dim]\n", argv[1]), 1;
    if (status == INLAY_OK)
        status =
            inlay_vectors_open_files((const char *const *)argv + 2, (size_t)(argc - 2), &options, &vectors, &error);
    if (status == INLAY_OK) status = ask(vectors, queries, &error);
    if (status != INLAY_OK) fprintf(stderr, "%s\n", error.message);
    inlay_vectors_close(vectors);
    inlay_tensor_release(queries);
    return status != INLAY_OK;
}
