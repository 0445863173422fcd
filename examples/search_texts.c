/* Asks a fused model whose extractor takes text: search_texts MODEL TEXT… */
#include <inlay/inlay.h>

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: %s MODEL TEXT...\n", argv[0]), 2;
    inlay_error error;
    inlay_model *model;
    inlay_hits *hits = NULL;
    inlay_status status = inlay_model_open(argv[1], NULL, &model, &error);
    if (status == INLAY_OK)
        status = inlay_search_texts(model, NULL, (const char *const *)argv + 2, (size_t)(argc - 2), 3, &hits, &error);
    for (size_t q = 0; status == INLAY_OK && q < hits->n_queries; q++) {
        printf("%s\n", argv[2 + q]);
        for (size_t i = q * hits->k; i < (q + 1) * hits->k; i++) {
            printf("  %8.4f  row %" PRId64, (double)hits->scores[i], hits->indices[i]);
            if (hits->labels) printf("  %.*s", (int)hits->labels[i].size, hits->labels[i].data);
            printf("\n");
        }
    }
    if (status != INLAY_OK) fprintf(stderr, "%s\n", error.message);
    inlay_hits_release(hits);
    inlay_model_close(model);
    return status != INLAY_OK;
}
