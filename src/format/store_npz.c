#include "base/num.h"
#include "format/bundle_entry.h"
#include "format/libzip.h"
#include "format/npy.h"
#include "format/store_parts.h"

#include <errno.h>
#include <stdio.h>

/* libzip asks for the members' bytes and gives those of the archive, both by callbacks; only file.h writes. What fails
 * in one is kept here: libzip tells no more than that something did. */
typedef struct archive {
    file_writer *file;
    uint64_t at; /* where libzip writes next */
    progress *report;
    zip_error_t zip;
    inlay_status status;
    inlay_error error;
} archive;

typedef struct member {
    archive *of;
    store *from;
    size_t index;
    char *name; /* KEY.npy */
    buffer header;
    size_t header_left;
    store_stream stream;
    const uint8_t *next; /* what is left of the stream's part */
    uint64_t left;
} member;

static zip_int64_t keep(archive *a, inlay_status status) {
    if (status == INLAY_OK) return 0;
    if (a->status == INLAY_OK) a->status = status;
    libzip.error_set(&a->zip, ZIP_ER_INTERNAL, 0);
    return -1;
}

/* ---- a member is read */

static zip_int64_t open_member(member *m) {
    store_stream_begin(m->from, m->index, &m->stream);
    m->header_left = m->header.size;
    m->left = 0;
    return 0;
}

static inlay_status next_bytes(member *m, const uint8_t **from, uint64_t *n) {
    const tensor *part;
    *n = 0;
    while (m->left == 0) {
        TRY(store_stream_next(&m->stream, &part, &m->of->error));
        if (!part) return INLAY_OK;
        m->next = part->data;
        m->left = part->size;
    }
    *from = m->next;
    *n = m->left;
    return INLAY_OK;
}

static zip_int64_t read_member(member *m, uint8_t *to, uint64_t size) {
    uint64_t start = min_size(m->header_left, size), done = start, n;
    if (done) memcpy(to, m->header.data + m->header.size - m->header_left, (size_t)done);
    m->header_left -= done;
    while (done < size) {
        const uint8_t *from;
        if (keep(m->of, next_bytes(m, &from, &n)) != 0) return -1;
        if (n == 0) break;
        if (n > size - done) n = size - done;
        memcpy(to + done, from, (size_t)n);
        m->next += n;
        m->left -= n;
        done += n;
    }
    progress_add(m->of->report, done - start);
    return keep(m->of, progress_check(m->of->report, &m->of->error)) == 0 ? (zip_int64_t)done : -1;
}

static zip_int64_t stat_member(const member *m, zip_stat_t *out) {
    libzip.stat_init(out);
    out->valid = ZIP_STAT_SIZE;
    out->size = m->header.size + store_at(m->from, m->index).size;
    return 0;
}

static zip_int64_t member_source(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command) {
    member *m = user;
    switch (command) {
    case ZIP_SOURCE_OPEN: return open_member(m);
    case ZIP_SOURCE_READ: return read_member(m, data, size);
    case ZIP_SOURCE_CLOSE: store_stream_end(&m->stream); return 0;
    case ZIP_SOURCE_STAT: return stat_member(m, data);
    case ZIP_SOURCE_ERROR: return libzip.error_to_data(&m->of->zip, data, size);
    case ZIP_SOURCE_FREE: return 0;
    case ZIP_SOURCE_SUPPORTS:
        return libzip.source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                                 ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    default: libzip.error_set(&m->of->zip, ZIP_ER_OPNOTSUPP, 0); return -1;
    }
}

/* ---- the archive is written */

/* At the end libzip appends; before it, it goes back to a member's header. */
static inlay_status write_archive(archive *a, const uint8_t *data, uint64_t size) {
    uint64_t end = file_position(a->file), over = a->at < end ? end - a->at : 0;
    if (over > size) over = size;
    if (over) TRY(file_patch(a->file, a->at, data, (size_t)over, &a->error));
    if (size > over) TRY(file_append(a->file, data + over, (size_t)(size - over), &a->error));
    a->at += size;
    return INLAY_OK;
}

static zip_int64_t archive_source(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command) {
    archive *a = user;
    zip_int64_t to;
    switch (command) {
    case ZIP_SOURCE_STAT: /* there is nothing yet */ libzip.error_set(&a->zip, ZIP_ER_READ, ENOENT); return -1;
    case ZIP_SOURCE_WRITE: return keep(a, write_archive(a, data, size)) == 0 ? (zip_int64_t)size : -1;
    case ZIP_SOURCE_TELL_WRITE: return (zip_int64_t)a->at;
    case ZIP_SOURCE_SEEK_WRITE:
        to = libzip.source_seek_compute_offset(a->at, file_position(a->file), data, size, &a->zip);
        if (to < 0) return -1;
        a->at = (uint64_t)to;
        return 0;
    case ZIP_SOURCE_ERROR: return libzip.error_to_data(&a->zip, data, size);
    case ZIP_SOURCE_BEGIN_WRITE:
    case ZIP_SOURCE_COMMIT_WRITE: /* by the caller of zip_close */
    case ZIP_SOURCE_ROLLBACK_WRITE:
    case ZIP_SOURCE_REMOVE:
    case ZIP_SOURCE_FREE: return 0;
    case ZIP_SOURCE_SUPPORTS:
        return libzip.source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                                 ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                                 ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE,
                                                 ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE,
                                                 ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE, -1);
    default: libzip.error_set(&a->zip, ZIP_ER_OPNOTSUPP, 0); return -1;
    }
}

/* errno is cleared before libzip is called: where memory runs out it may say no more than that. */
static inlay_status fail_zip(const archive *a, const char *path, zip_error_t *e, inlay_error *err) {
    if (a->status != INLAY_OK) {
        if (err) *err = a->error;
        return a->status;
    }
    if (libzip.error_code_zip(e) == ZIP_ER_MEMORY || errno == ENOMEM) return fail_memory(err);
    return fail_at(err, INLAY_INTERNAL, path, -1, "cannot write the archive: %s", libzip.error_strerror(e));
}

/* ---- members */

static bool is_listed(size_t index, const size_t *indices, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (indices[i] == index) return true;
    return false;
}

/* Whether numpy.load can find the tensor by its key. It takes "a.npy" for the member of "a". */
static inlay_status check_key(const store *s, bytes key, const size_t *indices, size_t n, inlay_error *err) {
    char text[KEY_TEXT];
    size_t other;
    inlay_error none;
    if (!bytes_valid_utf8(key, NULL) || memchr(key.data, 0, key.size) || key.size > UINT16_MAX - 4)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s: a zip archive cannot hold this key", key_text(key, text));
    if (key.size < 4 || memcmp(key.data + key.size - 4, ".npy", 4) != 0) return INLAY_OK;
    if (store_find(s, bytes_make(key.data, key.size - 4), &other, &none) != INLAY_OK || !is_listed(other, indices, n))
        return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "%s: in a .npz NumPy cannot tell this key from the one without .npy",
                key_text(key, text));
}

static inlay_status prepare(member *m, const size_t *indices, size_t n, inlay_error *err) {
    char text[KEY_TEXT];
    inlay_error reason;
    store_tensor t = store_at(m->from, m->index);
    if (t.type == INLAY_STRING)
        return fail(err, INLAY_UNIMPLEMENTED,
                    "%s: NumPy reads strings of any length from a .npz only by unpickling; export them to a folder",
                    key_text(t.key, text));
    inlay_status status = npy_header_text(t.type, &t.dims, false, &m->header, &reason);
    if (status != INLAY_OK) return fail(err, status, "%s: %s", key_text(t.key, text), reason.message);
    TRY(check_key(m->from, t.key, indices, n, err));
    size_t size = t.key.size + 5;
    if (!(m->name = mem_alloc(size))) return fail_memory(err);
    snprintf(m->name, size, "%s.npy", (const char *)t.key.data);
    return INLAY_OK;
}

/* Stored, and dated 1980-01-01 as numpy.savez does it: the same tensors give the same bytes. */
static inlay_status add_member(zip_t *zip, member *m, const char *path, inlay_error *err) {
    enum { FIRST_DAY = 1 << 5 | 1 };
    zip_source_t *source = libzip.source_function(zip, member_source, m);
    zip_int64_t index = source ? libzip.file_add(zip, m->name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (source && index < 0) libzip.source_free(source);
    if (index < 0 || libzip.set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        libzip.file_set_dostime(zip, (zip_uint64_t)index, 0, FIRST_DAY, 0) != 0)
        return fail_zip(m->of, path, libzip.get_error(zip), err);
    return INLAY_OK;
}

static inlay_status write_members(archive *a, member *members, size_t n, const char *path, inlay_error *err) {
    zip_error_t e;
    libzip.error_init(&e);
    errno = 0;
    inlay_status status;
    zip_source_t *source = libzip.source_function_create(archive_source, a, &e);
    zip_t *zip = source ? libzip.open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &e) : NULL;
    if (source && !zip) libzip.source_free(source);
    if (!zip) TRY_TO(done, fail_zip(a, path, &e, err));
    for (size_t i = 0; i < n; i++) TRY_TO(done, add_member(zip, &members[i], path, err));
    if (libzip.close(zip) != 0) TRY_TO(done, fail_zip(a, path, libzip.get_error(zip), err));
    zip = NULL;
    status = INLAY_OK;
done:
    if (zip) libzip.discard(zip);
    libzip.error_fini(&e);
    return status;
}

inlay_status store_save_npz(store *s, const size_t *indices, size_t n, const char *path, progress *report,
                            inlay_error *err) {
    archive a = {.report = report};
    TRY(libzip_load(err));
    libzip.error_init(&a.zip);
    inlay_status status;
    member *members = mem_zalloc(n, sizeof *members);
    if (!members) return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        members[i].of = &a;
        members[i].from = s;
        members[i].index = indices[i];
        TRY_TO(done, prepare(&members[i], indices, n, err));
    }
    TRY_TO(done, file_create(path, FILE_ATOMIC, &a.file, err));
    TRY_TO(done, write_members(&a, members, n, path, err));
    status = file_commit(a.file, err);
    a.file = NULL;
done:
    file_abandon(a.file);
    for (size_t i = 0; i < n; i++) {
        store_stream_end(&members[i].stream);
        buffer_free(&members[i].header);
        mem_free(members[i].name);
    }
    mem_free(members);
    libzip.error_fini(&a.zip);
    return status;
}
