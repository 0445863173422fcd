#include "unit/unit.h"

#include "base/num.h"
#include "format/tensor_proto.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A TensorProto that a test builds field by field. */
static buffer begin(int type, int rank, const int64_t *dims) {
    buffer b = {0};
    shape s = {.rank = rank};
    for (int i = 0; i < rank; i++) s.dims[i] = dims[i];
    if (type) wire_put_uint(&b, 1, (uint64_t)type);
    size_t mark = wire_begin(&b, 2);
    shape_proto_write(&b, &s);
    wire_end(&b, mark);
    return b;
}

static inlay_status read_tensor(buffer *b, tensor **out, inlay_error *err) {
    return tensor_proto_read(wire_open(buffer_bytes(b), "t.pb", NULL), NULL, out, err);
}

static void content_is_taken_as_it_is(void **state) {
    (void)state;
    inlay_error err;
    const int16_t values[] = {-3, 0, 32767};
    buffer b = begin(INLAY_INT16, 1, (int64_t[]){3});
    wire_put_bytes(&b, 4, bytes_make(values, sizeof values));
    tensor *t;
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_int_equal(t->count, 3);
    assert_memory_equal(t->data, values, sizeof values);
    tensor_release(t);
    buffer_free(&b);
}

static void typed_lists_fill_every_dtype(void **state) {
    (void)state;
    static const struct {
        dtype type;
        uint32_t field;
        int wire;
        uint64_t value;    /* as on the wire */
        uint8_t bytes[16]; /* one element as read */
        int values;        /* on the wire, for one element */
    } cases[] = {
        {INLAY_FLOAT32, 5, WIRE_FIXED32, 0x3f800000, {0, 0, 0x80, 0x3f}, 1},
        {INLAY_FLOAT64, 6, WIRE_FIXED64, 0x3ff0000000000000, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, 1},
        {INLAY_INT32, 7, WIRE_VARINT, (uint64_t)-2, {0xfe, 0xff, 0xff, 0xff}, 1},
        {INLAY_INT8, 7, WIRE_VARINT, (uint64_t)-2, {0xfe}, 1},
        {INLAY_UINT8, 7, WIRE_VARINT, 200, {200}, 1},
        {INLAY_INT16, 7, WIRE_VARINT, (uint64_t)-300, {0xd4, 0xfe}, 1},
        {INLAY_UINT16, 7, WIRE_VARINT, 65535, {0xff, 0xff}, 1},
        {INLAY_QINT8, 7, WIRE_VARINT, 5, {5}, 1},
        {INLAY_QUINT8, 7, WIRE_VARINT, 5, {5}, 1},
        {INLAY_QINT16, 7, WIRE_VARINT, 5, {5, 0}, 1},
        {INLAY_QUINT16, 7, WIRE_VARINT, 5, {5, 0}, 1},
        {INLAY_QINT32, 7, WIRE_VARINT, 5, {5, 0, 0, 0}, 1},
        {INLAY_INT4, 7, WIRE_VARINT, 5, {5}, 1},
        {INLAY_COMPLEX64, 9, WIRE_FIXED32, 0x3f800000, {0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f}, 2},
        {INLAY_INT64, 10, WIRE_VARINT, (uint64_t)-2, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1},
        {INLAY_BOOL, 11, WIRE_VARINT, 256, {1}, 1},
        {INLAY_COMPLEX128, 12, WIRE_FIXED64, 1, {1, 0, 0, 0, 0, 0, 0, 0, 1}, 2},
        {INLAY_FLOAT16, 13, WIRE_VARINT, 0x3c00, {0, 0x3c}, 1},
        {INLAY_BFLOAT16, 13, WIRE_VARINT, 0x3f80, {0x80, 0x3f}, 1},
        {INLAY_UINT32, 16, WIRE_VARINT, 0xfffffffe, {0xfe, 0xff, 0xff, 0xff}, 1},
        {INLAY_UINT64, 17, WIRE_VARINT, UINT64_MAX, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = dtype_size(cases[i].type);
        for (int packed = 0; packed < 2; packed++) {
            inlay_error err;
            buffer b = begin((int)cases[i].type, 1, (int64_t[]){3});
            size_t mark = packed ? wire_begin(&b, cases[i].field) : 0;
            for (int n = 0; n < cases[i].values; n++) {
                if (!packed) wire_put_varint(&b, cases[i].field << 3 | (unsigned)cases[i].wire);
                if (cases[i].wire == WIRE_VARINT) wire_put_varint(&b, cases[i].value);
                if (cases[i].wire == WIRE_FIXED32) buffer_append(&b, &cases[i].value, 4);
                if (cases[i].wire == WIRE_FIXED64) buffer_append(&b, &cases[i].value, 8);
            }
            if (packed) wire_end(&b, mark);
            tensor *t;
            assert_ok(read_tensor(&b, &t, &err), &err);
            assert_int_equal(t->type, cases[i].type);
            for (size_t k = 0; k < 3; k++) assert_memory_equal(t->data + k * size, cases[i].bytes, size);
            tensor_release(t);
            buffer_free(&b);
        }
    }
}

static void the_last_value_repeats_and_surplus_is_ignored(void **state) {
    (void)state;
    inlay_error err;
    tensor *t;
    buffer b = begin(INLAY_INT32, 2, (int64_t[]){2, 3});
    wire_put_uint(&b, 7, 1);
    wire_put_uint(&b, 7, 2);
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_memory_equal(t->data, ((int32_t[]){1, 2, 2, 2, 2, 2}), 24);
    tensor_release(t);
    for (int i = 3; i < 9; i++) wire_put_uint(&b, 7, (uint64_t)i);
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_memory_equal(t->data, ((int32_t[]){1, 2, 3, 4, 5, 6}), 24);
    tensor_release(t);
    buffer_free(&b);

    b = begin(INLAY_FLOAT32, 1, (int64_t[]){2});
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_memory_equal(t->data, ((float[]){0, 0}), 8);
    tensor_release(t);
    buffer_free(&b);

    b = begin(INLAY_FLOAT8_E5M2, 1, (int64_t[]){4});
    wire_put_bytes(&b, 18, bytes_of("ab"));
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_memory_equal(t->data, "abbb", 4);
    tensor_release(t);
    buffer_free(&b);
}

static void strings_repeat_too_and_may_be_content(void **state) {
    (void)state;
    inlay_error err;
    tensor *t;
    buffer b = begin(INLAY_STRING, 1, (int64_t[]){4});
    wire_put_text(&b, 8, "one");
    wire_put_bytes(&b, 8, bytes_make("t\0o", 3));
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_true(bytes_is(tensor_string(t, 0), "one"));
    for (int i = 1; i < 4; i++) assert_true(bytes_equal(tensor_string(t, i), bytes_make("t\0o", 3)));
    tensor_release(t);
    buffer_free(&b);

    b = begin(INLAY_STRING, 1, (int64_t[]){3});
    wire_put_bytes(&b, 4, bytes_make("\2\0\1abc", 6));
    assert_ok(read_tensor(&b, &t, &err), &err);
    assert_true(bytes_is(tensor_string(t, 0), "ab"));
    assert_true(bytes_is(tensor_string(t, 1), ""));
    assert_true(bytes_is(tensor_string(t, 2), "c"));
    tensor_release(t);
    wire_put_bytes(&b, 4, bytes_make("\2\0\2abc", 6));
    assert_status(INLAY_DATA_LOSS, read_tensor(&b, &t, &err), &err);
    assert_null(t);
    buffer_free(&b);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    inlay_error err;
    for (int type = 1; type <= INLAY_UINT2; type++) {
        if (type == INLAY_RESOURCE || type == INLAY_VARIANT) continue;
        shape dims = {.rank = 3, .dims = {2, 1, 2}};
        tensor *t, *back;
        if (type == INLAY_STRING) {
            string_builder s;
            assert_ok(string_builder_init(&s, &dims, NULL, &err), &err);
            for (int i = 0; i < 4; i++) assert_ok(string_builder_add(&s, bytes_make("abc", (size_t)i), &err), &err);
            assert_ok(string_builder_finish(&s, &t, &err), &err);
        } else {
            assert_ok(tensor_new((dtype)type, &dims, NULL, &t, &err), &err);
            for (uint64_t i = 0; i < t->size; i++) t->data[i] = (uint8_t)(i * 7);
        }
        buffer b = {0};
        assert_ok(tensor_proto_write(&b, t, &err), &err);
        assert_ok(read_tensor(&b, &back, &err), &err);
        assert_int_equal(back->type, type);
        assert_true(shape_equal(&back->dims, &dims));
        if (type == INLAY_STRING)
            for (int i = 0; i < 4; i++) assert_true(bytes_equal(tensor_string(back, i), tensor_string(t, i)));
        else
            assert_memory_equal(back->data, t->data, t->size);
        tensor_release(t);
        tensor_release(back);
        buffer_free(&b);
    }
}

static int held;
static void hold(void *user) {
    held += *(int *)user;
}
static void drop(void *user) {
    held -= *(int *)user;
}

static void large_content_is_used_in_place(void **state) {
    (void)state;
    inlay_error err;
    static float values[5000];
    int one = 1;
    for (uint32_t field = 4; field <= 5; field++) { /* tensor_content, and float_val when it is packed */
        buffer b = begin(INLAY_FLOAT32, 1, (int64_t[]){5000});
        wire_put_bytes(&b, field, bytes_make(values, sizeof values));
        tensor *t;
        tensor_proto_options o = {.retain = hold, .release = drop, .user = &one};
        assert_ok(tensor_proto_read(wire_open(buffer_bytes(&b), "t.pb", NULL), &o, &t, &err), &err);
        assert_ptr_equal(t->data, b.data + b.size - sizeof values);
        assert_int_equal(held, 1);
        tensor_release(t);
        assert_int_equal(held, 0);
        buffer_free(&b);
    }
}

static void a_mapped_file_outlives_its_handle(void **state) {
    (void)state;
    inlay_error err;
    static uint8_t values[9001];
    values[9000] = 77;
    buffer b = begin(INLAY_UINT8, 1, (int64_t[]){9001});
    wire_put_bytes(&b, 4, bytes_make(values, sizeof values));
    char path[] = "/tmp/inlay_test_XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(b.size, write(fd, b.data, b.size));
    close(fd);
    buffer_free(&b);
    file_map *map;
    assert_ok(file_map_open(path, false, &map, &err), &err);
    tensor_proto_options o = tensor_proto_in_map(map);
    tensor *t;
    assert_ok(tensor_proto_read(wire_open(file_map_bytes(map), path, map->data), &o, &t, &err), &err);
    file_map_release(map);
    unlink(path);
    assert_int_equal(t->data[9000], 77);
    tensor_release(t);
}

static void hostile_tensors_are_refused(void **state) {
    (void)state;
    static const struct {
        int type, rank;
        int64_t dims[3];
        inlay_status status;
        const char *message;
    } cases[] = {
        {0, 0, {0}, INLAY_INVALID_ARGUMENT, "dtype 0"},
        {33, 0, {0}, INLAY_INVALID_ARGUMENT, "dtype 33"},
        {101, 0, {0}, INLAY_INVALID_ARGUMENT, "dtype 101"},
        {INLAY_RESOURCE, 0, {0}, INLAY_UNIMPLEMENTED, "resource"},
        {INLAY_FLOAT32, 1, {-1}, INLAY_INVALID_ARGUMENT, "unknown"},
        {INLAY_FLOAT32, 1, {-2}, INLAY_INVALID_ARGUMENT, "below -1"},
        {INLAY_FLOAT32, -1, {0}, INLAY_INVALID_ARGUMENT, "unknown rank"},
        {INLAY_FLOAT32, 3, {1 << 30, 1 << 30, 1 << 30}, INLAY_INVALID_ARGUMENT, "too large"},
        {INLAY_FLOAT64, 2, {1ll << 31, 1ll << 31}, INLAY_INVALID_ARGUMENT, "too large"},
        {INLAY_FLOAT32, 2, {1 << 20, 1 << 20}, INLAY_RESOURCE_EXHAUSTED, "not stored in full"},
        {INLAY_STRING, 1, {1ll << 62}, INLAY_RESOURCE_EXHAUSTED, "not stored in full"},
        {INLAY_STRING, 1, {1ll << 32}, INLAY_RESOURCE_EXHAUSTED, "not stored in full"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        buffer b = begin(cases[i].type, cases[i].rank, cases[i].dims);
        tensor *t = (tensor *)&err;
        assert_status(cases[i].status, read_tensor(&b, &t, &err), &err);
        assert_null(t);
        assert_contains(err.message, cases[i].message);
        buffer_free(&b);
    }
}

static void malformed_tensors_are_data_loss(void **state) {
    (void)state;
    inlay_error err;
    tensor *t;
    buffer b = begin(INLAY_FLOAT32, 1, (int64_t[]){3});
    wire_put_bytes(&b, 4, bytes_of("12345678901"));
    assert_status(INLAY_DATA_LOSS, read_tensor(&b, &t, &err), &err);
    assert_contains(err.message, "content of another size");
    buffer_free(&b);

    b = begin(INLAY_COMPLEX64, 1, (int64_t[]){3});
    wire_put_float(&b, 9, 1);
    assert_status(INLAY_DATA_LOSS, read_tensor(&b, &t, &err), &err);
    buffer_free(&b);

    b = begin(INLAY_FLOAT32, 1, (int64_t[]){3});
    wire_put_uint(&b, 5, 1);
    assert_status(INLAY_DATA_LOSS, read_tensor(&b, &t, &err), &err);
    assert_contains(err.message, "t.pb");
    buffer_free(&b);

    mem_budget budget;
    mem_budget_init(&budget, 1000);
    b = begin(INLAY_FLOAT32, 1, (int64_t[]){300});
    tensor_proto_options o = {.budget = &budget};
    assert_status(INLAY_RESOURCE_EXHAUSTED, tensor_proto_read(wire_open(buffer_bytes(&b), "t.pb", NULL), &o, &t, &err),
                  &err);
    assert_int_equal(budget.used, 0);
    buffer_free(&b);
}

static void shapes_keep_what_is_unknown(void **state) {
    (void)state;
    static const shape cases[] = {
        {.rank = -1}, {.rank = 0}, {.rank = 1, .dims = {-1}}, {.rank = 3, .dims = {0, -1, 1ll << 40}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        buffer b = {0};
        shape back;
        shape_proto_write(&b, &cases[i]);
        assert_ok(shape_proto_read(wire_open(buffer_bytes(&b), NULL, NULL), &back, &err), &err);
        assert_true(shape_equal(&back, &cases[i]));
        buffer_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_is_taken_as_it_is),
        cmocka_unit_test(typed_lists_fill_every_dtype),
        cmocka_unit_test(the_last_value_repeats_and_surplus_is_ignored),
        cmocka_unit_test(strings_repeat_too_and_may_be_content),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(large_content_is_used_in_place),
        cmocka_unit_test(a_mapped_file_outlives_its_handle),
        cmocka_unit_test(hostile_tensors_are_refused),
        cmocka_unit_test(malformed_tensors_are_data_loss),
        cmocka_unit_test(shapes_keep_what_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
