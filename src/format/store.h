/* Stored tensors, whatever they lie in (a SavedModel's variables, a checkpoint of either kind, the constants of a
 * frozen graph), to whoever lists them, reads them or writes them elsewhere. This room knows nothing of how graphs are
 * run. */
#ifndef FORMAT_STORE_H
#define FORMAT_STORE_H

#include "base/log.h"
#include "format/checkpoint.h"

typedef struct store store;

/* What PATH is: a SavedModel folder, a file with a graph, or else whatever checkpoint_open takes. Looks at names and at
 * the end of a file. Errors: as the system gives them. */
typedef enum store_kind { STORE_MODEL, STORE_GRAPH, STORE_CHECKPOINT } store_kind;
inlay_status store_kind_of(const char *path, store_kind *out, inlay_error *err);

typedef struct store_tensor {
    bytes key; /* arbitrary bytes, with a NUL behind them; valid as long as the store */
    dtype type;
    shape dims;
    size_t slices;  /* > 0: put together from so many */
    int32_t shard;  /* data file of a bundle; -1: none, or several */
    int64_t offset; /* of the elements in that file, or in the graph's; -1: they lie nowhere as they are */
    uint64_t
        size; /* bytes: of numbers what they take in memory, of strings their stored form, 0 when that is unknown */
} store_tensor;

/* Opens a SavedModel folder (its variables; none when it has none), a file with a graph (the Const nodes of its main
 * graph by name, not those of its functions), or whatever checkpoint_open takes. No values are read, graphs are decoded
 * only in the second case. *out is the caller's (store_close). Errors: as checkpoint_open and saved_model_open;
 * INVALID_ARGUMENT (two nodes of one name). */
inlay_status store_open(const char *path, bool copy, store **out, inlay_error *err);

/* The tensors of B, which *out takes over, also on failure; PATH is named in errors. */
inlay_status store_of_bundle(const char *path, bundle *b, store **out, inlay_error *err);
void store_close(store *s); /* tensors that were read stay valid; NULL is fine */

const char *store_path(const store *s);
size_t store_count(const store *s);
store_tensor store_at(const store *s, size_t index); /* by rising key; index < count */

/* NOT_FOUND names KEY and the store. */
inlay_status store_find(const store *s, bytes key, size_t *index, inlay_error *err);

/* A whole tensor: a view of the mapped file where it can be. *out is the caller's. Errors: as bundle_read,
 * checkpoint_v1_read and tensor_proto_read. */
inlay_status store_read(store *s, size_t index, tensor **out, inlay_error *err);

/* A tensor's elements in C order, part by part: a view of all of them where the file holds them as they are, else parts
 * of some 16 MiB in memory. Tensors of V1 checkpoints and graphs, and strings, are one part. */
typedef struct store_stream {
    store *of;
    store_tensor head;
    size_t index;
    int axis; /* parts are cut along this dimension */
    int64_t at, step;
    tensor *part;
} store_stream;
void store_stream_begin(store *s, size_t index, store_stream *out);
/* *part is the stream's, until the next call; NULL at the end. */
inlay_status store_stream_next(store_stream *stream, const tensor **part, inlay_error *err);
void store_stream_end(store_stream *stream); /* a zeroed one is fine */

/* ---- writing elsewhere; bytes written are counted into REPORT */

/* Writes a tensor to PATH: numbers as .npy, strings as .json (tensor_json.h), whatever PATH is called. */
inlay_status store_save(store *s, size_t index, const char *path, file_mode mode, progress *report, inlay_error *err);

/* Writes the tensors INDICES [n], n > 0, to the archive PATH, as numpy.savez does: stored, each as KEY.npy. Whole or
 * not at all. Errors: INVALID_ARGUMENT (keys that NumPy could not tell apart or a zip archive cannot hold),
 * UNIMPLEMENTED (a dtype that NumPy has not got, strings among them: NumPy would have to unpickle them), as
 * store_stream_next. */
inlay_status store_save_npz(store *s, const size_t *indices, size_t n, const char *path, progress *report,
                            inlay_error *err);

#endif
