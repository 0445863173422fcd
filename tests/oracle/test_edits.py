"""After each edit TensorFlow loads the model in its four ways and computes what NumPy says, lists what is stored, and
finds every other tensor as it was."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import fixtures
import extractors
import loaders

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
DIM = fixtures.DIM
X = extractors.weights([5, extractors.FEATURES], 30)
TEXTS = fixtures.TEXTS
UNKNOWN = b"\x82\x7d\x05kept!"  # field 2000 of a message, which no schema knows


def save(folder, kind):
    path = os.path.join(folder, kind)
    if kind == "tf1":
        extractors.save_tf1(path, DIM)
    elif kind == "tf1_resource":
        extractors.save_tf1(path, DIM, use_resource=True)
    elif kind == "tf2_text":
        extractors.save_tf2_text(path, DIM)
    else:
        extractors.save_keras(path, DIM)
    with open(os.path.join(path, "saved_model.pb"), "ab") as file:
        file.write(UNKNOWN)
    return path


def dense(kernel, bias):
    return {"x": X}, {"y": np.tanh(X @ kernel + bias)}


def text(vectors, bias):
    words = list(extractors.WORDS)
    out = []
    for line in TEXTS:
        known = [words.index(word) for word in line.lower().split() if word in words]
        out.append(np.mean(vectors[known], axis=0) + bias if len(known) == len(line.split()) else None)
    return {"text": loaders.strings(TEXTS)}, {"embedding": out}


def relu(*tensors):
    """Keras numbers its variables as it likes; their shapes tell them apart."""
    by_shape = {tensor.shape: tensor for tensor in tensors}
    hidden = np.maximum(X @ by_shape[8, 12] + by_shape[12,], 0)
    return {"x": X}, {"output_0": hidden @ by_shape[12, 16] + by_shape[16,]}


# The keys of each kind in the order of its function's arguments.
KINDS = {
    "tf1": (dense, ("kernel", "bias")),
    "tf1_resource": (dense, ("kernel", "bias")),
    "tf2_text": (text, ("vectors" + VALUE, "bias" + VALUE)),
    "keras": (relu, tuple(f"variables/{i}{VALUE}" for i in range(4))),
}


def stored(path):
    prefix = os.path.join(path, "variables/variables") if os.path.isdir(path) else path
    reader = tf.train.load_checkpoint(prefix)
    return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}


def check_runs(folder, capi, cli, function, tensors):
    inputs, wanted = function(*tensors)
    for load in (loaders.load_v2, loaders.load_v1, capi, cli):
        found = load(folder, [("serving_default", inputs)])[0]
        for key, value in wanted.items():
            for row, expected in zip(found[key], value):
                if expected is not None:
                    np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def check_kept(folder, before, changed):
    """All but the keys of CHANGED ({new key: value}) is stored as it was."""
    after = stored(folder)
    graph = "_CHECKPOINTABLE_OBJECT_GRAPH"
    for key, value in changed.items():
        assert after.pop(key).tobytes() == value.tobytes()
    assert {key: value.tobytes() for key, value in after.items() if key != graph} == \
           {key: value.tobytes() for key, value in before.items() if key in after and key != graph}
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        assert file.read().endswith(UNKNOWN)


@pytest.mark.parametrize("kind", KINDS)
def test_swap_and_rename(inlay, capi, cli, kind, tmp_path):
    function, keys = KINDS[kind]
    folder = save(str(tmp_path), kind)
    before = stored(folder)
    tensors = [before[key] for key in keys]
    check_runs(folder, capi, cli, function, tensors)

    tensors[0] = extractors.weights(tensors[0].shape, 77)
    np.save(tmp_path / "value.npy", tensors[0])
    inlay("swap", folder, keys[0], tmp_path / "value.npy")
    check_runs(folder, capi, cli, function, tensors)
    copies = {"_all_" + keys[0]: tensors[0]} if kind == "keras" else {}
    check_kept(folder, before, {keys[0]: tensors[0], **copies})

    renamed = "other/name" if kind.startswith("tf1") else "other/name" + VALUE
    inlay("rename", folder, keys[0], renamed)
    check_runs(folder, capi, cli, function, tensors)
    before.pop(keys[0])
    check_kept(folder, before, {renamed: tensors[0], **copies})

    tensors[1] = extractors.weights(tensors[1].shape, 78)
    np.save(tmp_path / "value.npy", tensors[1])
    inlay("swap", folder, keys[1], tmp_path / "value.npy", "-o", tmp_path / "out")
    check_runs(str(tmp_path / "out"), capi, cli, function, tensors)
    assert stored(folder)[keys[1]].tobytes() == before[keys[1]].tobytes()


@pytest.mark.parametrize("kind", ("tf1", "tf2_text", "keras"))
def test_a_renamed_variable_can_be_saved_again(inlay, kind, tmp_path):
    """By TensorFlow's own Saver, under the name that it has now; a model of objects as a whole."""
    _, keys = KINDS[kind]
    folder = save(str(tmp_path), kind)
    inlay("rename", folder, keys[1], "fresh" if kind == "tf1" else "fresh" + VALUE)
    if kind == "tf1":
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.saved_model.load(session, ["serve"], folder)
            again = tf.compat.v1.train.Saver().save(session, str(tmp_path / "again"))
        assert set(stored(again)) == {"fresh", "kernel"}
    else:
        model = tf.saved_model.load(folder)
        tf.saved_model.save(model, str(tmp_path / "again"), signatures=model.signatures)
        assert len(stored(str(tmp_path / "again"))) == len(stored(folder))


@pytest.mark.parametrize("kind", ("tf1", "tf2_text"))
def test_edits_of_a_fused_model(inlay, capi, kind, tmp_path):
    """The extractor's variables change below a search, which follows."""
    source = fixtures.make_extractor(str(tmp_path), kind)
    collection = fixtures.make_collection(str(tmp_path), (64, 37), extra="labels")
    inlay("fuse", source.path, "--embeddings", collection.folder, *collection.flags, "-o", tmp_path / "fused")
    function, keys = KINDS[kind]
    before = stored(str(tmp_path / "fused"))
    tensors = [before[key] for key in keys]
    tensors[0] = extractors.weights(tensors[0].shape, 79)
    np.save(tmp_path / "value.npy", tensors[0])
    inlay("swap", tmp_path / "fused", keys[0], tmp_path / "value.npy")
    inlay("rename", tmp_path / "fused", keys[1], "offset" if kind == "tf1" else "offset" + VALUE)
    inputs, wanted = function(*tensors)
    features = next(iter(wanted.values()))
    rows = collection.rows / np.maximum(np.linalg.norm(collection.rows, axis=1, keepdims=True), 1e-30)
    ours = loaders.query(inlay, tmp_path / "fused", tmp_path / "in", inputs, k=5)
    for load in (loaders.load_v2, loaders.load_v1, capi):
        found = load(str(tmp_path / "fused"), [("search", {**inputs, "k": np.int32(5)})])[0]
        assert (found["indices"] == ours["indices"]).all()
        for feature, best in zip(features, found["indices"]):
            if feature is not None:
                assert best.tolist() == np.argsort(-(rows @ feature), kind="stable")[:5].tolist()


def test_checkpoints_alone(inlay, tmp_path):
    """A checkpoint of objects: what was dropped is gone, what was renamed restores to the same object."""
    step, slot = tf.Variable(3), tf.Variable([1.0, 2.0])
    prefix = tf.train.Checkpoint(step=step, slot=slot).write(str(tmp_path / "ckpt"))
    inlay("drop", prefix, "slot" + VALUE)
    with pytest.raises(AssertionError, match="end in /.ATTRIBUTES/VARIABLE_VALUE"):
        inlay("rename", prefix, "step" + VALUE, "counter")
    inlay("rename", prefix, "step" + VALUE, "counter" + VALUE)
    assert sorted(stored(prefix)) == ["_CHECKPOINTABLE_OBJECT_GRAPH", "counter" + VALUE]
    step.assign(0)
    tf.train.Checkpoint(step=step).restore(prefix).expect_partial()
    assert step.numpy() == 3
    np.save(tmp_path / "step.npy", np.int32(8))
    inlay("swap", prefix, "counter" + VALUE, tmp_path / "step.npy")
    tf.train.Checkpoint(step=step).restore(prefix).expect_partial()
    assert step.numpy() == 8


def test_partitioned_tensors_are_renamed(inlay, tmp_path):
    source = os.path.join(os.path.dirname(extractors.__file__), "bundles/partitioned")
    shutil.copytree(source, tmp_path / "p")
    before = stored(str(tmp_path / "p/bundle"))
    inlay("rename", tmp_path / "p/bundle", "grid", "a/grid")
    after = stored(str(tmp_path / "p/bundle"))
    assert after.pop("a/grid").tobytes() == before.pop("grid").tobytes()
    assert {k: v.tobytes() for k, v in after.items()} == {k: v.tobytes() for k, v in before.items()}


def test_frozen_graphs(inlay, tmp_path):
    path = str(tmp_path / "graph.pb")
    extractors.save_frozen(path, DIM)
    kernel = extractors.weights([extractors.FEATURES, DIM], 80)
    np.save(tmp_path / "kernel.npy", kernel)
    inlay("swap", path, "kernel", tmp_path / "kernel.npy")
    inlay("rename", path, "bias", "offset")
    bias = extractors.weights([DIM], 2)
    np.testing.assert_allclose(fixtures.run_frozen(path, X), np.tanh(X @ kernel + bias), rtol=1e-5, atol=1e-6)


def test_a_model_needs_what_it_restores(inlay, tmp_path):
    folder = save(str(tmp_path), "tf1")
    with pytest.raises(AssertionError, match="bias is restored by the node save/RestoreV2"):
        inlay("drop", folder, "bias")
    with pytest.raises(AssertionError, match="the model's graph wants"):
        np.save(tmp_path / "wide.npy", np.zeros((3, DIM), np.float32))
        inlay("swap", folder, "kernel", tmp_path / "wide.npy")
