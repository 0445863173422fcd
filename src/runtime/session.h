/* A session: what one loaded model keeps between runs (variables, tables), and its door to files. */
#ifndef RUNTIME_SESSION_H
#define RUNTIME_SESSION_H

#include "format/checkpoint.h"
#include "op/op.h"

typedef struct session session;

typedef struct session_options {
    const char *folder;         /* of the model: its assets and variables may be read; NULL: none */
    const char *allow_files_in; /* a folder whose files ops may read too; NULL: none */
    const char *checkpoint;     /* given beside the model, of either kind; NULL: none */
    bool copy;                  /* read files into memory instead of mapping them */
} session_options;

/* *out is the caller's (session_close). */
inlay_status session_open(const session_options *options, session **out, inlay_error *err);
void session_close(session *s); /* after every plan made for it; NULL is fine */

/* The checkpoint that was given, NULL when none was; the session's. */
checkpoint *session_checkpoint(session *s);

/* What plans are made for. Lives as long as the session. */
op_host *session_host(session *s);

#endif
