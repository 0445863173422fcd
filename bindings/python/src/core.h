/* inlay._core: what the Python package is made over. It takes buffers and plain Python values, checks nothing that the
 * package's Python files check already, and knows nothing of NumPy. The stable ABI of Python 3.11 only.
 *
 * Functions that may fail return NULL (or false) with a Python exception set. Calls of the library that may take long
 * run without the GIL. */
#ifndef PYTHON_CORE_H
#define PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <inlay/inlay.h>

/* ---- module.c */

/* Sets the exception that ERROR is in Python. Returns NULL. */
PyObject *core_raise(const inlay_error *error);

/* What a call reports to while it runs without the GIL: a Python function, or None; and signals. */
typedef struct core_listener {
    PyObject *fn;                       /* borrowed */
    PyObject *type, *value, *traceback; /* what it raised */
    double told;                        /* seconds */
} core_listener;

/* An inlay_progress_fn for a core_listener. At most some times a second takes the GIL. */
bool core_progress(void *listener, const char *stage, uint64_t done, uint64_t total);

/* The exception for a call that ended with ERROR, or what the listener raised. Returns NULL. */
PyObject *core_raise_from(core_listener *listener, const inlay_error *error);

/* ---- view.c */

bool view_add(PyObject *module);

/* A read-only buffer of SIZE bytes at DATA, which OWNER keeps alive. */
PyObject *view_new(PyObject *owner, const void *data, size_t size);

/* ---- tensors.c */

/* A tensor over the memory of BUFFER, which is released with it; takes BUFFER over, also on failure. */
inlay_status tensor_over(Py_buffer *buffer, int dtype, const int64_t *dims, int rank, inlay_tensor **out,
                         inlay_error *error);

typedef struct core_inputs {
    inlay_named_tensor *list;
    size_t count;
} core_inputs;

/* INPUTS: [(key, dtype, shape, buffer or list of bytes)]; their keys stay those of the Python objects. Zeroed on
 * failure. */
bool inputs_take(PyObject *inputs, core_inputs *out);
void inputs_free(core_inputs *inputs);

/* (dtype, shape, view or list of bytes); takes TENSOR over, also on failure. */
PyObject *tensor_give(inlay_tensor *tensor);

/* (n, k, scores, indices, counts, labels or None, ids or None), views and a list of bytes; takes HITS over. */
PyObject *hits_give(inlay_hits *hits);

/* ---- limits.c */

/* Options of a search and the buffers that they point into. */
typedef struct core_limits {
    inlay_search_options options;
    Py_buffer buffers[4];
} core_limits;

/* LIMITS: (k, min_score, all, most, ranges, bitmap, bitmap_rows, ranges, bitmap, bitmap_rows): only, then except. */
bool limits_take(PyObject *limits, core_limits *out);
void limits_free(core_limits *limits);

/* ---- options.c: structs of options from dicts, and dicts from reports, by tables */

typedef enum field_kind {
    FIELD_TEXT,  /* bytes */
    FIELD_TEXTS, /* list of bytes; the count is at `count` */
    FIELD_BOOL,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_UINT64,
    FIELD_DOUBLE
} field_kind;

typedef struct field {
    const char *name; /* NULL ends a table */
    field_kind kind;
    size_t offset, count;
} field;

/* Sets the fields of STRUCTURE that VALUES, a dict, names; HELD, a list, keeps what they point to. */
bool fields_set(const field *table, PyObject *values, PyObject *held, void *structure);
PyObject *fields_get(const field *table, const void *structure);

/* ---- vectors.c, model.c, edits.c */

bool vectors_add(PyObject *module);
PyObject *vectors_open_rows(PyObject *module, PyObject *args);
PyObject *vectors_open_files(PyObject *module, PyObject *args);
bool model_add(PyObject *module);
PyObject *model_open(PyObject *module, PyObject *args);
PyObject *edits_fuse(PyObject *module, PyObject *args);
PyObject *edits_index(PyObject *module, PyObject *args);

/* Makes the type SPEC. */
PyTypeObject *core_type(PyObject *module, PyType_Spec *spec);

/* Ends an object of such a type. */
void core_free(PyObject *self);

#endif
