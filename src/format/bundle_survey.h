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

/* What a string tensor ENTRY, stored as DATA, says of itself. */
typedef struct strings_sum {
    bool lengths_fit;       /* they are not cut, and the strings after them have as many bytes as they say */
    bool lengths_sound;     /* their own checksum is right */
    bool lengths_canonical; /* none takes more bytes than it needs */
    uint32_t lengths_stored, lengths_calculated;
    uint64_t head;       /* where the strings begin; 0 when the lengths cannot be read */
    uint32_t calculated; /* the entry's sum: over the lengths as numbers, their checksum and the strings as stored */
} strings_sum;
void bundle_sum_lengths(const bundle_entry *entry, bytes data, bool big_endian,
                        strings_sum *out); /* all but the last */
void bundle_sum_strings(const bundle_entry *entry, bytes data, bool big_endian, strings_sum *out);

/* Where the four bytes of ENTRY's masked checksum lie in its value; -1 when it has none (a masked sum of 0). */
int64_t bundle_entry_crc_at(const bundle_entry *entry);

#endif
