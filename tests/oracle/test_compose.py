"""Two models as one by inlay compose: the four ways of loading give what the two give one after the other."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from fixtures import extractors, make_extractor
from loaders import load_v1, load_v2

tf1 = tf.compat.v1


class Head(tf.Module):
    """A TF2 model over features: a matrix and a table from an asset of the same name as the first model's, other words in it."""

    def __init__(self, words, dim):
        super().__init__()
        self.kernel = tf.Variable(extractors.weights([dim, 3], 9), name="kernel")
        lines = tf.lookup.TextFileInitializer(words, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string,
                                              tf.lookup.TextFileIndex.WHOLE_LINE)
        self.table = tf.lookup.StaticHashTable(lines, "none")

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="features"),
                                  tf.TensorSpec([], tf.float32, name="scale")])
    def serve(self, features, scale):
        scores = tf.matmul(features, self.kernel) * scale
        return {"scores": scores, "word": self.table.lookup(tf.argmax(scores, axis=1))}


def save_head(folder, dim):
    os.makedirs(folder / "words")
    (folder / "words/words.txt").write_text("alpha\nbeta\ngamma\n")
    head = Head(str(folder / "words/words.txt"), dim)
    tf.saved_model.save(head, str(folder / "m"), signatures=head.serve)
    return str(folder / "m"), head


def save_graph_head(folder, dim):
    """The same in TF1, without a scale."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, dim], name="x")  # as the first model calls its own
        kernel = tf1.get_variable("kernel", initializer=extractors.weights([dim, 3], 9))
        y = tf.matmul(x, kernel, name="y")
        session.run(tf1.global_variables_initializer())
        builder = tf1.saved_model.Builder(str(folder))
        predict = tf1.saved_model.predict_signature_def({"x": x}, {"scores": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": predict})
        builder.save()
    return str(folder)


@pytest.mark.parametrize("kind", ["tf1", "tf1_resource", "tf2_text", "keras"])
@pytest.mark.parametrize("second", ["tf2", "tf1"])
def test_both_compute_as_one(inlay, capi, cli, kind, second, tmp_path):
    made = make_extractor(str(tmp_path), kind)
    dim = made.features.shape[1]
    inputs, runs_second = dict(made.inputs), {}
    if second == "tf2":
        path, _ = save_head(tmp_path / "head", dim)
        maps, runs_second = ["--map", f"{made.feature}=features"], {"scale": np.float32(2)}
        feed = {"features": made.features, **runs_second}
    else:
        path, maps = save_graph_head(tmp_path / "head", dim), ["--map", f"{made.feature}=x"]
        feed = {"x": made.features}
    want = load_v2(path, [("serving_default", feed)])[0]
    told = json.loads(inlay("compose", made.path, path, "-o", tmp_path / "new", *maps, "--json"))
    assert told["fed"] == 1
    runs = [("serving_default", {**inputs, **runs_second})]
    for load in (load_v2, load_v1, cli, capi):
        got = load(str(tmp_path / "new"), runs)[0]
        assert set(got) == set(want)
        np.testing.assert_allclose(got["scores"], want["scores"], rtol=1e-5, atol=1e-5)
        if "word" in want:
            assert got["word"].tolist() == want["word"].tolist()
    keys = tf.train.load_checkpoint(str(tmp_path / "new/variables/variables")).get_variable_to_shape_map()
    assert any(k.startswith("a/") for k in keys) and any(k.startswith("b/") for k in keys)
    inlay("verify", tmp_path / "new")


def test_loading_twice_does_not_leak_and_saving_is_refused(inlay, tmp_path):
    made = make_extractor(str(tmp_path), "keras")
    path, _ = save_head(tmp_path / "head", made.features.shape[1])
    inlay("compose", made.path, path, "-o", tmp_path / "new", "--map", f"{made.feature}=features")
    model = tf.saved_model.load(str(tmp_path / "new"))
    assert len(model.variables) >= 3
    with tf.Graph().as_default(), tf1.Session() as session:
        saver = tf1.saved_model.load(session, ["serve"], str(tmp_path / "new")).saver_def
        with pytest.raises(tf.errors.InvalidArgumentError, match="is not saved"):
            session.run(saver.save_tensor_name, {saver.filename_tensor_name: str(tmp_path / "out")})


def test_a_model_with_itself(inlay, capi, cli, tmp_path):
    """Same names, functions and assets on both sides: x -> f(f(x)), here of a square model."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        kernel = tf1.get_variable("kernel", initializer=extractors.weights([4, 4], 9), use_resource=True)
        y = tf.tanh(tf.matmul(x, kernel), name="y")
        session.run(tf1.global_variables_initializer())
        builder = tf1.saved_model.Builder(str(tmp_path / "m"))
        predict = tf1.saved_model.predict_signature_def({"x": x}, {"x": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": predict})
        builder.save()
    inlay("compose", tmp_path / "m", tmp_path / "m", "-o", tmp_path / "new")
    value = extractors.weights([5, 4], 3)
    w = extractors.weights([4, 4], 9)
    for load in (load_v2, load_v1, cli, capi):
        got = load(str(tmp_path / "new"), [("serving_default", {"x": value})])[0]["x"]
        np.testing.assert_allclose(got, np.tanh(np.tanh(value @ w) @ w), rtol=1e-5, atol=1e-6)


def test_refusals(inlay, tmp_path):
    made = make_extractor(str(tmp_path), "keras")
    path, _ = save_head(tmp_path / "head", made.features.shape[1])
    for args, match in (((made.path, path), "say which feeds which"),
                        ((made.path, path, "--map", "nothing=features"), "has no output nothing"),
                        ((made.path, path, "--map", f"{made.feature}=nothing"), "has no input nothing"),
                        ((made.path, path, "--map", f"{made.feature}=features", "--map", f"{made.feature}=features"), "fed twice"),
                        ((path, made.path, "--map", "word=x"), "input x is float32"),
                        ((made.path, path, "--first-signature", "no"), "no signature no")):
        with pytest.raises(AssertionError, match=match):
            inlay("compose", *args, "-o", tmp_path / "new")
        assert not (tmp_path / "new").exists()
