/* A byte that picks a slice to ask for, the entries of an index (entries.h), then the bytes of the data files.
 * Covers: src/format/bundle_open.c src/format/bundle_entry.c src/format/bundle_read.c src/format/bundle_partition.c
 * src/format/bundle_slice.c src/format/bundle_check.c src/format/bundle_merge.c */
#include "base/alloc.h"
#include "entries.h"
#include "format/bundle.h"

static const char *const specs[] = {
    "",    "2 3 0,1:-", "2 3 -:1,2",      "2 3 1,1:0,2",   "4 -",     "4 1,2",       "4 0,9", "10 4 0,5:-",
    "0,1", "6 2 2,3:-", "3 99999999 -:-", "2 2 2 -:-:0,1", "6 2 -:-", "300000 64,1", "a",     "2 3"};

static void touch(const tensor *t) {
    volatile uint64_t sum = 0;
    if (t->type == INLAY_STRING)
        for (int64_t i = 0; i < t->count; i++) {
            bytes text = tensor_string(t, i);
            for (size_t j = 0; j < text.size; j++) sum += text.data[j];
        }
    else
        for (uint64_t i = 0; i < t->size; i++) sum += t->data[i];
    (void)sum;
}

/* What was read, written and read again, is the same. */
static void write_again(const bundle_entry *e, const tensor *t) {
    inlay_error err;
    bundle *b;
    tensor *back;
    const bundle_item item = {e->key, t};
    const char *prefix = fuzz_path("again");
    if (bundle_write(prefix, &item, 1, &err) != INLAY_OK) abort();
    if (bundle_open(prefix, true, &b, &err) != INLAY_OK) abort();
    const bundle_entry *found = bundle_find(b, e->key);
    if (!found || bundle_check(b, found, &err) != INLAY_OK || bundle_read(b, found, &back, &err) != INLAY_OK) abort();
    if (!shape_equal(&back->dims, &t->dims) || back->type != t->type) abort();
    if (t->type != INLAY_STRING && (back->size != t->size || memcmp(back->data, t->data, t->size) != 0)) abort();
    for (int64_t i = 0; t->type == INLAY_STRING && i < t->count; i++)
        if (!bytes_equal(tensor_string(t, i), tensor_string(back, i))) abort();
    tensor_release(back);
    bundle_close(b);
}

static void read_all(bundle *b, bytes spec, bool again) {
    inlay_error err;
    for (size_t i = 0; i < bundle_count(b); i++) {
        const bundle_entry *e = bundle_at(b, i);
        tensor *t;
        if (bundle_find(b, e->key) != e) abort();
        bundle_check(b, e, &err);
        if (bundle_read(b, e, &t, &err) == INLAY_OK) {
            touch(t);
            /* a table's key of that kind would be taken for a slice of another tensor */
            if (again && e->key.data[0] != 0) write_again(e, t);
            tensor_release(t);
        }
        if (bundle_read_slice(b, e, spec, &t, &err) == INLAY_OK) {
            touch(t);
            tensor_release(t);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes rest = bytes_make(data, size);
    size_t options = fuzz_number(&rest, 1);
    buffer index = {0};
    fuzz_table(&rest, &index);
    fuzz_write(fuzz_path("f.index"), buffer_bytes(&index));
    buffer_free(&index);
    fuzz_write(fuzz_path("f.data-00000-of-00001"), rest);
    fuzz_write(fuzz_path("f.data-00000-of-00002"), rest);
    fuzz_write(fuzz_path("f.data-00001-of-00002"), rest);
    inlay_error err;
    bundle *b;
    if (bundle_open(fuzz_path("f"), options & 0x10, &b, &err) == INLAY_OK) {
        read_all(b, bytes_of(specs[options % 16]), (options & 0xe0) == 0xe0);
        bundle_close(b);
        unlink(fuzz_path("merged.index"));
        const char *parts[] = {fuzz_path("f"), fuzz_path("f")};
        size_t n = options & 0x20 ? 2 : 1;
        if ((options & 0xc0) == 0xc0) bundle_merge(parts, n, fuzz_path("merged"), true, &err);
    }
    return 0;
}
