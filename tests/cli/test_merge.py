"""inlay merge: tensors of several checkpoints in one, or a refusal that names the key."""

import json

import pytest

from conftest import needs, tree
from stored import DATA

pytestmark = needs("merge", "convert", "export", "tensors")
ONE, PARTITIONED, OBJECTS = (DATA / p for p in ("bundles/one_shard/bundle", "bundles/partitioned/bundle",
                                                "checkpoints/object_graph/ckpt-3"))


def keys(inlay, path):
    return {t["key"] for t in json.loads(inlay.ok("tensors", path, "--json"))}


def values(inlay, path, scratch):
    inlay.ok("export", path, "-o", scratch)
    return tree(scratch)


def test_all_tensors_of_all(inlay, tmp_path):
    told = json.loads(inlay.ok("merge", ONE, PARTITIONED, OBJECTS, "-o", tmp_path / "new", "--json"))
    want = {}
    for i, path in enumerate((ONE, PARTITIONED, OBJECTS)):
        want |= values(inlay, path, tmp_path / f"part{i}")
    assert values(inlay, tmp_path / "new", tmp_path / "all") == want
    assert told["tensors"] == len(want)
    assert len(list(tmp_path.glob("new.data-*"))) == told["shards"]


def test_keys_that_two_have(inlay, tmp_path):
    inlay.fails("merge", ONE, ONE, "-o", tmp_path / "new", saying="is in an earlier part too")
    assert not list(tmp_path.iterdir())
    inlay.ok("merge", ONE, ONE, "-o", tmp_path / "new", "--first-wins")
    assert values(inlay, tmp_path / "new", tmp_path / "a") == values(inlay, ONE, tmp_path / "b")
    inlay.ok("merge", PARTITIONED, PARTITIONED, "-o", tmp_path / "again", "--first-wins")
    assert values(inlay, tmp_path / "again", tmp_path / "c") == values(inlay, PARTITIONED, tmp_path / "d")


def test_a_folder_names_its_latest(inlay, tmp_path):
    inlay.ok("merge", OBJECTS, ONE, "-o", f"{tmp_path}/new/")
    assert 'model_checkpoint_path: "ckpt-3"' in (tmp_path / "new/checkpoint").read_text()
    assert keys(inlay, tmp_path / "new") == keys(inlay, ONE) | keys(inlay, OBJECTS)


@pytest.mark.parametrize("sources,saying", [
    ((ONE,), "two sources or more"),
    ((ONE, DATA / "checkpoints/v1"), "is a V1 checkpoint; inlay convert"),
    ((ONE, DATA / "bundles/big_endian/bundle"), "another byte order"),
    ((ONE, DATA / "saved_models/keras"), "models and checkpoints"),
    ((ONE, DATA / "graphs/frozen/graph.pb"), "is no checkpoint"),
    ((ONE, DATA / "nothing"), "nothing"),
], ids=["one", "v1", "big-endian", "model", "graph", "missing"])
def test_refusals(inlay, tmp_path, sources, saying):
    inlay.fails("merge", *sources, "-o", tmp_path / "new", saying=saying)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
def test_every_fault_leaves_nothing_or_all(debug_inlay, tmp_path, kind):
    job = ("merge", OBJECTS, DATA / "checkpoints/object_graph/ckpt-4", PARTITIONED, "-o", tmp_path / "new", "--first-wins")
    debug_inlay.ok(*job)
    whole = tree(tmp_path)
    for number in range(1, 200):
        for path in tmp_path.iterdir():
            path.unlink()
        done = debug_inlay(*job, env={"INLAY_FAULT": f"{kind}:{number}"})
        files = tree(tmp_path)
        if "new.index" in files:
            assert {n: f for n, f in files.items() if not n.startswith(".")} == whole, f"{kind}:{number}"
        elif done.returncode != -9:
            assert not files, f"{kind}:{number} left {sorted(files)}"
        else:
            debug_inlay.ok(*job)
            assert {n: f for n, f in tree(tmp_path).items() if not n.startswith(".")} == whole, f"{kind}:{number}"
        if done.returncode == 0 and (kind != "short" or number > 30):
            break
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 5
