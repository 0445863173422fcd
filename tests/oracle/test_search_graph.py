"""Fused models in the runtime: recognised as one scan, whatever TensorFlow made of them, and answering as NumPy does."""

import subprocess

import numpy as np
import pytest
import tensorflow as tf

from bundle_tool import BUILD
from runtime_tool import Runner

DIM, COUNTS = 24, (700, 0, 1, 1300)
rng = np.random.default_rng(11)


def fuse(*args):
    done = subprocess.run([BUILD / "inlay", "fuse", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def shards(folder, dtype, fortran=False):
    """.npy files, and all their rows as float64."""
    folder.mkdir()
    rows = []
    for i, count in enumerate(COUNTS):
        values = rng.standard_normal((count, DIM)).astype(dtype)
        if count > 10:
            values[7] = 0
            values[9] = values[3]  # a tie
        np.save(folder / f"{i}.npy", np.asfortranarray(values) if fortran else values)
        rows.append(values.astype(np.float64))
    return folder, np.concatenate(rows)


def brute_force(metric, queries, rows):
    queries = queries.astype(np.float64)
    dots = queries @ rows.T
    if metric == "dot":
        return dots
    if metric == "cosine":
        lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(rows, axis=1)[None]
        return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    return -((queries[:, None, :] - rows[None]) ** 2).sum(-1)


def assert_right(metric, queries, rows, k, values, rounding=1e-5):
    truth = brute_force(metric, queries, rows)
    k = min(k, truth.shape[1])
    best = np.argsort(-truth, axis=1, kind="stable")[:, :k]
    wanted = np.take_along_axis(truth, best, 1)
    scale = max(np.abs(truth).max(initial=0), 1)
    assert values["indices"].shape == values["scores"].shape == (len(queries), k)
    assert values["indices"].dtype == np.int64 and values["scores"].dtype == np.float32
    assert np.abs(values["scores"] - wanted).max(initial=0) <= rounding * scale
    differ = values["indices"] != best
    near = np.abs(np.take_along_axis(truth, values["indices"], 1) - wanted) <= rounding * scale
    assert (near | ~differ).all()


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    made = Runner(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


def assert_scans(runner, model, signature="search"):
    assert runner.open(model) == "ok"
    lines = runner.describe(signature)
    assert sum("_InlaySearch(" in line for line in lines) == 1, "\n".join(lines)
    assert not any("TopKV2(" in line for line in lines), "\n".join(lines)


def ask(runner, queries, k, key="query"):
    answer, values = runner.run({key: queries, "k": np.int32(k)}, ["scores", "indices"], "search")
    assert answer == "ok", answer
    return values


CASES = [("cosine", "float32", False), ("dot", "float32", True), ("l2", "float32", False), ("cosine", "float16", False),
         ("l2", "float64", False), ("dot", "float64", True), ("l2", "float16", True)]


@pytest.mark.parametrize("metric,dtype,fortran", CASES)
def test_scan_answers_as_brute_force(runner, tmp_path, metric, dtype, fortran):
    folder, rows = shards(tmp_path / "rows", dtype, fortran)
    fuse("--embeddings", folder, "-o", tmp_path / "model", "--metric", metric, "--chunk", "50000")
    assert_scans(runner, tmp_path / "model")
    queries = rng.standard_normal((6, DIM)).astype(np.float32)
    queries[1] = 0
    for k in (0, 1, 10, len(rows), len(rows) + 5):
        assert_right(metric, queries, rows, k, ask(runner, queries, k))
    assert_right(metric, queries[:0], rows, 3, ask(runner, queries[:0], 3))


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_the_graph_itself_answers_the_same(runner, tmp_path, metric):
    folder, rows = shards(tmp_path / "rows", "float32")
    fuse("--embeddings", folder, "-o", tmp_path / "model", "--metric", metric)
    queries = rng.standard_normal((5, DIM)).astype(np.float32)
    assert runner.open(tmp_path / "model", plain=True) == "ok"
    assert any("TopKV2(" in line for line in runner.describe("search"))
    assert_right(metric, queries, rows, 12, ask(runner, queries, 12))


def test_one_chunk_without_merge(runner, tmp_path):
    rows = rng.standard_normal((50, DIM)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    fuse("--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "model", "--metric", "l2")
    assert_scans(runner, tmp_path / "model")
    queries = rng.standard_normal((3, DIM)).astype(np.float32)
    assert_right("l2", queries, rows.astype(np.float64), 4, ask(runner, queries, 4))


def test_rows_that_are_not_finite(runner, tmp_path):
    rows = rng.standard_normal((40, DIM)).astype(np.float32)
    rows[3, 0], rows[5, 1] = np.nan, np.inf
    np.save(tmp_path / "rows.npy", rows)
    fuse("--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "model", "--metric", "dot", "--allow-non-finite")
    assert_scans(runner, tmp_path / "model")
    query = np.abs(rng.standard_normal((1, DIM))).astype(np.float32)
    values = ask(runner, query, 40)
    assert values["indices"][0, 0] == 5 and values["scores"][0, 0] == np.inf
    assert values["indices"][0, -1] == 3 and values["scores"][0, -1] == -np.inf


def test_queries_that_are_not_finite_are_refused(runner, tmp_path):
    folder, _ = shards(tmp_path / "rows", "float32")
    fuse("--embeddings", folder, "-o", tmp_path / "model")
    assert runner.open(tmp_path / "model") == "ok"
    queries = np.full((1, DIM), np.nan, np.float32)
    answer, _ = runner.run({"query": queries, "k": np.int32(3)}, ["scores"], "search")
    assert answer.startswith("INVALID_ARGUMENT") and "finite" in answer


def test_labels_and_default_k(runner, tmp_path):
    folder, rows = shards(tmp_path / "rows", "float32")
    (tmp_path / "labels").write_text("".join(f"row {i}\n" for i in range(len(rows))))
    fuse("--embeddings", folder, "-o", tmp_path / "model", "--labels", tmp_path / "labels", "--k", "4")
    assert_scans(runner, tmp_path / "model")
    queries = rng.standard_normal((2, DIM)).astype(np.float32)
    answer, values = runner.run({"query": queries}, ["indices", "labels"], "search")
    assert answer == "ok", answer
    assert values["labels"].shape == (2, 4)
    assert [f"row {i}".encode() for i in values["indices"].ravel()] == values["labels"].ravel().tolist()


class Extractor(tf.Module):
    """Text to a vector: lower case, split, table, mean of word vectors."""

    def __init__(self, asset):
        super().__init__()
        self.words = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                                          tf.lookup.TextFileIndex.LINE_NUMBER), 0)
        self.vectors = tf.Variable(rng.standard_normal((5, DIM)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def embed(self, text):
        words = tf.strings.split(tf.strings.lower(text))
        ids = tf.ragged.map_flat_values(self.words.lookup, words)
        vectors = tf.ragged.map_flat_values(lambda i: tf.gather(self.vectors, i), ids)
        return {"vector": tf.reduce_mean(vectors, axis=1)}


class Dense(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(rng.standard_normal((6, DIM)).astype(np.float32))
        self.bias = tf.Variable(rng.standard_normal(DIM).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 6], tf.float32, name="x")])
    def embed(self, x):
        return {"vector": tf.nn.relu(tf.matmul(x, self.kernel) + self.bias)}


@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_tensorflow_saves_again_is_recognised(runner, tmp_path, metric, dtype):
    folder, rows = shards(tmp_path / "rows", dtype)
    module = Dense()
    tf.saved_model.save(module, str(tmp_path / "extractor"), signatures=module.embed)
    fuse(tmp_path / "extractor", "--embeddings", folder, "-o", tmp_path / "model", "--metric", metric, "--chunk", "40000")
    x = rng.standard_normal((4, 6)).astype(np.float32)
    queries = module.embed(tf.constant(x))["vector"].numpy()
    assert_scans(runner, tmp_path / "model")
    assert_right(metric, queries, rows, 9, ask(runner, x, 9, "x"))
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    tf.saved_model.save(loaded, str(tmp_path / "again"), signatures=loaded.signatures)
    assert_scans(runner, tmp_path / "again")
    assert_right(metric, queries, rows, 9, ask(runner, x, 9, "x"))


@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
def test_a_graph_without_extractor_saved_again_is_recognised(runner, tmp_path, metric):
    folder, rows = shards(tmp_path / "rows", "float32")
    fuse("--embeddings", folder, "-o", tmp_path / "model", "--metric", metric)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    tf.saved_model.save(loaded, str(tmp_path / "again"), signatures=loaded.signatures)
    assert_scans(runner, tmp_path / "again")
    queries = rng.standard_normal((4, DIM)).astype(np.float32)
    assert_right(metric, queries, rows, 5, ask(runner, queries, 5))


def test_a_text_extractor_with_a_table_asset(runner, tmp_path):
    folder, rows = shards(tmp_path / "rows", "float32")
    (tmp_path / "words.txt").write_text("<none>\napple\npear\nplum\nfig\n")
    module = Extractor(str(tmp_path / "words.txt"))
    tf.saved_model.save(module, str(tmp_path / "extractor"), signatures=module.embed)
    fuse(tmp_path / "extractor", "--embeddings", folder, "-o", tmp_path / "model")
    assert_scans(runner, tmp_path / "model")
    text = np.array([b"Apple pear", b"FIG", b"plum unknown plum"], dtype=object)
    queries = module.embed(tf.constant(list(text)))["vector"].numpy()
    assert_right("cosine", queries, rows, 6, ask(runner, text, 6, "text"))


def test_memory_does_not_grow_with_the_rows(runner, tmp_path):
    rows = rng.standard_normal((200000, 8)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    fuse("--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "model")
    assert runner.open(tmp_path / "model") == "ok"
    queries = rng.standard_normal((300, 8)).astype(np.float32)
    ask(runner, queries, 10)
    assert runner.peak < 1 << 20  # the scores would be 240 MB
