"""How the function behind a TF2 signature is found and called, and what is said of one that does not fit."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import fixtures
import loaders
from test_fuse import Fused

ROWS = 5
# Keys whose order as Python parameters (a_b, aZ, k, z) is not their order as text ("a-b" < "aZ"), and one after k.
KEYS = ("z", "aZ", "a-b")


class Model(tf.Module):
    def __init__(self):
        super().__init__()
        self.matrix = tf.Variable(fixtures.random_rows(4, fixtures.DIM, 60).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="z"), tf.TensorSpec([None, 4], tf.float32, name="aZ"),
                                  tf.TensorSpec([], tf.float32, name="a-b")])
    def serve(self, z, a, factor):
        return {"sum": z + 3 * a, "vectors": tf.matmul(z - factor * a, self.matrix)}


@pytest.fixture(scope="module", name="folder")
def saved(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("callee"))
    model = Model()
    tf.saved_model.save(model, folder, signatures=model.serve)
    return folder


def extractor(folder):
    random = np.random.default_rng(61)
    z, a = (random.standard_normal((ROWS, 4)).astype(np.float32) for _ in range(2))
    inputs = dict(zip(KEYS, (z, a, np.float32(0.5))))
    features = loaders.load_v2(folder, [("serving_default", inputs)])[0]["vectors"]
    return fixtures.Extractor("tf2", inputs, features, ["--feature", "vectors"], folder, feature="vectors")


class Edit:
    """A copy of a saved model whose messages a test changes."""

    def __init__(self, folder, tmp_path):
        self.folder = str(tmp_path / "edited")
        shutil.copytree(folder, self.folder)
        self.path = os.path.join(self.folder, "saved_model.pb")
        with open(self.path, "rb") as file:
            self.proto = saved_model_pb2.SavedModel.FromString(file.read())
        self.meta = self.proto.meta_graphs[0]
        name = next(n for n in self.meta.signature_def["serving_default"].outputs.values()).name.partition(":")[0]
        self.call = next(node for node in self.meta.graph_def.node if node.name == name)
        function = self.call.attr["f"].func.name
        self.function = next(f for f in self.meta.graph_def.library.function if f.signature.name == function)
        self.bare = next(node.bare_concrete_function for node in self.meta.object_graph_def.nodes
                         if node.bare_concrete_function.concrete_function_name == function)

    def save(self):
        with open(self.path, "wb") as file:
            file.write(self.proto.SerializeToString())
        return self.folder


def check(model, load_all):
    for load in load_all:
        model.check(load(model.folder, model.runs()))


def test_keys_whose_order_is_not_that_of_the_arguments(inlay, capi, cli, folder, tmp_path):
    assert list(Edit(folder, tmp_path).bare.argument_keywords) == ["aZ", "a-b", "z"]
    model = Fused(inlay, str(tmp_path), extractor(folder), fixtures.make_collection(str(tmp_path), (50,)), "cosine")
    check(model, (loaders.load_v2, loaders.load_v1, capi, cli))
    model.check_query(inlay, tmp_path)


def test_a_function_with_its_arguments_in_another_order(inlay, capi, folder, tmp_path):
    source = extractor(folder)
    edit = Edit(folder, tmp_path)
    order = (2, 0, 1)
    for list_of_arguments in (edit.function.signature.input_arg, edit.call.input, edit.call.attr["Tin"].list.type,
                              edit.bare.argument_keywords):
        old = [list_of_arguments[i] for i in order] + list(list_of_arguments[3:])
        del list_of_arguments[:]
        list_of_arguments.extend(old)
    source.path = edit.save()
    model = Fused(inlay, str(tmp_path), source, fixtures.make_collection(str(tmp_path), (50,)), "cosine")
    check(model, (loaders.load_v2, loaders.load_v1, capi))
    model.check_query(inlay, tmp_path)


def drop_keyword(edit):
    del edit.bare.argument_keywords[1]


def rename_keyword(edit):
    edit.bare.argument_keywords[0] = "other"


def repeat_keyword(edit):
    edit.bare.argument_keywords[1] = "aZ"


def swap_keywords(edit):
    edit.bare.argument_keywords[0], edit.bare.argument_keywords[2] = "z", "aZ"


def retype_argument(edit):
    edit.function.signature.input_arg[1].type = 9


def retype_output(edit):
    for argument in edit.function.signature.output_arg:
        argument.type = 9


def drop_argument(edit):
    del edit.function.signature.input_arg[0]


MISTAKES = [(drop_keyword, "2 argument keywords, its signature 3 inputs"), (rename_keyword, "argument other of .* is no input"),
            (repeat_keyword, "argument aZ of .* is there twice"), (swap_keywords, "argument z of .* is fed from input aZ"),
            (retype_argument, "argument a-b of .* is int64, its signature says float32"),
            (retype_output, "output vectors of .* is int64, its signature says float32"),
            (drop_argument, "takes 3 arguments, its signature and the object graph say 4")]


@pytest.mark.parametrize("change, message", MISTAKES, ids=lambda value: getattr(value, "__name__", None))
def test_what_does_not_fit_is_named(inlay, folder, tmp_path, change, message):
    edit = Edit(folder, tmp_path)
    change(edit)
    rows = fixtures.make_collection(str(tmp_path), (50,)).folder
    with pytest.raises(AssertionError, match=message):
        inlay("fuse", edit.save(), "--feature", "vectors", "--embeddings", rows, "-o", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_number_where_the_call_names_its_function(inlay, folder, tmp_path):
    path = Edit(folder, tmp_path).save()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        message = file.read()
    call = Edit(folder, tmp_path / "call").call.attr["f"].SerializeToString()
    assert call[0] == 0x52 and len(call) < 100 and message.count(call) == 1
    number = b"\x50\x01\x7a" + bytes([len(call) - 4]) + bytes(len(call) - 4)  # field 10 as a number, the rest in an unknown field
    with open(os.path.join(path, "saved_model.pb"), "wb") as file:
        file.write(message.replace(call, number))
    rows = fixtures.make_collection(str(tmp_path), (50,)).folder
    with pytest.raises(AssertionError, match="is no call of the signature's function"):
        inlay("fuse", path, "--feature", "vectors", "--embeddings", rows, "-o", tmp_path / "model")


FROZEN = [("y:0", 8, "output y:0 has dimension 16, the rows of .* have 8"), ("x:0", 16, "output x:0 has dimension 8, the rows of .* have 16"),
          ("flat:0", 16, r"output flat:0 gives float32 \[0\] for a batch of none"), ("length:0", 16, "output length:0 is int32")]


@pytest.fixture(scope="module", name="frozen")
def save_frozen(tmp_path_factory):
    """x float32 [batch, 8], text string [batch] -> y [batch, 16], flat [batch], length int32 [batch, 1]"""
    path = str(tmp_path_factory.mktemp("frozen") / "graph.pb")
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 8], name="x")
        text = tf.compat.v1.placeholder(tf.string, [None], name="text")
        tf.nn.relu(tf.matmul(x, np.ones((8, 16), np.float32)), name="y")
        tf.reduce_sum(x, 1, name="flat")
        tf.expand_dims(tf.strings.length(text), 1, name="length")
    with open(path, "wb") as file:
        file.write(graph.as_graph_def().SerializeToString())
    return path


@pytest.mark.parametrize("output, dim, message", FROZEN)
def test_the_feature_of_a_frozen_graph_must_fit(inlay, frozen, tmp_path, output, dim, message):
    np.save(tmp_path / "rows.npy", np.ones((9, dim), np.float32))
    with pytest.raises(AssertionError, match=message):
        inlay("fuse", frozen, "--input", "x=x:0", "--input", "text=text:0", "--output", output,
              "--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "model")
    assert not (tmp_path / "model").exists()
