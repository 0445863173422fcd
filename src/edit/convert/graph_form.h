/* Graphs as binary protobuf and as text: one into the other without loss. */
#ifndef EDIT_GRAPH_FORM_H
#define EDIT_GRAPH_FORM_H

#include "format/saved_model.h"

/* Appends what MODEL's file holds (SavedModel, MetaGraphDef or GraphDef) as text, which is read back and compared in
 * canonical form: FAILED_PRECONDITION names what text cannot hold (a field that the schema does not know has no name
 * there, and no other reader takes its number), unless LOSSY, which leaves it out and says so in *lost (may be NULL).
 */
inlay_status graph_to_text(const saved_model *model, bool lossy, bool *lost, buffer *out, inlay_error *err);

/* Appends it as binary: as it stood, or of text in the canonical form. */
inlay_status graph_to_binary(const saved_model *model, buffer *out, inlay_error *err);

#endif
