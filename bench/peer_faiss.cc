#include "peer_faiss.h"

#include <faiss/IndexFlat.h>
#include <omp.h>

#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

extern "C" void *faiss_open(const float *rows, size_t n, size_t dim, int threads) {
    omp_set_num_threads(threads);
    faiss::IndexFlatIP *index = new faiss::IndexFlatIP(static_cast<faiss::Index::idx_t>(dim));
    index->add(static_cast<faiss::Index::idx_t>(n), rows);
    return index;
}

extern "C" void faiss_search(void *index, const float *queries, size_t n, size_t k, float *scores, int64_t *rows) {
    static_cast<faiss::IndexFlatIP *>(index)->search(static_cast<faiss::Index::idx_t>(n), queries,
                                                     static_cast<faiss::Index::idx_t>(k), scores, rows);
}

extern "C" void faiss_close(void *index) {
    delete static_cast<faiss::IndexFlatIP *>(index);
}

extern "C" const char *faiss_version(void) {
    return TEXT(FAISS_VERSION_MAJOR) "." TEXT(FAISS_VERSION_MINOR) "." TEXT(FAISS_VERSION_PATCH);
}
