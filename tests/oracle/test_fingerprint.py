"""Fingerprints of SavedModels against those that TensorFlow computes."""

import glob
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", ROOT / "build/debug"))
MODELS = sorted(os.path.dirname(path) for path in glob.glob(f"{ROOT.parent}/shared/models/**/saved_model.pb", recursive=True))


def ours(folder):
    done = subprocess.run([BUILD / "tests/fingerprint_dump", folder], capture_output=True, text=True, check=True)
    checksum, rest, producer, _ = done.stdout.split()
    return [int(checksum), *map(int, rest.split("/"))], int(producer)


def fields(f):
    return [f.saved_model_checksum, f.graph_def_program_hash, f.signature_def_hash, f.saved_object_graph_hash, f.checkpoint_hash]


def theirs(folder):
    return fingerprint_pb2.FingerprintDef.FromString(fingerprinting.CreateFingerprintDef(str(folder)))


class Model(tf.Module):
    """A variable, a table, string constants, calls of functions."""

    def __init__(self):
        self.v = tf.Variable([1.0, 2.0])
        keys = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
        self.table = tf.lookup.StaticHashTable(keys, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def scale(self, x):
        return self.inner(x) * self.v[0]

    @tf.function
    def inner(self, x):
        return x + 1

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def find(self, x):
        return self.table.lookup(tf.strings.join([x, "!"]))


    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def embed(self, x):
        return self.inner(x) * self.v


@pytest.fixture(scope="module", name="model")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    m = Model()
    tf.saved_model.save(m, str(folder), signatures={"scale": m.scale, "find": m.find, "embed": m.embed})
    return folder


def test_a_saved_model_has_the_fingerprint_beside_it(model):
    written = fingerprint_pb2.FingerprintDef.FromString((model / "fingerprint.pb").read_bytes())
    assert ours(model) == (fields(written), written.version.producer)


@pytest.mark.skipif(not MODELS, reason="../shared/models is not there")
@pytest.mark.parametrize("folder", MODELS)
def test_real_models(folder):
    assert ours(folder)[0] == fields(theirs(folder))


def test_edits_that_count_and_edits_that_do_not(model, tmp_path):
    edited = tmp_path / "edited"
    shutil.copytree(model, edited)
    proto = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    meta = proto.meta_graphs[0]
    for node in meta.graph_def.node:  # exports differ in these
        if node.op in ("StatefulPartitionedCall", "PartitionedCall"):
            node.attr["f"].func.name += "7"
            node.attr["config_proto"].s = b"\x01"
    meta.graph_def.versions.producer += 1
    (edited / "saved_model.pb").write_bytes(proto.SerializeToString())
    (edited / "variables/variables.index").unlink()
    changed, before = ours(edited)[0], ours(model)[0]
    assert changed == fields(theirs(edited))
    assert [a == b for a, b in zip(changed, before)] == [False, True, True, True, False]
    assert changed[4] == 0


def fuse(inlay, model, tmp_path, *flags):
    """MODEL with 300 stored pairs in five chunks, and what is written beside it as its fingerprint."""
    np.save(tmp_path / "rows.npy", np.random.default_rng(1).standard_normal((300, 2)).astype(np.float32))
    fused = tmp_path / "fused"
    inlay("fuse", model, "--signature", "embed", "--embeddings", tmp_path / "rows.npy", "--chunk", 512, *flags, "-o", fused)
    return fused


@pytest.mark.parametrize("flags", ((), ("--name", "pairs", "--metric", "l2", "--shards", "copy")))
def test_a_fused_model_has_the_fingerprint_that_tensorflow_computes(inlay, model, tmp_path, flags):
    fused = fuse(inlay, model, tmp_path, *flags)
    written = tf.saved_model.experimental.read_fingerprint(str(fused))
    computed, before = theirs(fused), tf.saved_model.experimental.read_fingerprint(str(model))
    assert [written.saved_model_checksum, written.graph_def_program_hash, written.signature_def_hash,
            written.saved_object_graph_hash, written.checkpoint_hash] == fields(computed)
    assert written.version.producer == computed.version.producer
    assert written.singleprint() != before.singleprint()
    assert written.checkpoint_hash != before.checkpoint_hash
    uuid = fingerprint_pb2.FingerprintDef.FromString((fused / "fingerprint.pb").read_bytes()).uuid
    assert int(uuid) < 2**128 and uuid not in (model / "fingerprint.pb").read_text(errors="replace")


def test_there_is_no_fingerprint_where_the_extractor_has_none_or_tensorflow_makes_none(inlay, model, tmp_path):
    plain, unnumbered = tmp_path / "plain", tmp_path / "unnumbered"
    shutil.copytree(model, plain)
    (plain / "fingerprint.pb").unlink()
    assert not (fuse(inlay, plain, tmp_path) / "fingerprint.pb").exists()
    shutil.rmtree(tmp_path / "fused")
    shutil.copytree(model, unnumbered)
    proto = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    functions = proto.meta_graphs[0].object_graph_def.concrete_functions
    functions["no_number_"].CopyFrom(next(iter(functions.values())))
    (unnumbered / "saved_model.pb").write_bytes(proto.SerializeToString())
    fused = fuse(inlay, unnumbered, tmp_path)
    assert not (fused / "fingerprint.pb").exists()
    with pytest.raises(fingerprinting.FingerprintException, match="does not end in an integer"):
        theirs(fused)
