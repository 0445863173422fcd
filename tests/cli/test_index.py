"""Indexes of a model's rows: the same answers, tied to what is stored, kept right by edits, and never in the way."""

import json
import os
import resource
import shutil
import subprocess

import numpy as np
import plain_model
import pytest

from conftest import needs, one_line

pytestmark = needs("index", "fuse", "query", "rows", "verify")

DIM = 24
FOLDER = "assets.extra/inlay.index"


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((3000, DIM)).astype(np.float32)
    rows[2000] = rows[7]  # ties
    rows[5] = 0
    for i, part in enumerate(np.split(rows, [1000, 1100])):
        np.save(folder / f"{i}.npy", part)
    np.save(folder / "queries.npy", np.vstack([rows[7], rng.standard_normal((40, DIM))]).astype(np.float32))
    return folder


def fuse(inlay, given, model, *flags):
    sources = [given / f"{i}.npy" for i in range(3)]
    inlay.ok("fuse", "--embeddings", *sources, "--chunk", 50000, "--shards", "copy", "-o", model, *flags)
    return model


def answers(inlay, model, given, *flags):
    return inlay.ok("query", model, "--inputs", f"query={given / 'queries.npy'}", "--k", 20, "--json", *flags)


def indexes(model):
    folder = model / FOLDER
    return {entry.name: entry.inode() for entry in os.scandir(folder)} if folder.exists() else {}


def unindexed(inlay, model, scratch):
    """The same model without indexes."""
    inlay.ok("index", model, "--remove", "-o", scratch)
    assert not (scratch / "assets.extra/inlay.index").exists()
    return scratch


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_answers_are_the_same(inlay, given, metric, tmp_path):
    model = fuse(inlay, given, tmp_path / "model", "--metric", metric)
    before = answers(inlay, model, given)
    inlay.ok("index", model)
    assert len(indexes(model)) > 5
    assert answers(inlay, model, given) == before
    assert "sound" in inlay.ok("verify", model)
    assert indexes(fuse(inlay, given, tmp_path / "at once", "--metric", metric, "--index")).keys() == indexes(model).keys()
    assert answers(inlay, tmp_path / "at once", given) == before


def test_what_is_right_is_kept(inlay, given, tmp_path):
    model = fuse(inlay, given, tmp_path / "model", "--index")
    before = indexes(model)
    inlay.ok("index", model)
    assert indexes(model) == before
    inlay.ok("index", model, "--remove")
    assert indexes(model) == {}
    inlay.fails("index", model, "--remove", saying="has no indexes")
    inlay.ok("index", model, "--dry-run")
    assert indexes(model) == {}


EDITS = {"set": ("--set", 1500, "rows.npy"), "append": ("--append", "rows.npy"), "delete": ("--delete", "3:9,1050:1060"),
         "tombstone": ("--tombstone", "7:8,2999:3000")}


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("edit", EDITS)
def test_edits_of_rows_keep_indexes_right(inlay, given, edit, metric, tmp_path):
    model = fuse(inlay, given, tmp_path / "model", "--metric", metric, "--index")
    before = indexes(model)
    np.save(tmp_path / "rows.npy", np.random.default_rng(1).standard_normal((5, DIM)).astype(np.float32))
    inlay.ok("rows", model, *EDITS[edit], cwd=tmp_path)
    after = indexes(model)
    stored = [t["key"] for t in json.loads(inlay.ok("tensors", model, "--json")) if "rows_" in t["key"]]
    assert len(after) == len(stored)
    kept = [name for name in after if before.get(name) == after[name]]
    assert 0 < len(kept) < len(after)  # chunks that were not touched
    done = inlay("query", model, "--inputs", f"query={given / 'queries.npy'}", "--k", 20, "--json")
    assert done.stderr == ""
    assert done.stdout == answers(inlay, unindexed(inlay, model, tmp_path / "plain"), given)
    assert "sound" in inlay.ok("verify", model)


def test_an_index_of_other_rows_is_not_used(inlay, given, tmp_path):
    model = fuse(inlay, given, tmp_path / "model", "--index")
    other = fuse(inlay, given, tmp_path / "other", "--metric", "cosine")
    np.save(tmp_path / "rows.npy", np.ones((1, DIM), np.float32))
    inlay.ok("rows", other, "--set", 0, tmp_path / "rows.npy")
    shutil.copytree(model / FOLDER, other / FOLDER)  # as a program would that copies assets.extra/ and changes rows
    done = inlay("query", other, "--inputs", f"query={given / 'queries.npy'}", "--k", 20, "--json")
    assert done.returncode == 0 and "made from other rows and are not used" in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == answers(inlay, unindexed(inlay, other, tmp_path / "plain"), given)
    assert "made from other rows" in inlay.ok("verify", other)
    inlay.ok("index", other)
    assert inlay("query", other, "--inputs", f"query={given / 'queries.npy'}", "--json").stderr == ""


@pytest.mark.parametrize("at", [3, 40, 600, -1])
def test_damage_is_found_and_passed_over(inlay, given, at, tmp_path):
    model = fuse(inlay, given, tmp_path / "model", "--index")
    path = sorted((model / FOLDER).iterdir())[0]
    data = bytearray(path.read_bytes())
    data[at] ^= 16
    path.write_bytes(data)
    done = inlay("verify", model)
    assert done.returncode == 1 and path.name in done.stdout, (done.stdout, done.stderr)
    assert inlay("query", model, "--inputs", f"query={given / 'queries.npy'}").returncode == 0
    path.write_bytes(data[:100])
    assert inlay("verify", model).returncode == 1
    done = inlay("query", model, "--inputs", f"query={given / 'queries.npy'}", "--k", 20, "--json")
    assert "an index is not used" in done.stderr
    assert done.stdout == answers(inlay, unindexed(inlay, model, tmp_path / "plain"), given)


def test_merged_and_fused_again(inlay, given, tmp_path):
    """A merged model is indexed when its first part is; a second collection has its own --index."""
    model = fuse(inlay, given, tmp_path / "model", "--index")
    other = fuse(inlay, given, tmp_path / "other")
    inlay.ok("merge", model, other, "-o", tmp_path / "merged")
    assert len(indexes(tmp_path / "merged")) == 2 * len(indexes(model))
    assert answers(inlay, tmp_path / "merged", given) == answers(
        inlay, unindexed(inlay, tmp_path / "merged", tmp_path / "plain"), given)
    inlay.ok("fuse", model, "--embeddings", given / "0.npy", "--name", "more", "-o", tmp_path / "both")
    assert indexes(tmp_path / "both").keys() == indexes(model).keys()
    inlay.ok("index", tmp_path / "both", "--name", "more")
    assert len(indexes(tmp_path / "both")) > len(indexes(model))
    assert "sound" in inlay.ok("verify", tmp_path / "both")


def test_what_cannot_be_indexed_is_said(inlay, given, tmp_path):
    model = fuse(inlay, given, tmp_path / "model")
    inlay.fails("index", model, "--name", "articles", saying="articles")
    inlay.fails("index", given / "0.npy", saying="0.npy")
    inlay.fails("index", tmp_path / "nothing", saying="nothing")


def test_an_index_is_locked_in_memory(inlay, given, tmp_path):
    model = fuse(inlay, given, tmp_path / "model")
    inlay.ok("index", model)
    before = answers(inlay, model, given)
    largest = max(path.stat().st_size for path in (model / FOLDER).iterdir())
    ask = ["setpriv", "--bounding-set", "-ipc_lock"] if os.getuid() == 0 else []  # root may lock what it likes
    ask += [inlay.path, "query", model, "--inputs", f"query={given / 'queries.npy'}", "--k", "20", "--json", "--lock-index"]

    def locking(most):
        return subprocess.run(ask, check=False, capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most)))

    allowed = locking(8 << 20)
    assert allowed.returncode == 0 and allowed.stdout == before, allowed.stderr
    refused = locking(largest // 2)
    assert refused.returncode == 1 and one_line(refused.stderr), refused.stderr
    assert FOLDER in refused.stderr and "RLIMIT_MEMLOCK" in refused.stderr and str(largest // 2) in refused.stderr


PLAIN_KEY = "inlay_search/rows_0"


@pytest.fixture
def plain(inlay, tmp_path):
    """A model whose search is written plainly, by cosine."""
    rows = np.random.default_rng(12).standard_normal((3000, DIM)).astype(np.float32)
    np.save(tmp_path / "q.npy", rows[:5] + np.float32(0.1))
    return plain_model.write(inlay, tmp_path / "plain", rows, "cosine")


def ask_plain(inlay, model):
    """The answer as JSON, and how many chunks have an index."""
    done = inlay("query", model, "--inputs", f"q={model.parent / 'q.npy'}", "--k", 20, "--json", "--verbose")
    assert done.returncode == 0, done.stderr
    return done.stdout, {"1 of 1 chunks of rows have an index\n": 1, "there is no index: all rows are read\n": 0}[done.stderr]


@pytest.mark.parametrize("scores, name", [("dot", "dot"), ("cosine", "times-"), ("l2", "less-")])
def test_plain_searches_have_indexes(inlay, scores, name, tmp_path):
    rows = np.random.default_rng(13).standard_normal((180000, DIM)).astype(np.float32)  # the index is used
    model = plain_model.write(inlay, tmp_path / "model", rows, scores)
    np.save(tmp_path / "q.npy", rows[5:9] + np.float32(0.1))
    before = ask_plain(inlay, model)
    assert before[1] == 0
    assert "180000 rows are to be indexed" in inlay.ok("index", model)
    made, = indexes(model)
    assert made.startswith(f"inlay_search%2Frows_0~{name}")
    assert ask_plain(inlay, model) == (before[0], 1)
    assert "sound" in inlay.ok("verify", model)
    stored, = json.loads(inlay.ok("show", model, "--json"))["variables"]
    assert stored["index_bytes"] == (model / FOLDER / made).stat().st_size
    assert f"with an index of {stored['index_bytes']} bytes" in inlay.ok("show", model)


def test_plain_indexes_that_are_right_are_kept(inlay, plain):
    inlay.ok("index", plain)
    before = indexes(plain)
    inlay.ok("index", plain)
    inlay.ok("index", plain, "--name", "search")
    assert indexes(plain) == before
    inlay.ok("index", plain, "--remove")
    assert indexes(plain) == {}
    inlay.ok("index", plain, "--dry-run")
    assert indexes(plain) == {}
    inlay.fails("index", plain, "--name", "articles", saying="has no collection and no signature articles")


@pytest.mark.parametrize("edit", [("swap", PLAIN_KEY, "other.npy"), ("rename", PLAIN_KEY, "items"),
                                  ("cast", PLAIN_KEY, "--to", "float16")])
def test_edits_keep_plain_indexes_right(inlay, plain, edit):
    inlay.ok("index", plain)
    before = indexes(plain)
    np.save(plain.parent / "other.npy", np.random.default_rng(1).standard_normal((3000, DIM)).astype(np.float32))
    said = inlay.ok(edit[0], plain, *edit[1:], cwd=plain.parent)
    assert "indexes: 1 of rows that are no more removed, 1 made" in said
    assert len(indexes(plain)) == 1 and indexes(plain) != before
    answer, indexed = ask_plain(inlay, plain)
    assert indexed == 1
    assert ask_plain(inlay, unindexed(inlay, plain, plain.parent / "without")) == (answer, 0)
    assert "sound" in inlay.ok("verify", plain)


def test_what_leaves_the_rows_leaves_their_plain_index(inlay, plain):
    inlay.ok("index", plain)
    before = indexes(plain)
    inlay.ok("convert", "--compact", plain)
    assert indexes(plain).keys() == before.keys() and ask_plain(inlay, plain)[1] == 1
    inlay.ok("convert", plain, "--binary", "-o", plain.parent / "binary")
    assert indexes(plain.parent / "binary").keys() == before.keys() and ask_plain(inlay, plain.parent / "binary")[1] == 1
    inlay.ok("swap", plain, PLAIN_KEY, plain.parent / "plain.npy", "-o", plain.parent / "same")  # the same numbers
    assert indexes(plain.parent / "same").keys() == before.keys() and ask_plain(inlay, plain.parent / "same")[1] == 1


def test_a_plain_index_of_other_rows_is_not_used(inlay, plain):
    """As after a change by a program that knows no indexes."""
    inlay.ok("index", plain)
    np.save(plain.parent / "other.npy", np.ones((3000, DIM), np.float32))
    inlay.ok("swap", plain, PLAIN_KEY, plain.parent / "other.npy", "-o", plain.parent / "other")
    shutil.rmtree(plain.parent / "other" / FOLDER)
    shutil.copytree(plain / FOLDER, plain.parent / "other" / FOLDER)
    done = inlay("query", plain.parent / "other", "--inputs", f"q={plain.parent / 'q.npy'}", "--json", "--k", 3)
    assert done.returncode == 0 and "made from other rows and are not used" in done.stderr
    assert "made from other rows" in inlay.ok("verify", plain.parent / "other")
    inlay.ok("index", plain.parent / "other")
    assert ask_plain(inlay, plain.parent / "other")[1] == 1


def test_plain_searches_that_can_have_no_index_are_named(inlay, tmp_path):
    rows = np.eye(DIM, dtype=np.float32)
    for scores, saying in (("apart", "signature search: it sums squared differences"),
                           ("rounded", "no signature ranks the rows of a stored variable")):
        model = plain_model.write(inlay, tmp_path / scores, rows, scores)
        inlay.fails("index", model, saying=saying)
        inlay.fails("index", model, "--name", "search", saying=saying)
        assert indexes(model) == {}
