"""What inlay merge writes, read by TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from test_store import values


def test_two_sessions_saves(inlay, tmp_path):
    arrays = {}
    for part in ("a", "b"):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            own = {f"{part}/{d}": values(d, (5, 3), 2) for d in ("float32", "int64", "float16")}
            made = [tf.compat.v1.get_variable(k, initializer=v) for k, v in own.items()]
            session.run(tf.compat.v1.global_variables_initializer())
            tf.compat.v1.train.Saver(made).save(session, str(tmp_path / part))
            arrays |= own
    inlay("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "both")
    reader = tf.train.load_checkpoint(str(tmp_path / "both"))
    assert set(reader.get_variable_to_shape_map()) == set(arrays)
    for key, value in arrays.items():
        assert reader.get_tensor(key).tobytes() == value.tobytes(), key


class Layer(tf.Module):
    def __init__(self, seed):
        super().__init__()
        self.kernel = tf.Variable(values("float32", (4, 3), seed))
        self.bias = tf.Variable(values("float32", (3,), seed + 2))


def save(tmp_path, name, **objects):
    return tf.train.Checkpoint(**objects).save(str(tmp_path / name))


def test_objects_are_found_by_their_paths(inlay, tmp_path):
    """Two tf.train.Checkpoints of other objects, one of them with a shared one and slots, restore from the merged one."""
    encoder, decoder = Layer(2), Layer(4)
    optimizer = tf.keras.optimizers.Adam()
    optimizer.build([decoder.kernel, decoder.bias])
    optimizer.iterations.assign(7)
    a = save(tmp_path, "a/ckpt", encoder=encoder)
    b = save(tmp_path, "b/ckpt", decoder=decoder, optimizer=optimizer, again=decoder)
    inlay("merge", a, b, "-o", f"{tmp_path}/both/")
    fresh, other, adam = Layer(6), Layer(8), tf.keras.optimizers.Adam()
    adam.build([other.kernel, other.bias])
    target = tf.train.Checkpoint(encoder=fresh, decoder=other, optimizer=adam)
    target.restore(tf.train.latest_checkpoint(str(tmp_path / "both"))).assert_existing_objects_matched()
    for got, want in ((fresh.kernel, encoder.kernel), (fresh.bias, encoder.bias), (other.kernel, decoder.kernel),
                      (other.bias, decoder.bias), (adam.iterations, optimizer.iterations)):
        np.testing.assert_array_equal(got.numpy(), want.numpy())
    alone = Layer(10)
    tf.train.Checkpoint(encoder=alone).restore(tf.train.latest_checkpoint(str(tmp_path / "both"))).expect_partial()
    np.testing.assert_array_equal(alone.kernel.numpy(), encoder.kernel.numpy())


def test_objects_of_one_name_are_joined(inlay, tmp_path):
    """Both have `model`, with other layers in it."""
    class Model(tf.Module):
        pass

    one, two, both = Model(), Model(), Model()
    one.first, two.second = Layer(2), Layer(4)
    both.first, both.second = Layer(6), Layer(8)
    inlay("merge", save(tmp_path, "a", model=one), save(tmp_path, "b", model=two), "-o", tmp_path / "both")
    tf.train.Checkpoint(model=both).restore(str(tmp_path / "both")).assert_existing_objects_matched()
    np.testing.assert_array_equal(both.first.kernel.numpy(), one.first.kernel.numpy())
    np.testing.assert_array_equal(both.second.bias.numpy(), two.second.bias.numpy())


def test_the_same_object_twice_is_refused(inlay, tmp_path):
    a, b = save(tmp_path, "a", model=Layer(2)), save(tmp_path, "b", model=Layer(4))
    with pytest.raises(AssertionError, match="is in an earlier part too"):
        inlay("merge", a, b, "-o", tmp_path / "both")
    inlay("merge", a, b, "-o", tmp_path / "both", "--first-wins")
    got = Layer(6)
    tf.train.Checkpoint(model=got).restore(str(tmp_path / "both")).assert_existing_objects_matched()
    np.testing.assert_array_equal(got.kernel.numpy(), Layer(2).kernel.numpy())
