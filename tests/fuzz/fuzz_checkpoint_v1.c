/* A byte that picks a slice to ask for, then the entries of a V1 checkpoint (entries.h).
 * Covers: src/format/checkpoint_v1_open.c src/format/checkpoint_v1_read.c */
#include "entries.h"
#include "format/checkpoint_v1.h"

static const char *const specs[] = {"",           "2 3 0,1:-",    "2 3 -:1,2", "4 1,2",
                                    "10 7 2,5:-", "10 7 4,6:0,4", "4 0,9",     "6 2 2,3:-"};

static void touch(const tensor *t) {
    volatile uint64_t sum = 0;
    for (int64_t i = 0; t->type == INLAY_STRING && i < t->count; i++) {
        bytes text = tensor_string(t, i);
        for (size_t j = 0; j < text.size; j++) sum += text.data[j];
    }
    for (uint64_t i = 0; t->type != INLAY_STRING && i < t->size; i++) sum += t->data[i];
    (void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes rest = bytes_make(data, size);
    size_t options = fuzz_number(&rest, 1);
    buffer file = {0};
    fuzz_table(&rest, &file);
    fuzz_write(fuzz_path(options & 0x40 ? "v1-00000-of-00002" : "v1"), buffer_bytes(&file));
    if (options & 0x40) {
        buffer_free(&file);
        fuzz_table(&rest, &file);
        fuzz_write(fuzz_path("v1-00001-of-00002"), buffer_bytes(&file));
        unlink(fuzz_path("v1"));
    }
    buffer_free(&file);
    inlay_error err;
    checkpoint_v1 *c;
    if (checkpoint_v1_open(fuzz_path("v1"), options & 0x80, &c, &err) != INLAY_OK) return 0;
    for (size_t i = 0; i < checkpoint_v1_count(c); i++) {
        const checkpoint_tensor *t = checkpoint_v1_at(c, i);
        if (checkpoint_v1_find(c, t->key) != t) abort();
        for (int part = 0; part < 2; part++) {
            tensor *got;
            bytes spec = bytes_of(part ? specs[options % 8] : "");
            if (checkpoint_v1_read(c, t, spec, &got, &err) != INLAY_OK) continue;
            touch(got);
            tensor_release(got);
        }
    }
    checkpoint_v1_close(c);
    return 0;
}
