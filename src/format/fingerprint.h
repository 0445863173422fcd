/* fingerprint.pb of a SavedModel: five checksums by which TensorFlow tells models apart. No loader compares them with
 * the files, so a stale one misleads quietly: whoever edits a model computes them anew or removes the file. */
#ifndef FORMAT_FINGERPRINT_H
#define FORMAT_FINGERPRINT_H

#include "base/buffer.h"

enum { FINGERPRINT_UUID = 64, FINGERPRINT_TEXT = 96 };

typedef struct fingerprint {
    uint64_t saved_model;  /* of the whole saved_model.pb in its canonical form */
    uint64_t graph;        /* of the first metagraph's nodes, without what differs from one export to the next */
    uint64_t signatures;   /* of its signatures */
    uint64_t object_graph; /* of its concrete functions; 0 when there are none */
    uint64_t checkpoint;   /* of variables/variables.index; 0 when there is none */
    int32_t producer;      /* version of the writer */
    char uuid[FINGERPRINT_UUID];
} fingerprint;

/* Of the bytes of a saved_model.pb and of a variables.index (data NULL: there is none), as TensorFlow 2.21 does it,
 * with a new random uuid. FAILED_PRECONDITION when there is no metagraph, or a concrete function's name has no number
 * at its end (TensorFlow then writes no fingerprint either); DATA_LOSS; RESOURCE_EXHAUSTED. */
inlay_status fingerprint_compute(bytes saved_model, bytes index, fingerprint *out, inlay_error *err);

/* Appends the bytes of a fingerprint.pb. */
void fingerprint_write(const fingerprint *f, buffer *out);

/* Writes FOLDER/fingerprint.pb for SAVED_MODEL, the bytes of its graph, and its index. Where TensorFlow would make none
 * there is none. */
inlay_status fingerprint_write_file(const char *folder, bytes saved_model, inlay_error *err);

/* Reads one; FILE is named in errors. DATA_LOSS when it is malformed. */
inlay_status fingerprint_read(bytes data, const char *file, fingerprint *out, inlay_error *err);

/* TensorFlow's "singleprint": graph, signatures, object graph and checkpoint as decimals, joined by '/'. */
const char *fingerprint_text(const fingerprint *f, char text[FINGERPRINT_TEXT]);

#endif
