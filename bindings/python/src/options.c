#include "core.h"

static const char *text_of(PyObject *value) {
    return value == Py_None ? NULL : PyBytes_AsString(value);
}

static bool set_texts(PyObject *values, PyObject *held, const char *const **out, size_t *count) {
    Py_ssize_t n = PyList_Size(values);
    PyObject *memory = n < 0 ? NULL : PyByteArray_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(char *));
    if (!memory) return false;
    bool kept = PyList_Append(held, memory) == 0;
    Py_DECREF(memory);
    const char **texts = (const char **)(void *)PyByteArray_AsString(memory);
    for (Py_ssize_t i = 0; kept && i < n; i++) texts[i] = text_of(PyList_GetItem(values, i));
    *out = texts;
    *count = (size_t)n;
    return kept && !PyErr_Occurred();
}

static bool set_field(const field *f, PyObject *value, PyObject *held, char *structure) {
    void *at = structure + f->offset;
    switch (f->kind) {
    case FIELD_TEXT: *(const char **)at = text_of(value); break;
    case FIELD_TEXTS: return set_texts(value, held, at, (size_t *)(void *)(structure + f->count));
    case FIELD_BOOL: *(bool *)at = PyObject_IsTrue(value); break;
    case FIELD_INT32: *(int32_t *)at = (int32_t)PyLong_AsLong(value); break;
    case FIELD_INT64: *(int64_t *)at = PyLong_AsLongLong(value); break;
    case FIELD_UINT64: *(uint64_t *)at = PyLong_AsUnsignedLongLong(value); break;
    case FIELD_DOUBLE: *(double *)at = PyFloat_AsDouble(value); break;
    }
    return !PyErr_Occurred();
}

static const field *find(const field *table, PyObject *name) {
    for (; table->name; table++)
        if (PyUnicode_CompareWithASCIIString(name, table->name) == 0) return table;
    return NULL;
}

bool fields_set(const field *table, PyObject *values, PyObject *held, void *structure) {
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(values, &at, &name, &value)) {
        const field *f = find(table, name);
        if (!f) {
            PyErr_Format(PyExc_TypeError, "there is no option %U", name);
            return false;
        }
        if (!set_field(f, value, held, structure)) return false;
    }
    return true;
}

static PyObject *get_field(const field *f, const char *structure) {
    const void *at = structure + f->offset;
    switch (f->kind) {
    case FIELD_BOOL: return PyBool_FromLong(*(const bool *)at);
    case FIELD_INT32: return PyLong_FromLong(*(const int32_t *)at);
    case FIELD_INT64: return PyLong_FromLongLong(*(const int64_t *)at);
    case FIELD_UINT64: return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
    case FIELD_DOUBLE: return PyFloat_FromDouble(*(const double *)at);
    default: return PyErr_Format(PyExc_SystemError, "%s cannot be given", f->name);
    }
}

PyObject *fields_get(const field *table, const void *structure) {
    PyObject *dict = PyDict_New();
    for (; dict && table->name; table++) {
        PyObject *value = get_field(table, structure);
        if (!value || PyDict_SetItemString(dict, table->name, value) < 0) Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}
