"""Which ops run, and which ones a model needs."""

import json

import pytest

from conftest import ROOT, needs

pytestmark = needs("ops")
DATA = ROOT / "tests/data"


def test_every_op_that_runs_is_listed_once_in_order(inlay):
    lines = inlay.ok("ops").splitlines()
    names = [line.split("(")[0] for line in lines]
    assert names == sorted(set(names)) and len(names) > 200
    assert {"Const", "MatMul", "StatefulPartitionedCall", "StringNGrams"} <= set(names)
    assert not [name for name in names if name.startswith("_")]  # our own, which no graph may hold
    assert "StringJoin(inputs:N*string) -> (output:string)" in lines
    listed = json.loads(inlay.ok("ops", "--json"))
    assert [one["op"] for one in listed] == names
    assert {"op": "StringJoin", "inputs": "inputs:N*string", "outputs": "output:string",
            "attributes": "N:int separator:string=''"} in listed


def needed(inlay, model, *flags, code=0):
    done = inlay("ops", model, "--json", *flags)
    assert done.returncode == code, done.stderr
    return {s["signature"]: {one["op"]: one for one in s["ops"]} for s in json.loads(done.stdout)["signatures"]}


def test_signatures_and_loading_are_told_apart(inlay):
    found = needed(inlay, DATA / "saved_models/tf1", "--tag_set", "serve")
    loading = found.pop(None)
    assert "RestoreV2" in loading and "InitializeTableFromTextFileV2" in loading
    assert found and not [ops for ops in found.values() if "RestoreV2" in ops]
    assert all(one["runs"] for ops in found.values() for one in ops.values())
    plain = inlay.ok("ops", DATA / "saved_models/tf1")
    assert "loading: " in plain and "all of them run" in plain


def test_ops_of_functions_are_found(inlay):
    found = needed(inlay, DATA / "saved_models/stateless")["serving_default"]
    calls = {"StatefulPartitionedCall", "PartitionedCall"} & set(found)
    assert calls and set(found) - calls - {"Const", "Identity", "NoOp", "Placeholder"}


def test_a_graph_without_signatures_is_one_entry(inlay):
    assert needed(inlay, DATA / "graphs/frozen/graph.pb")[""]["MatMul"] == {"op": "MatMul", "nodes": 1, "runs": True}


def node(name, op):
    """A NodeDef as a field of a GraphDef."""
    message = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(op)]) + op
    return b"\x0a" + bytes([len(message)]) + message


CUSTOM = [(b"TFText>FastBertNormalize", "TensorFlow Text"), (b"SentencepieceOp", "TensorFlow Text"),
          (b"Addons>Gelu", "TensorFlow Addons"), (b"SimpleMLInferenceOp", "TensorFlow Decision Forests"),
          (b"IO>DecodeJSON", "TensorFlow I/O"), (b"NobodyKnowsThis", None)]


def test_what_is_missing_is_told_with_its_library(inlay, tmp_path):
    graph = tmp_path / "graph.pb"
    graph.write_bytes(b"".join(node(b"n%d" % i, op) for i, (op, _) in enumerate(CUSTOM)) + node(b"fine", b"NoOp"))
    found = needed(inlay, graph, "--missing", code=3)[""]
    assert {op.encode(): one.get("library") for op, one in found.items()} == dict(CUSTOM)
    assert not [one for one in found.values() if one["runs"]]
    done = inlay("ops", graph)
    assert done.returncode == 3
    assert "the whole graph: 7 ops, 6 missing" in done.stdout
    assert "Addons>Gelu  missing: of TensorFlow Addons\n" in done.stdout


def test_names_of_ops_never_steer_a_terminal(inlay, tmp_path):
    (tmp_path / "graph.pb").write_bytes(node(b"a", b"Bad\x1bOp"))
    assert "Bad\\x1bOp" in inlay("ops", tmp_path / "graph.pb").stdout


def test_mistakes(inlay, tmp_path):
    model = DATA / "saved_models/tf1"
    inlay.fails("ops", tmp_path / "absent", saying="absent")
    inlay.fails("ops", model, "--signature_def", "absent", saying="has no signature absent; the signatures:")
    inlay.fails("ops", model, "--tag_set", "absent", saying='no metagraph has the tags "absent"')
    inlay.fails("ops", "--missing", saying="are about a model", code=2)
    (tmp_path / "cut.pb").write_bytes(node(b"abc", b"NoOp")[:-2])
    inlay.fails("ops", tmp_path / "cut.pb", saying="cut.pb")


@pytest.mark.parametrize("signature", ["serving_default"])
def test_one_signature_alone(inlay, signature):
    found = needed(inlay, DATA / "saved_models/tf2_text", "--signature_def", signature)
    assert set(found) == {signature, None}
