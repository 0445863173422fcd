"""Verifying what is sound: every fixture, every kind of checkpoint, and index files without their data."""

import json
import os
import pathlib
import shutil

import pytest

from conftest import ROOT, needs
from stored import CHECKPOINTS, DATA

pytestmark = needs("verify")
SHARED = ROOT.parent / "shared"
MODELS = ["saved_models/constant_table", "saved_models/keras", "saved_models/metagraphs", "saved_models/stateless",
          "saved_models/tf1", "saved_models/tf1_pbtxt", "saved_models/tf2_text", "graphs/frozen/graph.pb"]


def verify(inlay, path, *flags, code=None):
    """The report; its exit code is what the verdict says, and CODE when that is given."""
    done = inlay("verify", path, "--json", *flags)
    report = json.loads(done.stdout)
    assert done.returncode == {"sound": 0, "damaged": 1, "unseen": 2}[report["verdict"]], done.stdout
    assert code is None or done.returncode == code, done.stdout
    return report


def damages(report):
    return [f for f in report["findings"] if f["severity"] == "damage"]


@pytest.mark.parametrize("path", [c[0] for c in CHECKPOINTS] + MODELS)
@pytest.mark.parametrize("flags", [[], ["--fast"]], ids=["whole", "fast"])
def test_what_is_sound_is_called_sound(inlay, path, flags):
    report = verify(inlay, DATA / path, *flags, code=0)
    assert not [f for f in report["findings"] if "not finite" not in f["text"]], report
    assert report["tensors"] or path.endswith(".pb") or report["bytes"]


def test_an_index_without_its_data_is_looked_at(inlay, tmp_path):
    shutil.copy(DATA / "bundles/sharded/bundle.index", tmp_path / "bundle.index")
    report = verify(inlay, tmp_path / "bundle.index", code=2)
    assert [f["cause"] for f in report["findings"]] == ["missing"] * 3
    assert [f["severity"] for f in report["findings"]] == ["unseen"] * 3
    assert verify(inlay, tmp_path / "bundle", code=1)["damages"] == 3  # asked for the checkpoint, not for its index


@pytest.mark.skipif(not (SHARED / "corpus/bundle-index").is_dir(), reason="../shared/corpus/bundle-index is not there")
def test_real_index_files(inlay):
    folder = SHARED / "corpus/bundle-index"
    for name in ("valid-a", "valid-b"):
        report = verify(inlay, folder / f"{name}.index", code=2)
        assert [(f["severity"], f["cause"]) for f in report["findings"]] == [("unseen", "missing")]
        assert report["kind"] == "index" and report["tensors"] == 2
    found = damages(verify(inlay, folder / "stale-block-crc.index", code=1))
    assert [(f["cause"], f["stored"], f["calculated"]) for f in found] == [("stale checksum", 745873449, 1481914134)]
    assert found[0]["repairable"]


def test_what_cannot_be_looked_at(inlay, tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        done = inlay("verify", path)
        assert done.returncode == 2 and done.stdout == "", done
        assert str(tmp_path) in done.stderr
    assert inlay("verify").returncode == 2
    assert json.loads(inlay("verify", tmp_path / "absent", "--json").stdout)["verdict"] == "unseen"
