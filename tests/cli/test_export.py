"""Stored tensors as NumPy files: the values of every fixture, names that are safe, and outputs that are whole or not there."""

import base64
import json
import shutil
import urllib.parse

import numpy as np
import pytest

from conftest import needs, one_line, tree
from stored import CHECKPOINTS, DATA, expected

pytestmark = needs("tensors", "export")
ONE = DATA / "bundles/one_shard/bundle"


def raw(values):
    return np.ascontiguousarray(values).tobytes()


def check_numbers(t, values):
    numpy_has = {"bfloat16": "V2", "int4": "V1", "uint4": "V1", "float8_e4m3fn": "V1", "float8_e5m2": "V1"}
    assert values.dtype == np.dtype(numpy_has.get(t.dtype, t.dtype)), t.key
    assert values.shape == t.shape and raw(values) == t.data, t.key


def flat(nested):
    if not isinstance(nested, list):
        yield base64.b64decode(nested["b64"]) if isinstance(nested, dict) else nested.encode()
        return
    for one in nested:
        yield from flat(one)


def check_file(path, t):
    if t.dtype == "string":
        assert list(flat(json.loads(path.read_text(encoding="utf-8")))) == t.strings(), t.key
    else:
        check_numbers(t, np.load(path))


@pytest.mark.parametrize("path,folder,all_of_it", CHECKPOINTS, ids=[c[0] for c in CHECKPOINTS])
def test_a_folder_holds_every_tensor(inlay, tmp_path, path, folder, all_of_it):
    want = expected(folder)
    if not all_of_it:
        inlay.fails("export", DATA / path, "-o", tmp_path / "out", saying="longer than 255 bytes")
        return
    told = json.loads(inlay.ok("export", DATA / path, "-o", tmp_path / "out/", "--json"))
    files = {urllib.parse.unquote(p.stem): p for p in (tmp_path / "out").iterdir()}
    assert told["tensors"] == len(files) and told["left_out"] == 0
    assert set(want) == set(files)
    for key, t in want.items():
        check_file(files[key], t)


@pytest.mark.parametrize("path,folder,all_of_it", CHECKPOINTS, ids=[c[0] for c in CHECKPOINTS])
def test_an_archive_holds_the_numbers(inlay, tmp_path, path, folder, all_of_it):
    del all_of_it
    want = {k: t for k, t in expected(folder).items() if t.dtype != "string"}
    inlay.ok("export", DATA / path, *want, "-o", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        assert set(archive.files) == set(want)
        for key, t in want.items():
            check_numbers(t, archive[key])


def test_models_and_frozen_graphs(inlay, tmp_path):
    graph = DATA / "graphs/frozen/graph.pb"
    kernel = {t["key"]: t for t in json.loads(inlay.ok("tensors", graph, "--json"))}["kernel"]
    inlay.ok("export", graph, "kernel", "-o", tmp_path / "kernel.npy")
    assert raw(np.load(tmp_path / "kernel.npy")) == graph.read_bytes()[kernel["offset"] :][: kernel["bytes"]]
    inlay.ok("export", DATA / "saved_models/tf1", "-o", tmp_path / "tf1.npz")
    inlay.ok("export", DATA / "saved_models/tf1_pbtxt", "-o", tmp_path / "text.npz")
    assert (tmp_path / "tf1.npz").read_bytes() == (tmp_path / "text.npz").read_bytes()


def test_the_object_graph_stays_out_of_archives(inlay, tmp_path):
    model = DATA / "saved_models/keras"
    done = inlay("export", model, "-o", tmp_path / "all.npz", "--json")
    assert done.returncode == 0 and "left out _CHECKPOINTABLE_OBJECT_GRAPH" in done.stderr
    stored = {t["key"] for t in json.loads(inlay.ok("tensors", model, "--json"))}
    with np.load(tmp_path / "all.npz") as archive:
        assert set(archive.files) == stored - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    inlay.fails("export", model, "_CHECKPOINTABLE_OBJECT_GRAPH", "-o", tmp_path / "s.npz", saying="unpickling")
    inlay.fails("export", DATA / "saved_models/stateless", "-o", tmp_path / "s.npz", saying="no tensors that fit a .npz")
    inlay.fails("export", ONE, "-o", tmp_path / "s.npz", saying="string/empty: NumPy reads strings")
    assert not (tmp_path / "s.npz").exists()


def write_graph(path, names):
    """A frozen graph of int32 scalars, written by hand: 0, 1, 2 ..."""
    def field(number, data):
        return bytes([number << 3 | 2]) + (bytes([len(data)]) if len(data) < 128 else
                                           bytes([len(data) & 127 | 128, len(data) >> 7])) + data

    nodes = b""
    for i, name in enumerate(names):
        tensor = b"\x08\x03" + field(2, b"") + field(4, i.to_bytes(4, "little"))
        nodes += field(1, field(1, name) + field(2, b"Const") + field(5, field(1, b"value") + field(2, field(8, tensor))))
    path.write_bytes(nodes)


HOSTILE = [b"../../up", b"/etc/passwd", b".", b"..", b"a/b", b"a_b", b"a%2Fb", b".hidden", b"a\x00b", b"\xff\xfe", b"",
           "\u00fc".encode(), b"A", b"a", b"a.npy", b"a\nb", b"con:"]


def test_no_key_leaves_the_folder_and_none_hides_another(inlay, tmp_path):
    write_graph(tmp_path / "g.pb", HOSTILE)
    before = set(tmp_path.parent.iterdir())
    inlay.ok("export", tmp_path / "g.pb", "-o", tmp_path / "out")
    files = {urllib.parse.unquote_to_bytes(p.name[:-4]): p for p in (tmp_path / "out").iterdir()}
    assert set(files) == set(HOSTILE)
    assert [int(np.load(files[name])) for name in HOSTILE] == list(range(len(HOSTILE)))
    assert {p.name for p in tmp_path.iterdir()} == {"g.pb", "out"} and set(tmp_path.parent.iterdir()) == before
    assert not any(p.name.startswith(".") and p.name != ".npy" for p in (tmp_path / "out").iterdir())


def test_keys_that_files_and_archives_cannot_hold(inlay, tmp_path):
    for names, saying in (([b"\xff"], "cannot hold this key"), ([b"a\x00b"], "cannot hold this key"),
                          ([b"a", b"a.npy"], "cannot tell this key")):
        write_graph(tmp_path / "g.pb", names)
        inlay.fails("export", tmp_path / "g.pb", "-o", tmp_path / "o.npz", saying=saying)
    write_graph(tmp_path / "g.pb", [b"a.npy", b"b"])
    inlay.ok("export", tmp_path / "g.pb", "-o", tmp_path / "o.npz")
    assert int(np.load(tmp_path / "o.npz")["a.npy"]) == 0
    write_graph(tmp_path / "g.pb", [b"x" * 300])
    inlay.fails("export", tmp_path / "g.pb", "-o", tmp_path / "o", saying="longer than 255 bytes")
    inlay.ok("export", tmp_path / "g.pb", "x" * 300, "-o", tmp_path / "long.npy")
    assert {p.name for p in tmp_path.iterdir()} == {"g.pb", "o.npz", "long.npy"}


def test_mistakes(inlay, tmp_path):
    out = tmp_path / "x.npy"
    inlay.fails("export", ONE, "deep", saying="-o is needed", code=2)
    inlay.fails("export", ONE, "dee", "-o", out, saying="no tensor dee")
    inlay.fails("export", ONE, "-o", out, saying="takes one tensor, not")
    inlay.fails("export", ONE, "deep", "deep", "-o", tmp_path / "d", saying="deep is given twice")
    inlay.fails("export", ONE, "string/scalar", "-o", out, saying="strings go to a .json")
    inlay.fails("export", ONE, "deep", "-o", tmp_path / "x.json", saying="numbers go to a .npy")
    inlay.fails("export", ONE, "deep", "-o", tmp_path / "absent/x.npy", saying="absent")
    inlay.fails("export", tmp_path / "none", "-o", tmp_path / "d", saying="none")
    assert not list(tmp_path.iterdir())
    inlay.ok("export", ONE, "string/scalar", "-o", tmp_path / "x.json")


def test_nothing_is_replaced_unasked(inlay, tmp_path):
    for name, keys in (("x.npy", ["deep"]), ("x.npz", ["deep", "int8/scalar"]), ("d", ["deep", "int8/scalar"])):
        out = tmp_path / name
        inlay.ok("export", ONE, *keys, "-o", out)
        inlay.fails("export", ONE, "bool/scalar", "-o", out, saying="is there already")
        inlay.ok("export", ONE, "bool/scalar", "-o", out, "--force")
    assert np.load(tmp_path / "x.npy").dtype == bool
    assert np.load(tmp_path / "x.npz").files == ["bool/scalar"]
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["bool%2Fscalar.npy"]


def test_force_never_costs_other_files(inlay, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/diary.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "x.npy").mkdir()
    inlay.fails("export", ONE, "deep", "-o", tmp_path / "home", "--force", saying="holds diary.txt")
    inlay.fails("export", ONE, "deep", "-o", tmp_path / "file", "--force", saying="is no folder")
    inlay.fails("export", ONE, "deep", "-o", tmp_path / "x.npy", "--force", saying="is a folder")
    assert (tmp_path / "home/diary.txt").read_text() == (tmp_path / "file").read_text() == "dear"


def hidden(folder):
    return [p for p in folder.iterdir() if p.name.startswith(".")]


def export_with_fault(debug_inlay, keys, out, fault):
    """The export that is cut off at FAULT, over another; -> its result, and the files there are then."""
    folder = out.parent
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    debug_inlay.ok("export", ONE, "deep", "-o", out)
    done = debug_inlay("export", ONE, *keys, "-o", out, "--force", env={"INLAY_FAULT": fault} if fault else {})
    return done, {name: data for name, data in tree(folder).items() if not name.startswith(".")}


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
@pytest.mark.parametrize("name", ["x.npy", "x.npz", "d"])
def test_whole_or_not_at_all(debug_inlay, tmp_path, kind, name):
    keys = ["float32/matrix"] if name == "x.npy" else ["float32/matrix", "deep", "int8/scalar"]
    out = tmp_path / "at" / name
    out.parent.mkdir()
    whole = export_with_fault(debug_inlay, keys, out, None)[1]
    debug_inlay.ok("export", ONE, "deep", "-o", out, "--force")
    old = tree(out.parent)
    assert old != whole
    succeeded = 0
    for number in range(1, 100):
        done, files = export_with_fault(debug_inlay, keys, out, f"{kind}:{number}")
        assert files in (whole, old), f"{kind}:{number} left part of an export"
        if done.returncode == 0:
            assert files == whole
            succeeded += 1
        elif done.returncode != -9:
            assert done.returncode == 1 and one_line(done.stderr), (done.returncode, done.stderr)
        if done.returncode != -9 and files == old:  # an old folder that could not be removed stays, hidden
            assert not hidden(out.parent), f"{kind}:{number} left something"
        if succeeded == (1 if kind != "short" else 30):
            break
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 4
