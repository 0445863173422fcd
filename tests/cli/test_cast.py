"""inlay cast: what the program itself computes afterwards, refusals, and faults."""

import json
import shutil

import numpy as np
import pytest

from conftest import needs, tree
from stored import DATA

pytestmark = needs("cast", "tensors", "run")


def floats(inlay, path):
    return [t["key"] for t in json.loads(inlay.ok("tensors", path, "--json")) if t["dtype"] == "float32" and not t["slices"]]


def outputs(inlay, model, scratch):
    np.save(scratch / "x.npy", np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8))
    inlay.ok("run", model, "--signature_def", "serving_default", "--inputs", f"x={scratch}/x.npy", "--outdir", scratch / "out", "--overwrite")
    return np.load(next((scratch / "out").glob("*.npy")))


@pytest.mark.parametrize("to", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["keras", "tf1_pbtxt"])
def test_the_runtime_goes_on_in_float32(inlay, tmp_path, name, to):
    shutil.copytree(DATA / "saved_models" / name, tmp_path / "m")
    before = outputs(inlay, tmp_path / "m", tmp_path)
    keys = floats(inlay, tmp_path / "m")
    size = sum(t["bytes"] for t in json.loads(inlay.ok("tensors", tmp_path / "m", *keys, "--json")))
    inlay.ok("cast", tmp_path / "m", *keys, "--to", to)
    listed = json.loads(inlay.ok("tensors", tmp_path / "m", *keys, "--json"))
    assert {t["dtype"] for t in listed} == {to} and sum(t["bytes"] for t in listed) * 2 == size
    after = outputs(inlay, tmp_path / "m", tmp_path)
    assert after.dtype == np.float32 and 0 < np.abs(after - before).max() < (0.01 if to == "float16" else 0.1)
    inlay.ok("verify", tmp_path / "m")
    inlay.ok("convert", "--compact", tmp_path / "m")
    np.testing.assert_array_equal(outputs(inlay, tmp_path / "m", tmp_path), after)


def test_refusals(inlay, tmp_path, shards):
    one, keras = DATA / "bundles/one_shard/bundle", DATA / "saved_models/keras"
    listed = json.loads(inlay.ok("tensors", one, "--json"))
    half = next(t["key"] for t in listed if t["dtype"] == "float16")
    inlay.fails("cast", one, half, "-o", tmp_path / "x", saying="is stored as float16")
    inlay.fails("cast", one, "nothing", "-o", tmp_path / "x", saying="no tensor nothing")
    key = floats(inlay, keras)[0]
    inlay.fails("cast", keras, key, key, "-o", tmp_path / "x", saying="given twice")
    inlay.fails("cast", keras, "-o", tmp_path / "x", saying="no KEY", code=2)
    inlay.fails("cast", DATA / "graphs/frozen/graph.pb", "x", "-o", tmp_path / "x.pb", saying="not cast")
    inlay.fails("cast", DATA / "checkpoints/v1/model.ckpt-7", "x", "-o", tmp_path / "x", saying="V1 checkpoint")
    inlay.ok("fuse", "--embeddings", shards, "-o", tmp_path / "m")
    rows = next(k for k in floats(inlay, tmp_path / "m") if "rows" in k)
    inlay.fails("cast", tmp_path / "m", rows, saying="belongs to the search")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.txt", "m", "query.npy", "shards"]


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
def test_every_fault_leaves_the_old_or_the_new(debug_inlay, tmp_path, kind):
    shutil.copytree(DATA / "saved_models/keras", tmp_path / "base")
    keys = floats(debug_inlay, tmp_path / "base")
    debug_inlay.ok("cast", tmp_path / "base", *keys, "-o", tmp_path / "want")
    old, new = ({k: v for k, v in tree(tmp_path / p).items() if k != "fingerprint.pb"} for p in ("base", "want"))
    for number in range(1, 300):
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        shutil.copytree(tmp_path / "base", tmp_path / "m")
        done = debug_inlay("cast", tmp_path / "m", *keys, env={"INLAY_FAULT": f"{kind}:{number}"})
        files = {k: v for k, v in tree(tmp_path / "m").items() if k != "fingerprint.pb"}
        assert files == old or files["saved_model.pb"] == new["saved_model.pb"], f"{kind}:{number}"
        debug_inlay.ok("verify", tmp_path / "m")
        if files == old:
            debug_inlay.ok("cast", tmp_path / "m", *keys)
        if done.returncode == 0 and (kind != "short" or number > 30):
            break
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 5
