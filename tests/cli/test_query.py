"""Asking a fused model from the shell: answers equal a brute force, whatever k, batch and alignment."""

import json

import numpy as np
import pytest

from conftest import needs

pytestmark = needs("fuse", "query")


def brute(query, rows, metric):
    q, x = query.astype(np.float64), rows.astype(np.float64)
    if metric == "dot":
        return q @ x.T
    if metric == "l2":
        return -((q**2).sum(1)[:, None] + (x**2).sum(1)[None] - 2 * q @ x.T)
    norms = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)[None]
    return np.divide(q @ x.T, norms, out=np.zeros_like(norms), where=norms > 0)


@pytest.fixture(scope="module")
def collection(tmp_path_factory, inlay):
    folder = tmp_path_factory.mktemp("collection")
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((500, 19)).astype(np.float32)
    rows[400] = rows[3]  # ties
    rows[77] = 0
    for i, part in enumerate(np.split(rows, [150, 150, 333])):
        np.save(folder / f"{i}.npy", part)
    (folder / "labels.txt").write_text("".join(f"row {i} ü\n" for i in range(500)), encoding="utf-8")
    np.save(folder / "queries.npy", np.vstack([rows[3], rng.standard_normal((6, 19))]).astype(np.float32))
    np.save(folder / "none.npy", np.zeros((0, 19), np.float32))
    np.save(folder / "many.npy", rng.standard_normal((2000, 19)).astype(np.float32))
    sources = [folder / f"{i}.npy" for i in range(4)]
    for metric in ("cosine", "dot", "l2"):
        inlay.ok("fuse", "--embeddings", *sources, "--metric", metric, "--labels", folder / "labels.txt", "--chunk", 4000,
                 "--with", "similar,lookup", "-o", folder / metric)
    return folder, rows


def answers(inlay, model, queries, *flags):
    return json.loads(inlay.ok("query", model, "--inputs", f"query={queries}", "--json", *flags))["queries"]


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("k", [0, 1, 10, 500, 501, 100000])
def test_answers_are_those_of_a_brute_force(inlay, collection, metric, k):
    folder, rows = collection
    query = np.load(folder / "queries.npy")
    want = brute(query, rows, metric)
    got = answers(inlay, folder / metric, folder / "queries.npy", "--k", k)
    assert len(got) == len(query)
    for i, one in enumerate(got):
        results = one["results"]
        assert len(results) == min(k, 500)
        assert [r["rank"] for r in results] == list(range(1, len(results) + 1))
        best = np.sort(-want[i], kind="stable")[: len(results)]
        scale = np.abs(want[i]).max()
        assert np.allclose([-r["score"] for r in results], best, atol=2e-5 * max(scale, 1))
        assert np.allclose([want[i][r["index"]] for r in results], -best, atol=2e-5 * max(scale, 1))
        assert all(r["label"] == f"row {r['index']} ü" for r in results)


def test_equal_rows_come_lower_row_first(inlay, collection):
    folder, _ = collection
    for metric in ("cosine", "l2"):
        first = answers(inlay, folder / metric, folder / "queries.npy", "--k", 2)[0]["results"]
        assert [r["index"] for r in first] == [3, 400]
        assert first[0]["score"] == first[1]["score"]


def test_batches_of_none_and_of_thousands(inlay, collection):
    folder, rows = collection
    assert answers(inlay, folder / "cosine", folder / "none.npy") == []
    got = answers(inlay, folder / "dot", folder / "many.npy", "--k", 1)
    want = brute(np.load(folder / "many.npy"), rows, "dot")
    assert len(got) == 2000
    assert np.mean([one["results"][0]["index"] == w for one, w in zip(got, want.argmax(1))]) == 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(inlay, collection, threads):
    folder, _ = collection
    assert answers(inlay, folder / "l2", folder / "queries.npy", "--threads", threads) == answers(
        inlay, folder / "l2", folder / "queries.npy")


def test_the_default_k_is_the_models(inlay, collection):
    folder, _ = collection
    assert len(answers(inlay, folder / "dot", folder / "queries.npy")[0]["results"]) == 10


def test_the_search_is_recognised(inlay, collection):
    folder, _ = collection
    for metric in ("cosine", "dot", "l2"):
        shown = inlay.ok("show", folder / metric, "--optimized", "--signature", "search")
        assert "Search" in shown
        assert "MatMul" not in shown and "TopKV2" not in shown


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_neighbours_of_rows(inlay, collection, metric):
    folder, rows = collection
    asked = [3, 77, 499, 3]
    shown = json.loads(inlay.ok("query", folder / metric, "--similar", "3,77,499,3", "--k", 7, "--json"))["queries"]
    assert [one["index"] for one in shown] == asked
    want = brute(rows[asked], rows, metric)
    for i, one in enumerate(shown):
        want[i, asked[i]] = -np.inf
        found = [hit["index"] for hit in one["results"]]
        assert len(found) == 7 and asked[i] not in found
        np.testing.assert_allclose([hit["score"] for hit in one["results"]], np.sort(want[i])[::-1][:7], atol=1e-4)
        np.testing.assert_allclose(want[i][found], np.sort(want[i])[::-1][:7], atol=1e-4)
        assert [hit["label"] for hit in one["results"]] == [f"row {row} ü" for row in found]
    table = inlay.ok("query", folder / metric, "--similar", "3,77", "--k", 2)
    assert table.startswith("row 3\nrank ") and "\n\nrow 77\nrank " in table
    assert len(json.loads(inlay.ok("query", folder / metric, "--similar", "3", "--json"))["queries"][0]["results"]) == 10


def test_what_a_row_is(inlay, collection):
    folder, rows = collection
    shown = json.loads(inlay.ok("query", folder / "l2", "--lookup", "499,0,151", "--json"))["rows"]
    assert [(row["index"], row["label"]) for row in shown] == [(n, f"row {n} ü") for n in (499, 0, 151)]
    np.testing.assert_array_equal(np.array([row["vector"] for row in shown], np.float32), rows[[499, 0, 151]])
    lines = inlay.ok("query", folder / "l2", "--lookup", "151").splitlines()
    assert lines[0] == "row 151  row 151 ü"
    np.testing.assert_allclose([float(x) for x in lines[1].split()], rows[151], rtol=1e-6)


def test_mistakes_in_row_numbers(inlay, collection, tmp_path):
    folder, _ = collection
    for flag in ("--similar", "--lookup"):
        inlay.fails("query", folder / "dot", flag, "7,500", saying="index must be from 0 to 499, not 7 500")
        for text in ("-1", "3,", "x", "1,,2", "1:3", "99999999999999999999"):
            inlay.fails("query", folder / "dot", flag, text, saying="rows are named as N,N,N", code=2)
        inlay.fails("query", folder / "dot", flag, "1", "--text", "x", saying="give one of", code=2)
    np.save(tmp_path / "rows.npy", np.ones((4, 3), np.float32))
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "--name", "items", "--with", "lookup", "-o", tmp_path / "model")
    inlay.fails("query", tmp_path / "model", "--similar", "1", "--signature", "items",
                saying="no signature items_similar that is asked with row numbers; inlay fuse --with similar makes it")
    for key in ("items", "items_lookup"):
        assert inlay.ok("query", tmp_path / "model", "--lookup", "1", "--signature", key) == "row 1\n1 1 1\n"


def test_mistakes(inlay, collection, tmp_path):
    folder, _ = collection
    model = folder / "dot"
    inlay.fails("query", model, "--inputs", f"query={folder / 'missing.npy'}", saying="missing.npy")
    inlay.fails("query", model, "--inputs", f"text={folder / 'queries.npy'}", saying="no input text")
    inlay.fails("query", model, "--inputs", f"query={folder / 'queries.npy'}", "--signature", "other",
                saying="no signature other")
    inlay.fails("query", model, "--text", "words", saying="not text")
    np.save(tmp_path / "wide.npy", np.zeros((2, 20), np.float32))
    np.save(tmp_path / "nan.npy", np.full((2, 19), np.nan, np.float32))
    assert inlay("query", model, "--inputs", f"query={tmp_path / 'wide.npy'}").returncode == 1
    inlay.fails("query", model, "--inputs", f"query={tmp_path / 'nan.npy'}", saying="finite")
    inlay.fails("query", tmp_path / "nothing", "--text", "x", saying="nothing")


def test_a_shard_that_became_shorter_is_named(inlay, tmp_path):
    np.save(tmp_path / "rows.npy", np.ones((1000, 8), np.float32))
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "--shards", "copy", "-o", tmp_path / "model")
    shard = tmp_path / "model/variables/variables.data-00001-of-00002"
    with open(shard, "r+b") as f:
        f.truncate(20000)
    inlay.fails("show", tmp_path / "model", saying="variables.data-00001-of-00002")


@pytest.mark.parametrize("offset", [1, 3, 10, 4095])
def test_rows_at_any_alignment(inlay, tmp_path, offset):
    rng = np.random.default_rng(offset)
    rows = rng.standard_normal((300, 13)).astype(np.float32)
    header = b"\x93NUMPY\x02\x00" + (offset - 12 if offset > 120 else 128 + offset - 12).to_bytes(4, "little")
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (300, 13), }"
    size = int.from_bytes(header[8:12], "little")
    (tmp_path / "odd.npy").write_bytes(header + text.ljust(size - 1) + b"\n" + rows.tobytes())
    np.save(tmp_path / "q.npy", rows[:5])
    inlay.ok("fuse", "--embeddings", tmp_path / "odd.npy", "-o", tmp_path / "model", "--check", 5)
    got = json.loads(inlay.ok("query", tmp_path / "model", "--inputs", f"query={tmp_path / 'q.npy'}", "--json"))["queries"]
    assert [one["results"][0]["index"] for one in got] == [0, 1, 2, 3, 4]
