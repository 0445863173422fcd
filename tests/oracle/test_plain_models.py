"""Plain searches where models come from elsewhere: rows that are trained, TF1, Keras, TensorFlow Recommenders."""

import json
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from conftest import PROGRAM
from plain_models import DIM, N, ROWS, TAKEN, assert_taken, compare, ops, rng, save
from runtime_tool import Runner


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


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


class Named(tf.Module):
    """A search whose outputs are called as a fused model's are."""

    def __init__(self, scores, change=lambda rows: rows, spec=(None, DIM), index_type=tf.int32):
        super().__init__()
        self.rows, self.columns = tf.Variable(ROWS), tf.Variable(np.ascontiguousarray(ROWS.T))
        self.half = tf.Variable(ROWS.astype(np.float16))

        def search(q, k):
            found = tf.raw_ops.TopKV2(input=scores(self, q), k=k, index_type=index_type)
            return {"scores": found.values, "indices": change(found.indices)}

        self.search = tf.function(search, input_signature=[tf.TensorSpec(spec, tf.float32, name="q"),
                                                           tf.TensorSpec([], tf.int32, name="k")])


def query(path, queries, *flags):
    np.save(path / "q.npy", queries)
    done = subprocess.run([PROGRAM, "query", path, "--inputs", f"q={path / 'q.npy'}", "--json", *map(str, flags)],
                          capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else [one["results"] for one in json.loads(done.stdout)["queries"]]


@pytest.mark.parametrize("name", ["product", "columns", "half", "cosine", "cosine_columns", "l2", "l2_expanded", "distance"])
@pytest.mark.parametrize("index_type", [tf.int32, tf.int64])
def test_vectors_are_the_rows_that_tensorflow_gathers(tmp_path, name, index_type):
    module = Named(TAKEN[name], index_type=index_type)
    save(module, tmp_path)
    queries = rng.standard_normal((3, DIM)).astype(np.float32)
    stored = tf.cast(module.half, tf.float32) if name == "half" else module.rows
    for k in (1, 6):
        theirs = module.search(tf.constant(queries), tf.constant(k))
        ours = query(tmp_path, queries, "--k", k, "--vectors")
        assert [[hit["index"] for hit in one] for one in ours] == theirs["indices"].numpy().tolist()
        vectors = np.array([[hit["vector"] for hit in one] for one in ours], np.float32)
        np.testing.assert_array_equal(vectors, tf.gather(stored, theirs["indices"]))
    assert query(tmp_path, queries[:0], "--k", 2, "--vectors") == [] and query(tmp_path, queries, "--k", 0, "--vectors") == [[]] * 3


def test_a_search_without_an_index_says_so(tmp_path):
    """Whoever asks for an index that cannot be is told why before anything is made."""
    for name, scores, saying, refusal in (
            ("taken", lambda m, q: tf.matmul(q, tf.constant(ROWS), transpose_b=True), "there is no index: all rows are read\n",
             "signature search: its rows are a constant of the graph, and not those of a stored variable"),
            ("apart", TAKEN["l2"], "there is no index: all rows are read\n",
             "signature search: it sums squared differences, for which there is no index; the same from products "
             "(2 q.x - |x|^2 - |q|^2) can have one"),
            ("left", lambda m, q: tf.round(TAKEN["product"](m, q)),
             "Inlay does not recognise the search: its graph computes all scores\n",
             "inlay fuse made none, and no signature ranks the rows of a stored variable")):
        path = tmp_path / name
        save(Named(scores), path)
        np.save(tmp_path / "q.npy", ROWS[:2])
        done = subprocess.run([PROGRAM, "query", path, "--inputs", f"q={tmp_path / 'q.npy'}", "--k", "3", "--verbose"],
                              capture_output=True, text=True, check=True)
        assert done.stderr == saying and done.stdout.count("\n") == 9
        before = sorted(path.rglob("*"))
        done = subprocess.run([PROGRAM, "index", path], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and done.stdout == "" and sorted(path.rglob("*")) == before
        assert done.stderr == f"inlay: {path}: holds no search whose rows could be indexed: {refusal}\n"


def test_vectors_of_one_query(tmp_path):
    save(Named(lambda m, q: tf.linalg.matvec(m.rows, q), spec=(DIM,)), tmp_path)
    answer, = query(tmp_path, ROWS[3], "--k", 4, "--vectors")
    assert len(answer) == 4
    for hit in answer:
        np.testing.assert_array_equal(np.array(hit["vector"], np.float32), ROWS[hit["index"]])


def test_vectors_that_cannot_be_told_are_refused(tmp_path):
    """Numbers that are not the rows found, a search that is not recognised, limits."""
    queries = rng.standard_normal((2, DIM)).astype(np.float32)
    for i, (scores, change, flags, saying) in enumerate((
            (TAKEN["product"], lambda rows: rows + 1, ["--vectors"], "the answer is not the rows that the search found"),
            (TAKEN["product"], lambda rows: tf.reverse(rows, [1]), ["--vectors"], "the answer is not the rows that the search found"),
            (lambda m, q: tf.round(TAKEN["product"](m, q)), lambda rows: rows, ["--vectors"], "does not recognise its search"),
            (TAKEN["product"], lambda rows: rows, ["--rows", "0:5"], "cannot be asked within limits"),
            (TAKEN["product"], lambda rows: rows, ["--min-score", "0", "--vectors"], "cannot be asked within limits"))):
        save(Named(scores, change), tmp_path / str(i))
        assert saying in query(tmp_path / str(i), queries, "--k", 5, *flags)
        assert len(query(tmp_path / str(i), queries, "--k", 5)) == 2
