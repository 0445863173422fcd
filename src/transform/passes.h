/* The passes. Private to transform/. */
#ifndef TRANSFORM_PASSES_H
#define TRANSFORM_PASSES_H

#include "transform/transform.h"

inlay_status pass_controls(program *p, op_host *host, inlay_error *err);
inlay_status pass_identity(program *p, op_host *host, inlay_error *err);
inlay_status pass_search(program *p, op_host *host, inlay_error *err);
inlay_status pass_plain(program *p, op_host *host, inlay_error *err);
inlay_status pass_fold(program *p, op_host *host, inlay_error *err);
inlay_status pass_fuse_conv(program *p, op_host *host, inlay_error *err);
inlay_status pass_common(program *p, op_host *host, inlay_error *err);

#endif
