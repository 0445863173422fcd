#include "format/checkpoint_v1_parts.h"

#include "format/bundle_entry.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- files */

static inlay_status add_file(checkpoint_v1 *c, const char *path, bool copy, inlay_error *err) {
    file_map *map;
    TRY(file_map_open(path, copy, &map, err));
    inlay_status status = sstable_open(map, &c->files[c->n_files].table, err);
    if (status == INLAY_OK)
        c->files[c->n_files++].map = map;
    else
        file_map_release(map);
    return status;
}

/* NAME is BASE-SSSSS-of-NNNNN. */
static bool is_sibling(const char *name, const char *base, int *shard, int *shards) {
    size_t size = strlen(base);
    int used = 0;
    return strncmp(name, base, size) == 0 && strlen(name) == size + 15 &&
           sscanf(name + size, "-%5d-of-%5d%n", shard, shards, &used) == 2 && used == 15;
}

/* How many files the checkpoint PATH is in, by the names beside it; 0 when there are none. */
static inlay_status count_siblings(const char *path, int *shards, inlay_error *err) {
    const char *base = path_name(path);
    *shards = 0;
    char *folder = mem_strdup(base == path ? "." : path);
    if (!folder) return fail_memory(err);
    if (base != path) folder[base - path] = 0;
    file_names names;
    inlay_status status = file_list(folder, &names, err);
    mem_free(folder);
    if (status == INLAY_NOT_FOUND) return INLAY_OK;
    TRY(status);
    for (size_t i = 0; i < names.count && status == INLAY_OK; i++) {
        int shard, of;
        if (!is_sibling(names.names[i], base, &shard, &of) || of < 1) continue;
        if (*shards && *shards != of)
            status =
                fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "there are files of %d and of %d parts", *shards, of);
        *shards = of;
    }
    file_names_free(&names);
    return status;
}

static inlay_status open_siblings(checkpoint_v1 *c, const char *path, bool copy, int shards, inlay_error *err) {
    size_t size = strlen(path) + 32;
    char *name = mem_alloc(size);
    if (!name) return fail_memory(err);
    inlay_status status = INLAY_OK;
    for (int i = 0; i < shards && status == INLAY_OK; i++) {
        snprintf(name, size, "%s-%05d-of-%05d", path, i, shards);
        status = add_file(c, name, copy, err);
        if (status == INLAY_NOT_FOUND)
            status = fail_at(err, INLAY_DATA_LOSS, name, -1, "is missing; the checkpoint is in %d files", shards);
    }
    mem_free(name);
    return status;
}

static inlay_status open_files(checkpoint_v1 *c, const char *path, bool copy, inlay_error *err) {
    int shards = 1;
    bool whole = file_exists(path);
    if (!whole) TRY(count_siblings(path, &shards, err));
    if (shards == 0) return fail_at(err, INLAY_NOT_FOUND, path, -1, "no such checkpoint");
    c->files = mem_zalloc((size_t)shards, sizeof *c->files);
    if (!c->files) return fail_memory(err);
    return whole ? add_file(c, path, copy, err) : open_siblings(c, path, copy, shards, err);
}

/* ---- the list of tensors: SavedTensorSlices{meta: SavedTensorSliceMeta{tensor: SavedSliceMeta}} */

static inlay_status parse_tensor(const wire_reader *outer, const wire_field *field, size_t file, v1_piece *out,
                                 inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    *out = (v1_piece){.file = file, .meta = field->data, .name = bytes_of("")};
    wire_reader r = wire_enter(outer, field);
    for (;;) {
        wire_field f;
        bool got;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number == 3) TRY(wire_expect(&r, &f, WIRE_VARINT, err));
        if (f.number == 1 || f.number == 2 || f.number == 4) TRY(wire_expect(&r, &f, WIRE_BYTES, err));
        if (f.number == 1) out->name = f.data;
        if (f.number == 3) out->type = (dtype)f.value;
        if (f.number == 4) out->n_slices++;
        if (f.number == 2) {
            message_place place = {r.file, r.origin, out->name};
            TRY(known_shape_parse(&r, &f, &place, &out->dims, err));
        }
    }
}

static inlay_status add_piece(checkpoint_v1 *c, const v1_piece *piece, inlay_error *err) {
    if (c->n_pieces == c->piece_room) {
        size_t room = c->piece_room ? c->piece_room * 2 : 64;
        v1_piece *grown = mem_realloc(c->pieces, room * sizeof *grown);
        if (!grown) return fail_memory(err);
        c->pieces = grown;
        c->piece_room = room;
    }
    c->pieces[c->n_pieces++] = *piece;
    return INLAY_OK;
}

static inlay_status parse_meta(checkpoint_v1 *c, const wire_reader *outer, const wire_field *field, size_t file,
                               inlay_error *err) {
    TRY(wire_expect(outer, field, WIRE_BYTES, err));
    wire_reader r = wire_enter(outer, field);
    for (;;) {
        wire_field f;
        bool got;
        v1_piece piece;
        TRY(wire_next(&r, &f, &got, err));
        if (!got) return INLAY_OK;
        if (f.number != 1) continue; /* 2: versions; readers of version 1 read all there ever was */
        TRY(parse_tensor(&r, &f, file, &piece, err));
        TRY(add_piece(c, &piece, err));
    }
}

static inlay_status read_list(checkpoint_v1 *c, size_t file, inlay_error *err) {
    const v1_file *in = &c->files[file];
    sstable_cursor *cursor;
    TRY(sstable_cursor_open(in->table, &cursor, err));
    inlay_status status;
    TRY_TO(done, sstable_seek(cursor, bytes_of(""), err));
    if (!sstable_valid(cursor) || sstable_key(cursor).size != 0)
        TRY_TO(done,
               fail_at(err, INLAY_DATA_LOSS, in->map->path, 0, "no checkpoint: the table has no list of tensors"));
    bytes value = sstable_value(cursor);
    uint64_t offset = sstable_value_offset(cursor);
    if (!sstable_value_in_file(cursor)) value.data = (const uint8_t *)arena_copy(&c->memory, value);
    if (!value.data) TRY_TO(done, fail_memory(err));
    wire_reader r = wire_open(value, in->map->path, value.data - offset);
    bool any = false;
    for (;;) {
        wire_field f;
        bool got;
        TRY_TO(done, wire_next(&r, &f, &got, err));
        if (!got) break;
        if (f.number != 1) continue;
        any = true;
        TRY_TO(done, parse_meta(c, &r, &f, file, err));
    }
    if (!any)
        status = fail_at(err, INLAY_DATA_LOSS, in->map->path, (int64_t)offset, "no checkpoint: no list of tensors");
done:
    sstable_cursor_close(cursor);
    return status;
}

static int compare_pieces(const void *a, const void *b) {
    const v1_piece *left = a, *right = b;
    int order = bytes_compare(left->name, right->name);
    return order ? order : (left->file > right->file) - (left->file < right->file);
}

/* Pieces of one name in a row become one tensor. */
static inlay_status group_pieces(checkpoint_v1 *c, inlay_error *err) {
    if (c->n_pieces) qsort(c->pieces, c->n_pieces, sizeof *c->pieces, compare_pieces);
    c->tensors = mem_zalloc(c->n_pieces + 1, sizeof *c->tensors);
    if (!c->tensors) return fail_memory(err);
    for (size_t i = 0; i < c->n_pieces; i++) {
        const v1_piece *piece = &c->pieces[i];
        v1_tensor *t = c->count ? &c->tensors[c->count - 1] : NULL;
        char text[KEY_TEXT];
        if (!t || !bytes_equal(t->head.key, piece->name)) {
            const char *name = arena_copy(&c->memory, piece->name);
            if (!name) return fail_memory(err);
            t = &c->tensors[c->count++];
            t->head = (checkpoint_tensor){bytes_make(name, piece->name.size), piece->type, piece->dims, 0};
            t->first = i;
        } else if (t->head.type != piece->type || !shape_equal(&t->head.dims, &piece->dims)) {
            return fail_at(err, INLAY_INVALID_ARGUMENT, c->files[piece->file].map->path, -1,
                           "%s has another dtype or shape in another list", key_text(piece->name, text));
        }
        t->pieces++;
        t->head.n_slices += piece->n_slices;
    }
    return INLAY_OK;
}

/* ---- open and look up */

inlay_status checkpoint_v1_open(const char *path, bool copy, checkpoint_v1 **out, inlay_error *err) {
    *out = NULL;
    checkpoint_v1 *c = mem_zalloc(1, sizeof *c);
    if (!c) return fail_memory(err);
    inlay_status status;
    arena_init(&c->memory, 0); /* names and inflated lists: bounded by the files */
    TRY_TO(failed, open_files(c, path, copy, err));
    for (size_t i = 0; i < c->n_files; i++) TRY_TO(failed, read_list(c, i, err));
    TRY_TO(failed, group_pieces(c, err));
    *out = c;
    return INLAY_OK;
failed:
    checkpoint_v1_close(c);
    return status;
}

void checkpoint_v1_close(checkpoint_v1 *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n_files; i++) {
        sstable_close(c->files[i].table);
        file_map_release(c->files[i].map);
    }
    mem_free(c->files);
    mem_free(c->pieces);
    mem_free(c->tensors);
    arena_free(&c->memory);
    mem_free(c);
}

size_t checkpoint_v1_count(const checkpoint_v1 *c) {
    return c->count;
}
const checkpoint_tensor *checkpoint_v1_at(const checkpoint_v1 *c, size_t index) {
    return index < c->count ? &c->tensors[index].head : NULL;
}

const checkpoint_tensor *checkpoint_v1_find(const checkpoint_v1 *c, bytes key) {
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(c->tensors[middle].head.key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && bytes_equal(c->tensors[low].head.key, key) ? &c->tensors[low].head : NULL;
}
