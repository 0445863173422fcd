/* Two models as one: the outputs of the first feed inputs of the second. */
#ifndef EDIT_COMPOSE_H
#define EDIT_COMPOSE_H

#include "base/error.h"

/* As inlay_bundle_compose. */
inlay_status compose(const inlay_compose_options *options, inlay_compose_report *report, inlay_error *err);

#endif
