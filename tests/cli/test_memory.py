"""What a query takes of memory: 32 MiB at most beyond a small one, whatever its size. The limit is the kernel's, so that
every allocation counts, the libraries' included."""

import json
import resource
import subprocess
import time

import numpy as np
import pytest

from conftest import needs

pytestmark = needs("fuse", "query")
ROWS, DIM = 200_000, 16
LIMIT = 32 << 20


@pytest.fixture(scope="module")
def collection(tmp_path_factory, inlay):
    folder = tmp_path_factory.mktemp("collection")
    rows = np.random.default_rng(3).standard_normal((ROWS, DIM)).astype(np.float32)
    np.save(folder / "c.npy", rows)
    np.save(folder / "half.npy", rows.astype(np.float16))
    np.save(folder / "fortran.npy", np.asfortranarray(rows))
    (folder / "labels.txt").write_text("".join(f"label {i}\n" for i in range(ROWS)), encoding="ascii")
    for name, metric, more in (("c", "cosine", ["--labels", folder / "labels.txt"]), ("half", "l2", ["--chunk", "1MiB"]),
                               ("fortran", "dot", [])):
        inlay.ok("fuse", "--embeddings", folder / f"{name}.npy", "--metric", metric, *more, "-o", folder / name)
    for n in (1, 10, 1000, 10_000):
        np.save(folder / f"{n}.npy", rows[:n])
    return folder


def start(inlay, folder, model, queries, k, preexec=None):
    return subprocess.Popen([inlay.path, "query", folder / model, "--inputs", f"query={folder}/{queries}.npy", "--k", str(k),
                             "--json", "--threads", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=preexec)


def data_size(inlay, folder, model):
    """Bytes of VmData, what the limit is about, of a process that answers one query of one row."""
    peak = 0
    process = start(inlay, folder, model, 1, 1)
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
                peak = max([peak] + [int(line.split()[1]) << 10 for line in f if line.startswith("VmData")])
        except OSError:
            break
        time.sleep(0.0005)
    assert process.wait() == 0
    return max(peak, 8 << 20)  # a process too quick to be seen has at least a thread's stack


@pytest.mark.parametrize("model,queries,k", [("c", 1000, 10), ("c", 10_000, 5), ("c", 1, ROWS), ("c", 10, 20_000),
                                             ("half", 1000, 10), ("fortran", 1000, 10)])
def test_a_query_of_any_size_takes_little(inlay, collection, model, queries, k):
    most = data_size(inlay, collection, model) + LIMIT
    process = start(inlay, collection, model, queries, k, preexec=lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    answers = json.loads(out)["queries"]
    assert len(answers) == queries and all(len(one["results"]) == k for one in answers)


def test_the_limit_bites(inlay, collection):
    """Scores of all rows would not fit: what the test above would say of them."""
    process = start(inlay, collection, "c", 1, ROWS, preexec=lambda: resource.setrlimit(resource.RLIMIT_DATA, (3 << 20,) * 2))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"memory" in err, (process.returncode, err)
