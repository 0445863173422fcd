"""Models whose variables inlay cast made half types, by the four ways of loading: what they compute is what NumPy says."""

import json
import os
import shutil

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from fixtures import make_extractor
from loaders import load_v1, load_v2

from test_store import values

HALF = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def reader(path):
    return tf.train.load_checkpoint(str(path))


def floats(path):
    r = reader(path)
    return [k for k, d in r.get_variable_to_dtype_map().items() if d == tf.float32]


@pytest.mark.parametrize("to", HALF)
def test_a_checkpoint_is_rounded_as_tensorflow_rounds(inlay, tmp_path, to):
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 65504, 65519.99, 65520, 1e-8, -6e-8, 1 + 2**-11, 1 + 3 * 2**-11,
                        1 + 2**-8, 1 + 3 * 2**-8, 3e38, np.float32(1e-40)], np.float32)
    bits = np.random.default_rng(1).integers(0, 2**32, 100_000, np.uint32).view(np.float32)
    arrays = {"special": special, "bits": bits, "plain": values("float32", (300, 7), 2), "other": values("int64", (5,), 2)}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [tf.compat.v1.get_variable(k, initializer=v) for k, v in arrays.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(made).save(session, str(tmp_path / "old"))
    told = json.loads(inlay("cast", tmp_path / "old", "special", "bits", "plain", "--to", to, "-o", tmp_path / "new", "--json"))
    got = reader(tmp_path / "new")
    for key in ("special", "bits", "plain"):
        want = tf.cast(tf.constant(arrays[key]), to).numpy()
        have = got.get_tensor(key)
        assert have.dtype == want.dtype
        nan = np.isnan(want.astype(np.float32))
        assert (np.isnan(have.astype(np.float32)) == nan).all()
        np.testing.assert_array_equal(have.view(np.uint16)[~nan], want.view(np.uint16)[~nan])
    assert got.get_tensor("other").tobytes() == arrays["other"].tobytes()
    worst = np.abs(arrays["plain"] - arrays["plain"].astype(HALF[to]).astype(np.float32)).max()
    line = next(c for c in told["changes"] if c.startswith("plain:"))
    assert float(line.split("at most ")[1].split(",")[0]) == pytest.approx(float(worst), rel=1e-5)


def rounded(path, keys, to, scratch, inlay):
    """A copy of the model PATH with KEYS rounded to TO and back, in float32: what the cast one must compute."""
    shutil.copytree(path, scratch)
    for i, key in enumerate(keys):
        value = reader(os.path.join(path, "variables/variables")).get_tensor(key)
        np.save(f"{scratch}.{i}.npy", value.astype(HALF[to]).astype(np.float32))
        inlay("swap", scratch, key, f"{scratch}.{i}.npy")
    return str(scratch)


@pytest.mark.parametrize("to", HALF)
@pytest.mark.parametrize("kind", ["tf1", "tf1_resource", "tf2_text", "keras"])
def test_models_compute_with_the_rounded_values(inlay, capi, cli, kind, to, tmp_path):
    made = make_extractor(str(tmp_path), kind)
    keys = floats(os.path.join(made.path, "variables/variables"))
    assert keys
    inlay("cast", made.path, *keys, "--to", to, "-o", tmp_path / "new")
    runs = [("serving_default", made.inputs)]
    want = load_v2(rounded(made.path, keys, to, tmp_path / "rounded", inlay), runs)[0]
    for load in (load_v2, load_v1, cli, capi):
        got = load(str(tmp_path / "new"), runs)[0]
        for name, value in want.items():
            np.testing.assert_allclose(got[name], value, rtol=1e-6, atol=1e-6, err_msg=f"{load}")
    types = reader(tmp_path / "new/variables/variables").get_variable_to_dtype_map()
    assert all(types[key] == tf.as_dtype(to) for key in keys)
    inlay("verify", tmp_path / "new")


@pytest.mark.parametrize("kind", ["tf2_text", "keras"])
def test_a_cast_model_can_be_saved_again(inlay, kind, tmp_path):
    made = make_extractor(str(tmp_path), kind)
    keys = floats(os.path.join(made.path, "variables/variables"))
    inlay("cast", made.path, *keys, "--to", "bfloat16")
    model = tf.saved_model.load(made.path)
    runs = [("serving_default", made.inputs)]
    want = load_v2(made.path, runs)[0]
    tf.saved_model.save(model, str(tmp_path / "again"), signatures=model.signatures)
    got = load_v2(str(tmp_path / "again"), runs)[0]
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value)


def test_a_v1_session_saves_what_it_restored(inlay, tmp_path):
    """The saver of the graph itself writes the half types again."""
    made = make_extractor(str(tmp_path), "tf1")
    inlay("cast", made.path, "kernel", "bias")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], made.path)
        saver = loaded.saver_def
        session.run(saver.save_tensor_name, {saver.filename_tensor_name: str(tmp_path / "out")})
    old, new = reader(os.path.join(made.path, "variables/variables")), reader(tmp_path / "out")
    for key in ("kernel", "bias"):
        assert new.get_tensor(key).dtype == np.float16
        np.testing.assert_array_equal(new.get_tensor(key), old.get_tensor(key))


def test_part_of_the_variables(inlay, capi, cli, tmp_path):
    """Keras stores each variable twice: sessions restore one of the two into what tf.saved_model.load finds as the other."""
    made = make_extractor(str(tmp_path), "keras")
    shapes = reader(os.path.join(made.path, "variables/variables")).get_variable_to_shape_map()
    keys = sorted(k for k, shape in shapes.items() if shape == [8, 12])
    assert len(keys) == 2
    with pytest.raises(AssertionError, match=f"in its place {keys[1]}, which must be cast with it|with something else"):
        inlay("cast", made.path, keys[0])
    inlay("cast", made.path, *keys, "-o", tmp_path / "new")
    runs = [("serving_default", made.inputs)]
    want = load_v2(rounded(made.path, keys, "float16", tmp_path / "rounded", inlay), runs)[0]
    for load in (load_v2, load_v1, cli, capi):
        got = load(str(tmp_path / "new"), runs)[0]
        for name, value in want.items():
            np.testing.assert_allclose(got[name], value, rtol=1e-6, atol=1e-6)


class Shared(tf.Module):
    """One function for two variables, and a variable that is only updated in place."""

    def __init__(self):
        super().__init__()
        self.a, self.b = tf.Variable(values("float32", (4,), 2)), tf.Variable(values("float32", (4,), 4))
        self.sum = tf.Variable(np.zeros(4, np.float32))

    @tf.function(input_signature=[tf.TensorSpec([4], tf.float32)])
    def serve(self, x):
        self.sum.assign_add(x)
        return {"y": x + self.a + self.b}


def test_refusals_name_the_node(inlay, tmp_path):
    module = Shared()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.serve)
    before = {p: p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file()}
    with pytest.raises(AssertionError, match="AssignAddVariableOp.*takes no half type"):
        inlay("cast", tmp_path / "m", "sum/.ATTRIBUTES/VARIABLE_VALUE")
    assert {p: p.read_bytes() for p in (tmp_path / "m").rglob("*") if p.is_file()} == before
    inlay("cast", tmp_path / "m", "a/.ATTRIBUTES/VARIABLE_VALUE")
    x = np.ones(4, np.float32)
    got = load_v2(str(tmp_path / "m"), [("serving_default", {"x": x})])[0]["y"]
    np.testing.assert_allclose(got, x + module.a.numpy().astype(np.float16).astype(np.float32) + module.b.numpy(), rtol=1e-6)
    for args, match in ((("nothing",), "no tensor nothing"), (("a/.ATTRIBUTES/VARIABLE_VALUE",), "is stored as float16")):
        with pytest.raises(AssertionError, match=match):
            inlay("cast", tmp_path / "m", *args)
