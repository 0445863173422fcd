"""More than 2 GB, 2^31 elements and 2^31 rows: sparse files with winners planted behind each limit."""

import json
import os
import subprocess

import numpy as np
import pytest

from conftest import needs

pytestmark = needs("fuse", "query")


def sparse(path, dtype, shape, planted):
    """A .npy of zeros, whose blocks the file system does not store, with rows {number: value} in it."""
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    for row, value in planted.items():
        array[row] = value
    array.flush()
    del array
    assert os.stat(path).st_blocks * 512 < 1 << 20
    return path


def best(inlay, model, query, k, tmp_path):
    np.save(tmp_path / "q.npy", np.asarray([query], np.float32))
    out = inlay.ok("query", model, "--inputs", f"query={tmp_path / 'q.npy'}", "--k", k, "--json", timeout=600)
    return [(r["index"], r["score"]) for r in json.loads(out)["queries"][0]["results"]]


def anonymous_bytes(pid_status):
    return max((int(line.split()[1]) * 1024 for line in pid_status.splitlines() if line.startswith("RssAnon")), default=0)


@pytest.fixture
def folder(tmp_path):
    if os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize < 2 << 30:
        pytest.fail("2 GB of disk are needed")
    return tmp_path


def test_rows_beyond_2_31_and_bytes_beyond_2_32(inlay, folder):
    rows = 2**31 + 1000
    planted = {5: 0.5, 2**30 + 3: 0.75, 2**31 - 1: 0.875, 2**31 + 7: 1.0}  # float16: byte 2^31, byte 2^32, row 2^31
    path = sparse(folder / "narrow.npy", np.float16, (rows, 1), planted)
    made = inlay.ok("fuse", "--embeddings", path, "--metric", "dot", "-o", folder / "model", "--json", timeout=600)
    report = json.loads(made)
    assert report["rows"] == rows
    got = best(inlay, folder / "model", [2.0], 5, folder)
    assert got == [(2**31 + 7, 2.0), (2**31 - 1, 1.75), (2**30 + 3, 1.5), (5, 1.0), (0, 0.0)]


def test_a_file_over_2_gb_of_wide_rows(inlay, folder):
    rows, dim = 5_500_000, 100
    planted = {10: 1, 5_368_709: 2, 5_499_999: 3}  # the second straddles byte 2^31
    path = sparse(folder / "wide.npy", np.float32, (rows, dim), planted)
    assert path.stat().st_size > 2**31
    inlay.ok("fuse", "--embeddings", path, "--metric", "l2", "-o", folder / "model", "--chunk", "256MiB", timeout=600)
    got = best(inlay, folder / "model", [2.0] * dim, 4, folder)
    assert got[:1] == [(5_368_709, 0.0)]
    assert {got[1][0], got[2][0]} == {10, 5_499_999}
    assert got[3] == (0, -400.0)


def test_fusing_holds_little_memory_whatever_the_size(inlay, folder):
    path = sparse(folder / "rows.npy", np.float32, (20_000_000, 10), {1: 1})
    (folder / "labels.txt").write_bytes(b"a label\n" * 20_000_000)
    peak = 0
    command = [inlay.path, "fuse", "--embeddings", path, "--labels", folder / "labels.txt", "-o", folder / "model"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
                peak = max(peak, anonymous_bytes(f.read()))
        except OSError:
            break
    assert process.wait() == 0, process.stderr.read()
    assert 0 < peak < 64 << 20, peak
    assert best(inlay, folder / "model", [1.0] * 10, 1, folder)[0][0] == 1
