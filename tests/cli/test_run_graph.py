"""Running graphs without signatures: frozen ones, and with a checkpoint of either kind beside them or given."""

import json
import shutil

import numpy as np
import pytest

from conftest import ROOT, needs

pytestmark = needs("run", "bench")
DATA = ROOT / "tests/data"
FROZEN = DATA / "graphs/frozen/graph.pb"


def stored(folder):
    """{key: array} of the numbers in a fixture."""
    values, found = (folder / "expected.bin").read_bytes(), {}
    for line in (folder / "expected.tsv").read_text().splitlines():
        *keys, dtype, dims, offset, size = line.split("\t")
        if dtype not in ("string", "bfloat16"):
            shape = [int(d) for d in dims.strip("[]").split(",") if d]
            part = values[int(offset):int(offset) + int(size)]
            found[keys[-1]] = np.frombuffer(part, dtype).reshape(shape)
    return found


@pytest.fixture
def x(tmp_path):
    np.save(tmp_path / "x.npy", stored(FROZEN.parent)["x:0"])
    return f"x:0={tmp_path / 'x.npy'}"


def test_tensors_of_a_frozen_graph(inlay, tmp_path, x):
    out = tmp_path / "out"
    inlay.ok("run", FROZEN, "--inputs", x, "--fetch", "y:0;y;x:0", "--outdir", out, "--repeat", 3)
    assert sorted(p.name for p in out.iterdir()) == ["x:0.npy", "y.npy", "y:0.npy"]
    wanted = stored(FROZEN.parent)["y:0"]
    np.testing.assert_allclose(np.load(out / "y:0.npy"), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.load(out / "y.npy"), np.load(out / "y:0.npy"))
    before = (out / "y:0.npy").read_bytes()
    (out / "y.npy").unlink()
    inlay.fails("run", FROZEN, "--inputs", x, "--fetch", "y;y:0", "--outdir", out, saying="is there already")
    assert not (out / "y.npy").exists()  # nothing is written unless all may be
    inlay.ok("run", FROZEN, "--inputs", x, "--fetch", "y;y:0", "--outdir", out, "--overwrite")
    assert (out / "y:0.npy").read_bytes() == before and (out / "y.npy").exists()


def test_json_takes_the_dtype_that_the_graph_says(inlay, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([[1] * 8]))
    inlay.ok("run", FROZEN, "--inputs", f"x={tmp_path / 'x.json'}", "--fetch", "y", "--outdir", tmp_path)
    assert np.load(tmp_path / "y.npy").shape == (1, 16)


def test_mistakes_of_a_graph_run(inlay, tmp_path, x):
    run = ["run", FROZEN, "--inputs", x, "--outdir", tmp_path / "out"]
    inlay.fails(*run, saying="has no signatures; --fetch says what to compute")
    inlay.fails(*run, "--fetch", "absent:0", saying="no tensor 'absent:0'")
    inlay.fails(*run, "--fetch", "^y", saying="is no tensor")
    inlay.fails(*run, "--fetch", ";", saying="--fetch names nothing")
    inlay.fails(*run, "--fetch", "y", "--signature_def", "s", saying="no signature s")
    inlay.fails("run", FROZEN, "--fetch", "y", "--outdir", tmp_path, saying="x")
    inlay.fails("run", FROZEN, "--inputs", "x:0", "--fetch", "y", "--outdir", tmp_path, saying="not of the form KEY=FILE")
    inlay.fails("run", FROZEN, "--fetch", "y", saying="--outdir is needed", code=2)
    inlay.fails(*run, "--fetch", "y", "--repeat", 0, saying="--repeat", code=2)
    inlay.fails("run", DATA / "saved_models/tf1", "--checkpoint", DATA / "checkpoints/v2/model.ckpt-7", "--outdir", tmp_path,
                saying="a SavedModel has its own variables")
    assert not (tmp_path / "out").exists()


def test_bench_of_a_graph(inlay, x):
    told = json.loads(inlay.ok("bench", FROZEN, "--inputs", x, "--fetch", "y:0", "--runs", 20, "--json"))
    assert told["runs"] == 20 and 0 < told["median_ms"] <= told["p99_ms"] and told["open_ms"] > 0 < told["first_ms"]


def test_a_profile_names_ops_and_nodes(inlay, tmp_path, x):
    done = inlay("bench", FROZEN, "--inputs", x, "--fetch", "y:0", "--runs", 20, "--profile", "--trace", tmp_path / "trace.json")
    assert done.returncode == 0 and "the nodes that took longest:" in done.stderr
    nodes = done.stderr.split("the nodes that took longest:")[1]
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert events and all(event["ph"] == "X" and event["dur"] >= 0 for event in events)
    assert all(f"{event['args']['node']} ({event['name']})" in nodes for event in events)
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    inlay.fails("bench", FROZEN, "--inputs", x, "--fetch", "y:0", "--trace", tmp_path / "no/trace.json", saying="No such file")


NAMES = ["float32", "int64", "scalar", "float64", "int8"]


def check_variables(inlay, graph, folder, out, *flags):
    inlay.ok("run", graph, "--fetch", ";".join(f"{name}/read:0" for name in NAMES), "--outdir", out, *flags)
    wanted = stored(folder)
    for name in NAMES:
        np.testing.assert_array_equal(np.load(out / f"{name}%2Fread:0.npy"), wanted[name])


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_a_meta_file_with_its_checkpoint(inlay, tmp_path, kind):
    folder = DATA / "checkpoints" / kind
    check_variables(inlay, folder / "model.ckpt-11.meta", folder, tmp_path / "beside")
    shutil.copy(folder / "model.ckpt-11.meta", tmp_path / "graph.meta")
    check_variables(inlay, tmp_path / "graph.meta", folder, tmp_path / "given", "--checkpoint", folder / "model.ckpt-7")
    check_variables(inlay, tmp_path / "graph.meta", folder, tmp_path / "latest", "--checkpoint", folder)
    inlay.fails("run", tmp_path / "graph.meta", "--fetch", "float32/read:0", "--outdir", tmp_path / "none", saying="float32")
    inlay.fails("run", tmp_path / "graph.meta", "--checkpoint", tmp_path / "absent", "--fetch", "float32/read:0", "--outdir",
                tmp_path / "none", saying="absent")


def field_of(message, wanted):
    """The bytes of length-delimited field WANTED."""
    def varint(at):
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at
    at = 0
    while at < len(message):
        key, at = varint(at)
        assert key & 7 == 2, "only messages are expected"
        size, at = varint(at)
        if key >> 3 == wanted:
            return message[at:at + size]
        at += size
    raise KeyError(wanted)


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_a_graph_takes_variables_by_name(inlay, tmp_path, kind):
    folder = DATA / "checkpoints" / kind
    (tmp_path / "graph.pb").write_bytes(field_of((folder / "model.ckpt-7.meta").read_bytes(), 2))
    check_variables(inlay, tmp_path / "graph.pb", folder, tmp_path / "out", "--checkpoint", folder / "model.ckpt-7")
    other = DATA / "checkpoints/object_graph/ckpt-3"
    inlay.fails("run", tmp_path / "graph.pb", "--checkpoint", other, "--fetch", "float32/read:0", "--outdir", tmp_path,
                saying="has none of the graph's")


def test_tensors_of_a_saved_model(inlay, tmp_path):
    """Keys of the signature and tensors of the graph, side by side."""
    model = DATA / "saved_models/tf1"
    shown = json.loads(inlay.ok("show", model, "--json"))["signatures"]
    key, signature = next((k, s) for k, s in shown.items() if all(e["dtype"] == "float32" for e in s["inputs"].values()))
    (name, given), (out, got) = next(iter(signature["inputs"].items())), next(iter(signature["outputs"].items()))
    np.save(tmp_path / "x.npy", np.ones([abs(d) for d in given["shape"]], np.float32))
    for by in (name, given["tensor"]):
        inlay.ok("run", model, "--signature_def", key, "--inputs", f"{by}={tmp_path / 'x.npy'}", "--fetch",
                 f"{out};{got['tensor']}", "--outdir", tmp_path / "o", "--overwrite")
        assert len(list((tmp_path / "o").iterdir())) == 2
