"""Edits of rows meet manifests and models that are not what they should be: nothing is hidden, nothing is overrun."""

import json
import re

import numpy as np
import pytest

from conftest import needs

pytestmark = needs("rows", "fuse", "verify")

DIM = 64


def crc32c(data):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@pytest.fixture
def model(inlay, tmp_path):
    rng = np.random.default_rng(5)
    np.save(tmp_path / "rows.npy", rng.standard_normal((2000, DIM)).astype(np.float32))
    np.save(tmp_path / "two.npy", rng.standard_normal((2, DIM)).astype(np.float32))
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "--shards", "copy", "-o", tmp_path / "model")
    return tmp_path / "model"


def change_manifest(model, change):
    """What CHANGE makes of its first chunk, under good checksums."""
    path = model / "assets.extra/inlay.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["crc32c"]
    sums = (model / "assets.extra/inlay.sums").read_bytes()
    next(f for f in manifest["files"] if f["path"].endswith("inlay.sums")).update(bytes=len(sums), crc32c=crc32c(sums))
    change(manifest["collections"]["search"]["chunks"][0])
    text = json.dumps(manifest, indent=1)[:-2] + ",\n "
    path.write_text(f'{text}"crc32c": {crc32c(text.encode())}\n}}', encoding="utf-8")


@pytest.mark.parametrize("step, sums, first, blocks", [
    (-1, 0, 0, 0), (-(2**63), 1, 0, 1), (0, 1, 0, 1), (2**63 - 1, 1, 0, 1), (1 << 40, 1, 0, 1), (7, 8, 0, 8), (7, 8, 0, 9), (7, 8, -1, 8), (7, 8, 8, 0),
    (7, 8, 2**63 - 1, 1), (7, 8, 1, 2**63 - 1), (7, 8, -(2**63), -(2**63)), (7, 8, "0", 8), (7, 8, 0, "00000000" * 8)])
@pytest.mark.parametrize("edit", [("--set", 3, "two.npy"), ("--delete", "3:5"), ("--append", "two.npy")], ids=lambda e: e[0][2:])
def test_sums_of_blocks_that_cannot_be(inlay, model, step, sums, first, blocks, edit, tmp_path):
    (model / "assets.extra/inlay.sums").write_bytes(b"\xff\0\0\xff" * sums)
    change_manifest(model, lambda chunk: chunk.update(block_bytes=step, first_block=first, blocks=blocks))
    inlay.ok("rows", model, *edit, cwd=tmp_path)
    assert "sound" in inlay.ok("verify", model)


@pytest.mark.parametrize("edit", [("--delete", "3:5,50:60,500:510"), ("--append", "two.npy")], ids=lambda e: e[0][2:])
def test_damaged_factors_are_not_summed_anew(inlay, model, edit, tmp_path):
    tensors = json.loads(inlay.ok("tensors", model, "--json"))
    side = next(t for t in tensors if "side_0" in t["key"])
    path = next(p for p in (model / "variables").iterdir() if re.search(rf"data-{side['shard']:05d}-of", p.name))
    data = bytearray(path.read_bytes())
    data[side["offset"] + 40] ^= 1
    path.write_bytes(data)
    (model / "assets.extra/inlay.json").unlink()
    inlay.fails("rows", model, *edit, saying="side_0", cwd=tmp_path)
    assert inlay("verify", model).returncode == 1


def test_a_large_set_keeps_sums_of_blocks(inlay, tmp_path):
    """So that damage is found to the bit after it, as before."""
    rows = np.random.default_rng(5).standard_normal((100_000, DIM)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "mid.npy", rows[:30_000])
    np.save(tmp_path / "two.npy", rows[:2])
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "--shards", "copy", "-o", tmp_path / "model")
    for at, name in ((20_480, "mid.npy"), (30_000, "two.npy")):
        inlay.ok("rows", tmp_path / "model", "--set", at, tmp_path / name)
        manifest = json.loads((tmp_path / "model/assets.extra/inlay.json").read_text(encoding="utf-8"))
        chunks = manifest["collections"]["search"]["chunks"]
        assert all("blocks" in chunk for chunk in chunks if chunk["rows"] * DIM * 4 > 1 << 18), at
        assert {chunk["block_bytes"] for chunk in chunks if "blocks" in chunk} == {1 << 18}
