"""Encoding: a vector a line, in shards that appear whole, resumed where it was stopped."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from conftest import PROGRAM, needs

pytestmark = needs("encode")
EXTRACTOR = pathlib.Path(__file__).resolve().parents[2] / "examples/reverse-dictionary/extractor"
WORDS = "frozen dessert cream fear spider repair shoe measure temperature water stone house".split()


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    ends = ["\r\n" if i % 3 == 0 else "\n" for i in range(2500)]
    path.write_text("".join(" ".join(rng.choice(WORDS, 5)) + end for end in ends) + "water", encoding="utf-8")
    return path


def shards(folder):
    return [np.load(path) for path in sorted(folder.glob("*.npy"))]


def test_shards_hold_a_row_a_line_whatever_the_batch(inlay, lines, tmp_path):
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", 1000)
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "b", "--batch", 7, "--threads", 3)
    a, b = shards(tmp_path / "a"), shards(tmp_path / "b")
    assert [len(s) for s in a] == [1000, 1000, 501]
    assert [len(s) for s in b] == [2501]
    np.testing.assert_allclose(np.concatenate(a), b[0], atol=1e-6)
    assert np.linalg.norm(b[0][-1]) > 0


def test_a_second_call_does_nothing_and_a_missing_shard_is_made_again(inlay, lines, tmp_path):
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", 600)
    before = shards(tmp_path / "a")
    assert "(resumed)" in inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", 600)
    (tmp_path / "a/shard-00002.npy").unlink()
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", 600)
    for x, y in zip(before, shards(tmp_path / "a"), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_killed_call_is_resumed(inlay, lines, tmp_path):
    command = [PROGRAM, "encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", "50", "--batch", "10"]
    for wait in (0.02, 0.05, 0.08):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert all(len(s) == 50 for s in shards(tmp_path / "a")[:-1])
    for half in (".shard-00007.npy.inlay-1-0", "..inlay-encode.inlay-1-0"):
        (tmp_path / "a" / half).write_bytes(b"half")
    inlay.ok(*command[1:])
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "b")
    hidden = [p.name for p in (tmp_path / "a").iterdir() if p.name.startswith(".")]
    assert hidden == [".inlay-encode"], hidden
    np.testing.assert_allclose(np.concatenate(shards(tmp_path / "a")), shards(tmp_path / "b")[0], atol=1e-6)


def test_another_input_is_refused(inlay, lines, tmp_path):
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a")
    (tmp_path / "other.txt").write_text("water\n")
    inlay.fails("encode", EXTRACTOR, "--lines", tmp_path / "other.txt", "-o", tmp_path / "a", saying="other inputs")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("x")
    inlay.fails("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "full", saying="holds files")


def test_shards_of_an_extractor_that_changed_are_not_gone_on_with(inlay, lines, tmp_path):
    shutil.copytree(EXTRACTOR, tmp_path / "extractor")
    inlay.ok("encode", tmp_path / "extractor", "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", 1000)
    (tmp_path / "a/shard-00002.npy").unlink()
    os.utime(tmp_path / "extractor/variables/variables.index", ns=(1, 1))
    inlay.fails("encode", tmp_path / "extractor", "--lines", lines, "-o", tmp_path / "a", "--rows-per-shard", 1000,
                saying="shards of another extractor")


def test_a_fused_model_encodes_by_its_features_never_by_its_search(inlay, lines, tmp_path):
    inlay.ok("encode", EXTRACTOR, "--lines", lines, "-o", tmp_path / "a")
    inlay.ok("fuse", EXTRACTOR, "--embeddings", tmp_path / "a", "--default", "-o", tmp_path / "model")
    inlay.ok("encode", tmp_path / "model", "--lines", lines, "-o", tmp_path / "b")
    np.testing.assert_array_equal(shards(tmp_path / "a")[0], shards(tmp_path / "b")[0])
    inlay.fails("encode", tmp_path / "model", "--lines", lines, "--signature", "search", "-o", tmp_path / "c",
                saying="signature search is a search")


def test_arrays_as_inputs(inlay, tmp_path):
    np.save(tmp_path / "u.npy", np.array(WORDS))
    (tmp_path / "t.json").write_text(json.dumps(WORDS))
    (tmp_path / "t.txt").write_text("\n".join(WORDS))
    for flag, source in (("--inputs", f"text={tmp_path / 'u.npy'}"), ("--inputs", f"text={tmp_path / 't.json'}"),
                         ("--lines", tmp_path / "t.txt")):
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        inlay.ok("encode", EXTRACTOR, flag, source, "--feature", "embedding", "--batch", 5, "-o", folder)
        got = shards(folder)[0]
        assert got.shape == (len(WORDS), 128)
        assert flag == "--inputs" or (got == before).all()
        before = got


def test_no_lines_make_no_shards(inlay, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    assert "0 rows" in inlay.ok("encode", EXTRACTOR, "--lines", tmp_path / "empty.txt", "-o", tmp_path / "a")


def test_mistakes(inlay, lines, tmp_path):
    inlay.fails("encode", tmp_path / "no", "--lines", lines, "-o", tmp_path / "a", saying="no")
    inlay.fails("encode", EXTRACTOR, "--lines", tmp_path / "missing", "-o", tmp_path / "a", saying="missing")
    inlay.fails("encode", EXTRACTOR, "--lines", lines, "--feature", "x", "-o", tmp_path / "a", saying="no output x; its outputs: embedding")
    inlay.fails("encode", EXTRACTOR, "--lines", lines, "--signature", "x", "-o", tmp_path / "a",
                saying="no signature x; the signatures: serving_default")
    inlay.fails("encode", EXTRACTOR, "-o", tmp_path / "a", saying="--lines or --inputs", code=2)
