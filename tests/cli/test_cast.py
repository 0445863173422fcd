"""inlay cast: what the program itself computes afterwards, refusals, and faults."""

import json
import shutil

import numpy as np
import pytest

from conftest import needs
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
