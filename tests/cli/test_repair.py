"""Repair rewrites stored checksums and nothing else, leaves a record, and is whole or not there; salvage writes what is sound."""

import json
import os
import random
import shutil

import numpy as np
import pytest

import damage
from conftest import needs, tree
from stored import DATA
from test_verify import damages, verify
from test_verify_damage import HEADER, ROWS, make

pytestmark = needs("repair", "fuse")
INDEX = "variables/variables.index"
RECORD = "assets.extra/inlay_repair.json"


@pytest.fixture(scope="module")
def sound(inlay, tmp_path_factory):
    """With dot products: no side factors, which would tell of other rows."""
    folder = tmp_path_factory.mktemp("sound") / "a"
    return make(inlay, folder, 3, rows=16000, dim=49, labels=False, **{"--metric": "dot"})


def broken(sound, to):
    model = damage.copy(sound, to)
    damage.noise(model / ROWS, random.Random(2), HEADER, (model / ROWS).stat().st_size)
    return model


def test_nothing_happens_without_yes(inlay, tmp_path, sound):
    model = broken(sound, tmp_path / "m")
    before = tree(model)
    done = inlay("repair", model)
    assert done.returncode == 1 and "--yes rewrites the checksum" in done.stdout
    assert tree(model) == before
    assert inlay("repair", sound).returncode == 0


def test_a_checksum_is_rewritten_and_nothing_else(inlay, tmp_path, sound):
    model = broken(sound, tmp_path / "m")
    before = tree(model)
    assert inlay("repair", model, "--yes").returncode == 0
    after = tree(model)
    assert {name for name in after if after[name] != before.get(name)} == {INDEX, RECORD, "assets.extra/inlay.json", "assets.extra/inlay.sums"}
    assert len(before[INDEX]) == len(after[INDEX])
    assert sum(a != b for a, b in zip(before[INDEX], after[INDEX])) <= 8  # the entry's sum and its block's
    report = verify(inlay, model, code=0)  # the manifest is true again, sums of blocks too
    assert report["uncovered"] == 0
    record = json.loads(after[RECORD])
    assert [len(r["rewritten"]) for r in record] == [1]
    assert record[0]["index_before"] == damage.crc32c(before[INDEX])
    assert record[0]["index_after"] == damage.crc32c(after[INDEX])
    at, bit = damage.flip(model / ROWS, random.Random(4), HEADER + 2000000, HEADER + 2000400)
    found = damages(verify(inlay, model, code=1))
    assert [(f["cause"], f["offset"], f["bit"]) for f in found] == [("flipped bit", at, bit)]
    assert inlay("repair", model, "--yes").returncode == 0
    assert len(json.loads((model / RECORD).read_text())) == 2


def test_a_bundle_by_itself(inlay, tmp_path):
    for path in (DATA / "bundles/sharded").glob("bundle*"):
        shutil.copy(path, tmp_path / path.name)
    data = tmp_path / "bundle.data-00001-of-00003"
    damage.flip(data, random.Random(1), 0, data.stat().st_size, bits=3)
    before = tree(tmp_path)
    assert inlay("repair", tmp_path / "bundle", "--yes").returncode == 0
    after = tree(tmp_path)
    assert {name for name in after if after[name] != before.get(name)} == {"bundle.index", "bundle.repair.json"}
    assert verify(inlay, tmp_path / "bundle", code=0)


def test_a_stale_block(inlay, tmp_path, sound):
    model = damage.copy(sound, tmp_path / "m")
    (model / "assets.extra/inlay.json").unlink()
    crc = damage.crc32c((sound / ROWS).read_bytes()[HEADER:])
    damage.rewrite(model / ROWS, lambda data: data[:500] + bytes(range(1, 41)) + data[540:])
    damage.set_entry_crc(model / INDEX, crc, damage.crc32c((model / ROWS).read_bytes()[HEADER:]))
    assert [f["cause"] for f in damages(verify(inlay, model, code=1))] == ["stale checksum"]
    assert inlay("repair", model, "--yes").returncode == 0
    assert verify(inlay, model, code=0)


def test_damage_that_no_checksum_mends_is_left(inlay, tmp_path, sound):
    model = damage.copy(sound, tmp_path / "m")
    damage.rewrite(model / ROWS, lambda data: data[:-1000])
    before = tree(model)
    done = inlay("repair", model, "--yes")
    assert done.returncode == 1 and "not mended" in done.stdout
    assert tree(model) == before
    index = damage.copy(sound, tmp_path / "index")
    damage.flip(index / INDEX, random.Random(9), 20, 60)  # the flipped bit is in the block: it is not sealed in
    before = tree(index)
    assert inlay("repair", index, "--yes").returncode == 1
    assert tree(index) == before


def test_two_repairs_at_once(inlay, tmp_path, sound):
    """The second one is told, or finds nothing to do."""
    import subprocess

    model = broken(sound, tmp_path / "m")
    runs = [subprocess.Popen([inlay.path, "repair", model, "--yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(4)]
    for run in runs:
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0 or "another edit" in err or "was changed while" in err, err
    assert verify(inlay, model, code=0)
    assert len(json.loads((model / RECORD).read_text())) == 1


def test_salvage_writes_what_is_sound(inlay, tmp_path, sound):
    model = broken(sound, tmp_path / "m")
    inlay.fails("repair", model, "--salvage", "-o", tmp_path / "out", saying="no tensor of it is sound")
    for path in (DATA / "bundles/sharded").glob("bundle*"):
        shutil.copy(path, tmp_path / path.name)
    os.truncate(tmp_path / "bundle.data-00001-of-00003", 100)
    before = tree(DATA / "bundles/sharded")
    inlay.ok("repair", tmp_path / "bundle", "--salvage", "-o", tmp_path / "out")
    inlay.ok("export", DATA / "bundles/sharded/bundle", "-o", tmp_path / "all")
    saved, all_of_it = tree(tmp_path / "out"), tree(tmp_path / "all")
    assert 0 < len(saved) < len(all_of_it) and all(all_of_it[name] == data for name, data in saved.items())
    assert tree(DATA / "bundles/sharded") == before
    damage.flip(tmp_path / "bundle.index", random.Random(1), 30, 31)
    inlay("repair", tmp_path / "bundle", "--salvage", "-o", tmp_path / "out", "--force")
    inlay.fails("repair", tmp_path / "bundle", "--salvage", saying="--salvage needs -o", code=2)


def test_partitioned_tensors_are_salvaged_when_all_slices_are_sound(inlay, tmp_path):
    for path in (DATA / "bundles/partitioned").glob("bundle*"):
        shutil.copy(path, tmp_path / path.name)
    data = sorted(tmp_path.glob("bundle.data*"))[0]
    damage.flip(data, random.Random(3), 0, 40, bits=2)
    inlay.ok("repair", tmp_path / "bundle", "--salvage", "-o", tmp_path / "out")
    inlay.ok("export", DATA / "bundles/partitioned/bundle", "-o", tmp_path / "all")
    saved, all_of_it = tree(tmp_path / "out"), tree(tmp_path / "all")
    assert len(saved) == len(all_of_it) - 1 and all(all_of_it[name] == data for name, data in saved.items())


EXPLAINED = [
    ("TensorBundle at /m/v shard 0 (1024 bytes): Checksum does not match: stored 7 vs. calculated on the restored bytes 4004437628",
     "1024 zero bytes"),
    ("Checksum does not match: stored 7 vs. calculated on the restored bytes 1925235876", "65536 zero bytes"),
    ("{{function_node x}} TensorBundle at c shard 0 (400 bytes): Checksum does not match: stored 2559874931 vs. calculated on "
     "the restored bytes 3515384252 [Op:RestoreV2]", "bit 2 of byte 100"),
    ("The length checksum does not match: expected 2324967102 but actual is 1214729159", "hole of zeros"),
    ("The length checksum does not match: expected 2079506941 but actual is 2087895549", "stored checksum is damaged"),
    ("Read less bytes than requested", "truncated"),
    ("not an sstable (bad magic number)", "magic number"),
    ("Unable to read file (/m.index). Perhaps the file is corrupt (failed to seek to header entry): block checksum mismatch",
     "a block of the index"),
    ("Key layer/kernel not found in checkpoint", "has not got"),
]


@pytest.mark.parametrize("text,said", EXPLAINED, ids=[str(i) for i in range(len(EXPLAINED))])
def test_messages_are_explained(inlay, text, said):
    assert said in inlay.ok("explain", text)


def test_numbers_that_masks_explain(inlay):
    def text(stored, calculated, size=4000):
        return (f"TensorBundle at m shard 0 ({size} bytes): Checksum does not match: stored {stored} vs. calculated on the "
                f"restored bytes {calculated}")

    crc = 0x12345678
    assert "masked twice" in inlay.ok("explain", text(damage.mask(crc), crc))
    assert "without the mask" in inlay.ok("explain", text(crc, damage.mask(crc)))
    assert "turned around" in inlay.ok("explain", text(0x78563412, crc))
    assert "neither zeros" in inlay.ok("explain", text(111, 987654321))
    counter = [damage.crc32c(np.int64(n).tobytes()) for n in (1200, 1300)]
    assert "when it was 1200" in inlay.ok("explain", text(*counter, size=8))
    inlay.fails("explain", "Segmentation fault", saying="not a message")
