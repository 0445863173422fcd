"""Every allocation of the program fails in turn, the libraries' included: one clear error or the right result, no crash."""

import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import plain_model
import pytest
from conftest import FULL, PROGRAM, needs, one_line, tree

MODULE = pathlib.Path(os.environ.get("INLAY_BUILD", "build/debug")) / "tests/libfailing_malloc.so"

pytestmark = needs("fuse")


def run_failing(number, args, scratch):
    """Runs the program with allocation NUMBER failing (0: none); the result, and how many allocations there were."""
    count = scratch / "count"
    count.unlink(missing_ok=True)
    env = dict(os.environ, LD_PRELOAD=str(MODULE.resolve()), FAIL_ALLOCATION=str(number),
               ALLOCATION_COUNT=str(count), INLAY_THREADS="1")
    done = subprocess.run([os.path.abspath(PROGRAM), *map(str, args)], env=env, cwd=scratch, capture_output=True,
                          text=True, errors="replace", timeout=60, check=False)
    return done, int(count.read_text()) if count.exists() else -1


def numbers(total):
    """All allocations in a full run, else the first ones and a spread of the rest."""
    if FULL or total <= 150:
        return range(1, total + 1)
    return sorted(set(range(1, 61)) | set(range(61, total + 1, max(1, total // 140))))


def check_every_allocation(args, scratch, check, prepare=lambda: None, failed=1, fine=0):
    prepare()
    done, total = run_failing(0, args, scratch)
    assert done.returncode == fine, done.stderr
    assert total > 10, "the interposer counted nothing"
    check(done, 0)
    failures = 0
    for number in numbers(total):
        prepare()
        done, _ = run_failing(number, args, scratch)
        assert done.returncode in (fine, failed, 1 if done.stderr else 0), f"allocation {number} of {total}: exit code {done.returncode}: {done.stderr}"
        if done.returncode != fine or (fine and done.stderr):
            failures += 1
            assert one_line(done.stderr), f"allocation {number}: {done.stderr!r}"
            assert "memory" in done.stderr, f"allocation {number}: {done.stderr!r}"
        check(done, number)
    assert failures > 5, "hardly any allocation mattered"


@pytest.fixture
def model(inlay, tmp_path, shards):
    inlay.ok("fuse", "--embeddings", shards, "--labels", tmp_path / "labels.txt", "-o", tmp_path / "made",
             "--with", "similar,lookup", "--shards", "copy")
    return tmp_path / "made"


DATA = pathlib.Path(__file__).parents[1] / "data"
EXTRACTORS = {"none": [], "frozen": [DATA / "graphs/frozen/graph.pb", "--input", "x=x:0", "--output", "y:0"],
              "tf1": [DATA / "saved_models/tf1"], "tf2": [DATA / "saved_models/tf2_text"]}


@pytest.mark.parametrize("kind", EXTRACTORS)
def test_fuse(tmp_path, kind):
    target, seen = tmp_path / "model", []
    (tmp_path / "shards").mkdir()
    rows = np.random.default_rng(1).standard_normal((7, 16)).astype(np.float32)
    np.save(tmp_path / "shards/0.npy", rows[:5])
    np.save(tmp_path / "shards/1.npy", rows[5:])
    (tmp_path / "labels.txt").write_text("one\ntwo\nthree\nvier\nf\u00fcnf\n\nseven\n", encoding="utf-8")

    def check(done, number):
        files = tree(target)
        if done.returncode == 0:
            assert files
            files.pop("assets.extra/inlay.json")
            seen.append(files)
            assert files == seen[0], f"allocation {number} gave another model"
        else:
            assert not files, f"allocation {number} left part of a model"
        left = [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]
        assert not left, f"allocation {number} left {left}"

    parts = "similar" if kind == "tf1" else "similar,lookup"  # tf1 has a signature lookup
    check_every_allocation(["fuse", *EXTRACTORS[kind], "--embeddings", tmp_path / "shards", "--labels", tmp_path / "labels.txt", "-o", target,
                            "--with", parts, "--shards", "copy"], tmp_path, check,
                           lambda: shutil.rmtree(target, ignore_errors=True))


@needs("query", "show", "index")
@pytest.mark.parametrize("args, indexed", [(["show"], False), (["query", "--inputs", "query=query.npy", "--json"], False),
                                           (["query", "--inputs", "query=query.npy", "--json"], True),
                                           (["query", "--similar", "3,1", "--json"], False),
                                           (["query", "--similar", "3,1", "--rows", "0:3", "--vectors", "--json"], True),
                                           (["query", "--similar", "3,1", "--min-score", "-9", "--all", "--json"], False),
                                           (["query", "--lookup", "3,1", "--json"], False)],
                         ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else ("plain", "indexed")[value])
def test_reading_a_model(inlay, tmp_path, model, args, indexed):
    seen = []
    if indexed:
        inlay.ok("index", model)

    def check(done, number):
        if done.returncode == 0:
            seen.append(done.stdout)
            assert done.stdout == seen[0], f"allocation {number} gave another answer"

    check_every_allocation([args[0], model, *args[1:]], tmp_path, check)


@pytest.mark.parametrize("source", ["bundles/one_shard/bundle", "bundles/partitioned/bundle", "bundles/big_endian/bundle",
                                    "checkpoints/v1", "saved_models/tf1", "graphs/frozen/graph.pb"])
@pytest.mark.parametrize("output", ["out", "out.npz", None])
def test_stored_tensors(inlay, tmp_path, source, output):
    """Listing and measuring them, or exporting the numbers among them."""
    listed = json.loads(inlay.ok("tensors", DATA / source, "--json"))
    keys = [t["key"] for t in listed if t["dtype"] != "string" or output == "out"][:12]
    args = ["export", DATA / source, *keys, "-o", tmp_path / output] if output else ["tensors", DATA / source, "--stats"]
    seen = []

    def clean():
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        (tmp_path / "out.npz").unlink(missing_ok=True)

    def check(done, number):
        files = {name: data for name, data in tree(tmp_path).items() if name != "count"}
        if done.returncode == 0:
            seen.append(files if output else done.stdout)
            assert seen[-1] == seen[0], f"allocation {number} gave other tensors"
        else:
            assert not files, f"allocation {number} left {list(files)}"

    check_every_allocation(args, tmp_path, check, clean)


@needs("verify", "repair")
@pytest.mark.parametrize("broken", [False, True], ids=["sound", "damaged"])
def test_verify(inlay, tmp_path, model, broken):
    """That memory is out is never taken for damage, nor damage overlooked."""
    inlay.ok("index", model)
    data = model / "variables/variables.data-00001-of-00003"
    if broken:
        data.write_bytes(data.read_bytes()[:140] + b"?" + data.read_bytes()[141:])
    seen = []

    def check(done, number):
        if not done.stderr:
            seen.append(done.stdout.split(" bytes verified")[0])
            assert seen[-1] == seen[0], f"allocation {number} gave other findings"

    check_every_allocation(["verify", model], tmp_path, check, failed=2, fine=int(broken))


ROW_EDITS = {"set": ("rows", "--set", "1", "given.npy"), "append": ("rows", "--append", "given.npy", "--labels", "given.txt"),
             "delete": ("rows", "--delete", "0:1,3:4"), "tombstone": ("rows", "--tombstone", "2:5"), "defuse": ("defuse",),
             "merge": ("merge", "model"), "index": ("index",), "set indexed": ("rows", "--set", "1", "given.npy")}
INDEXED = ("set indexed", "merge")
UNLIKE = ("fingerprint.pb", "assets.extra/inlay.json")


@needs("rows", "defuse", "merge")
@pytest.mark.parametrize("edit, kind", [(edit, kind) for i, edit in enumerate(ROW_EDITS)
                                        for kind in (("tf1", "tf2", "none") if FULL else (("tf2", "tf1", "none")[i % 3],))])
def test_edits_of_rows(inlay, tmp_path, edit, kind):
    (tmp_path / "shards").mkdir()
    rows = np.random.default_rng(1).standard_normal((7, 16)).astype(np.float32)
    np.save(tmp_path / "shards/0.npy", rows[:5])
    np.save(tmp_path / "shards/1.npy", rows[5:])
    np.save(tmp_path / "given.npy", rows[:2])
    (tmp_path / "given.txt").write_text("a\nb\n", encoding="utf-8")
    (tmp_path / "labels.txt").write_text("one\ntwo\nthree\nvier\nf\u00fcnf\n\nseven\n", encoding="utf-8")
    inlay.ok("fuse", *EXTRACTORS[kind], "--embeddings", tmp_path / "shards", "--labels", tmp_path / "labels.txt", "--chunk",
             128, "-o", tmp_path / "model", *(["--index"] if edit in INDEXED else []))
    before, target, wanted = tree(tmp_path / "model"), tmp_path / "out", []

    def check(done, number):
        made = {name: data for name, data in tree(target).items() if not name.endswith(UNLIKE)}
        assert tree(tmp_path / "model") == before, number
        if done.returncode != 0:
            assert not made, number
            return
        wanted[:] = wanted or [made]
        assert made == wanted[0], number

    command, *rest = ROW_EDITS[edit]
    check_every_allocation([command, "model", *rest, "-o", "out"], tmp_path, check,
                           lambda: shutil.rmtree(target, ignore_errors=True))


PLAIN = {"index": ("index", ()), "swap": ("swap", ("inlay_search/rows_0", "given.npy")), "rename": ("rename", ("inlay_search/rows_0", "items"))}


@needs("index", "swap", "rename")
@pytest.mark.parametrize("edit", PLAIN)
def test_indexes_of_plain_searches(inlay, tmp_path, edit):
    """Made, and made anew by edits: the whole model, or none."""
    rows = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    model, target, wanted = plain_model.write(inlay, tmp_path / "model", rows, "cosine"), tmp_path / "out", []
    np.save(tmp_path / "given.npy", rows + 1)
    command, arguments = PLAIN[edit]
    if edit != "index":
        inlay.ok("index", model)

    def check(done, number):
        made = tree(target)
        wanted[:] = wanted or [made]
        assert made in ({}, wanted[0]) and bool(made) == (done.returncode == 0), number
        assert sum("inlay.index" in name for name in wanted[0]) == 1

    check_every_allocation([command, "model", *arguments, "-o", "out"], tmp_path, check,
                           lambda: shutil.rmtree(target, ignore_errors=True))


@needs("query", "index")
def test_a_plain_search_by_index(inlay, tmp_path):
    rows, seen = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32), []
    model = plain_model.write(inlay, tmp_path / "model", rows, "l2")
    np.save(tmp_path / "q.npy", rows[:2])
    inlay.ok("index", model)

    def check(done, number):
        if done.returncode == 0:
            seen.append(done.stdout)
            assert done.stdout == seen[0], f"allocation {number} gave another answer"

    check_every_allocation(["query", model, "--inputs", f"q={tmp_path / 'q.npy'}", "--k", "3", "--json"], tmp_path, check)


@needs("repair")
def test_the_record_of_repairs_is_never_lost(tmp_path, model):
    """What earlier repairs wrote down stays, or nothing is done."""
    data, target = next(model.glob("variables/variables.data-00001*")), tmp_path / "target"

    def damage(folder, at):
        path = folder / "variables" / data.name
        changed = bytearray(path.read_bytes())
        changed[at] ^= 64
        path.unlink()
        path.write_bytes(changed)

    damage(model, 140)
    subprocess.run([os.path.abspath(PROGRAM), "repair", model, "--yes"], check=True, capture_output=True)

    def prepare():
        for folder in (target, *tmp_path.glob(".target.inlay-*")):  # the old one, when what removes it lacks memory
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(model, target)
        damage(target, 150)

    def check(done, number):
        record = json.loads((target / "assets.extra/inlay_repair.json").read_text())
        assert len(record) == (2 if done.returncode == 0 else 1), number

    check_every_allocation(["repair", target, "--yes"], tmp_path, check, prepare)


@needs("swap")
def test_strings_given_as_json(tmp_path):
    """Strings that are long for the reader, and one that is not text."""
    target, seen = tmp_path / "bundle", []
    (tmp_path / "given.json").write_text(json.dumps(["x" * 17, {"b64": "/////w=="}, *(f"label {i}" * i for i in range(5))]))

    def prepare():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(DATA / "bundles/sharded", target)

    def check(done, number):
        made = tree(target)
        if done.returncode == 0:
            seen.append(made)
            assert made == seen[0], number
        else:
            assert made == tree(DATA / "bundles/sharded"), number

    check_every_allocation(["swap", target / "bundle", "words", "given.json"], tmp_path, check, prepare)
