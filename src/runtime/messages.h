/* Messages that ops read and write: what a session offers them as op_host. */
#ifndef RUNTIME_MESSAGES_H
#define RUNTIME_MESSAGES_H

#include "base/buffer.h"
#include "tensor/tensor.h"

inlay_status message_read_tensor(bytes message, mem_budget *budget, tensor **out, inlay_error *err);
inlay_status message_write_tensor(const tensor *t, buffer *to, inlay_error *err);
inlay_status message_example_of_json(bytes text, buffer *to, inlay_error *err);

#endif
