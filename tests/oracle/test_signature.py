"""Models whose signatures inlay signature changed, by the four ways of loading."""

import json

import numpy as np
import pytest
import tensorflow as tf

import loaders
from fixtures import make_extractor
from loaders import load_v1, load_v2

KINDS = ("tf1", "tf2_text", "keras")


@pytest.mark.parametrize("kind", KINDS)
def test_names_follow_everywhere(inlay, capi, cli, kind, tmp_path):
    made = make_extractor(str(tmp_path), kind)
    inlay("signature", made.path, "--rename", "serving_default=first", "--add", "serving_default=first", "--add", "more=first",
          "-o", tmp_path / "a")
    inlay("signature", tmp_path / "a", "--remove", "serving_default")
    runs = [("first", made.inputs), ("more", made.inputs)]
    for load in (load_v2, load_v1, cli, capi):
        for got in load(str(tmp_path / "a"), runs):
            name = made.feature if made.feature in got else next(iter(got))
            np.testing.assert_allclose(got[name], made.features, rtol=0, atol=1e-6)
    assert "serving_default" not in tf.saved_model.load(str(tmp_path / "a")).signatures
    shown = loaders.show_all(str(tmp_path / "a"))
    assert "signature_def['first']" in shown and "signature_def['serving_default']" not in shown


def test_signatures_of_tensors_and_tags(inlay, capi, cli, tmp_path):
    made = make_extractor(str(tmp_path), "tf1")
    inlay("signature", made.path, "--add", "mine:in=a:x:0;out=b:y:0,c:Tanh:0")
    for load in (load_v2, load_v1, cli, capi):
        got = load(made.path, [("mine", {"a": made.inputs["x"]})])[0]
        np.testing.assert_allclose(got["b"], made.features, rtol=0, atol=1e-6)
        np.testing.assert_allclose(got["c"], made.features, rtol=0, atol=1e-6)
    inlay("signature", made.path, "--tags", "serve,gpu")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["gpu", "serve"], made.path)
        assert "mine" in loaded.signature_def


def test_defaults_are_what_the_proto_says(inlay, tmp_path):
    made = make_extractor(str(tmp_path), "tf2_text")
    inlay("signature", made.path, "--default", "both.scale=2.5", "--default", 'both.text=["a","b"]')
    read = loaders.read_metagraph(made.path).signature_def["both"].defaults
    assert tf.make_ndarray(read["scale"]) == np.float32(2.5)
    assert tf.make_ndarray(read["text"]).tolist() == [b"a", b"b"]
    inlay("signature", made.path, "--default", "both.text=")
    assert list(loaders.read_metagraph(made.path).signature_def["both"].defaults) == ["scale"]
    load_v2(made.path, [("serving_default", made.inputs)])


def test_fast_on_a_model_of_many_files(inlay, tmp_path):
    """8 sparse gigabytes of data: nothing of it is read."""
    made = make_extractor(str(tmp_path), "keras")
    inlay("convert", made.path, "-o", tmp_path / "m", "--shards", 4)
    with open(tmp_path / "m/variables/variables.data-00000-of-00004", "r+b") as file:
        file.truncate(8 << 30)
    times = []
    for i in range(5):
        told = json.loads(inlay("signature", tmp_path / "m", "--add", f"s{i}=serving_default", "--json"))
        times.append(told["seconds"])
    assert min(times) < 0.2, times
