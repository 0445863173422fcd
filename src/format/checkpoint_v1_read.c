#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/checkpoint_v1_parts.h"
#include "format/tensor_proto.h"

/* A stored slice: the file it is in, where it lies in the whole, and how it is written in its key. */
typedef struct v1_part {
    size_t file;
    box place;
    tensor_slice slice;
} v1_part;

typedef struct v1_reading {
    checkpoint_v1 *c;
    const v1_tensor *t;
    v1_part *parts;
    buffer key;
} v1_reading;

static inlay_status bad(const v1_reading *in, size_t file, int64_t offset, const char *what, inlay_error *err) {
    char text[KEY_TEXT];
    return fail_at(err, INLAY_DATA_LOSS, in->c->files[file].map->path, offset, "%s: %s",
                   key_text(in->t->head.key, text), what);
}

static inlay_status list_parts(v1_reading *in, inlay_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < in->t->pieces; i++) {
        const v1_piece *piece = &in->c->pieces[in->t->first + i];
        wire_reader r = wire_open(piece->meta, in->c->files[piece->file].map->path, NULL);
        for (;;) {
            wire_field f;
            bool got;
            TRY(wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number != 4) continue;
            v1_part *part = &in->parts[count++];
            part->file = piece->file;
            TRY(slice_proto_parse(&r, &f, &part->slice, err));
            if (!box_of_slice(&part->slice, &piece->dims, &part->place))
                return bad(in, piece->file, -1, "a slice beyond the tensor", err);
        }
    }
    return INLAY_OK;
}

/* SavedTensorSlices{data: SavedSlice{data: TensorProto}}: the walker of the TensorProto. */
static inlay_status find_values(const v1_reading *in, const v1_part *part, wire_reader r, wire_reader *out,
                                inlay_error *err) {
    static const uint32_t path[] = {2, 3};
    int64_t start = r.next - r.origin;
    for (size_t i = 0; i < 2; i++) {
        wire_field last = {0};
        for (;;) {
            wire_field f;
            bool got;
            TRY(wire_next(&r, &f, &got, err));
            if (!got) break;
            if (f.number == path[i]) last = f;
        }
        if (last.number == 0) return bad(in, part->file, start, "its slice holds no values", err);
        TRY(wire_expect(&r, &last, WIRE_BYTES, err));
        r = wire_enter(&r, &last);
    }
    *out = r;
    return INLAY_OK;
}

static inlay_status read_at(const v1_reading *in, const v1_part *part, const sstable_cursor *cursor, tensor **out,
                            inlay_error *err) {
    const v1_file *file = &in->c->files[part->file];
    bytes value = sstable_value(cursor);
    wire_reader message = wire_open(value, file->map->path, value.data - sstable_value_offset(cursor)), values;
    TRY(find_values(in, part, message, &values, err));
    tensor_proto_options options = {0};
    if (sstable_value_in_file(cursor)) options = tensor_proto_in_map(file->map);
    options.exact = true;
    return tensor_proto_read_values(values, in->t->head.type, &part->place.dims, &options, out, err);
}

static inlay_status read_slice(v1_reading *in, const v1_part *part, tensor **out, inlay_error *err) {
    *out = NULL;
    sstable_cursor *cursor;
    buffer_clear(&in->key);
    slice_key_put(&in->key, in->t->head.key, &part->slice);
    TRY(buffer_check(&in->key, err));
    TRY(sstable_cursor_open(in->c->files[part->file].table, &cursor, err));
    inlay_status status = sstable_seek(cursor, buffer_bytes(&in->key), err);
    if (status == INLAY_OK && sstable_valid(cursor) && bytes_equal(sstable_key(cursor), buffer_bytes(&in->key)))
        status = read_at(in, part, cursor, out, err);
    else if (status == INLAY_OK)
        status = bad(in, part->file, -1, "no entry for one of its slices", err);
    sstable_cursor_close(cursor);
    return status;
}

static inlay_status check_cover(const v1_reading *in, const box *wanted, inlay_error *err) {
    size_t n = in->t->head.n_slices;
    box *boxes = mem_array(n ? n : 1, sizeof *boxes);
    if (!boxes) return fail_memory(err);
    for (size_t i = 0; i < n; i++) boxes[i] = in->parts[i].place;
    const char *wrong = boxes_cover(boxes, n, wanted);
    mem_free(boxes);
    return wrong ? bad(in, in->c->pieces[in->t->first].file, -1, wrong, err) : INLAY_OK;
}

static inlay_status put_together(v1_reading *in, const box *wanted, tensor **out, inlay_error *err) {
    size_t width = dtype_size(in->t->head.type);
    char text[KEY_TEXT];
    if (width == 0)
        return fail_at(err, INLAY_UNIMPLEMENTED, in->c->files[in->c->pieces[in->t->first].file].map->path, -1,
                       "%s: slices of dtype %s can only be read as they are stored", key_text(in->t->head.key, text),
                       dtype_name(in->t->head.type));
    TRY(check_cover(in, wanted, err));
    TRY(tensor_new(in->t->head.type, &wanted->dims, NULL, out, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < in->t->head.n_slices && status == INLAY_OK; i++) {
        const v1_part *part = &in->parts[i];
        box common;
        tensor *slice;
        if (!box_intersect(wanted, &part->place, &common)) continue;
        status = read_slice(in, part, &slice, err);
        if (status == INLAY_OK) box_copy(&common, width, slice->data, &part->place, (*out)->data, wanted);
        tensor_release(slice);
    }
    if (status == INLAY_OK) return INLAY_OK;
    tensor_release(*out);
    *out = NULL;
    return status;
}

inlay_status checkpoint_v1_read(checkpoint_v1 *c, const checkpoint_tensor *t, bytes spec, tensor **out,
                                inlay_error *err) {
    *out = NULL;
    v1_reading in = {.c = c, .t = (const v1_tensor *)t};
    box wanted;
    TRY(box_of_spec(spec, &t->dims, &wanted, err));
    in.parts = mem_array(t->n_slices ? t->n_slices : 1, sizeof *in.parts);
    if (!in.parts) return fail_memory(err);
    inlay_status status;
    TRY_TO(done, list_parts(&in, err));
    for (size_t i = 0; i < t->n_slices; i++)
        if (box_equal(&in.parts[i].place, &wanted)) {
            status = read_slice(&in, &in.parts[i], out, err);
            goto done;
        }
    TRY_TO(done, put_together(&in, &wanted, out, err));
done:
    buffer_free(&in.key);
    mem_free(in.parts);
    return status;
}
