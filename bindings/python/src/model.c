#include "core.h"

#include <stddef.h>

typedef struct model {
    PyObject_HEAD inlay_model *handle;
} model;

static PyTypeObject *type;

static const field fields[] = {
    {"tag_set", FIELD_TEXT, offsetof(inlay_model_options, tag_set), 0},
    {"copy", FIELD_BOOL, offsetof(inlay_model_options, copy), 0},
    {"memory_budget", FIELD_UINT64, offsetof(inlay_model_options, memory_budget), 0},
    {"allow_files_in", FIELD_TEXT, offsetof(inlay_model_options, allow_files_in), 0},
    {0},
};

PyObject *model_open(PyObject *module, PyObject *args) {
    const char *path;
    PyObject *values;
    inlay_model_options options;
    inlay_model *handle;
    inlay_error error;
    inlay_status status;
    (void)module;
    if (!PyArg_ParseTuple(args, "yO!", &path, &PyDict_Type, &values)) return NULL;
    inlay_model_options_init(&options);
    if (!fields_set(fields, values, NULL, &options)) return NULL;
    Py_BEGIN_ALLOW_THREADS status = inlay_model_open(path, &options, &handle, &error);
    Py_END_ALLOW_THREADS if (status) return core_raise(&error);
    model *m = PyObject_New(model, type);
    if (m)
        m->handle = handle;
    else
        inlay_model_close(handle);
    return (PyObject *)m;
}

static void dealloc(PyObject *self) {
    inlay_model_close(((model *)self)->handle);
    core_free(self);
}

/* ---- signatures */

static PyObject *shape_of(const inlay_endpoint *e) {
    if (e->rank < 0) Py_RETURN_NONE;
    PyObject *shape = PyTuple_New(e->rank);
    for (int i = 0; shape && i < e->rank; i++)
        PyTuple_SetItem(shape, i, e->dims[i] < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(e->dims[i]));
    return shape;
}

/* [(key, dtype, shape, optional)] */
static PyObject *endpoints_of(const inlay_endpoint *list, size_t n) {
    PyObject *given = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; given && i < n; i++) {
        PyObject *one = Py_BuildValue("siNN", list[i].key, (int)list[i].dtype, shape_of(list + i),
                                      PyBool_FromLong(list[i].optional));
        if (!one || PyList_SetItem(given, (Py_ssize_t)i, one) < 0) Py_CLEAR(given);
    }
    return given;
}

/* [(key, method, inputs, outputs)] */
static PyObject *signatures(PyObject *self, PyObject *unused) {
    const inlay_model *handle = ((model *)self)->handle;
    size_t n = inlay_model_signature_count(handle);
    PyObject *given = PyList_New((Py_ssize_t)n);
    (void)unused;
    for (size_t i = 0; given && i < n; i++) {
        const inlay_signature *s = inlay_model_signature(handle, i);
        PyObject *one = Py_BuildValue("szNN", s->key, s->method, endpoints_of(s->inputs, s->n_inputs),
                                      endpoints_of(s->outputs, s->n_outputs));
        if (!one || PyList_SetItem(given, (Py_ssize_t)i, one) < 0) Py_CLEAR(given);
    }
    return given;
}

/* ---- run */

static PyObject *give_outputs(inlay_named_tensor *outputs, size_t n) {
    PyObject *dict = PyDict_New();
    for (size_t i = 0; i < n; i++) {
        PyObject *one = tensor_give(outputs[i].tensor);
        if (dict && (!one || PyDict_SetItemString(dict, outputs[i].key, one) < 0)) Py_CLEAR(dict);
        Py_XDECREF(one);
    }
    return dict;
}

/* run(signature, inputs): {key: as tensor_give} of all outputs */
static PyObject *run(PyObject *self, PyObject *args) {
    model *m = (model *)self;
    const char *key;
    PyObject *values, *given = NULL;
    core_inputs inputs;
    inlay_error error;
    inlay_status status;
    if (!PyArg_ParseTuple(args, "sO!", &key, &PyList_Type, &values)) return NULL;
    const inlay_signature *s = inlay_model_find_signature(m->handle, key);
    size_t n = s ? s->n_outputs : 0;
    inlay_named_tensor *outputs = PyMem_Calloc(n + 1, sizeof *outputs);
    if (!outputs) return PyErr_NoMemory();
    for (size_t i = 0; i < n; i++) outputs[i].key = s->outputs[i].key;
    if (inputs_take(values, &inputs)) {
        Py_BEGIN_ALLOW_THREADS status = inlay_model_run(m->handle, key, inputs.list, inputs.count, outputs, n, &error);
        Py_END_ALLOW_THREADS given = status ? core_raise(&error) : give_outputs(outputs, n);
        inputs_free(&inputs);
    }
    PyMem_Free(outputs);
    return given;
}

/* search(signature or None, inputs, k, limits or None): as hits_give */
static PyObject *search(PyObject *self, PyObject *args) {
    model *m = (model *)self;
    const char *key;
    PyObject *values, *limits, *given = NULL;
    long long k;
    core_inputs inputs;
    core_limits within;
    inlay_hits *hits;
    inlay_error error;
    inlay_status status;
    if (!PyArg_ParseTuple(args, "zO!LO", &key, &PyList_Type, &values, &k, &limits)) return NULL;
    bool limited = limits != Py_None;
    if (!inputs_take(values, &inputs)) return NULL;
    if (!limited || limits_take(limits, &within)) {
        Py_BEGIN_ALLOW_THREADS status =
            limited ? inlay_search_with(m->handle, key, inputs.list, inputs.count, &within.options, &hits, &error)
                    : inlay_search(m->handle, key, inputs.list, inputs.count, k, &hits, &error);
        Py_END_ALLOW_THREADS given = status ? core_raise(&error) : hits_give(hits);
        if (limited) limits_free(&within);
    }
    inputs_free(&inputs);
    return given;
}

static PyMethodDef methods[] = {
    {"signatures", signatures, METH_NOARGS, NULL},
    {"run", run, METH_VARARGS, NULL},
    {"search", search, METH_VARARGS, NULL},
    {0},
};
static PyType_Slot slots[] = {{Py_tp_dealloc, dealloc}, {Py_tp_methods, methods}, {0}};
static PyType_Spec spec = {.name = "inlay._core.Model",
                           .basicsize = sizeof(model),
                           .slots = slots,
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION};

bool model_add(PyObject *module) {
    type = core_type(module, &spec);
    return type != NULL;
}
