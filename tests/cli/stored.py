"""The fixtures of tests/data as NumPy arrays, by their expected.tsv and expected.bin."""

import struct

import numpy as np

from conftest import ROOT

DATA = ROOT / "tests/data"


class Stored:
    """A tensor: KEY, DTYPE as TensorFlow calls it, SHAPE, DATA its bytes in C order."""

    def __init__(self, key, dtype, shape, data):
        self.key, self.dtype, self.data = key, dtype, data
        self.shape = tuple(int(n) for n in shape.strip("[]").split(",") if n)

    def strings(self):
        out, at = [], 0
        while at < len(self.data):
            size = struct.unpack_from("<I", self.data, at)[0]
            out.append(self.data[at + 4 : at + 4 + size])
            at += 4 + size
        return out

    def array(self):
        """What NumPy can hold of it: bfloat16 widened to float32, int4 and uint4 in bytes; None for strings and float8."""
        if self.dtype == "string" or self.dtype.startswith("float8"):
            return None
        if self.dtype == "bfloat16":
            wide = np.frombuffer(self.data, "<u2").astype(np.uint32) << 16
            return wide.view(np.float32).reshape(self.shape)
        if self.dtype in ("int4", "uint4"):  # only the low bits count
            low = np.frombuffer(self.data, np.int8) & 15
            return (low if self.dtype == "uint4" else (low ^ 8) - 8).reshape(self.shape)
        return np.frombuffer(self.data, np.dtype(self.dtype)).reshape(self.shape)


def expected(folder):
    """{key: Stored} of the fixture FOLDER."""
    values = (DATA / folder / "expected.bin").read_bytes()
    found = {}
    for line in (DATA / folder / "expected.tsv").read_text(encoding="utf-8").splitlines():
        key, dtype, shape, offset, size = line.split("\t")
        found[key] = Stored(key, dtype, shape, values[int(offset) : int(offset) + int(size)])
    return found


# (what the program is given, the folder that tells what is in it, whether that tells all)
CHECKPOINTS = [
    ("bundles/one_shard/bundle", "bundles/one_shard", True),
    ("bundles/one_shard/bundle.index", "bundles/one_shard", True),
    ("bundles/sharded/bundle", "bundles/sharded", True),
    ("bundles/merge/merged", "bundles/merge", True),
    ("bundles/partitioned/bundle", "bundles/partitioned", True),
    ("bundles/many_blocks/bundle", "bundles/many_blocks", False),
    ("bundles/big_endian/bundle", "bundles/big_endian", True),
    ("bundles/snappy/bundle", "bundles/snappy", True),
    ("checkpoints/v1", "checkpoints/v1", True),
    ("checkpoints/v1/model.ckpt-7", "checkpoints/v1", True),
    ("checkpoints/v2", "checkpoints/v2", True),
    ("checkpoints/v2/model.ckpt-11.index", "checkpoints/v2", True),
    ("checkpoints/object_graph", "checkpoints/object_graph", True),
]
