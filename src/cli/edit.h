/* What all edits share: where the edited model goes, and what is printed of it. */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H

#include "cli/values.h"

/* The first field of an edit command's values. */
typedef struct edit_values {
    const char *output;
    bool dry_run, json;
    size_t changes; /* told so far */
} edit_values;

/* For the table of flags. */
#define EDIT_FLAGS                                                                                                \
    {"--out",                                                                                                     \
     "-o",                                                                                                        \
     FLAG_TEXT,                                                                                                   \
     "MODEL",                                                                                                     \
     "write the edited model there, sharing what stays, and leave this one alone",                                \
     offsetof(edit_values, output),                                                                               \
     NULL,                                                                                                        \
     false},                                                                                                      \
        {"--dry-run",                                                                                             \
         "-n",                                                                                                    \
         FLAG_SWITCH,                                                                                             \
         NULL,                                                                                                    \
         "make and check everything, say what would change, change nothing",                                      \
         offsetof(edit_values, dry_run),                                                                          \
         NULL,                                                                                                    \
         false},                                                                                                  \
    {                                                                                                             \
        "--json", NULL, FLAG_SWITCH, NULL, "print what changed as JSON", offsetof(edit_values, json), NULL, false \
    }

/* What each edit says of its safety, for descriptions. */
#define EDIT_SAFETY                                                                                                 \
    "The edited model appears in one rename, and shares all bytes that stay: who has the old one open keeps it, a " \
    "kill or a full disk leaves the old one. Meanwhile no second edit can begin."

/* Sets OPTIONS up to print what changes as it comes. V is the command's own copy. */
void begin_edit(edit_values *v, inlay_edit_options *options);

/* Ends what was printed; returns the exit code. */
int end_edit(edit_values *v, const char *model, inlay_status status, const inlay_error *error, double seconds);

#endif
