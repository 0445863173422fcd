/* The files of vectors that tests make. */
#ifndef UNIT_FILES_H
#define UNIT_FILES_H

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/num.h"
#include "unit/scratch.h"

#include <zip.h>

/* A .npy file in memory: VERSION, the header TEXT as it is, then SIZE bytes of DATA. */
static inline void make_npy(buffer *out, unsigned version, const char *text, const void *data, size_t size) {
    buffer_clear(out);
    buffer_append(out, "\x93NUMPY", 6);
    buffer_append_byte(out, (uint8_t)version);
    buffer_append_byte(out, 0);
    uint32_t length = (uint32_t)strlen(text);
    buffer_append(out, &length, version == 1 ? 2 : 4);
    buffer_append_text(out, text);
    buffer_append(out, data, size);
}

/* The same from numpy's words: DESCR "<f4", DIMS "2, 3". */
static inline void make_array(buffer *out, const char *descr, bool fortran, const char *dims, const void *data,
                              size_t size) {
    char text[256];
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n", descr,
             fortran ? "True" : "False", dims);
    make_npy(out, 1, text, data, size);
}

static inline void write_npy(const char *path, const char *descr, bool fortran, const char *dims, const void *data,
                             size_t size) {
    buffer b = {0};
    make_array(&b, descr, fortran, dims, data, size);
    scratch_write(path, b.data, b.size);
    buffer_free(&b);
}

typedef struct zip_item {
    const char *name;
    const void *data;
    size_t size;
    bool deflate;
} zip_item;

static inline void write_zip(const char *path, const zip_item *items, size_t n) {
    int code;
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(z);
    for (size_t i = 0; i < n; i++) {
        zip_int64_t at = zip_file_add(z, items[i].name, zip_source_buffer(z, items[i].data, items[i].size, 0), 0);
        assert_true(at >= 0);
        zip_set_file_compression(z, (zip_uint64_t)at, items[i].deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    assert_int_equal(zip_close(z), 0);
}

#endif
