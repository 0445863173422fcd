#include "core.h"

/* From any thread, with the GIL or without. */
static void release_buffer(void *user) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyBuffer_Release(user);
    PyMem_Free(user);
    PyGILState_Release(state);
}

inlay_status tensor_over(Py_buffer *buffer, int dtype, const int64_t *dims, int rank, inlay_tensor **out,
                         inlay_error *error) {
    Py_buffer *held = PyMem_Malloc(sizeof *held);
    *out = NULL;
    if (!held) {
        PyBuffer_Release(buffer);
        *error = (inlay_error){.code = INLAY_RESOURCE_EXHAUSTED, .message = "out of memory", .offset = -1};
        return error->code;
    }
    *held = *buffer;
    return inlay_tensor_wrap((inlay_dtype)dtype, dims, rank, held->buf, release_buffer, held, out, error);
}

/* ---- inputs */

static bool take_shape(PyObject *shape, int64_t *dims, int *rank) {
    *rank = (int)PyTuple_Size(shape);
    if (*rank > INLAY_MAX_RANK) PyErr_Format(PyExc_ValueError, "an array of %d dimensions is too deep", *rank);
    for (int i = 0; i < *rank && !PyErr_Occurred(); i++) dims[i] = PyLong_AsLongLong(PyTuple_GetItem(shape, i));
    return !PyErr_Occurred();
}

static bool take_strings(PyObject *items, const int64_t *dims, int rank, inlay_tensor **out) {
    Py_ssize_t n = PyList_Size(items);
    inlay_error error;
    inlay_string *strings = PyMem_Calloc((size_t)n + 1, sizeof *strings);
    if (!strings) return PyErr_NoMemory() != NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        char *data;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyList_GetItem(items, i), &data, &size) < 0) break;
        strings[i] = (inlay_string){data, (size_t)size};
    }
    if (!PyErr_Occurred() && inlay_tensor_from_strings(strings, dims, rank, out, &error)) core_raise(&error);
    PyMem_Free(strings);
    return !PyErr_Occurred();
}

static bool take_input(PyObject *input, inlay_named_tensor *out) {
    PyObject *shape, *data;
    int dtype, rank;
    int64_t dims[INLAY_MAX_RANK];
    Py_buffer buffer;
    inlay_error error;
    if (!PyArg_ParseTuple(input, "siO!O", &out->key, &dtype, &PyTuple_Type, &shape, &data)) return false;
    if (!take_shape(shape, dims, &rank)) return false;
    if (dtype == INLAY_STRING) return take_strings(data, dims, rank, &out->tensor);
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0) return false;
    if (tensor_over(&buffer, dtype, dims, rank, &out->tensor, &error)) core_raise(&error);
    return out->tensor != NULL;
}

bool inputs_take(PyObject *inputs, core_inputs *out) {
    size_t n = (size_t)PyList_Size(inputs);
    *out = (core_inputs){.list = PyMem_Calloc(n + 1, sizeof *out->list)};
    if (!out->list) return PyErr_NoMemory() != NULL;
    for (; out->count < n; out->count++)
        if (!take_input(PyList_GetItem(inputs, (Py_ssize_t)out->count), out->list + out->count)) {
            inputs_free(out);
            return false;
        }
    return true;
}

void inputs_free(core_inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++) inlay_tensor_release(inputs->list[i].tensor);
    PyMem_Free(inputs->list);
    *inputs = (core_inputs){0};
}

/* ---- outputs */

static void release_tensor(PyObject *capsule) {
    inlay_tensor_release(PyCapsule_GetPointer(capsule, "tensor"));
}

static PyObject *shape_of(const inlay_tensor *tensor) {
    int rank = inlay_tensor_rank(tensor);
    const int64_t *dims = inlay_tensor_dims(tensor);
    PyObject *shape = PyTuple_New(rank);
    for (int i = 0; shape && i < rank; i++) PyTuple_SetItem(shape, i, PyLong_FromLongLong(dims[i]));
    return shape;
}

static PyObject *strings_of(const inlay_tensor *tensor, int64_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (int64_t i = 0; list && i < count; i++) {
        inlay_string s = inlay_tensor_string(tensor, i);
        PyList_SetItem(list, (Py_ssize_t)i, PyBytes_FromStringAndSize(s.data, (Py_ssize_t)s.size));
    }
    return list;
}

PyObject *tensor_give(inlay_tensor *tensor) {
    PyObject *owner = PyCapsule_New(tensor, "tensor", release_tensor);
    if (!owner) {
        inlay_tensor_release(tensor);
        return NULL;
    }
    int64_t count = 1;
    for (int i = 0; i < inlay_tensor_rank(tensor); i++) count *= inlay_tensor_dims(tensor)[i];
    inlay_dtype dtype = inlay_tensor_dtype(tensor);
    PyObject *shape = shape_of(tensor);
    PyObject *data = dtype == INLAY_STRING
                         ? strings_of(tensor, count)
                         : view_new(owner, inlay_tensor_data(tensor), (size_t)count * inlay_dtype_size(dtype));
    PyObject *given = shape && data ? Py_BuildValue("iOO", (int)dtype, shape, data) : NULL;
    Py_XDECREF(shape);
    Py_XDECREF(data);
    Py_DECREF(owner);
    return PyErr_Occurred() ? NULL : given;
}

static void release_hits(PyObject *capsule) {
    inlay_hits_release(PyCapsule_GetPointer(capsule, "hits"));
}

static PyObject *labels_of(const inlay_hits *hits) {
    size_t n = hits->n_queries * hits->k;
    if (!hits->labels) Py_RETURN_NONE;
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list && i < n; i++) {
        const inlay_string *label = hits->labels + i;
        PyList_SetItem(list, (Py_ssize_t)i, PyBytes_FromStringAndSize(label->data, (Py_ssize_t)label->size));
    }
    return list;
}

PyObject *hits_give(inlay_hits *hits) {
    PyObject *owner = PyCapsule_New(hits, "hits", release_hits);
    if (!owner) {
        inlay_hits_release(hits);
        return NULL;
    }
    size_t n = hits->n_queries * hits->k;
    PyObject *ids = hits->ids ? view_new(owner, hits->ids, n * sizeof *hits->ids) : Py_NewRef(Py_None);
    PyObject *given =
        Py_BuildValue("nnNNNNN", (Py_ssize_t)hits->n_queries, (Py_ssize_t)hits->k,
                      view_new(owner, hits->scores, n * sizeof *hits->scores),
                      view_new(owner, hits->indices, n * sizeof *hits->indices),
                      view_new(owner, hits->counts, hits->n_queries * sizeof *hits->counts), labels_of(hits), ids);
    Py_DECREF(owner);
    return given;
}
