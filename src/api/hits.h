/* What a caller of a search holds: the answer and the tensors it points into. */
#ifndef API_HITS_H
#define API_HITS_H

#include "tensor/tensor.h"

typedef struct hits {
    inlay_hits shown;                   /* first: what is given out */
    tensor *scores, *indices, *payload; /* payload: labels or ids, NULL for none */
    tensor *vectors;                    /* NULL unless asked for */
    inlay_string *labels;
    int64_t *counts;
} hits;

/* Sets what is shown from the three tensors. H is released by inlay_hits_release, also on failure. */
inlay_status hits_fill(hits *h, inlay_error *err);

#endif
