/* Kernels of the quantised scan whose instruction sets are rare, over twins of their intrinsics in plain C. */
#ifndef KERNEL_QUANT_TWINS_H
#define KERNEL_QUANT_TWINS_H

#include "kernel/quant/quant.h"

void quant_twin_avxvnni(quant_kernels *k); /* needs AVX2 */

/* As quant_kernels_amx, on a system that gives permission for tiles or does not. */
void quant_twin_amx(quant_kernels *k, bool permission);

#endif
