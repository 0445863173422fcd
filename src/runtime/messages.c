#include "runtime/messages.h"

#include "format/tensor_proto.h"
#include "proto/json.h"

inlay_status message_read_tensor(bytes message, mem_budget *budget, tensor **out, inlay_error *err) {
    tensor_proto_options options = {.budget = budget};
    return tensor_proto_read(wire_open(message, "a serialized tensor", message.data), &options, out, err);
}

inlay_status message_write_tensor(const tensor *t, buffer *to, inlay_error *err) {
    TRY(tensor_proto_write(to, t, err));
    return buffer_check(to, err);
}

inlay_status message_example_of_json(bytes text, buffer *to, inlay_error *err) {
    return json_parse(text, NULL, schema_find(bytes_of("tensorflow.Example")), to, err);
}
