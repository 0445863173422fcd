#include "proto/schema.h"

#include "proto/wire.h"

#include "checkpoint.pb-c.h"
#include "chunk.pb-c.h"
#include "debug_info.pb-c.h"
#include "example.pb-c.h"
#include "google.pb-c.h"
#include "graph.pb-c.h"
#include "object_graph.pb-c.h"
#include "saved_model.pb-c.h"
#include "structure.pb-c.h"
#include "tensor.pb-c.h"

/* In bytewise order of full names. */
static const message_type *const messages[] = {
    &google__protobuf__any__descriptor,
    &google__protobuf__bool_value__descriptor,
    &tensorflow__asset_file_def__descriptor,
    &tensorflow__attr_value__descriptor,
    &tensorflow__attr_value__list_value__descriptor,
    &tensorflow__bounded_tensor_spec_proto__descriptor,
    &tensorflow__bundle_entry_proto__descriptor,
    &tensorflow__bundle_header_proto__descriptor,
    &tensorflow__bytes_list__descriptor,
    &tensorflow__captured_tensor__descriptor,
    &tensorflow__checkpoint_state__descriptor,
    &tensorflow__collection_def__descriptor,
    &tensorflow__collection_def__any_list__descriptor,
    &tensorflow__collection_def__bytes_list__descriptor,
    &tensorflow__collection_def__float_list__descriptor,
    &tensorflow__collection_def__int64_list__descriptor,
    &tensorflow__collection_def__node_list__descriptor,
    &tensorflow__dict_value__descriptor,
    &tensorflow__example__descriptor,
    &tensorflow__feature__descriptor,
    &tensorflow__feature_list__descriptor,
    &tensorflow__feature_lists__descriptor,
    &tensorflow__features__descriptor,
    &tensorflow__fingerprint_def__descriptor,
    &tensorflow__float_list__descriptor,
    &tensorflow__full_type_def__descriptor,
    &tensorflow__function_def__descriptor,
    &tensorflow__function_def__arg_attrs__descriptor,
    &tensorflow__function_def_library__descriptor,
    &tensorflow__function_spec__descriptor,
    &tensorflow__gradient_def__descriptor,
    &tensorflow__graph_debug_info__descriptor,
    &tensorflow__graph_debug_info__file_line_col__descriptor,
    &tensorflow__graph_debug_info__stack_trace__descriptor,
    &tensorflow__graph_def__descriptor,
    &tensorflow__int64_list__descriptor,
    &tensorflow__list_value__descriptor,
    &tensorflow__memmapped_file_system_directory__descriptor,
    &tensorflow__memmapped_file_system_directory_element__descriptor,
    &tensorflow__meta_graph_def__descriptor,
    &tensorflow__meta_graph_def__meta_info_def__descriptor,
    &tensorflow__name_attr_list__descriptor,
    &tensorflow__named_tuple_value__descriptor,
    &tensorflow__node_def__descriptor,
    &tensorflow__node_def__experimental_debug_info__descriptor,
    &tensorflow__none_value__descriptor,
    &tensorflow__op_def__descriptor,
    &tensorflow__op_def__arg_def__descriptor,
    &tensorflow__op_def__attr_def__descriptor,
    &tensorflow__op_deprecation__descriptor,
    &tensorflow__op_list__descriptor,
    &tensorflow__pair_value__descriptor,
    &tensorflow__queue_runner_def__descriptor,
    &tensorflow__registered_gradient__descriptor,
    &tensorflow__registered_saver__descriptor,
    &tensorflow__resource_handle_proto__descriptor,
    &tensorflow__resource_handle_proto__dtype_and_shape__descriptor,
    &tensorflow__save_slice_info_def__descriptor,
    &tensorflow__saveable_object__descriptor,
    &tensorflow__saved_asset__descriptor,
    &tensorflow__saved_bare_concrete_function__descriptor,
    &tensorflow__saved_concrete_function__descriptor,
    &tensorflow__saved_constant__descriptor,
    &tensorflow__saved_function__descriptor,
    &tensorflow__saved_model__descriptor,
    &tensorflow__saved_object__descriptor,
    &tensorflow__saved_object_graph__descriptor,
    &tensorflow__saved_resource__descriptor,
    &tensorflow__saved_slice__descriptor,
    &tensorflow__saved_slice_meta__descriptor,
    &tensorflow__saved_tensor_slice_meta__descriptor,
    &tensorflow__saved_tensor_slices__descriptor,
    &tensorflow__saved_user_object__descriptor,
    &tensorflow__saved_variable__descriptor,
    &tensorflow__saver_def__descriptor,
    &tensorflow__sequence_example__descriptor,
    &tensorflow__serialized_dtype__descriptor,
    &tensorflow__signature_def__descriptor,
    &tensorflow__structured_value__descriptor,
    &tensorflow__tensor_info__descriptor,
    &tensorflow__tensor_info__composite_tensor__descriptor,
    &tensorflow__tensor_info__coo_sparse__descriptor,
    &tensorflow__tensor_proto__descriptor,
    &tensorflow__tensor_shape_proto__descriptor,
    &tensorflow__tensor_shape_proto__dim__descriptor,
    &tensorflow__tensor_slice_proto__descriptor,
    &tensorflow__tensor_slice_proto__extent__descriptor,
    &tensorflow__tensor_spec_proto__descriptor,
    &tensorflow__trackable_object_graph__descriptor,
    &tensorflow__trackable_object_graph__trackable_object__descriptor,
    &tensorflow__trackable_object_graph__trackable_object__object_reference__descriptor,
    &tensorflow__trackable_object_graph__trackable_object__serialized_tensor__descriptor,
    &tensorflow__trackable_object_graph__trackable_object__slot_variable_reference__descriptor,
    &tensorflow__tuple_value__descriptor,
    &tensorflow__type_spec_proto__descriptor,
    &tensorflow__variable_def__descriptor,
    &tensorflow__variant_tensor_data_proto__descriptor,
    &tensorflow__version_def__descriptor,
    &tensorflow__proto_splitter__chunk_info__descriptor,
    &tensorflow__proto_splitter__chunk_metadata__descriptor,
    &tensorflow__proto_splitter__chunked_field__descriptor,
    &tensorflow__proto_splitter__chunked_message__descriptor,
    &tensorflow__proto_splitter__field_index__descriptor,
    &tensorflow__proto_splitter__field_index__map_key__descriptor,
};
enum { MESSAGES = sizeof messages / sizeof *messages };

const message_type *schema_at(size_t index) {
    return index < MESSAGES ? messages[index] : NULL;
}

const message_type *schema_find(bytes full_name) {
    size_t low = 0, high = MESSAGES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = bytes_compare(bytes_of(messages[middle]->name), full_name);
        if (order == 0) return messages[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const message_type *schema_of_url(bytes type_url) {
    size_t i = type_url.size;
    while (i > 0 && type_url.data[i - 1] != '/') i--;
    return i == 0 ? NULL : schema_find(bytes_make(type_url.data + i, type_url.size - i));
}

/* The compiler names the message of the map `some_map` SomeMapEntry, inside the message that holds the field; the
 * schemas name no message so themselves. */
bool message_is_entry(const message_type *m) {
    size_t n = strlen(m->short_name);
    return m->n_fields == 2 && n > 5 && strcmp(m->short_name + n - 5, "Entry") == 0 &&
           strcmp(m->fields[0].name, "key") == 0 && m->fields[0].id == 1 && strcmp(m->fields[1].name, "value") == 0 &&
           m->fields[1].id == 2;
}

bool field_is_map(const field_type *f) {
    return f->type == PROTOBUF_C_TYPE_MESSAGE && field_repeats(f) && message_is_entry(field_message(f));
}

bool field_has_presence(const field_type *f) {
    return !field_repeats(f) && (f->label != PROTOBUF_C_LABEL_NONE || f->type == PROTOBUF_C_TYPE_MESSAGE ||
                                 (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF));
}

/* All members' "which one" lies at one place of the C struct, which no other field has. */
unsigned field_oneof(const field_type *f) {
    return f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? f->quantifier_offset : 0;
}

int field_wire(const field_type *f) {
    switch (f->type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

bool field_can_pack(const field_type *f) {
    return field_repeats(f) && field_wire(f) != WIRE_BYTES;
}

bool message_is_any(const message_type *m) {
    return m == &google__protobuf__any__descriptor;
}
bool message_is_wrapper(const message_type *m) {
    return m == &google__protobuf__bool_value__descriptor;
}

const char *field_json_name(const field_type *f, char text[FIELD_NAME_TEXT]) {
    size_t n = 0;
    bool upper = false;
    for (const char *c = f->name; *c && n + 1 < FIELD_NAME_TEXT; c++) {
        if (*c != '_') text[n++] = (char)(upper && *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        upper = *c == '_';
    }
    text[n] = 0;
    return text;
}

const field_type *message_field(const message_type *m, bytes name) {
    for (unsigned i = 0; i < m->n_fields; i++)
        if (bytes_is(name, m->fields[i].name)) return &m->fields[i];
    return NULL;
}

const field_type *message_json_field(const message_type *m, bytes name) {
    char text[FIELD_NAME_TEXT];
    const field_type *f = message_field(m, name);
    for (unsigned i = 0; !f && i < m->n_fields; i++)
        if (bytes_is(name, field_json_name(&m->fields[i], text))) f = &m->fields[i];
    return f;
}
