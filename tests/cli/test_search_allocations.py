"""Every allocation fails in turn while vectors are searched with no model: one clear error, no crash, no half of an index."""

import numpy as np
import pytest
from test_format_allocations import run_failing


@pytest.mark.parametrize("kept", ["in memory", "new", "there"])
def test_one_error_and_nothing_left(tmp_path, kept):
    rng = np.random.default_rng(3)
    np.save(tmp_path / "0.npy", rng.standard_normal((70, 5)).astype(np.float32))
    np.save(tmp_path / "1.npy", rng.standard_normal((40, 5)).astype(">f4"))  # is converted
    folder = tmp_path / "indexes"
    args = ["-" if kept == "in memory" else folder, tmp_path / "0.npy", tmp_path / "1.npy"]

    def run(number):
        if kept == "new" and folder.exists():
            for path in folder.iterdir():
                path.unlink()
        return run_failing(number, args, tmp_path, "vectors_search")

    done, total = run(0)
    assert done.stdout.count("\n") > 100 and "failed" not in done.stdout and total > 20, done.stdout + done.stderr
    before = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
    assert len(before) == (0 if kept == "in memory" else 2)
    if kept == "there":
        done, total = run(0)
    failures = 0
    for number in range(1, total + 1):
        failed, _ = run(number)
        assert failed.returncode == 0, f"allocation {number} of {total}: {failed.returncode}: {failed.stderr}"
        if failed.stdout != done.stdout:
            failures += 1
            last = failed.stdout.splitlines()[-1]
            assert last.startswith("failed RESOURCE_EXHAUSTED: "), f"allocation {number} of {total}: {last}"
        for path in folder.iterdir() if folder.exists() else []:
            assert path.read_bytes() == before[path.name], f"allocation {number} left half of {path.name}"
    assert failures > 10
