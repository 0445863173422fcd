"""Finds the program under test: INLAY_PROGRAM, else build/release/inlay. That it is not there is an error, not a skip."""

import os
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("INLAY_PROGRAM", os.path.join(ROOT, "build/release/inlay"))
FULL = os.environ.get("INLAY_FULL") == "1"


def pytest_sessionstart(session):
    if not os.access(PROGRAM, os.X_OK):
        raise pytest.UsageError(f"no program to test at {PROGRAM} (INLAY_PROGRAM names another)")


class Inlay:
    """Runs the program. Called, it must end with CODE; -> its standard output"""

    def __call__(self, *args, stdin=None, code=0):
        done = subprocess.run([PROGRAM, *map(str, args)], input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"inlay {' '.join(map(str, args))}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def inlay():
    return Inlay()


@pytest.fixture(scope="session")
def capi():
    from loaders import CApi

    worker = CApi()
    yield worker
    worker.close()


@pytest.fixture
def cli(tmp_path):
    from loaders import Cli

    return Cli(tmp_path / "cli")
