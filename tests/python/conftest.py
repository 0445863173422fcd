"""What the tests of the Python package share. The package is the installed one, in the environment that runs them."""

import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXTRACTOR = ROOT / "examples/reverse-dictionary/extractor"
sys.path.insert(0, str(ROOT / "tests/oracle"))  # brute.py

MEANINGS = ["a sweet frozen dessert made of cream", "instrument for measuring temperature", "fear of spiders"]
WORDS = ["ice cream", "thermometer", "arachnophobia"]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def rows(rng):
    return rng.standard_normal((3000, 37), dtype=np.float32)


@pytest.fixture
def queries(rng):
    return rng.standard_normal((6, 37), dtype=np.float32)
