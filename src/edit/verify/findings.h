/* What verify finds: a list, filled by whoever looks. */
#ifndef EDIT_VERIFY_FINDINGS_H
#define EDIT_VERIFY_FINDINGS_H

#include "base/arena.h"
#include "format/bundle.h"

/* What repair would write. */
typedef enum repair_kind { REPAIR_NONE, REPAIR_ENTRY, REPAIR_BLOCK } repair_kind;

typedef struct finding {
    inlay_finding shown;
    repair_kind repair;
    const bundle_entry *entry; /* REPAIR_ENTRY: whose checksum */
    uint64_t block;            /* REPAIR_BLOCK: where it begins in the index */
} finding;

typedef struct findings {
    arena *a;
    finding **list; /* as they were found */
    size_t count, capacity;
    bool failed;    /* memory is out: some are lost */
    size_t more[4]; /* by severity: beyond what is kept */
    finding spare;  /* for callers, then */
} findings;

/* Adds one about FILE ("" for none), without a range. The caller fills in what it knows. Never NULL. */
finding *findings_add(findings *f, inlay_severity severity, inlay_cause cause, const char *file, const char *format,
                      ...) __attribute__((format(printf, 5, 6)));

/* Puts more behind a finding's text. */
void finding_say(findings *f, finding *one, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* An error as a finding: DAMAGE for DATA_LOSS and the like, UNSEEN when the system or we could not look. */
finding *findings_add_error(findings *f, const char *file, const inlay_error *what);

/* KEY for a message, escaped and cut; in the arena. */
const char *key_shown(findings *f, bytes key);

#endif
