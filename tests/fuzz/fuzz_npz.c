/* One .npz archive; its members are read in uneven steps, up to what a test can wait for.
 * Covers: src/format/npz.c */
#include "format/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP = 4099, MOST = 1 << 20 }; /* bytes */

static void read_member(npz *z, size_t member, uint64_t *budget) {
    static uint8_t scratch[STEP];
    npz_stream *s;
    inlay_error err;
    if (npz_stream_open(z, member, &s, &err) != INLAY_OK) return;
    uint64_t left = npz_stream_header(s)->data_size;
    while (left > 0 && *budget > 0) {
        uint64_t step = left < STEP ? left : STEP;
        bool skip = left % 2;
        if (npz_stream_read(s, skip ? NULL : scratch, step, &err) != INLAY_OK) break;
        left -= step;
        *budget -= step < *budget ? step : *budget;
        if (npz_stream_position(s) + left != npz_stream_header(s)->data_size) __builtin_trap();
    }
    if (left == 0 && npz_stream_read(s, scratch, 1, &err) != INLAY_OUT_OF_RANGE) __builtin_trap();
    npz_stream_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    npz *z;
    inlay_error err;
    uint64_t budget = MOST;
    if (npz_open_bytes(bytes_make(data, size), "a.npz", &z, &err) != INLAY_OK) return 0;
    for (size_t i = 0; i < npz_count(z) && i < 64; i++) {
        size_t found;
        if (!npz_find(z, npz_name(z, i), &found)) __builtin_trap();
        read_member(z, i, &budget);
    }
    npz_close(z);
    return 0;
}
