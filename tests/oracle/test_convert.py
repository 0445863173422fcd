"""What inlay convert writes, read by TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from fixtures import make_extractor, run_frozen
from loaders import load_v1, load_v2

from test_store import values

DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128", "float16")


@pytest.fixture(scope="module", params=["bundle", "v1", "partitioned"])
def checkpoint(request, tmp_path_factory):
    """A checkpoint's prefix and {key: array} of what was saved there."""
    path = tmp_path_factory.mktemp(request.param) / "ckpt"
    arrays = {f"v/{d}": values(d, (7, 3), i) for i, d in enumerate(DTYPES)}
    arrays["scalar"] = np.float32(3.5)
    arrays["empty"] = np.zeros((0, 4), np.int32)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = [tf.compat.v1.get_variable(k, initializer=v) for k, v in arrays.items()]
        if request.param == "partitioned":
            split = tf.compat.v1.get_variable("split", (10, 4), initializer=tf.compat.v1.random_normal_initializer(),
                                              partitioner=tf.compat.v1.fixed_size_partitioner(3))
            made += [*split]
        session.run(tf.compat.v1.global_variables_initializer())
        if request.param == "partitioned":
            arrays["split"] = np.concatenate(session.run(list(split)))
        version = tf.compat.v1.train.SaverDef.V1 if request.param == "v1" else tf.compat.v1.train.SaverDef.V2
        tf.compat.v1.train.Saver(made, write_version=version).save(session, str(path))
    return path, arrays


@pytest.mark.parametrize("way", [(), ("--shards", 4), ("--whole", "--shards", 2), ("--slices", 3), ("--slices", 2, "--shards", 5)],
                         ids=lambda w: " ".join(map(str, w)) or "plain")
def test_tensorflow_reads_the_same_values(inlay, checkpoint, way, tmp_path):
    path, arrays = checkpoint
    inlay("convert", path, "-o", tmp_path / "new", *way)
    reader = tf.train.load_checkpoint(str(tmp_path / "new"))
    assert reader.get_variable_to_shape_map() == {k: list(np.shape(v)) for k, v in arrays.items()}
    for key, value in arrays.items():
        got = reader.get_tensor(key)
        assert got.dtype == value.dtype and got.tobytes() == np.asarray(value).tobytes(), key


def test_latest_checkpoint_of_a_folder(inlay, checkpoint, tmp_path):
    path, arrays = checkpoint
    inlay("convert", path, "-o", f"{tmp_path}/new/")
    latest = tf.train.latest_checkpoint(str(tmp_path / "new"))
    assert latest == str(tmp_path / "new/ckpt")
    assert set(tf.train.load_checkpoint(latest).get_variable_to_shape_map()) == set(arrays)


def test_slices_are_restored_into_a_partitioned_variable(inlay, tmp_path):
    rows = values("float32", (10, 4), 2)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        v = tf.compat.v1.get_variable("v", initializer=rows)
        session.run(v.initializer)
        tf.compat.v1.train.Saver([v]).save(session, str(tmp_path / "old"))
    inlay("convert", tmp_path / "old", "v", "-o", tmp_path / "new", "--slices", 3)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        parts = tf.compat.v1.get_variable("v", (10, 4), partitioner=tf.compat.v1.fixed_size_partitioner(3))
        tf.compat.v1.train.Saver([*parts]).restore(session, str(tmp_path / "new"))
        assert np.concatenate(session.run(list(parts))).tobytes() == rows.tobytes()


@pytest.mark.parametrize("kind", ["tf1", "tf2_text", "keras"])
@pytest.mark.parametrize("way", [("--text",), ("--shards", 2), ("--slices", 2), ("--text", "--shards", 3)],
                         ids=lambda w: " ".join(map(str, w)))
def test_models_compute_the_same(inlay, capi, cli, kind, way, tmp_path):
    made = make_extractor(str(tmp_path), kind)
    inlay("convert", made.path, "-o", tmp_path / "new", *way)
    runs = [("serving_default", made.inputs)]
    loaders = [load_v2, load_v1, cli] if "--text" in way else [load_v2, load_v1, cli, capi]
    for load in loaders:
        got = load(str(tmp_path / "new"), runs)[0]
        name = made.feature if made.feature in got else next(iter(got))
        np.testing.assert_allclose(got[name], made.features, rtol=0, atol=1e-6)


def test_a_frozen_graph_through_text(inlay, tmp_path):
    made = make_extractor(str(tmp_path), "frozen")
    inlay("convert", made.path, "-o", tmp_path / "g.pbtxt")
    graph = tf.compat.v1.GraphDef()
    from google.protobuf import text_format

    text_format.Parse((tmp_path / "g.pbtxt").read_text(), graph)
    with open(made.path, "rb") as file:
        assert graph == tf.compat.v1.GraphDef.FromString(file.read())
    inlay("convert", tmp_path / "g.pbtxt", "-o", tmp_path / "g.pb")
    np.testing.assert_array_equal(run_frozen(str(tmp_path / "g.pb"), made.inputs["x"]), made.features)
