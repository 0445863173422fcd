/* The only door to oneDNN. */
#ifndef KERNEL_GEMM_ONEDNN_H
#define KERNEL_GEMM_ONEDNN_H

#include <stdbool.h>
#include <stdint.h>

bool onednn_load(void); /* opens the library once; false when there is none */
const char *onednn_version(void);

/* Its function NAME into *slot, a function pointer; false when there is none. */
bool onednn_find(const char *name, void *slot);

/* Around calls of it: the calling thread works alone. Its own setting, which may matter to the program that uses us, is
 * put back by onednn_end(what onednn_begin gave). */
int onednn_begin(void);
void onednn_end(int before);

/* C [m, n] = op(A)·op(B) on the calling thread alone; false when oneDNN refuses. */
bool onednn_sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                  const float *b, int64_t ldb, float *c, int64_t ldc);

#endif
