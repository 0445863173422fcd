/* What a caller of a search gives and holds. */
#ifndef API_HITS_H
#define API_HITS_H

#include "tensor/tensor.h"

/* The answer and the tensors it points into. */
typedef struct hits {
    inlay_hits shown;                   /* first: what is given out */
    tensor *scores, *indices, *payload; /* payload: labels or ids, NULL for none */
    tensor *vectors;                    /* NULL unless asked for */
    inlay_string *labels;
    int64_t *counts;
} hits;

/* Sets what is shown from the three tensors. H is released by inlay_hits_release, also on failure. */
inlay_status hits_fill(hits *h, inlay_error *err);

/* OPTIONS of a caller as this version of the library knows them. */
inlay_search_options search_options(const inlay_search_options *options);

#endif
