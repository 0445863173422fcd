/* Between the files that name causes. */
#ifndef EDIT_VERIFY_CAUSES_H
#define EDIT_VERIFY_CAUSES_H

#include "edit/verify/verify_parts.h"

/* Bytes with a wrong checksum, and the finding that tells so. */
typedef struct suspect {
    verify_job *job;
    finding *finding;
    checked *tensor; /* NULL: bytes outside of tensors */
    const file_map *map;
    uint64_t offset, size;
    uint32_t wanted, calculated;
} suspect;

bytes suspect_bytes(const suspect *s);

/* CAUSE did it, to SIZE bytes from AT, counted from the suspect's first. */
void blame(suspect *s, inlay_cause cause, uint64_t at, uint64_t size, double odds);

bool blame_bit(suspect *s, uint64_t at, uint64_t size, uint32_t difference);
bool blame_zeros(suspect *s, uint64_t at, uint64_t size); /* a hole that overlaps these of its bytes */

#endif
