"""What was fused comes apart again: the extractor as TensorFlow wrote it, the shards as they were linked."""

import itertools
import os

import numpy as np
import pytest

import fixtures
import loaders
from conftest import FULL
from pairwise import turns
from test_fuse import Fused, extractor  # noqa: F401

NATIVE = ("tf1", "tf1_resource", "tf2_text", "keras")  # extractors that are SavedModels


def content(path):
    with open(path, "rb") as file:
        return file.read()


def parts_of(model):
    return model + ".parts"


def fuse(inlay, folder, extractor, *flags, metric="cosine", counts=(64, 0, 100, 37), extra="labels", dtype="float32", **more):
    os.makedirs(folder, exist_ok=True)
    return Fused(inlay, folder, extractor, fixtures.make_collection(folder, counts, dtype, extra=extra, **more), metric, *flags)


def run_features(folder, extractor, loaded, signature="serving_default"):
    for load in loaded:
        output = load(folder, [(signature, extractor.inputs)])[0][extractor.feature or "features"]
        np.testing.assert_allclose(output, extractor.features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("flags", ((), ("--default",)), ids=("plain", "default"))
@pytest.mark.parametrize("kind", NATIVE)
def test_the_extractor_comes_back(inlay, extractor, capi, cli, kind, flags, tmp_path):  # noqa: F811
    source = fixtures.make_extractor(str(tmp_path), kind) if kind == "tf1_resource" else extractor(kind)
    model = fuse(inlay, str(tmp_path / "fused"), source, *flags)
    inlay("defuse", model.folder, "-o", tmp_path / "parts")
    back = tmp_path / "parts" / "extractor"
    assert content(back / "saved_model.pb") == content(os.path.join(source.path, "saved_model.pb"))
    assert not os.path.exists(back / "assets.extra")
    run_features(str(back), source, (loaders.load_v2, loaders.load_v1, capi, cli))


EXTRA = (None, "labels", "ids")
FLAGS = ((), ("--default",))


@pytest.mark.parametrize("kind, extra", list(itertools.product(fixtures.EXTRACTORS, EXTRA)) if FULL
                         else turns(fixtures.EXTRACTORS, EXTRA))
def test_fusing_the_parts_gives_the_model_again(inlay, extractor, capi, kind, extra, tmp_path):  # noqa: F811
    source = extractor(kind)
    model = fuse(inlay, str(tmp_path / "fused"), source, "--chunk", 4096, metric="l2", extra=extra, dtype="float16")
    inlay("defuse", model.folder, "-o", tmp_path / "parts")
    parts = tmp_path / "parts"
    assert sorted(os.listdir(parts / "shards")) == ["0.npy", "2.npy", "3.npy"]
    for name in os.listdir(parts / "shards"):
        assert content(parts / "shards" / name) == content(os.path.join(model.collection.folder, name))
    payload = {None: [], "labels": ["--labels", parts / "labels.txt"], "ids": ["--ids", parts / "ids.npy"]}[extra]
    extracted = [parts / "extractor"] if kind != "none" else []
    assert os.path.exists(parts / "extractor") == (kind != "none")
    inlay("fuse", *extracted, "--embeddings", parts / "shards", "--metric", "l2", *payload, "-o", tmp_path / "again")
    for load in (loaders.load_v2, loaders.load_v1, capi):
        model.check(load(str(tmp_path / "again"), model.runs()))
    model.check_query(inlay, tmp_path, folder=str(tmp_path / "again"))


@pytest.mark.parametrize("kind, flags", list(itertools.product(fixtures.EXTRACTORS, FLAGS)) if FULL
                         else turns(fixtures.EXTRACTORS, FLAGS))
def test_one_of_two_collections_goes(inlay, extractor, capi, cli, kind, flags, tmp_path):  # noqa: F811
    """Whichever: what is left answers as before."""
    source = extractor(kind)
    first = fuse(inlay, str(tmp_path / "first"), source, *flags)
    both = fixtures.Extractor(kind, source.inputs, source.features, [], first.folder)
    second = fuse(inlay, str(tmp_path / "second"), both, "--name", "articles", *flags, metric="l2", extra="ids",
                  dtype="float16", seed=43)
    for gone, left, name in (("search", second, "articles"), ("articles", first, "search")):
        parts = tmp_path / f"without {gone}"
        inlay("defuse", second.folder, "--name", gone, "-o", parts)
        back = str(parts / "extractor")
        assert gone not in loaders.read_metagraph(back).signature_def
        for load in (loaders.load_v2, loaders.load_v1, capi, cli):
            left.check(load(back, left.runs(name)))
        left.check_query(inlay, tmp_path, name, back)
        feature = "features" if kind == "none" else "serving_default"
        if kind != "none" and gone == "search" and flags:
            feature = "features"  # the default is a search as before
        run_features(back, source, (loaders.load_v2, loaders.load_v1, capi), feature)
        if kind != "none" and not (flags and gone == "search"):
            inlay("defuse", back, "--name", name, "-o", tmp_path / f"nothing but {gone}")


def test_orders_and_archives(inlay, tmp_path):
    """Files in Fortran order are linked back, rows from an archive are written anew."""
    rows = fixtures.random_rows(50, 8).astype(np.float32)
    np.save(tmp_path / "f.npy", np.asfortranarray(rows[:20]))
    np.savez(tmp_path / "z.npz", rows[20:])
    labels = ["a", "two\nlines", "", "\N{GREEK SMALL LETTER ALPHA}" * 3] + [f"row {i}" for i in range(46)]
    np.save(tmp_path / "labels.npy", np.array(labels))
    inlay("fuse", "--embeddings", tmp_path / "f.npy", tmp_path / "z.npz", "--labels", tmp_path / "labels.npy", "-o",
          tmp_path / "model")
    inlay("defuse", tmp_path / "model", "-o", tmp_path / "parts")
    assert content(tmp_path / "parts/shards/rows-00000.npy") == content(tmp_path / "f.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "parts/shards/rows-00001.npy"), rows[20:])
    assert np.load(tmp_path / "parts/labels.npy").tolist() == labels
