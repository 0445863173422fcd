#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"

#include <inttypes.h>

/* ---- partitioned tensors */

/* A stored slice: where it lies in the whole, and its entry. */
typedef struct slice_part {
    box place;
    const bundle_entry *entry;
} slice_part;

static inlay_status bad_slices(const bundle *b, const bundle_entry *whole, const char *what, const char *detail,
                               inlay_error *err) {
    char text[KEY_TEXT];
    return fail_at(err, INLAY_DATA_LOSS, b->index_path, -1, "%s: %s%s", key_text(whole->key, text), what, detail);
}

/* Looks up the entry of SLICE and checks that it is what the whole says. */
static inlay_status find_part(bundle *b, const bundle_entry *whole, const tensor_slice *slice, buffer *key,
                              slice_part *out, inlay_error *err) {
    char text[SHAPE_TEXT];
    slice_text(slice, text);
    if (!box_of_slice(slice, &whole->dims, &out->place))
        return bad_slices(b, whole, "a slice beyond the tensor: ", text, err);
    buffer_clear(key);
    slice_key_put(key, whole->key, slice);
    TRY(buffer_check(key, err));
    out->entry = bundle_find_slice(b, buffer_bytes(key));
    if (!out->entry) return bad_slices(b, whole, "no entry for its slice ", text, err);
    if (out->entry->n_slices > 0 || out->entry->type != whole->type ||
        !shape_equal(&out->entry->dims, &out->place.dims))
        return bad_slices(b, whole, "another dtype or shape in the entry of its slice ", text, err);
    return INLAY_OK;
}

static inlay_status list_parts(bundle *b, const bundle_entry *whole, slice_part *parts, inlay_error *err) {
    buffer key = {0};
    inlay_status status;
    size_t count = 0;
    wire_reader r = wire_open(whole->value, b->index_path, NULL);
    for (;;) {
        wire_field f;
        bool got;
        tensor_slice slice;
        TRY_TO(done, wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number != 7) continue;
        TRY_TO(done, slice_proto_parse(&r, &f, &slice, err));
        TRY_TO(done, find_part(b, whole, &slice, &key, &parts[count++], err));
    }
done:
    buffer_free(&key);
    return status;
}

inlay_status bundle_list_slices(bundle *b, const bundle_entry *entry, const bundle_entry **entries, inlay_error *err) {
    slice_part *parts = mem_array(entry->n_slices, sizeof *parts);
    if (!parts) return fail_memory(err);
    inlay_status status = list_parts(b, entry, parts, err);
    for (size_t i = 0; i < entry->n_slices && status == INLAY_OK; i++) entries[i] = parts[i].entry;
    mem_free(parts);
    return status;
}

static inlay_status check_cover(const bundle *b, const bundle_entry *whole, const slice_part *parts, const box *wanted,
                                inlay_error *err) {
    box *boxes = mem_array(whole->n_slices, sizeof *boxes);
    if (!boxes) return fail_memory(err);
    for (size_t i = 0; i < whole->n_slices; i++) boxes[i] = parts[i].place;
    const char *wrong = boxes_cover(boxes, whole->n_slices, wanted);
    mem_free(boxes);
    return wrong ? bad_slices(b, whole, wrong, "", err) : INLAY_OK;
}

static inlay_status put_together(bundle *b, const bundle_entry *whole, const slice_part *parts, const box *wanted,
                                 tensor **out, inlay_error *err) {
    TRY(tensor_new(whole->type, &wanted->dims, NULL, out, err));
    inlay_status status = INLAY_OK;
    for (size_t i = 0; i < whole->n_slices && status == INLAY_OK; i++) {
        box common;
        if (!box_intersect(wanted, &parts[i].place, &common)) continue;
        file_map *map;
        bytes data;
        status = bundle_stored(b, parts[i].entry, &map, &data, err);
        if (status == INLAY_OK)
            box_copy(&common, dtype_size(whole->type), data.data, &parts[i].place, (*out)->data, wanted);
    }
    if (status == INLAY_OK && b->big_endian) bundle_swap_bytes(*out);
    if (status == INLAY_OK) return INLAY_OK;
    tensor_release(*out);
    *out = NULL;
    return status;
}

inlay_status bundle_read_partitioned(bundle *b, const bundle_entry *entry, const box *part, tensor **out,
                                     inlay_error *err) {
    *out = NULL;
    box wanted = part ? *part : box_of_shape(&entry->dims);
    slice_part *parts = mem_array(entry->n_slices, sizeof *parts);
    if (!parts) return fail_memory(err);
    inlay_status status;
    TRY_TO(done, list_parts(b, entry, parts, err));
    for (size_t i = 0; i < entry->n_slices; i++)
        if (box_equal(&parts[i].place, &wanted)) { /* as it is stored, whatever its dtype */
            status = bundle_read(b, parts[i].entry, out, err);
            goto done;
        }
    if (dtype_size(entry->type) == 0) TRY_TO(done, bundle_unsupported(b, entry, err));
    TRY_TO(done, check_cover(b, entry, parts, &wanted, err));
    TRY_TO(done, put_together(b, entry, parts, &wanted, out, err));
done:
    mem_free(parts);
    return status;
}

/* ---- parts of tensors that are stored whole */

/* Rows of WHOLE as a view, when PART is all of every other dimension. */
static bool is_rows(const box *part, const shape *whole) {
    for (int i = 1; i < whole->rank; i++)
        if (part->dims.dims[i] != whole->dims[i]) return false;
    return whole->rank > 0;
}

static inlay_status copy_part(const tensor *whole, const box *part, tensor **out, inlay_error *err) {
    box from = box_of_shape(&whole->dims);
    TRY(tensor_new(whole->type, &part->dims, NULL, out, err));
    box_copy(part, dtype_size(whole->type), whole->data, &from, (*out)->data, part);
    return INLAY_OK;
}

/* The bytes of PART alone are turned around: the whole may be as large as the file. */
static inlay_status read_swapped_part(bundle *b, const bundle_entry *entry, const box *part, tensor **out,
                                      inlay_error *err) {
    file_map *map;
    bytes data;
    box from = box_of_shape(&entry->dims);
    TRY(bundle_stored(b, entry, &map, &data, err));
    TRY(tensor_new(entry->type, &part->dims, NULL, out, err));
    box_copy(part, dtype_size(entry->type), data.data, &from, (*out)->data, part);
    bundle_swap_bytes(*out);
    return INLAY_OK;
}

static inlay_status read_part(bundle *b, const bundle_entry *entry, const box *part, tensor **out, inlay_error *err) {
    char key[KEY_TEXT];
    tensor *whole;
    if (b->big_endian && dtype_size(entry->type) > 0) return read_swapped_part(b, entry, part, out, err);
    TRY(bundle_read(b, entry, &whole, err));
    inlay_status status;
    if (shape_equal(&part->dims, &whole->dims))
        status = tensor_reshape(whole, &whole->dims, out, err);
    else if (is_rows(part, &whole->dims))
        status = tensor_rows(whole, part->start[0], part->dims.dims[0], out, err);
    else if (whole->type == INLAY_STRING)
        status = fail_at(err, INLAY_UNIMPLEMENTED, b->index_path, -1, "%s: of strings only whole rows can be read",
                         key_text(entry->key, key));
    else
        status = copy_part(whole, part, out, err);
    tensor_release(whole);
    return status;
}

inlay_status bundle_read_slice(bundle *b, const bundle_entry *entry, bytes spec, tensor **out, inlay_error *err) {
    *out = NULL;
    if (spec.size == 0) return bundle_read(b, entry, out, err);
    box part;
    char key[KEY_TEXT];
    inlay_error wrong;
    inlay_status status = box_of_spec(spec, &entry->dims, &part, &wrong);
    if (status != INLAY_OK)
        return fail_at(err, status, b->index_path, -1, "%s: %s", key_text(entry->key, key), wrong.message);
    if (entry->n_slices > 0) return bundle_read_partitioned(b, entry, &part, out, err);
    return read_part(b, entry, &part, out, err);
}
