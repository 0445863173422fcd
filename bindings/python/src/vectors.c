#include "core.h"

#include <stddef.h>

typedef struct vectors {
    PyObject_HEAD inlay_vectors *handle;
} vectors;

static PyTypeObject *type;

static const field fields[] = {
    {"metric", FIELD_INT32, offsetof(inlay_vectors_options, metric), 0},
    {"index", FIELD_BOOL, offsetof(inlay_vectors_options, index), 0},
    {"index_folder", FIELD_TEXT, offsetof(inlay_vectors_options, index_folder), 0},
    {"copy", FIELD_BOOL, offsetof(inlay_vectors_options, copy), 0},
    {"as_listed", FIELD_BOOL, offsetof(inlay_vectors_options, as_listed), 0},
    {"dim", FIELD_INT64, offsetof(inlay_vectors_options, dim), 0},
    {"dtype", FIELD_INT32, offsetof(inlay_vectors_options, dtype), 0},
    {0},
};

/* What both ways of opening are given. */
typedef struct opening {
    inlay_vectors_options options;
    core_listener listener;
    PyObject *held;
} opening;

static bool begin(opening *o, PyObject *values, PyObject *progress) {
    inlay_vectors_options_init(&o->options);
    o->listener = (core_listener){.fn = progress};
    o->options.progress = core_progress;
    o->options.progress_user = &o->listener;
    o->held = PyList_New(0);
    return o->held && fields_set(fields, values, o->held, &o->options);
}

static PyObject *end(opening *o, inlay_status status, inlay_vectors *handle, const inlay_error *error) {
    Py_XDECREF(o->held);
    if (status != INLAY_OK || o->listener.type) {
        inlay_vectors_close(handle);
        return core_raise_from(&o->listener, error);
    }
    vectors *v = PyObject_New(vectors, type);
    if (v)
        v->handle = handle;
    else
        inlay_vectors_close(handle);
    return (PyObject *)v;
}

PyObject *vectors_open_rows(PyObject *module, PyObject *args) {
    PyObject *matrices, *values, *progress;
    opening o;
    core_inputs inputs;
    inlay_vectors *handle = NULL;
    inlay_error error;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!O", &PyList_Type, &matrices, &PyDict_Type, &values, &progress)) return NULL;
    if (!inputs_take(matrices, &inputs)) return NULL;
    inlay_tensor **list = PyMem_Calloc(inputs.count + 1, sizeof *list);
    PyObject *given = NULL;
    if (!list) PyErr_NoMemory();
    if (list && begin(&o, values, progress)) {
        for (size_t i = 0; i < inputs.count; i++) list[i] = inputs.list[i].tensor;
        inlay_status status;
        Py_BEGIN_ALLOW_THREADS status = inlay_vectors_open(list, inputs.count, &o.options, &handle, &error);
        Py_END_ALLOW_THREADS given = end(&o, status, handle, &error);
    }
    PyMem_Free(list);
    inputs_free(&inputs);
    return given;
}

PyObject *vectors_open_files(PyObject *module, PyObject *args) {
    static const field files[] = {{"files", FIELD_TEXTS, 0, sizeof(void *)}, {0}};
    struct {
        const char *const *list;
        size_t count;
    } sources = {0};
    PyObject *paths, *values, *progress;
    opening o;
    inlay_vectors *handle = NULL;
    inlay_error error;
    inlay_status status;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!O", &PyDict_Type, &paths, &PyDict_Type, &values, &progress)) return NULL;
    if (!begin(&o, values, progress) || !fields_set(files, paths, o.held, &sources)) {
        Py_XDECREF(o.held);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = inlay_vectors_open_files(sources.list, sources.count, &o.options, &handle, &error);
    Py_END_ALLOW_THREADS return end(&o, status, handle, &error);
}

static void dealloc(PyObject *self) {
    inlay_vectors_close(((vectors *)self)->handle);
    core_free(self);
}

static PyObject *rows(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLongLong(inlay_vectors_rows(((vectors *)self)->handle));
}

static PyObject *dim(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyLong_FromLongLong(inlay_vectors_dim(((vectors *)self)->handle));
}

/* search(queries, n, dim, k, rows, scores, limits or None) */
static PyObject *search(PyObject *self, PyObject *args) {
    const inlay_vectors *handle = ((vectors *)self)->handle;
    Py_buffer queries, found, scores;
    Py_ssize_t n, width, k;
    PyObject *limits;
    core_limits within;
    inlay_error error;
    inlay_status status = INLAY_OK;
    if (!PyArg_ParseTuple(args, "y*nnnw*w*O", &queries, &n, &width, &k, &found, &scores, &limits)) return NULL;
    bool limited = limits != Py_None, taken = !limited || limits_take(limits, &within);
    if (taken) {
        if (limited) within.options.k = k;
        Py_BEGIN_ALLOW_THREADS status =
            limited
                ? inlay_vectors_search_with(handle, queries.buf, (size_t)n, (size_t)width, &within.options, found.buf,
                                            scores.buf, &error)
                : inlay_vectors_search(handle, queries.buf, (size_t)n, (size_t)width, k, found.buf, scores.buf, &error);
        Py_END_ALLOW_THREADS
    }
    if (taken && limited) limits_free(&within);
    PyBuffer_Release(&queries);
    PyBuffer_Release(&found);
    PyBuffer_Release(&scores);
    if (!taken) return NULL;
    return status ? core_raise(&error) : Py_NewRef(Py_None);
}

/* search_all(queries, n, dim, limits): as hits_give */
static PyObject *search_all(PyObject *self, PyObject *args) {
    Py_buffer queries;
    Py_ssize_t n, width;
    PyObject *limits;
    core_limits within;
    inlay_hits *hits = NULL;
    inlay_error error;
    inlay_status status = INLAY_OK;
    if (!PyArg_ParseTuple(args, "y*nnO", &queries, &n, &width, &limits)) return NULL;
    bool taken = limits_take(limits, &within);
    if (taken) {
        Py_BEGIN_ALLOW_THREADS status = inlay_vectors_search_all(((vectors *)self)->handle, queries.buf, (size_t)n,
                                                                 (size_t)width, &within.options, &hits, &error);
        Py_END_ALLOW_THREADS limits_free(&within);
    }
    PyBuffer_Release(&queries);
    if (!taken) return NULL;
    return status ? core_raise(&error) : hits_give(hits);
}

static PyMethodDef methods[] = {
    {"rows", rows, METH_NOARGS, NULL},
    {"dim", dim, METH_NOARGS, NULL},
    {"search", search, METH_VARARGS, NULL},
    {"search_all", search_all, METH_VARARGS, NULL},
    {0},
};
static PyType_Slot slots[] = {{Py_tp_dealloc, dealloc}, {Py_tp_methods, methods}, {0}};
static PyType_Spec spec = {.name = "inlay._core.Vectors",
                           .basicsize = sizeof(vectors),
                           .slots = slots,
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION};

bool vectors_add(PyObject *module) {
    type = core_type(module, &spec);
    return type != NULL;
}
