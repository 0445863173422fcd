#include "core.h"

#include <string.h>
#include <time.h>

static PyObject *error_of; /* inlay._errors.error_of */

/* Messages may hold any bytes, and end within a character. */
static PyObject *text_of(const char *text) {
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "backslashreplace");
}

PyObject *core_raise(const inlay_error *error) {
    PyObject *raised = PyObject_CallFunction(error_of, "sNNLNN", inlay_status_name(error->code),
                                             text_of(error->message), PyUnicode_DecodeFSDefault(error->file),
                                             (long long)error->offset, text_of(error->node), text_of(error->op));
    if (raised) PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
    Py_XDECREF(raised);
    return NULL;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool core_progress(void *user, const char *stage, uint64_t done, uint64_t total) {
    core_listener *listener = user;
    double now = seconds();
    if (listener->type) return false;
    if (now - listener->told < 0.1 && done != total) return true;
    listener->told = now;
    PyGILState_STATE state = PyGILState_Ensure();
    bool go_on = PyErr_CheckSignals() == 0;
    if (go_on && listener->fn != Py_None) {
        PyObject *answer =
            PyObject_CallFunction(listener->fn, "sKK", stage, (unsigned long long)done, (unsigned long long)total);
        go_on = answer && answer != Py_False;
        Py_XDECREF(answer);
    }
    if (PyErr_Occurred()) PyErr_Fetch(&listener->type, &listener->value, &listener->traceback);
    PyGILState_Release(state);
    return go_on;
}

PyObject *core_raise_from(core_listener *listener, const inlay_error *error) {
    if (!listener->type) return core_raise(error);
    PyErr_Restore(listener->type, listener->value, listener->traceback);
    return NULL;
}

PyTypeObject *core_type(PyObject *module, PyType_Spec *spec) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
}

void core_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *version(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_FromString(inlay_version());
}

static PyObject *build_info(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_FromString(inlay_build_info());
}

static PyObject *set_threads(PyObject *module, PyObject *args) {
    int threads;
    (void)module;
    if (!PyArg_ParseTuple(args, "i", &threads)) return NULL;
    inlay_set_threads(threads);
    Py_RETURN_NONE;
}

static PyObject *dtype_name(PyObject *module, PyObject *args) {
    int dtype;
    (void)module;
    if (!PyArg_ParseTuple(args, "i", &dtype)) return NULL;
    return PyUnicode_FromString(inlay_dtype_name((inlay_dtype)dtype));
}

static PyMethodDef functions[] = {
    {"version", version, METH_NOARGS, NULL},
    {"build_info", build_info, METH_NOARGS, NULL},
    {"set_threads", set_threads, METH_VARARGS, NULL},
    {"dtype_name", dtype_name, METH_VARARGS, NULL},
    {"open_rows", vectors_open_rows, METH_VARARGS, NULL},
    {"open_files", vectors_open_files, METH_VARARGS, NULL},
    {"open_model", model_open, METH_VARARGS, NULL},
    {"fuse", edits_fuse, METH_VARARGS, NULL},
    {"index", edits_index, METH_VARARGS, NULL},
    {0},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "inlay._core", .m_size = -1,
                                        .m_methods = functions};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void) {
    PyObject *errors = PyImport_ImportModule("inlay._errors");
    error_of = errors ? PyObject_GetAttrString(errors, "error_of") : NULL;
    Py_XDECREF(errors);
    PyObject *module = error_of ? PyModule_Create(&definition) : NULL;
    if (module && view_add(module) && vectors_add(module) && model_add(module)) return module;
    Py_XDECREF(module);
    return NULL;
}
