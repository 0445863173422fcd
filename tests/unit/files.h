/* A scratch folder, and the files of vectors that tests put into it. */
#ifndef UNIT_FILES_H
#define UNIT_FILES_H

#include "base/alloc.h"
#include "base/file.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <zip.h>

typedef struct scratch {
    char folder[64];
    char path[256]; /* of the last scratch_path */
} scratch;

static inline void scratch_begin(scratch *s) {
    strcpy(s->folder, "/tmp/inlay-test-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
}

static inline void scratch_end(scratch *s) {
    inlay_error err;
    assert_ok(file_remove_tree(s->folder, &err), &err);
}

static inline const char *scratch_path(scratch *s, const char *name) {
    snprintf(s->path, sizeof s->path, "%s/%s", s->folder, name);
    return s->path;
}

/* Writes NAME with C's own means, so that tests can overwrite. */
static inline void scratch_write(scratch *s, const char *name, const void *data, size_t size) {
    FILE *f = fopen(scratch_path(s, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

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

static inline void write_npy(scratch *s, const char *name, const char *descr, bool fortran, const char *dims,
                             const void *data, size_t size) {
    buffer b = {0};
    make_array(&b, descr, fortran, dims, data, size);
    scratch_write(s, name, b.data, b.size);
    buffer_free(&b);
}

typedef struct zip_item {
    const char *name;
    const void *data;
    size_t size;
    bool deflate;
} zip_item;

static inline void write_zip(scratch *s, const char *name, const zip_item *items, size_t n) {
    int code;
    zip_t *z = zip_open(scratch_path(s, name), ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(z);
    for (size_t i = 0; i < n; i++) {
        zip_int64_t at = zip_file_add(z, items[i].name, zip_source_buffer(z, items[i].data, items[i].size, 0), 0);
        assert_true(at >= 0);
        zip_set_file_compression(z, (zip_uint64_t)at, items[i].deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    assert_int_equal(zip_close(z), 0);
}

#endif
