"""The scripts in tests/data make what is kept there, and TensorFlow reads in it what expected.tsv says."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import loaders
from conftest import FULL, ROOT

DATA = os.path.join(ROOT, "tests/data")
sys.path.insert(0, DATA)
from expected import tensor_bytes

PREFIXES = {
    "bundles/one_shard": ["bundle"],
    "bundles/sharded": ["bundle"],
    "bundles/merge": ["merged"],
    "bundles/partitioned": ["bundle"],
    "bundles/many_blocks": ["bundle"],
    "bundles/big_endian": ["bundle"],
    "bundles/snappy": ["bundle"],
    "checkpoints/v1": ["model.ckpt-7", "model.ckpt-11"],
    "checkpoints/v2": ["model.ckpt-7", "model.ckpt-11"],
    "checkpoints/object_graph": ["ckpt-4"],
}


def read_expected(folder):
    """-> [(leading fields, dtype, shape, bytes)]"""
    with open(os.path.join(folder, "expected.bin"), "rb") as file:
        data = file.read()
    with open(os.path.join(folder, "expected.tsv"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            *names, dtype, shape, offset, size = line.split("\t")
            shape = [int(n) for n in shape[1:-1].split(",") if n]
            yield names, dtype, shape, data[int(offset) : int(offset) + int(size)]


@pytest.mark.parametrize("name", PREFIXES)
def test_tensorflow_reads_what_is_expected(name):
    folder = os.path.join(DATA, name)
    for prefix in PREFIXES[name]:
        for (key,), dtype, shape, data in read_expected(folder):
            read = tf.raw_ops.RestoreV2(prefix=os.path.join(folder, prefix), tensor_names=[key], shape_and_slices=[""],
                                        dtypes=[tf.as_dtype(dtype)])[0]
            assert read.shape == shape and tensor_bytes(read) == data, key


def files(folder):
    """{path: bytes} of the fixtures that a script makes the same each time"""
    out = {}
    for part in ("bundles", "checkpoints", "saved_models", "graphs"):
        for parent, _, names in os.walk(os.path.join(folder, part)):
            for name in names:
                path = os.path.relpath(os.path.join(parent, name), folder)
                with open(os.path.join(folder, path), "rb") as file:
                    out[path] = file.read()
    return {path: data for path, data in out.items() if not path.startswith("saved_models/keras/")}


@pytest.mark.skipif(not FULL, reason="makes every fixture again, for whole runs")
def test_the_scripts_make_the_same_bytes(tmp_path):
    for script in ("make_bundles.py", "make_saved_models.py"):
        done = subprocess.run([sys.executable, os.path.join(DATA, script), "--out", str(tmp_path)], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    kept, made = files(DATA), files(str(tmp_path))
    assert set(kept) == set(made)
    exact = [path for path in kept if path[-12:] != "expected.bin" or path.startswith("bundles")]  # others were computed
    assert [path for path in exact if kept[path] != made[path]] == []


RUNS = ("tf1", "tf1_pbtxt", "tf2_text", "keras", "stateless")  # those without loops and branches


def to_array(dtype, shape, data):
    if dtype != "string":
        return np.frombuffer(data, tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)
    texts, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "little")
        texts.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return loaders.strings(texts).reshape(shape)


@pytest.mark.parametrize("name", RUNS)
def test_inlay_runs_them_as_tensorflow_did(inlay, name, tmp_path):
    folder = os.path.join(DATA, "saved_models", name)
    signatures = {}
    for (_, signature, direction, key), *value in read_expected(folder):
        signatures.setdefault(signature, {"in": {}, "out": {}})[direction][key] = to_array(*value)
    for signature, run in signatures.items():
        out = tmp_path / signature
        inlay("run", folder, "--signature_def", signature, "--inputs", loaders.save_inputs(str(tmp_path / "in"), run["in"]),
              "--outdir", out)
        for key, wanted in run["out"].items():
            if wanted.dtype == object:
                assert loaders.read_strings(out / f"{key}.json") == [value.decode() for value in wanted.tolist()]
                continue
            read = np.load(out / f"{key}.npy")
            assert read.dtype == wanted.dtype and read.shape == wanted.shape
            np.testing.assert_allclose(read, wanted, rtol=1e-5, atol=1e-6)
