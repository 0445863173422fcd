#include "format/bundle_rewrite_plan.h"

#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/bundle_private.h"
#include "format/tensor_proto.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MOST_SHARDS = 4096, MOST_SLICES = 65536 };

static inlay_status cannot_cut(bytes key, const char *why, inlay_error *err) {
    char text[KEY_TEXT];
    return fail(err, INLAY_INVALID_ARGUMENT, "%s cannot be cut into slices: %s", key_text(key, text), why);
}

/* ---- which tensors are cut */

/* Those that TensorFlow puts together from slices (SaveRestore's list, docs/formats/bundle.md). */
static bool is_sliceable(dtype t) {
    switch (t) {
    case INLAY_FLOAT32:
    case INLAY_FLOAT64:
    case INLAY_INT32:
    case INLAY_UINT8:
    case INLAY_INT16:
    case INLAY_INT8:
    case INLAY_COMPLEX64:
    case INLAY_COMPLEX128:
    case INLAY_INT64:
    case INLAY_BOOL:
    case INLAY_QINT32:
    case INLAY_QUINT8:
    case INLAY_QINT8:
    case INLAY_BFLOAT16: return true;
    default: return false;
    }
}

static const char *why_not_cut(const checkpoint_tensor *t, int64_t slices) {
    if (!is_sliceable(t->type)) return "TensorFlow puts no slices of its dtype together";
    if (t->dims.rank == 0 || t->dims.dims[0] < slices) return "it has fewer rows than that";
    return NULL;
}

static bool is_named(const rewrite_options *o, bytes key) {
    for (size_t i = 0; i < o->n_keys; i++)
        if (bytes_equal(o->keys[i], key)) return true;
    return false;
}

static inlay_status check_options(const rewrite_plan *p, inlay_error *err) {
    const rewrite_options *o = p->options;
    if (o->shards < 0 || o->shards > MOST_SHARDS)
        return fail(err, INLAY_INVALID_ARGUMENT, "%" PRId32 " data files: 1 to %d can be written", o->shards,
                    MOST_SHARDS);
    if (o->slices < 0 || o->slices == 1 || o->slices > MOST_SLICES)
        return fail(err, INLAY_INVALID_ARGUMENT, "%" PRId64 " slices: 2 to %d can be written", o->slices, MOST_SLICES);
    if (o->compact && (o->shards || o->slices || o->whole))
        return fail(err, INLAY_INVALID_ARGUMENT, "data files are either made compact or written all anew");
    for (size_t i = 0; i < o->n_keys; i++) {
        checkpoint_tensor t;
        char text[KEY_TEXT];
        if (!checkpoint_find(p->from, o->keys[i], &t))
            return fail(err, INLAY_NOT_FOUND, "no tensor %s in the checkpoint", key_text(o->keys[i], text));
        const char *why = why_not_cut(&t, o->slices);
        if (why) return cannot_cut(t.key, why, err);
    }
    return INLAY_OK;
}

/* ---- pieces */

static inlay_status add_piece(rewrite_plan *p, const rewrite_piece *piece, inlay_error *err) {
    if (p->n_pieces == p->piece_room) {
        size_t room = p->piece_room ? p->piece_room * 2 : 64;
        rewrite_piece *grown = mem_realloc(p->pieces, room * sizeof *grown);
        if (!grown) return fail_memory(err);
        p->pieces = grown;
        p->piece_room = room;
    }
    p->pieces[p->n_pieces++] = *piece;
    return INLAY_OK;
}

static inlay_status add_head(rewrite_plan *p, bytes key, bytes value, inlay_error *err) {
    if (p->n_heads == p->head_room) {
        size_t room = p->head_room ? p->head_room * 2 : 16;
        rewrite_head *grown = mem_realloc(p->heads, room * sizeof *grown);
        if (!grown) return fail_memory(err);
        p->heads = grown;
        p->head_room = room;
    }
    p->heads[p->n_heads++] = (rewrite_head){key, value};
    return INLAY_OK;
}

static bool is_as_stored(const bundle *b, const bundle_entry *e) {
    return e->n_slices == 0 && (!b->big_endian || dtype_size(e->type) == 1);
}

static rewrite_piece whole_piece(const bundle *b, bytes key, const bundle_entry *e) {
    return (rewrite_piece){.key = key,
                           .entry = e,
                           .as_stored = is_as_stored(b, e),
                           .part = box_of_shape(&e->dims),
                           .whole = true,
                           .check = true,
                           .type = e->type,
                           .size = e->size};
}

static uint64_t numbers_size(dtype t, const shape *dims) {
    int64_t n;
    uint64_t size;
    return shape_elements(dims, &n) && mul_u64((uint64_t)n, dtype_size(t), &size) ? size : 0;
}

/* A partitioned tensor of a bundle with the slices that it has. */
static inlay_status keep_slices(rewrite_plan *p, bundle *b, const bundle_entry *e, inlay_error *err) {
    const bundle_entry **parts = arena_zalloc(&p->memory, e->n_slices, sizeof *parts);
    if (!parts) return fail_memory(err);
    TRY(bundle_list_slices(b, e, parts, err));
    for (size_t i = 0; i < e->n_slices; i++) {
        rewrite_piece piece = whole_piece(b, parts[i]->key, parts[i]);
        TRY(add_piece(p, &piece, err));
    }
    return add_head(p, e->key, e->value, err);
}

/* Rows [FIRST, FIRST + N) of T as a slice; its place is appended to VALUE. */
static inlay_status add_slice(rewrite_plan *p, const checkpoint_tensor *t, const rewrite_piece *whole, int64_t first,
                              int64_t n, buffer *value, inlay_error *err) {
    tensor_slice slice = {.rank = t->dims.rank};
    for (int i = 0; i < slice.rank; i++) slice.length[i] = SLICE_FULL;
    slice.start[0] = first;
    slice.length[0] = n;
    slice_proto_put(value, 7, &slice);
    buffer key = {0};
    slice_key_put(&key, t->key, &slice);
    inlay_status status = buffer_check(&key, err);
    const char *kept = status == INLAY_OK ? arena_copy(&p->memory, buffer_bytes(&key)) : NULL;
    rewrite_piece piece = *whole;
    piece.key = bytes_make(kept, key.size);
    buffer_free(&key);
    if (status != INLAY_OK) return status;
    if (!kept) return fail_memory(err);
    piece.as_stored = piece.whole = false;
    piece.check = piece.check && first == 0;
    piece.part.start[0] = first;
    piece.part.dims.dims[0] = n;
    piece.size = numbers_size(t->type, &piece.part.dims);
    return add_piece(p, &piece, err);
}

static inlay_status cut(rewrite_plan *p, const checkpoint_tensor *t, const rewrite_piece *whole, inlay_error *err) {
    int64_t slices = p->options->slices, rows = t->dims.dims[0], each = rows / slices, more = rows % slices;
    buffer value = {0};
    inlay_status status = INLAY_OK;
    wire_put_uint(&value, 1, (uint64_t)t->type);
    size_t mark = wire_begin(&value, 2);
    shape_proto_write(&value, &t->dims);
    wire_end(&value, mark);
    for (int64_t i = 0, first = 0; i < slices && status == INLAY_OK; i++) {
        int64_t n = each + (i < more);
        status = add_slice(p, t, whole, first, n, &value, err);
        first += n;
    }
    if (status == INLAY_OK) status = buffer_check(&value, err);
    const char *kept = status == INLAY_OK ? arena_copy(&p->memory, buffer_bytes(&value)) : NULL;
    size_t size = value.size;
    buffer_free(&value);
    if (status != INLAY_OK) return status;
    return kept ? add_head(p, t->key, bytes_make(kept, size), err) : fail_memory(err);
}

static inlay_status add_tensor(rewrite_plan *p, size_t index, inlay_error *err) {
    const rewrite_options *o = p->options;
    bundle *b = checkpoint_bundle(p->from);
    checkpoint_tensor t = checkpoint_at(p->from, index);
    const bundle_entry *e = b ? bundle_at(b, index) : NULL;
    rewrite_piece piece = {.key = t.key, .part = box_of_shape(&t.dims), .whole = true, .type = t.type};
    if (b)
        piece = whole_piece(b, t.key, e);
    else
        piece.old = checkpoint_v1_at(checkpoint_old(p->from), index);
    if (!piece.as_stored && t.type != INLAY_STRING) piece.size = numbers_size(t.type, &t.dims);
    bool wanted = o->slices > 0 && (o->n_keys ? is_named(o, t.key) : why_not_cut(&t, o->slices) == NULL);
    if (wanted) return cut(p, &t, &piece, err);
    if (e && e->n_slices > 0 && !o->whole) return keep_slices(p, b, e, err);
    return add_piece(p, &piece, err);
}

/* ---- data files */

static int larger_first(const void *a, const void *b) {
    const rewrite_piece *x = a, *y = b;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return bytes_compare(x->key, y->key);
}

static int by_place(const void *a, const void *b) {
    const rewrite_piece *x = a, *y = b;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return bytes_compare(x->key, y->key);
}

/* Each piece, larger ones first, to the file that has the fewest bytes, the fewest pieces where those are equal. */
static inlay_status choose_shards(rewrite_plan *p, inlay_error *err) {
    typedef struct load {
        uint64_t bytes;
        size_t pieces;
    } load;
    size_t wanted = p->options->shards ? (size_t)p->options->shards : 1;
    size_t shards = min_size(wanted, max_size(p->n_pieces, 1));
    load *loads = mem_zalloc(shards, sizeof *loads);
    if (!loads) return fail_memory(err);
    if (p->n_pieces) qsort(p->pieces, p->n_pieces, sizeof *p->pieces, larger_first);
    for (size_t i = 0; i < p->n_pieces; i++) {
        size_t best = 0;
        for (size_t j = 1; j < shards; j++)
            if (loads[j].bytes < loads[best].bytes ||
                (loads[j].bytes == loads[best].bytes && loads[j].pieces < loads[best].pieces))
                best = j;
        loads[best].bytes += p->pieces[i].size;
        loads[best].pieces++;
        p->pieces[i].shard = (int32_t)best;
    }
    if (p->n_pieces) qsort(p->pieces, p->n_pieces, sizeof *p->pieces, by_place);
    p->shards = (int32_t)shards;
    mem_free(loads);
    return INLAY_OK;
}

inlay_status rewrite_plan_make(checkpoint *from, const rewrite_options *options, rewrite_plan *plan, inlay_error *err) {
    *plan = (rewrite_plan){.from = from, .options = options};
    arena_init(&plan->memory, 0);
    TRY(check_options(plan, err));
    for (size_t i = 0, n = checkpoint_count(from); i < n; i++) TRY(add_tensor(plan, i, err));
    bundle *b = checkpoint_bundle(from);
    if (options->compact && b && !b->big_endian) {
        TRY(rewrite_plan_compact(plan, err));
        if (plan->n_pieces) qsort(plan->pieces, plan->n_pieces, sizeof *plan->pieces, by_place);
    } else {
        TRY(choose_shards(plan, err));
    }
    for (size_t i = 0; i < plan->n_pieces; i++)
        if (!plan->pieces[i].stays && !add_u64(plan->bytes, plan->pieces[i].size, &plan->bytes))
            return fail(err, INLAY_DATA_LOSS, "more bytes than any file holds");
    return INLAY_OK;
}

void rewrite_plan_free(rewrite_plan *plan) {
    mem_free(plan->pieces);
    mem_free(plan->heads);
    mem_free(plan->kept);
    arena_free(&plan->memory);
    *plan = (rewrite_plan){0};
}
