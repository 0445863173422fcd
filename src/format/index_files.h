/* Where a model keeps the indexes of its rows: assets.extra/inlay.index/, a file for each tensor with rows, called by
 * its key, and for plain searches one for each way in which they compare its rows (docs/formats/index.md). TensorFlow
 * does not look there. */
#ifndef FORMAT_INDEX_FILES_H
#define FORMAT_INDEX_FILES_H

#include "base/buffer.h"

#define INDEX_FOLDER "assets.extra/inlay.index"

/* The file's path below the model's folder, for the tensor KEY: bytes other than letters, digits, '_', '-' and '.' as
 * %XX. INVALID_ARGUMENT when that is longer than a file system takes. */
inlay_status index_file_path(bytes key, buffer *out, inlay_error *err);

/* The same for a plain search, which compares rows as WAY says: it follows the key, after a '~' that no other name
 * has. */
inlay_status index_plain_path(bytes key, const char *way, buffer *out, inlay_error *err);
bool index_is_plain(const char *name); /* of the file alone */

#endif
