"""Every allocation fails in turn while bundles and checkpoints are read, copied and merged: one clear error, no crash."""

import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import tree

BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", "build/debug")).resolve()
DATA = pathlib.Path(__file__).parents[1] / "data"


def run_failing(number, args, scratch, tool="bundle_dump", text=None):
    """Runs TOOL with allocation NUMBER failing (0: none); the result, and how many allocations there were."""
    count = scratch / "count"
    count.unlink(missing_ok=True)
    env = dict(os.environ, LD_PRELOAD=str(BUILD / "tests/libfailing_malloc.so"), FAIL_ALLOCATION=str(number),
               ALLOCATION_COUNT=str(count), INLAY_THREADS="1")
    done = subprocess.run([BUILD / "tests" / tool, *map(str, args)], env=env, input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    return done, int(count.read_text()) if count.exists() else -1


@pytest.mark.parametrize("command,inputs", [
    ("dump", ["bundles/one_shard/bundle"]), ("dump", ["bundles/partitioned/bundle"]), ("dump", ["bundles/snappy/bundle"]),
    ("dump", ["bundles/big_endian/bundle"]), ("dump", ["checkpoints/v1/model.ckpt-7"]), ("check", ["bundles/partitioned/bundle"]),
    ("copy", ["bundles/sharded/bundle"]), ("dump", ["checkpoints/v2"]),
    ("merge", ["bundles/merge/first", "bundles/merge/second"]),
], ids=lambda value: value if isinstance(value, str) else value[0].split("/")[1])
def test_one_error_and_nothing_left(tmp_path, command, inputs):
    out = tmp_path / "out"
    inputs = [DATA / name for name in inputs]
    args = {"merge": [command, out / "new", "keep", *inputs], "check": [command, *inputs],
            "copy": [command, *inputs, out / "new"], "dump": [command, *inputs, out]}[command]
    out.mkdir()
    done, total = run_failing(0, args, tmp_path)
    assert done.returncode == 0 and total > 10, done.stderr
    written = tree(out)
    failures = 0
    for number in sorted(set(range(1, min(total, 150) + 1)) | set(range(1, total + 1, max(1, total // 100)))):
        shutil.rmtree(out)
        out.mkdir()
        failed, _ = run_failing(number, args, tmp_path)
        assert failed.returncode in (0, 1), f"allocation {number} of {total}: {failed.returncode}: {failed.stderr}"
        if failed.returncode == 0:
            assert failed.stdout == done.stdout
            assert tree(out) == written, f"allocation {number} of {total} wrote other files"
            continue
        failures += 1
        assert failed.stderr.startswith("RESOURCE_EXHAUSTED") and failed.stderr.count("\n") == 1, failed.stderr
        if command in ("merge", "copy"):
            assert not list(out.iterdir()), f"allocation {number} left something"
    assert failures > 10
