"""Searches as people write them in Python: run as one scan, with TensorFlow's answers. What is only alike runs as it is."""

import numpy as np
import pytest
import tensorflow as tf

from plain_models import DIM, N, ROWS, TAKEN, Model, ask, assert_taken, check, compare, keras_dot, norm, rng, save
from runtime_tool import Runner


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


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
    "first_of_two": lambda m, q: tf.matmul(tf.stack([q, -q], 1), m.rows[None], transpose_b=True)[:, 0],
    "last_of_one": lambda m, q: tf.matmul(q[:, None], m.rows[None], transpose_b=True)[:, -1],
    "rows_a_query": lambda m, q: keras_dot(q, m.rows[None] * (1 + tf.round(q[:, :1, None] * 0)), 1, 2),
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


@pytest.mark.parametrize("scores", [product, lambda m, q: tf.matmul(q, m.rows[None], transpose_b=True),
                                    lambda m, q: keras_dot(q, m.rows[None], 2, 2)])
def test_queries_of_three_dimensions(runner, tmp_path, scores):
    module = Model(scores, spec=(None, None, DIM))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    for batch in ((3, 5), (1, 1), (2, 0)):
        queries = rng.standard_normal((*batch, DIM)).astype(np.float32)
        compare(ask(runner, queries, 4), module.search(tf.constant(queries), tf.constant(4)))


@pytest.mark.parametrize("name", ["cosine", "cosine_columns", "cosine_guarded", "keras_dot", "keras_dot_columns", "keras_unit",
                                  "keras_cosine"])
def test_rows_and_queries_shorter_than_epsilon(runner, tmp_path, name):
    """Each way of normalising has an epsilon of its own, below which a vector stays short."""
    lengths = 10.0 ** np.linspace(-18, 2, 200)
    rows = ROWS[:200] / np.linalg.norm(ROWS[:200], axis=1, keepdims=True) * lengths[:, None]
    rows[[5, 50]] = 0
    module = Model(TAKEN[name], rows.astype(np.float32))
    assert runner.open(save(module, tmp_path / "model")) == "ok"
    assert_taken(runner)
    queries = (rng.standard_normal((6, DIM)) * np.array([1, 1e-3, 1e-7, 1e-9, 1e-14, 0])[:, None]).astype(np.float32)
    for k in (1, 20, 200):
        theirs = module.search(tf.constant(queries), tf.constant(k))
        compare(ask(runner, queries, k), theirs, TAKEN[name](module, tf.constant(queries)))


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
