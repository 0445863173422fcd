"""TensorFlow finds rows planted beyond byte 2^31, byte 2^32, element 2^31 and row 2^31 of one stored file.

The files are sparse: zeros that the file system does not store. TensorFlow has them in memory all the same.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from conftest import FULL

HERE = os.path.dirname(os.path.abspath(__file__))
BEYOND_THE_DATA = 3 << 30  # bytes of memory: TensorFlow itself, and a chunk with its scores


@dataclass
class Case:
    """Rows {number: value of each element}, rising to the end; all others are zero."""

    dtype: type
    rows: int
    dim: int
    planted: dict

    def size(self):
        return self.rows * self.dim * np.dtype(self.dtype).itemsize

    def query(self):
        return np.full((1, self.dim), 2, np.float32)

    def answer(self, k):
        """Of the dot product, ties by row: the planted ones from the best, then zeros from the first row that is one."""
        best = sorted(self.planted, key=self.planted.get, reverse=True)
        zeros = [row for row in range(k) if row not in self.planted]
        indices = (best + zeros)[:k]
        return indices, [2.0 * self.dim * self.planted.get(row, 0) for row in indices]


# As many bytes as one loader takes in a minute.
OVER_2_GB = Case(np.float32, 5_500_000, 100, {10: 0.25, 5_368_709: 0.5, 5_499_999: 1})  # the second straddles byte 2^31
LARGEST = {
    "rows": Case(np.float16, 2**31 + 1000, 1, {5: 0.5, 2**30 + 3: 0.75, 2**31 - 1: 0.875, 2**31 + 7: 1}),
    "elements": Case(np.float32, 2**30 + 1000, 2, {2**28 + 1: 0.25, 2**29 + 1: 0.5, 2**30 - 1: 0.75, 2**30 + 9: 1}),
}


def test_what_the_cases_go_beyond():
    header = 128
    for name, case in LARGEST.items():
        width = np.dtype(case.dtype).itemsize * case.dim
        starts = [header + row * width for row in case.planted]
        assert any(2**31 <= start < 2**32 for start in starts) and max(starts) >= 2**32
        assert max(case.planted) * case.dim >= 2**31
        assert (max(case.planted) >= 2**31) == (name == "rows")
    assert 2**31 < OVER_2_GB.size() < 3 << 30


def available():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))


def fuse(inlay, folder, case):
    path = os.path.join(folder, "rows.npy")
    rows = np.lib.format.open_memmap(path, "w+", case.dtype, (case.rows, case.dim))
    for row, value in case.planted.items():
        rows[row] = value
    rows.flush()
    del rows
    inlay("fuse", "--embeddings", path, "--metric", "dot", "-o", os.path.join(folder, "model"))
    np.save(os.path.join(folder, "query.npy"), case.query())
    return os.path.join(folder, "model")


def check(model, how, case):
    wanted = case.size() + BEYOND_THE_DATA
    if available() < wanted:
        pytest.skip(f"{wanted >> 20} MiB of memory are needed, {available() >> 20} are there")
    k = len(case.planted) + 2
    query = os.path.join(os.path.dirname(model), "query.npy")
    done = subprocess.run([sys.executable, os.path.join(HERE, "large_worker.py"), how, model, query, str(k)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    indices, scores = case.answer(k)
    assert answer["indices"] == [indices]
    assert answer["scores"] == [scores]


def test_the_c_library_finds_rows_of_over_2_gb(inlay, tmp_path):
    check(fuse(inlay, str(tmp_path), OVER_2_GB), "c", OVER_2_GB)


if FULL:

    @pytest.fixture(scope="module", params=LARGEST)
    def largest(inlay, tmp_path_factory, request):
        case = LARGEST[request.param]
        return fuse(inlay, str(tmp_path_factory.mktemp("largest")), case), case

    @pytest.mark.parametrize("how", ("v2", "v1", "c"))
    def test_tensorflow_finds_rows_beyond_every_limit(largest, how):
        model, case = largest
        check(model, how, case)
