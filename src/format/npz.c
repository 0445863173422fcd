#include "format/npz.h"

#include "base/num.h"
#include "format/libzip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct npz_member {
    char *name;      /* without ".npy" */
    char *full_name; /* "ARCHIVE#NAME" */
    zip_uint64_t index;
} npz_member;

struct npz {
    zip_t *zip;
    char *path;
    npz_member *members;
    size_t count;
};

struct npz_stream {
    zip_file_t *file;
    const npz_member *of;
    npy_header header;
    uint64_t position;
};

/* ---- errors of libzip as ours. errno is cleared before libzip is called: where memory runs out it may say otherwise,
 * for example that the file is no archive. */

static inlay_status fail_zip(inlay_error *err, const char *name, const char *what, zip_error_t *e) {
    int code = libzip.error_code_zip(e);
    if (code == ZIP_ER_MEMORY || errno == ENOMEM) return fail_memory(err);
    if (code == ZIP_ER_OPEN || code == ZIP_ER_READ || code == ZIP_ER_NOENT)
        return fail_errno(err, libzip.error_code_system(e) ? libzip.error_code_system(e) : ENOENT, name, what);
    bool unsupported = code == ZIP_ER_COMPNOTSUPP || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_NOPASSWD;
    return fail_at(err, unsupported ? INLAY_UNIMPLEMENTED : INLAY_DATA_LOSS, name, -1, "cannot %s the archive: %s",
                   what, libzip.error_strerror(e));
}

/* ---- the archive */

static const char SUFFIX[] = ".npy";
enum { SUFFIX_SIZE = sizeof SUFFIX - 1 };

static bool is_array(const char *name) {
    size_t n = strlen(name);
    return n >= SUFFIX_SIZE && strcmp(name + n - SUFFIX_SIZE, SUFFIX) == 0;
}

static inlay_status add_member(npz *z, const char *name, zip_uint64_t index, inlay_error *err) {
    npz_member *m = &z->members[z->count++];
    size_t base = strlen(name) - SUFFIX_SIZE, size = strlen(z->path) + 1 + base + 1;
    m->index = index;
    m->name = mem_strdup(name);
    m->full_name = mem_alloc(size);
    if (!m->name || !m->full_name) return fail_memory(err);
    m->name[base] = 0;
    snprintf(m->full_name, size, "%s#%s", z->path, m->name);
    return INLAY_OK;
}

static inlay_status list_members(npz *z, inlay_error *err) {
    zip_int64_t n = libzip.get_num_entries(z->zip, 0);
    z->members = mem_zalloc(n > 0 ? (size_t)n : 1, sizeof *z->members);
    if (!z->members) return fail_memory(err);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = libzip.get_name(z->zip, (zip_uint64_t)i, ZIP_FL_ENC_GUESS);
        if (!name) return fail_zip(err, z->path, "list", libzip.get_error(z->zip));
        if (is_array(name)) TRY(add_member(z, name, (zip_uint64_t)i, err));
    }
    return INLAY_OK;
}

/* libzip takes an empty file for an archive without members. */
static inlay_status check_not_empty(uint64_t size, const char *name, inlay_error *err) {
    return size ? INLAY_OK : fail_at(err, INLAY_DATA_LOSS, name, -1, "is empty, no archive");
}

/* SOURCE is taken over; NULL: the file NAME. */
static inlay_status open_archive(zip_source_t *source, const char *name, npz **out, inlay_error *err) {
    zip_error_t e;
    libzip.error_init(&e);
    errno = 0;
    inlay_status status;
    npz *z = mem_zalloc(1, sizeof *z);
    if (!z || !(z->path = mem_strdup(name))) TRY_TO(failed, fail_memory(err));
    if (source) {
        z->zip = libzip.open_from_source(source, ZIP_RDONLY, &e);
        if (z->zip) source = NULL;
    } else {
        int code = 0;
        z->zip = libzip.open(name, ZIP_RDONLY, &code);
        if (!z->zip) libzip.error_set(&e, code, errno);
    }
    if (!z->zip) TRY_TO(failed, fail_zip(err, name, "open", &e));
    TRY_TO(failed, list_members(z, err));
    libzip.error_fini(&e);
    *out = z;
    return INLAY_OK;
failed:
    if (source) libzip.source_free(source);
    libzip.error_fini(&e);
    npz_close(z);
    return status;
}

inlay_status npz_open(const char *path, npz **out, inlay_error *err) {
    *out = NULL;
    file_info info;
    TRY(file_stat(path, true, &info, err));
    if (info.is_folder) return fail_at(err, INLAY_INVALID_ARGUMENT, path, -1, "is a folder, not a file");
    TRY(check_not_empty(info.size, path, err));
    TRY(libzip_load(err));
    return open_archive(NULL, path, out, err);
}

inlay_status npz_open_bytes(bytes archive, const char *name, npz **out, inlay_error *err) {
    *out = NULL;
    zip_error_t e;
    TRY(check_not_empty(archive.size, name, err));
    TRY(libzip_load(err));
    libzip.error_init(&e);
    zip_source_t *source = libzip.source_buffer_create(archive.data, archive.size, 0, &e);
    inlay_status status = source ? open_archive(source, name, out, err) : fail_zip(err, name, "open", &e);
    libzip.error_fini(&e);
    return status;
}

void npz_close(npz *z) {
    if (!z) return;
    for (size_t i = 0; i < z->count; i++) {
        mem_free(z->members[i].name);
        mem_free(z->members[i].full_name);
    }
    if (z->zip) libzip.discard(z->zip);
    mem_free(z->members);
    mem_free(z->path);
    mem_free(z);
}

size_t npz_count(const npz *z) {
    return z->count;
}

const char *npz_name(const npz *z, size_t member) {
    return z->members[member].name;
}

bool npz_find(const npz *z, const char *name, size_t *member) {
    size_t n = strlen(name);
    for (size_t i = 0; i < z->count; i++) {
        size_t size = strlen(z->members[i].name);
        if (strncmp(z->members[i].name, name, size) != 0 || (n != size && strcmp(name + size, SUFFIX) != 0)) continue;
        *member = i;
        return true;
    }
    return false;
}

/* ---- members */

/* What the archive's directory says of the member's size, when that can be. Deflate makes at most 1032 bytes of one. */
static inlay_status member_size(npz *z, const npz_member *m, uint64_t *out, inlay_error *err) {
    zip_stat_t info;
    if (libzip.stat_index(z->zip, m->index, 0, &info) != 0)
        return fail_zip(err, m->full_name, "read", libzip.get_error(z->zip));
    if (!(info.valid & ZIP_STAT_SIZE) || !(info.valid & ZIP_STAT_COMP_SIZE))
        return fail_at(err, INLAY_DATA_LOSS, m->full_name, -1, "the archive does not say the member's size");
    if (info.size / 1032 > info.comp_size + 1)
        return fail_at(err, INLAY_DATA_LOSS, m->full_name, -1,
                       "the archive claims that %" PRIu64 " bytes inflate to %" PRIu64, info.comp_size, info.size);
    *out = info.size;
    return INLAY_OK;
}

static inlay_status read_exactly(npz_stream *s, void *to, size_t size, inlay_error *err) {
    for (size_t got = 0; got < size;) {
        zip_int64_t n = libzip.fread(s->file, (uint8_t *)to + got, size - got);
        if (n < 0) return fail_zip(err, s->of->full_name, "read", libzip.file_get_error(s->file));
        if (n == 0)
            return fail_at(err, INLAY_DATA_LOSS, s->of->full_name, -1, "the member ends %zu bytes early", size - got);
        got += (size_t)n;
    }
    return INLAY_OK;
}

static inlay_status read_header(npz_stream *s, uint64_t size, inlay_error *err) {
    uint8_t prefix[NPY_PREFIX];
    uint64_t data_offset;
    if (size < NPY_PREFIX) return fail_at(err, INLAY_DATA_LOSS, s->of->full_name, -1, "the member is no .npy file");
    TRY(read_exactly(s, prefix, sizeof prefix, err));
    TRY(npy_data_offset(bytes_make(prefix, sizeof prefix), s->of->full_name, &data_offset, err));
    if (data_offset > size || data_offset < sizeof prefix)
        return fail_at(err, INLAY_DATA_LOSS, s->of->full_name, -1, "the .npy header is cut off");
    uint8_t *start = mem_alloc((size_t)data_offset);
    if (!start) return fail_memory(err);
    memcpy(start, prefix, sizeof prefix);
    inlay_status status = read_exactly(s, start + sizeof prefix, (size_t)data_offset - sizeof prefix, err);
    if (status == INLAY_OK)
        status = npy_parse(bytes_make(start, (size_t)data_offset), size, s->of->full_name, &s->header, err);
    mem_free(start);
    return status;
}

inlay_status npz_stream_open(npz *z, size_t member, npz_stream **out, inlay_error *err) {
    *out = NULL;
    inlay_status status;
    uint64_t size = 0;
    errno = 0;
    npz_stream *s = mem_zalloc(1, sizeof *s);
    if (!s) return fail_memory(err);
    s->of = &z->members[member];
    TRY_TO(failed, member_size(z, s->of, &size, err));
    s->file = libzip.fopen_index(z->zip, s->of->index, 0);
    if (!s->file) TRY_TO(failed, fail_zip(err, s->of->full_name, "open", libzip.get_error(z->zip)));
    TRY_TO(failed, read_header(s, size, err));
    *out = s;
    return INLAY_OK;
failed:
    npz_stream_close(s);
    return status;
}

const npy_header *npz_stream_header(const npz_stream *s) {
    return &s->header;
}

const char *npz_stream_name(const npz_stream *s) {
    return s->of->full_name;
}

uint64_t npz_stream_position(const npz_stream *s) {
    return s->position;
}

/* Reading past the last byte makes libzip compare the member's checksum. */
static inlay_status check_end(npz_stream *s, inlay_error *err) {
    uint8_t beyond;
    if (libzip.fread(s->file, &beyond, 1) < 0)
        return fail_zip(err, s->of->full_name, "read", libzip.file_get_error(s->file));
    return INLAY_OK;
}

inlay_status npz_stream_read(npz_stream *s, void *to, uint64_t size, inlay_error *err) {
    if (size > s->header.data_size - s->position)
        return fail_at(err, INLAY_OUT_OF_RANGE, s->of->full_name, -1, "%" PRIu64 " bytes asked for, %" PRIu64 " left",
                       size, s->header.data_size - s->position);
    if (size == 0) return INLAY_OK;
    uint8_t scratch[16384];
    errno = 0;
    for (uint64_t done = 0; done < size;) {
        uint64_t left = size - done;
        size_t step = to ? (size_t)left : (size_t)(left < sizeof scratch ? left : sizeof scratch);
        TRY(read_exactly(s, to ? to : scratch, step, err));
        done += step;
        s->position += step;
    }
    return s->position == s->header.data_size ? check_end(s, err) : INLAY_OK;
}

void npz_stream_close(npz_stream *s) {
    if (!s) return;
    if (s->file) libzip.fclose(s->file);
    mem_free(s);
}
