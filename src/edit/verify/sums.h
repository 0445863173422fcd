/* Checksums of many byte ranges, on all cores, each byte read once. */
#ifndef EDIT_VERIFY_SUMS_H
#define EDIT_VERIFY_SUMS_H

#include "base/bytes.h"
#include "base/log.h"
#include "tensor/dtype.h"

typedef struct sum_range {
    bytes data;
    dtype floats; /* elements that are not finite are counted too; INLAY_INVALID_DTYPE: they are not */
    uint32_t crc; /* result */
    uint64_t odd; /* elements that are not finite; a complex number is two */
    uint64_t first_odd;
} sum_range;

/* Whether elements of dtype T can be told finite. */
bool sums_can_count(dtype t);

/* Fills in the results of RANGES [n]. CANCELLED when the caller of REPORT said to stop. */
inlay_status sums_run(sum_range *ranges, size_t n, progress *report, inlay_error *err);

#endif
