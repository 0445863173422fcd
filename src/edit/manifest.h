/* The manifest of a fused model, assets.extra/inlay.json, which TensorFlow ignores (docs/formats/manifest.md). */
#ifndef EDIT_MANIFEST_H
#define EDIT_MANIFEST_H

#include "format/bundle.h"

#include <jansson.h>

/* The manifest of the model in FOLDER; *root is the caller's (json_decref), NULL when there is none. DATA_LOSS when it
 * is no JSON object. */
inlay_status manifest_read(const char *folder, json_t **root, inlay_error *err);

/* What the checksum at the end of a manifest's TEXT says of all bytes before it. Older manifests have none. */
typedef enum manifest_seal { SEAL_NONE, SEAL_SOUND, SEAL_BROKEN } manifest_seal;
manifest_seal manifest_sealed(bytes text, uint32_t *stored, uint32_t *calculated);

/* A model whose files are in the new one under the same numbers and names, and what its manifest says of them: of such
 * files nothing is read again. */
typedef struct manifest_known {
    const char *folder;
    const json_t *root;
    const bundle *bundle; /* may be NULL */
} manifest_known;

/* Writes the manifest of the model in FOLDER over one that is there: COLLECTIONS, which lose their sums of blocks to
 * the file of those, and size and checksum of every file and of every byte that no checksum of the bundle covers.
 * Everything else must have been written. KNOWN may be NULL. */
inlay_status manifest_write(const char *folder, json_t *collections, const manifest_known *known, inlay_error *err);

/* Writes ROOT, as manifest_read gave it but for block_sums_save, to PATH, sealed, over one that is there. */
inlay_status manifest_save(json_t *root, const char *path, inlay_error *err);

/* Whether a collection of the manifest ROOT (may be NULL) says that KEY is its; *name is the collection's. */
bool manifest_owns(const json_t *root, bytes key, const char **name);

/* For those who make collections. False when memory is out; VALUE is taken in any case. */
bool manifest_set(json_t *object, const char *key, json_t *value);
json_t *manifest_text(const char *text); /* bytes that are not UTF-8 as \xNN */

#endif
