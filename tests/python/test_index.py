"""inlay.Index against brute force in NumPy, and what it takes and refuses."""

import gc
import sys
import threading
import time
import weakref

import inlay
import ml_dtypes
import numpy as np
import pytest
from brute import Answer, Reference

METRICS = ["cosine", "dot", "l2"]
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_answers_are_those_of_brute_force_with_an_index_or_without(rows, queries, metric, dtype):
    rows = (rows * 30 if dtype == np.int8 else rows).astype(dtype)
    reference = Reference(queries, rows, metric)
    for k in (1, 10, 3000):
        ids, scores = inlay.Index(rows, metric).search(queries, k)
        assert ids.dtype == np.int64 and scores.dtype == np.float32
        reference.check(Answer(scores, ids), k)
        plain = inlay.Index(rows, metric, index=False).search(queries, k)
        np.testing.assert_array_equal(ids, plain[0])
        np.testing.assert_array_equal(scores, plain[1])


def test_several_arrays_are_one(rows, queries):
    whole = inlay.Index(rows).search(queries, 20)
    index = inlay.Index([rows[:1000], rows[1000:1000], rows[1000:]])
    assert len(index) == 3000 and index.dim == 37 and index.metric == "cosine"
    assert repr(index) == "<inlay.Index of 3000 rows x 37, cosine>"
    for a, b in zip(whole, index.search(queries, 20)):
        np.testing.assert_array_equal(a, b)


def test_files_answer_as_arrays_do(rows, queries, tmp_path):
    np.save(tmp_path / "0.npy", rows[:1200])
    np.save(tmp_path / "1.npy", np.asfortranarray(rows[1200:2000]))
    np.save(tmp_path / "2.npy", rows[2000:].astype(">f4"))
    whole = inlay.Index(rows).search(queries, 20)
    for given in (tmp_path, str(tmp_path), [tmp_path / f"{i}.npy" for i in range(3)]):
        for copy in (False, True):
            found = inlay.Index(given, copy=copy).search(queries, 20)
            np.testing.assert_array_equal(found[0], whole[0])
            np.testing.assert_allclose(found[1], whole[1], rtol=0, atol=1e-6)


def test_mapped_arrays_are_searched_where_they_lie(rows, queries, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    np.testing.assert_array_equal(inlay.Index(mapped).search(queries)[0], inlay.Index(rows).search(queries)[0])


def test_bfloat16_files_need_the_dtype(rows, queries, tmp_path):
    halves = rows.astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "rows.npy", halves)
    with pytest.raises(inlay.InvalidArgumentError, match="rows.npy"):
        inlay.Index(tmp_path / "rows.npy")
    found = inlay.Index(tmp_path / "rows.npy", dtype="bfloat16").search(queries)
    np.testing.assert_array_equal(found[0], inlay.Index(halves).search(queries)[0])


def test_files_of_bytes_are_searched_as_they_are(rows, queries, tmp_path):
    bytes_of = (rows * 30).astype(np.int8)
    np.save(tmp_path / "rows.npy", bytes_of)
    found = inlay.Index(tmp_path / "rows.npy").search(queries)
    for a, b in zip(found, inlay.Index(bytes_of).search(queries)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found[0], inlay.Index(bytes_of.astype(np.float32)).search(queries)[0])


def test_an_index_in_a_folder_is_used_again(rows, queries, tmp_path):
    first = inlay.Index(rows, index_folder=tmp_path / "kept").search(queries)
    (file,) = (tmp_path / "kept").iterdir()
    before = file.stat()
    again = inlay.Index(rows.copy(), index_folder=tmp_path / "kept").search(queries)
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    np.testing.assert_array_equal(first, again)
    rows[0] *= -1
    other = inlay.Index(rows, index_folder=tmp_path / "kept").search(queries)
    assert file.stat().st_mtime_ns != before.st_mtime_ns
    np.testing.assert_array_equal(other, inlay.Index(rows).search(queries))


# ---- queries


def test_queries_may_be_one_and_of_other_layouts(rows, queries):
    index = inlay.Index(rows)
    ids, scores = index.search(queries, 5)
    one = index.search(queries[2], 5)
    assert one[0].shape == one[1].shape == (5,)
    np.testing.assert_array_equal(one[0], ids[2])
    np.testing.assert_allclose(one[1], scores[2], rtol=0, atol=1e-6)
    wide = np.repeat(queries, 2, axis=1)[:, ::2]
    for other in (wide, np.asfortranarray(queries), queries.astype(np.float64), queries.tolist()):
        np.testing.assert_array_equal(index.search(other, 5)[0], ids)
    assert index.search(np.empty((0, 37), np.float32), 5)[0].shape == (0, 5)
    assert index.search(queries, 0)[0].shape == (6, 0)


def test_more_rows_than_there_are_end_in_none(queries):
    rows = np.eye(37, dtype=np.float32)[:3]
    ids, scores = inlay.Index(rows).search(queries, 5)
    assert (ids[:, 3:] == -1).all() and (scores[:, 3:] == -np.inf).all() and (ids[:, :3] >= 0).all()
    rows[1, 1] = np.nan
    assert not (inlay.Index(rows).search(queries, 3)[0] == 1).any()


@pytest.mark.parametrize("limits, allowed", [
    ({"rows": slice(100, 900)}, lambda r: (r >= 100) & (r < 900)),
    ({"rows": slice(-50, None)}, lambda r: r >= 2950),
    ({"rows": slice(None, None, 7)}, lambda r: r % 7 == 0),
    ({"rows": range(5, 2000)}, lambda r: (r >= 5) & (r < 2000)),
    ({"rows": range(9, 9)}, lambda r: r < 0),
    ({"rows": []}, lambda r: r < 0),
    ({"rows": [5, 17, 17, 2999]}, lambda r: np.isin(r, [5, 17, 2999])),
    ({"rows": np.array([[0, 10], [5, 20]])}, lambda r: r < 20),
    ({"rows": np.arange(3000) % 3 == 0}, lambda r: r % 3 == 0),
    ({"exclude": slice(0, 2500)}, lambda r: r >= 2500),
    ({"exclude": np.arange(3000) % 3 == 0}, lambda r: r % 3 != 0),
    ({"rows": slice(0, 100), "exclude": [1, 2]}, lambda r: (r < 100) & (r != 1) & (r != 2)),
])
def test_only_some_rows_are_answered(rows, queries, limits, allowed):
    mask = allowed(np.arange(3000))
    full = inlay.Index(rows).search(queries, 3000)
    ids, scores = inlay.Index(rows).search(queries, 12, **limits)
    for q in range(len(queries)):
        left = full[0][q][mask[full[0][q]]][:12]
        np.testing.assert_array_equal(ids[q, :len(left)], left)
        assert (ids[q, len(left):] == -1).all() and (scores[q, len(left):] == -np.inf).all()


def test_a_minimum_score_ends_answers(rows, queries):
    index = inlay.Index(rows)
    ids, scores = index.search(queries, 3000)
    for least, most in ((0.3, 40), (0.0, 3000), (2.0, 5)):
        some = index.search(queries, most, min_score=least)
        every = index.search_all(queries, least)
        for q in range(len(queries)):
            left = ids[q][scores[q] >= least]
            np.testing.assert_array_equal(every[q][0], left)
            np.testing.assert_array_equal(every[q][1], scores[q][scores[q] >= least])
            np.testing.assert_array_equal(some[0][q][:len(left)], left[:most])
            assert (some[0][q][len(left):] == -1).all()
    with pytest.raises(inlay.ResourceExhaustedError, match="query 0"):
        index.search_all(queries, -1, most=10)


# ---- what is refused


@pytest.mark.parametrize("make, error, says", [
    (lambda r: inlay.Index(r.T), ValueError, "not C-contiguous"),
    (lambda r: inlay.Index(r[:, ::2]), ValueError, "not C-contiguous"),
    (lambda r: inlay.Index(r[0]), ValueError, "not \\[rows, dim\\]"),
    (lambda r: inlay.Index(r.astype(">f4")), ValueError, "dtype"),
    (lambda r: inlay.Index(r.astype(np.int32)), inlay.InvalidArgumentError, "int32"),
    (lambda r: inlay.Index(r.astype("S4")), ValueError, "dtype"),
    (lambda r: inlay.Index(r, "angle"), ValueError, "'angle'"),
    (lambda r: inlay.Index([r, r[:, :5].copy()]), inlay.InvalidArgumentError, "rows of 5 numbers"),
    (lambda r: inlay.Index([]), TypeError, "rows are"),
    (lambda r: inlay.Index([r, "path"]), TypeError, "rows are"),
    (lambda r: inlay.Index(3), TypeError, "iterable"),
    (lambda r: inlay.Index("absent.npy"), FileNotFoundError, "absent.npy"),
    (lambda r: inlay.Index(r, index_folder="absent/folder"), FileNotFoundError, "absent"),
    (lambda r: inlay.Index(r).search(r[:, :5]), ValueError, "queries of 5 numbers"),
    (lambda r: inlay.Index(r).search(r[None]), ValueError, "shape"),
    (lambda r: inlay.Index(r).search("text"), TypeError, "queries are numbers"),
    (lambda r: inlay.Index(r).search(r[0], -1), ValueError, "below 0"),
    (lambda r: inlay.Index(r).search(r[0] * np.nan), inlay.InvalidArgumentError, "not finite"),
    (lambda r: inlay.Index(r).search(r[0], rows=[3000]), inlay.InvalidArgumentError, "row 3000"),
    (lambda r: inlay.Index(r).search(r[0], rows=[-1]), inlay.InvalidArgumentError, "-1"),
    (lambda r: inlay.Index(r).search(r[0], rows=np.ones(5, bool)), inlay.InvalidArgumentError, "bitmap"),
    (lambda r: inlay.Index(r).search(r[0], rows=[1.5]), TypeError, "row numbers"),
    (lambda r: inlay.Index(r).search(r[0], min_score=np.nan), inlay.InvalidArgumentError, "not a number"),
])
def test_mistakes_are_exceptions(rows, make, error, says):
    with pytest.raises(error, match=says):
        make(rows)


def test_errors_have_their_code_and_place(tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(inlay.DataLossError) as caught:
        inlay.Index(tmp_path / "bad.npy")
    assert caught.value.code == "DATA_LOSS" and caught.value.file == str(tmp_path / "bad.npy") and "bad.npy" in str(caught.value)
    with pytest.raises(inlay.Error) as caught:
        inlay.Index(b"\xff\xfe.npy")
    assert caught.value.code == "NOT_FOUND" and isinstance(caught.value, FileNotFoundError)


# ---- memory, threads, progress


def test_arrays_are_kept_as_long_as_the_index_and_no_longer(rows, queries):
    wanted = inlay.Index(rows).search(queries)[0]
    for index_it in (True, False):
        own = rows.copy()
        kept = weakref.ref(own)
        index = inlay.Index(own, index=index_it)
        del own
        gc.collect()
        assert kept() is not None
        np.testing.assert_array_equal(index.search(queries)[0], wanted)
        del index
        gc.collect()
        assert kept() is None
    own = np.zeros((4, 70000), np.float32)  # more dimensions than an index can have
    kept = weakref.ref(own)
    with pytest.raises(inlay.InvalidArgumentError, match="70000"):
        inlay.Index(own)
    del own
    gc.collect()
    assert kept() is None


def test_threads_search_at_the_same_time(rows, queries):
    index = inlay.Index(rows)
    wanted = index.search(queries)
    wrong = []

    def ask():
        for _ in range(50):
            got = index.search(queries)
            if not (np.array_equal(got[0], wanted[0]) and np.array_equal(got[1], wanted[1])):
                wrong.append(got)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_interpreter_runs_meanwhile(rng):
    """With a switch interval beyond the test, another thread runs only when the GIL is let go."""
    rows = rng.standard_normal((100_000, 64), dtype=np.float32)
    index = inlay.Index(rows, index=False)
    turns, stop = [0], threading.Event()

    def turn():
        while not stop.is_set():
            turns[0] += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    other = threading.Thread(target=turn)
    try:
        other.start()
        queries = rows[:200]
        before = turns[0]
        index.search(queries)
        after = turns[0]
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        other.join()
    assert after > before


def test_opening_can_be_watched_and_stopped(rows):
    told = []
    inlay.Index(rows, progress=lambda *what: told.append(what))
    assert told[-1] == ("indexing rows", 3000, 3000)
    with pytest.raises(inlay.Error) as caught:
        inlay.Index(rows, progress=lambda *what: False)
    assert caught.value.code == "CANCELLED"

    def broken(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inlay.Index(rows, progress=broken)
