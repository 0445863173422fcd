"""inlay tensors and inlay export against TensorFlow: what it writes is read alike, and what is exported is what it reads."""

import json

import numpy as np
import pytest
import tensorflow as tf

DTYPES = ("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "bool", "complex64", "complex128")


def values(dtype, shape, seed):
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if "int" in dtype:
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, np.dtype(dtype), endpoint=True)
    if "complex" in dtype:
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    numbers = rng.standard_normal(shape)
    numbers.flat[::7] = 0
    if seed % 2:
        numbers.flat[3::11], numbers.flat[5::13], numbers.flat[8::17] = np.nan, np.inf, -np.inf
    return numbers.astype(tf.as_dtype(dtype).as_numpy_dtype)


def read(reader, key, variables):
    """What TensorFlow reads; of V1 checkpoints its reader knows fewer dtypes than its writer: then what was written."""
    try:
        return reader.get_tensor(key)
    except (NotImplementedError, tf.errors.UnimplementedError):
        return variables[key]


@pytest.fixture(scope="module", params=["bundle", "v1", "model"])
def stored(request, tmp_path_factory):
    """A path and {key: array} of what TensorFlow reads there."""
    folder = tmp_path_factory.mktemp(request.param)
    variables = {f"v/{d}": values(d, (4, 9, 5), i) for i, d in enumerate(DTYPES) if request.param != "v1" or d not in
                 ("uint32", "uint64", "bfloat16")}
    if request.param == "model":
        module = tf.Module()
        module.all = [tf.Variable(v) for v in variables.values()]
        tf.saved_model.save(module, str(folder / "m"))
        path = folder / "m"
        reader = tf.train.load_checkpoint(str(path / "variables/variables"))
    else:
        path = folder / "ckpt"
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            made = [tf.compat.v1.get_variable(k, initializer=v) for k, v in variables.items()]
            session.run(tf.compat.v1.global_variables_initializer())
            version = tf.compat.v1.train.SaverDef.V1 if request.param == "v1" else tf.compat.v1.train.SaverDef.V2
            tf.compat.v1.train.Saver(made, write_version=version).save(session, str(path))
        reader = tf.train.load_checkpoint(str(path))
    return path, {key: read(reader, key, variables) for key in reader.get_variable_to_shape_map()}


def numbers_of(arrays):
    return {k: v for k, v in arrays.items() if isinstance(v, np.ndarray) and v.dtype != object}


def test_what_is_listed_is_what_tensorflow_lists(inlay, stored):
    path, arrays = stored
    listed = {t["key"]: t for t in json.loads(inlay("tensors", path, "--stats", "--json"))}
    assert set(listed) == set(arrays)
    for key, value in numbers_of(arrays).items():
        t = listed[key]
        assert (t["dtype"], tuple(t["shape"]), t["bytes"]) == (value.dtype.name, value.shape, value.nbytes)
        if np.iscomplexobj(value):
            assert "stats" not in t
            continue
        wide = value.astype(np.float64)
        finite = wide[np.isfinite(wide)]
        stats = t["stats"]
        assert (stats["min"], stats["max"]) == (finite.min(), finite.max()), key
        assert stats["mean"] == pytest.approx(finite.mean(), rel=1e-9, abs=1e-12), key
        assert (stats["zeros"], stats["nan"]) == ((wide == 0).sum(), np.isnan(wide).sum()), key
        assert (stats["infinity"], stats["negative_infinity"]) == (np.isposinf(wide).sum(), np.isneginf(wide).sum()), key


def test_what_is_exported_is_what_tensorflow_reads(inlay, stored, tmp_path):
    path, arrays = stored
    inlay("export", path, "-o", tmp_path / "all.npz")
    wanted = numbers_of(arrays)
    with np.load(tmp_path / "all.npz") as archive:
        assert set(archive.files) == set(wanted)
        for key, value in wanted.items():
            got = archive[key]
            assert got.shape == value.shape and got.tobytes() == value.tobytes(), key
            if value.dtype.name == "bfloat16":
                assert got.dtype == "V2" and got.view(value.dtype).dtype == value.dtype
            else:
                assert got.dtype == value.dtype, key
            inlay("export", path, key, "-o", tmp_path / "one.npy", "--force")
            one = np.load(tmp_path / "one.npy")
            assert one.dtype == got.dtype and one.tobytes() == value.tobytes(), key


def test_large_partitioned_tensors_come_in_parts(inlay, tmp_path):
    """40 MB in slices along the second dimension: more than one part is read at a time, and each from every slice."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        split = tf.compat.v1.get_variable("split", (1, 50000, 200), initializer=tf.compat.v1.random_normal_initializer(),
                                              partitioner=tf.compat.v1.fixed_size_partitioner(3, axis=1))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver([*split]).save(session, str(tmp_path / "ckpt"))
    rows = tf.train.load_checkpoint(str(tmp_path / "ckpt")).get_tensor("split")
    inlay("export", tmp_path / "ckpt", "split", "-o", tmp_path / "split.npy")
    assert np.load(tmp_path / "split.npy").tobytes() == rows.tobytes()
    stats = json.loads(inlay("tensors", tmp_path / "ckpt", "split", "--stats", "--json"))[0]["stats"]
    assert (stats["min"], stats["max"]) == (rows.min(), rows.max())
    assert stats["mean"] == pytest.approx(rows.astype(np.float64).mean(), rel=1e-9)


def test_constants_of_a_frozen_graph(inlay, tmp_path):
    arrays = {f"c{i}": values(d, (3, 4), i) for i, d in enumerate(DTYPES)}
    arrays["splat"] = np.full((50, 60), 2.5, np.float32)
    arrays["empty"] = np.zeros((0, 3), np.int64)
    with tf.Graph().as_default() as graph:
        for name, value in arrays.items():
            tf.constant(value, name=name)
        tf.constant([b"text", b"\xff\x00"], name="strings")
    (tmp_path / "g.pb").write_bytes(graph.as_graph_def().SerializeToString())
    inlay("export", tmp_path / "g.pb", "-o", tmp_path / "out")
    for name, value in arrays.items():
        got = np.load(tmp_path / f"out/{name}.npy")
        assert got.shape == value.shape and got.tobytes() == value.tobytes(), name
    assert json.loads((tmp_path / "out/strings.json").read_text()) == ["text", {"b64": "/wA="}]
