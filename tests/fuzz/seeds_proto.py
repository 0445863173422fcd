#!/usr/bin/env python3
"""Makes the fuzz seeds of protobuf forms and SavedModels under tests/fuzz/corpus/. Needs TensorFlow (tools/venv.sh)."""

import pathlib
import shutil

import numpy as np
import tensorflow as tf
from google.protobuf import json_format, text_format
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import attr_value_pb2, function_pb2, graph_debug_info_pb2, graph_pb2, node_def_pb2, tensor_pb2
from tensorflow.core.protobuf import (fingerprint_pb2, meta_graph_pb2, saved_model_pb2, saved_object_graph_pb2, struct_pb2,
                                      trackable_object_graph_pb2)
from tensorflow.python.training import checkpoint_state_pb2

CORPUS = pathlib.Path(__file__).parent / "corpus"
TYPES = ["SavedModel", "GraphDef", "NodeDef", "AttrValue", "TensorProto", "MetaGraphDef", "StructuredValue", "SavedObjectGraph",
         "GraphDebugInfo", "CollectionDef", "FunctionDef", "Example", "CheckpointState", "FingerprintDef", "Any",
         "TrackableObjectGraph"]  # as in proto_types.h


def write(target, seeds):
    folder = CORPUS / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def tensors():
    values = {
        "floats": tf.make_tensor_proto([1.5, -2.0, float("inf")]), "ints": tf.make_tensor_proto([[1, 2], [3, 4]], tf.int64),
        "strings": tf.make_tensor_proto(["a", "", "zw\u00f6lf"]), "bools": tf.make_tensor_proto([True, False]),
        "halves": tf.make_tensor_proto(np.float16([1, 2])), "complex": tf.make_tensor_proto(np.complex64([1 + 2j])),
        "splat": tf.make_tensor_proto(0.5, shape=[3, 4]),
        "typed": tensor_pb2.TensorProto(dtype=8, scomplex_val=[1, 2, 3, 4], tensor_shape={"dim": [{"size": 3}]}),
        "half_list": tensor_pb2.TensorProto(dtype=19, half_val=[1, 65535], tensor_shape={"dim": [{"size": 5}]}),
        "float8": tensor_pb2.TensorProto(dtype=24, float8_val=b"ab", tensor_shape={"dim": [{"size": 2}]}),
        "huge": tensor_pb2.TensorProto(dtype=1, tensor_shape={"dim": [{"size": 1 << 40}, {"size": 1 << 40}]}),
        "unknown": tensor_pb2.TensorProto(dtype=7, tensor_shape={"unknown_rank": True}),
        "string_content": tensor_pb2.TensorProto(dtype=7, tensor_content=b"\1\2abc", tensor_shape={"dim": [{"size": 2}]}),
        "uint64": tensor_pb2.TensorProto(dtype=23, uint64_val=[1 << 63], tensor_shape={"dim": [{"size": 2}]}),
    }
    return values


def signature():
    s = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    s.inputs["x"].CopyFrom(meta_graph_pb2.TensorInfo(name="x:0", dtype=1, tensor_shape={"dim": [{"size": -1}, {"size": 3}]}))
    s.inputs["sparse"].coo_sparse.values_tensor_name = "v:0"
    s.outputs["y"].composite_tensor.components.add(name="y:0", dtype=101)
    s.outputs["y"].composite_tensor.type_spec.type_spec_class = 3
    s.defaults["x"].CopyFrom(tf.make_tensor_proto(1.0))
    return s


def node():
    n = node_def_pb2.NodeDef(name="call", op="StatefulPartitionedCall", input=["x", "^init"])
    n.attr["f"].func.name = "__inference_f_12"
    n.attr["config_proto"].s = b"\x08\x01"
    n.attr["Tin"].list.type.extend([1, 20])
    n.attr["_output_shapes"].list.shape.add().unknown_rank = True
    return n


def function():
    f = function_pb2.FunctionDef()
    f.signature.name = "__inference_f_12"
    f.signature.input_arg.add(name="x", type=1)
    f.node_def.add(name="y", op="Identity", input=["x"])
    f.ret["y"] = "y:output:0"
    f.arg_attr[0].attr["_user_specified_name"].s = b"x"
    f.resource_arg_unique_id[3] = 0
    return f


def graph():
    g = graph_pb2.GraphDef(node=[node(), node_def_pb2.NodeDef(name="x", op="Placeholder")])
    c = g.node.add(name="c", op="Const")
    c.attr["dtype"].type = 7
    c.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("text"))
    g.library.function.append(function())
    g.versions.producer = 2474
    return g


def objects():
    o = saved_object_graph_pb2.SavedObjectGraph()
    root = o.nodes.add()
    root.user_object.identifier = "_generic_user_object"
    root.children.add(node_id=1, local_name="v")
    o.nodes.add().variable.dtype = 1
    o.nodes.add().function.concrete_functions.append("__inference_f_12")
    o.concrete_functions["__inference_f_12"].bound_inputs.append(1)
    o.concrete_functions["__inference_g_7"].output_signature.none_value.SetInParent()
    return o


def structured():
    s = struct_pb2.StructuredValue()
    s.dict_value.fields["a"].int64_value = -5
    s.dict_value.fields["b"].tuple_value.values.add().float64_value = 1e-320
    s.dict_value.fields["c"].tensor_spec_value.name = "x"
    return s


def metagraph(*tags):
    m = meta_graph_pb2.MetaGraphDef(graph_def=graph(), object_graph_def=objects())
    m.meta_info_def.tags.extend(tags)
    m.meta_info_def.tensorflow_version = "2.21.0"
    m.meta_info_def.function_aliases["__inference_f_12"] = "f"
    m.saver_def.filename_tensor_name = "saver_filename:0"
    m.saver_def.restore_op_name = "restore"
    m.collection_def["saved_model_main_op"].node_list.value.append("init")
    m.collection_def["saved_model_assets"].any_list.value.add().Pack(meta_graph_pb2.AssetFileDef(filename="words.txt"))
    m.signature_def["serving_default"].CopyFrom(signature())
    m.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"].name = "init"
    m.asset_file_def.add(filename="words.txt").tensor_info.name = "asset:0"
    m.asset_file_def.add(filename="../x")
    return m


def messages():
    collection = meta_graph_pb2.CollectionDef()
    for inner in (meta_graph_pb2.AssetFileDef(filename="a"), tensors()["floats"]):
        collection.any_list.value.add().Pack(inner)
    collection.any_list.value.add(type_url="x/unknown.Type", value=b"\xff")
    debug = graph_debug_info_pb2.GraphDebugInfo(files=["a.py"])
    debug.name_to_trace_id["n"] = 0
    debug.traces_by_id[1 << 63].frame_id.extend([1, 2])
    debug.frames_by_id[1].line = 0
    example = example_pb2.Example()
    example.features.feature["f"].float_list.value.extend([1.5, float("nan")])
    example.features.feature["b"].bytes_list.value.append(b"\0\xff")
    example.features.feature["i"].int64_list.value.extend([-1, 1 << 62])
    tracked = trackable_object_graph_pb2.TrackableObjectGraph()
    tracked.nodes.add().attributes.add(name="VARIABLE_VALUE", checkpoint_key="v/.ATTRIBUTES/VARIABLE_VALUE")
    tracked.nodes.add().has_checkpoint_values.value = True
    attr = attr_value_pb2.AttrValue()
    attr.list.f.extend([0.1, -0.0, 3e38])
    attr.list.b.extend([True, False])
    attr.list.s.append(b"quote\"'\\\n\x01")
    attr.list.type.extend([1, 999])
    found = [saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[metagraph("serve")]), graph(), node(), attr,
             *tensors().values(), metagraph("serve", "gpu"), structured(), objects(), debug, collection, function(), example,
             checkpoint_state_pb2.CheckpointState(model_checkpoint_path="ckpt-1", all_model_checkpoint_timestamps=[1.5]),
             fingerprint_pb2.FingerprintDef(saved_model_checksum=(1 << 64) - 1, uuid="7"), collection.any_list.value[0], tracked]
    for i, message in enumerate(found):
        yield f"{i:02d}-{message.DESCRIPTOR.name}", bytes([TYPES.index(message.DESCRIPTOR.name)]), message


def odd_text():
    """What printers do not write and parsers must read, or refuse."""
    first = bytes([TYPES.index("NodeDef")])
    return {
        "odd-lists": first + b"input: ['a', \"b\" 'c'] # note\n"
                     b"attr < key: 'k' value { list { i: [1, 0x10, 010] f: [1f, inf, -nan] } } >;",
        "odd-escapes": first + rb"name: '\a\101\x41\u20ac\ud83d\ude00\U0001f600\?' op: '\q'",
        "odd-any": bytes([TYPES.index("CollectionDef")]) +
                   b"any_list { value { [type.googleapis.com/ tensorflow.VersionDef]: < > } }",
        "odd-any-unknown": bytes([TYPES.index("CollectionDef")]) +
                           rb"any_list { value { type_url: 't/tensorflow.VersionDef' value: '`\18' } }",
        "odd-deep": bytes([TYPES.index("StructuredValue")]) + b"list_value{values{" * 60,
        "odd-twice": first + b"name: 'a' name: 'b'",
        "odd-unknown": first + b"nme: 1",
    }


def odd_json():
    first = bytes([TYPES.index("NodeDef")])
    return {
        "odd-names": first + b'{"name": "\\u0041\\ud83d\\ude00", "experimental_debug_info": null, '
                     b'"attr": {"k": {"list": {"f": ["NaN", "-Infinity", 1e3]}}}}',
        "odd-twice": first + b'{"name": "a", "name": "b"}',
        "odd-any": bytes([TYPES.index("Any")]) + b'{"value": {"@type": "x/google.protobuf.BoolValue", '
                   b'"value": true}, "@type": "x/google.protobuf.Any"}',
        "odd-tensor": bytes([TYPES.index("TensorProto")]) + b'{"dtype": 1, "tensorContent": "_-8", '
                      b'"uint64Val": [18446744073709551615, "1e3"]}',
        "odd-deep": bytes([TYPES.index("StructuredValue")]) + b'{"listValue":{"values":[' * 60,
    }


binary, text, json, wire = {}, odd_text(), odd_json(), {}
for name, first, message in messages():
    data = message.SerializeToString(deterministic=True)
    binary[name] = first + data
    text[name] = first + text_format.MessageToString(message).encode()
    wire[name] = bytes([8]) + data + bytes(range(8))
    try:
        json[name] = first + json_format.MessageToJson(message, indent=None, sort_keys=True).encode()
    except TypeError:
        pass  # an Any of unknown type
pieces = metagraph("serve").SerializeToString(deterministic=True)
binary["pieces"] = bytes([5]) + pieces + pieces
binary["unknown"] = bytes([2]) + bytes.fromhex("c03e05c23e03616263c53e01020304c13e0102030405060708c33e0801c43e")
binary["wrong-wire"] = bytes([2]) + b"\x08\x01\x2d\x01\x02\x03\x04"
for name in ("floats", "typed", "half_list", "string_content", "huge", "splat"):
    wire["tensor-" + name] = bytes([0]) + tensors()[name].SerializeToString()
model = saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[metagraph("serve"), metagraph("serve", "gpu")])
one = saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[metagraph("serve")])
data = one.SerializeToString(deterministic=True)
models = {
    "two": b"\0" + model.SerializeToString(deterministic=True), "one": b"\0" + data, "cut": b"\0" + data[:-9],
    "text": b"\1" + text_format.MessageToString(one).encode(), "frozen": b"\2" + graph().SerializeToString(deterministic=True),
    "meta": b"\3" + pieces, "meta-pieces": b"\3" + pieces + pieces, "empty": b"\0", "none": b"\0\x08\x01",
}
write("message", binary)
write("proto_text", text)
write("proto_json", json)
write("wire", wire)
write("saved_model", models)
