"""What the tests of the program share: how to run it, and small inputs for it.

INLAY_PROGRAM is the program as it is shipped, INLAY_DEBUG_PROGRAM the one whose writes can be made to fail
(INLAY_FAULT)."""

import os
import pathlib
import re
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("INLAY_PROGRAM", str(ROOT / "build/release/inlay"))
DEBUG_PROGRAM = os.environ.get("INLAY_DEBUG_PROGRAM", str(ROOT / "build/debug/inlay"))
FULL = os.environ.get("INLAY_FULL") == "1"


class Program:
    """Runs the program; the result has .returncode, .stdout and .stderr as text."""

    def __init__(self, path):
        self.path = path

    def __call__(self, *args, env=None, stdin="", cwd=None, timeout=60):
        env = {**os.environ, **(env or {})}
        return subprocess.run([self.path, *map(str, args)], input=stdin, capture_output=True, text=True, env=env,
                              cwd=cwd, timeout=timeout, check=False)

    def ok(self, *args, **options):
        """Standard output of a run that must succeed."""
        done = self(*args, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *args, saying, code=1, **options):
        """A run that must end with CODE and one line on standard error that contains SAYING."""
        done = self(*args, **options)
        assert done.returncode == code, (done.returncode, done.stderr)
        assert one_line(done.stderr), done.stderr
        assert saying in done.stderr, done.stderr
        return done.stderr


def needs(*commands):
    """A mark that skips tests of subcommands which the program has not got."""
    listed = ""
    if os.path.exists(PROGRAM):
        listed = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=False).stdout
    missing = [name for name in commands if not re.search(rf"^\s+{name}\b", listed, re.M)]
    return pytest.mark.skipif(bool(missing), reason="the program has no " + ", ".join(missing))


def one_line(text):
    return text.endswith("\n") and text.count("\n") == 1 and text.startswith("inlay: ")


@pytest.fixture(scope="session")
def inlay():
    return Program(PROGRAM)


@pytest.fixture(scope="session")
def debug_inlay():
    return Program(DEBUG_PROGRAM)


@pytest.fixture
def shards(tmp_path):
    """A folder of two shards, [5, 3] and [2, 3], with labels.txt for them and a query.npy beside it."""
    folder = tmp_path / "shards"
    folder.mkdir()
    rows = np.random.default_rng(1).standard_normal((7, 3)).astype(np.float32)
    np.save(folder / "0.npy", rows[:5])
    np.save(folder / "1.npy", rows[5:])
    np.save(tmp_path / "query.npy", np.array([[1, 0, 0]], np.float32))
    (tmp_path / "labels.txt").write_text("one\ntwo\nthree\nvier\nf\u00fcnf\n\nseven\n", encoding="utf-8")
    return folder


def tree(folder):
    """{relative path: bytes} of all files below FOLDER, {} when it is not there."""
    folder = pathlib.Path(folder)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
