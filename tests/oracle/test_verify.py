"""What TensorFlow itself writes is sound; what it then refuses is found, named rightly, and explained by its own words."""

import json
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from conftest import PROGRAM, ROOT

sys.path.insert(0, os.path.join(ROOT, "tests/cli"))
import damage


def verify(path, *flags):
    done = subprocess.run([PROGRAM, "verify", str(path), "--json", *flags], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == {"sound": 0, "damaged": 1, "unseen": 2}[report["verdict"]]
    return report


def causes(report):
    return {f["cause"] for f in report["findings"] if f["severity"] == "damage"} - {"unknown"}


def explain(text):
    return subprocess.run([PROGRAM, "explain", text], capture_output=True, text=True, check=True).stdout


class Net(tf.Module):
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.kernel = tf.Variable(rng.standard_normal((300, 200)).astype(np.float32), name="kernel")
        self.bias = tf.Variable(rng.standard_normal(200).astype(np.float32), name="bias")
        self.words = tf.Variable(["alpha", "beta", "gamma"], name="words")

    @tf.function(input_signature=[tf.TensorSpec([None, 300], tf.float32)])
    def __call__(self, x):
        return tf.matmul(x, self.kernel) + self.bias


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Checkpoints ck-1 and ck-2 of one training, with a save counter."""
    folder = tmp_path_factory.mktemp("train")
    net = Net(1)
    checkpoint = tf.train.Checkpoint(net=net)
    for seed in (2, 3):
        for variable, other in zip((net.kernel, net.bias), (Net(seed).kernel, Net(seed).bias)):
            variable.assign(other)
        checkpoint.save(str(folder / "ck"))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "m"
    net = Net(4)
    tf.saved_model.save(net, str(folder), signatures=net.__call__)
    return folder


def copy_checkpoint(train, to, name="ck-1"):
    to.mkdir()
    for path in train.glob(name + ".*"):
        shutil.copy2(path, to / path.name)
    return to / name, to / f"{name}.data-00000-of-00001"


def place(prefix, key):
    listed = json.loads(subprocess.run([PROGRAM, "tensors", str(prefix), "--json"], capture_output=True, check=True).stdout)
    t = next(t for t in listed if key in t["key"])
    return t["offset"], t["offset"] + t["bytes"]


def refusal(prefix, key="kernel"):
    """What TensorFlow says when it reads the tensor whose key holds KEY."""
    reader = tf.train.load_checkpoint(str(prefix))
    name = next(k for k in reader.get_variable_to_shape_map() if key in k)
    with pytest.raises(Exception) as error:
        tf.raw_ops.RestoreV2(prefix=str(prefix), tensor_names=[name], shape_and_slices=[""],
                             dtypes=[reader.get_variable_to_dtype_map()[name]])
    return str(error.value)


def test_what_tensorflow_writes_is_sound(train, model):
    for path in (train, train / "ck-1", train / "ck-2.index", model):
        report = verify(path)
        assert report["verdict"] == "sound" and report["findings"] == [], report
    v1 = train / "v1.ckpt"
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        tf.compat.v1.get_variable("v", initializer=tf.range(1000.0))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V1).save(session, str(v1))
    assert verify(v1)["verdict"] == "sound"
    damage.flip(v1, random.Random(1), 200, 3000)
    assert verify(v1)["verdict"] == "damaged"


def test_a_flipped_bit(train, tmp_path):
    prefix, data = copy_checkpoint(train, tmp_path / "c")
    begin, end = place(prefix, "kernel")
    at, bit = damage.flip(data, random.Random(1), begin, end)
    found = [f for f in verify(prefix)["findings"] if f["cause"] == "flipped bit"]
    assert [(f["offset"], f["bit"], f["first_row"]) for f in found] == [(at, bit, (at - begin) // 800)]
    assert f"bit {bit} of byte {at - begin}" in explain(refusal(prefix))


def test_zeros_and_truncation(train, tmp_path):
    prefix, data = copy_checkpoint(train, tmp_path / "zero")
    begin, end = place(prefix, "kernel")
    damage.zero(data, begin, end)
    assert "hole of zeros" in causes(verify(prefix))
    assert f"{end - begin} zero bytes" in explain(refusal(prefix))
    prefix, data = copy_checkpoint(train, tmp_path / "cut")
    damage.rewrite(data, lambda old: old[:-20])
    assert causes(verify(prefix)) == {"truncated"}
    last = max(("kernel", "bias", "words", "save_counter", "OBJECT_GRAPH"), key=lambda key: place(train / "ck-1", key))
    assert "truncated" in explain(refusal(prefix, last))


def test_the_data_file_of_another_step(train, tmp_path):
    """Alone, by what the save counter's checksum says; beside the index that it belongs to, by that."""
    prefix, data = copy_checkpoint(train, tmp_path / "alone")
    shutil.copy(train / "ck-2.data-00000-of-00001", data)
    report = verify(prefix)
    assert causes(report) == {"other checkpoint"}
    assert any("was 1 when the index was written, the data file has 2" in f["text"] for f in report["findings"])
    assert "when it was 1 and the data file when it was 2" in explain(refusal(prefix, "save_counter"))
    copy_checkpoint(train, tmp_path / "both", "ck-2")
    for path in (tmp_path / "alone").iterdir():
        shutil.copy(path, tmp_path / "both" / path.name)
    assert any("ck-2.index" in f["text"] for f in verify(tmp_path / "both/ck-1")["findings"])


def test_byte_order_and_shift(train, tmp_path):
    prefix, data = copy_checkpoint(train, tmp_path / "swap")
    damage.swap(data, *place(prefix, "kernel"), 4)
    assert causes(verify(prefix)) == {"byte-swapped"}
    for n in (16, -16):
        prefix, data = copy_checkpoint(train, tmp_path / f"shift{n}")
        first = min(("kernel", "bias", "words", "save_counter", "OBJECT_GRAPH"), key=lambda key: place(prefix, key))
        damage.insert(data, place(prefix, first)[0] + 1, n, random.Random(1))
        shifts = {f["shift"] for f in verify(prefix)["findings"] if f["cause"] == "shifted"}
        assert shifts == {n}


def test_a_model_whose_parts_do_not_fit(model, tmp_path):
    """Its variables are those of a model without `bias`; its graph lost a function."""
    class Less(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.zeros((300, 200)))

    tf.saved_model.save(Less(), str(tmp_path / "less"))
    mixed = damage.copy(model, tmp_path / "mixed")
    shutil.rmtree(mixed / "variables")
    shutil.copytree(tmp_path / "less/variables", mixed / "variables")
    report = verify(mixed)
    assert report["verdict"] == "damaged" and "bias" in json.dumps(report)
    with pytest.raises(Exception):
        tf.saved_model.load(str(mixed))
    from tensorflow.core.protobuf import saved_model_pb2

    lost = damage.copy(model, tmp_path / "lost")
    proto = saved_model_pb2.SavedModel.FromString((lost / "saved_model.pb").read_bytes())
    functions = proto.meta_graphs[0].graph_def.library.function
    gone = next(f.signature.name for f in functions if "traced_restore" in f.signature.name)
    for i, f in enumerate(functions):
        if f.signature.name == gone:
            del functions[i]
            break
    (lost / "saved_model.pb").write_bytes(proto.SerializeToString())
    assert any(gone in f["text"] for f in verify(lost)["findings"])
    signature = damage.copy(model, tmp_path / "signature")
    proto = saved_model_pb2.SavedModel.FromString((signature / "saved_model.pb").read_bytes())
    for info in proto.meta_graphs[0].signature_def["serving_default"].outputs.values():
        info.name = "absent:0"
    (signature / "saved_model.pb").write_bytes(proto.SerializeToString())
    assert any("absent:0" in f["text"] for f in verify(signature)["findings"] if f["severity"] == "damage")


def test_tensorflow_loads_what_is_repaired(model, tmp_path):
    bad = damage.copy(model, tmp_path / "m")
    data = bad / "variables/variables.data-00000-of-00001"
    begin, end = place(bad, "kernel")
    damage.noise(data, random.Random(5), begin, end)
    with pytest.raises(Exception):
        tf.saved_model.load(str(bad))
    assert subprocess.run([PROGRAM, "repair", str(bad), "--yes"], check=False, capture_output=True).returncode == 0
    assert verify(bad)["verdict"] == "sound"
    loaded = tf.saved_model.load(str(bad))
    kernel = np.frombuffer(data.read_bytes()[begin:end], np.float32).reshape(300, 200)
    np.testing.assert_array_equal(loaded.kernel.numpy(), kernel)
    x = np.ones((1, 300), np.float32)
    np.testing.assert_allclose(loaded(x), x @ kernel + loaded.bias.numpy(), rtol=1e-3, atol=1e-3)
    stored = tf.train.load_checkpoint(str(bad / "variables/variables"))
    assert len(stored.get_variable_to_shape_map()) == 4


def test_every_flip_of_covered_bytes_is_found(train, model, tmp_path):
    """Without a manifest: data files and index, all of which a checksum covers; the graph by the fingerprint."""
    rng = random.Random(6)
    bad = damage.copy(model, tmp_path / "m")
    prefix, data = copy_checkpoint(train, tmp_path / "c")
    files = [(data, prefix), (prefix.with_suffix(".index"), prefix)]
    files += [(bad / name, bad) for name in ("variables/variables.data-00000-of-00001", "variables/variables.index")]
    for _ in range(100):
        path, what = rng.choice(files)
        old = path.read_bytes()
        at, bit = damage.flip(path, rng, 0, len(old))
        assert verify(what)["verdict"] == "damaged", (path, at, bit)
        damage.rewrite(path, lambda _, old=old: bytearray(old))
    assert verify(bad)["verdict"] == "sound" and verify(prefix)["verdict"] == "sound"


def test_other_damage_is_no_other_checkpoint(train, tmp_path):
    """Nor anything else but flipped bits, where a small tensor got just one of them."""
    prefix, data = copy_checkpoint(train, tmp_path / "c")
    old, begin = data.read_bytes(), place(prefix, "save_counter")[0]
    for seed in range(200):
        rng = random.Random(seed)
        if seed % 3 == 0:
            damage.flip(data, rng, 0, len(old), bits=rng.randint(2, 60))
        elif seed % 3 == 1:
            damage.noise(data, rng, 0, len(old))
        else:  # every tensor is hit, the counter too
            for key in ("kernel", "bias", "words", "OBJECT_GRAPH"):
                damage.noise(data, rng, *place(train / "ck-1", key))
            damage.noise(data, rng, begin, begin + 8)
        report = verify(prefix)
        assert report["verdict"] == "damaged" and causes(report) <= {"flipped bit"}, (seed, report)
        damage.rewrite(data, lambda _: bytearray(old))
