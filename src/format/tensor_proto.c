#include "format/tensor_proto.h"

#include "base/num.h"

#include <inttypes.h>

/* Field numbers of tensor.proto and tensor_shape.proto. */
enum {
    TENSOR_DTYPE = 1,
    TENSOR_SHAPE = 2,
    TENSOR_CONTENT = 4,
    FLOAT_VAL = 5,
    DOUBLE_VAL = 6,
    INT_VAL = 7,
    STRING_VAL = 8,
    SCOMPLEX_VAL = 9,
    INT64_VAL = 10,
    BOOL_VAL = 11,
    DCOMPLEX_VAL = 12,
    HALF_VAL = 13,
    UINT32_VAL = 16,
    UINT64_VAL = 17,
    FLOAT8_VAL = 18,
    SHAPE_DIM = 2,
    SHAPE_UNKNOWN_RANK = 3,
    DIM_SIZE = 1
};
enum { COPY_UP_TO = 4096 };
static const uint64_t DEFAULT_LIMIT = 1 << 30;

/* The list that holds a dtype's values: its field, the wire type of one value and how many bytes it stands for. */
typedef struct value_list {
    uint32_t number;
    int wire;
    size_t width;
} value_list;

static const value_list lists[] = {
    [INLAY_FLOAT32] = {FLOAT_VAL, WIRE_FIXED32, 4},
    [INLAY_FLOAT64] = {DOUBLE_VAL, WIRE_FIXED64, 8},
    [INLAY_INT32] = {INT_VAL, WIRE_VARINT, 4},
    [INLAY_UINT8] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_INT16] = {INT_VAL, WIRE_VARINT, 2},
    [INLAY_INT8] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_STRING] = {STRING_VAL, WIRE_BYTES, 0},
    [INLAY_COMPLEX64] = {SCOMPLEX_VAL, WIRE_FIXED32, 4},
    [INLAY_INT64] = {INT64_VAL, WIRE_VARINT, 8},
    [INLAY_BOOL] = {BOOL_VAL, WIRE_VARINT, 1},
    [INLAY_QINT8] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_QUINT8] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_QINT32] = {INT_VAL, WIRE_VARINT, 4},
    [INLAY_BFLOAT16] = {HALF_VAL, WIRE_VARINT, 2},
    [INLAY_QINT16] = {INT_VAL, WIRE_VARINT, 2},
    [INLAY_QUINT16] = {INT_VAL, WIRE_VARINT, 2},
    [INLAY_UINT16] = {INT_VAL, WIRE_VARINT, 2},
    [INLAY_COMPLEX128] = {DCOMPLEX_VAL, WIRE_FIXED64, 8},
    [INLAY_FLOAT16] = {HALF_VAL, WIRE_VARINT, 2},
    [INLAY_UINT32] = {UINT32_VAL, WIRE_VARINT, 4},
    [INLAY_UINT64] = {UINT64_VAL, WIRE_VARINT, 8},
    [INLAY_FLOAT8_E5M2] = {FLOAT8_VAL, WIRE_BYTES, 1},
    [INLAY_FLOAT8_E4M3FN] = {FLOAT8_VAL, WIRE_BYTES, 1},
    [INLAY_FLOAT8_E4M3FNUZ] = {FLOAT8_VAL, WIRE_BYTES, 1},
    [INLAY_FLOAT8_E4M3B11FNUZ] = {FLOAT8_VAL, WIRE_BYTES, 1},
    [INLAY_FLOAT8_E5M2FNUZ] = {FLOAT8_VAL, WIRE_BYTES, 1},
    [INLAY_INT4] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_UINT4] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_INT2] = {INT_VAL, WIRE_VARINT, 1},
    [INLAY_UINT2] = {INT_VAL, WIRE_VARINT, 1},
};

static void retain_map(void *map) {
    file_map_retain(map);
}

tensor_proto_options tensor_proto_in_map(file_map *map) {
    return (tensor_proto_options){.retain = retain_map, .release = file_map_release_any, .user = map};
}

/* ---- shapes */

static inlay_status bad(const wire_reader *r, const wire_field *field, inlay_status code, const char *what,
                        inlay_error *err) {
    return fail_at(err, code, r->file, field->whole.data - r->origin, "%s", what);
}

static inlay_status read_dim(const wire_reader *outer, const wire_field *field, int64_t *out, inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    wire_reader r = wire_enter(outer, field);
    wire_field part;
    bool got;
    for (*out = 0;;) {
        TRY(wire_next(&r, &part, &got, err));
        if (!got) break;
        if (part.number != DIM_SIZE) continue;
        TRY(wire_expect(&r, &part, WIRE_VARINT, err));
        *out = (int64_t)part.value;
    }
    if (*out < -1) return bad(outer, field, INLAY_INVALID_ARGUMENT, "a dimension of a shape is below -1", err);
    return INLAY_OK;
}

/* Adds what the message says to OUT: protobuf merges a message that comes twice. */
static inlay_status merge_shape(wire_reader r, shape *out, inlay_error *err) {
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number == SHAPE_UNKNOWN_RANK) {
            TRY(wire_expect(&r, &field, WIRE_VARINT, err));
            if (!field.value) continue;
            if (out->rank > 0)
                return bad(&r, &field, INLAY_INVALID_ARGUMENT, "a shape of unknown rank has dimensions", err);
            out->rank = -1;
        } else if (field.number == SHAPE_DIM) {
            if (out->rank < 0)
                return bad(&r, &field, INLAY_INVALID_ARGUMENT, "a shape of unknown rank has dimensions", err);
            if (out->rank == INLAY_MAX_RANK)
                return bad(&r, &field, INLAY_UNIMPLEMENTED, "a shape has more than 16 dimensions", err);
            TRY(read_dim(&r, &field, &out->dims[out->rank++], err));
        }
    }
}

inlay_status shape_proto_read(wire_reader message, shape *out, inlay_error *err) {
    *out = shape_scalar();
    return merge_shape(message, out, err);
}

void shape_proto_write(buffer *b, const shape *dims) {
    if (dims->rank < 0) wire_put_uint(b, SHAPE_UNKNOWN_RANK, 1);
    for (int i = 0; i < dims->rank; i++) {
        size_t mark = wire_begin(b, SHAPE_DIM);
        if (dims->dims[i] != 0) wire_put_uint(b, DIM_SIZE, (uint64_t)dims->dims[i]);
        wire_end(b, mark);
    }
}

/* ---- reading tensors */

typedef struct header {
    int type; /* as stored: may be no dtype */
    shape dims;
    bytes content; /* the last tensor_content */
} header;

static inlay_status read_header(wire_reader r, header *h, inlay_error *err) {
    *h = (header){.dims = shape_scalar()};
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        switch (field.number) {
        case TENSOR_DTYPE:
            TRY(wire_expect(&r, &field, WIRE_VARINT, err));
            h->type = (int)(int32_t)field.value;
            break;
        case TENSOR_SHAPE:
            TRY(wire_expect(&r, &field, WIRE_BYTES, err));
            TRY(merge_shape(wire_enter(&r, &field), &h->dims, err));
            break;
        case TENSOR_CONTENT:
            TRY(wire_expect(&r, &field, WIRE_BYTES, err));
            h->content = field.data;
            break;
        default: break;
        }
    }
}

static inlay_status read_checked_header(wire_reader r, header *h, inlay_error *err) {
    TRY(read_header(r, h, err));
    if (dtype_is_valid(h->type)) return INLAY_OK;
    return fail_at(err, INLAY_INVALID_ARGUMENT, r.file, r.next - r.origin, "a tensor has dtype %d, which is none",
                   h->type);
}

inlay_status tensor_proto_read_header(wire_reader message, dtype *type, shape *dims, inlay_error *err) {
    header h;
    TRY(read_checked_header(message, &h, err));
    *type = (dtype)h.type;
    *dims = h.dims;
    return INLAY_OK;
}

typedef struct reading {
    wire_reader message;
    const tensor_proto_options *options;
    header head;
    value_list list;
    int64_t count;
    uint64_t size; /* bytes of all elements; 0 for strings */
} reading;

static inlay_status about(const reading *in, inlay_status code, const char *what, inlay_error *err) {
    char text[SHAPE_TEXT];
    return fail_at(err, code, in->message.file, in->message.next - in->message.origin,
                   "tensor of shape %s and dtype %s %s", shape_text(&in->head.dims, text),
                   dtype_name((dtype)in->head.type), what);
}

static inlay_status too_few(const reading *in, inlay_error *err) {
    return about(in, INLAY_DATA_LOSS, "has too few values", err);
}

/* SIZE bytes are to be made of fewer stored values. */
static inlay_status check_limit(const reading *in, uint64_t size, inlay_error *err) {
    if (in->options->exact) return too_few(in, err);
    uint64_t limit = in->options->limit ? in->options->limit : DEFAULT_LIMIT;
    if (size <= limit) return INLAY_OK;
    return about(in, INLAY_RESOURCE_EXHAUSTED, "needs more memory than is allowed for one that is not stored in full",
                 err);
}

/* A tensor whose bytes stand as they are at DATA. */
static inlay_status from_content(const reading *in, const uint8_t *data, tensor **out, inlay_error *err) {
    const tensor_proto_options *o = in->options;
    if (o->retain && in->size > COPY_UP_TO) {
        o->retain(o->user);
        return tensor_wrap((dtype)in->head.type, &in->head.dims, data, o->release, o->user, out, err);
    }
    TRY(tensor_new((dtype)in->head.type, &in->head.dims, o->budget, out, err));
    if (in->size) memcpy((*out)->data, data, (size_t)in->size);
    return INLAY_OK;
}

/* Where the values of a list go. */
typedef struct filling {
    uint8_t *next, *end;
    size_t width;
} filling;

/* Values beyond the element count are ignored, as TensorFlow does. */
static inlay_status fill_number(void *ctx, uint64_t value, inlay_error *err) {
    (void)err;
    filling *f = ctx;
    if (f->next == f->end) return INLAY_OK;
    memcpy(f->next, &value, f->width);
    f->next += f->width;
    return INLAY_OK;
}

static inlay_status fill_bool(void *ctx, uint64_t value, inlay_error *err) {
    return fill_number(ctx, value != 0, err);
}

/* Repeats the element of SIZE bytes before `next` to the end; zeros when there is none. */
static void repeat_last(filling *f, const uint8_t *start, size_t size) {
    if (f->next == f->end) return;
    if (f->next == start) {
        memset(f->next, 0, (size_t)(f->end - f->next));
        return;
    }
    const uint8_t *last = f->next - size;
    while (f->next < f->end) { /* doubling: what is there already is copied */
        size_t n = min_size((size_t)(f->next - last), (size_t)(f->end - f->next));
        memcpy(f->next, last, n);
        f->next += n;
    }
}

static inlay_status fill_values(const reading *in, filling *f, inlay_error *err) {
    wire_reader r = in->message;
    for (;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != in->list.number) continue;
        if (in->list.wire == WIRE_BYTES) { /* float8_val: one byte an element; the last one wins */
            TRY(wire_expect(&r, &field, WIRE_BYTES, err));
            size_t n = min_size(field.data.size, (size_t)in->size);
            f->next = f->end - in->size;
            if (n) memcpy(f->next, field.data.data, n);
            f->next += n;
        } else {
            TRY(wire_numbers(&r, &field, in->list.wire, in->head.type == INLAY_BOOL ? fill_bool : fill_number, f, err));
        }
    }
}

/* The only field of a list that holds exactly the tensor's bytes, packed as they lie in memory. */
static inlay_status find_packed(const reading *in, const uint8_t **data, inlay_error *err) {
    *data = NULL;
    if (in->list.wire == WIRE_VARINT) return INLAY_OK;
    wire_reader r = in->message;
    for (int seen = 0;;) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) return INLAY_OK;
        if (field.number != in->list.number) continue;
        *data = seen++ == 0 && field.type == WIRE_BYTES && field.data.size == in->size ? field.data.data : NULL;
    }
}

static inlay_status read_numbers(const reading *in, tensor **out, inlay_error *err) {
    if (in->head.content.size && in->count) {
        if (in->head.content.size != in->size) return about(in, INLAY_DATA_LOSS, "has content of another size", err);
        return from_content(in, in->head.content.data, out, err);
    }
    const uint8_t *packed;
    TRY(find_packed(in, &packed, err));
    if (packed) return from_content(in, packed, out, err);
    size_t stored = (size_t)(in->message.end - in->message.next);
    if (in->size / 8 > stored) TRY(check_limit(in, in->size, err)); /* a stored value takes at least an eighth */
    TRY(tensor_new((dtype)in->head.type, &in->head.dims, in->options->budget, out, err));
    filling f = {(*out)->data, (*out)->data + in->size, in->list.width};
    inlay_status status = fill_values(in, &f, err);
    if (status == INLAY_OK && (size_t)(f.next - (*out)->data) % dtype_size((dtype)in->head.type))
        status = about(in, INLAY_DATA_LOSS, "has half of a complex value", err);
    if (status == INLAY_OK && f.next != f.end && in->options->exact) status = too_few(in, err);
    if (status == INLAY_OK) {
        repeat_last(&f, (*out)->data, dtype_size((dtype)in->head.type));
        return INLAY_OK;
    }
    tensor_release(*out);
    *out = NULL;
    return status;
}

/* tensor_content of strings: the lengths as varints, then the bytes. */
static inlay_status add_string_content(const reading *in, string_builder *b, inlay_error *err) {
    const uint8_t *lengths = in->head.content.data, *end = lengths + in->head.content.size, *next = lengths;
    for (int64_t i = 0; i < in->count; i++) {
        uint64_t length;
        size_t used = wire_get_varint(next, end, &length);
        if (!used) return about(in, INLAY_DATA_LOSS, "has content that ends early", err);
        next += used;
    }
    for (int64_t i = 0; i < in->count; i++) {
        uint64_t length = 0;
        lengths += wire_get_varint(lengths, end, &length);
        if (length > (uint64_t)(end - next)) return about(in, INLAY_DATA_LOSS, "has content that ends early", err);
        TRY(string_builder_add(b, bytes_make(next, (size_t)length), err));
        next += length;
    }
    if (next != end) return about(in, INLAY_DATA_LOSS, "has content of another size", err);
    return INLAY_OK;
}

static inlay_status add_strings(const reading *in, string_builder *b, inlay_error *err) {
    wire_reader r = in->message;
    bytes last = bytes_make("", 0);
    while (b->done < in->count) {
        wire_field field;
        bool got;
        TRY(wire_next(&r, &field, &got, err));
        if (!got) break;
        if (field.number != STRING_VAL) continue;
        TRY(wire_expect(&r, &field, WIRE_BYTES, err));
        last = field.data;
        TRY(string_builder_add(b, last, err));
    }
    uint64_t repeated;
    if (!mul_u64((uint64_t)(in->count - b->done), last.size, &repeated)) repeated = UINT64_MAX;
    if (b->done < in->count) TRY(check_limit(in, repeated, err));
    while (b->done < in->count) TRY(string_builder_add(b, last, err));
    return INLAY_OK;
}

static inlay_status read_strings(const reading *in, tensor **out, inlay_error *err) {
    size_t stored = (size_t)(in->message.end - in->message.next);
    if ((uint64_t)in->count > stored)
        TRY(check_limit(in, (uint64_t)in->count > UINT64_MAX / 8 ? UINT64_MAX : (uint64_t)in->count * 8, err));
    string_builder b;
    TRY(string_builder_init(&b, &in->head.dims, in->options->budget, err));
    inlay_status status =
        in->head.content.size && in->count ? add_string_content(in, &b, err) : add_strings(in, &b, err);
    if (status == INLAY_OK) return string_builder_finish(&b, out, err);
    string_builder_free(&b);
    return status;
}

static inlay_status read_values(reading *in, tensor **out, inlay_error *err) {
    dtype type = (dtype)in->head.type;
    if (!shape_elements(&in->head.dims, &in->count))
        return about(in, INLAY_INVALID_ARGUMENT, "does not exist: its shape is unknown or too large", err);
    if ((size_t)type >= sizeof lists / sizeof *lists || lists[type].number == 0)
        return about(in, INLAY_UNIMPLEMENTED, "has values that cannot be read", err);
    in->list = lists[type];
    if (!mul_u64((uint64_t)in->count, dtype_size(type), &in->size) || in->size > INT64_MAX)
        return about(in, INLAY_INVALID_ARGUMENT, "is too large", err);
    return type == INLAY_STRING ? read_strings(in, out, err) : read_numbers(in, out, err);
}

static const tensor_proto_options plain;

inlay_status tensor_proto_read(wire_reader message, const tensor_proto_options *options, tensor **out,
                               inlay_error *err) {
    *out = NULL;
    reading in = {.message = message, .options = options ? options : &plain};
    TRY(read_checked_header(message, &in.head, err));
    return read_values(&in, out, err);
}

inlay_status tensor_proto_read_values(wire_reader message, dtype type, const shape *dims,
                                      const tensor_proto_options *options, tensor **out, inlay_error *err) {
    *out = NULL;
    reading in = {.message = message, .options = options ? options : &plain};
    TRY(read_header(message, &in.head, err));
    in.head.type = (int)type;
    in.head.dims = *dims;
    return read_values(&in, out, err);
}

/* ---- writing */

inlay_status tensor_proto_write(buffer *b, const tensor *t, inlay_error *err) {
    if (lists[t->type].number == 0)
        return fail(err, INLAY_UNIMPLEMENTED, "a tensor of dtype %s cannot be written as a message",
                    dtype_name(t->type));
    wire_put_uint(b, TENSOR_DTYPE, (uint64_t)t->type);
    size_t mark = wire_begin(b, TENSOR_SHAPE);
    shape_proto_write(b, &t->dims);
    wire_end(b, mark);
    if (t->type == INLAY_STRING) {
        for (int64_t i = 0; i < t->count; i++) wire_put_bytes(b, STRING_VAL, tensor_string(t, i));
    } else if (t->size) {
        wire_put_bytes(b, TENSOR_CONTENT, bytes_make(t->data, (size_t)t->size));
    }
    return buffer_check(b, err);
}
