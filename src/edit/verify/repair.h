/* What can be done about damage: stored checksums made to fit, what is sound written elsewhere. */
#ifndef EDIT_VERIFY_REPAIR_H
#define EDIT_VERIFY_REPAIR_H

#include "inlay/inlay.h"

/* What inlay_bundle_repair and inlay_bundle_salvage promise. */
inlay_status repair(const inlay_repair_options *o, inlay_repair_report *report, inlay_error *err);
inlay_status salvage(const inlay_salvage_options *o, inlay_salvage_report *report, inlay_error *err);

#endif
