"""Queries within limits: what is answered is what is left of the order of all rows."""

import json

import numpy as np
import pytest

from conftest import needs

pytestmark = needs("fuse", "query")
ROWS = 500


@pytest.fixture(scope="module")
def collection(tmp_path_factory, inlay):
    folder = tmp_path_factory.mktemp("limits")
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((ROWS, 19)).astype(np.float32)
    rows[400] = rows[3]
    for i, part in enumerate(np.split(rows, [150, 333])):
        np.save(folder / f"{i}.npy", part)
    np.save(folder / "queries.npy", np.vstack([rows[3], rng.standard_normal((4, 19))]).astype(np.float32))
    every = rng.random(ROWS) < 0.3
    np.save(folder / "bools.npy", every)
    np.save(folder / "numbers.npy", np.flatnonzero(every)[::-1])
    np.save(folder / "small.npy", np.array([3, 90, 90], np.uint8))
    (folder / "rows.txt").write_text("3\n\n 10:20\n".replace(" ", "") + "400\r\n", encoding="utf-8")
    (folder / "empty.txt").write_text("")
    for metric in ("cosine", "dot", "l2"):
        sources = [folder / f"{i}.npy" for i in range(3)]
        inlay.ok("fuse", "--embeddings", *sources, "--metric", metric, "--index", "-o", folder / f"{metric}-index")
        inlay.ok("fuse", "--embeddings", *sources, "--metric", metric, "-o", folder / metric)
    return folder, set(np.flatnonzero(every).tolist())


def answers(inlay, model, folder, *flags):
    got = json.loads(inlay.ok("query", model, "--inputs", f"query={folder / 'queries.npy'}", "--json", *flags))["queries"]
    return [[(r["index"], r["score"]) for r in one["results"]] for one in got]


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "cosine-index", "dot-index", "l2-index"])
@pytest.mark.parametrize("flags, allowed", [
    (["--rows", "10:50,9,499,12:13"], {*range(10, 50), 9, 499}),
    (["--rows", "5:5"], set()),
    (["--rows-file", "rows.txt"], {3, *range(10, 20), 400}),
    (["--rows-file", "empty.txt"], set()),
    (["--rows-file", "small.npy"], {3, 90}),
    (["--rows-file", "bools.npy"], "marked"),
    (["--rows-file", "numbers.npy"], "marked"),
    (["--exclude", "0:3,400"], set(range(3, ROWS)) - {400}),
    (["--exclude-file", "bools.npy"], "others"),
    (["--rows", "0:450", "--exclude-file", "rows.txt"], set(range(450)) - {3, 400, *range(10, 20)}),
])
def test_only_the_rows_named_are_answered(inlay, collection, metric, flags, allowed):
    folder, marked = collection
    allowed = {"marked": marked, "others": set(range(ROWS)) - marked}.get(allowed, allowed) if isinstance(allowed, str) else allowed
    flags = [folder / f if "." in f else f for f in flags]
    everything = answers(inlay, folder / metric.split("-")[0], folder, "--k", ROWS)
    for k in (7, ROWS):
        got = answers(inlay, folder / metric, folder, "--k", k, *flags)
        if k == 7:
            assert got == [[hit for hit in answers_of if hit[0] in allowed][:k] for answers_of in everything]
        else:
            assert [len(one) for one in got] == [len(allowed)] * 5


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2", "cosine-index", "dot-index", "l2-index"])
def test_no_row_below_the_minimum_is_answered(inlay, collection, metric):
    folder, _ = collection
    everything = answers(inlay, folder / metric.split("-")[0], folder, "--k", ROWS)
    least = everything[1][20][1]
    got = answers(inlay, folder / metric, folder, "--k", ROWS, "--min-score", repr(least))
    assert got == [[hit for hit in one if hit[1] >= least] for one in everything]
    assert len(got[1]) >= 21
    assert answers(inlay, folder / metric, folder, "--all", "--min-score", repr(least)) == got
    assert answers(inlay, folder / metric, folder, "--all", "--min-score", "1e30") == [[]] * 5
    some = answers(inlay, folder / metric, folder, "--all", "--min-score", repr(least), "--rows", "100:300")
    assert some == [[hit for hit in one if 100 <= hit[0] < 300] for one in got]


def test_mistakes_in_limits(inlay, collection, tmp_path):
    folder, _ = collection
    ask = ["query", folder / "dot", "--inputs", f"query={folder / 'queries.npy'}"]
    (tmp_path / "bad.txt").write_text("3\n7:x\n")
    (tmp_path / "nul.txt").write_bytes(b"3\n4\0\n")
    np.save(tmp_path / "short.npy", np.ones(400, bool))
    np.save(tmp_path / "wide.npy", np.ones((4, 1), np.int64))
    np.save(tmp_path / "real.npy", np.ones(4, np.float32))
    np.save(tmp_path / "below.npy", np.array([1, -1]))
    inlay.fails(*ask, "--rows", "490:501", saying="row 500 is not there: the collection has 500 rows")
    inlay.fails(*ask, "--exclude", "9223372036854775806", saying="row 9223372036854775806 is not there")
    inlay.fails(*ask, "--rows-file", tmp_path / "bad.txt", saying="bad.txt:2:")
    inlay.fails(*ask, "--rows-file", tmp_path / "nul.txt", saying="nul.txt:2:")
    inlay.fails(*ask, "--exclude-file", tmp_path / "short.npy", saying="a bitmap of 400 rows")
    inlay.fails(*ask, "--rows-file", tmp_path / "wide.npy", saying="one dimension")
    inlay.fails(*ask, "--rows-file", tmp_path / "real.npy", saying="integers")
    inlay.fails(*ask, "--rows-file", tmp_path / "below.npy", saying="element 1 is -1")
    inlay.fails(*ask, "--rows-file", tmp_path / "none.txt", saying="none.txt")
    for wrong in (["--rows", "1:"], ["--rows", "9:5"], ["--rows", "-1"], ["--rows", "99999999999999999999"],
                  ["--min-score", "nan"], ["--min-score", "1x"], ["--all"],
                  ["--all", "--min-score", "1", "--k", "3"], ["--rows", "1", "--rows-file", folder / "rows.txt"]):
        assert inlay(*ask, *wrong).returncode == 2, wrong
