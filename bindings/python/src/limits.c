#include "core.h"

static inlay_row_set set_of(const Py_buffer *ranges, const Py_buffer *bitmap, long long rows) {
    return (inlay_row_set){.ranges = ranges->buf,
                           .n_ranges = (size_t)ranges->len / sizeof(inlay_row_range),
                           .bitmap = bitmap->buf,
                           .bitmap_rows = rows};
}

bool limits_take(PyObject *limits, core_limits *out) {
    long long k, most, only_rows, except_rows;
    int all;
    Py_buffer *b = out->buffers;
    inlay_search_options_init(&out->options);
    if (!PyArg_ParseTuple(limits, "LfpLz*z*Lz*z*L", &k, &out->options.min_score, &all, &most, b, b + 1, &only_rows,
                          b + 2, b + 3, &except_rows))
        return false;
    out->options.k = k;
    out->options.all = all;
    out->options.most = most;
    out->options.only = set_of(b, b + 1, only_rows);
    out->options.except = set_of(b + 2, b + 3, except_rows);
    return true;
}

void limits_free(core_limits *limits) {
    for (int i = 0; i < 4; i++) PyBuffer_Release(limits->buffers + i);
}
