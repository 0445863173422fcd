"""What the tests of bundles and V1 checkpoints share: the dump tool's output as NumPy arrays."""

import os
import pathlib
import subprocess

import ml_dtypes
import numpy as np
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", ROOT / "build/debug"))
SHARED = ROOT.parent / "shared"
EXPERIMENTAL = tf.dtypes.experimental

NUMPY = {"bfloat16": ml_dtypes.bfloat16, "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4,
         "qint8": np.int8, "quint8": np.uint8, "qint16": np.int16, "quint16": np.uint16, "qint32": np.int32,
         "float8_e5m2": ml_dtypes.float8_e5m2, "float8_e4m3fn": ml_dtypes.float8_e4m3fn}


def tool(*args, fails=None):
    """Runs the dump tool; with FAILS, expects an error that says that, and returns it."""
    done = subprocess.run([BUILD / "tests/bundle_dump", *map(str, args)], capture_output=True, text=True, check=False)
    if fails is not None:
        assert done.returncode == 1 and fails in done.stderr, done.stderr
        return done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(dtype, dims, path):
    """The values that the tool saved in PATH."""
    dims = [] if dims == "-" else [int(n) for n in dims.split(",")]
    data = pathlib.Path(path).read_bytes()
    if dtype != "string":
        return np.frombuffer(data, NUMPY.get(dtype) or np.dtype(dtype)).reshape(dims)
    texts = []
    while data:
        size = int.from_bytes(data[:8], "little")
        texts.append(data[8:8 + size])
        data = data[8 + size:]
    out = np.empty(len(texts), object)
    out[:] = texts
    return out.reshape(dims)


def dump(prefix, folder):
    """{key: (dtype, values, number of slices)} of the bundle PREFIX."""
    folder.mkdir(exist_ok=True)
    found = {}
    for line in tool("dump", prefix, folder).splitlines():
        key, dtype, dims, slices, name = line.split(" ")
        found[bytes.fromhex(key).decode()] = (dtype, load(dtype, dims, folder / name), int(slices))
    return found


def equal(a, b):
    if isinstance(a, bytes):  # NumPy would drop NULs at its end
        return b.shape == () and a == b.item()
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype == object or b.dtype == object:
        return a.ravel().tolist() == b.ravel().tolist()
    return a.astype(a.dtype).tobytes() == b.astype(a.dtype).tobytes()
