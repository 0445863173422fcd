"""The demo's extractor, as it is kept in examples/."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import loaders
from conftest import FULL, ROOT

EXAMPLE = os.path.join(ROOT, "examples/reverse-dictionary")
EXTRACTOR = os.path.join(EXAMPLE, "extractor")
TEXTS = ["A person who makes, or repairs, shoes!", "", "?!", "qqqqzzzz", "cookies", "SHOES", "Gr\u00fc\u00dfe", "shoe", "cooky"]


def test_it_is_small():
    sizes = [os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(EXTRACTOR) for name in names]
    assert sum(sizes) <= 6_000_000


def test_a_text_without_known_words_is_the_zero_vector(capi):
    run = [("serving_default", {"text": loaders.strings(TEXTS)})]
    for load in (loaders.load_v2, loaders.load_v1, capi):
        vectors = load(EXTRACTOR, run)[0]["embedding"]
        assert vectors.shape == (len(TEXTS), 128) and np.isfinite(vectors).all()
        assert not vectors[[1, 2, 3]].any()
        np.testing.assert_array_equal(vectors[4], vectors[8])
        np.testing.assert_array_equal(vectors[5], vectors[7])


def test_a_text_is_the_weighted_mean_of_its_words():
    model = tf.saved_model.load(EXTRACTOR)
    with open(os.path.join(EXTRACTOR, "assets/stems.txt"), encoding="ascii") as file:
        stems = {stem: i for i, stem in enumerate(file.read().splitlines())}
    variables = {v.name.split(":")[0]: v.numpy() for v in model.signatures["serving_default"].variables}
    vectors, weights = variables["vectors"].astype(np.float64), variables["weights"].astype(np.float64)
    ids = [stems[stem] for stem in "a person who mak or repair sho".split()]
    wanted = weights[ids] @ vectors[ids] / weights[ids].sum()
    np.testing.assert_allclose(model.embed(tf.constant(TEXTS[:1]))["embedding"][0], wanted, atol=1e-6)


def test_inlay_runs_it_as_tensorflow_does(inlay, tmp_path):
    inputs = {"text": loaders.strings(TEXTS)}
    wanted = loaders.load_v2(EXTRACTOR, [("serving_default", inputs)])[0]["embedding"]
    inlay("run", EXTRACTOR, "--signature_def", "serving_default", "--inputs", loaders.save_inputs(str(tmp_path), inputs),
          "--outdir", tmp_path / "out")
    np.testing.assert_allclose(np.load(tmp_path / "out/embedding.npy"), wanted, atol=1e-6)


@pytest.mark.skipif(not FULL, reason="asks all definitions, for whole runs")
def test_its_questions_find_their_words():
    done = subprocess.run([sys.executable, os.path.join(EXAMPLE, "make_extractor.py"), "--check-only"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
