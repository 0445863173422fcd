#include "kernel/text/inflate.h"

#include "base/num.h"

#include <zlib.h>

enum { STEP = 256 << 10, GZIP_WINDOW = 15 + 16 };

/* The next STEP bytes at most. */
static inlay_status inflate_step(z_stream *z, mem_budget *budget, uint64_t *charged, buffer *out, bool *ended,
                                 inlay_error *err) {
    size_t before = out->size;
    if (budget && !mem_budget_charge(budget, STEP))
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "unpacking needs more memory than a run may take");
    *charged += budget ? STEP : 0;
    buffer_append_zeros(out, STEP);
    TRY(buffer_check(out, err));
    z->next_out = out->data + before;
    z->avail_out = STEP;
    int code = inflate(z, Z_NO_FLUSH);
    out->size = before + STEP - z->avail_out;
    *ended = code == Z_STREAM_END || code == Z_BUF_ERROR;
    if (code == Z_MEM_ERROR) return fail_memory(err);
    if (code != Z_OK && !*ended)
        return fail(err, INLAY_DATA_LOSS, "compressed data is damaged%s%s", z->msg ? ": " : "", z->msg ? z->msg : "");
    return INLAY_OK;
}

inlay_status inflate_bytes(bytes data, inflate_form form, mem_budget *budget, uint64_t *charged, buffer *out,
                           inlay_error *err) {
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data.data};
    bool ended = false;
    if (inflateInit2(&z, form == INFLATE_GZIP ? GZIP_WINDOW : 15) != Z_OK) return fail_memory(err);
    size_t rest = data.size;
    inlay_status status = INLAY_OK;
    while (status == INLAY_OK && !ended) {
        if (z.avail_in == 0 && rest) {
            z.avail_in = (uInt)min_size(rest, 1 << 30);
            rest -= z.avail_in;
        }
        status = inflate_step(&z, budget, charged, out, &ended, err);
    }
    inflateEnd(&z);
    return status;
}
