"""Running any signature from the shell: files in, files out; measuring it; and what happens when a file is cut under us."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pytest

from conftest import ROOT, needs

pytestmark = needs("run", "bench", "fuse", "query", "show", "encode")
EXTRACTOR = ROOT / "examples/reverse-dictionary/extractor"
WORDS = ["ice cream", "spider", "water", "sh\u00f6e", ""]


@pytest.fixture(scope="module")
def model(tmp_path_factory, inlay):
    """A fused model of five words; its labels hold what is no text to a terminal."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "words.txt").write_text("".join(word + "\n" for word in WORDS), encoding="utf-8")
    (folder / "labels.txt").write_text("".join(word + "\x1b[31m\u009b1m\n" for word in WORDS), encoding="utf-8")
    inlay.ok("encode", EXTRACTOR, "--lines", folder / "words.txt", "-o", folder / "vectors")
    inlay.ok("fuse", EXTRACTOR, "--embeddings", folder / "vectors", "--labels", folder / "labels.txt", "--shards", "copy",
             "--default", "-o", folder / "model")
    return folder / "model"


TEXTS = {
    "json.json": lambda path: path.write_text(json.dumps(WORDS[:3])),
    "b64.json": lambda path: path.write_text(json.dumps([{"b64": base64.b64encode(w.encode()).decode()} for w in WORDS[:3]])),
    "s.npy": lambda path: np.save(path, np.array([w.encode() for w in WORDS[:3]])),
    "u.npy": lambda path: np.save(path, np.array(WORDS[:3])),
}


@pytest.mark.parametrize("name", TEXTS)
def test_every_output_is_a_file(inlay, model, tmp_path, name):
    TEXTS[name](tmp_path / name)
    (tmp_path / "k.json").write_text("1")
    command = ["run", model, "--tag_set", "serve", "--signature_def", "search", "--inputs",
               f"text={tmp_path / name};k={tmp_path / 'k.json'}", "--outdir", tmp_path / "out"]
    inlay.ok(*command)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["indices.npy", "labels.json", "scores.npy"]
    assert np.load(tmp_path / "out/indices.npy").tolist() == [[0], [1], [2]]
    assert np.load(tmp_path / "out/indices.npy").dtype == np.int64
    np.testing.assert_allclose(np.load(tmp_path / "out/scores.npy"), [[1], [1], [1]], atol=1e-6)
    labels = json.loads((tmp_path / "out/labels.json").read_text(encoding="utf-8"))
    assert [one[0].startswith(word) for one, word in zip(labels, WORDS)] == [True] * 3
    inlay.fails(*command, saying="is there already; --overwrite replaces it")
    inlay.ok(*command, "--overwrite")


def test_mistakes_of_a_run(inlay, model, tmp_path):
    (tmp_path / "t.json").write_text('["a"]')
    (tmp_path / "bad.json").write_text('["a", ["b"]]')
    run = ["run", model, "--outdir", tmp_path / "out", "--signature_def"]
    inlay.fails(*run, "absent", saying="no signature absent; the signatures: features search serving_default")
    inlay.fails(*run, "search", saying="input 'text' of signature 'search' is missing")
    inlay.fails(*run, "search", "--inputs", f"x={tmp_path / 't.json'}", saying="no input x; its inputs: k text")
    inlay.fails(*run, "search", "--inputs", "text=absent.npy", saying="absent.npy")
    inlay.fails(*run, "search", "--inputs", f"text={tmp_path / 'bad.json'}", saying="bad.json")
    inlay.fails(*run, "search", "--inputs", f"text={tmp_path / 't.json'};text={tmp_path / 't.json'}", saying="given twice")
    np.save(tmp_path / "n.npy", np.zeros(2, np.float32))
    inlay.fails(*run, "search", "--inputs", f"text={tmp_path / 'n.npy'}", saying="input 'text' is float32, the signature takes string")
    inlay.fails(*run, "search", "--tag_set", "train", saying='no metagraph has the tags "train"; there are: serve')


def test_bench_prints_its_figures(inlay, model, tmp_path):
    (tmp_path / "t.json").write_text('["water"]')
    told = json.loads(inlay.ok("bench", model, "--signature_def", "search", "--inputs", f"text={tmp_path / 't.json'}", "--runs",
                               50, "--threads", 1, "--json"))
    assert told["runs"] == 50
    assert 0 < told["median_ms"] <= told["p90_ms"] <= told["p99_ms"]
    plain = inlay.ok("bench", model, "--signature_def", "search", "--inputs", f"text={tmp_path / 't.json'}", "--runs", 5)
    assert "median" in plain and "p90" in plain and "p99" in plain


def test_what_is_shown_never_steers_a_terminal(inlay, model):
    table = inlay.ok("query", model, "--text", "water", "--k", 1)
    assert "water\\x1b[31m\\x9b1m" in table and "\x1b" not in table and "\u009b" not in table
    hits = json.loads(inlay.ok("query", model, "--text", "water", "--k", 1, "--json"))["queries"][0]["results"]
    assert hits[0]["label"] == "water\x1b[31m\u009b1m"


def test_names_in_a_model_never_steer_a_terminal(inlay, model, tmp_path):
    shutil.copytree(model, tmp_path / "hostile")
    graph = tmp_path / "hostile/saved_model.pb"
    message = graph.read_bytes()
    for name, hostile in ((b"scores", b"sco\x1bes"), (b"serving_default", b"serving\x1bdefault"),
                          (b"tensorflow/serving/predict", b"tensorflow\x1bserving/predict")):
        assert name in message
        message = message.replace(name, hostile)
    graph.write_bytes(message)
    (tmp_path / "t.json").write_text('["water"]')
    shown = inlay.ok("show", tmp_path / "hostile")
    assert "sco\\x1bes" in shown and "tensorflow\\x1bserving" in shown and "\x1b" not in shown
    run = ["run", tmp_path / "hostile", "--outdir", tmp_path / "out", "--signature_def"]
    inlay.fails(*run, "absent", saying="search serving\\x1bdefault")
    told = inlay.ok(*run, "search", "--inputs", f"text={tmp_path / 't.json'}")
    assert "out/sco\\x1bes.npy: float32" in told and "\x1b" not in told
    inlay.fails(*run, "search", "--inputs", f"text={tmp_path / 't.json'}", saying="is there already")


def test_show_tells_signatures_and_variables(inlay, model):
    plain = inlay.ok("show", model)
    assert "signature search" in plain and "input  text: string [?]" in plain and "output scores: float32" in plain
    assert "input  k: int32 []" in plain and "output labels: string" in plain
    told = json.loads(inlay.ok("show", model, "--json"))
    assert set(told["signatures"]) == {"search", "serving_default", "features"}
    rows = [v for v in told["variables"] if v["shape"] == [5, 128]]
    assert [v["dtype"] for v in rows] == ["float32"]
    optimized = inlay.ok("show", model, "--optimized", "--signature", "serving_default")
    assert "_InlaySearch" in optimized and "TopKV2" not in optimized


def test_a_graph_alone_has_nothing_to_show(inlay):
    graph = ROOT / "tests/data/graphs/frozen/graph.pb"
    assert inlay.ok("show", graph) == "no signatures and no variables\n"


def test_a_line_is_answered_before_the_next_is_there(inlay, model):
    command = [inlay.path, "query", model, "--text", "-", "--k", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        watch = threading.Timer(30, process.kill)  # instead of waiting for ever
        watch.start()
        for number, word in enumerate(WORDS[:3]):
            process.stdin.write(word + "\n")
            process.stdin.flush()
            lines = [process.stdout.readline() for _ in range(4 if number else 3)]
            assert lines[-3] == word + "\n" and lines[-1].split()[2] == str(number), lines
        process.stdin.write("water")  # no newline at the end
        process.stdin.close()
        assert "\n   1    1.000000           2  water" in process.stdout.read()
        watch.cancel()


def test_many_lines_are_answered_in_order(inlay, model):
    lines = [f"water {i}" for i in range(3000)] + ["x" * 200_000]
    got = json.loads(inlay.ok("query", model, "--text", "-", "--k", 1, "--json", stdin="\r\n".join(lines)))["queries"]
    assert [one["query"] for one in got] == lines
    assert json.loads(inlay.ok("query", model, "--text", "-", "--json", stdin="")) == {"queries": []}


def test_a_file_that_is_cut_while_it_is_mapped_is_named(inlay, tmp_path):
    rows = np.random.default_rng(1).standard_normal((400_000, 8)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "q.npy", rows[:1])
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "--shards", "copy", "-o", tmp_path / "model")
    shard = pathlib.Path(tmp_path / "model/variables/variables.data-00001-of-00002")
    with subprocess.Popen([inlay.path, "query", tmp_path / "model", "--inputs", f"query={tmp_path / 'q.npy'}", "--repeat",
                           "1000000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        maps = ""
        while shard.name not in maps and process.poll() is None:
            maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        os.truncate(shard, 4096)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.count("\n") == 1, (process.returncode, err)
    assert str(shard) in err and "became shorter" in err
