"""Damage is found, its cause is named rightly, and no other damage and no sound model gets that name."""

import json
import os
import pathlib
import random
import shutil

import numpy as np
import pytest

import damage
from conftest import FULL, needs, tree
from test_verify import damages, verify

pytestmark = needs("verify", "fuse")
ROWS = "variables/variables.data-00001-of-00002"
HEADER = 128  # of a .npy


def make(inlay, folder, seed, rows=3000, dim=24, how="copy", labels=True, **options):
    """A fused model in FOLDER/m of one .npy, FOLDER/rows.npy. Floats are dense: no zeros in them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    np.save(folder / "rows.npy", rng.standard_normal((rows, dim)).astype(np.float32))
    flags = [x for pair in options.items() for x in pair]
    if labels:
        (folder / "labels.txt").write_text("".join(f"row {i} of {seed}\n" for i in range(rows)))
        flags += ["--labels", folder / "labels.txt"]
    inlay.ok("fuse", "--embeddings", folder / "rows.npy", "--shards", how, "-o", folder / "m", *flags)
    return folder / "m"


@pytest.fixture(scope="module")
def small(inlay, tmp_path_factory):
    """One chunk of 288 KB: a single sum covers it."""
    return make(inlay, tmp_path_factory.mktemp("small") / "a", 1)


@pytest.fixture(scope="module")
def large(inlay, tmp_path_factory):
    """One chunk of 3 MiB: the manifest has sums of its blocks."""
    return make(inlay, tmp_path_factory.mktemp("large") / "a", 2, rows=16000, dim=49)


def as_bundle(model, to, name="ck"):
    """The variables of MODEL as a checkpoint by itself."""
    to.mkdir(exist_ok=True)
    for path in (model / "variables").iterdir():
        shutil.copy2(path, to / path.name.replace("variables", name))
    return to / name


def causes(report):
    return {f["cause"] for f in damages(report)} - {"unknown"}


def one(report, cause):
    found = [f for f in damages(report) if f["cause"] == cause]
    assert found, report
    return found[0]


# ---- each cause

@pytest.mark.parametrize("manifest", [True, False], ids=["manifest", "foreign"])
@pytest.mark.parametrize("which", ["small", "large"])
def test_a_flipped_bit(inlay, tmp_path, small, large, which, manifest):
    model, rng = damage.copy({"small": small, "large": large}[which], tmp_path / "m"), random.Random(which)
    at, bit = damage.flip(model / ROWS, rng, HEADER, (model / ROWS).stat().st_size)
    if not manifest:
        (model / "assets.extra/inlay.json").unlink()
    report = verify(inlay, model, code=1)
    if not manifest and which == "large":  # beyond 1 MiB chance would find one
        assert causes(report) == set() and report["damages"] == 1
        return
    f = one(report, "flipped bit")
    dim = 24 if which == "small" else 49
    assert (f["offset"], f["bytes"], f["bit"]) == (at, 1, bit)
    if manifest:
        assert (f["first_row"], f["rows"]) == ((at - HEADER) // (4 * dim), 1)
    assert 0 < f["false_match"] < 0.0021 and f["repairable"] and f["key"] == "inlay_search/rows_0"


def test_a_flipped_bit_among_strings(inlay, tmp_path, small):
    """In labels, in their lengths, and in the checksum of the lengths."""
    listed = {t["key"]: t for t in json.loads(inlay.ok("tensors", small, "--json"))}
    t = listed["inlay_search/labels"]
    name = f"variables/variables.data-{t['shard']:05}-of-00002"
    rng = random.Random(7)
    for begin, end in ((t["offset"] + 3004, t["offset"] + t["bytes"]), (t["offset"] + 3000, t["offset"] + 3004)):
        model = damage.copy(small, tmp_path / f"m{begin}")
        at, bit = damage.flip(model / name, rng, begin, end)
        f = one(verify(inlay, model, code=1), "flipped bit")
        assert (f["offset"], f["bit"]) == (at, bit)


def test_truncated(inlay, tmp_path, small, large):
    for model in (small, large):
        for rest in (1, 5000, 100000):
            bad = damage.copy(model, tmp_path / f"{model.parent.parent.name}{rest}")
            damage.rewrite(bad / ROWS, lambda data, rest=rest: data[:-rest])
            f = one(verify(inlay, bad, code=1), "truncated")
            size = (bad / ROWS).stat().st_size
            assert (f["offset"], f["bytes"]) == (size, rest)
            assert causes(verify(inlay, bad, "--fast", code=1)) >= {"truncated"}


def test_a_hole_of_zeros(inlay, tmp_path, small, large):
    for model in (small, large):
        for begin, end in ((4096, 8192), (8192, 40960)):
            bad = damage.copy(model, tmp_path / f"{model.parent.parent.name}{begin}")
            damage.zero(bad / ROWS, begin, end)
            f = one(verify(inlay, bad, code=1), "hole of zeros")
            assert (f["offset"], f["bytes"]) == (begin, end - begin)
    bad = damage.copy(small, tmp_path / "all")
    damage.zero(bad / ROWS, HEADER, (bad / ROWS).stat().st_size)
    assert one(verify(inlay, bad, code=1), "hole of zeros")["bytes"] == 3000 * 24 * 4


def test_byte_swapped(inlay, tmp_path, small, large):
    for model in (small, large):
        bad = damage.copy(model, tmp_path / model.parent.parent.name)
        damage.swap(bad / ROWS, HEADER, (bad / ROWS).stat().st_size, 4)
        report = verify(inlay, bad, code=1)
        assert causes(report) == {"byte-swapped"} and one(report, "byte-swapped")["key"] == "inlay_search/rows_0"


def test_shifted(inlay, tmp_path, small, large):
    rng = random.Random(3)
    for model in (small, large):
        for n in (1, 64, 4096, -1, -48, -127):
            bad = damage.copy(model, tmp_path / f"{model.parent.parent.name}{n}")
            damage.insert(bad / ROWS, 0, n, rng)
            report = verify(inlay, bad, code=1)
            assert one(report, "shifted")["shift"] == n
            assert causes(report) == {"shifted"}


def test_a_data_file_of_another_checkpoint(inlay, tmp_path, small):
    other = make(inlay, tmp_path / "b", 99)
    ours, theirs = as_bundle(small, tmp_path / "ck", "ck-1"), as_bundle(other, tmp_path / "ck", "ck-2")
    assert verify(inlay, ours, code=0) and verify(inlay, theirs, code=0)
    for k in (0, 1):
        shutil.copy(f"{theirs}.data-0000{k}-of-00002", f"{ours}.data-0000{k}-of-00002")
        report = verify(inlay, ours, code=1)
        assert causes(report) == {"other checkpoint"}
        assert all("ck-2.index" in f["text"] for f in damages(report))
    assert verify(inlay, theirs, code=0)


def test_an_index_of_another_number_of_files(inlay, tmp_path, small):
    bundle = as_bundle(small, tmp_path / "ck")
    for k in (0, 1):
        os.rename(f"{bundle}.data-0000{k}-of-00002", f"{bundle}.data-0000{k}-of-00003")
    report = verify(inlay, bundle, code=1)
    assert "other checkpoint" in causes(report) and "2 data files" in one(report, "other checkpoint")["text"]


def test_a_source_that_was_written_again(inlay, tmp_path):
    for rows, name in ((3000, "same"), (2500, "fewer"), (4000, "more")):
        model = make(inlay, tmp_path / name, 5, how="link")
        assert verify(inlay, model, code=0)["notes"] == 0
        np.save(tmp_path / name / "rows.npy", np.random.default_rng(6).standard_normal((rows, 24)).astype(np.float32))
        f = one(verify(inlay, model, code=1), "source rewritten")
        assert str(tmp_path / name / "rows.npy") in f["text"]
    model = make(inlay, tmp_path / "copied", 5, how="copy")  # the model has its own bytes
    np.save(tmp_path / "copied/rows.npy", np.zeros((3, 24), np.float32))
    report = verify(inlay, model, code=0)
    assert [f["cause"] for f in report["findings"]] == ["source rewritten"]


def test_an_index_block_with_a_stale_checksum(inlay, tmp_path, small):
    listed = damage.copy(small, tmp_path / "m")
    index = listed / "variables/variables.index"
    crc = damage.crc32c((small / ROWS).read_bytes()[HEADER:])
    # the entry was edited, the block's checksum was not: the data no longer fits, so the block is not blamed as stale
    damage.set_entry_crc(index, crc, crc ^ 0x12345678)
    (listed / "assets.extra/inlay.json").unlink()
    report = verify(inlay, listed, code=1)
    assert "block checksum mismatch" in json.dumps(report) and "stale checksum" not in causes(report)
    # both entry and data were changed, the block's checksum was not
    stale = damage.copy(small, tmp_path / "stale")
    (stale / "assets.extra/inlay.json").unlink()
    damage.rewrite(stale / ROWS, lambda data: data[:500] + bytes(range(1, 41)) + data[540:])
    now = damage.crc32c((stale / ROWS).read_bytes()[HEADER:])
    damage.set_entry_crc(stale / "variables/variables.index", crc, now)
    f = one(verify(inlay, stale, code=1), "stale checksum")
    assert f["file"].endswith("variables.index") and f["repairable"]


def test_a_damaged_manifest_and_missing_files(inlay, tmp_path, small):
    rng = random.Random(8)
    bad = damage.copy(small, tmp_path / "manifest")
    manifest = bad / "assets.extra/inlay.json"
    at, bit = damage.flip(manifest, rng, 0, manifest.stat().st_size - 30)
    f = one(verify(inlay, bad, code=1), "flipped bit")
    assert (f["offset"], f["bit"]) == (at, bit)
    for name in ("assets.extra/inlay_search.labels", "variables/variables.data-00000-of-00002"):
        bad = damage.copy(small, tmp_path / name.replace("/", "_"))
        (bad / name).unlink()
        assert "missing" in causes(verify(inlay, bad, code=1))


def test_rows_that_do_not_fit_their_side_factors(inlay, tmp_path, small):
    """Every checksum is right: the side factors are those of other rows."""
    other = make(inlay, tmp_path / "b", 77)
    assert verify(inlay, other, code=0)
    both = damage.copy(small, tmp_path / "m")
    listed = {t["key"]: t for t in json.loads(inlay.ok("tensors", small, "--json"))}["inlay_search/side_0"]
    mine, theirs = (m / "variables/variables.data-00000-of-00002" for m in (both, other))
    begin, end = listed["offset"], listed["offset"] + listed["bytes"]
    old = mine.read_bytes()[begin:end]
    damage.rewrite(mine, lambda data: data[:begin] + theirs.read_bytes()[begin:end] + data[end:])
    damage.set_entry_crc(both / "variables/variables.index", damage.crc32c(old), damage.crc32c(mine.read_bytes()[begin:end]))
    inlay("repair", both, "--yes")
    report = verify(inlay, both, code=1)
    assert any("side factor of row 0" in f["text"] for f in damages(report)), report


# ---- no other damage has these names

def hit_flip2(model, rng):
    damage.flip(model / ROWS, rng, HEADER, (model / ROWS).stat().st_size, bits=rng.randint(2, 6))


def hit_noise(model, rng):
    damage.noise(model / ROWS, rng, HEADER, (model / ROWS).stat().st_size)


def hit_labels(model, rng):
    path = model / "variables/variables.data-00000-of-00002"
    damage.noise(path, rng, 0, path.stat().st_size)


def hit_index(model, rng):
    index = model / "variables/variables.index"
    damage.noise(index, rng, 0, index.stat().st_size - 60)


def hit_zero(model, rng):
    page = rng.randint(1, 60)
    damage.zero(model / ROWS, page * 4096, (page + rng.randint(1, 4)) * 4096)


def hit_some_zeros(model, rng):
    """No hole: zeros that begin and end anywhere."""
    begin = 4096 * rng.randint(1, 50) + rng.randint(100, 3900)
    damage.zero(model / ROWS, begin, begin + 4096 * rng.randint(0, 3) + rng.randint(10, 4000) // 5 * 5 + 3)


def hit_swap(model, rng):
    damage.swap(model / ROWS, HEADER, (model / ROWS).stat().st_size, 4)


def hit_swap_part(model, rng):
    at = HEADER + 4 * rng.randint(0, 20000)
    damage.swap(model / ROWS, at, at + 8 * rng.randint(10, 20000), rng.choice([2, 4, 8]))


def hit_shift(model, rng):
    damage.insert(model / ROWS, rng.randint(0, 100), rng.choice([-1, 1]) * rng.randint(1, 27), rng)


def hit_far_shift(model, rng):
    damage.insert(model / ROWS, rng.randint(0, 100), rng.randint(4097, 9000), rng)


def hit_cut(model, rng):
    n = rng.randint(1, 200000)
    damage.rewrite(model / ROWS, lambda data: data[:-n])


def hit_flip(model, rng):
    damage.flip(model / ROWS, rng, HEADER, (model / ROWS).stat().st_size)


def hit_asset(model, rng):
    damage.noise(model / "assets.extra/inlay_search.labels", rng, 100, 20000)


HITS = [(hit_flip2, set()), (hit_noise, set()), (hit_labels, set()), (hit_index, {"missing"}), (hit_zero, {"hole of zeros"}),
        (hit_some_zeros, set()), (hit_swap, {"byte-swapped"}), (hit_swap_part, set()), (hit_shift, {"shifted"}),
        (hit_far_shift, set()), (hit_cut, {"truncated"}), (hit_flip, {"flipped bit"}), (hit_asset, set())]


@pytest.mark.parametrize("manifest", [True, False], ids=["manifest", "foreign"])
@pytest.mark.parametrize("hit,allowed", HITS, ids=[h[0].__name__ for h in HITS])
def test_no_cause_is_named_in_vain(inlay, tmp_path, small, hit, allowed, manifest):
    """Each cause is thus tried on more than 200 models that are damaged otherwise."""
    for seed in range(60 if FULL else 10):
        model = damage.copy(small, tmp_path / str(seed))
        hit(model, random.Random(f"{hit.__name__} {seed}"))
        if not manifest:
            (model / "assets.extra/inlay.json").unlink()
            if hit is hit_asset:
                continue
        report = verify(inlay, model, code=1)
        assert causes(report) <= allowed, (seed, report)
        assert not allowed or allowed == {"missing"} or causes(report) == allowed, (seed, report)
        shutil.rmtree(model)


def random_rows(rng):
    """Rows as models have them: also zero rows, whole numbers, constants, halves."""
    rows, dim = int(rng.integers(0, 400)), int(rng.integers(1, 300))
    values = rng.standard_normal((rows, dim)).astype(rng.choice([np.float32, np.float32, np.float16, np.float64]))
    kind = rng.integers(0, 6)
    if kind == 0:
        values[:] = 0
    elif kind == 1 and rows:
        values[rng.integers(0, rows) :] = 0
    elif kind == 2:
        values = np.round(values)
    elif kind == 3:
        values[:] = 1
    return np.asfortranarray(values) if rng.integers(0, 4) == 0 else values


def test_sound_models_are_sound(inlay, tmp_path):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        np.save(tmp_path / "rows.npy", random_rows(rng))
        inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "m", "--force", "--metric",
                 ["cosine", "dot", "l2"][seed % 3], "--shards", ["copy", "link"][seed % 2])
        report = verify(inlay, tmp_path / "m", code=0)
        assert report["findings"] == [] and report["uncovered"] == 0, (seed, report)


# ---- every byte of a model with a manifest

def test_a_flip_of_any_bit_is_found(inlay, tmp_path, small):
    """Places weighted by files first, so that small ones (graph, manifest, index, fingerprint) are hit as often as data."""
    extra = small / "assets.extra"
    rng, found, tried = random.Random(11), 0, 1000 if FULL else 120
    model = damage.copy(small, tmp_path / "m")
    (model / "assets").mkdir()
    files = sorted(p for p in model.rglob("*") if p.is_file())
    assert extra.is_dir() and len(files) >= 6
    for _ in range(tried):
        path = rng.choice(files)
        old = path.read_bytes()
        header = path.name == pathlib.Path(ROWS).name and rng.random() < 0.3  # no tensor's bytes: a gap
        at, bit = rng.randrange(HEADER if header else len(old)), rng.randrange(8)
        damage.rewrite(path, lambda data, at=at, bit=bit: data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        done = inlay("verify", model)
        assert done.returncode == 1, (path, at, bit, done)
        found += 1
        damage.rewrite(path, lambda _, old=old: bytearray(old))
    assert found == tried
    assert verify(inlay, model, code=0)


def test_leftovers_and_foreign_files_are_notes(inlay, tmp_path, small):
    model = damage.copy(small, tmp_path / "m")
    (model / ".hidden").write_text("x")
    (model / "README.md").write_text("about")
    (model / "variables/variables.data-00000-of-00009").write_bytes(b"old")
    report = verify(inlay, model, code=0)
    assert report["notes"] >= 3 and report["warnings"] == 0
    assert report["uncovered"] == 1 + 5 + 3


def test_what_nothing_covers_is_counted(inlay, tmp_path, small):
    model = damage.copy(small, tmp_path / "m")
    (model / "assets.extra/inlay.json").unlink()
    report = verify(inlay, model, code=0)
    files = tree(model)
    others = sum(len(data) for name, data in files.items() if not name.startswith("variables/"))
    assert report["uncovered"] >= others + HEADER and not report["manifest"]
    assert report["uncovered"] <= others + HEADER + 100
