"""`inlay fuse` as a user meets it: what it takes, what it says of it, and what it refuses by one line that names the file."""

import json
import os
import resource
import shutil
import struct
import subprocess

import numpy as np
import pytest

from conftest import ROOT, needs

pytestmark = needs("fuse", "query")
EXTRACTOR = ROOT / "examples/reverse-dictionary/extractor"  # text -> float32 [batch, 128]
DIM = 6


@pytest.fixture
def rows():
    return np.random.default_rng(5).standard_normal((20, DIM)).astype(np.float32)


def fuse(inlay, folder, *more):
    """Fuses to FOLDER/model with a check by brute force; the report."""
    return json.loads(inlay.ok("fuse", *more, "--check", 20, "--json", "-o", folder / "model"))


def answers(inlay, folder, queries, k=1, model="model"):
    np.save(folder / "queries.npy", np.asarray(queries, np.float32))
    out = inlay.ok("query", folder / model, "--inputs", f"query={folder / 'queries.npy'}", "--k", k, "--json")
    return [one["results"] for one in json.loads(out)["queries"]]


def finds_itself(inlay, folder, rows):
    return [r[0]["index"] for r in answers(inlay, folder, rows)] == list(range(len(rows)))


# ---- forms of stored vectors

def heads(rows, item):
    return b"".join(struct.pack("<i", len(row)) + row.astype(item).tobytes() for row in rows)


def size_first(rows, item):
    return struct.pack("<ii", *rows.shape) + rows.astype(item).tobytes()


FILES = {  # name: (bytes of whole numbers from 0, more flags, converted)
    "a.fvecs": (lambda x: heads(x, "<f4"), [], True),
    "a.bvecs": (lambda x: heads(x, "u1"), [], True),
    "a.fbin": (lambda x: size_first(x, "<f4"), [], False),
    "a.u8bin": (lambda x: size_first(x, "u1"), [], True),
    "a.f32": (lambda x: x.astype("<f4").tobytes(), ["--dim", DIM], False),
    "a.bin": (lambda x: x.astype("<f2").tobytes(), ["--dim", DIM, "--dtype", "float16"], False),
}


@pytest.mark.parametrize("name", FILES)
def test_other_vector_files(inlay, tmp_path, name):
    make, flags, converted = FILES[name]
    x = np.random.default_rng(2).integers(0, 256, (20, DIM))
    (tmp_path / name).write_bytes(make(x))
    report = fuse(inlay, tmp_path, "--embeddings", tmp_path / name, *flags)
    assert (report["rows"], report["dim"], report["converted"]) == (20, DIM, int(converted))
    assert finds_itself(inlay, tmp_path, x)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives(inlay, tmp_path, rows, save):
    save(tmp_path / "a.npz", b=rows[10:], a=rows[:10], names=np.array(["not", "vectors"]))
    assert fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npz")["converted"] == 2
    assert finds_itself(inlay, tmp_path, rows)
    assert fuse(inlay, tmp_path, "--embeddings", f"{tmp_path / 'a.npz'}#b", "--force")["rows"] == 10
    assert finds_itself(inlay, tmp_path, rows[10:])


@pytest.mark.parametrize("as_numpy_has_it", ["V2", "<u2"])
def test_bfloat16(inlay, tmp_path, rows, as_numpy_has_it):
    bits = (rows.view(np.uint32) >> 16).astype(np.uint16)
    np.save(tmp_path / "a.npy", bits.view(as_numpy_has_it))
    report = fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npy", "--dtype", "bfloat16")
    assert report["dtype"] == "bfloat16" and report["converted"] == 0
    assert finds_itself(inlay, tmp_path, (bits.astype(np.uint32) << 16).view(np.float32))


def test_what_cannot_be_linked_is_converted_and_said(inlay, tmp_path, rows):
    np.save(tmp_path / "big.npy", rows.astype(">f4"))
    done = inlay("fuse", "--embeddings", tmp_path / "big.npy", "-o", tmp_path / "model")
    assert "1 converted" in done.stdout and "big.npy: converted, because it is big-endian" in done.stderr
    assert finds_itself(inlay, tmp_path, rows)
    inlay.fails("fuse", "--embeddings", tmp_path / "big.npy", "--shards", "link", "-o", tmp_path / "no",
                saying="big.npy: cannot be linked: it is big-endian")


def test_a_fortran_file_is_linked_whole(inlay, tmp_path, rows):
    np.save(tmp_path / "f.npy", np.asfortranarray(rows))
    report = fuse(inlay, tmp_path, "--embeddings", tmp_path / "f.npy", "--shards", "link", "--chunk", 48)
    assert (report["hard_linked"], report["chunks"]) == (1, 1)
    assert finds_itself(inlay, tmp_path, rows)


def test_natural_order_and_the_order_given(inlay, tmp_path, rows):
    names = ["10.npy", "9.npy", "1.npy"]
    for name, part in zip(names, (rows[:5], rows[5:12], rows[12:])):
        np.save(tmp_path / name, part)
    paths = [tmp_path / name for name in names]
    fuse(inlay, tmp_path, "--embeddings", *paths, "--as-listed")
    assert finds_itself(inlay, tmp_path, rows)
    fuse(inlay, tmp_path, "--embeddings", *paths, "--force")
    assert finds_itself(inlay, tmp_path, np.concatenate([rows[12:], rows[5:12], rows[:5]]))


def test_zero_rows_are_counted_and_score_0(inlay, tmp_path, rows):
    rows[[3, 7]] = 0
    np.save(tmp_path / "a.npy", rows)
    shown = inlay.ok("fuse", "--embeddings", tmp_path / "a.npy", "-o", tmp_path / "model")
    assert "2 zero rows, the first is row 3" in shown
    assert {r["index"]: r["score"] for r in answers(inlay, tmp_path, rows[:1], 20)[0]}[7] == 0
    assert all(r["score"] == 0 for r in answers(inlay, tmp_path, np.zeros((1, DIM)), 20)[0])


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_rows_that_are_not_finite_give_defined_answers(inlay, tmp_path, rows, metric, dtype):
    rows[2, 1] = np.nan
    rows[4, 0] = np.inf
    rows[4, 1] = -np.inf
    np.save(tmp_path / "a.npy", rows.astype(dtype))
    inlay.fails("fuse", "--embeddings", tmp_path / "a.npy", "-o", tmp_path / "model", saying="a.npy: row 2 is not finite (2 ")
    fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npy", "--metric", metric, "--allow-non-finite")
    query = np.ones((1, DIM), np.float32)
    results = answers(inlay, tmp_path, query, 20)[0]
    assert len(results) == len(rows) - 2  # what scores NaN cannot win, and is not listed
    assert not {2, 4} & {r["index"] for r in results}
    good = rows[[r["index"] for r in results]].astype(np.float64)
    scores = {"dot": good @ query[0], "l2": -((good - query[0]) ** 2).sum(1),
              "cosine": good @ query[0] / np.linalg.norm(good, axis=1) / np.sqrt(DIM)}[metric]
    np.testing.assert_allclose([r["score"] for r in results], scores, atol=2e-2 if dtype == np.float16 else 1e-5)


@pytest.mark.parametrize("metric", ["dot", "l2"])
@pytest.mark.parametrize("size", [1e-25, 1e15])
def test_a_check_takes_rows_of_very_different_sizes(inlay, tmp_path, rows, metric, size):
    rows[3:] *= np.float32(size)
    np.save(tmp_path / "a.npy", rows)
    fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npy", "--metric", metric)


# ---- labels and ids

LABELS = {
    "crlf": (b"one\r\ntwo\r\n\r\nfour\r\n", ["one", "two", "", "four"]),
    "no last newline": (b"one\ntwo\n\nfour", ["one", "two", "", "four"]),
    "an empty last line": (b"one\ntwo\nthree\n\n", ["one", "two", "three", ""]),
    "utf-8": ("ü\n日本\n\U0001f600\n\n".encode(), ["ü", "日本", "\U0001f600", ""]),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_of_a_text(inlay, tmp_path, rows, case):
    text, labels = LABELS[case]
    np.save(tmp_path / "a.npy", rows[:4])
    (tmp_path / "labels").write_bytes(text)
    fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npy", "--labels", tmp_path / "labels")
    assert [r[0]["label"] for r in answers(inlay, tmp_path, rows[:4])] == labels


@pytest.mark.parametrize("dtype", ["S", "<U", ">U"])
def test_labels_of_an_array(inlay, tmp_path, rows, dtype):
    labels = ["one", "a longer one", "", "4"] if dtype == "S" else ["ü", "日本 and more", "", "4"]
    np.save(tmp_path / "a.npy", rows[:4])
    np.save(tmp_path / "labels.npy", np.array(labels).astype(dtype))
    fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npy", "--labels", tmp_path / "labels.npy")
    assert [r[0]["label"] for r in answers(inlay, tmp_path, rows[:4])] == labels


@pytest.mark.parametrize("dtype", ["<i8", ">i4", "u2"])
def test_ids(inlay, tmp_path, rows, dtype):
    np.save(tmp_path / "a.npy", rows)
    np.save(tmp_path / "ids.npy", (np.arange(20) * 100).astype(dtype))
    fuse(inlay, tmp_path, "--embeddings", tmp_path / "a.npy", "--ids", tmp_path / "ids.npy")
    assert [r[0]["id"] for r in answers(inlay, tmp_path, rows)] == [100 * i for i in range(20)]


# ---- how the rows get into the model

def test_a_hard_link_is_told_and_changes_nothing_of_the_source(inlay, tmp_path, rows):
    path = tmp_path / "a.npy"
    np.save(path, rows)
    path.chmod(0o400)
    os.utime(path, ns=(10**18, 10**18 + 7))
    before = path.stat()
    done = inlay("fuse", "--embeddings", path, "--shards", "link", "-o", tmp_path / "model", "--json")
    after = path.stat()
    assert json.loads(done.stdout)["hard_linked"] == 1
    assert "np.save" in done.stderr and "--shards copy is safe" in done.stderr
    assert after.st_nlink == 2
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (before.st_mode, before.st_mtime_ns, before.st_size)
    done = inlay("fuse", "--embeddings", path, "--shards", "copy", "-o", tmp_path / "copy")
    assert "1 copied" in done.stdout and not done.stderr and path.stat().st_nlink == 2


def test_moving_says_what_stays(inlay, tmp_path, rows):
    np.save(tmp_path / "a.npy", rows)
    np.savez(tmp_path / "b.npz", rows=rows, other=np.arange(3))
    done = inlay("fuse", "--embeddings", tmp_path / "a.npy", tmp_path / "b.npz", "--shards", "move", "-o", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "a.npy").exists() and (tmp_path / "b.npz").exists()
    assert "b.npz#rows: not removed" in done.stderr


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system."""
    folder = tmp_path
    for parent in ("/dev/shm", "/run", "/var/tmp"):
        if os.access(parent, os.W_OK) and os.stat(parent).st_dev != os.stat(tmp_path).st_dev:
            folder = parent + f"/inlay-test-{os.getpid()}"
            os.mkdir(folder)
            yield folder
            shutil.rmtree(folder)
            return
    pytest.skip("there is no second file system")


def test_across_file_systems(inlay, tmp_path, elsewhere, rows):
    path = os.path.join(elsewhere, "a.npy")
    np.save(path, rows)
    inlay.fails("fuse", "--embeddings", path, "--shards", "link", "-o", tmp_path / "model", saying=f"{path}: cannot make a hard link")
    inlay.fails("fuse", "--embeddings", path, "--shards", "reflink", "-o", tmp_path / "model", saying=f"{path}: ")
    assert fuse(inlay, tmp_path, "--embeddings", path)["copied"] == 1
    assert fuse(inlay, tmp_path, "--embeddings", path, "--shards", "move", "--force")["copied"] == 1
    assert not os.path.exists(path) and finds_itself(inlay, tmp_path, rows)


def test_umask_is_honoured(inlay, tmp_path, rows):
    np.save(tmp_path / "a.npy", rows)
    old = os.umask(0o027)
    try:
        inlay.ok("fuse", "--embeddings", tmp_path / "a.npy", "--shards", "copy", "-o", tmp_path / "model")
    finally:
        os.umask(old)
    for folder, _, files in os.walk(tmp_path / "model"):
        assert os.stat(folder).st_mode & 0o777 == 0o750
        assert all(os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o640 for name in files)


def test_a_file_size_limit_ends_in_an_error(inlay, tmp_path, rows):
    np.save(tmp_path / "a.npy", np.concatenate([rows] * 1000))
    done = subprocess.run([inlay.path, "fuse", "--embeddings", tmp_path / "a.npy", "--shards", "copy", "-o", tmp_path / "model"],
                          capture_output=True, text=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert "File too large" in done.stderr
    assert os.listdir(tmp_path) == ["a.npy"]


# ---- what is refused

@pytest.fixture
def bad(tmp_path, rows):
    """A folder of what is wrong, and of what is right to go with it."""
    np.save(tmp_path / "a.npy", rows)
    np.save(tmp_path / "wide.npy", np.ones((20, DIM + 1), np.float32))
    np.save(tmp_path / "half.npy", rows.astype(np.float16))
    np.save(tmp_path / "cube.npy", np.ones((2, 3, 4), np.float32))
    np.save(tmp_path / "complex.npy", rows.astype(np.complex64))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(whole[:-1])
    (tmp_path / "cut.npy").write_bytes(whole[:60])
    (tmp_path / "odd.npy").write_bytes(whole.replace(b"shape", b"shade"))
    (tmp_path / "text.npy").write_bytes(b"these are no vectors")
    (tmp_path / "19.txt").write_text("x\n" * 19)
    (tmp_path / "latin.txt").write_bytes(b"x\n" * 11 + b"\xfc\n" + b"x\n" * 8)
    np.save(tmp_path / "19.npy", np.arange(19))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.md").write_text("x")
    return tmp_path


MISTAKES = [  # arguments; what the one line must say, of which the files are named
    (["wide.npy", "a.npy"], ["wide.npy: rows of dimension 7", "dimension 6 in", "/a.npy"]),
    (["a.npy", "half.npy"], ["half.npy: float16", "float32 in", "/a.npy"]),
    (["cube.npy"], ["cube.npy: has the shape [2, 3, 4]"]),
    (["complex.npy"], ["complex.npy: holds complex64"]),
    (["short.npy"], ["short.npy: the header promises [20, 6]"]),
    (["cut.npy"], ["cut.npy: the .npy header is cut off"]),
    (["odd.npy"], ["odd.npy: malformed .npy header"]),
    (["text.npy"], ["text.npy: "]),
    (["folder"], ["folder: holds what is of no known kind: notes.md"]),
    (["absent.npy"], ["absent.npy: cannot find"]),
    (["a.npy", "--labels", "19.txt"], ["19.txt: holds 19 labels, the stored vectors are 20"]),
    (["a.npy", "--labels", "latin.txt"], ["latin.txt: line 12 is not UTF-8"]),
    (["a.npy", "--ids", "19.npy"], ["19.npy: holds 19 ids"]),
    (["a.npy", "--ids", "half.npy"], ["half.npy: holds float16; ids are integers"]),
    (["a.npy", "--dim", "5"], ["a.npy: rows of dimension 6, not 5"]),
    (["a.npy", "--feature", "x"], ["a feature is given, but no extractor"]),
    (["a.npy", "--input", "x=x:0"], ["an input is given, but no extractor"]),
]


@pytest.mark.parametrize("args,parts", MISTAKES, ids=lambda value: " ".join(value[:3]))
def test_mistakes_are_one_line_that_names_the_file(inlay, bad, args, parts):
    args = [bad / word if "." in word and "=" not in word or word == "folder" else word for word in args]
    err = inlay.fails("fuse", "--embeddings", *args, "-o", bad / "model", saying=parts[0])
    assert all(part in err for part in parts), err
    assert not (bad / "model").exists()


@needs("show")
def test_mistakes_about_the_extractor(inlay, bad):
    a = ["--embeddings", bad / "a.npy", "-o", bad / "model"]
    inlay.fails("fuse", EXTRACTOR, *a, "--signature", "x", saying="no signature x; the signatures: ")
    inlay.fails("fuse", EXTRACTOR, *a, "--feature", "x", saying="no output x; its outputs: embedding")
    err = inlay.fails("fuse", EXTRACTOR, *a, saying="output embedding has dimension 128")
    assert str(bad / "a.npy") in err and str(EXTRACTOR) in err
    inlay.fails("fuse", EXTRACTOR, *a, "--input", "x=y:0", saying="is a SavedModel")
    inlay.fails("fuse", EXTRACTOR, *a, "--tag_set", "x", saying='no metagraph has the tags "x"')
    inlay.ok("fuse", *a)
    again = ["--embeddings", bad / "a.npy", "-o", bad / "again"]
    inlay.fails("fuse", bad / "model", *again, "--signature", "search", saying="signature search is a search")
    inlay.fails("fuse", bad / "model", *again, "--signature", "search", "--name", "other", saying="signature search is a search")


def test_names_that_are_taken(inlay, bad):
    np.save(bad / "b.npy", np.ones((3, 128), np.float32))
    inlay.ok("fuse", EXTRACTOR, "--embeddings", bad / "b.npy", "-o", bad / "model")
    again = ["fuse", bad / "model", "--embeddings", bad / "b.npy", "-o", bad / "again"]
    inlay.fails(*again, saying="a signature called search; choose another name")
    inlay.ok(*again, "--name", "other")
    graph = ROOT / "tests/data/graphs/frozen/graph.pb"
    np.save(bad / "16.npy", np.ones((3, 16), np.float32))
    shutil.copy(graph, bad / "graph.pb")
    inlay.fails("fuse", bad / "graph.pb", "--input", "k=x:0", "--output", "y:0", "--embeddings", bad / "16.npy",
                "-o", bad / "frozen", saying="an input called k")
    inlay.fails("fuse", bad / "graph.pb", "--input", "a=x:0", "--input", "a=x:0", "--output", "y:0", "--embeddings", bad / "16.npy",
                "-o", bad / "frozen", saying="input a is given twice")


def test_signatures_that_are_asked_with_row_numbers(inlay, bad):
    np.save(bad / "b.npy", np.ones((3, 128), np.float32))
    fuse = ["fuse", EXTRACTOR, "--embeddings", bad / "b.npy"]
    inlay.fails(*fuse, "-o", bad / "model", "--with", "lookup,all", saying="--with all: similar and lookup can be made", code=2)
    for name, keys in (("search", ["lookup", "similar"]), ("other", ["other_lookup", "other_similar"])):
        inlay.ok(*fuse, "-o", bad / name, "--with", "lookup,similar", "--name", name)
        shown = inlay.ok("show", bad / name)
        assert [key for key in keys if f"signature {key} " in shown] == keys
        for key, what in zip(keys, ("gives stored rows", "is a search")):
            inlay.fails("fuse", bad / name, "--embeddings", bad / "b.npy", "--name", "x", "--signature", key, "-o", bad / "again",
                        saying=f"signature {key} {what}")
    again = ["fuse", bad / "search", "--embeddings", bad / "b.npy", "-o", bad / "again", "--name"]
    inlay.fails(*again, "similar", saying="a signature called similar; choose another name")
    inlay.ok("signature", bad / "search", "--rename", "similar=x_similar")
    inlay.fails(*again, "x", "--with", "similar", saying="a signature called x_similar; choose another name for the search")
    inlay.ok(*again, "x", "--with", "lookup")
    inlay.ok("signature", bad / "search", "--add", "likes=lookup")
    inlay.fails("rows", bad / "search", "--delete", "0:1", saying="is another name of")
    inlay.ok("signature", bad / "search", "--remove", "likes")
    inlay.ok("rows", bad / "search", "--delete", "0:1")
    assert "signature x_similar " in inlay.ok("show", bad / "search")


def test_targets(inlay, bad):
    a = ["--embeddings", bad / "a.npy", "-o"]
    inlay.fails("fuse", *a, bad / "absent/model", saying=f"{bad / 'absent'}: cannot find")
    inlay.fails("fuse", *a, bad / "folder", saying="folder: is there already")
    inlay.fails("fuse", *a, bad / "folder", "--force", saying="folder: holds no saved_model.pb")
    inlay.fails("fuse", *a, bad / "a.npy", "--force", saying="lies inside what it is made from")
    inlay.fails("fuse", *a, bad, "--force", saying="lies inside what it is made from")
    inlay.ok("fuse", *a, bad / "model")
    for target in ("model", "model/inner"):
        inlay.fails("fuse", bad / "model", *a, bad / target, "--force", "--name", "x", saying="lies inside what it is made from")
    inlay.fails("fuse", "--embeddings", f"{bad / 'model'}#inlay_search/rows_0", "-o", bad / "model", "--force",
                saying="lies inside what it is made from")
    (bad / "model/labels.txt").write_text("x\n" * 20)
    inlay.fails("fuse", *a, bad / "model", "--force", "--labels", bad / "model/labels.txt", saying="lies inside what it is made from")
    (bad / "link").symlink_to("model")
    inlay.fails("fuse", bad / "link", *a, bad / "model", "--force", "--name", "x", saying="lies inside what it is made from")


@pytest.mark.parametrize("flag", ["--k", "--chunk", "--dim", "--check", "--threads"])
def test_counts_below_0_are_refused(inlay, bad, flag):
    inlay.fails("fuse", "--embeddings", bad / "a.npy", "-o", bad / "model", flag, "-1", saying=f"{flag} wants a number", code=2)
