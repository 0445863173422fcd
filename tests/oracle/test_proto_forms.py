"""Text, JSON and canonical forms of messages against Python's protobuf: over real models and over random messages."""

import glob
import importlib
import json
import math
import os
import pathlib
import random
import re
import subprocess

import pytest
from google.protobuf import descriptor_pool, json_format, message_factory, text_format

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", ROOT / "build/debug"))
MODELS = ROOT.parent / "shared/models"
LARGEST = 1 << 20 if not os.environ.get("INLAY_FULL") else 64 << 20
SEED = int(os.environ.get("INLAY_SEED", "1"))

for module in ("core.protobuf.saved_model", "core.protobuf.queue_runner", "core.protobuf.tensor_bundle",
               "core.framework.variable", "core.protobuf.fingerprint", "core.example.example",
               "core.framework.graph_debug_info", "core.protobuf.struct", "core.util.saved_tensor_slice",
               "core.util.memmapped_file_system", "core.protobuf.trackable_object_graph",
               "python.training.checkpoint_state", "tools.proto_splitter.chunk"):
    try:
        importlib.import_module(f"tensorflow.{module}_pb2")
    except ImportError:
        pass  # not in the wheel: its messages are left out


def form(name, source, target, data, fails=False):
    done = subprocess.run([BUILD / "tests/proto_form", name, source, target], input=data, capture_output=True, check=False)
    if fails:
        assert done.returncode == 1, done.stdout[:500]
        return done.stderr.decode()
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def message_class(name):
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def known_types():
    names = subprocess.run([BUILD / "tests/proto_form"], capture_output=True, text=True, check=False).stdout.split()
    assert len(names) > 90
    for name in names:
        try:
            yield name, message_class(name)
        except KeyError:
            continue


def as_text(message):
    """Ours leaves nothing out of what Python prints; map order is by key in both."""
    return text_format.MessageToString(message)


def same(a, b):
    """NaN differs from itself: compare what is written."""
    return a.SerializeToString(deterministic=True) == b.SerializeToString(deterministic=True)


def has_number_keys(descriptor, seen=None):
    """Whether a map with numbers for keys is anywhere in such messages."""
    seen = set() if seen is None else seen
    if descriptor.full_name in seen:
        return False
    seen.add(descriptor.full_name)
    if descriptor.GetOptions().map_entry and descriptor.fields[0].type != 9:
        return True
    return any(field.message_type and has_number_keys(field.message_type, seen) for field in descriptor.fields)


def check_all_forms(name, cls, data):
    message = cls.FromString(data)
    text = form(name, "binary", "text", data).decode()
    assert text == as_text(message)
    assert same(cls.FromString(form(name, "text", "binary", text.encode())), message)
    canonical = form(name, "binary", "canonical", data)
    if not has_number_keys(cls.DESCRIPTOR):  # Python's order of those is its own
        assert canonical == message.SerializeToString(deterministic=True)
    assert same(cls.FromString(canonical), message)
    assert form(name, "binary", "canonical", canonical) == canonical
    js = form(name, "binary", "json", data)
    assert json.loads(js) == json.loads(json_format.MessageToJson(message))
    stripped = cls()
    json_format.Parse(js, stripped)
    assert same(cls.FromString(form(name, "json", "binary", js)), stripped)
    theirs = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
    assert same(cls.FromString(form(name, "json", "binary", theirs.encode())), stripped)


def model_files():
    for path in sorted(glob.glob(f"{MODELS}/**/*", recursive=True)):
        kind = {"saved_model.pb": "SavedModel", "fingerprint.pb": "FingerprintDef", "graph.pb": "GraphDef",
                "frozen.pb": "GraphDef"}.get(os.path.basename(path), "MetaGraphDef" if path.endswith(".meta") else None)
        if kind and os.path.isfile(path) and os.path.getsize(path) <= LARGEST:
            yield "tensorflow." + kind, path


FILES = list(model_files())
if not FILES:
    @pytest.mark.skip(reason=f"{MODELS} is not there")
    def test_models():
        pass
else:
    @pytest.mark.parametrize("name,path", FILES, ids=[os.path.relpath(path, MODELS) for _, path in FILES])
    def test_models(name, path):
        check_all_forms(name, message_class(name), pathlib.Path(path).read_bytes())


# ---- random messages

NUMBERS = {"int32": 32, "sint32": 32, "sfixed32": 32, "int64": 64, "sint64": 64, "sfixed64": 64}
TEXTS = ["", "a", "tensor:0", "zwölf €\U0001f600", "tab\tquote\" ' \\ \n\r\x00\x01\x7f", "\u0085\u2028", "x" * 300]
FLOATS = [0.0, -0.0, 1.0, 0.1, 1e-45, 3.4028235e38, 1e16, 123456.7, 1e-5, float("inf"), float("-inf"), float("nan"), 1 / 3]
KEYS = ["b", "a:0", "k1", "k2", "zwölf", "\x00"]  # none begins another: Python orders those in a way of its own
PACKED = ["tensorflow.AssetFileDef", "tensorflow.TensorShapeProto", "tensorflow.VersionDef", "google.protobuf.BoolValue"]


def random_scalar(rng, field):
    kinds = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool", 9: "string",
             12: "bytes", 13: "uint32", 14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64"}
    kind = kinds[field.type]
    if kind in ("double", "float"):
        value = rng.choice([*FLOATS, rng.uniform(-1e3, 1e3)])
        small = kind == "double" or not math.isfinite(value)
        return value if small else min(max(value, -3e38), 3e38)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "string":
        return rng.choice(TEXTS)
    if kind == "bytes":
        return rng.choice([b"", bytes(range(256)), rng.randbytes(rng.randrange(40)), b"\x08\x01"])
    if kind == "enum":
        return rng.choice([*[v.number for v in field.enum_type.values], 0, 12345])
    bits = NUMBERS.get(kind)
    if bits:
        return rng.choice([0, 1, -1, -(1 << bits - 1), (1 << bits - 1) - 1, rng.randrange(-100, 100)])
    return rng.choice([0, 1, (1 << (32 if "32" in kind else 64)) - 1, rng.randrange(1 << 20)])


def fill(rng, message, depth):
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        if rng.random() < 0.9:
            inner = message_class(rng.choice(PACKED))()
            fill(rng, inner, depth + 1)
            message.Pack(inner)
        return
    for field in message.DESCRIPTOR.fields:
        if rng.random() < (0.5 if depth < 3 else 0.85) or (field.message_type and depth > 6):
            continue
        entry = field.message_type and field.message_type.GetOptions().map_entry
        for _ in range(rng.randrange(1, 4) if field.is_repeated else 1):
            if entry:
                key, value = field.message_type.fields
                k = rng.choice(KEYS) if key.type == 9 else random_scalar(rng, key)
                if value.message_type:
                    target = getattr(message, field.name)[k]
                    target.SetInParent()
                    fill(rng, target, depth + 1)
                else:
                    getattr(message, field.name)[k] = random_scalar(rng, value)
            elif field.message_type:
                target = getattr(message, field.name)
                target = target.add() if field.is_repeated else target
                target.SetInParent()
                fill(rng, target, depth + 1)
            elif field.is_repeated:
                getattr(message, field.name).append(random_scalar(rng, field))
            else:
                setattr(message, field.name, random_scalar(rng, field))


TYPES = list(known_types())


@pytest.mark.parametrize("name,cls", TYPES, ids=[name for name, _ in TYPES])
def test_random_messages(name, cls):
    rng = random.Random(f"{SEED} {name}")
    for _ in range(20 if os.environ.get("INLAY_FULL") else 4):
        message = cls()
        fill(rng, message, 0)
        check_all_forms(name, cls, message.SerializeToString())


def test_schemas_are_those_of_tensorflow():
    """Names and numbers of all fields and enum values; the random messages prove the types."""
    ours = "\n".join(path.read_text() for path in sorted((ROOT / "src/proto/schema").glob("*.proto")))
    assert {"tensorflow.SavedModel", "tensorflow.GraphDebugInfo", "tensorflow.BundleEntryProto"} <= {name for name, _ in TYPES}
    missing = set()
    for name, cls in TYPES:
        for field in cls.DESCRIPTOR.fields:
            values = field.enum_type.values if field.enum_type else []
            for item in [field, *values]:
                if not re.search(rf"\b{item.name} = {item.number}\b", ours):
                    missing.add(f"{name}.{item.name} = {item.number}")
    assert not missing


# ---- what is not canonical

def tag(number, wire):
    return bytes([number << 3 | wire])


@pytest.mark.parametrize("name,data", [
    ("tensorflow.VersionDef", tag(1, 0) + b"\x05" + tag(1, 0) + b"\x07"),                        # the last wins
    ("tensorflow.VersionDef", tag(1, 0) + b"\x05" + tag(1, 0) + b"\x00"),                        # and may be zero
    ("tensorflow.VersionDef", tag(3, 0) + b"\x05" + tag(3, 2) + b"\x02\x01\x02"),                # packed and not
    ("tensorflow.VersionDef", tag(3, 2) + b"\x00"),                                              # nothing, packed
    ("tensorflow.VersionDef", tag(1, 0) + b"\xff\xff\xff\xff\x1f"),                              # wider than 32 bits
    ("tensorflow.AttrValue", tag(3, 0) + b"\x05" + tag(5, 0) + b"\x01"),                         # oneof: the last
    ("tensorflow.AttrValue", tag(1, 2) + b"\x02\x18\x01" + tag(5, 0) + b"\x01" + tag(1, 2) + b"\x02\x18\x02"),
    ("tensorflow.AttrValue", tag(1, 2) + b"\x02\x18\x01" + tag(1, 2) + b"\x02\x18\x02"),         # pieces of a message
    ("tensorflow.GraphDef", tag(4, 2) + b"\x02\x08\x01" + tag(4, 2) + b"\x02\x10\x02"),
    ("tensorflow.FunctionDef", b"".join(tag(4, 2) + b"\x06\x0a\x01" + k + b"\x12\x01" + k for k in (b"b", b"a", b"b", b"c"))),
    ("tensorflow.FunctionDef", tag(4, 2) + b"\x00" + tag(7, 2) + b"\x02\x08\x05" + tag(8, 2) + b"\x02\x10\x05"),
    ("tensorflow.NodeDef", tag(2, 2) + b"\x01o" + tag(1, 2) + b"\x01n"),                         # out of order
])
def test_odd_messages(name, data):
    check_all_forms(name, message_class(name), data)


def test_unknown_fields_stand_by_number_and_are_kept():
    data = bytes.fromhex("0801 c03e05 c23e03616263 c23e020801 c53e01020304 c13e0102030405060708 c33e0801c43e")
    message = message_class("tensorflow.VersionDef").FromString(data)
    assert form("tensorflow.VersionDef", "binary", "unknown", data).decode() == text_format.MessageToString(
        message, print_unknown_fields=True)
    assert form("tensorflow.VersionDef", "binary", "canonical", data) == message.SerializeToString(deterministic=True)
    wrong_wire = b"\x0a\x03abc\x10\x02"  # field 1 is a number
    message = message_class("tensorflow.VersionDef").FromString(wrong_wire)
    assert form("tensorflow.VersionDef", "binary", "unknown", wrong_wire).decode() == text_format.MessageToString(
        message, print_unknown_fields=True)


# ---- reading text that is not as printed

@pytest.mark.parametrize("name,text", [
    ("NodeDef", 'name: "a" op: \'b\' input: ["x", "y"] # comment\n attr: <key: "T"; value < type: DT_FLOAT >>,'),
    ("NodeDef", 'name:"a" "b"\n\'c\''),
    ("NodeDef", r'name: "\a\b\f\n\r\t\v\\\'\"\101\x41\u20ac\U0001f600"'),
    ("TensorProto", "dtype: 1 float_val: [1, 2.5, 1e3, .5, inf, -inf, nan, 1f, 2.F, -0] float_val: 3 int_val: [0x10, 010, -5]"),
    ("TensorProto", "dtype: DT_HALF bool_val: [true, t, 1, True, false, f, 0, False]\ntensor_shape {dim {size: -1} dim {}}"),
    ("VersionDef", "bad_consumers: [] producer: 2147483647 min_consumer: -2147483648"),
    ("CollectionDef", "any_list { value { [t.com/tensorflow.VersionDef] { producer: 1 } } value { type_url: 'x' } }"),
    ("GraphDebugInfo", "name_to_trace_id { key: 'a' } frames_by_id { key: 18446744073709551615 value { line: 0 } }"),
    ("StructuredValue", "int64_value: -9223372036854775808"),
    ("StructuredValue", "list_value { values { none_value {} } values { float64_value: 1e-320 } }"),
    ("GraphDef", ""),
    ("GraphDef", " # nothing but a comment"),
])
def test_text_is_read(name, text):
    cls = message_class("tensorflow." + name)
    ours = cls.FromString(form("tensorflow." + name, "text", "binary", text.encode()))
    assert same(ours, text_format.Parse(text, cls()))


@pytest.mark.parametrize("name,text,place", [
    ("NodeDef", "nme: 'x'", "1:1"),
    ("NodeDef", "name: 'x'\n  name: 'y'", "2:3"),
    ("NodeDef", "name 'x'", "1:6"),
    ("NodeDef", "name: 5", "1:7"),
    ("NodeDef", "name: 'abc", "1:7"),
    ("NodeDef", "attr { key: 'a'", "1:16"),
    ("NodeDef", "attr { key: 'a' >", "1:17"),
    ("NodeDef", r"name: '\xff'", "1:7"),
    ("AttrValue", "i: 1 f: 2", "1:6"),
    ("AttrValue", "type: DT_FLOOT", "1:7"),
    ("VersionDef", "producer: 2147483648", "1:11"),
    ("VersionDef", "producer: 1.5", "1:11"),
    ("VersionDef", "producer: -", "1:11"),
    ("VersionDef", "bad_consumers: [1 2]", "1:19"),
    ("VersionDef", "producer: [1]", "1:11"),
    ("GraphDebugInfo", "traces_by_id { key: -1 }", "1:21"),
    ("CollectionDef", "any_list { value { [type.googleapis.com/tensorflow.None] {} } }", "1:21"),
    ("TensorProto", "float_val: 01.5", "1:12"),
])
def test_bad_text_is_refused_where_it_is_wrong(name, text, place):
    with pytest.raises(text_format.ParseError):
        text_format.Parse(text, message_class("tensorflow." + name)())
    assert f": {place}: " in form("tensorflow." + name, "text", "binary", text.encode(), fails=True)


def test_nesting_ends_at_a_hundred():
    def nested(depth):
        return "list_value { values { " * depth + "} } " * depth
    form("tensorflow.StructuredValue", "text", "binary", nested(49).encode())
    assert "nested" in form("tensorflow.StructuredValue", "text", "binary", nested(50).encode(), fails=True)
