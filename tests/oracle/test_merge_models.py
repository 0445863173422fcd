"""Fused models as one: rows of one collection behind those of the other, collections side by side."""

import os

import numpy as np
import pytest

import fixtures
import loaders
from test_fuse import extractor  # noqa: F401
from test_rows import Rows


def joined(first, second, folder):
    """FIRST with the rows of SECOND behind its own, as FOLDER is to answer."""
    first.model = str(folder)
    first.rows = np.concatenate([first.rows, second.rows])
    first.dead = np.concatenate([first.dead, second.dead])
    if first.labels is not None:
        first.labels = first.labels + second.labels
    if first.ids is not None:
        first.ids = np.concatenate([first.ids, second.ids])
    return first


@pytest.mark.parametrize("kind, metric, extra", list(zip(fixtures.EXTRACTORS, ("cosine", "dot", "l2", "dot", "cosine"),
                                                    ("labels", "ids", None, "labels", "ids"))))
def test_rows_follow_one_another(inlay, extractor, capi, cli, kind, metric, extra, tmp_path):  # noqa: F811
    source = extractor(kind)
    models = [Rows(inlay, str(tmp_path / str(i)), source, metric, extra, "float16", 2048, seed=40 + i) for i in range(3)]
    models[0].bury((3, 5))
    models[1].append(4)
    models[1].bury((1, 2))
    inlay("merge", *(model.model for model in models), "-o", tmp_path / "all")
    whole = joined(joined(models[0], models[1], tmp_path / "all"), models[2], tmp_path / "all")
    ways = (loaders.load_v2, loaders.load_v1, capi, cli)
    whole.check_all(ways)
    assert "damaged" not in inlay("verify", whole.model)
    whole.delete((100, 200))
    whole.set(120, 2)
    whole.check_all(ways[:1] + ways[2:3])
    inlay("defuse", whole.model, "-o", tmp_path / "parts")


@pytest.mark.parametrize("kind", fixtures.EXTRACTORS)
def test_collections_side_by_side(inlay, extractor, capi, cli, kind, tmp_path):  # noqa: F811
    source = extractor(kind)
    first = Rows(inlay, str(tmp_path / "first"), source, "cosine", "labels", flags=("--default",))
    second = Rows(inlay, str(tmp_path / "second"), source, "l2", "labels", "float16", 2048, flags=("--name", "articles"), seed=43)
    third = Rows(inlay, str(tmp_path / "third"), source, "cosine", "labels", flags=("--default",), seed=44)
    inlay("merge", first.model, second.model, third.model, "-o", tmp_path / "all")
    joined(first, third, tmp_path / "all")
    second.model = first.model
    for one in (first, second):
        for load in (loaders.load_v2, loaders.load_v1, capi, cli):
            one.check(load)
        one.check_query()
    first.check(loaders.load_v2, signature="serving_default")
    second.append(3)
    first.delete((0, 1))
    for one in (first, second):
        one.check_all([loaders.load_v2, capi])


def test_other_extractors_are_refused(inlay, extractor, tmp_path):  # noqa: F811
    one = Rows(inlay, str(tmp_path / "one"), extractor("tf1"), "cosine")
    other = Rows(inlay, str(tmp_path / "other"), extractor("keras"), "cosine")
    with pytest.raises(AssertionError, match="another extractor"):
        inlay("merge", one.model, other.model, "-o", tmp_path / "all")
    assert not os.path.exists(tmp_path / "all")
