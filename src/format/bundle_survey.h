/* A bundle's index to whoever looks for damage: everything that can still be read, and what is wrong with the rest.
 * Data files are not looked at. */
#ifndef FORMAT_BUNDLE_SURVEY_H
#define FORMAT_BUNDLE_SURVEY_H

#include "format/bundle.h"

/* A block of the index, with its checksum. */
typedef struct survey_block {
    uint64_t offset, size;       /* without the trailer */
    uint32_t stored, calculated; /* unmasked */
    bool broken;                 /* its contents are not what a block is */
} survey_block;

typedef struct survey_problem {
    int64_t offset;      /* in the index; -1: no one place */
    const char *message; /* without the file's name */
} survey_problem;

typedef struct bundle_survey {
    char *path;
    file_map *index;
    bool is_table;  /* false: the footer or the index of its blocks is lost, and with them all entries */
    bool is_bundle; /* the header is there */
    bool big_endian, compressed;
    int32_t shards;
    survey_block *blocks; /* those with data, then the metaindex, then the index of blocks */
    size_t n_blocks;
    bundle_entry *entries; /* by rising key: tensors and slices that are well formed */
    bool *is_slice;        /* [n_entries] */
    size_t n_entries, capacity;
    survey_problem *problems;
    size_t n_problems;
    uint64_t uncovered; /* bytes of the index that no checksum covers: the footer, gaps between blocks */
    struct arena *memory;
} bundle_survey;

/* Reads the index file PATH. *out is the caller's (bundle_survey_close). Fails only when the file cannot be read or
 * memory is out: damage is in *out. */
inlay_status bundle_survey_open(const char *path, bundle_survey **out, inlay_error *err);
void bundle_survey_close(bundle_survey *s); /* NULL is fine */

/* The entry of KEY; NULL when there is none. */
const bundle_entry *bundle_survey_find(const bundle_survey *s, bytes key);

/* Opens the part of PREFIX, whose index S is, that KEEP [s->n_entries] marks; S must outlive *out. Data files that none
 * of them names may be missing. Errors as bundle_open. */
inlay_status bundle_open_part(const char *prefix, const bundle_survey *s, const bool *keep, bundle **out,
                              inlay_error *err);

/* The sum of DATA, stored as ENTRY in the byte order of BIG_ENDIAN, as the bundle's writer made it, for strings over
 * their lengths as numbers. *calculated is it. Of strings *lengths_fit is false when the lengths are cut or longer than
 * the data, and *lengths_sound whether their own checksum is right; *head is where the strings begin. */
typedef struct strings_sum {
    uint32_t calculated;
    bool lengths_fit, lengths_sound, lengths_canonical;
    uint32_t lengths_stored, lengths_calculated;
    uint64_t head;
} strings_sum;
void bundle_sum_strings(const bundle_entry *entry, bytes data, bool big_endian, strings_sum *out);

/* Where the four bytes of ENTRY's masked checksum lie in its value; -1 when it has none (a masked sum of 0). */
int64_t bundle_entry_crc_at(const bundle_entry *entry);

#endif
