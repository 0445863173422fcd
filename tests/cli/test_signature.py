"""inlay signature: what a model offers changes, and nothing else."""

import json
import shutil

import pytest

from conftest import needs, tree
from stored import DATA

pytestmark = needs("signature", "show")


@pytest.fixture(params=["tf1", "keras", "tf2_text", "tf1_pbtxt"])
def model(request, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(DATA / "saved_models" / request.param, folder)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def signatures(inlay, path):
    return json.loads(inlay.ok("show", path, "--json"))["signatures"]


def rest(folder):
    """All files but those that an edit of signatures writes."""
    return {k: v for k, v in tree(folder).items() if k not in ("saved_model.pb", "saved_model.pbtxt", "fingerprint.pb")}


def test_renames_additions_and_removals(inlay, model):
    before, files = signatures(inlay, model), rest(model)
    inlay.ok("signature", model, "--rename", "serving_default=first", "--add", "second=first", "--add", "third=second")
    want = {("first" if k == "serving_default" else k): v for k, v in before.items()}
    want |= {k: want["first"] for k in ("second", "third")}
    assert signatures(inlay, model) == want
    inlay.ok("signature", model, "--remove", "second", "--remove", "third", "--rename", "first=serving_default")
    assert signatures(inlay, model) == before
    assert rest(model) == files


def test_the_object_graph_follows_to_the_byte(inlay, tmp_path):
    """There and back is the model that it was."""
    shutil.copytree(DATA / "saved_models/keras", tmp_path / "m")
    before = tree(tmp_path / "m")["saved_model.pb"]
    inlay.ok("signature", tmp_path / "m", "--rename", "serving_default=other", "-o", tmp_path / "new")
    assert tree(tmp_path / "m")["saved_model.pb"] == before
    after = tree(tmp_path / "new")["saved_model.pb"]
    assert after.count(b"serving_default") < before.count(b"serving_default") and after.count(b"other") >= 2
    inlay.ok("signature", tmp_path / "new", "--rename", "other=serving_default")
    assert sorted(tree(tmp_path / "new")["saved_model.pb"]) == sorted(before)
    assert (tmp_path / "new/variables/variables.data-00000-of-00001").samefile(
        tmp_path / "m/variables/variables.data-00000-of-00001")


def test_signatures_of_tensors(inlay, tmp_path):
    shutil.copytree(DATA / "saved_models/tf1", tmp_path / "m")
    inlay.ok("signature", tmp_path / "m", "--add", "mine:in=a:x:0;out=b:y:0,c:MatMul")
    mine = signatures(inlay, tmp_path / "m")["mine"]
    assert mine["inputs"] == {"a": {"dtype": "float32", "shape": [-1, 8], "tensor": "x:0"}}
    assert {k: (v["tensor"], v["dtype"]) for k, v in mine["outputs"].items()} == {"b": ("y:0", "float32"), "c": ("MatMul:0", "float32")}


def test_dry_run_and_json(inlay, model):
    before = tree(model)
    told = json.loads(inlay.ok("signature", model, "--remove", "serving_default", "--dry-run", "--json"))
    assert told["changes"] == ["signature serving_default goes"] and told["done"] is False
    assert tree(model) == before


@pytest.mark.parametrize("name,edits,saying", [
    ("keras", (), "nothing is asked for"),
    ("keras", ("--rename", "nothing=x"), "there is no signature nothing"),
    ("keras", ("--rename", "serving_default=serve"), "there is a signature serve already"),
    ("keras", ("--rename", "serving_default"), "is no OLD=NEW"),
    ("keras", ("--rename", "serving_default="), "needs a name"),
    ("keras", ("--add", "x:in=a:serving_default_x:0;out=b:StatefulPartitionedCall:0"), "whose signatures are functions"),
    ("keras", ("--add", "__saved_model_init_op=serving_default"), "is what loading runs"),
    ("tf1", ("--remove", "__saved_model_init_op"), "is what loading runs"),
    ("tf1", ("--add", "m:in=a:x:0"), "needs an output"),
    ("tf1", ("--add", "m:in=a:x:0;out=b:nowhere:0"), "nowhere"),
    ("tf1", ("--add", "m:in=a:x:0;out=b:y:7"), "has 1 outputs, no 7"),
    ("tf1", ("--add", "m:in=a;out=b:y:0"), "is KEY:TENSOR"),
    ("tf1", ("--default", "serving_default.x=[1]"), "takes [?, 8]"),
    ("tf1", ("--default", "serving_default.x=one"), "the default"),
    ("tf1", ("--default", "serving_default.y=1"), "has no input y"),
    ("tf1", ("--default", "serving_default.x="), "has no default to remove"),
    ("tf1", ("--default", "nothing.x=1"), "no signature with an input nothing.x"),
    ("tf1", ("--tags", "a,,b"), "empty tag"),
    ("tf1", ("--tags", "a,a"), "given twice"),
    ("metagraphs", ("--tags", "serve,gpu", "--tag-set", "serve"), "another metagraph has the tags"),
])
def test_refusals(inlay, tmp_path, name, edits, saying):
    shutil.copytree(DATA / "saved_models" / name, tmp_path / "m")
    before = tree(tmp_path / "m")
    inlay.fails("signature", tmp_path / "m", *edits, saying=saying)
    assert tree(tmp_path / "m") == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_search_keeps_its_name(inlay, tmp_path, shards):
    inlay.ok("fuse", "--embeddings", shards, "-o", tmp_path / "m")
    inlay.fails("signature", tmp_path / "m", "--rename", "search=find", saying="is the name of a search")
    inlay.ok("signature", tmp_path / "m", "--add", "serving_default=search", "--default", "search.k=3")
    asked = [json.loads(inlay.ok("query", tmp_path / "m", "--inputs", f"query={tmp_path}/query.npy", "--k", 2, "--signature", s, "--json"))
             for s in ("search", "serving_default")]
    assert asked[0] == asked[1]
    inlay.ok("verify", tmp_path / "m")
