"""The index of rows that are searched plainly: TensorFlow's answers, the same bits with the index as without, and only as
long as the variable holds what was loaded. An index that is damaged on purpose shows whether it was asked."""

import json
import struct
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from conftest import PROGRAM
from plain_models import DIM, TAKEN, assert_taken, compare, save
from runtime_tool import Runner
from test_plain_models import BruteForce

N = 190_000  # more than the cache holds: fewer are scanned
rng = np.random.default_rng(8)
ROWS = rng.standard_normal((N, DIM)).astype(np.float32)
ROWS[N - 1] = ROWS[9] = ROWS[3]  # ties
QUERIES = np.vstack([ROWS[3], rng.standard_normal((4, DIM))]).astype(np.float32)
FORMS = ["product", "columns", "turned", "turned_columns", "function", "half", "dense", "plus_bias", "temperature", "worst",
         "times_numbers", "cosine", "cosine_columns", "cosine_turned", "cosine_divided", "cosine_quotients",
         "cosine_guarded", "cosine_widened", "keras_cosine", "keras_dot", "keras_dot_columns", "keras_dot_first", "keras_unit",
         "einsum_columns", "tensordot", "learned_scale", "l2_expanded", "l2_expanded_otherwise", "l2_ranking_only"]


# Of distances between gaussian rows of so few dimensions eight bits tell too little: the search leaves the index, and what is in it
# does not matter. unit/test_plain_index.c has searches by distance that stay.
LEAVE = {"l2_expanded", "l2_expanded_otherwise", "l2_ranking_only"}


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


class Big(tf.Module):
    """Only what SCORES reads is saved."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores
        self.rows, self.columns = tf.Variable(ROWS), tf.Variable(np.ascontiguousarray(ROWS.T))
        self.half = tf.Variable(ROWS.astype(np.float16))
        self.bias, self.scale = tf.Variable(rng.standard_normal(N).astype(np.float32)), tf.Variable(-0.7)
        query, by = tf.TensorSpec([None, DIM], tf.float32, name="q"), tf.TensorSpec([], tf.float32, name="by")
        self.search = tf.function(self.find, input_signature=[query])
        self.after = tf.function(self.change, input_signature=[query, by])

    def find(self, q):
        values, places = tf.math.top_k(self.scores(self, q), 11)
        return {"values": values, "places": places}

    def change(self, q, by):
        for each in (self.rows, self.columns):
            each.assign(each * by + 1)
        return self.find(q)


def inlay(*args):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def indexes(path):
    return sorted((path / "assets.extra/inlay.index").iterdir())


def turn_codes(path, places):
    """Makes of the codes of rows PLACES about those of the opposite rows: whoever reads them does not find these. So few that a search stays
    with the index."""
    for file in indexes(path):
        data = bytearray(file.read_bytes())
        rows, dim, = struct.unpack_from("<QQ", data, 16)
        key, = struct.unpack_from("<I", data, 44)
        at, blocks, groups = (128 + key + 63) // 64 * 64, -(-rows // 32), -(-dim // 4)
        starts = []
        while blocks > 0:
            centres, count = 4 * (-(-dim * 4 // 64) * 64), min(blocks, 64)
            at += 1088 + centres
            starts += [at + i * groups * 128 for i in range(count)]
            at, blocks = at + count * groups * 128, blocks - count
        for row in map(int, places):
            for group in range(groups):
                one = starts[row // 32] + group * 128 + row % 32 * 4
                data[one:one + 4] = bytes(255 - code for code in data[one:one + 4])
        file.write_bytes(data)


def ask(runner, signature="search", **more):
    answer, values = runner.run({"q": QUERIES, **more}, ["values", "places"], signature)
    assert answer == "ok", answer
    return values


def same(a, b):
    return all(np.array_equal(a[key].view(np.uint32), b[key].view(np.uint32)) for key in a)


@pytest.mark.parametrize("name", FORMS)
def test_answers_are_those_of_tensorflow_and_of_the_scan(runner, tmp_path, name):
    module = Big(TAKEN[name])
    save(module, tmp_path / "model")
    assert runner.open(tmp_path / "model") == "ok"
    assert_taken(runner)
    scanned = ask(runner)
    queries = tf.constant(QUERIES)
    compare(scanned, module.search(queries), TAKEN[name](module, queries), 2e-6)
    assert "190000 rows are to be indexed" in inlay("index", tmp_path / "model").stdout
    assert runner.open(tmp_path / "model") == "ok"
    assert same(ask(runner), scanned)
    turn_codes(tmp_path / "model", scanned["places"][:, :3].reshape(-1))
    assert runner.open(tmp_path / "model") == "ok"
    assert name in LEAVE or not same(ask(runner), scanned)


@pytest.mark.parametrize("name", ["product", "cosine", "cosine_columns", "l2_expanded"])
def test_assigned_rows_leave_the_index(runner, tmp_path, name):
    module = Big(TAKEN[name])
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={key: getattr(module, key) for key in ("search", "after")})
    said = inlay("index", tmp_path / "model").stdout
    assert "190000 rows are to be indexed" in said and "no index for signature after: what it reads depends on the run" in said
    assert len(indexes(tmp_path / "model")) == 1
    queries, by = tf.constant(QUERIES), np.float32(0.7)
    loaded = module.search(queries)["places"].numpy()
    turn_codes(tmp_path / "model", loaded[:, :3].reshape(-1))
    assert runner.open(tmp_path / "model") == "ok"
    assert name in LEAVE or not np.array_equal(ask(runner)["places"], loaded)
    for _ in range(2):
        compare(ask(runner, "after", by=by), module.after(queries, tf.constant(by)), TAKEN[name](module, queries), 2e-5)
        compare(ask(runner), module.search(queries), TAKEN[name](module, queries), 2e-5)
    assert runner.open(tmp_path / "model") == "ok"
    assert name in LEAVE or not np.array_equal(ask(runner)["places"], loaded)


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("name", ["product", "turned", "cosine", "l2_expanded"])
def test_models_of_tensorflow_1(runner, tmp_path, name, resource):
    v1, path = tf.compat.v1, tmp_path / "model"
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        class Variables:
            rows = v1.get_variable("rows", initializer=v1.random_normal([N, DIM], seed=1), use_resource=resource)
        q = v1.placeholder(tf.float32, [None, DIM], "q")
        values, places = tf.math.top_k(TAKEN[name](Variables, q), 11)
        session.run(v1.global_variables_initializer())
        found = {"values": values, "places": places}
        theirs = session.run(found, {q: QUERIES})
        v1.saved_model.simple_save(session, str(path), {"q": q}, found)
    assert runner.open(path) == "ok"
    scanned = ask(runner, "serving_default")
    compare(scanned, theirs, rounding=2e-5)
    inlay("index", path)
    assert [file.name.split("~")[0] for file in indexes(path)] == ["rows"]
    assert runner.open(path) == "ok"
    assert same(ask(runner, "serving_default"), scanned)
    turn_codes(path, scanned["places"][:, :3].reshape(-1))
    assert runner.open(path) == "ok"
    assert name in LEAVE or not same(ask(runner, "serving_default"), scanned)


def test_the_brute_force_layer_of_recommenders(runner, tmp_path):
    path = tmp_path / "model"
    layer = BruteForce(8).index(ROWS, np.arange(N) * 3)
    theirs = layer(tf.constant(QUERIES))

    @tf.function(input_signature=[tf.TensorSpec([None, DIM], tf.float32, name="q")])
    def serve(q):
        values, ids = layer(q)
        return {"values": values, "ids": ids}

    tf.saved_model.save(layer, str(path), signatures={"search": serve})
    inlay("index", path)
    assert [file.name for file in indexes(path)] == ["candidates%2F.ATTRIBUTES%2FVARIABLE_VALUE~dot"]
    assert runner.open(path) == "ok"
    answer, ours = runner.run({"q": QUERIES}, ["values", "ids"], "search")
    assert answer == "ok", answer
    np.testing.assert_allclose(ours["values"], theirs[0], rtol=2e-5, atol=2e-5)
    np.testing.assert_array_equal(ours["ids"], theirs[1])


def test_two_searches_of_the_same_rows_have_an_index_each(runner, tmp_path):
    path, module = tmp_path / "model", Big(TAKEN["cosine"])
    dot = tf.function(lambda q: dict(zip(("values", "places"), tf.math.top_k(TAKEN["product"](module, q), 11))),
                      input_signature=[tf.TensorSpec([None, DIM], tf.float32, name="q")])
    tf.saved_model.save(module, str(path), signatures={"search": module.search, "again": module.search, "dot": dot})
    assert runner.open(path) == "ok"
    scanned = {key: ask(runner, key) for key in ("search", "again", "dot")}
    assert "380000 rows are to be indexed" in inlay("index", path).stdout
    assert len(indexes(path)) == 2
    assert runner.open(path) == "ok"
    for key, values in scanned.items():
        assert same(ask(runner, key), values)
    before = {file.name: file.stat().st_ino for file in indexes(path)}
    inlay("index", path)
    assert {file.name: file.stat().st_ino for file in indexes(path)} == before


def test_other_numbers_of_the_same_rows_are_other_rows(runner, tmp_path):
    """A bias that is swapped: the rows are as they were, the index of them with the old bias is not used."""
    path, module = tmp_path / "model", Big(TAKEN["plus_bias"])
    save(module, path)
    inlay("index", path)
    before = indexes(path)
    np.save(tmp_path / "bias.npy", module.bias.numpy()[::-1])
    key, = (one["key"] for one in json.loads(inlay("tensors", path, "--json").stdout) if one["key"].startswith("bias"))
    assert "indexes: 0 of rows that are no more removed, 1 made" in inlay("swap", path, key, tmp_path / "bias.npy").stdout
    assert len(indexes(path)) == 1 and indexes(path) != before
    assert runner.open(path) == "ok"
    ours = ask(runner)
    module.bias.assign(module.bias.numpy()[::-1])
    compare(ours, module.search(tf.constant(QUERIES)), TAKEN["plus_bias"](module, QUERIES), 2e-6)
    inlay("index", path, "--remove")
    assert runner.open(path) == "ok"
    assert same(ask(runner), ours)
