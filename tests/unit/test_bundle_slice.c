#include "unit/unit.h"

#include "format/bundle_slice.h"

#include <stdio.h>
#include <stdlib.h>

static inlay_error err;

static tensor_slice slice_of(const char *spec_with_shape) {
    shape dims;
    tensor_slice slice;
    assert_ok(slice_spec_parse(bytes_of(spec_with_shape), &dims, &slice, &err), &err);
    return slice;
}

static void keys_are_those_of_tensorflow(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t name_size;
        const char *spec; /* "" for rank 0 */
        const char *key;
        size_t key_size;
    } cases[] = {
        {"v", 1, "9 9 0,2:-", "\0v\0\1\1\2\x80\x82\x80\x7f", 10},
        {"a\0b\xff", 4, "9 5,1",
         "\0a\0\xff"
         "b\xff\0\0\1\1\1\x85\x81",
         13},
        {"", 0, "900000 63,64", "\0\0\1\1\1\xbf\xc0\x40", 8},
        {"v", 1, "900000 8191,8192", "\0v\0\1\1\1\xdf\xff\xe0\x20\x00", 11},
        {"v", 1, "9000000 1048575,1048576", "\0v\0\1\1\1\xef\xff\xff\xf0\x10\x00\x00", 13},
        {"v", 1, "9223372036854775807 0,9223372036854775807", "\0v\0\1\1\1\x80\xff\xc0\x7f\xff\xff\xff\xff\xff\xff\xff",
         17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer key = {0}, name = {0};
        tensor_slice slice = slice_of(cases[i].spec), back;
        slice_key_put(&key, bytes_make(cases[i].name, cases[i].name_size), &slice);
        assert_int_equal(key.size, cases[i].key_size);
        assert_memory_equal(key.data, cases[i].key, key.size);
        assert_true(slice_key_parse(buffer_bytes(&key), &name, &back));
        assert_true(bytes_equal(buffer_bytes(&name), bytes_make(cases[i].name, cases[i].name_size)));
        assert_int_equal(back.rank, slice.rank);
        for (int d = 0; d < back.rank; d++) {
            assert_int_equal(back.start[d], slice.start[d]);
            assert_int_equal(back.length[d], slice.length[d]);
        }
        for (size_t size = 0; size < key.size; size++) assert_false(slice_key_is(bytes_make(key.data, size)));
        buffer_append_byte(&key, 0x80);
        assert_false(slice_key_is(buffer_bytes(&key)));
        buffer_free(&key);
        buffer_free(&name);
    }
}

static void every_number_has_a_code_that_sorts_as_it_does(void **state) {
    (void)state;
    buffer before = {0}, key = {0};
    bool first = true;
    for (int sign = -1; sign <= 1; sign += 2)
        for (int bit = sign < 0 ? 62 : 0; bit >= 0 && bit < 63; bit += sign)
            for (int edge = -1; edge <= 1; edge++) {
                int64_t n = sign * ((int64_t)1 << bit) + edge;
                tensor_slice slice = {.rank = 1, .start = {n}, .length = {0}}, back;
                buffer_clear(&key);
                slice_key_put(&key, bytes_of("v"), &slice);
                assert_true(slice_key_parse(buffer_bytes(&key), NULL, &back));
                assert_int_equal(back.start[0], n);
                static int64_t last;
                if (!first && n > last) assert_true(bytes_compare(buffer_bytes(&before), buffer_bytes(&key)) < 0);
                last = n;
                first = false;
                buffer_clear(&before);
                buffer_append_bytes(&before, buffer_bytes(&key));
            }
    buffer_free(&before);
    buffer_free(&key);
}

static void other_keys_are_no_slice_keys(void **state) {
    (void)state;
    static const struct {
        const char *key;
        size_t size;
    } cases[] = {
        {"", 0},
        {"v", 1},
        {"\0", 1},
        {"\0v", 2},
        {"\0v\0\2\1\1\x80\x7f", 8},                                          /* no such escape */
        {"\0v\0\1\2\0\1\x80\x7f", 9},                                        /* a rank of two bytes */
        {"\0v\0\1\1\0", 6},                                                  /* rank 0 is one byte 0 */
        {"\0v\0\1\1\x11\x80\x7f", 8},                                        /* rank 17 */
        {"\0v\0\1\1\1\xc0\x3f\x7f", 9},                                      /* 63 in two bytes */
        {"\0v\0\1\1\1\xff\xe0\x80\0\0\0\0\0\0\0\x7f", 17},                   /* 2^63 */
        {"\0v\0\1\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 18}, /* more than 64 bits */
        {"\0v\0\1\1\1\x80\x7f\0", 9},                                        /* more behind it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (slice_key_is(bytes_make(cases[i].key, cases[i].size))) fail_msg("case %zu is taken for a slice key", i);
    assert_true(slice_key_is(bytes_make("\0v\0\1\0", 5))); /* of a scalar */
}

static void specs_are_read_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *spec, *wrong; /* NULL: it is sound */
    } cases[] = {
        {"10 4 0,5:-", NULL},
        {"10 4 -:-", NULL},
        {"10 4 9,1:3,1", NULL},
        {"10 4 0,0:-", NULL},
        {"10 4 10,0:-", NULL},
        {"10 4 10,1:-", "beyond"},
        {"10 4 0,11:-", "beyond"},
        {"10 5 -:-", "[10, 4]"},
        {"10 -", "[10, 4]"},
        {"10 4 0,5", "no shape"},
        {"10 4 0,5:", "no shape"},
        {"10 4 0,5:-:-", "no shape"},
        {"10 4", "no shape"},
        {"10 4 ", "no shape"},
        {"-", "no shape"},
        {"10  4 -:-", "no shape"},
        {"10 4 -1,2:-", "no shape"},
        {"10 4 a,b:-", "no shape"},
        {"10 4 0,99999999999999999999:-", "no shape"},
        {"10 4 9223372036854775807,9223372036854775807:-", "beyond"},
    };
    shape whole = shape_matrix(10, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        box part;
        inlay_status status = box_of_spec(bytes_of(cases[i].spec), &whole, &part, &err);
        if ((status == INLAY_OK) != !cases[i].wrong) fail_msg("\"%s\" gives %d", cases[i].spec, status);
        if (cases[i].wrong) assert_contains(err.message, cases[i].wrong);
    }
}

/* ---- boxes, against arrays of marks */

enum { SIDE = 6 };

static void mark(uint8_t *cells, const box *b) {
    for (int64_t x = 0; x < b->dims.dims[0]; x++)
        for (int64_t y = 0; y < b->dims.dims[1]; y++)
            for (int64_t z = 0; z < b->dims.dims[2]; z++)
                cells[((b->start[0] + x) * SIDE + b->start[1] + y) * SIDE + b->start[2] + z]++;
}

static box random_box(unsigned *seed) {
    box b = {.dims = {.rank = 3}};
    for (int d = 0; d < 3; d++) {
        b.start[d] = rand_r(seed) % SIDE;
        b.dims.dims[d] = rand_r(seed) % (SIDE - b.start[d] + 1);
    }
    return b;
}

static void boxes_cover_what_their_cells_cover(void **state) {
    (void)state;
    unsigned seed = 5;
    int seen[3] = {0};
    for (int round = 0; round < 20000; round++) {
        box boxes[4], wanted = random_box(&seed);
        uint8_t cells[SIDE * SIDE * SIDE] = {0}, asked[SIDE * SIDE * SIDE] = {0};
        size_t n = 1 + rand_r(&seed) % 4;
        for (size_t i = 0; i < n; i++) {
            boxes[i] = random_box(&seed);
            mark(cells, &boxes[i]);
        }
        mark(asked, &wanted);
        bool overlap = false, gap = false;
        for (size_t i = 0; i < sizeof cells; i++) {
            overlap |= cells[i] > 1;
            gap |= asked[i] && !cells[i];
        }
        const char *wrong = boxes_cover(boxes, n, &wanted);
        if (overlap)
            assert_string_equal(wrong, "its slices overlap");
        else if (gap)
            assert_contains(wrong, "do not cover");
        else
            assert_null(wrong);
        seen[overlap ? 0 : gap ? 1 : 2]++;
    }
    for (int i = 0; i < 3; i++) assert_true(seen[i] > 100);
}

static void copying_a_part_moves_its_elements_only(void **state) {
    (void)state;
    unsigned seed = 9;
    for (int round = 0; round < 5000; round++) {
        box from = random_box(&seed), to = random_box(&seed), part;
        if (!box_intersect(&from, &to, &part)) continue;
        size_t width = 1 + rand_r(&seed) % 3;
        uint8_t source[SIDE * SIDE * SIDE * 3], target[sizeof source] = {0}, wanted[sizeof source] = {0};
        for (size_t i = 0; i < sizeof source; i++) source[i] = (uint8_t)(1 + i % 255);
        for (int64_t x = 0; x < part.dims.dims[0]; x++)
            for (int64_t y = 0; y < part.dims.dims[1]; y++)
                for (int64_t z = 0; z < part.dims.dims[2]; z++) {
                    int64_t at[3] = {part.start[0] + x, part.start[1] + y, part.start[2] + z}, a = 0, b = 0;
                    for (int d = 0; d < 3; d++) {
                        a = a * from.dims.dims[d] + at[d] - from.start[d];
                        b = b * to.dims.dims[d] + at[d] - to.start[d];
                    }
                    memcpy(wanted + b * width, source + a * width, width);
                }
        box_copy(&part, width, source, &from, target, &to);
        assert_memory_equal(target, wanted, sizeof wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_tensorflow),
        cmocka_unit_test(every_number_has_a_code_that_sorts_as_it_does),
        cmocka_unit_test(other_keys_are_no_slice_keys),
        cmocka_unit_test(specs_are_read_or_refused),
        cmocka_unit_test(boxes_cover_what_their_cells_cover),
        cmocka_unit_test(copying_a_part_moves_its_elements_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
