#include "kernel/quant_twins.h"
#include "kernel/twin_amx.h"

static bool permission_to_give;

#define syscall(number, request, feature) twin_system(number, request, feature, permission_to_give)
#define quant_kernels_amx twin_of_quant_kernels_amx
void quant_kernels_amx(quant_kernels *k);
#include "kernel/quant/quant_amx.c"

void quant_twin_amx(quant_kernels *k, bool permission) {
    permission_to_give = permission;
    quant_kernels_amx(k);
}
