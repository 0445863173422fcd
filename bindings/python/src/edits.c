/* What makes and changes models on the disk: one row a field of the option structs. */
#include "core.h"

#include <stddef.h>

#define AT(member) offsetof(inlay_fuse_options, member)
static const field fuse_fields[] = {
    {"extractor", FIELD_TEXT, AT(extractor), 0},
    {"embeddings", FIELD_TEXTS, AT(embeddings), AT(n_embeddings)},
    {"output", FIELD_TEXT, AT(output), 0},
    {"tag_set", FIELD_TEXT, AT(tag_set), 0},
    {"signature", FIELD_TEXT, AT(signature), 0},
    {"feature", FIELD_TEXT, AT(feature), 0},
    {"graph_inputs", FIELD_TEXTS, AT(graph_inputs), AT(n_graph_inputs)},
    {"graph_output", FIELD_TEXT, AT(graph_output), 0},
    {"metric", FIELD_INT32, AT(metric), 0},
    {"labels", FIELD_TEXT, AT(labels), 0},
    {"ids", FIELD_TEXT, AT(ids), 0},
    {"name", FIELD_TEXT, AT(name), 0},
    {"k", FIELD_INT32, AT(k), 0},
    {"make_default", FIELD_BOOL, AT(make_default), 0},
    {"link", FIELD_INT32, AT(link), 0},
    {"index", FIELD_BOOL, AT(index), 0},
    {"chunk_bytes", FIELD_UINT64, AT(chunk_bytes), 0},
    {"as_listed", FIELD_BOOL, AT(as_listed), 0},
    {"dim", FIELD_INT64, AT(dim), 0},
    {"dtype", FIELD_INT32, AT(dtype), 0},
    {"allow_non_finite", FIELD_BOOL, AT(allow_non_finite), 0},
    {"check_rows", FIELD_INT64, AT(check_rows), 0},
    {"force", FIELD_BOOL, AT(force), 0},
    {"similar", FIELD_BOOL, AT(similar), 0},
    {"lookup", FIELD_BOOL, AT(lookup), 0},
    {0},
};
#undef AT

#define AT(member) offsetof(inlay_fuse_report, member)
static const field fuse_report_fields[] = {
    {"rows", FIELD_INT64, AT(rows), 0},
    {"dim", FIELD_INT64, AT(dim), 0},
    {"files", FIELD_UINT64, AT(files), 0},
    {"chunks", FIELD_UINT64, AT(chunks), 0},
    {"reflinked", FIELD_UINT64, AT(reflinked), 0},
    {"hard_linked", FIELD_UINT64, AT(hard_linked), 0},
    {"copied", FIELD_UINT64, AT(copied), 0},
    {"converted", FIELD_UINT64, AT(converted), 0},
    {"bytes", FIELD_UINT64, AT(bytes), 0},
    {"zero_rows", FIELD_INT64, AT(zero_rows), 0},
    {"non_finite_rows", FIELD_INT64, AT(non_finite_rows), 0},
    {"write_seconds", FIELD_DOUBLE, AT(write_seconds), 0},
    {"sync_seconds", FIELD_DOUBLE, AT(sync_seconds), 0},
    {0},
};
#undef AT

static const field index_fields[] = {
    {"name", FIELD_TEXT, offsetof(inlay_index_options, name), 0},
    {"remove", FIELD_BOOL, offsetof(inlay_index_options, remove), 0},
    {0},
};
static const field index_report_fields[] = {
    {"made", FIELD_UINT64, offsetof(inlay_index_report, made), 0},
    {"kept", FIELD_UINT64, offsetof(inlay_index_report, kept), 0},
    {"rows", FIELD_INT64, offsetof(inlay_index_report, rows), 0},
    {"bytes", FIELD_UINT64, offsetof(inlay_index_report, bytes), 0},
    {0},
};

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "counts of reports are read as uint64");

/* fuse(options, progress): the report */
PyObject *edits_fuse(PyObject *module, PyObject *args) {
    PyObject *values, *progress, *held = PyList_New(0), *given = NULL;
    inlay_fuse_options options;
    inlay_fuse_report report;
    inlay_error error;
    inlay_status status;
    (void)module;
    inlay_fuse_options_init(&options);
    if (held && PyArg_ParseTuple(args, "O!O", &PyDict_Type, &values, &progress) &&
        fields_set(fuse_fields, values, held, &options)) {
        core_listener listener = {.fn = progress};
        options.progress = core_progress;
        options.progress_user = &listener;
        Py_BEGIN_ALLOW_THREADS status = inlay_fuse(&options, &report, &error);
        Py_END_ALLOW_THREADS given =
            status || listener.type ? core_raise_from(&listener, &error) : fields_get(fuse_report_fields, &report);
    }
    Py_XDECREF(held);
    return given;
}

/* index(model, options, progress): the report */
PyObject *edits_index(PyObject *module, PyObject *args) {
    const char *path;
    PyObject *values, *progress;
    inlay_index_options options;
    inlay_edit_options how;
    inlay_index_report report;
    inlay_error error;
    inlay_status status;
    (void)module;
    inlay_index_options_init(&options);
    inlay_edit_options_init(&how);
    if (!PyArg_ParseTuple(args, "yO!O", &path, &PyDict_Type, &values, &progress)) return NULL;
    if (!fields_set(index_fields, values, NULL, &options)) return NULL;
    core_listener listener = {.fn = progress};
    how.progress = core_progress;
    how.progress_user = &listener;
    Py_BEGIN_ALLOW_THREADS status = inlay_index(path, &options, &how, &report, &error);
    Py_END_ALLOW_THREADS return status || listener.type ? core_raise_from(&listener, &error)
                                                        : fields_get(index_report_fields, &report);
}
