/* The manifest of a fused model, assets.extra/inlay.json, which TensorFlow ignores (docs/formats/manifest.md). */
#ifndef EDIT_MANIFEST_H
#define EDIT_MANIFEST_H

#include "edit/fuse/fuse_data.h"

/* Writes the manifest of the staged model: the collection that D made, those that an older manifest in the folder
 * lists, and size and checksum of every file and of every byte that no checksum of the bundle covers. Everything else
 * must have been written. */
inlay_status manifest_write(const fuse_data *d, inlay_error *err);

#endif
