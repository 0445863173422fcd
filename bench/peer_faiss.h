/* FAISS's exact inner-product index, for comparison. */
#ifndef BENCH_PEER_FAISS_H
#define BENCH_PEER_FAISS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An index over a copy of ROWS [n, dim], searched with THREADS threads. */
void *faiss_open(const float *rows, size_t n, size_t dim, int threads);
void faiss_search(void *index, const float *queries, size_t n, size_t k, float *scores, int64_t *rows);
void faiss_close(void *index);
const char *faiss_version(void);

#ifdef __cplusplus
}
#endif

#endif
