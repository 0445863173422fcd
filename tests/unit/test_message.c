#include "unit/unit.h"

#include "graph.pb-c.h"
#include "proto/json.h"
#include "proto/message.h"
#include "proto/text.h"

#include <stdio.h>
#include <string.h>

#define RAW(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define BYTES(text) ((bytes)RAW(text))

static const message_type *type_named(const char *name) {
    const message_type *type = schema_find(bytes_of(name));
    assert_non_null(type);
    return type;
}

static wire_reader reader(const buffer *b) {
    return wire_open(buffer_bytes(b), "f.pb", NULL);
}

/* ---- schemas */

static void messages_are_found_by_name(void **state) {
    (void)state;
    for (size_t i = 0; schema_at(i); i++) {
        assert_ptr_equal(schema_find(bytes_of(schema_at(i)->name)), schema_at(i));
        if (i) assert_true(strcmp(schema_at(i - 1)->name, schema_at(i)->name) < 0);
    }
    assert_null(schema_find(bytes_of("tensorflow.Nothing")));
    assert_ptr_equal(schema_of_url(bytes_of("type.googleapis.com/tensorflow.NodeDef")),
                     type_named("tensorflow.NodeDef"));
    assert_null(schema_of_url(bytes_of("tensorflow.NodeDef")));
}

/* The rest of the program takes SomethingEntry for the entry of a map, as the compiler names it. */
static void check_schema_file(const char *name) {
    char path[512], line[512], package[128] = "", message[128];
    snprintf(path, sizeof path, "%s/src/proto/schema/%s.proto", SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        sscanf(line, "package %127[^;];", package);
        if (sscanf(line, " message %127s", message) != 1) continue;
        size_t n = strlen(message);
        if (n > 5 && strcmp(message + n - 5, "Entry") == 0) fail_msg("%s is called as the entry of a map", message);
        char full[300];
        snprintf(full, sizeof full, "%s.%s", package, message);
        if (line[0] == 'm' && !schema_find(bytes_of(full))) fail_msg("%s is not in the table", full);
    }
    fclose(f);
}

static void the_table_holds_every_schema(void **state) {
    (void)state;
    static const char *const files[] = {"checkpoint", "chunk",        "debug_info",  "example",   "google",
                                        "graph",      "object_graph", "saved_model", "structure", "tensor"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) check_schema_file(files[i]);
    for (size_t i = 0; schema_at(i); i++) {
        assert_false(message_is_entry(schema_at(i)));
        for (unsigned k = 0; k < schema_at(i)->n_fields; k++) {
            const field_type *field = &schema_at(i)->fields[k];
            if (field->type != PROTOBUF_C_TYPE_MESSAGE || field_is_map(field)) continue;
            assert_ptr_equal(schema_find(bytes_of(field_message(field)->name)), field_message(field));
        }
    }
}

static void fields_know_what_they_are(void **state) {
    (void)state;
    char text[FIELD_NAME_TEXT];
    const message_type *node = type_named("tensorflow.NodeDef"), *attr = type_named("tensorflow.AttrValue");
    const field_type *map = message_field(node, bytes_of("attr")), *info;
    info = message_field(node, bytes_of("experimental_debug_info"));
    assert_true(field_is_map(map) && !field_is_map(message_field(node, bytes_of("input"))));
    assert_string_equal(field_json_name(info, text), "experimentalDebugInfo");
    assert_ptr_equal(message_json_field(node, bytes_of("experimentalDebugInfo")), info);
    assert_ptr_equal(message_json_field(node, bytes_of("experimental_debug_info")), info);
    assert_null(message_json_field(node, bytes_of("experimental")));
    assert_true(field_has_presence(message_field(attr, bytes_of("i"))));
    assert_false(field_has_presence(message_field(node, bytes_of("name"))));
    assert_int_equal(field_oneof(&attr->fields[0]), field_oneof(&attr->fields[5]));
    assert_int_equal(field_oneof(&node->fields[0]), 0);
    const message_type *line = type_named("tensorflow.GraphDebugInfo.FileLineCol");
    assert_true(field_has_presence(&line->fields[0])); /* proto2 */
}

/* ---- checking and structs */

static void what_does_not_fit_the_schema_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *type;
        bytes message;
        inlay_status status;
        const char *what;
    } cases[] = {
        {"tensorflow.NodeDef", RAW("\x0a\x02\xc3\x28"), INLAY_DATA_LOSS, "UTF-8"},
        {"tensorflow.NodeDef", RAW("\x08\x01"), INLAY_DATA_LOSS, "wire type"},
        {"tensorflow.NodeDef", RAW("\x2a\x02\x12\x05"), INLAY_DATA_LOSS, "beyond the end"},
        {"tensorflow.TensorShapeProto", RAW("\x12\x02\x08\x80"), INLAY_DATA_LOSS, "cut"},
        {"tensorflow.VersionDef", RAW("\x1a\x01\x80"), INLAY_DATA_LOSS, "cut"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        wire_reader r = wire_open(cases[i].message, "f.pb", NULL);
        assert_status(cases[i].status, message_check(r, type_named(cases[i].type), NULL, &err), &err);
        assert_contains(err.message, cases[i].what);
    }
}

/* StructuredValue{list_value 51 {values 1 {…}}}, DEPTH values deep. */
static buffer nested(int depth) {
    buffer b = {0};
    for (int i = 0; i < depth; i++) {
        buffer list = {0}, outer = {0};
        wire_put_message(&list, 1, &b);
        wire_put_message(&outer, 51, &list);
        buffer_free(&b);
        buffer_free(&list);
        b = outer;
    }
    return b;
}

static void nesting_and_numbers_are_limited(void **state) {
    (void)state;
    inlay_error err;
    const message_type *type = type_named("tensorflow.StructuredValue");
    buffer good = nested(49), bad = nested(50), out = {0};
    assert_ok(message_check(reader(&good), type, NULL, &err), &err);
    assert_ok(text_print(reader(&good), type, NULL, &out, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, message_check(reader(&bad), type, NULL, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, text_print(reader(&bad), type, NULL, &out, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, json_print(reader(&bad), type, &out, &err), &err);
    assert_status(INLAY_RESOURCE_EXHAUSTED, message_canonical(reader(&bad), type, &out, &err), &err);
    message_limits few = {.messages = 98};
    assert_status(INLAY_RESOURCE_EXHAUSTED, message_check(reader(&good), type, &few, &err), &err);
    buffer_clear(&out);
    text_options small = {.limit = 1000};
    assert_status(INLAY_RESOURCE_EXHAUSTED, text_print(reader(&good), type, &small, &out, &err), &err);
    buffer_free(&good);
    buffer_free(&bad);
    buffer_free(&out);
}

static void structs_are_unpacked_within_a_limit(void **state) {
    (void)state;
    inlay_error err;
    arena a;
    ProtobufCMessage *message;
    const message_type *type = type_named("tensorflow.NodeDef");
    buffer b = {0}, out = {0};
    wire_put_text(&b, 1, "x");
    wire_put_text(&b, 2, "Const");
    for (int i = 0; i < 1000; i++) wire_put_text(&b, 3, "y");
    arena_init(&a, 1 << 20);
    assert_ok(message_unpack(reader(&b), type, &a, &message, &err), &err);
    const Tensorflow__NodeDef *node = (const Tensorflow__NodeDef *)message;
    assert_string_equal(node->op, "Const");
    assert_int_equal(node->n_input, 1000);
    message_pack(message, &out);
    assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&b)));
    arena_free(&a);
    arena_init(&a, 8192);
    assert_status(INLAY_RESOURCE_EXHAUSTED, message_unpack(reader(&b), type, &a, &message, &err), &err);
    assert_null(message);
    arena_free(&a);
    wire_put_bytes(&b, 4, BYTES("a\0b"));
    assert_status(INLAY_DATA_LOSS, message_unpack(reader(&b), type, &a, &message, &err), &err);
    assert_contains(err.message, "zero byte");
    buffer_clear(&b);
    buffer_append(&b, "\xfb\x3e\xfc\x3e", 4);
    assert_status(INLAY_UNIMPLEMENTED, message_unpack(reader(&b), type, &a, &message, &err), &err);
    arena_free(&a);
    buffer_free(&b);
    buffer_free(&out);
}

/* ---- forms; the oracle tests compare far more of them with Python's */

typedef struct form {
    const char *type, *text, *json;
    bytes canonical;
} form;

static const form forms[] = {
    {"tensorflow.VersionDef", "producer: 7\nbad_consumers: 1\nbad_consumers: 2\n",
     "{\n  \"producer\": 7,\n  \"badConsumers\": [\n    1,\n    2\n  ]\n}\n", RAW("\x08\x07\x1a\x02\x01\x02")},
    {"tensorflow.AttrValue", "f: 0.1\n", "{\n  \"f\": 0.1\n}\n", RAW("\x25\xcd\xcc\xcc\x3d")},
    {"tensorflow.AttrValue", "b: false\n", "{\n  \"b\": false\n}\n", RAW("\x28\x00")},
    {"tensorflow.AttrValue", "type: DT_HALF\n", "{\n  \"type\": \"DT_HALF\"\n}\n", RAW("\x30\x13")},
    {"tensorflow.AttrValue", "type: 999\n", "{\n  \"type\": 999\n}\n", RAW("\x30\xe7\x07")},
    {"tensorflow.AttrValue", "i: -1\n", "{\n  \"i\": \"-1\"\n}\n", RAW("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
    {"tensorflow.AttrValue", "s: \"\\000\\377\\n\\\"\"\n", "{\n  \"s\": \"AP8KIg==\"\n}\n", RAW("\x12\x04\0\xff\n\"")},
    {"tensorflow.NodeDef", "name: \"z\xc3\xb6\\n\"\n", "{\n  \"name\": \"z\xc3\xb6\\n\"\n}\n",
     RAW("\x0a\x04z\xc3\xb6\n")},
    {"tensorflow.FunctionDef",
     "ret {\n  key: \"a\"\n  value: \"1\"\n}\nret {\n  key: \"b\"\n}\nresource_arg_unique_id {\n  value: 5\n}\n",
     "{\n  \"ret\": {\n    \"a\": \"1\",\n    \"b\": \"\"\n  },\n  \"resourceArgUniqueId\": {\n    \"0\": 5\n  }\n}\n",
     RAW("\x22\x06\x0a\x01"
         "a\x12\x01"
         "1\x22\x05\x0a\x01"
         "b\x12\x00\x42\x04\x08\x00\x10\x05")},
    {"tensorflow.CollectionDef.AnyList", "value {\n  [t/tensorflow.VersionDef] {\n    producer: 1\n  }\n}\n",
     "{\n  \"value\": [\n    {\n      \"@type\": \"t/tensorflow.VersionDef\",\n      \"producer\": 1\n    }\n  ]\n}\n",
     RAW("\x0a\x1d\x0a\x17t/tensorflow.VersionDef\x12\x02\x08\x01")},
    {"tensorflow.TrackableObjectGraph.TrackableObject", "has_checkpoint_values {\n  value: true\n}\n",
     "{\n  \"hasCheckpointValues\": true\n}\n", RAW("\x2a\x02\x08\x01")},
    {"tensorflow.StructuredValue", "float64_value: inf\n", "{\n  \"float64Value\": \"Infinity\"\n}\n",
     RAW("\x59\0\0\0\0\0\0\xf0\x7f")},
    {"tensorflow.StructuredValue", "int64_value: -3\n", "{\n  \"int64Value\": \"-3\"\n}\n", RAW("\x60\x05")},
    {"tensorflow.NodeDef", "", "{}\n", {0}},
};

static void assert_text(const buffer *got, const char *wanted) {
    if (!bytes_is(buffer_bytes(got), wanted))
        fail_msg("\"%.*s\" is not \"%s\"", (int)got->size, (const char *)got->data, wanted);
}

static void each_form_becomes_each_other(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        inlay_error err;
        const message_type *type = type_named(forms[i].type);
        buffer wire[3] = {{0}}, out = {0};
        buffer_append_bytes(&wire[0], forms[i].canonical);
        assert_ok(text_parse(bytes_of(forms[i].text), NULL, type, &wire[1], &err), &err);
        assert_ok(json_parse(bytes_of(forms[i].json), NULL, type, &wire[2], &err), &err);
        for (int k = 0; k < 3; k++) {
            buffer_clear(&out);
            assert_ok(message_canonical(reader(&wire[k]), type, &out, &err), &err);
            assert_true(bytes_equal(buffer_bytes(&out), forms[i].canonical));
            buffer_clear(&out);
            assert_ok(text_print(reader(&wire[k]), type, NULL, &out, &err), &err);
            assert_text(&out, forms[i].text);
            buffer_clear(&out);
            assert_ok(json_print(reader(&wire[k]), type, &out, &err), &err);
            assert_text(&out, forms[i].json);
            buffer_free(&wire[k]);
        }
        buffer_free(&out);
    }
}

static void bad_json_is_refused_where_it_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *type, *json, *where;
    } cases[] = {
        {"NodeDef", "", "1:1"},
        {"NodeDef", "[]", "1:1"},
        {"NodeDef", "{\"name\": \"a\",}", "1:14"},
        {"NodeDef", "{\"name\": \"a\"} x", "1:15"},
        {"NodeDef", "{\n  \"nme\": 1}", "2:3"},
        {"NodeDef", "{\"name\": 1}", "1:10"},
        {"NodeDef", "{\"name\": \"a\", \"name\": \"b\"}", "1:15"},
        {"NodeDef", "{\"name\": \"\\x\"}", "1:11"},
        {"NodeDef", "{\"name\": \"\\ud800\"}", "1:11"},
        {"NodeDef", "{\"name\": \"a", "1:10"},
        {"NodeDef", "{\"name\": \"a\nb\"}", "1:12"},
        {"NodeDef", "{\"name\": \"\xff\"}", "1:10"},
        {"NodeDef", "{\"input\": \"a\"}", "1:11"},
        {"NodeDef", "{\"input\": [null]}", "1:12"},
        {"NodeDef", "{\"attr\": [1]}", "1:10"},
        {"AttrValue", "{\"i\": 1, \"f\": 2}", "1:10"},
        {"AttrValue", "{\"i\": 1.5}", "1:7"},
        {"AttrValue", "{\"i\": 9223372036854775808}", "1:7"},
        {"AttrValue", "{\"i\": 01}", "1:7"},
        {"AttrValue", "{\"i\": true}", "1:7"},
        {"AttrValue", "{\"b\": 1}", "1:7"},
        {"AttrValue", "{\"b\": tru}", "1:7"},
        {"AttrValue", "{\"f\": 1e39}", "1:7"},
        {"AttrValue", "{\"f\": \"nan\"}", "1:7"},
        {"AttrValue", "{\"s\": \"?\"}", "1:7"},
        {"AttrValue", "{\"s\": \"AAAAA\"}", "1:7"},
        {"AttrValue", "{\"type\": \"DT_NONE\"}", "1:10"},
        {"VersionDef", "{\"producer\": 2147483648}", "1:14"},
        {"CollectionDef", "{\"anyList\": {\"value\": [{\"x\": 1}]}}", "1:24"},
        {"CollectionDef", "{\"anyList\": {\"value\": [{\"@type\": \"a/b\"}]}}", "1:34"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        char name[64], where[32];
        buffer out = {0};
        snprintf(name, sizeof name, "tensorflow.%s", cases[i].type);
        snprintf(where, sizeof where, "f.json: %s: ", cases[i].where);
        assert_status(INLAY_INVALID_ARGUMENT,
                      json_parse(bytes_of(cases[i].json), "f.json", type_named(name), &out, &err), &err);
        assert_contains(err.message, where);
        buffer_free(&out);
    }
}

static void json_is_read_in_other_spellings(void **state) {
    (void)state;
    static const struct {
        const char *type, *json, *text;
    } cases[] = {
        {"VersionDef", " { \"producer\" : \"5\" , \"min_consumer\" : 1e1 , \"badConsumers\" : null } ",
         "producer: 5\nmin_consumer: 10\n"},
        {"AttrValue", "{\"s\": \"_-8\"}", "s: \"\\377\\357\"\n"},
        {"AttrValue", "{\"i\": -9223372036854775808}", "i: -9223372036854775808\n"},
        {"AttrValue", "{\"type\": 19}", "type: DT_HALF\n"},
        {"AttrValue", "{\"i\": null, \"f\": \"-Infinity\"}", "f: -inf\n"},
        {"NodeDef", "{\"name\": \"\\u00f6\\ud83d\\ude00\\/\"}", "name: \"\xc3\xb6\xf0\x9f\x98\x80/\"\n"},
        {"GraphDebugInfo", "{\"nameToTraceId\": {\"a\": 18446744073709551615}, \"framesById\": {\"7\": {}}}",
         "frames_by_id {\n  key: 7\n  value {\n  }\n}\nname_to_trace_id {\n  key: \"a\"\n  value: "
         "18446744073709551615\n}\n"},
        {"CollectionDef.AnyList", "{\"value\": [{\"value\": true, \"@type\": \"x/google.protobuf.BoolValue\"}, {}]}",
         "value {\n  [x/google.protobuf.BoolValue] {\n    value: true\n  }\n}\nvalue {\n}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        char name[64];
        buffer wire = {0}, out = {0};
        snprintf(name, sizeof name, "tensorflow.%s", cases[i].type);
        assert_ok(json_parse(bytes_of(cases[i].json), NULL, type_named(name), &wire, &err), &err);
        assert_ok(text_print(reader(&wire), type_named(name), NULL, &out, &err), &err);
        assert_text(&out, cases[i].text);
        buffer_free(&wire);
        buffer_free(&out);
    }
}

static void text_is_read_in_other_spellings(void **state) {
    (void)state;
    static const struct {
        const char *type, *text, *printed;
    } cases[] = {
        {"NodeDef", "name:'a'\"b\" # note\n input: ['x', \"y\"]; attr < key: 'k' >",
         "name: \"ab\"\ninput: \"x\"\ninput: \"y\"\nattr {\n  key: \"k\"\n  value {\n  }\n}\n"},
        {"NodeDef", "name: '\\x41\\101\\u00f6\\ud83d\\ude00\\?'", "name: \"AA\xc3\xb6\xf0\x9f\x98\x80?\"\n"},
        {"AttrValue.ListValue", "i: 0x10 i: [010, -5] f: [1f, .5, -inf, 1e400]",
         "i: 16\ni: 8\ni: -5\nf: 1.0\nf: 0.5\nf: -inf\nf: inf\n"},
        {"AttrValue.ListValue", "b: [t, False, 1] type: [DT_FLOAT, 2]",
         "b: true\nb: false\nb: true\ntype: DT_FLOAT\ntype: DT_DOUBLE\n"},
        {"StructuredValue", "int64_value: -9223372036854775808", "int64_value: -9223372036854775808\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        char name[64];
        buffer wire = {0}, out = {0};
        snprintf(name, sizeof name, "tensorflow.%s", cases[i].type);
        assert_ok(text_parse(bytes_of(cases[i].text), NULL, type_named(name), &wire, &err), &err);
        assert_ok(text_print(reader(&wire), type_named(name), NULL, &out, &err), &err);
        assert_text(&out, cases[i].printed);
        buffer_free(&wire);
        buffer_free(&out);
    }
}

static void bad_text_is_refused_where_it_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *type, *text, *where;
    } cases[] = {
        {"NodeDef", "nme: 'x'", "1:1"},
        {"NodeDef", "name: 'x'\n  name: 'y'", "2:3"},
        {"NodeDef", "name 'x'", "1:6"},
        {"NodeDef", "name: 5", "1:7"},
        {"NodeDef", "name: 'abc", "1:7"},
        {"NodeDef", "name: '\\q'", "1:8"},
        {"NodeDef", "name: '\\777'", "1:8"},
        {"NodeDef", "name: '\\ud800'", "1:8"},
        {"NodeDef", "name: '\\xff'", "1:7"},
        {"NodeDef", "attr { key: 'a'", "1:16"},
        {"NodeDef", "attr { key: 'a' >", "1:17"},
        {"NodeDef", "[ext] { }", "1:1"},
        {"AttrValue", "i: 1 f: 2", "1:6"},
        {"AttrValue", "type: DT_NONE", "1:7"},
        {"AttrValue", "b: maybe", "1:4"},
        {"AttrValue", "f: 01.5", "1:4"},
        {"VersionDef", "producer: 2147483648", "1:11"},
        {"VersionDef", "bad_consumers: [1 2]", "1:19"},
        {"CollectionDef", "any_list { value { [x/y.Z] {} } }", "1:21"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        char name[64], where[32];
        buffer out = {0};
        snprintf(name, sizeof name, "tensorflow.%s", cases[i].type);
        snprintf(where, sizeof where, "f.pbtxt: %s: ", cases[i].where);
        assert_status(INLAY_INVALID_ARGUMENT,
                      text_parse(bytes_of(cases[i].text), "f.pbtxt", type_named(name), &out, &err), &err);
        assert_contains(err.message, where);
        buffer_free(&out);
    }
}

static void pieces_are_put_together_and_the_last_wins(void **state) {
    (void)state;
    static const struct {
        const char *type;
        bytes message, canonical;
    } cases[] = {
        {"VersionDef", RAW("\x08\x05\x08\x07"), RAW("\x08\x07")},
        {"VersionDef", RAW("\x08\x05\x08\x00"), {0}},
        {"VersionDef", RAW("\x18\x05\x1a\x02\x01\x02\x18\x00"), RAW("\x1a\x04\x05\x01\x02\x00")},
        {"VersionDef", RAW("\x1a\x00"), {0}},
        {"VersionDef", RAW("\xf8\x80\x00\x01\x08\x01"),
         RAW("\x08\x01\x78\x01")}, /* unknown, in more bytes than needed */
        {"AttrValue", RAW("\x18\x05\x28\x01"), RAW("\x28\x01")},
        {"AttrValue", RAW("\x0a\x02\x18\x01\x0a\x02\x18\x02"), RAW("\x0a\x04\x1a\x02\x01\x02")},
        {"AttrValue", RAW("\x0a\x02\x18\x01\x28\x01\x0a\x02\x18\x02"), RAW("\x0a\x03\x1a\x01\x02")},
        {"GraphDef", RAW("\x22\x02\x08\x01\x22\x02\x10\x02"), RAW("\x22\x04\x08\x01\x10\x02")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        inlay_error err;
        char name[64];
        buffer out = {0};
        snprintf(name, sizeof name, "tensorflow.%s", cases[i].type);
        assert_ok(message_canonical(wire_open(cases[i].message, NULL, NULL), type_named(name), &out, &err), &err);
        if (!bytes_equal(buffer_bytes(&out), cases[i].canonical)) fail_msg("case %zu", i);
        buffer_free(&out);
    }
}

/* A parser takes no field by number, so the content stays as it is. */
static void an_any_with_unknown_fields_is_printed_as_bytes(void **state) {
    (void)state;
    static const bytes list = RAW("\x0a\x1d\x0a\x17t/tensorflow.VersionDef\x12\x02\x60\x01");
    const message_type *type = type_named("tensorflow.CollectionDef.AnyList");
    inlay_error err;
    buffer wire = {0}, text = {0}, again = {0};
    buffer_append_bytes(&wire, list);
    assert_ok(text_print(reader(&wire), type, NULL, &text, &err), &err);
    assert_text(&text, "value {\n  type_url: \"t/tensorflow.VersionDef\"\n  value: \"`\\001\"\n}\n");
    assert_ok(text_parse(buffer_bytes(&text), NULL, type, &again, &err), &err);
    assert_true(bytes_equal(buffer_bytes(&again), list));
    buffer_free(&wire);
    buffer_free(&text);
    buffer_free(&again);
}

static void unknown_fields_are_printed_by_number(void **state) {
    (void)state;
    inlay_error err;
    buffer out = {0};
    const message_type *type = type_named("tensorflow.VersionDef");
    wire_reader r = wire_open(BYTES("\x28\x05\x08\x01\x32\x03"
                                    "abc\x32\x02\x08\x01\x3d\x01\x00\x00\x00\x43\x08\x01\x44"),
                              NULL, NULL);
    assert_ok(text_print(r, type, NULL, &out, &err), &err);
    assert_text(&out, "producer: 1\n5: 5\n6: \"abc\"\n6 {\n  1: 1\n}\n7: 1\n8 {\n  1: 1\n}\n");
    text_options hidden = {.hide_unknown = true};
    buffer_clear(&out);
    assert_ok(text_print(r, type, &hidden, &out, &err), &err);
    assert_text(&out, "producer: 1\n");
    buffer_clear(&out);
    assert_ok(json_print(r, type, &out, &err), &err);
    assert_text(&out, "{\n  \"producer\": 1\n}\n");
    buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_found_by_name),
        cmocka_unit_test(the_table_holds_every_schema),
        cmocka_unit_test(fields_know_what_they_are),
        cmocka_unit_test(what_does_not_fit_the_schema_is_refused),
        cmocka_unit_test(nesting_and_numbers_are_limited),
        cmocka_unit_test(structs_are_unpacked_within_a_limit),
        cmocka_unit_test(each_form_becomes_each_other),
        cmocka_unit_test(bad_json_is_refused_where_it_is_wrong),
        cmocka_unit_test(json_is_read_in_other_spellings),
        cmocka_unit_test(text_is_read_in_other_spellings),
        cmocka_unit_test(bad_text_is_refused_where_it_is_wrong),
        cmocka_unit_test(pieces_are_put_together_and_the_last_wins),
        cmocka_unit_test(an_any_with_unknown_fields_is_printed_as_bytes),
        cmocka_unit_test(unknown_fields_are_printed_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
