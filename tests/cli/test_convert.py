"""inlay convert: the same values in another form, or a clear refusal and nothing left."""

import json
import re
import shutil

import numpy as np
import pytest

from conftest import needs, tree
from stored import CHECKPOINTS, DATA

pytestmark = needs("convert", "export", "tensors")
ONE = DATA / "bundles/one_shard/bundle"
MODELS = ("tf1", "keras", "tf2_text", "metagraphs", "stateless", "constant_table")
WAYS = [(), ("--shards", 3), ("--whole",), ("--slices", 2), ("--slices", 3, "--shards", 100), ("--whole", "--shards", 2)]


def stored(inlay, path):
    """{key: (dtype, shape)} and the exported files, which hold every value."""
    listed = {t["key"]: (t["dtype"], t["shape"]) for t in json.loads(inlay.ok("tensors", path, "--json"))}
    return listed


def values(inlay, path, scratch):
    inlay.ok("export", path, "-o", scratch)
    return tree(scratch)


@pytest.mark.parametrize("way", WAYS, ids=lambda w: " ".join(map(str, w)) or "plain")
@pytest.mark.parametrize("path", [c[0] for c in CHECKPOINTS])
def test_values_stay(inlay, tmp_path, path, way):
    before = tree(DATA / path) if (DATA / path).is_dir() else None
    told = json.loads(inlay.ok("convert", DATA / path, "-o", tmp_path / "new", *way, "--json"))
    assert stored(inlay, tmp_path / "new") == stored(inlay, DATA / path)
    assert len(list(tmp_path.glob("new.data-*"))) == told["shards"]
    if "many_blocks" not in path:  # its keys are longer than file names
        assert values(inlay, tmp_path / "new", tmp_path / "a") == values(inlay, DATA / path, tmp_path / "b")
    if before is not None:
        assert tree(DATA / path) == before


def test_slices_come_and_go(inlay, tmp_path):
    """Cut, kept, put together: in the end the file that a plain conversion makes."""
    part = DATA / "bundles/partitioned/bundle"
    sliced = [t for t in json.loads(inlay.ok("tensors", part, "--json")) if t["slices"]]
    assert sliced
    inlay.ok("convert", part, "-o", tmp_path / "kept", "--shards", 4)
    kept = json.loads(inlay.ok("tensors", tmp_path / "kept", "--json"))
    assert [t["slices"] for t in kept if t["slices"]] == [t["slices"] for t in sliced]
    inlay.ok("convert", part, "-o", tmp_path / "whole", "--whole")
    inlay.ok("convert", tmp_path / "kept", "-o", tmp_path / "again", "--whole")
    assert not any(t["slices"] for t in json.loads(inlay.ok("tensors", tmp_path / "whole", "--json")))
    for name in ("index", "data-00000-of-00001"):
        assert (tmp_path / f"again.{name}").read_bytes() == (tmp_path / f"whole.{name}").read_bytes()


def test_named_tensors_are_cut(inlay, tmp_path):
    listed = json.loads(inlay.ok("tensors", ONE, "--json"))
    key = next(t["key"] for t in listed if t["shape"] and t["shape"][0] >= 2 and t["dtype"] == "float32")
    inlay.ok("convert", ONE, key, "-o", tmp_path / "new", "--slices", 2)
    assert [t["key"] for t in json.loads(inlay.ok("tensors", tmp_path / "new", "--json")) if t["slices"]] == [key]
    half = next(t["key"] for t in listed if t["dtype"] == "float16")
    inlay.fails("convert", ONE, half, "-o", tmp_path / "no", "--slices", 2, saying="puts no slices of its dtype together")
    inlay.fails("convert", ONE, key, "-o", tmp_path / "no", "--slices", 1000, saying="fewer rows")
    inlay.fails("convert", ONE, "nothing", "-o", tmp_path / "no", "--slices", 2, saying="no tensor nothing")
    inlay.fails("convert", ONE, key, "-o", tmp_path / "no", saying="not into how many")
    assert not list(tmp_path.glob("no*"))


def test_shards_are_balanced(inlay, tmp_path):
    inlay.ok("convert", DATA / "bundles/partitioned/bundle", "-o", tmp_path / "new", "--shards", 2)
    sizes = sorted(p.stat().st_size for p in tmp_path.glob("new.data-*"))
    largest = max(t["bytes"] for t in json.loads(inlay.ok("tensors", tmp_path / "new", "--json")))
    assert len(sizes) == 2 and sizes[1] - sizes[0] <= largest


def test_a_folder_names_its_latest(inlay, tmp_path):
    inlay.ok("convert", DATA / "checkpoints/v1/model.ckpt-7", "-o", f"{tmp_path}/new/")
    inlay.ok("convert", DATA / "checkpoints/v1", "-o", tmp_path / "new")  # its latest, model.ckpt-11
    text = (tmp_path / "new/checkpoint").read_text()
    assert re.findall('"(.*)"', text) == ["model.ckpt-11", "model.ckpt-7", "model.ckpt-11"]
    assert stored(inlay, tmp_path / "new") == stored(inlay, DATA / "checkpoints/v1")


def test_a_checkpoint_is_never_replaced(inlay, tmp_path):
    inlay.ok("convert", ONE, "-o", tmp_path / "new")
    before = tree(tmp_path)
    inlay.fails("convert", ONE, "-o", tmp_path / "new", saying="is there already")
    inlay.fails("convert", ONE, "-o", tmp_path / "new", "--force", saying="is there already")
    assert tree(tmp_path) == before


def test_damage_is_not_written_with_a_good_checksum(inlay, tmp_path):
    for kind, name in (("big_endian", "bundle.data-00000-of-00001"), ("one_shard", "bundle.data-00000-of-00001"),
                       ("partitioned", "bundle.data-00001-of-00002")):
        folder = tmp_path / kind
        shutil.copytree(DATA / "bundles" / kind, folder)
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 4
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(data)
        inlay.fails("convert", folder / "bundle", "-o", tmp_path / "out", "--whole", saying="checksum does not match")
        assert not list(tmp_path.glob("out*")), "left something"


@pytest.mark.parametrize("name", MODELS)
def test_graphs_go_to_text_and_back(inlay, tmp_path, name):
    model = DATA / "saved_models" / name
    inlay.ok("convert", model, "-o", tmp_path / "text", "--text")
    inlay.ok("convert", tmp_path / "text", "-o", tmp_path / "binary", "--binary")
    inlay.ok("convert", tmp_path / "binary", "-o", tmp_path / "again", "--text")
    want, text, binary, again = (tree(p) for p in (model, *(tmp_path / n for n in ("text", "binary", "again"))))
    assert text["saved_model.pbtxt"] == again["saved_model.pbtxt"] and "saved_model.pb" not in text
    assert len(binary["saved_model.pb"]) == len(want["saved_model.pb"])
    for files in (text, binary):
        assert {k: v for k, v in files.items() if "saved_model.pb" not in k} == \
               {k: v for k, v in want.items() if "saved_model.pb" not in k}


def test_files_that_stay_are_shared(inlay, tmp_path):
    shutil.copytree(DATA / "saved_models/tf1", tmp_path / "m")
    inlay.ok("convert", tmp_path / "m", "-o", tmp_path / "new", "--text")
    for name in ("variables/variables.index", "variables/variables.data-00000-of-00001", "assets/words.txt"):
        assert (tmp_path / "new" / name).samefile(tmp_path / "m" / name), name


def test_variables_of_a_model(inlay, tmp_path):
    model = DATA / "saved_models/keras"
    inlay.ok("convert", model, "-o", tmp_path / "new", "--shards", 2)
    assert values(inlay, tmp_path / "new", tmp_path / "a") == values(inlay, model, tmp_path / "b")
    new = tree(tmp_path / "new")
    assert sorted(n for n in new if ".data-" in n) == [f"variables/variables.data-0000{i}-of-00002" for i in (0, 1)]
    assert new["saved_model.pb"] == tree(model)["saved_model.pb"]
    inlay.fails("convert", model, "-o", tmp_path / "new", saying="is there already")
    inlay.ok("convert", model, "-o", tmp_path / "new", "--force")
    assert sum(".data-" in n for n in tree(tmp_path / "new")) == 1
    inlay.fails("convert", tmp_path / "new", "-o", tmp_path / "new", "--force", saying="made from")
    shutil.rmtree(tmp_path / "new/variables")
    inlay.fails("convert", tmp_path / "new", "-o", tmp_path / "x", "--shards", 2, saying="no variables")
    assert not (tmp_path / "x").exists()


def test_what_text_cannot_hold_is_refused(inlay, tmp_path):
    graph = DATA / "graphs/frozen/graph.pb"
    bad = tmp_path / "bad.pb"
    bad.write_bytes(graph.read_bytes() + bytes([0xFA, 0x3F, 2]) + b"hi")  # field 1023
    inlay.fails("convert", bad, "-o", tmp_path / "new.pbtxt", saying="field 1023 of tensorflow.GraphDef is not known")
    assert not (tmp_path / "new.pbtxt").exists()
    done = inlay("convert", bad, "-o", tmp_path / "new.pbtxt", "--lossy")
    assert done.returncode == 0 and "left out" in done.stderr
    inlay.ok("convert", tmp_path / "new.pbtxt", "-o", tmp_path / "new.pb")
    inlay.ok("convert", graph, "-o", tmp_path / "good.pbtxt")
    assert (tmp_path / "good.pbtxt").read_bytes() == (tmp_path / "new.pbtxt").read_bytes()
    inlay.fails("convert", graph, "-o", tmp_path / "good.pbtxt", saying="is there already")
    inlay.ok("convert", bad, "-o", tmp_path / "same.pb")
    assert (tmp_path / "same.pb").read_bytes() == bad.read_bytes()


def test_options_that_do_not_fit(inlay, tmp_path):
    graph = DATA / "graphs/frozen/graph.pb"
    inlay.fails("convert", graph, "-o", tmp_path / "x.pb", "--shards", 2, saying="no variables")
    inlay.fails("convert", ONE, "-o", tmp_path / "x", "--text", saying="holds no graph")
    inlay.fails("convert", ONE, "-o", tmp_path / "x", "--shards", 5000, saying="5000 data files")
    inlay.fails("convert", ONE, "-o", tmp_path / "x", "--slices", 1, saying="1 slices")
    inlay.fails("convert", ONE, "-o", tmp_path / "x", "--slices", 2, "--whole", saying="name those to cut")
    inlay.fails("convert", tmp_path / "nothing", "-o", tmp_path / "x", saying="nothing")
    inlay.fails("convert", ONE, saying="-o is needed", code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
@pytest.mark.parametrize("source,target", [("bundles/partitioned/bundle", "new"), ("saved_models/keras", "model")])
def test_every_fault_leaves_nothing_or_all(debug_inlay, tmp_path, source, target, kind):
    job = ("convert", DATA / source, "-o", tmp_path / target, "--shards", 2)
    debug_inlay.ok(*job)
    whole = tree(tmp_path)
    for number in range(1, 400):
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        done = debug_inlay(*job, env={"INLAY_FAULT": f"{kind}:{number}"})
        files = tree(tmp_path)
        there = (tmp_path / "new.index").exists() or (tmp_path / "model").exists()
        if there:
            assert {n: f for n, f in files.items() if not n.startswith(".")} == whole, f"{kind}:{number}"
        elif done.returncode != -9:
            assert not files, f"{kind}:{number} left {sorted(files)}"
        if done.returncode == -9:
            assert debug_inlay(*job).returncode == (1 if there else 0), f"{kind}:{number}: a second run"
            assert {n: f for n, f in tree(tmp_path).items() if not n.startswith(".")} == whole
        if done.returncode == 0:
            assert there
            if kind != "short" or number > 40:
                break
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 8


def test_a_fused_model_stays_one(inlay, tmp_path, shards):
    """Its manifest and its answers follow; apart it gives the rows that went in."""
    inlay.ok("fuse", "--embeddings", shards, "--labels", tmp_path / "labels.txt", "-o", tmp_path / "m")
    ask = ("--inputs", f"query={tmp_path}/query.npy", "--k", 3, "--json")
    want = json.loads(inlay.ok("query", tmp_path / "m", *ask))
    for i, way in enumerate((("--text",), (), ("--shards", 3), ("--text", "--shards", 2))):
        inlay.ok("convert", tmp_path / "m", "-o", tmp_path / f"new{i}", *way)
        assert json.loads(inlay.ok("query", tmp_path / f"new{i}", *ask)) == want
        inlay.ok("verify", tmp_path / f"new{i}")
    inlay.ok("defuse", tmp_path / "new1", "-o", tmp_path / "apart")
    inlay.ok("fuse", "--embeddings", tmp_path / "apart/shards", "--labels", tmp_path / "labels.txt", "-o", tmp_path / "again")
    assert json.loads(inlay.ok("query", tmp_path / "again", *ask)) == want


def edited(inlay, target, key, scratch):
    """TARGET after a few edits of KEY, each of which left a data file behind."""
    for i in range(3):
        np.save(scratch / "v.npy", np.full((8, 12), i, np.float32))
        inlay.ok("swap", target, key, scratch / "v.npy")


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_compact_folds_what_edits_left(inlay, tmp_path, kind, in_place):
    shutil.copytree(DATA / "saved_models/keras", tmp_path / "m")
    target = tmp_path / "m" if kind == "model" else tmp_path / "m/variables/variables"
    edited(inlay, target, "_all_variables/0/.ATTRIBUTES/VARIABLE_VALUE", tmp_path)
    before = values(inlay, target, tmp_path / "a")
    assert len(list((tmp_path / "m/variables").glob("*.data-*"))) > 1
    told = json.loads(inlay.ok("convert", "--compact", target, "--json", *(() if in_place else ("-o", tmp_path / "new"))))
    result = target if in_place else tmp_path / "new"
    assert values(inlay, result, tmp_path / "b") == before
    names = sorted(p.name for p in (result / "variables" if kind == "model" else result.parent).glob("*.data-*"))
    assert len(names) == told["shards"] == 1, names
    assert told["bytes"] == sum(t["bytes"] for t in json.loads(inlay.ok("tensors", result, "--json")))
    inlay.ok("verify", result)


def test_compact_keeps_large_files(inlay, tmp_path):
    rows = np.random.default_rng(1).standard_normal((70000, 256)).astype(np.float32)  # 72 MB
    (tmp_path / "shards").mkdir()
    np.save(tmp_path / "shards/0.npy", rows)
    np.save(tmp_path / "one.npy", rows[:1])
    np.save(tmp_path / "query.npy", rows[5:6])
    inlay.ok("fuse", "--embeddings", tmp_path / "shards", "-o", tmp_path / "m")
    kept = {p.stat().st_ino for p in (tmp_path / "m/variables").glob("*.data-*") if p.stat().st_size > 64 << 20}
    ask = ("--inputs", f"query={tmp_path}/query.npy", "--k", 3, "--json")
    want = json.loads(inlay.ok("query", tmp_path / "m", *ask))
    told = json.loads(inlay.ok("convert", "--compact", tmp_path / "m", "--json"))
    assert told["kept"] == 1 and told["shards"] == 2 and told["bytes"] < 1 << 20
    assert kept == {p.stat().st_ino for p in (tmp_path / "m/variables").glob("*.data-*") if p.stat().st_size > 64 << 20}
    assert json.loads(inlay.ok("query", tmp_path / "m", *ask)) == want
    inlay.ok("verify", tmp_path / "m")
    inlay.ok("defuse", tmp_path / "m", "-o", tmp_path / "apart")
    np.testing.assert_array_equal(np.load(next((tmp_path / "apart/shards").iterdir())), rows)
