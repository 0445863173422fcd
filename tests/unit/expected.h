/* Fixtures of tests/data: expected.tsv and expected.bin (tests/data/README.md), compared with tensors as they are read.
 */
#ifndef UNIT_EXPECTED_H
#define UNIT_EXPECTED_H

#include "base/file.h"
#include "base/num.h"
#include "tensor/tensor.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

/* Calls CHECK(ctx, key, wanted) for each line of FOLDER's expected.tsv, and returns how many there were. */
typedef struct expected_tensor {
    char key[256];
    dtype type;
    shape dims;
    bytes values; /* strings: each as its uint32 length and its bytes */
} expected_tensor;

static inline void expected_shape(const char *text, shape *out) {
    out->rank = 0;
    for (char *next = (char *)(uintptr_t)text + 1; *next && *next != ']'; next += *next == ',')
        out->dims[out->rank++] = strtoll(next, &next, 10);
}

static inline size_t expected_each(const char *folder, void (*check)(void *ctx, const expected_tensor *wanted),
                                   void *ctx) {
    char path[1024], line[1024];
    inlay_error err;
    file_map *values;
    snprintf(path, sizeof path, "%s/expected.bin", folder);
    assert_ok(file_map_open(path, true, &values, &err), &err);
    snprintf(path, sizeof path, "%s/expected.tsv", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t count = 0;
    while (fgets(line, sizeof line, f)) {
        expected_tensor wanted;
        char type[32], dims[64];
        unsigned long long offset, size;
        assert_int_equal(
            5, sscanf(line, "%255[^\t]\t%31[^\t]\t%63[^\t]\t%llu\t%llu", wanted.key, type, dims, &offset, &size));
        wanted.type = dtype_of_name(type);
        expected_shape(dims, &wanted.dims);
        wanted.values = bytes_make(values->data + offset, size);
        check(ctx, &wanted);
        count++;
    }
    fclose(f);
    file_map_release(values);
    return count;
}

static inline void expect_tensor(const expected_tensor *wanted, const tensor *got) {
    if (got->type != wanted->type) fail_msg("%s: dtype %s", wanted->key, dtype_name(got->type));
    if (!shape_equal(&got->dims, &wanted->dims)) fail_msg("%s has another shape", wanted->key);
    if (got->type != INLAY_STRING) {
        if (!bytes_equal(bytes_make(got->data, got->size), wanted->values)) fail_msg("%s differs", wanted->key);
        return;
    }
    const uint8_t *next = wanted->values.data;
    for (int64_t i = 0; i < got->count; i++) {
        uint32_t size = load_u32(next);
        if (!bytes_equal(tensor_string(got, i), bytes_make(next + 4, size)))
            fail_msg("%s: string %d differs", wanted->key, (int)i);
        next += 4 + size;
    }
    assert_ptr_equal(next, wanted->values.data + wanted->values.size);
}

#endif
