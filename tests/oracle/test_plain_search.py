"""Searches as people write them in Python: run as one scan, with TensorFlow's answers. What is only alike runs as it is."""

import numpy as np
import pytest
import tensorflow as tf

from runtime_tool import Runner

N, DIM = 700, 24
rng = np.random.default_rng(5)
ROWS = rng.standard_normal((N, DIM)).astype(np.float32)
ROWS[9] = ROWS[3]  # a tie
ROWS[600] = ROWS[3]
BIAS = rng.standard_normal(N).astype(np.float32)


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


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


@pytest.mark.parametrize("name", TAKEN)
def test_taken_and_answered_as_tensorflow_does(runner, tmp_path, name):
    scores = TAKEN[name]
    check(runner, Model(scores), tmp_path / "model", scores, rounding=2e-5 if "expanded" in name else 2e-6)


ONE = {
    "matvec": lambda m, q: tf.linalg.matvec(m.rows, q),
    "matvec_columns": lambda m, q: tf.linalg.matvec(m.columns, q, transpose_a=True),
    "row": lambda m, q: tf.squeeze(tf.matmul(tf.expand_dims(q, 0), m.rows, transpose_b=True), 0),
    "row_columns": lambda m, q: tf.squeeze(tf.matmul(tf.expand_dims(q, 0), m.columns), axis=[0]),
    "product": lambda m, q: tf.reduce_sum(m.rows * q, 1),
    "cosine": lambda m, q: tf.linalg.matvec(tf.nn.l2_normalize(m.rows, 1), tf.nn.l2_normalize(q, 0)),
    "keras_cosine": lambda m, q: -tf.keras.losses.cosine_similarity(m.rows, q),
    "cosine_divided": lambda m, q: tf.linalg.matvec(m.rows, q) / (tf.norm(q) * norm(m.rows)),
    "l2": lambda m, q: -tf.reduce_sum(tf.square(m.rows - q), -1),
    "distance": lambda m, q: -tf.norm(q - m.rows, axis=1),
}


@pytest.mark.parametrize("name", ONE)
def test_one_query(runner, tmp_path, name):
    scores = ONE[name]
    module = Model(scores, spec=(DIM,))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    for k in (0, 1, 9, N):
        query = rng.standard_normal(DIM).astype(np.float32)
        theirs = module.search(tf.constant(query), tf.constant(k))
        compare(ask(runner, query, k), theirs, scores(module, tf.constant(query)))


NOT_TAKEN = {
    "rounded": lambda m, q: tf.round(tf.matmul(q, m.rows, transpose_b=True)),
    "squared": lambda m, q: tf.square(tf.matmul(q, m.rows, transpose_b=True)),
    "softmax": lambda m, q: tf.nn.softmax(tf.matmul(q, m.rows, transpose_b=True)),
    "masked": lambda m, q: tf.where(tf.range(N)[None] % 3 == 0, -1e9, tf.matmul(q, m.rows, transpose_b=True)),
    "two_products": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) + tf.matmul(tf.abs(q), m.columns),
    "product_and_numbers_twice": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) * m.bias + m.bias,
    "rows_of_the_run": lambda m, q: tf.matmul(q, m.rows + q[:1] * 0.5, transpose_b=True),
    "rows_scaled_by_dimension": lambda m, q: tf.matmul(q, m.rows * tf.range(1.0, DIM + 1), transpose_b=True),
    "norms_of_columns": lambda m, q: tf.matmul(q, tf.nn.l2_normalize(m.rows, 0), transpose_b=True),
    "norm_of_all": lambda m, q: tf.matmul(q, tf.nn.l2_normalize(m.rows), transpose_b=True),
    "manhattan": lambda m, q: -tf.reduce_sum(tf.abs(q[:, None] - m.rows[None]), -1),
    "cubed": lambda m, q: -tf.reduce_sum((q[:, None] - m.rows[None]) ** 3, -1),
    "mean": lambda m, q: -tf.reduce_mean(tf.square(q[:, None] - m.rows[None]), -1),
    "furthest": lambda m, q: tf.reduce_sum(tf.square(q[:, None] - m.rows[None]), -1),
    "guarded_outer_product": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) / (norm(q, 1, True) * norm(m.rows) + 0.5),
    "root_of_products": lambda m, q: tf.sqrt(tf.square(tf.matmul(q, m.rows, transpose_b=True))),
    "root_and_more": lambda m, q: tf.reduce_sum(q * q, 1)[:, None] - tf.norm(q[:, None, :] - m.rows[None], axis=-1),
    "other_shape": lambda m, q: tf.reshape(tf.matmul(q, m.rows, transpose_b=True), [-1, 100]),
    "numbers_of_the_run": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) + tf.reduce_sum(q),
    "queries_without_their_norm": lambda m, q: tf.matmul(q, m.rows, transpose_b=True) - tf.reduce_max(q, 1, keepdims=True),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_near_misses_run_as_they_are(runner, tmp_path, name):
    scores = NOT_TAKEN[name]
    check(runner, Model(scores), tmp_path / "model", scores, taken=False, rounding=2e-5, batches=(3,), ks=(4,))


def product(m, q):
    return tf.matmul(q, m.rows, transpose_b=True)


def test_the_same_number_of_rows_and_dimensions(runner, tmp_path):
    """Which axis is which must not be guessed by its size."""
    square = rng.standard_normal((DIM, DIM)).astype(np.float32)
    for i, scores in enumerate((product, lambda m, q: tf.matmul(q, m.rows), TAKEN["cosine"], TAKEN["l2"],
                                lambda m, q: tf.matmul(q, tf.nn.l2_normalize(m.rows, 0)),
                                lambda m, q: tf.matmul(q, m.rows) / norm(m.rows, 0),
                                lambda m, q: tf.matmul(q, m.rows) / norm(m.rows, 1))):
        check(runner, Model(scores, square), tmp_path / f"taken{i}", scores, batches=(3, DIM), ks=(5,))
    for i, scores in enumerate((lambda m, q: tf.matmul(q, tf.nn.l2_normalize(m.rows, 1)),
                                lambda m, q: tf.matmul(q, m.rows) / norm(m.rows, 1)[:, None],
                                lambda m, q: -tf.reduce_sum(tf.square(q[:, None] - m.rows[None]), 1))):
        module = Model(scores, square)
        assert runner.open(save(module, tmp_path / f"left{i}")) == "ok"
        assert_taken(runner, False)


def test_sums_beyond_float_products_keep_small_distances(runner, tmp_path):
    """Squares of differences, not the expanded form, which would lose them all."""
    rows = (1000 + rng.standard_normal((300, DIM))).astype(np.float32)
    module = Model(TAKEN["l2"], rows)
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    queries = rows[:20] + rng.standard_normal((20, DIM)).astype(np.float32) / 100
    compare(ask(runner, queries, 5), module.search(tf.constant(queries), tf.constant(5)))


@pytest.mark.parametrize("name", ["product", "cosine", "l2", "l2_expanded", "cosine_divided"])
def test_more_than_there_are_is_an_error(runner, tmp_path, name):
    module = Model(TAKEN[name], ROWS[:20])
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    queries = rng.standard_normal((2, DIM)).astype(np.float32)
    compare(ask(runner, queries, 20), module.search(tf.constant(queries), tf.constant(20)), rounding=2e-5)
    for k in (21, -1):
        with pytest.raises(tf.errors.InvalidArgumentError):
            module.search(tf.constant(queries), tf.constant(k))
        answer, _ = runner.run({"q": queries, "k": np.int32(k)}, ["values"], "search")
        assert answer.startswith("INVALID_ARGUMENT") and f"k is {k}" in answer


def test_queries_of_another_width_are_an_error(runner, tmp_path):
    module = Model(product, spec=(None, None))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    answer, _ = runner.run({"q": np.zeros((2, DIM + 1), np.float32), "k": np.int32(1)}, ["values"], "search")
    assert answer.startswith("INVALID_ARGUMENT") and "[2, 25]" in answer


def test_widened_queries_of_unknown_width_are_left(runner, tmp_path):
    """They may be one wide, and then they are spread."""
    module = Model(TAKEN["l2"], spec=(None, None))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner, False)
    queries = rng.standard_normal((2, 1)).astype(np.float32)
    compare(ask(runner, queries, 3), module.search(tf.constant(queries), tf.constant(3)))


def test_queries_of_three_dimensions(runner, tmp_path):
    module = Model(product, spec=(None, None, DIM))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    queries = rng.standard_normal((3, 5, DIM)).astype(np.float32)
    compare(ask(runner, queries, 4), module.search(tf.constant(queries), tf.constant(4)))


@pytest.mark.parametrize("top,taken", [
    (lambda s, k: tf.raw_ops.TopKV2(input=s, k=k, index_type=tf.int64), True),
    (lambda s, k: tf.math.top_k(s, tf.minimum(k, 7)), True),
    (lambda s, k: tf.math.top_k(s, 6), True),
    (lambda s, k: tf.math.top_k(s, tf.cast(k, tf.int16)), True),
    (lambda s, k: tf.math.top_k(s, k, sorted=False), False),
    (lambda s, k: tf.math.top_k(tf.cast(s, tf.float64), k), False),
])
def test_forms_of_top_k(runner, tmp_path, top, taken):
    module = Model(product, top=lambda s, k: [tf.cast(t, tf.float32) if t.dtype == tf.float64 else t for t in top(s, k)])
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner, taken)
    queries = rng.standard_normal((3, DIM)).astype(np.float32)
    ours, theirs = ask(runner, queries, 10), module.search(tf.constant(queries), tf.constant(10))
    if taken:  # an order of its own, without sorting
        compare(ours, theirs)


def test_scores_that_are_asked_for_are_not_computed_twice(runner, tmp_path):
    module = Model(product)
    module.search = tf.function(lambda q, k: {**module.answer(product(module, q), k, tf.math.top_k), "all": product(module, q)},
                                input_signature=module.search.input_signature)
    assert runner.open(save(module, tmp_path / "separate")) == "ok"
    assert_taken(runner)  # two products, one of them searched

    def both(q, k):
        scores = product(module, q)
        return {**module.answer(scores, k, tf.math.top_k), "all": scores}

    module.search = tf.function(both, input_signature=module.search.input_signature)
    assert runner.open(save(module, tmp_path / "shared")) == "ok"
    assert_taken(runner, False)
    queries = rng.standard_normal((3, DIM)).astype(np.float32)
    ours, theirs = ask(runner, queries, 5, ("values", "places", "all")), module.search(tf.constant(queries), tf.constant(5))
    compare(ours, theirs)
    np.testing.assert_allclose(ours["all"], theirs["all"], rtol=1e-4, atol=1e-4)


HOSTILE = ("product", "cosine", "cosine_divided", "l2", "l2_expanded", "plus_bias")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_finite_is_as_the_graph_has_it(runner, tmp_path, name):
    """NaN has no order in TensorFlow; here it is below all numbers, scan or not."""
    rows = ROWS[:60].copy()
    rows[3, 2], rows[5, 1], rows[7, 0], rows[11] = np.nan, np.inf, -np.inf, 0
    module = Model(TAKEN[name], rows)
    path = save(module, tmp_path / "model")
    queries = rng.standard_normal((6, DIM)).astype(np.float32)
    queries[1, 3], queries[2, 0], queries[3] = np.nan, np.inf, 0
    queries[4] = 3e30
    found = []
    for plain in (True, False):
        assert runner.open(path, plain) == "ok"
        if not plain:
            assert_taken(runner)
        found.append([ask(runner, queries, k) for k in (1, 5, 58, 60)])
    for graph, scan in zip(*found):
        compare(scan, graph, rounding=2e-5)
        assert np.isnan(graph["values"]).sum() == np.isnan(scan["values"]).sum()


def test_infinite_scores_are_as_in_tensorflow(runner, tmp_path):
    """-inf for rows that are out is an idiom; ties among them go by place."""
    module = Model(TAKEN["plus_bias"], ROWS[:50])
    module.bias.assign(np.where(np.arange(50) % 3 == 0, -np.inf, 0).astype(np.float32))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    queries = rng.standard_normal((4, DIM)).astype(np.float32)
    for k in (1, 30, 40, 50):
        compare(ask(runner, queries, k), module.search(tf.constant(queries), tf.constant(k)))


def test_zero_rows_and_queries(runner, tmp_path):
    rows = ROWS[:50].copy()
    rows[4] = rows[20] = 0
    queries = rng.standard_normal((4, DIM)).astype(np.float32)
    queries[2] = 0
    for name in ("product", "cosine", "keras_cosine", "cosine_guarded", "l2", "l2_expanded"):
        module = Model(TAKEN[name], rows)
        assert runner.open(save(module, tmp_path / name)) == "ok"
        assert_taken(runner)
        theirs = module.search(tf.constant(queries), tf.constant(50))
        compare(ask(runner, queries, 50), theirs, TAKEN[name](module, tf.constant(queries)), 2e-5)


class Trained(tf.Module):
    """Rows that one signature changes, before or after it searches them."""

    def __init__(self, scores):
        super().__init__()
        self.rows = tf.Variable(ROWS)
        query, places = tf.TensorSpec([None, DIM], tf.float32, name="q"), tf.TensorSpec([], tf.float32, name="by")

        def found(q):
            values, where = tf.math.top_k(scores(self, q), 5)
            return {"values": values, "places": where}

        def before(q, by):
            found_before = found(q)
            self.rows.assign(self.rows * by + 1)
            return found_before

        def after(q, by):
            self.rows.assign(self.rows * by + 1)
            return found(q)

        self.search = tf.function(found, input_signature=[query])
        self.before = tf.function(before, input_signature=[query, places])
        self.after = tf.function(after, input_signature=[query, places])


@pytest.mark.parametrize("name", ["product", "cosine", "cosine_quotients", "l2", "l2_expanded"])
def test_assigned_rows_are_searched_as_they_are_then(runner, tmp_path, name):
    module = Trained(TAKEN[name])
    tf.saved_model.save(module, str(tmp_path / "model"),
                        signatures={key: getattr(module, key) for key in ("search", "before", "after")})
    assert runner.open(tmp_path / "model") == "ok"
    assert_taken(runner)
    assert_taken(runner, signature="before")
    assert_taken(runner, signature="after")
    queries = rng.standard_normal((4, DIM)).astype(np.float32)
    for step in ("search", "after", "search", "before", "search", "search", "after", "after", "search"):
        args = {"q": queries} if step == "search" else {"q": queries, "by": np.float32(0.6)}
        answer, ours = runner.run(args, ["values", "places"], step)
        assert answer == "ok", answer
        theirs = getattr(module, step)(*map(tf.constant, args.values()))
        compare(ours, theirs, rounding=2e-5)


def test_what_must_wait_for_something_else_stays(runner, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        rows = v1.get_variable("rows", initializer=ROWS, use_resource=True)
        count = v1.get_variable("count", initializer=0.0, use_resource=True)
        q, before = v1.placeholder(tf.float32, [None, DIM]), rows.read_value()
        with tf.control_dependencies([v1.assign(count, count + 1).op]):
            scores = tf.matmul(q, before, transpose_b=True)
        values, places = tf.math.top_k(scores, 3)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "model"), {"q": q}, {"values": values, "places": places})
    assert runner.open(tmp_path / "model") == "ok"
    assert_taken(runner, False, "serving_default")
    assert "AssignVariableOp" in ops(runner, "serving_default")


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("name", ["product", "turned", "cosine", "l2", "l2_expanded"])
def test_models_of_tensorflow_1(runner, tmp_path, name, resource):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        class Variables:
            rows = v1.get_variable("rows", initializer=ROWS, use_resource=resource)
        ids = v1.get_variable("ids", initializer=np.arange(N, dtype=np.int64) * 10, use_resource=resource)
        q, k = v1.placeholder(tf.float32, [None, DIM], "q"), v1.placeholder_with_default(3, [], "k")
        scores = TAKEN[name](Variables, q)
        values, places = tf.math.top_k(scores, k)
        names = tf.gather(ids, places)
        session.run(v1.global_variables_initializer())
        queries = rng.standard_normal((4, DIM)).astype(np.float32)
        keys = {"values": values, "places": places, "ids": names}
        theirs = session.run(keys, {q: queries})
        v1.saved_model.simple_save(session, str(tmp_path / "model"), {"q": q, "k": k}, keys)
    assert runner.open(tmp_path / "model") == "ok"
    assert_taken(runner, signature="serving_default")
    answer, ours = runner.run({"q": queries}, list(keys), "serving_default")
    assert answer == "ok", answer
    compare(ours, theirs, rounding=2e-5)
    np.testing.assert_array_equal(ours["ids"], theirs["ids"])


class BruteForce(tf.keras.layers.Layer):
    """As tensorflow_recommenders.layers.factorized_top_k.BruteForce has it."""

    def __init__(self, k=10, query_model=None):
        super().__init__()
        self.query_model, self.k = query_model, k

    def index(self, candidates, identifiers):
        self.identifiers = tf.Variable(identifiers, trainable=False, name="identifiers")
        self.candidates = tf.Variable(candidates, trainable=False, name="candidates")
        return self

    def call(self, queries, k=None):
        if self.query_model is not None:
            queries = self.query_model(queries)
        scores = tf.matmul(queries, self.candidates, transpose_b=True)
        values, indices = tf.math.top_k(scores, k=k if k is not None else self.k)
        return values, tf.gather(self.identifiers, indices)


def test_the_brute_force_layer_of_recommenders(runner, tmp_path):
    kernel = tf.Variable(rng.standard_normal((6, DIM)).astype(np.float32))
    layer = BruteForce(8, lambda x: tf.nn.relu(tf.matmul(x, kernel))).index(ROWS, [b"id %d" % i for i in range(N)])
    users = rng.standard_normal((5, 6)).astype(np.float32)
    theirs = layer(tf.constant(users))

    @tf.function(input_signature=[tf.TensorSpec([None, 6], tf.float32, name="users")])
    def serve(users):
        values, names = layer(users)
        return {"values": values, "names": names}

    layer.kernel = kernel
    tf.saved_model.save(layer, str(tmp_path / "model"), signatures={"search": serve})
    assert runner.open(tmp_path / "model") == "ok"
    assert_taken(runner)
    answer, ours = runner.run({"users": users}, ["values", "names"], "search")
    assert answer == "ok", answer
    np.testing.assert_allclose(ours["values"], theirs[0], rtol=2e-5, atol=2e-5)
    assert ours["names"].tolist() == theirs[1].numpy().tolist()


class Cosine(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.rows = self.add_weight(shape=ROWS.shape, name="rows", initializer=lambda shape, dtype: ROWS)
        self.similarity = tf.keras.losses.CosineSimilarity(axis=-1, reduction=None)

    def call(self, q):
        values, places = tf.math.top_k(-self.similarity(tf.expand_dims(q, 1), self.rows[None]), 7)
        return {"values": values, "places": places}


def test_an_exported_keras_model(runner, tmp_path):
    inputs = tf.keras.Input((DIM,), name="q")
    model = tf.keras.Model(inputs, Cosine()(inputs))
    queries = rng.standard_normal((5, DIM)).astype(np.float32)
    theirs = model(queries)
    model.export(str(tmp_path / "model"), verbose=False)
    assert runner.open(tmp_path / "model") == "ok"
    assert_taken(runner, signature="serving_default")
    answer, ours = runner.run({"q": queries}, ["values", "places"], "serving_default")
    assert answer == "ok", answer
    compare(ours, theirs)
