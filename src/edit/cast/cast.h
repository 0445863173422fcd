/* Stored tensors in half the bytes: float32 to float16 or bfloat16. */
#ifndef EDIT_CAST_H
#define EDIT_CAST_H

#include "base/error.h"

/* As inlay_edit_cast. */
inlay_status edit_cast(const char *model, const char *const *keys, size_t n, inlay_dtype to,
                       const inlay_edit_options *options, inlay_error *err);

#endif
