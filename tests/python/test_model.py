"""inlay.load, fuse and index: models made, asked and run from Python."""

import gc
import os

import inlay
import numpy as np
import pytest
from conftest import EXTRACTOR, MEANINGS, WORDS


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory):
    """A reverse dictionary of three words."""
    folder = tmp_path_factory.mktemp("dictionary")
    vectors = inlay.load(EXTRACTOR).run("serving_default", text=MEANINGS)["embedding"]
    np.save(folder / "vectors.npy", vectors)
    (folder / "words.txt").write_text("".join(word + "\n" for word in WORDS))
    done = inlay.fuse(folder / "model", folder / "vectors.npy", extractor=EXTRACTOR, labels=folder / "words.txt",
                      similar=True, lookup=True)
    assert done["rows"] == 3 and done["dim"] == vectors.shape[1] and done["files"] == 1
    return folder / "model"


@pytest.fixture
def collection(rows, tmp_path):
    """A model of rows without an extractor, with ids."""
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "ids.npy", np.arange(3000) + 10**12)
    inlay.fuse(tmp_path / "model", tmp_path / "rows.npy", ids=tmp_path / "ids.npy", metric="l2", k=4)
    return tmp_path / "model"


def test_a_text_finds_its_word(dictionary):
    model = inlay.load(dictionary)
    hits = model.search("a device that measures how warm it is", 2)
    assert hits.labels[0] == "thermometer" and hits.indices[0] == 1 and hits.counts == 2
    assert hits.scores.shape == (2,) and hits.scores.dtype == np.float32 and hits.ids is None
    both = model.search(MEANINGS, 1)
    assert both.labels.tolist() == [[word] for word in WORDS]
    np.testing.assert_allclose(both.scores, 1, atol=1e-6)
    assert model.search({"text": MEANINGS}, 1).labels.tolist() == both.labels.tolist()
    assert model.search(np.array(MEANINGS), 1).labels.tolist() == both.labels.tolist()
    assert model.search(MEANINGS[0].encode(), 1).labels.tolist() == ["ice cream"]


def test_signatures_say_what_can_be_asked(dictionary):
    model = inlay.load(dictionary)
    assert {"search", "similar", "lookup"} <= set(model.signatures)
    search = model.signatures["search"]
    assert search.inputs["text"] == inlay.Endpoint("text", "string", (None,), False)
    assert search.inputs["k"].optional and search.outputs["labels"].dtype == "string"
    assert "search" in repr(model)


def test_signatures_run(dictionary):
    model = inlay.load(dictionary)
    answer = model.run("search", text=["fear of spiders"], k=2)
    assert answer["indices"].dtype == np.int64 and answer["indices"].shape == (1, 2) and answer["indices"][0, 0] == 2
    assert answer["labels"][0, 0] == b"arachnophobia" and answer["labels"].dtype == object
    looked_up = model.run("lookup", index=np.array([2, 0]))
    vectors = np.load(dictionary.parent / "vectors.npy")
    np.testing.assert_array_equal(looked_up["vector"], vectors[[2, 0]])
    assert looked_up["label"].tolist() == [b"arachnophobia", b"ice cream"]
    similar = model.search(2, 2, signature="similar")
    assert similar.indices.shape == (2,) and 2 not in similar.indices


def test_outputs_outlive_the_model(dictionary):
    vector = inlay.load(dictionary).run("lookup", index=[1])["vector"]
    gc.collect()
    np.testing.assert_array_equal(vector, np.load(dictionary.parent / "vectors.npy")[[1]])
    with pytest.raises(ValueError):
        vector[0, 0] = 1


def test_vectors_are_searched_as_by_an_index(collection, rows, queries, tmp_path):
    model = inlay.load(collection)
    ids, scores = inlay.Index(rows, "l2").search(queries, 9)
    for _ in range(2):  # without an index, and with one
        hits = model.search(queries, 9)
        np.testing.assert_array_equal(hits.indices, ids)
        np.testing.assert_array_equal(hits.scores, scores)
        np.testing.assert_array_equal(hits.ids, ids + 10**12)
        assert model.search(queries[0]).indices.shape == (4,)
        limited = model.search(queries, 9, rows=slice(0, 2000), exclude=ids[0, :2])
        left = inlay.Index(rows, "l2").search(queries, 9, rows=slice(0, 2000), exclude=ids[0, :2])
        np.testing.assert_array_equal(limited.indices, left[0])
        every = model.search(queries, min_score=float(scores[:, 2].min()), all_rows=True)
        assert (every.counts >= 3).any() and every.indices.shape == (6, every.counts.max())
        told = []
        assert inlay.index(collection, progress=lambda *what: told.append(what))["rows"] in (3000, 0)
        model = inlay.load(collection)
    assert told == [] and inlay.index(collection)["kept"] == 1
    inlay.index(collection, remove=True)
    assert not os.path.exists(collection / "assets.extra/inlay.index")


def test_values_become_the_inputs_dtypes(collection, queries):
    model = inlay.load(collection)
    wanted = model.run("search", query=queries, k=3)["indices"]
    for query in (queries.astype(np.float64), queries.tolist(), np.asfortranarray(queries), queries[:, ::1]):
        np.testing.assert_array_equal(model.run("search", query=query, k=np.int64(3))["indices"], wanted)
    assert model.run("search", query=queries)["indices"].shape == (6, 4)


@pytest.mark.parametrize("ask, error, says", [
    (lambda m: m.run("absent"), KeyError, "no signature 'absent'"),
    (lambda m: m.search("text", signature="absent"), KeyError, "no signature 'absent'"),
    (lambda m: m.run("search", words=["x"]), TypeError, "no input 'words'"),
    (lambda m: m.run("search"), inlay.InvalidArgumentError, "missing"),
    (lambda m: m.run("search", text=[1]), TypeError, "input text is text"),
    (lambda m: m.run("search", text=["x"], k=np.float32(1.5)), TypeError, "input k is int32"),
    (lambda m: m.run("search", text=["x"], k=-1), inlay.InvalidArgumentError, "k"),
    (lambda m: m.search("x", signature="lookup"), TypeError, "is int64"),
    (lambda m: m.search("x", -1), ValueError, "below 0"),
    (lambda m: m.search("x", rows=[7]), inlay.InvalidArgumentError, "row 7"),
    (lambda m: m.search("x", rows=slice(1, None)), ValueError, "stop"),
    (lambda m: m.run("lookup", index=[3]), inlay.Error, "3"),
])
def test_mistakes_are_exceptions(dictionary, ask, error, says):
    with pytest.raises(error, match=says):
        ask(inlay.load(dictionary))


def test_what_is_not_there_or_there_already(dictionary, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        inlay.load(tmp_path / "absent")
    with pytest.raises(FileExistsError):
        inlay.fuse(dictionary, dictionary.parent / "vectors.npy")
    with pytest.raises(FileNotFoundError, match="absent.npy"):
        inlay.fuse(tmp_path / "model", tmp_path / "absent.npy")
    with pytest.raises(ValueError, match="'soft'"):
        inlay.fuse(tmp_path / "model", dictionary.parent / "vectors.npy", link="soft")
    with pytest.raises(inlay.NotFoundError):
        inlay.index(dictionary, name="absent")
    assert not (tmp_path / "model").exists()


def test_fusing_can_be_stopped(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(inlay.Error) as caught:
        inlay.fuse(tmp_path / "model", tmp_path / "rows.npy", progress=lambda *what: False)
    assert caught.value.code == "CANCELLED" and os.listdir(tmp_path) == ["rows.npy"]
