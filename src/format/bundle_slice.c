#include "format/bundle_slice.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- TensorSliceProto */

static inlay_status parse_extent(const wire_reader *outer, const wire_field *field, int64_t *start, int64_t *length,
                                 inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    wire_reader r = wire_enter(outer, field);
    *start = 0;
    *length = SLICE_FULL;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == 1 || f.number == 2) TRY(wire_expect(&r, &f, WIRE_VARINT, err));
        if (f.number == 1) *start = (int64_t)f.value;
        if (f.number == 2) *length = (int64_t)f.value;
    }
}

inlay_status slice_proto_parse(const wire_reader *outer, const wire_field *field, tensor_slice *out, inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    wire_reader r = wire_enter(outer, field);
    out->rank = 0;
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != 1) continue;
        if (out->rank == INLAY_MAX_RANK)
            return fail_at(err, INLAY_UNIMPLEMENTED, r.file, f.whole.data - r.origin,
                           "slices of rank above 16 are not supported");
        TRY(parse_extent(&r, &f, &out->start[out->rank], &out->length[out->rank], err));
        out->rank++;
    }
}

void slice_proto_put(buffer *out, uint32_t number, const tensor_slice *s) {
    size_t message = wire_begin(out, number);
    for (int i = 0; i < s->rank; i++) {
        size_t extent = wire_begin(out, 1);
        if (s->length[i] != SLICE_FULL) {
            if (s->start[i]) wire_put_uint(out, 1, (uint64_t)s->start[i]);
            wire_put_uint(out, 2, (uint64_t)s->length[i]);
        }
        wire_end(out, extent);
    }
    wire_end(out, message);
}

/* ---- keys: TensorFlow's ordered code */

enum { ESCAPE_0 = 0x00, ESCAPE_FF = 0xff, LONGEST = 10 };

/* Length of a signed number: 7 bits a byte, one of them for the sign. */
static size_t signed_size(uint64_t magnitude) {
    int bits = magnitude ? 64 - __builtin_clzll(magnitude) : 0;
    return (size_t)bits / 7 + 1;
}

/* As many one bits as there are bytes, a zero bit, then the number; all inverted when it is negative. */
static void put_signed(buffer *out, int64_t value) {
    uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
    size_t size = signed_size(magnitude);
    uint8_t code[LONGEST] = {0};
    for (size_t i = 0; i < size && i < 8; i++) code[size - 1 - i] = (uint8_t)(magnitude >> (8 * i));
    for (size_t i = 0; i < size; i++) code[i / 8] |= (uint8_t)(0x80 >> (i % 8));
    for (size_t i = 0; i < size && value < 0; i++) code[i] = (uint8_t)~code[i];
    buffer_append(out, code, size);
}

/* Bytes used, or 0. */
static size_t get_signed(bytes in, int64_t *value) {
    if (in.size == 0) return 0;
    uint8_t invert = in.data[0] & 0x80 ? 0 : 0xff;
    size_t size = 0;
    while (size < LONGEST && size / 8 < in.size && (in.data[size / 8] ^ invert) & (0x80 >> (size % 8))) size++;
    if (size > in.size) return 0;
    uint8_t code[LONGEST];
    for (size_t i = 0; i < size; i++) code[i] = in.data[i] ^ invert;
    for (size_t i = 0; i < size; i++) code[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
    uint64_t magnitude = 0;
    for (size_t i = 0; i < size; i++) {
        if (magnitude >> 55) return 0;
        magnitude = magnitude << 8 | code[i];
    }
    if (magnitude > INT64_MAX || signed_size(magnitude) != size) return 0; /* one form only */
    *value = invert ? (int64_t)~magnitude : (int64_t)magnitude;
    return size;
}

static void put_escaped(buffer *out, bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        buffer_append_byte(out, text.data[i]);
        if (text.data[i] == ESCAPE_0) buffer_append_byte(out, 0xff);
        if (text.data[i] == ESCAPE_FF) buffer_append_byte(out, 0x00);
    }
    buffer_append(out, "\x00\x01", 2);
}

static size_t get_escaped(bytes in, buffer *out) {
    for (size_t i = 0; i + 1 < in.size; i++) {
        uint8_t c = in.data[i];
        if (c == ESCAPE_0 || c == ESCAPE_FF) {
            uint8_t next = in.data[++i];
            if (c == ESCAPE_0 && next == 0x01) return i + 1;
            if (next != (c == ESCAPE_0 ? 0xff : 0x00)) return 0;
        }
        if (out) buffer_append_byte(out, c);
    }
    return 0;
}

void slice_key_put(buffer *out, bytes name, const tensor_slice *slice) {
    buffer_append_byte(out, 0); /* the number 0 */
    put_escaped(out, name);
    if (slice->rank > 0) {
        buffer_append_byte(out, 1); /* a number of one byte */
        buffer_append_byte(out, (uint8_t)slice->rank);
    } else {
        buffer_append_byte(out, 0);
    }
    for (int i = 0; i < slice->rank; i++) {
        put_signed(out, slice->start[i]);
        put_signed(out, slice->length[i]);
    }
}

bool slice_key_parse(bytes key, buffer *name, tensor_slice *slice) {
    tensor_slice unused;
    if (!slice) slice = &unused;
    if (key.size < 1 || key.data[0] != 0) return false;
    key = bytes_make(key.data + 1, key.size - 1);
    size_t used = get_escaped(key, name);
    if (used == 0 || used == key.size) return false;
    key = bytes_make(key.data + used, key.size - used);
    slice->rank = 0;
    used = 1;
    if (key.data[0] == 1 && key.size > 1 && key.data[1] > 0 && key.data[1] <= INLAY_MAX_RANK) {
        slice->rank = key.data[1];
        used = 2;
    } else if (key.data[0] != 0) {
        return false;
    }
    for (int i = 0; i < 2 * slice->rank; i++) {
        key = bytes_make(key.data + used, key.size - used);
        used = get_signed(key, i % 2 ? &slice->length[i / 2] : &slice->start[i / 2]);
        if (used == 0) return false;
    }
    return used == key.size;
}

/* ---- text */

static bool read_number(bytes *in, int64_t *out) {
    *out = 0;
    size_t i = 0;
    for (; i < in->size && in->data[i] >= '0' && in->data[i] <= '9'; i++)
        if (!mul_i64(*out, 10, out) || __builtin_add_overflow(*out, in->data[i] - '0', out)) return false;
    *in = bytes_make(in->data + i, in->size - i);
    return i > 0;
}

static bool skip_byte(bytes *in, char c) {
    if (in->size == 0 || in->data[0] != (uint8_t)c) return false;
    *in = bytes_make(in->data + 1, in->size - 1);
    return true;
}

static bool parse_spec(bytes in, shape *dims, tensor_slice *slice) {
    *dims = shape_scalar();
    slice->rank = 0;
    for (;;) { /* dims, each followed by a blank; what is none begins the slice */
        bytes before = in;
        int64_t n;
        if (dims->rank == INLAY_MAX_RANK || !read_number(&in, &n) || !skip_byte(&in, ' ')) {
            in = before;
            break;
        }
        dims->dims[dims->rank++] = n;
    }
    while (slice->rank < INLAY_MAX_RANK) {
        int64_t *start = &slice->start[slice->rank], *length = &slice->length[slice->rank];
        slice->rank++;
        if (skip_byte(&in, '-')) {
            *start = 0;
            *length = SLICE_FULL;
        } else if (!read_number(&in, start) || !skip_byte(&in, ',') || !read_number(&in, length)) {
            return false;
        }
        if (in.size == 0) break;
        if (!skip_byte(&in, ':')) return false;
    }
    return in.size == 0 && slice->rank == dims->rank;
}

inlay_status slice_spec_parse(bytes spec, shape *dims, tensor_slice *slice, inlay_error *err) {
    if (parse_spec(spec, dims, slice)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "\"%.*s\" is no shape_and_slice such as \"10 4 0,5:-\"",
                (int)min_size(spec.size, 200), (const char *)spec.data);
}

const char *slice_text(const tensor_slice *s, char text[SHAPE_TEXT]) {
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < s->rank && used + 48 < SHAPE_TEXT; i++) {
        const char *colon = i ? ":" : "";
        used += (size_t)(s->length[i] == SLICE_FULL ? snprintf(text + used, SHAPE_TEXT - used, "%s-", colon)
                                                    : snprintf(text + used, SHAPE_TEXT - used, "%s%" PRId64 ",%" PRId64,
                                                               colon, s->start[i], s->length[i]));
    }
    return text;
}

/* ---- boxes */

bool box_of_slice(const tensor_slice *slice, const shape *whole, box *out) {
    if (slice->rank != whole->rank) return false;
    out->dims.rank = whole->rank;
    for (int i = 0; i < whole->rank; i++) {
        bool full = slice->length[i] == SLICE_FULL;
        int64_t start = slice->start[i], length = full ? whole->dims[i] : slice->length[i];
        if (start < 0 || length < 0 || length > whole->dims[i] || start > whole->dims[i] - length) return false;
        out->start[i] = start;
        out->dims.dims[i] = length;
    }
    return true;
}

box box_of_shape(const shape *whole) {
    return (box){.dims = *whole};
}

bool box_equal(const box *a, const box *b) {
    if (!shape_equal(&a->dims, &b->dims)) return false;
    for (int i = 0; i < a->dims.rank; i++)
        if (a->start[i] != b->start[i]) return false;
    return true;
}

bool box_intersect(const box *a, const box *b, box *out) {
    out->dims.rank = a->dims.rank;
    for (int i = 0; i < a->dims.rank; i++) {
        int64_t end_a = a->start[i] + a->dims.dims[i], end_b = b->start[i] + b->dims.dims[i];
        int64_t start = a->start[i] > b->start[i] ? a->start[i] : b->start[i], end = end_a < end_b ? end_a : end_b;
        if (end <= start) return false;
        out->start[i] = start;
        out->dims.dims[i] = end - start;
    }
    return true;
}

int64_t box_elements(const box *b) {
    int64_t n = 0;
    shape_elements(&b->dims, &n);
    return n;
}

static int compare_starts(const void *a, const void *b, void *dim) {
    int64_t left = ((const box *)a)->start[*(int *)dim], right = ((const box *)b)->start[*(int *)dim];
    return (left > right) - (left < right);
}

/* The dimension in which the boxes begin at the most places: partitions are mostly cut along one. */
static int busiest_dimension(box *boxes, size_t n) {
    int best = 0;
    size_t most = 0;
    for (int dim = 0; dim < boxes[0].dims.rank; dim++) {
        qsort_r(boxes, n, sizeof *boxes, compare_starts, &dim);
        size_t starts = 1;
        for (size_t i = 1; i < n; i++) starts += boxes[i].start[dim] != boxes[i - 1].start[dim];
        if (starts > most) {
            most = starts;
            best = dim;
        }
    }
    return best;
}

bool boxes_are_apart(box *boxes, size_t n) {
    if (n < 2) return true;
    if (boxes[0].dims.rank == 0) return false;
    int dim = busiest_dimension(boxes, n);
    qsort_r(boxes, n, sizeof *boxes, compare_starts, &dim);
    for (size_t i = 0; i < n; i++) {
        int64_t end = boxes[i].start[dim] + boxes[i].dims.dims[dim];
        box common;
        for (size_t j = i + 1; j < n && boxes[j].start[dim] < end; j++)
            if (box_intersect(&boxes[i], &boxes[j], &common)) return false;
    }
    return true;
}

const char *boxes_cover(box *boxes, size_t n, const box *wanted) {
    uint64_t covered = 0;
    box common;
    for (size_t i = 0; i < n; i++)
        if (box_intersect(wanted, &boxes[i], &common)) covered += (uint64_t)box_elements(&common);
    if (!boxes_are_apart(boxes, n)) return "its slices overlap";
    return covered == (uint64_t)box_elements(wanted) ? NULL
                                                     : "its slices do not cover what is asked for: one is missing";
}

inlay_status box_of_spec(bytes spec, const shape *whole, box *out, inlay_error *err) {
    shape dims;
    tensor_slice slice;
    char text[SHAPE_TEXT];
    *out = box_of_shape(whole);
    if (spec.size == 0) return INLAY_OK;
    TRY(slice_spec_parse(spec, &dims, &slice, err));
    int quoted = (int)min_size(spec.size, 200);
    if (!shape_equal(&dims, whole))
        return fail(err, INLAY_INVALID_ARGUMENT, "the shape in \"%.*s\" is not the stored one, %s", quoted,
                    (const char *)spec.data, shape_text(whole, text));
    if (!box_of_slice(&slice, whole, out))
        return fail(err, INLAY_INVALID_ARGUMENT, "the slice \"%.*s\" goes beyond the shape", quoted,
                    (const char *)spec.data);
    return INLAY_OK;
}

/* Bytes from the start of the array that holds HOLDER to the element at START. */
static uint64_t offset_in(const box *holder, const int64_t *start, size_t width) {
    uint64_t index = 0;
    for (int i = 0; i < holder->dims.rank; i++)
        index = index * (uint64_t)holder->dims.dims[i] + (uint64_t)(start[i] - holder->start[i]);
    return index * width;
}

void box_copy(const box *part, size_t width, const uint8_t *from, const box *from_box, uint8_t *to, const box *to_box) {
    if (box_elements(part) == 0) return;
    /* Dimensions from `inner` on lie together in both arrays. */
    int inner = part->dims.rank;
    uint64_t run = width;
    while (inner > 0) {
        inner--;
        int64_t length = part->dims.dims[inner];
        run *= (uint64_t)length;
        if (length != from_box->dims.dims[inner] || length != to_box->dims.dims[inner]) break;
    }
    int64_t at[INLAY_MAX_RANK];
    memcpy(at, part->start, sizeof at);
    for (;;) {
        memcpy(to + offset_in(to_box, at, width), from + offset_in(from_box, at, width), (size_t)run);
        int dim = inner - 1;
        for (; dim >= 0; dim--) {
            if (++at[dim] < part->start[dim] + part->dims.dims[dim]) break;
            at[dim] = part->start[dim];
        }
        if (dim < 0) return;
    }
}
