#include "core.h"

typedef struct view {
    PyObject_HEAD PyObject *owner;
    const void *data;
    Py_ssize_t size;
} view;

static PyTypeObject *type;

static int view_buffer(PyObject *self, Py_buffer *out, int flags) {
    view *v = (view *)self;
    return PyBuffer_FillInfo(out, self, (void *)(uintptr_t)v->data, v->size, 1, flags);
}

static void view_dealloc(PyObject *self) {
    Py_DECREF(((view *)self)->owner);
    core_free(self);
}

PyObject *view_new(PyObject *owner, const void *data, size_t size) {
    view *v = PyObject_New(view, type);
    if (!v) return NULL;
    v->owner = Py_NewRef(owner);
    v->data = data;
    v->size = (Py_ssize_t)size;
    return (PyObject *)v;
}

static PyType_Slot slots[] = {{Py_tp_dealloc, view_dealloc}, {Py_bf_getbuffer, view_buffer}, {0}};
static PyType_Spec spec = {.name = "inlay._core.View",
                           .basicsize = sizeof(view),
                           .slots = slots,
                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION};

bool view_add(PyObject *module) {
    type = core_type(module, &spec);
    return type != NULL;
}
