"""Models that search as people write it in Python, and what their answers are compared with."""

import numpy as np
import tensorflow as tf

N, DIM = 700, 24
rng = np.random.default_rng(5)
ROWS = rng.standard_normal((N, DIM)).astype(np.float32)
ROWS[9] = ROWS[3]  # a tie
ROWS[600] = ROWS[3]
BIAS = rng.standard_normal(N).astype(np.float32)


class Model(tf.Module):
    """SCORES(self, q) of queries [batch, DIM], searched for the K best."""

    def __init__(self, scores, rows=ROWS, spec=(None, DIM), top=tf.math.top_k):
        super().__init__()
        self.rows = tf.Variable(rows)
        self.columns = tf.Variable(np.ascontiguousarray(rows.T))
        self.half = tf.Variable(rows.astype(np.float16))
        self.bias = tf.Variable(BIAS[:len(rows)])
        self.names = tf.Variable([f"row {i}" for i in range(len(rows))])
        self.fixed, self.scale = rows, tf.Variable(-0.7)
        self.search = tf.function(lambda q, k: self.answer(scores(self, q), k, top), input_signature=[
            tf.TensorSpec(spec, tf.float32, name="q"), tf.TensorSpec([], tf.int32, name="k")])

    def answer(self, scores, k, top):
        values, places = top(scores, k)
        return {"values": values, "places": places, "names": tf.gather(self.names, places)}


def save(module, path):
    tf.saved_model.save(module, str(path), signatures={"search": module.search})
    return path


def ops(runner, signature="search"):
    return [line.split(" = ", 1)[1].split("(")[0] for line in runner.describe(signature)]


def assert_taken(runner, taken=True, signature="search"):
    found = ops(runner, signature)
    assert found.count("_InlayTopK") == int(taken), found
    assert found.count("TopKV2") == int(not taken), found


def compare(ours, theirs, scores=None, rounding=1e-6):
    """Values up to rounding; places where scores are further apart than that. SCORES [batch, rows]: all, by TensorFlow."""
    theirs = {key: np.asarray(value) for key, value in theirs.items()}
    assert ours["values"].dtype == np.float32 and ours["places"].dtype == theirs["places"].dtype
    assert ours["values"].shape == theirs["values"].shape and ours["places"].shape == theirs["places"].shape
    finite = np.isfinite(theirs["values"])
    np.testing.assert_array_equal(ours["values"][~finite], theirs["values"][~finite])
    scale = np.abs(theirs["values"][finite]).max(initial=1)
    assert np.abs(ours["values"][finite] - theirs["values"][finite]).max(initial=0) <= rounding * scale
    if scores is not None:
        own = np.take_along_axis(np.asarray(scores), ours["places"].astype(np.int64), -1)
        near = np.abs(own[finite] - theirs["values"][finite]) <= rounding * scale
        assert (near | (ours["places"] == theirs["places"])[finite]).all()
    else:
        np.testing.assert_array_equal(ours["places"], theirs["places"])


def ask(runner, queries, k, keys=("values", "places", "names")):
    answer, values = runner.run({"q": queries, "k": np.int32(k)}, list(keys), "search")
    assert answer == "ok", answer
    return values


def check(runner, module, path, scores, taken=True, rounding=2e-6, batches=(0, 1, 5, 40), ks=(0, 1, 10)):
    assert runner.open(save(module, path)) == "ok"
    assert_taken(runner, taken)
    for batch in batches:
        queries = rng.standard_normal((batch, DIM)).astype(np.float32)
        for k in ks:
            theirs = module.search(tf.constant(queries), tf.constant(k))
            ours = ask(runner, queries, k)
            compare(ours, theirs, scores(module, tf.constant(queries)), rounding)
            assert ours["names"].tolist() == [[f"row {i}".encode() for i in row] for row in ours["places"]]


def norm(x, axis=-1, keepdims=False):
    return tf.sqrt(tf.reduce_sum(x * x, axis, keepdims=keepdims))


def keras_cosine(m, q):
    return -tf.keras.losses.cosine_similarity(q[:, None, :], m.rows[None])


def keras_dot(q, rows, *axes, normalize=True):
    """Of a batch and of rows that are spread over it, which Dot takes only when it does not know how large a batch is."""
    spec = [tf.TensorSpec([None, *x.shape[1:]], tf.float32) for x in (q, rows)]
    return tf.function(lambda *x: tf.keras.layers.Dot(axes=axes, normalize=normalize)(list(x)), input_signature=spec)(q, rows)


TAKEN = {
    "product": lambda m, q: tf.matmul(q, m.rows, transpose_b=True),
    "columns": lambda m, q: tf.matmul(q, m.columns),
    "turned": lambda m, q: q @ tf.transpose(m.rows),
    "turned_columns": lambda m, q: tf.matmul(q, tf.transpose(m.columns), transpose_b=True),
    "constant": lambda m, q: tf.matmul(q, tf.constant(m.fixed), transpose_b=True),
    "half": lambda m, q: tf.matmul(q, tf.cast(m.half, tf.float32), transpose_b=True),
    "function": lambda m, q: tf.identity(tf.function(lambda x: tf.matmul(x, tf.identity(m.rows), transpose_b=True))(q)),
    "dense": lambda m, q: tf.nn.bias_add(tf.matmul(q, m.columns), m.bias),
    "plus_bias": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) + m.bias[None],
    "temperature": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) / 0.07,
    "worst": lambda m, q: -tf.matmul(q, m.rows, transpose_b=True),
    "times_numbers": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) * m.bias,
    "cosine": lambda m, q: tf.matmul(tf.nn.l2_normalize(q, -1), tf.nn.l2_normalize(m.rows, -1), transpose_b=True),
    "cosine_columns": lambda m, q: tf.matmul(tf.nn.l2_normalize(q, 1), tf.nn.l2_normalize(m.columns, 0)),
    "cosine_turned": lambda m, q: tf.nn.l2_normalize(q, 1) @ tf.transpose(tf.nn.l2_normalize(m.rows, 1)),
    "cosine_constant": lambda m, q: tf.matmul(tf.nn.l2_normalize(q, 1), tf.nn.l2_normalize(tf.constant(m.fixed), 1),
                                              transpose_b=True),
    "cosine_divided": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) / (
        norm(q, 1, True) * norm(m.rows, 1)),
    "cosine_quotients": lambda m, q: tf.matmul(q / tf.norm(q, axis=1, keepdims=True),
                                               m.rows / tf.norm(m.rows, axis=1, keepdims=True), transpose_b=True),
    "cosine_two_divisions": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) / norm(m.rows)[None, :] / norm(q)[:, None],
    "cosine_guarded": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) / tf.maximum(norm(m.rows), 1e-6),
    "cosine_widened": lambda m, q: tf.reduce_sum(
        tf.nn.l2_normalize(q, -1)[:, None, :] * tf.nn.l2_normalize(m.rows, -1)[None], -1),
    "keras_cosine": keras_cosine,
    "keras_cosine_expanded": lambda m, q: -tf.keras.losses.cosine_similarity(tf.expand_dims(q, 1), m.rows),
    "keras_dot": lambda m, q: keras_dot(q, m.rows[None], 1, 2),
    "keras_dot_columns": lambda m, q: keras_dot(q, m.columns[None], 1, 1),
    "keras_dot_plain": lambda m, q: keras_dot(q, tf.expand_dims(m.rows, 0), 1, 2, normalize=False),
    "keras_dot_squeezed": lambda m, q: tf.squeeze(keras_dot(q[:, None], m.rows[None], 2, 2), 1),
    "keras_dot_first": lambda m, q: keras_dot(q[:, None], m.rows[None], 2, 2)[:, 0] / 0.07,
    "keras_unit": lambda m, q: tf.matmul(tf.keras.layers.UnitNormalization()(q), tf.keras.layers.UnitNormalization()(m.rows),
                                         transpose_b=True),
    "einsum": lambda m, q: tf.einsum("bd,nd->bn", q, m.rows),
    "einsum_columns": lambda m, q: tf.einsum("dn,bd->bn", m.columns, q),
    "l2": lambda m, q: -tf.reduce_sum(tf.square(q[:, None, :] - m.rows[None]), -1),
    "l2_short": lambda m, q: -tf.reduce_sum(tf.square(m.rows - q[:, None]), axis=2),
    "l2_power": lambda m, q: -tf.reduce_sum((tf.expand_dims(q, 1) - tf.expand_dims(m.rows, 0)) ** 2, axis=-1),
    "l2_times_itself": lambda m, q: (lambda d: -tf.reduce_sum(d * d, -1))(m.rows[None] - q[:, None]),
    "l2_squared_difference": lambda m, q: -tf.reduce_sum(tf.math.squared_difference(q[:, None, :], m.rows[None]), -1),
    "distance": lambda m, q: -tf.norm(q[:, None, :] - m.rows[None], axis=-1),
    "distance_by_hand": lambda m, q: 1 - tf.sqrt(tf.reduce_sum(tf.square(q[:, None, :] - m.rows[None]), 2)),
    "cosine_distance": lambda m, q: -(1 - tf.matmul(tf.nn.l2_normalize(q, 1), tf.nn.l2_normalize(m.rows, 1), transpose_b=True)),
    "tensordot": lambda m, q: tf.tensordot(q, m.rows, [[1], [1]]),
    "tensordot_turned": lambda m, q: tf.tensordot(q, tf.transpose(m.rows), 1),
    "learned_scale": lambda m, q: tf.exp(m.scale) * tf.matmul(q, m.rows, transpose_b=True) + m.bias,
    "l2_expanded": lambda m, q: -(tf.reduce_sum(tf.square(q), 1, keepdims=True) - 2 * tf.matmul(q, m.rows, transpose_b=True)
                                  + tf.reduce_sum(tf.square(m.rows), 1)),
    "l2_expanded_otherwise": lambda m, q: -(tf.reduce_sum(q * q, 1)[:, None] + tf.reduce_sum(m.rows ** 2, 1)[None, :]
                                            - 2 * tf.matmul(q, tf.transpose(m.rows))),
    "l2_ranking_only": lambda m, q: 2 * tf.matmul(q, m.rows, transpose_b=True) - tf.reduce_sum(m.rows * m.rows, -1),
}
