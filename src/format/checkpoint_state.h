/* The text file `checkpoint` beside checkpoints: which there are and which is the latest. */
#ifndef FORMAT_CHECKPOINT_STATE_H
#define FORMAT_CHECKPOINT_STATE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

typedef struct checkpoint_state {
    const char *latest; /* prefix of the latest checkpoint as stored: relative ones are relative to the file's folder */
    const char **all;   /* oldest first */
    size_t count;
    double *times; /* when each of them was written, in seconds since 1970; may be fewer than `count` */
    size_t time_count;
    double last_preserved; /* when one was last kept for good; 0 when not stored */
} checkpoint_state;

/* Reads the file's TEXT; FILE is named in errors. What *out points at is A's. Errors: INVALID_ARGUMENT (no such text),
 * RESOURCE_EXHAUSTED. */
inlay_status checkpoint_state_parse(bytes text, const char *file, arena *a, checkpoint_state *out, inlay_error *err);

/* Appends the text as TensorFlow writes it. INVALID_ARGUMENT when a path is no UTF-8. */
inlay_status checkpoint_state_write(const checkpoint_state *state, buffer *out, inlay_error *err);

/* The prefix of the latest checkpoint in FOLDER by its `checkpoint` file, as a path that can be opened; on the heap
 * (mem_free). NOT_FOUND when there is no such file or it names none. */
inlay_status checkpoint_latest(const char *folder, char **prefix, inlay_error *err);

#endif
