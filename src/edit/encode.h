/* Encode: an extractor run over many inputs, its vectors written as .npy shards. */
#ifndef EDIT_ENCODE_H
#define EDIT_ENCODE_H

#include "base/error.h"

/* What inlay_encode promises. */
inlay_status encode(const inlay_encode_options *o, inlay_encode_report *report, inlay_error *err);

#endif
