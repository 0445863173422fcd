#include "edit/fuse_data.h"

inlay_status fuse_data_write_payload(fuse_data *d, inlay_error *err) {
    if (d->options->labels) return fail_at(err, INLAY_UNIMPLEMENTED, d->options->labels, -1, "labels cannot be fused by this build");
    if (d->options->ids) return fail_at(err, INLAY_UNIMPLEMENTED, d->options->ids, -1, "ids cannot be fused by this build");
    return INLAY_OK;
}
