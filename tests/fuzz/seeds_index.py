#!/usr/bin/env python3
"""Makes the fuzz seeds of indexes under tests/fuzz/corpus/index: small ones, some with hostile blocks."""

import math
import pathlib
import random
import shutil
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus" / "index"
DTYPES = {"f32": 1, "f64": 2, "i8": 6, "bf16": 14, "f16": 19}


def index(metric, rows, dim, dtype, flags, heads, codes):
    """HEADS gives scale, error, norm and low of a block, CODES a byte. Checksums are 0: the target mends the head's."""
    blocks, groups = (rows + 31) // 32, (dim + 3) // 4
    out = struct.pack("<8sIIQQIIIIQQII", b"INLAYQIX", 1, metric, rows, dim, DTYPES[dtype], flags, 1, 1, 8, 9, 10, 11).ljust(128, b"\0")
    out += b"k".ljust(64, b"\0")
    segments = (blocks + 63) // 64
    for first in range(0, blocks, 64):
        n = min(64, blocks - first)
        fields = [heads(first + b) for b in range(n)] + [(0, 0, 0, 0)] * (64 - n)
        for field in range(4):
            out += struct.pack("<64f", *(f[field] for f in fields))
        out += bytes(codes() for _ in range(n * groups * 128))
    return out + bytes(4 * segments)


def seeds():
    rng = random.Random(1)
    special = [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-45, 3e38]

    dim = 5

    def usual(_):
        return 0.04, 0.02 * dim ** 0.5, 5 * dim ** 0.5, 0.0

    def hostile(_):
        return tuple(rng.choice(special) if rng.random() < 0.3 else rng.random() for _ in range(4))

    def code():
        return rng.randrange(256)

    out = {"empty": b"", "cut": b"\0" + b"INLAYQIX"}
    for metric, (rows, dim, dtype, flags) in enumerate([(1, 1, "f32", 2), (300, 3, "f32", 0), (700, 5, "f16", 2)]):
        out[f"usual-{metric}"] = bytes([metric]) + index(metric, rows, dim, dtype, flags, usual, code)
        out[f"hostile-{metric}"] = bytes([metric]) + index(metric, rows, dim, dtype, flags, hostile, code)
    dim = 2
    out["columns"] = b"\3" + index(2, 40, 2, "f64", 3, usual, code)
    out["segments"] = b"\1" + index(0, 2200, 1, "bf16", 2, hostile, lambda: 128)
    out["bytes"] = b"\2" + index(0, 70, 2, "i8", 2, usual, code)
    out["unsealed"] = b"\x80" + out["usual-1"][1:]
    return out


shutil.rmtree(CORPUS, ignore_errors=True)
CORPUS.mkdir(parents=True)
for name, data in seeds().items():
    (CORPUS / name).write_bytes(data)
