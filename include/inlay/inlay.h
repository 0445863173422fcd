/* Inlay: stored embeddings inside the model that queries them.
 *
 * The whole public interface. Families, each with its prefix:
 *   inlay_status_, inlay_error     what went wrong
 *   inlay_set_, inlay_version      the library as a whole: threads, log, version
 *   inlay_tensor_                  arrays of numbers or strings
 *   inlay_model_                   open a model, list its signatures, run one
 *   inlay_ops_                     which ops run, which ones a model needs
 *   inlay_search_                  ask a fused model for the most similar rows
 *   inlay_vectors_                 ask vectors in memory or in files, with no model
 *   inlay_store_, inlay_export     list, measure and read stored tensors, write them as NumPy files
 *   inlay_bundle_                  verify, explain, repair; convert, merge, compose, take a fused model apart
 *   inlay_fuse_, inlay_encode_     make a fused model, make the shards for one
 *   inlay_edit_                    change stored tensors and models, safely and without copying what stays
 *
 * Rules that hold everywhere:
 * - A function that can fail returns an inlay_status and fills *error (which may be NULL) when it is not INLAY_OK.
 * - Option structs are set up by their _init function (or the matching INLAY_..._INIT), so that fields added later keep
 * their defaults.
 * - Strings are UTF-8 and NUL-terminated unless a size is given. The library never keeps a caller's pointer beyond the
 *   call unless it says so.
 * - A model may be run and searched from many threads at once, and vectors be searched. Everything else belongs to one
 *   thread at a time.
 * - Models are read by mapping their files. Truncating a mapped file raises SIGBUS in the process that reads it: the
 * library installs no handler; a program that cannot rule that out installs one, or opens with `copy` set.
 */
#ifndef INLAY_INLAY_H
#define INLAY_INLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define INLAY_API __attribute__((visibility("default")))
#else
#define INLAY_API
#endif

/* ---- status and errors */

/* The canonical codes that TensorFlow and gRPC share. */
typedef enum inlay_status {
    INLAY_OK = 0,
    INLAY_CANCELLED = 1,
    INLAY_UNKNOWN = 2,
    INLAY_INVALID_ARGUMENT = 3,
    INLAY_DEADLINE_EXCEEDED = 4,
    INLAY_NOT_FOUND = 5,
    INLAY_ALREADY_EXISTS = 6,
    INLAY_PERMISSION_DENIED = 7,
    INLAY_RESOURCE_EXHAUSTED = 8,
    INLAY_FAILED_PRECONDITION = 9,
    INLAY_ABORTED = 10,
    INLAY_OUT_OF_RANGE = 11,
    INLAY_UNIMPLEMENTED = 12,
    INLAY_INTERNAL = 13,
    INLAY_UNAVAILABLE = 14,
    INLAY_DATA_LOSS = 15,
    INLAY_UNAUTHENTICATED = 16
} inlay_status;

/* What went wrong. `message` is one line and complete by itself; the other fields repeat, where it applies, the places
 * it names. */
typedef struct inlay_error {
    inlay_status code;
    int64_t offset;     /* byte offset in `file`, or -1 */
    char message[1024]; /* one line, no newline at the end */
    char file[512];     /* "" when no file is concerned */
    char node[256];     /* graph node, or "" */
    char op[64];        /* its op, or "" */
} inlay_error;

/* The code's name, for example "NOT_FOUND". Never NULL. */
INLAY_API const char *inlay_status_name(inlay_status status);

/* ---- the library as a whole */

/* The version, for example "0.1.0". */
INLAY_API const char *inlay_version(void);

/* One line: version, compiler, the instruction set that the kernels use, the libraries that are built in. */
INLAY_API const char *inlay_build_info(void);

/* Sets how many threads the library's one pool may use, the calling one included; 0 means one a core. Takes effect when
 * no call is under way. The default is $INLAY_THREADS, else one a core. */
INLAY_API void inlay_set_threads(int threads);

typedef enum inlay_log_level { INLAY_LOG_INFO = 0, INLAY_LOG_WARNING = 1 } inlay_log_level;
typedef void (*inlay_log_fn)(void *user, inlay_log_level level, const char *line);

/* Sends the library's notes (for example "source and model share their bytes") to FN instead of nowhere. FN may be
 * called from any thread; NULL silences it. */
INLAY_API void inlay_set_log(inlay_log_fn fn, void *user);

/* Path of the file that is mapped at ADDRESS by a model in use, or NULL. For a SIGBUS handler (si_addr): safe in a
 * signal handler. */
INLAY_API const char *inlay_mapped_file(const void *address);

/* Called now and then during long work, from one thread at a time. DONE of TOTAL are in the unit that STAGE implies
 * (bytes for "read" stages, rows for "encode"); TOTAL is 0 when it is not known. Return true to go on, false to cancel:
 * the call then ends with INLAY_CANCELLED and leaves nothing behind. */
typedef bool (*inlay_progress_fn)(void *user, const char *stage, uint64_t done, uint64_t total);

/* ---- tensors */

/* Element types; the values are TensorFlow's DataType. */
typedef enum inlay_dtype {
    INLAY_INVALID_DTYPE = 0,
    INLAY_FLOAT32 = 1,
    INLAY_FLOAT64 = 2,
    INLAY_INT32 = 3,
    INLAY_UINT8 = 4,
    INLAY_INT16 = 5,
    INLAY_INT8 = 6,
    INLAY_STRING = 7,
    INLAY_COMPLEX64 = 8,
    INLAY_INT64 = 9,
    INLAY_BOOL = 10,
    INLAY_QINT8 = 11,
    INLAY_QUINT8 = 12,
    INLAY_QINT32 = 13,
    INLAY_BFLOAT16 = 14,
    INLAY_QINT16 = 15,
    INLAY_QUINT16 = 16,
    INLAY_UINT16 = 17,
    INLAY_COMPLEX128 = 18,
    INLAY_FLOAT16 = 19,
    INLAY_RESOURCE = 20,
    INLAY_VARIANT = 21,
    INLAY_UINT32 = 22,
    INLAY_UINT64 = 23,
    INLAY_FLOAT8_E5M2 = 24,
    INLAY_FLOAT8_E4M3FN = 25,
    INLAY_FLOAT8_E4M3FNUZ = 26,
    INLAY_FLOAT8_E4M3B11FNUZ = 27,
    INLAY_FLOAT8_E5M2FNUZ = 28,
    INLAY_INT4 = 29,
    INLAY_UINT4 = 30,
    INLAY_INT2 = 31,
    INLAY_UINT2 = 32
} inlay_dtype;

#define INLAY_MAX_RANK 16

/* A reference-counted array in C order: numbers, or byte strings. */
typedef struct inlay_tensor inlay_tensor;

/* A byte string that somebody else owns; not NUL-terminated. */
typedef struct inlay_string {
    const char *data;
    size_t size; /* bytes */
} inlay_string;

/* "float32", "string", …; "invalid" for a value that is none. */
INLAY_API const char *inlay_dtype_name(inlay_dtype dtype);

/* Bytes of an element in memory; 0 for strings and for what has no elements of a fixed size. */
INLAY_API size_t inlay_dtype_size(inlay_dtype dtype);

/* Makes a tensor of zeros, DIMS [RANK]. Not for strings. *out is the caller's (inlay_tensor_release); NULL on failure.
 * Errors: INVALID_ARGUMENT (rank, dims or dtype unfit), RESOURCE_EXHAUSTED. */
INLAY_API inlay_status inlay_tensor_new(inlay_dtype dtype, const int64_t *dims, int rank, inlay_tensor **out,
                                        inlay_error *error);

/* Makes a tensor over the caller's memory, copying nothing: DATA holds the product of DIMS elements in C order at any
 * alignment, and stays unchanged until RELEASE(USER) is called (from any thread; RELEASE may be NULL), which happens
 * once, also when this call fails. */
INLAY_API inlay_status inlay_tensor_wrap(inlay_dtype dtype, const int64_t *dims, int rank, const void *data,
                                         void (*release)(void *user), void *user, inlay_tensor **out,
                                         inlay_error *error);

/* Makes a string tensor; the product of DIMS items are copied. */
INLAY_API inlay_status inlay_tensor_from_strings(const inlay_string *items, const int64_t *dims, int rank,
                                                 inlay_tensor **out, inlay_error *error);

/* Reads a .npy file (by mapping) or a .json file (nested lists; {"b64": …} for bytes). DTYPE says what JSON numbers
 * become; INLAY_INVALID_DTYPE lets the file decide. */
INLAY_API inlay_status inlay_tensor_load(const char *path, inlay_dtype dtype, inlay_tensor **out, inlay_error *error);

/* Writes PATH whole or not at all: numbers as .npy, strings as .json, whatever PATH is called. */
INLAY_API inlay_status inlay_tensor_save(const inlay_tensor *tensor, const char *path, inlay_error *error);

INLAY_API inlay_dtype inlay_tensor_dtype(const inlay_tensor *tensor);
INLAY_API int inlay_tensor_rank(const inlay_tensor *tensor);
INLAY_API const int64_t *inlay_tensor_dims(const inlay_tensor *tensor); /* [rank], valid as long as the tensor */
INLAY_API const void *inlay_tensor_data(const inlay_tensor *tensor);    /* the elements; for strings, unspecified */
INLAY_API inlay_string inlay_tensor_string(const inlay_tensor *tensor,
                                           int64_t index); /* element INDEX in C order; {NULL, 0} out of range */
INLAY_API void inlay_tensor_release(inlay_tensor *tensor); /* NULL is fine */

/* ---- models */

typedef struct inlay_model inlay_model;

typedef struct inlay_model_options {
    size_t size;         /* sizeof, set by inlay_model_options_init */
    const char *tag_set; /* comma-separated tags of the metagraph; NULL: the only one, else "serve" */
    bool copy;           /* read variables into memory instead of mapping them */
    bool optimize;       /* run the graph passes, the search scan among them; default true */
    uint64_t
        memory_budget; /* bytes that tensors made by one run may hold at a time; 0: three quarters of the machine's */
    uint64_t node_budget;       /* graph nodes after inlining; 0: 4 million */
    const char *allow_files_in; /* folder that ops which read files may use; NULL: none but the model's own assets */
    bool lock_indexes; /* keep the search indexes, and the side numbers of their rows, in memory by mlock(2); where it
                          is not allowed (RLIMIT_MEMLOCK) opening fails with RESOURCE_EXHAUSTED */
    const char *checkpoint; /* of a graph or .meta file: where its variables are (what inlay_store_open calls a
                               checkpoint). NULL: for NAME.meta the checkpoint NAME, if there is one */
} inlay_model_options;
INLAY_API void inlay_model_options_init(inlay_model_options *options);

/* Opens a SavedModel directory, a GraphDef (.pb), frozen or with a checkpoint, or a MetaGraphDef (.meta) with its
 * checkpoint. OPTIONS may be NULL. Variables are mapped, not read; checksums are not verified. A graph's variables are
 * restored by its own restore op, or by their names when it has none, tables by the ops that it lists for that. *out is
 * the caller's (inlay_model_close); NULL on failure. Errors: NOT_FOUND, DATA_LOSS (damaged file, or a shard shorter
 * than an entry needs), INVALID_ARGUMENT, UNIMPLEMENTED. */
INLAY_API inlay_status inlay_model_open(const char *path, const inlay_model_options *options, inlay_model **out,
                                        inlay_error *error);
INLAY_API void inlay_model_close(inlay_model *model); /* no run may be under way; NULL is fine */

/* One input or output of a signature. */
typedef struct inlay_endpoint {
    const char *key;    /* name in the signature */
    const char *tensor; /* tensor in the graph, for example "search:0" */
    inlay_dtype dtype;
    int rank;            /* -1: unknown */
    const int64_t *dims; /* [rank]; -1: any */
    bool optional;       /* input with a default */
} inlay_endpoint;

typedef struct inlay_signature {
    const char *key;
    const char *method;
    const inlay_endpoint *inputs; /* sorted by key */
    size_t n_inputs;
    const inlay_endpoint *outputs; /* sorted by key */
    size_t n_outputs;
} inlay_signature;

/* Signatures in the order of their keys. What is returned is valid until the model is closed. */
INLAY_API size_t inlay_model_signature_count(const inlay_model *model);
INLAY_API const inlay_signature *inlay_model_signature(const inlay_model *model, size_t index); /* NULL out of range */
INLAY_API const inlay_signature *inlay_model_find_signature(const inlay_model *model,
                                                            const char *key); /* NULL when there is none */

typedef struct inlay_variable {
    const char *key; /* in the checkpoint */
    inlay_dtype dtype;
    int rank;
    const int64_t *dims;
    int shard;
    uint64_t offset; /* bytes in its shard */
    uint64_t bytes;
    uint64_t index_bytes; /* of the search indexes of its rows, which are used; 0: there is none */
} inlay_variable;

/* Stored variables in the order of their keys. */
INLAY_API size_t inlay_model_variable_count(const inlay_model *model);
INLAY_API bool inlay_model_variable(const inlay_model *model, size_t index,
                                    inlay_variable *out); /* false out of range */

typedef struct inlay_named_tensor {
    const char *key;
    inlay_tensor *tensor;
} inlay_named_tensor;

/* A node that ran. START is seconds since the run began; BYTES is the size of its outputs. */
typedef struct inlay_node_run {
    const char *node, *op;
    double start, seconds;
    uint64_t bytes;
} inlay_node_run;

typedef struct inlay_run_options {
    size_t size;    /* sizeof, set by inlay_run_options_init */
    double timeout; /* seconds after which a run ends with DEADLINE_EXCEEDED, between nodes or within a long one; 0:
                       none */
    const int *cancelled; /* a run ends with CANCELLED soon after *CANCELLED, which any thread may set, is not 0; NULL:
                             never */
    void (*on_node)(void *user,
                    const inlay_node_run *node); /* called after each node, on the calling thread; may be NULL */
    void *user;
} inlay_run_options;
INLAY_API void inlay_run_options_init(inlay_run_options *options);

/* Runs signature SIGNATURE. INPUTS [n_inputs] name the signature's inputs, those with a default may be left out.
 * OUTPUTS [n_outputs] name the outputs wanted; their tensors are filled in and are the caller's. On failure every
 * outputs[i].tensor is NULL. Errors: INVALID_ARGUMENT (an unknown or missing key, a dtype or shape that does not fit),
 * RESOURCE_EXHAUSTED, whatever a node meets. */
INLAY_API inlay_status inlay_model_run(inlay_model *model, const char *signature, const inlay_named_tensor *inputs,
                                       size_t n_inputs, inlay_named_tensor *outputs, size_t n_outputs,
                                       inlay_error *error);

/* The same, as OPTIONS say. */
INLAY_API inlay_status inlay_model_run_with(inlay_model *model, const char *signature, const inlay_named_tensor *inputs,
                                            size_t n_inputs, inlay_named_tensor *outputs, size_t n_outputs,
                                            const inlay_run_options *options, inlay_error *error);

/* The same by names of the graph's tensors ("x:0"; "x" is its first output), as a session has it: FEEDS are given,
 * inner tensors too, FETCHES are computed. OPTIONS may be NULL. Errors besides: NOT_FOUND (a node that the graph has
 * not). */
INLAY_API inlay_status inlay_model_run_graph(inlay_model *model, const inlay_named_tensor *feeds, size_t n_feeds,
                                             inlay_named_tensor *fetches, size_t n_fetches,
                                             const inlay_run_options *options, inlay_error *error);

/* The dtype of tensor NAME of the graph; INLAY_INVALID_DTYPE when it does not say. NOT_FOUND. */
INLAY_API inlay_status inlay_model_tensor_dtype(inlay_model *model, const char *name, inlay_dtype *out,
                                                inlay_error *error);

/* Writes the nodes that signature SIGNATURE runs after all passes, a line each, in the order they run, to FN. */
INLAY_API inlay_status inlay_model_describe(inlay_model *model, const char *signature,
                                            void (*fn)(void *user, const char *line), void *user, inlay_error *error);

/* ---- ops */

/* An op as its row declares it: arguments "data:T sizes:N*int32", each with its dtype or the attribute that says it;
 * attributes "T:type N:int=1" with their defaults. "" where there are none. */
typedef struct inlay_op {
    const char *name;
    const char *inputs, *outputs, *attributes;
} inlay_op;

/* The ops that this build runs, by rising name. */
INLAY_API size_t inlay_ops_count(void);
INLAY_API bool inlay_ops_at(size_t index, inlay_op *out); /* false out of range; what it points to stays */

typedef struct inlay_op_use {
    const char *op;
    uint64_t nodes;      /* that are needed; those of a function count once, however often it is called */
    bool runs;           /* in this build, with some dtypes */
    const char *library; /* which brings the op, "TensorFlow Text"; NULL: TensorFlow itself, or one that is not known */
} inlay_op_use;

typedef struct inlay_signature_ops {
    const char *key;         /* of the signature; "": a graph without signatures, all of it; NULL: what loading runs */
    const inlay_op_use *ops; /* by rising name */
    size_t n_ops, n_missing; /* ops, and those of them that do not run */
} inlay_signature_ops;

typedef struct inlay_model_ops {
    const inlay_signature_ops *signatures;
    size_t n_signatures;
    size_t n_missing; /* different ops that do not run */
} inlay_model_ops;

/* Lists what the metagraph TAG_SET (as inlay_model_options has it) of the model at PATH needs, without loading it.
 * *out is the caller's (inlay_ops_release); NULL on failure. Errors: as inlay_model_open. */
INLAY_API inlay_status inlay_ops_needed(const char *path, const char *tag_set, inlay_model_ops **out,
                                        inlay_error *error);
INLAY_API void inlay_ops_release(inlay_model_ops *ops); /* NULL is fine */

/* ---- search */

typedef struct inlay_row_range {
    int64_t begin, end; /* rows begin … end - 1 */
} inlay_row_range;

/* The answer to one or more queries: [n_queries, k] in row-major order. */
typedef struct inlay_hits {
    size_t n_queries;
    size_t k;                   /* as asked, but at most the number of stored rows */
    const float *scores;        /* best first; cosine, dot product, or minus the squared distance */
    const int64_t *indices;     /* global row numbers; equal scores come lower row first */
    const inlay_string *labels; /* NULL when the model has none */
    const int64_t *ids;         /* NULL when the model has none */
    const int64_t *counts; /* [n_queries] hits of each query; what stands behind them scores minus infinity: rows that
                              cannot win, or none at all */
    int64_t asked;         /* k as it was asked, or the model's; -1 where no options were given */
    int64_t rows;          /* that the collection has; likewise */
    const float *vectors;  /* [n_queries, k, dim] the rows as they are stored, in float32; zeros behind the counts; NULL
                              unless asked for */
    size_t dim;            /* of vectors; 0 without them */
    size_t chunks, indexed; /* of the rows, and those of them that have an index; 0 unless asked within options */
} inlay_hits;

/* Runs the search signature SIGNATURE (NULL: "search") of a fused model. INPUTS are those of its extractor, or "query"
 * [n, dim] when it has none; of "similar" it is "index", int64 [n]. k < 0 means the model's default. *out is the
 * caller's (inlay_hits_release); NULL on failure. */
INLAY_API inlay_status inlay_search(inlay_model *model, const char *signature, const inlay_named_tensor *inputs,
                                    size_t n_inputs, int64_t k, inlay_hits **out, inlay_error *error);
INLAY_API void inlay_hits_release(inlay_hits *hits); /* NULL is fine */

/* The same for N texts and a model whose only input (beside k) is a string tensor, and for N vectors of DIM floats, [n,
 * dim]. */
INLAY_API inlay_status inlay_search_texts(inlay_model *model, const char *signature, const char *const *texts, size_t n,
                                          int64_t k, inlay_hits **out, inlay_error *error);
INLAY_API inlay_status inlay_search_vectors(inlay_model *model, const char *signature, const float *vectors, size_t n,
                                            size_t dim, int64_t k, inlay_hits **out, inlay_error *error);

/* Rows of a collection. With ranges and a bitmap, those that are in both. */
typedef struct inlay_row_set {
    const inlay_row_range *ranges; /* [n_ranges] in any order, also over one another; NULL: all rows */
    size_t n_ranges;
    const uint8_t *bitmap; /* row r is bit r % 8 of byte r / 8; NULL: all rows */
    int64_t bitmap_rows;   /* as many as the collection has */
} inlay_row_set;

typedef struct inlay_search_options {
    size_t size;          /* sizeof, set by inlay_search_options_init */
    int64_t k;            /* below 0, the default: the model's */
    inlay_row_set only;   /* no other row is answered; empty: any is */
    inlay_row_set except; /* rows that are not, in the ranges or in the bitmap */
    float min_score;      /* rows that score less are not answered; default minus infinity */
    bool all;             /* all rows within these limits, not the best k; hits->k is then the longest answer's */
    int64_t most;         /* with all: more of one query are an error; default a million */
    int32_t part, parts;  /* parts > 0: only the PART-th, from 0, of so many stretches of consecutive rows, which are as
                             long as one another or a row longer, is answered and read. The best of all parts' answers
                             are the answer */
    bool vectors;         /* fill hits->vectors; the memory budget of a run bounds them */
} inlay_search_options;
INLAY_API void inlay_search_options_init(inlay_search_options *options);

/* As their namesakes, within OPTIONS, which hold for all queries of the call: the answer is what is left of the order
 * of all rows, bit for bit. Rows that score minus infinity are not answered. Of searches that people wrote themselves
 * and that Inlay recognises, vectors can be asked for, limits cannot. Errors besides: INVALID_ARGUMENT (a row that the
 * collection does not have, a bitmap of another size, a minimum that is NaN), RESOURCE_EXHAUSTED, UNIMPLEMENTED (limits
 * and no search that Inlay made; vectors and no search that it recognises, or several, or indices that are not the rows
 * it found; or the model was opened without `optimize`). */
INLAY_API inlay_status inlay_search_with(inlay_model *model, const char *signature, const inlay_named_tensor *inputs,
                                         size_t n_inputs, const inlay_search_options *options, inlay_hits **out,
                                         inlay_error *error);
INLAY_API inlay_status inlay_search_texts_with(inlay_model *model, const char *signature, const char *const *texts,
                                               size_t n, const inlay_search_options *options, inlay_hits **out,
                                               inlay_error *error);
INLAY_API inlay_status inlay_search_vectors_with(inlay_model *model, const char *signature, const float *vectors,
                                                 size_t n, size_t dim, const inlay_search_options *options,
                                                 inlay_hits **out, inlay_error *error);

/* ---- search without a model */

typedef enum inlay_metric { INLAY_COSINE = 0, INLAY_DOT = 1, INLAY_L2 = 2 } inlay_metric;

/* Stored vectors that can be searched: matrices [rows, dim] whose rows are numbered through. */
typedef struct inlay_vectors inlay_vectors;

typedef struct inlay_vectors_options {
    size_t size;         /* sizeof, set by inlay_vectors_options_init */
    inlay_metric metric; /* default INLAY_COSINE */
    bool index; /* make an index, as inlay_index does: a byte a number more, the same answers several times faster */
    const char *index_folder; /* where it is kept, a file a matrix; one that was made from the very same numbers is used
                                 as it is. NULL: in memory */
    bool copy;                /* files: read into memory instead of mapping them */
    bool as_listed;           /* files: in the order given, not in natural order */
    int64_t dim;              /* files: of raw float32; 0: not given */
    inlay_dtype dtype;        /* files: of those that cannot say it (bfloat16); INLAY_INVALID_DTYPE: not given */
    inlay_progress_fn progress; /* may be NULL */
    void *progress_user;
} inlay_vectors_options;
INLAY_API void inlay_vectors_options_init(inlay_vectors_options *options);

/* Opens the matrices MATRICES [n], each [rows, dim] of float32, float64, float16, bfloat16 or int8; they are retained,
 * not copied (inlay_tensor_wrap makes one of the caller's memory). Unless the metric is INLAY_DOT and there is no
 * index, they are read once. Rows that are not finite never win. OPTIONS may be NULL. *out is the caller's
 * (inlay_vectors_close); NULL on failure. Errors: INVALID_ARGUMENT (a shape or dtype, named), RESOURCE_EXHAUSTED,
 * CANCELLED, what writing index files meets. */
INLAY_API inlay_status inlay_vectors_open(inlay_tensor *const *matrices, size_t n, const inlay_vectors_options *options,
                                          inlay_vectors **out, inlay_error *error);

/* The same for one matrix ROWS [n_rows, dim] in C order at any alignment, which stays the caller's and must remain
 * unchanged until inlay_vectors_close. */
INLAY_API inlay_status inlay_vectors_open_rows(inlay_dtype dtype, const void *rows, int64_t n_rows, int64_t dim,
                                               const inlay_vectors_options *options, inlay_vectors **out,
                                               inlay_error *error);

/* The same for files and folders as inlay_fuse takes them, but for tensors of checkpoints. They are mapped where they
 * hold rows as they are, else converted in memory. Errors besides: NOT_FOUND, DATA_LOSS, UNIMPLEMENTED. */
INLAY_API inlay_status inlay_vectors_open_files(const char *const *files, size_t n,
                                                const inlay_vectors_options *options, inlay_vectors **out,
                                                inlay_error *error);
INLAY_API void inlay_vectors_close(inlay_vectors *vectors); /* no search may be under way; NULL is fine */

INLAY_API int64_t inlay_vectors_rows(const inlay_vectors *vectors);
INLAY_API int64_t inlay_vectors_dim(const inlay_vectors *vectors);

/* For each of QUERIES [n, dim] the best K rows, best first: their numbers to ROWS [n, k], scores to SCORES [n, k],
 * which are the caller's. The scores are those of a fused model with the same rows, bit for bit, with an index or
 * without. Rows that score minus infinity are not answered; behind a query's last hit stand row -1 and minus infinity.
 * May be called from many threads at once. Errors: INVALID_ARGUMENT (another dimension, a query that is not finite),
 * RESOURCE_EXHAUSTED. */
INLAY_API inlay_status inlay_vectors_search(const inlay_vectors *vectors, const float *queries, size_t n, size_t dim,
                                            int64_t k, int64_t *rows, float *scores, inlay_error *error);

/* The same within OPTIONS, of which k must be given. INVALID_ARGUMENT besides: as inlay_search_with; options->all. */
INLAY_API inlay_status inlay_vectors_search_with(const inlay_vectors *vectors, const float *queries, size_t n,
                                                 size_t dim, const inlay_search_options *options, int64_t *rows,
                                                 float *scores, inlay_error *error);

/* For each query all rows within OPTIONS, whatever k and `all` say; behind a query's last hit stand row 0 and minus
 * infinity. *out is the caller's (inlay_hits_release); NULL on failure. RESOURCE_EXHAUSTED: more than options->most. */
INLAY_API inlay_status inlay_vectors_search_all(const inlay_vectors *vectors, const float *queries, size_t n,
                                                size_t dim, const inlay_search_options *options, inlay_hits **out,
                                                inlay_error *error);

/* ---- stored tensors */

/* What is stored, without running it: the variables of a SavedModel, the tensors of a checkpoint, the constants of a
 * frozen graph. */
typedef struct inlay_store inlay_store;

typedef struct inlay_stored {
    inlay_string key; /* arbitrary bytes, with a NUL behind them */
    inlay_dtype dtype;
    int rank; /* -1: unknown, in a graph that is not sound */
    const int64_t *dims;
    size_t slices;  /* > 0: a partitioned tensor, stored in so many */
    int shard;      /* data file of a bundle; -1: none (V1 checkpoints, graphs), or those of the slices */
    int64_t offset; /* of its bytes in that file, or in the graph's; -1: they lie in no one place as they are */
    uint64_t bytes; /* of numbers: what they take in memory; of strings: in the file, 0 when only reading would tell */
} inlay_stored;

/* Opens a SavedModel directory, a frozen GraphDef (.pb, .pbtxt: the Const nodes outside of functions), a checkpoint by
 * its prefix, its .index or its V1 file, or a folder whose `checkpoint` file names the latest one. No values are read;
 * COPY reads files into memory instead of mapping them. *out is the caller's (inlay_store_close); NULL on failure.
 * Errors: NOT_FOUND, DATA_LOSS (damaged, or a shard shorter than an entry needs), INVALID_ARGUMENT, UNIMPLEMENTED. */
INLAY_API inlay_status inlay_store_open(const char *path, bool copy, inlay_store **out, inlay_error *error);
INLAY_API void inlay_store_close(inlay_store *store); /* tensors that were read stay valid; NULL is fine */

/* Stored tensors in the order of their keys. What is returned is valid until the next of these calls. */
INLAY_API size_t inlay_store_count(const inlay_store *store);
INLAY_API bool inlay_store_tensor(inlay_store *store, size_t index, inlay_stored *out); /* false out of range */

/* The index of KEY. NOT_FOUND names it. */
INLAY_API inlay_status inlay_store_find(const inlay_store *store, const char *key, size_t *index, inlay_error *error);

/* Reads tensor INDEX, by mapping where the file holds it as it is. *out is the caller's (inlay_tensor_release); NULL on
 * failure. Errors: OUT_OF_RANGE (no such index), DATA_LOSS, UNIMPLEMENTED (a dtype without plain values). */
INLAY_API inlay_status inlay_store_read(inlay_store *store, size_t index, inlay_tensor **out, inlay_error *error);

/* Integers beyond 2^53 are rounded to double. */
typedef struct inlay_stats {
    uint64_t elements;
    double min, max, mean; /* of the finite elements; NaN when there are none */
    uint64_t zeros, nans, positive_infinities, negative_infinities;
} inlay_stats;

/* Reads tensor INDEX through once, on all cores, a few megabytes at a time: the same figures whatever the number of
 * threads. Errors: as inlay_store_read; UNIMPLEMENTED for strings, complex numbers and floats of 8 bits. */
INLAY_API inlay_status inlay_store_stats(inlay_store *store, size_t index, inlay_stats *out, inlay_error *error);

typedef struct inlay_export_options {
    size_t size;             /* sizeof, set by inlay_export_options_init */
    const char *source;      /* what inlay_store_open takes */
    const char *const *keys; /* [n_keys] tensors; none: all */
    size_t n_keys;
    const char *output; /* FILE.npy, FILE.json (a tensor of strings), FILE.npz, or a folder to make */
    bool force;         /* replace a file, or a folder that holds nothing but .npy and .json files */
    inlay_progress_fn progress;
    void *progress_user;
} inlay_export_options;
INLAY_API void inlay_export_options_init(inlay_export_options *options);

typedef struct inlay_export_report {
    size_t tensors, left_out;
    uint64_t bytes; /* of the tensors, as inlay_stored has them */
} inlay_export_report;

/* Writes stored tensors as NumPy reads them, numbers in parts of a few megabytes whatever their size. FILE.npy takes
 * one tensor. FILE.npz takes any number by their keys, but no strings: named ones are refused, and of all tensors the
 * string _CHECKPOINTABLE_OBJECT_GRAPH is left out with a note. A folder gets a file each: KEY.npy, KEY.json for
 * strings, where every byte of the key but letters, digits, '_', '-' and '.' (not at the start) is %XX. What NumPy has
 * not got is written as bytes: bfloat16 as <V2. All appears whole or not at all. REPORT may be NULL. Errors: NOT_FOUND
 * (a key, or nothing stored), ALREADY_EXISTS, INVALID_ARGUMENT (several tensors to one .npy, a key given twice, keys
 * that a .npz cannot tell apart), UNIMPLEMENTED (dtypes), DATA_LOSS, RESOURCE_EXHAUSTED (disk full), CANCELLED. */
INLAY_API inlay_status inlay_export(const inlay_export_options *options, inlay_export_report *report,
                                    inlay_error *error);

/* ---- verify and repair */

typedef enum inlay_severity {
    INLAY_FINDING_NOTE = 0,    /* worth knowing; nothing is wrong */
    INLAY_FINDING_WARNING = 1, /* odd, but the bytes are those that were written */
    INLAY_FINDING_UNSEEN = 2,  /* could not be looked at */
    INLAY_FINDING_DAMAGE = 3
} inlay_severity;

/* The likely cause of a damage. What evidence each of them takes: docs/verify.md. */
typedef enum inlay_cause {
    INLAY_CAUSE_UNKNOWN = 0,
    INLAY_CAUSE_MISSING = 1,          /* a file, a key, a node that something else names */
    INLAY_CAUSE_TRUNCATED = 2,        /* a file ends too early */
    INLAY_CAUSE_ZEROED = 3,           /* a hole of zeros */
    INLAY_CAUSE_OTHER_CHECKPOINT = 4, /* index and data file were not written together */
    INLAY_CAUSE_BYTE_SWAPPED = 5,     /* the numbers are in the other byte order */
    INLAY_CAUSE_FLIPPED_BIT = 6,      /* one bit, located */
    INLAY_CAUSE_SHIFTED = 7,          /* bytes were put in or taken out before it */
    INLAY_CAUSE_SOURCE_REWRITTEN = 8, /* the .npy that shares its bytes with the model was written again */
    INLAY_CAUSE_STALE_CHECKSUM = 9    /* what it covers was edited, the checksum was not */
} inlay_cause;
INLAY_API const char *inlay_cause_name(inlay_cause cause); /* "flipped bit"; never NULL */

/* One finding. Pointers are valid during the call that tells it. */
typedef struct inlay_finding {
    inlay_severity severity;
    inlay_cause cause;
    const char *text;        /* one line: what is wrong, and the evidence for the cause */
    const char *file;        /* path, "" when no one file is concerned */
    inlay_string key;        /* tensor; empty when none is concerned */
    const char *node;        /* graph node or function, or "" */
    int64_t offset, bytes;   /* the damaged range of FILE, as narrow as it is known; -1: none */
    int64_t first_row, rows; /* the rows of the tensor in it (of the search, for a fused model's rows); -1: none */
    int bit;                 /* INLAY_CAUSE_FLIPPED_BIT: which bit of the byte at OFFSET, 0 the lowest; else -1 */
    int64_t shift;           /* INLAY_CAUSE_SHIFTED: the bytes lie so many further back in the file than they should */
    double false_match;      /* the chance that an unrelated damage would look like this cause; -1: not claimed */
    bool repairable;         /* inlay_bundle_repair could make the stored checksum fit the bytes */
    uint32_t stored, calculated; /* the two checksums, unmasked, where they differ; both 0 otherwise */
} inlay_finding;
typedef void (*inlay_finding_fn)(void *user, const inlay_finding *finding);

typedef struct inlay_verify_options {
    size_t size;              /* sizeof, set by inlay_verify_options_init */
    const char *path;         /* what inlay_store_open takes */
    bool fast;                /* everything but reading the data */
    inlay_finding_fn finding; /* told each finding, when all is looked at, in the order of files; may be NULL */
    void *finding_user;
    inlay_progress_fn progress;
    void *progress_user;
} inlay_verify_options;
INLAY_API void inlay_verify_options_init(inlay_verify_options *options);

typedef struct inlay_verify_report {
    const char *kind; /* "SavedModel", "bundle", "index" (without its data), "V1 checkpoint", "graph" */
    size_t damages, unseen, warnings, notes; /* findings */
    size_t files, tensors;                   /* looked at */
    uint64_t bytes;                          /* whose checksum was verified */
    uint64_t uncovered;                      /* bytes that no checksum covers */
    bool has_manifest;
    double seconds;
} inlay_verify_report;

/* Looks for damage in a SavedModel, checkpoint or frozen graph: every checksum, on all cores, and whether its parts fit
 * one another. Writes nothing. INLAY_OK when it could look, whatever it found: sound is damages == 0 && unseen == 0.
 * Errors: as inlay_store_open when there is nothing to look at. REPORT may be NULL. */
INLAY_API inlay_status inlay_bundle_verify(const inlay_verify_options *options, inlay_verify_report *report,
                                           inlay_error *error);

/* Says what TEXT, TensorFlow's error about a damaged checkpoint, means: FN is told a line each. INVALID_ARGUMENT when
 * it is no such text. */
INLAY_API inlay_status inlay_bundle_explain(const char *text, inlay_finding_fn fn, void *user, inlay_error *error);

typedef struct inlay_repair_options {
    size_t size;              /* sizeof, set by inlay_repair_options_init */
    const char *path;         /* a SavedModel folder or a bundle, as inlay_store_open has it */
    bool yes;                 /* do it; else only say what would be done */
    inlay_finding_fn finding; /* told each finding of inlay_bundle_verify, those that are repaired `repairable` */
    void *finding_user;
    inlay_progress_fn progress;
    void *progress_user;
} inlay_repair_options;
INLAY_API void inlay_repair_options_init(inlay_repair_options *options);

typedef struct inlay_repair_report {
    size_t repairable, repaired; /* findings */
    size_t left;                 /* damages that a checksum cannot mend */
} inlay_repair_report;

/* Makes stored checksums fit the bytes that are there: of tensors, whose damage, if it is one, is then accepted, and of
 * the index's blocks. No data is changed. The index is replaced whole or not at all, manifest and fingerprint follow,
 * and a record is left: assets.extra/inlay_repair.json, of a bundle PREFIX.repair.json. REPORT may be NULL. Errors: as
 * inlay_bundle_verify; UNIMPLEMENTED (a compressed index, V1 checkpoints, graphs), ABORTED (an edit is under way). */
INLAY_API inlay_status inlay_bundle_repair(const inlay_repair_options *options, inlay_repair_report *report,
                                           inlay_error *error);

typedef struct inlay_salvage_options {
    size_t size;              /* sizeof, set by inlay_salvage_options_init */
    const char *path;         /* a SavedModel folder or a bundle */
    const char *output;       /* folder to make: KEY.npy, KEY.json, as inlay_export names them */
    bool force;               /* replace a folder that holds nothing but such files */
    inlay_finding_fn finding; /* told what is damaged */
    void *finding_user;
    inlay_progress_fn progress;
    void *progress_user;
} inlay_salvage_options;
INLAY_API void inlay_salvage_options_init(inlay_salvage_options *options);

typedef struct inlay_salvage_report {
    size_t saved, lost; /* tensors that the index still names */
    uint64_t bytes;
} inlay_salvage_report;

/* Writes out every tensor whose checksum is right, of partitioned ones those whose slices all are. The folder appears
 * whole or not at all. REPORT may be NULL. Errors: NOT_FOUND (nothing is sound), ALREADY_EXISTS, as inlay_export. */
INLAY_API inlay_status inlay_bundle_salvage(const inlay_salvage_options *options, inlay_salvage_report *report,
                                            inlay_error *error);

/* ---- fuse */

/* How the stored vectors get into the model: by reference where the file system can, or as bytes of its own. */
typedef enum inlay_link {
    INLAY_LINK_AUTO = 0, /* reflink, else hard link, else copy */
    INLAY_LINK_REFLINK = 1,
    INLAY_LINK_HARD = 2,
    INLAY_LINK_MOVE = 3, /* hard link, else a verified copy; then remove the sources that the model holds as they are */
    INLAY_LINK_COPY = 4
} inlay_link;

typedef struct inlay_fuse_options {
    size_t size;                   /* sizeof, set by inlay_fuse_options_init */
    const char *extractor;         /* SavedModel directory, frozen GraphDef, or NULL for none */
    const char *const *embeddings; /* [n_embeddings] files, folders, or CHECKPOINT#KEY */
    size_t n_embeddings;
    const char *output;    /* directory to make */
    const char *tag_set;   /* of the extractor; NULL: its only one */
    const char *signature; /* of the extractor; NULL: "serving_default", or "features" when that is a search */
    const char *feature;   /* output key with the vector; NULL: the only fit one */
    const char *const *graph_inputs; /* [n_graph_inputs] KEY=NODE:0, frozen GraphDef only */
    size_t n_graph_inputs;
    const char *graph_output; /* NODE:0, frozen GraphDef only */
    inlay_metric metric;      /* default INLAY_COSINE */
    const char *labels;       /* text file, a line a row, or .npy of strings; NULL: none */
    const char *ids;          /* .npy of integers; NULL: none */
    const char *name;         /* of the signature and everything made; default "search" */
    int32_t k;                /* default for k; default 10 */
    bool make_default;        /* serving_default becomes the search, the old one "features" */
    inlay_link link;
    bool index;           /* make an index of the rows too, as inlay_index does */
    uint64_t chunk_bytes; /* bytes of rows a chunk; 0: chosen */
    bool as_listed;       /* shards in the order given, not in natural order */
    int64_t dim;          /* of raw float32 files; 0: not given */
    inlay_dtype dtype;    /* of files that cannot say it (bfloat16); INLAY_INVALID_DTYPE: not given */
    bool allow_non_finite;
    int64_t check_rows;         /* this many rows are looked up by brute force before the model is put in place */
    bool force;                 /* replace an existing model */
    inlay_progress_fn progress; /* may be NULL */
    void *progress_user;
    bool similar; /* a signature "similar" (NAME_similar where NAME is not "search"): index int64 [batch] and k in, out
                     what the search answers to these rows, without the rows themselves */
    bool lookup;  /* a signature "lookup" (NAME_lookup): index int64 [batch] in, vector float32 [batch, dim] and label
                     or id [batch] out */
} inlay_fuse_options;
INLAY_API void inlay_fuse_options_init(inlay_fuse_options *options);

typedef struct inlay_fuse_report {
    int64_t rows, dim;
    inlay_dtype dtype;
    size_t files, chunks;
    size_t reflinked, hard_linked, copied, converted; /* files */
    uint64_t bytes;                                   /* of rows */
    int64_t zero_rows, first_zero_row;                /* -1: none */
    int64_t non_finite_rows, first_non_finite_row;    /* -1: none */
    double write_seconds, sync_seconds; /* the pass over the rows with all that is written; making that durable */
} inlay_fuse_report;

/* Makes one SavedModel of an extractor and stored vectors. It is built beside the target and renamed into place: a kill
 * at any moment leaves nothing, or the whole model. REPORT may be NULL. Errors name the file and the reason: NOT_FOUND,
 * ALREADY_EXISTS, INVALID_ARGUMENT, DATA_LOSS, RESOURCE_EXHAUSTED (disk full), CANCELLED. */
INLAY_API inlay_status inlay_fuse(const inlay_fuse_options *options, inlay_fuse_report *report, inlay_error *error);

typedef struct inlay_encode_options {
    size_t size;               /* sizeof, set by inlay_encode_options_init */
    const char *extractor;     /* SavedModel directory or frozen GraphDef */
    const char *lines;         /* text file, one input a line; or NULL */
    const char *const *inputs; /* [n_inputs] KEY=FILE (.npy or .json), batch first; when lines is NULL */
    size_t n_inputs;
    const char *signature;  /* NULL: "serving_default", or "features" when that is a search */
    const char *feature;    /* NULL: the only fit one */
    const char *output;     /* directory for shard-00000.npy … */
    int64_t batch;          /* default 256 */
    int64_t rows_per_shard; /* default 1,000,000 */
    inlay_progress_fn progress;
    void *progress_user;
} inlay_encode_options;
INLAY_API void inlay_encode_options_init(inlay_encode_options *options);

typedef struct inlay_encode_report {
    int64_t rows, dim, resumed_rows; /* resumed: found done by an earlier call */
    size_t shards;
    double seconds;
} inlay_encode_report;

/* Runs an extractor over many inputs and writes its vectors as .npy shards, each whole or not at all; a second call
 * with the same inputs goes on where the first was stopped. REPORT may be NULL. */
INLAY_API inlay_status inlay_encode(const inlay_encode_options *options, inlay_encode_report *report,
                                    inlay_error *error);

/* ---- edits
 *
 * Of a SavedModel, a checkpoint (bundle) or a file with a graph, MODEL below. Data bytes are never written in place:
 * all that an edit changes appears in one rename, and who has the old model open keeps what he opened. A kill, a full
 * disk or a power cut leaves the model as it was before or as it is after. */

typedef struct inlay_edit_options {
    size_t size;        /* sizeof, set by inlay_edit_options_init */
    const char *output; /* where the edited model goes, sharing what stays; NULL: in place of MODEL */
    bool dry_run;       /* all is made and checked, and nothing put in place */
    void (*on_change)(void *user, const char *line); /* told what changes; may be NULL */
    void *change_user;
    inlay_progress_fn progress;
    void *progress_user;
} inlay_edit_options;
INLAY_API void inlay_edit_options_init(inlay_edit_options *options);

/* All edits fail with: NOT_FOUND (the model, a key), ABORTED (another edit of it is under way), ALREADY_EXISTS (the
 * output), FAILED_PRECONDITION (what is asked would leave a model that cannot load), DATA_LOSS, UNIMPLEMENTED (a V1
 * checkpoint or big-endian data: inlay_bundle_convert first). OPTIONS may be NULL: in place, told to nobody. */

/* Stores the tensor OLD under the key NEW: in the bundle, in the graphs and functions that restore and save it, and in
 * the checkpoint's object graph. Of a graph without objects its variable, of a frozen graph its node is renamed, too.
 * ALREADY_EXISTS: there is a NEW. */
INLAY_API inlay_status inlay_edit_rename(const char *model, const char *old_key, const char *new_key,
                                         const inlay_edit_options *options, inlay_error *error);

/* Removes the tensors KEYS [n]. FAILED_PRECONDITION names a node that restores one of them. */
INLAY_API inlay_status inlay_edit_drop(const char *model, const char *const *keys, size_t n,
                                       const inlay_edit_options *options, inlay_error *error);

/* Gives the tensor KEY the contents of FILE (.npy, or .json for strings), whose dtype must be its own; copies that the
 * model stores of the same variable follow. In a checkpoint alone the shape may be any, in a model, whose graph says it
 * in many places, it must be the one that it is: FAILED_PRECONDITION. */
INLAY_API inlay_status inlay_edit_swap(const char *model, const char *key, const char *file,
                                       const inlay_edit_options *options, inlay_error *error);

typedef enum inlay_rows_action {
    INLAY_ROWS_SET = 0,      /* the rows given replace those from SET_AT on; tombstones among them live again */
    INLAY_ROWS_APPEND = 1,   /* behind all others */
    INLAY_ROWS_DELETE = 2,   /* rows behind those deleted get lower numbers */
    INLAY_ROWS_TOMBSTONE = 3 /* the rows keep their numbers and score minus infinity: they can no longer win */
} inlay_rows_action;

typedef struct inlay_rows_options {
    size_t size;      /* sizeof, set by inlay_rows_options_init */
    const char *name; /* of the collection; NULL: "search", or the only one */
    inlay_rows_action action;
    const char *rows;         /* SET, APPEND: a file as inlay_fuse takes, of the collection's dimension and dtype */
    int64_t set_at;           /* SET */
    const char *labels, *ids; /* APPEND: of the new rows, where the collection has labels or ids; else NULL */
    const inlay_row_range *ranges; /* [n_ranges] DELETE, TOMBSTONE: in any order, none over another */
    size_t n_ranges;
    bool allow_non_finite;
    inlay_dtype dtype; /* of a file that cannot say it */
} inlay_rows_options;
INLAY_API void inlay_rows_options_init(inlay_rows_options *options);

typedef struct inlay_rows_report {
    int64_t rows, changed;       /* in the collection after the edit; set, appended, deleted, or newly unable to win */
    size_t chunks, total_chunks; /* written anew; after the edit */
    uint64_t bytes;              /* of rows in them */
} inlay_rows_report;

/* Edits the rows of a fused model; norms, labels, graph, signature and manifest follow. Chunks that are not touched
 * keep their bytes and their keys; one that gets another number of rows gets another key. REPORT may be NULL.
 * OUT_OF_RANGE: rows that the collection has not got. */
INLAY_API inlay_status inlay_edit_rows(const char *model, const inlay_rows_options *rows,
                                       const inlay_edit_options *options, inlay_rows_report *report,
                                       inlay_error *error);

typedef struct inlay_index_options {
    size_t size;      /* sizeof, set by inlay_index_options_init */
    const char *name; /* of the search, or a signature that searches plainly; NULL: all of the model */
    bool remove;      /* the model's indexes go, all of them */
} inlay_index_options;
INLAY_API void inlay_index_options_init(inlay_index_options *options);

typedef struct inlay_index_report {
    size_t made, kept; /* indexes, one for each chunk of rows */
    int64_t rows;      /* of those made */
    uint64_t bytes;
} inlay_index_report;

/* Makes indexes of the rows of a model's searches: rows in 8 bits with a bound of their error, a quarter of the bytes.
 * With them Inlay gives the very same answers several times faster; TensorFlow does not see them. Those that are there
 * and right are kept; edits keep them right from then on. Searches that inlay_fuse did not make have them where they
 * rank the rows of a stored variable by products. REPORT may be NULL. NOT_FOUND: no such search, or none that can have
 * an index, and why. */
INLAY_API inlay_status inlay_index(const char *model, const inlay_index_options *index,
                                   const inlay_edit_options *options, inlay_index_report *report, inlay_error *error);

/* Stores the float32 tensors KEYS [n] as TO (float16 or bfloat16), rounded to nearest, ties to even; on_change is told
 * by how much that is off. In a model, whatever reads such a variable goes on in float32 behind a Cast.
 * FAILED_PRECONDITION names a node that can do nothing with a half type; UNIMPLEMENTED: partitioned tensors, constants
 * of a graph. */
INLAY_API inlay_status inlay_edit_cast(const char *model, const char *const *keys, size_t n, inlay_dtype to,
                                       const inlay_edit_options *options, inlay_error *error);

typedef struct inlay_signature_edits {
    size_t size;               /* sizeof, set by inlay_signature_edits_init */
    const char *tag_set;       /* which metagraph, "serve,gpu"; NULL: the only one, else the one tagged "serve" alone */
    const char *const *remove; /* [n_remove] NAME; done first, then the others in this order */
    size_t n_remove;
    const char *const *rename; /* [n_rename] OLD=NEW */
    size_t n_rename;
    const char *const *add; /* [n_add] NAME=FROM: another name for FROM; NAME:in=KEY:TENSOR,...;out=KEY:TENSOR,... */
    size_t n_add;
    const char *const *defaults; /* [n_defaults] SIGNATURE.INPUT=VALUE (JSON; bare text for strings; empty: none) */
    size_t n_defaults;
    const char *tags; /* "a,b": the metagraph's tags from now on; NULL: as they are */
} inlay_signature_edits;
INLAY_API void inlay_signature_edits_init(inlay_signature_edits *edits);

/* Changes what a SavedModel offers: its signatures for sessions and servers, those that tf.saved_model.load shows, and
 * its tags. No data is touched. Defaults are read by TensorFlow Serving. NOT_FOUND names the signature, input or
 * tensor; ALREADY_EXISTS: a name or a set of tags that is taken; FAILED_PRECONDITION: no SavedModel, or a search is to
 * lose the name by which its rows are found; UNIMPLEMENTED: a signature of tensors for a TF2 model, where they are
 * functions. */
INLAY_API inlay_status inlay_edit_signatures(const char *model, const inlay_signature_edits *edits,
                                             const inlay_edit_options *options, inlay_error *error);

/* ---- whole new outputs */

typedef enum inlay_form {
    INLAY_FORM_KEEP = 0, /* of a graph: as the output's name says (.pbtxt is text), else as the source has it */
    INLAY_FORM_BINARY = 1,
    INLAY_FORM_TEXT = 2
} inlay_form;

typedef struct inlay_convert_options {
    size_t size;        /* sizeof, set by inlay_convert_options_init */
    const char *source; /* SavedModel folder, graph (.pb, .pbtxt, .meta), or a checkpoint as inlay_store_open has it */
    const char *output; /* of a checkpoint a prefix, or a folder; of a graph a file; of a model a folder or a file */
    inlay_form form;    /* of the graph */
    bool lossy;         /* leave out of a text what text cannot hold, instead of refusing */
    int32_t shards;     /* data files of the variables; 0: one when they are written anew */
    bool whole;         /* put partitioned tensors together */
    int64_t slices;     /* > 0: cut tensors into so many slices of rows */
    const char *const *keys; /* [n_keys] those to cut; none: all that TensorFlow can put together again */
    size_t n_keys;
    bool compact; /* fold the data files that edits left into one, large ones that are in use stay: without OUTPUT in
                     place, and with none of the above */
    bool force;   /* replace a graph's file or a model; never a checkpoint */
    inlay_progress_fn progress;
    void *progress_user;
} inlay_convert_options;
INLAY_API void inlay_convert_options_init(inlay_convert_options *options);

typedef struct inlay_convert_report {
    size_t tensors, slices; /* written anew; slices of partitioned tensors */
    int32_t shards;         /* data files there are; 0: the variables stay as they are */
    size_t kept;            /* of those, that stayed as they were */
    uint64_t bytes;         /* written, graph and data files */
    bool text;              /* the graph was written as text */
} inlay_convert_report;

/* Writes a model or a checkpoint in another form; values and keys stay what they are, and the source is not touched.
 * A checkpoint of either kind becomes a little-endian bundle; where OUTPUT is a folder, it gets the name that it had
 * and the folder's `checkpoint` file names it as the latest. A graph's file becomes binary or text. A SavedModel folder
 * becomes another one, whose variables are written anew when something of them is asked for, when they are not yet a
 * little-endian bundle, or when no form is asked for; all other files are hard links where the file system can. All
 * appears whole or not at all. REPORT may be NULL. Errors: NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT (options that do
 * not fit the source, tensors that cannot be cut), FAILED_PRECONDITION (a graph that text cannot hold, named),
 * UNIMPLEMENTED (dtypes), DATA_LOSS (a checksum does not match, the source is damaged), RESOURCE_EXHAUSTED, CANCELLED.
 */
INLAY_API inlay_status inlay_bundle_convert(const inlay_convert_options *options, inlay_convert_report *report,
                                            inlay_error *error);

typedef struct inlay_merge_options {
    size_t size;                /* sizeof, set by inlay_merge_options_init */
    const char *const *sources; /* [n_sources] at least two, all checkpoints (bundles) or all SavedModel folders */
    size_t n_sources;
    const char *output; /* of checkpoints a prefix, or a folder, as for inlay_bundle_convert; of models a folder */
    bool first_wins;    /* of a tensor that several have take the first's, instead of refusing */
    bool force;         /* replace a model; never a checkpoint */
    inlay_progress_fn progress;
    void *progress_user;
} inlay_merge_options;
INLAY_API void inlay_merge_options_init(inlay_merge_options *options);

typedef struct inlay_merge_report {
    size_t tensors;
    int32_t shards;
    int64_t rows; /* of models */
} inlay_merge_report;

/* Makes one of several. Checkpoints: one index over the data files of all, which are shared with the sources where the
 * file system can. Their object graphs (TF2) become one, in which each object is found by the path that it had; the
 * count of saves is the first's. Fused models with the same extractor (or none): rows of a collection that several have
 * follow one another, of one metric, dimension and dtype, with their labels or ids; other collections stand side by
 * side; what is the default is the first's. All but labels is shared with the sources. FAILED_PRECONDITION: they do not
 * fit. REPORT may be NULL. Errors: NOT_FOUND, ALREADY_EXISTS (the output), INVALID_ARGUMENT (a key that two have, or
 * sources of several kinds), UNIMPLEMENTED (V1 checkpoints: inlay_bundle_convert first), DATA_LOSS, RESOURCE_EXHAUSTED.
 */
INLAY_API inlay_status inlay_bundle_merge(const inlay_merge_options *options, inlay_merge_report *report,
                                          inlay_error *error);

typedef struct inlay_compose_options {
    size_t size;                  /* sizeof, set by inlay_compose_options_init */
    const char *first, *second;   /* SavedModel folders */
    const char *first_signature;  /* NULL: "serving_default" */
    const char *second_signature; /* NULL: "serving_default" */
    const char *const *map;       /* [n_map] OUTPUT=INPUT; none: those of one name, or the only one of each */
    size_t n_map;
    const char *output; /* folder to make */
    bool force;         /* replace a model */
} inlay_compose_options;
INLAY_API void inlay_compose_options_init(inlay_compose_options *options);

typedef struct inlay_compose_report {
    size_t variables, assets;
    size_t fed; /* inputs of the second model that outputs of the first feed */
} inlay_compose_report;

/* Makes one model of two, in which outputs of the first feed inputs of the second: its signature "serving_default"
 * takes the first's inputs and those of the second that nothing feeds, and gives the second's outputs. It is a graph
 * without objects, whatever the two are; nodes, variables and keys of the first go under "a/", of the second under
 * "b/", data files and assets are shared with them where the file system can. It cannot be saved from a session again.
 * REPORT may be NULL. Errors: NOT_FOUND (a model, signature, output or input), ALREADY_EXISTS, INVALID_ARGUMENT (dtypes
 * or shapes that do not fit, an input that both have), UNIMPLEMENTED (inputs that are not dense placeholders),
 * DATA_LOSS. */
INLAY_API inlay_status inlay_bundle_compose(const inlay_compose_options *options, inlay_compose_report *report,
                                            inlay_error *error);

typedef struct inlay_defuse_options {
    size_t size;                /* sizeof, set by inlay_defuse_options_init */
    const char *model;          /* a fused model */
    const char *name;           /* of the collection; NULL: "search", or the only one */
    const char *output;         /* directory to make */
    inlay_link link;            /* of sources that the model holds as they are; INLAY_LINK_MOVE is as INLAY_LINK_AUTO */
    inlay_progress_fn progress; /* may be NULL */
    void *progress_user;
} inlay_defuse_options;
INLAY_API void inlay_defuse_options_init(inlay_defuse_options *options);

typedef struct inlay_defuse_report {
    int64_t rows, dim;
    inlay_dtype dtype;
    size_t files;                                   /* of rows */
    size_t reflinked, hard_linked, copied, written; /* the first three: the source as it was; written: made anew */
    uint64_t bytes;                                 /* of rows */
    int64_t tombstones;                             /* rows that could not win; they are in the files like all others */
    bool extractor;                                 /* there is one, or another collection */
} inlay_defuse_report;

/* Takes a fused collection apart, the model stays: OUTPUT/extractor is the SavedModel without it, OUTPUT/shards has its
 * rows as .npy files (the sources where the model holds them whole), OUTPUT/labels.txt (labels.npy where a label is no
 * line of text) or OUTPUT/ids.npy what the rows are called. Fusing them again gives the same search. All appears whole
 * or not at all. REPORT may be NULL. Errors: NOT_FOUND (no such collection), INVALID_ARGUMENT (several, none called
 * "search"), ALREADY_EXISTS, DATA_LOSS, FAILED_PRECONDITION (the model uses the collection elsewhere),
 * RESOURCE_EXHAUSTED (disk full), CANCELLED. */
INLAY_API inlay_status inlay_bundle_defuse(const inlay_defuse_options *options, inlay_defuse_report *report,
                                           inlay_error *error);

#ifdef __cplusplus
}
#endif

#endif
