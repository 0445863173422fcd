"""V1 checkpoints that TensorFlow writes, read by us."""

import numpy as np
import pytest
import tensorflow as tf

from bundle_tool import dump, equal, load, tool

rng = np.random.default_rng(11)


def every_dtype():
    """A tensor of each dtype that V1 checkpoints can hold."""
    bits = rng.integers(0, 256, 4096, np.uint8).tobytes()
    tensors = {}
    for dtype in (tf.float32, tf.float64, tf.int32, tf.uint8, tf.int16, tf.int8, tf.complex64, tf.complex128, tf.int64,
                  tf.half):
        values = np.frombuffer(bits, dtype.as_numpy_dtype)[:24]
        tensors[f"t/{dtype.name}"] = tf.constant(values.reshape(2, 3, 4), dtype)
    for dtype in (tf.qint8, tf.quint8, tf.qint32):
        wide = tf.constant(np.linspace(-1, 1, 24).reshape(4, 6).astype(np.float32))
        tensors[f"q/{dtype.name}"] = tf.quantization.quantize(wide, -1.0, 1.0, dtype).output
    tensors["t/bool"] = tf.constant(rng.integers(0, 2, (7, 3)).astype(bool))
    tensors["scalar"] = tf.constant(np.float32(1.5))
    tensors["none"] = tf.zeros((0, 3), tf.int64)
    tensors["large"] = tf.constant(rng.random((500, 300)).astype(np.float32))
    tensors["strings"] = tf.constant([[b"", b"one"], [b"\xff\0two", b"x" * 300]])
    return tensors


def save(path, tensors):
    tf.raw_ops.Save(filename=str(path), tensor_names=list(tensors), data=list(tensors.values()))


def test_every_dtype_is_read(tmp_path):
    tensors = every_dtype()
    save(tmp_path / "old", tensors)
    ours = dump(tmp_path / "old", tmp_path / "out")
    assert set(ours) == set(tensors)
    for key, wanted in tensors.items():
        assert ours[key][0] == wanted.dtype.name
        assert equal(wanted.numpy(), ours[key][1]), key


def save_slices(path, key, whole, cuts):
    specs, parts = [], []
    for cut in cuts:
        specs.append(" ".join(map(str, whole.shape)) + " " + ":".join("-" if c is None else f"{c[0]},{c[1]}" for c in cut))
        parts.append(whole.numpy()[tuple(slice(None) if c is None else slice(c[0], c[0] + c[1]) for c in cut)])
    tf.raw_ops.SaveSlices(filename=str(path), tensor_names=[key] * len(cuts), shapes_and_slices=specs,
                          data=[tf.constant(part, whole.dtype) for part in parts])


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("dtype", [tf.float32, tf.int64, tf.half, tf.bool], ids=lambda d: d.name)
def test_slices_are_put_together(tmp_path, dtype, files):
    whole = tf.cast(tf.constant(np.arange(10 * 7).reshape(10, 7) % 3), dtype)
    cuts = [((0, 4), None), ((4, 6), (0, 3)), ((4, 6), (3, 4))]
    if files == 1:
        save_slices(tmp_path / "old", "v", whole, cuts)
    else:
        save_slices(tmp_path / "old-00000-of-00002", "v", whole, cuts[:1])
        save_slices(tmp_path / "old-00001-of-00002", "v", whole, cuts[1:])
    ours = dump(tmp_path / "old", tmp_path / "out")
    assert list(ours) == ["v"] and ours["v"][2] == 3
    assert equal(whole.numpy(), ours["v"][1])
    for spec, index in (("2,5:-", np.s_[2:7]), ("0,4:-", np.s_[0:4]), ("5,3:2,3", np.s_[5:8, 2:5])):
        dims = tool("slice", tmp_path / "old", "v", f"10 7 {spec}", tmp_path / spec).strip()
        assert equal(whole.numpy()[index], load(dtype.name, dims, tmp_path / spec)), spec


def test_what_is_missing_is_named(tmp_path):
    whole = tf.constant(np.arange(12.0).reshape(6, 2))
    save_slices(tmp_path / "gap", "v", whole, [((0, 2), None), ((4, 2), None)])
    tool("dump", tmp_path / "gap", tmp_path, fails="do not cover")
    save_slices(tmp_path / "half-00000-of-00002", "v", whole, [((0, 3), None)])
    tool("dump", tmp_path / "half", tmp_path, fails="half-00001-of-00002: is missing")
    tool("dump", tmp_path / "nothing", tmp_path, fails="no such checkpoint")
    save_slices(tmp_path / "half-00000-of-00003", "v", whole, [((0, 3), None)])
    tool("dump", tmp_path / "half", tmp_path, fails="there are files of")


def test_a_saver_of_version_1(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("w", initializer=np.arange(6, dtype=np.float32).reshape(2, 3), use_resource=False)
        tf.compat.v1.get_variable("layer/b", initializer=np.int32(7), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V1)
        path = saver.save(session, str(tmp_path / "model.ckpt"), global_step=3)
    ours = dump(path, tmp_path / "out")
    assert {key: values.tolist() for key, (_, values, _) in ours.items()} == {"w": [[0, 1, 2], [3, 4, 5]], "layer/b": 7}


def test_the_table_written_again_is_the_same_file(tmp_path):
    save(tmp_path / "old", every_dtype())
    tool("table", tmp_path / "old", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "old").read_bytes()
