/* The manifest of a model that was just fused. */
#ifndef EDIT_FUSE_FUSE_MANIFEST_H
#define EDIT_FUSE_FUSE_MANIFEST_H

#include "edit/fuse/fuse_data.h"

/* Writes the manifest of the staged model: the collection that D made, and those that an older manifest in the folder
 * lists. Everything else must have been written. */
inlay_status fuse_write_manifest(const fuse_data *d, inlay_error *err);

#endif
