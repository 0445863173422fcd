"""Vectors of what a query answers, and neighbours of rows within limits."""

import json

import numpy as np
import pytest

from conftest import needs

pytestmark = needs("fuse", "query")
ROWS, DIM = 300, 11
METRICS = ("cosine", "dot", "l2")


@pytest.fixture(scope="module")
def collection(tmp_path_factory, inlay):
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((ROWS, DIM)).astype(np.float16)
    rows[200] = rows[4]
    for dtype in ("float16", "float32", "float64"):
        (folder / dtype).mkdir()
        for i, part in enumerate(np.split(rows.astype(dtype), [100, 100, 217])):
            np.save(folder / dtype / f"{i}.npy", np.asfortranarray(part) if i == 3 else part)
    np.save(folder / "queries.npy", np.vstack([rows[4], rng.standard_normal((3, DIM))]).astype(np.float32))
    for metric in METRICS:
        for dtype, more in (("float16", ()), ("float32", ("--index",)), ("float64", ())):
            inlay.ok("fuse", "--embeddings", folder / dtype, "--metric", metric, "--with", "similar,lookup", "--chunk", 2000,
                     *more, "-o", folder / f"{metric}-{dtype}")
    return folder, rows.astype(np.float32)


def ask(inlay, model, *flags):
    return [one["results"] for one in json.loads(inlay.ok("query", model, "--json", *flags))["queries"]]


def without_vectors(answers):
    return [[{key: value for key, value in hit.items() if key != "vector"} for hit in one] for one in answers]


def hits(answers):
    return [[(hit["index"], hit["score"]) for hit in one] for one in answers]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("flags", [["--k", 5], ["--k", ROWS], ["--k", 0], ["--rows", "90:110,250", "--k", 30],
                                   ["--min-score", "-1", "--all"], ["--min-score", "1e9", "--all"]])
def test_the_rows_as_they_are_stored(inlay, collection, metric, dtype, flags):
    folder, rows = collection
    model = folder / f"{metric}-{dtype}"
    for asked in (["--inputs", f"query={folder / 'queries.npy'}"], ["--similar", "0,4,100,299"]):
        plain = ask(inlay, model, *asked, *flags)
        got = ask(inlay, model, *asked, *flags, "--vectors")
        assert without_vectors(got) == plain
        for one in got:
            for hit in one:
                np.testing.assert_array_equal(np.array(hit["vector"], np.float32), rows[hit["index"]])


def test_a_table_has_the_vector_below_its_row(inlay, collection):
    folder, rows = collection
    lines = inlay.ok("query", folder / "l2-float32", "--similar", "4", "--k", 2, "--vectors").splitlines()
    assert lines[0] == "row 4" and lines[2].split()[2] == "200" and len(lines) == 6
    np.testing.assert_allclose([float(x) for x in lines[3].split()], rows[200], rtol=1e-6)
    assert lines[3].startswith("      ") and lines[5].startswith("      ")


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_within_limits_are_what_is_left_of_all(inlay, collection, metric):
    folder, _ = collection
    asked = (0, 4, 100, 299, 4)
    for dtype in ("float32", "float16"):
        model = folder / f"{metric}-{dtype}"
        similar = ["--similar", ",".join(map(str, asked))]
        everything = hits(ask(inlay, model, *similar, "--k", ROWS))
        assert [len(one) for one in everything] == [ROWS - 1] * 5
        least = everything[1][20][1]
        for flags, allowed in ((["--rows", "0:1"], {0}), (["--rows", "0:2,4,250:260"], {0, 1, 4, *range(250, 260)}),
                               (["--rows", "7:7"], set()), (["--exclude", "0:3,200"], set(range(3, ROWS)) - {200}),
                               ([], set(range(ROWS)))):
            for low, more in ((-np.inf, []), (least, ["--min-score", repr(least)])):
                if not flags and not more:
                    continue
                want = [[hit for hit in one if hit[0] in allowed and hit[1] >= low] for one in everything]
                for k in (0, 1, 3, ROWS):
                    assert hits(ask(inlay, model, *similar, *flags, *more, "--k", k)) == [one[:k] for one in want]
                if more:
                    assert hits(ask(inlay, model, *similar, *flags, *more, "--all")) == want


def test_the_row_itself_is_not_answered_by_all(inlay, collection):
    folder, _ = collection
    everyone = ask(inlay, folder / "cosine-float32", "--similar", "4,7", "--min-score", "-2", "--all")
    assert [len(one) for one in everyone] == [ROWS - 1] * 2
    assert 4 not in [hit["index"] for hit in everyone[0]] and everyone[0][0]["index"] == 200


def test_one_row_has_no_neighbours(inlay, tmp_path):
    np.save(tmp_path / "one.npy", np.ones((1, 3), np.float32))
    inlay.ok("fuse", "--embeddings", tmp_path / "one.npy", "--with", "similar", "-o", tmp_path / "model")
    for flags in (["--vectors"], ["--rows", "0"], ["--min-score", "-2", "--all"]):
        assert ask(inlay, tmp_path / "model", "--similar", "0,0", *flags) == [[], []]


def test_what_a_search_reads_is_told(inlay, collection):
    folder, _ = collection
    for dtype, saying in (("float32", "7 of 7 chunks of rows have an index\n"), ("float16", "there is no index: all rows are read\n")):
        done = inlay("query", folder / f"dot-{dtype}", "--similar", "1", "--repeat", 1, "--verbose")
        assert done.returncode == 0 and done.stderr.endswith(saying), done.stderr


def test_mistakes(inlay, collection):
    folder, _ = collection
    model = folder / "dot-float32"
    for flags in (["--rows", "1"], ["--rows-file", "x"], ["--exclude", "1"], ["--min-score", "1"], ["--all"], ["--vectors"],
                  ["--verbose"]):
        inlay.fails("query", model, "--lookup", "1", *flags, saying="--lookup gives the rows it names", code=2)
    inlay.fails("query", model, "--similar", "1", "--all", saying="--all wants --min-score", code=2)
    inlay.fails("query", model, "--similar", "1", "--rows", "300", saying="row 300 is not there")
    inlay.fails("query", model, "--similar", "300", "--vectors", saying="index must be from 0 to 299")
