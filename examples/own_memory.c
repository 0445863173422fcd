/* Searches with vectors that stay where the program has them: own_memory MODEL DIM
 * A tensor can be made over the caller's memory; nothing is copied, and RELEASE says when it is free again. */
#include <inlay/inlay.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void give_back(void *user) {
    printf("the vectors are the program's again\n");
    free(user);
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: %s MODEL DIM\n", argv[0]), 2;
    const int64_t dims[2] = {2, strtoll(argv[2], NULL, 10)};
    float *vectors = dims[1] > 0 ? calloc((size_t)(dims[0] * dims[1]), sizeof *vectors) : NULL;
    if (!vectors) return fprintf(stderr, "no memory for 2 vectors of %s\n", argv[2]), 1;
    vectors[0] = 1;        /* the first axis */
    vectors[dims[1]] = -1; /* and its opposite */

    inlay_error error;
    inlay_model *model = NULL;
    inlay_hits *hits = NULL;
    inlay_named_tensor query = {"query", NULL};
    inlay_status status = inlay_tensor_wrap(INLAY_FLOAT32, dims, 2, vectors, give_back, vectors, &query.tensor, &error);
    if (status == INLAY_OK) status = inlay_model_open(argv[1], NULL, &model, &error);
    if (status == INLAY_OK) status = inlay_search(model, NULL, &query, 1, 2, &hits, &error);
    for (size_t i = 0; status == INLAY_OK && i < hits->n_queries * hits->k; i++)
        printf("query %zu: row %" PRId64 ", score %.4f\n", i / hits->k, hits->indices[i], (double)hits->scores[i]);
    if (status != INLAY_OK) fprintf(stderr, "%s\n", error.message);
    inlay_hits_release(hits);
    inlay_model_close(model);
    inlay_tensor_release(query.tensor);
    return status != INLAY_OK;
}
