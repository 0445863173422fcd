"""Listing and measuring what is stored: every fixture, every kind of checkpoint, and figures that NumPy agrees with."""

import json
import os
import shutil

import numpy as np
import pytest

from conftest import needs
from stored import CHECKPOINTS, DATA, expected

pytestmark = needs("tensors")


def listed(inlay, *args):
    return {t["key"]: t for t in json.loads(inlay.ok("tensors", *args, "--json"))}


@pytest.mark.parametrize("path,folder,all_of_it", CHECKPOINTS, ids=[c[0] for c in CHECKPOINTS])
def test_everything_is_listed_where_it_lies(inlay, path, folder, all_of_it):
    want, got = expected(folder), listed(inlay, DATA / path)
    assert set(want) == set(got) if all_of_it else set(want) <= set(got)
    for key, t in want.items():
        assert (got[key]["dtype"], tuple(got[key]["shape"])) == (t.dtype, t.shape), key
        if t.dtype != "string":
            assert got[key]["bytes"] == len(t.data), key


def test_bytes_lie_at_their_offsets(inlay):
    want, got = expected("bundles/sharded"), listed(inlay, DATA / "bundles/sharded/bundle")
    assert {t["shard"] for t in got.values()} == {0, 1, 2}
    for key, t in want.items():
        shard = (DATA / f"bundles/sharded/bundle.data-{got[key]['shard']:05}-of-00003").read_bytes()
        if t.dtype != "string":
            assert shard[got[key]["offset"] :][: got[key]["bytes"]] == t.data, key


def test_partitioned_and_old_tensors_have_no_place(inlay):
    for path in ("bundles/partitioned/bundle", "checkpoints/v1"):
        for t in listed(inlay, DATA / path).values():
            assert (t["shard"] is None) == (t["slices"] > 0 or path == "checkpoints/v1"), t
    assert listed(inlay, DATA / "checkpoints/v1")["split"]["slices"] == 3


def check_stats(t, values):
    finite = values[np.isfinite(values)].astype(np.float64)
    stats = t["stats"]
    assert stats["elements"] == values.size
    assert stats["zeros"] == (values == 0).sum()
    assert stats["nan"] == np.isnan(values).sum()
    assert stats["infinity"] == np.isposinf(values).sum()
    assert stats["negative_infinity"] == np.isneginf(values).sum()
    if not finite.size:
        assert stats["min"] is stats["max"] is stats["mean"] is None
        return
    assert (stats["min"], stats["max"]) == (finite.min(), finite.max())
    assert stats["mean"] == pytest.approx(finite.mean(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("path,folder,all_of_it", CHECKPOINTS, ids=[c[0] for c in CHECKPOINTS])
def test_figures_are_numpys(inlay, path, folder, all_of_it):
    got = listed(inlay, DATA / path, "--stats")
    for key, t in expected(folder).items():
        if t.dtype in ("string", "complex64", "complex128", "float8_e5m2", "float8_e4m3fn"):
            assert "stats" not in got[key], key
        else:
            check_stats(got[key], t.array().astype(np.float64) if t.dtype == "bool" else t.array())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_figures_of_large_tensors(inlay, tmp_path, threads):
    """More elements than one task and one round of tasks take, at an odd offset, with what is no number here and there."""
    rng = np.random.default_rng(threads)
    rows = rng.standard_normal((70001, 17)).astype(np.float32)
    rows[5, 3], rows[700, 0], rows[70000, 16] = 0, 1e30, -1e30
    np.save(tmp_path / "rows.npy", rows)
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "--chunk", "1G", "-o", tmp_path / "model")
    got = listed(inlay, tmp_path / "model", "--stats", "--threads", threads)
    check_stats(got["inlay_search/rows_0"], rows)
    assert got == listed(inlay, tmp_path / "model", "--stats", "--threads", 3)


def test_models_and_frozen_graphs(inlay):
    kernel = listed(inlay, DATA / "graphs/frozen/graph.pb", "--stats")["kernel"]
    assert (kernel["dtype"], kernel["shape"], kernel["shard"]) == ("float32", [8, 16], None)
    values = np.frombuffer((DATA / "graphs/frozen/graph.pb").read_bytes()[kernel["offset"] :][: kernel["bytes"]], "<f4")
    check_stats(kernel, values)
    assert list(listed(inlay, DATA / "saved_models/tf1")) == ["bias", "kernel"]
    assert listed(inlay, DATA / "saved_models/tf1") == listed(inlay, DATA / "saved_models/tf1_pbtxt")
    text = listed(inlay, DATA / "saved_models/tf1_pbtxt/saved_model.pbtxt")
    assert text["kernel/initial_value"]["offset"] is None


def test_a_model_without_variables_lists_nothing(inlay, tmp_path):
    shutil.copytree(DATA / "saved_models/stateless", tmp_path / "m")
    shutil.rmtree(tmp_path / "m/variables")
    assert listed(inlay, tmp_path / "m") == {}
    assert inlay.ok("tensors", tmp_path / "m") == ""


def test_keys_choose(inlay):
    bundle = DATA / "bundles/one_shard/bundle"
    got = json.loads(inlay.ok("tensors", bundle, "int8/scalar", "deep", "--json"))
    assert [t["key"] for t in got] == ["int8/scalar", "deep"]
    lines = inlay.ok("tensors", bundle, "deep", "--stats").splitlines()
    assert lines == ["deep: int16 [2, 1, 3, 1, 2]  24 bytes in shard 0 at 1925",
                     "    min -32768  max 32767  mean 2073.58333  zeros 0  NaN 0"]
    assert "int32/matrix" in inlay.ok("tensors", "--stats", bundle, "--", "int32/matrix")


def test_mistakes(inlay, tmp_path):
    bundle = DATA / "bundles/one_shard/bundle"
    said = inlay.fails("tensors", bundle, "deep", "dee", saying="no tensor dee is stored there")
    assert str(bundle) in said
    inlay.fails("tensors", DATA / "graphs/frozen/graph.pb", "absent", saying="no tensor absent")
    inlay.fails("tensors", tmp_path / "absent", saying="absent")
    inlay.fails("tensors", tmp_path, saying=f"{tmp_path}/checkpoint")
    inlay.fails("tensors", saying="MODEL|CHECKPOINT is missing", code=2)
    (tmp_path / "noise").write_bytes(b"\xff" * 100)
    inlay.fails("tensors", tmp_path / "noise", saying="noise")
    for name in ("bundle.index", "bundle.data-00000-of-00001"):
        shutil.copy(DATA / "bundles/one_shard" / name, tmp_path / name)
    os.truncate(tmp_path / "bundle.data-00000-of-00001", 1000)
    inlay.fails("tensors", tmp_path / "bundle", saying="bundle.data-00000-of-00001")


def test_keys_cannot_steer_a_terminal(inlay, tmp_path):
    """A Const node, written by hand, whose name holds an escape sequence and what is no UTF-8."""
    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    tensor = b"\x08\x03" + field(2, b"") + field(4, (7).to_bytes(4, "little"))
    for name, shown, key in ((b"a\x1b[31m", "a\\x1b[31m: int32 []  4 bytes", "a\x1b[31m"), (b"\xff", "\xff", "\ufffd")):
        node = field(1, name) + field(2, b"Const") + field(5, field(1, b"value") + field(2, field(8, tensor)))
        (tmp_path / "g.pb").write_bytes(field(1, node))
        if name[0] < 128:
            assert inlay.ok("tensors", tmp_path / "g.pb").startswith(shown)
        got = listed(inlay, tmp_path / "g.pb", "--stats")
        assert list(got) == [key] and got[key]["stats"]["max"] == 7
    (tmp_path / "g.pb").write_bytes(2 * field(1, node))
    inlay.fails("tensors", tmp_path / "g.pb", saying="two nodes are called")
