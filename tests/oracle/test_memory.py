"""Loading a fused model and dropping it again and again does not make a process grow."""

import os
import subprocess
import sys

import numpy as np
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="module")
def model(inlay, tmp_path_factory):
    """Three chunks of 16 MiB, and their bytes."""
    folder = tmp_path_factory.mktemp("large")
    rows = np.random.default_rng(60).standard_normal((3 << 16, 64), np.float32)
    np.save(folder / "rows.npy", rows)
    inlay("fuse", "--embeddings", folder / "rows.npy", "--chunk", "16MiB", "-o", folder / "model")
    return folder / "model", rows.nbytes


@pytest.mark.parametrize("how", ("v2", "v1", "c"))
def test_loading_again_reuses_memory(model, how):
    folder, size = model
    # Large blocks by themselves, which free gives back: else how threads share the heap decides how much of it stays.
    env = dict(os.environ, MALLOC_MMAP_THRESHOLD_="1048576")
    done = subprocess.run([sys.executable, os.path.join(HERE, "memory_worker.py"), how, str(folder)], capture_output=True,
                          text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    resident = [int(line) for line in done.stdout.split()]
    assert len(resident) == 5
    # The second round may still bring what TensorFlow makes once; a leak would add SIZE in each of the three after it.
    assert resident[-1] - resident[1] < size / 2, resident
