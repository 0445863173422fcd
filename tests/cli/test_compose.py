"""inlay compose: the program runs what it makes, and makes it whole or not at all."""

import json
import shutil

import numpy as np
import pytest

from conftest import needs, tree
from stored import DATA

pytestmark = needs("compose", "run", "signature")


@pytest.fixture
def square(inlay, tmp_path):
    """A TF1 model and itself can be put behind each other once its output is called as its input is."""
    shutil.copytree(DATA / "saved_models/tf1", tmp_path / "first")
    return tmp_path / "first"


def run(inlay, model, out, **inputs):
    for key, value in inputs.items():
        np.save(out.with_suffix(f".{key}.npy"), value)
    files = ";".join(f"{key}={out.with_suffix(f'.{key}.npy')}" for key in inputs)
    inlay.ok("run", model, "--signature_def", "serving_default", "--inputs", files, "--outdir", out)
    return {p.stem: np.load(p) for p in out.glob("*.npy")}


def test_the_runtime_runs_both(inlay, tmp_path, square):
    """tf1 gives 16 features from 8; keras takes 8: the lookup of tf1 is no part, so keras goes first and tf1's x is its y."""
    keras = DATA / "saved_models/keras"
    x = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)
    dim = run(inlay, square, tmp_path / "o1", x=x)["y"].shape[1]
    if dim != 8:
        inlay.fails("compose", square, keras, "-o", tmp_path / "new", "--map", "y=x", saying="input x is float32 [?, 8]")
    before = tree(square)
    inlay.ok("fuse", "--embeddings", make_rows(tmp_path, dim), "-o", tmp_path / "rows")
    inlay.ok("signature", tmp_path / "rows", "--add", "serving_default=search")
    told = json.loads(inlay.ok("compose", square, tmp_path / "rows", "-o", tmp_path / "new", "--map", "y=query", "--json"))
    assert told["fed"] == 1 and tree(square) == before
    y = run(inlay, square, tmp_path / "o2", x=x)["y"]
    np.save(tmp_path / "y.npy", y)
    want = json.loads(inlay.ok("query", tmp_path / "rows", "--inputs", f"query={tmp_path}/y.npy", "--k", 3, "--json"))
    got = run(inlay, tmp_path / "new", tmp_path / "o3", x=x, k=np.int32(3))
    assert got["indices"].tolist() == [[r["index"] for r in q["results"]] for q in want["queries"]]
    inlay.ok("verify", tmp_path / "new")


def make_rows(folder, dim):
    (folder / "e").mkdir()
    np.save(folder / "e/0.npy", np.random.default_rng(1).standard_normal((50, dim)).astype(np.float32))
    return folder / "e"


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
def test_every_fault_leaves_nothing_or_all(debug_inlay, tmp_path, square, kind):
    make_rows(tmp_path, 16 if "16" in debug_inlay.ok("show", square) else 4)
    rows, out = tmp_path / "rows", tmp_path / "new"
    debug_inlay.ok("fuse", "--embeddings", tmp_path / "e", "-o", rows)
    job = ("compose", square, rows, "--second-signature", "search", "--map", "y=query", "-o", out)
    debug_inlay.ok(*job)
    whole = tree(out)
    for number in range(1, 300):
        shutil.rmtree(out)
        done = debug_inlay(*job, env={"INLAY_FAULT": f"{kind}:{number}"})
        assert not out.exists() or tree(out) == whole, f"{kind}:{number}"
        if done.returncode == 0 and (kind != "short" or number > 30):
            break
        debug_inlay(*job)
        assert tree(out) == whole
        assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")], f"{kind}:{number}"
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 5
