/* Looking for damage in what is stored, naming its cause, and mending stored checksums. This room reads models as
 * bytes: it runs none. */
#ifndef EDIT_VERIFY_VERIFY_H
#define EDIT_VERIFY_VERIFY_H

#include "inlay/inlay.h"

inlay_status verify(const inlay_verify_options *o, inlay_verify_report *report, inlay_error *err);

#endif
