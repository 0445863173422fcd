"""Every write of every edit is killed, refused or cut short, or lost in a power cut: the model is what it was before or
what it is after, and the edit can be made then."""

import json
import random
import shutil
import subprocess
import threading

import numpy as np
import pytest
from conftest import FULL, needs, one_line
from edits import EDITS, files_of, leftovers
from replay import Disk

pytestmark = needs("rename", "drop", "swap", "rows", "signature", "cast", "convert", "repair", "verify")
MOST = 400
UNLIKE = ("fingerprint.pb", "assets.extra/inlay.json", "assets.extra/inlay_repair.json")  # hold a random number, a time


def state(program, model):
    """What can be told of MODEL: the files of a folder, the bytes of a graph, the tensors of a checkpoint."""
    if model.is_dir():
        return {name: data for name, data in files_of(model).items() if name not in UNLIKE}
    if model.suffix == ".pb":
        return model.read_bytes()
    listed = json.loads(program.ok("tensors", model, "--stats", "--json"))
    return [{k: v for k, v in tensor.items() if k not in ("shard", "offset")} for tensor in listed]


def check(program, model, wanted, what):
    found = state(program, model)
    assert found in wanted, what
    done = program("verify", model)
    assert done.returncode == 0 or (done.returncode == 1 and found == wanted[0] and "repair" in what), (what, done.stdout)
    return found


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
@pytest.mark.parametrize("edit", EDITS, ids=lambda e: e.name)
def test_before_or_after(debug_inlay, tmp_path, edit, kind):
    made, line = edit.prepare(debug_inlay, tmp_path / "made")
    shutil.copytree(tmp_path / "made", tmp_path / "work")
    model = tmp_path / "work" / made.relative_to(tmp_path / "made")
    line = [model if part == made else part for part in line]
    before = state(debug_inlay, model)
    debug_inlay.ok(*line)
    after = state(debug_inlay, model)
    assert after != before or "compact" in edit.name
    for number in range(1, MOST):
        shutil.rmtree(tmp_path / "work")
        shutil.copytree(tmp_path / "made", tmp_path / "work")
        done = debug_inlay(*line, env={"INLAY_FAULT": f"{kind}:{number}"})
        what = f"{kind}:{number} of {edit.name}: {done.stderr}"
        found = check(debug_inlay, model, [before, after], what)
        if done.returncode == 0:
            assert found == after, what
        elif done.returncode != -9:
            assert done.returncode == 1 and one_line(done.stderr), what
            assert {"enospc": "No space left", "eio": "Input/output error"}[kind] in done.stderr, what
        if found == before:
            debug_inlay.ok(*line)
            assert state(debug_inlay, model) == after, what
            assert not leftovers(tmp_path / "work"), what
        if done.returncode == 0 and (kind != "short" or number > 40):
            break
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 5, "too few operations to be all of them"


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: e.name)
def test_power_cuts(debug_inlay, tmp_path, edit):
    """At every moment, with any of what was not yet synced lost."""
    model, line = edit.prepare(debug_inlay, tmp_path / "work")
    before = Disk(tmp_path / "work")
    debug_inlay.ok(*line, env={"INLAY_FAULT_LOG": str(tmp_path / "log")})
    after = Disk(tmp_path / "work")
    disk = Disk.copy_of(before)
    disk.read_log(tmp_path / "log")
    assert disk.after_all().files() == after.files(), "the log does not tell all that was done"
    inside = str(model.relative_to(tmp_path / "work"))
    tried = 0
    for cut, rebuilt in disk.power_cuts(random.Random(edit.name), 200 if FULL else 12):
        tried += 1
        assert rebuilt.holds(before, inside) or rebuilt.holds(after, inside), (cut, sorted(rebuilt.files()))
    assert tried > len(disk.log)
    print(f"{edit.name}: {tried} power cuts survived")


def test_two_editors(debug_inlay, tmp_path):
    """Each of many edits at once is made whole or refused, and none is lost."""
    edit = next(e for e in EDITS if e.name == "rename in tf1")
    model, _ = edit.prepare(debug_inlay, tmp_path / "work")
    jobs = [("kernel", "kernel_2"), ("bias", "bias_2")]
    for _ in range(10):
        started = [subprocess.Popen([debug_inlay.path, "rename", model, *job], stderr=subprocess.PIPE, text=True,
                                    stdout=subprocess.DEVNULL) for job in jobs]
        kept = []
        for job, process in zip(jobs, started):
            said = process.communicate(timeout=60)[1]
            assert process.returncode == 0 or "another edit" in said, said
            kept.append(process.returncode == 0)
        keys = {tensor["key"] for tensor in json.loads(debug_inlay.ok("tensors", model, "--json"))}
        assert keys == {job[1] if done else job[0] for job, done in zip(jobs, kept)}
        assert any(kept) and not leftovers(tmp_path / "work")
        jobs = [job[::-1] if done else job for job, done in zip(jobs, kept)]


def test_a_reader_throughout(debug_inlay, tmp_path):
    """Somebody opens and runs the model again and again while it is edited: every answer is one of the two."""
    edit = next(e for e in EDITS if e.name == "swap in a fused model")
    model, line = edit.prepare(debug_inlay, tmp_path / "work")
    np.save(tmp_path / "x.npy", np.eye(8, dtype=np.float32))
    np.save(tmp_path / "zeros.npy", np.zeros((8, 16), np.float32))

    def run(name):
        done = debug_inlay("run", model, "--inputs", f"x={tmp_path / 'x.npy'}", "-o", tmp_path / name, "--overwrite")
        assert done.returncode == 0, done.stderr
        return np.load(tmp_path / name / "y.npy").tobytes()

    debug_inlay.ok(*line)
    one = run("one")
    debug_inlay.ok("swap", model, "kernel", tmp_path / "zeros.npy")
    two = run("two")
    assert one != two
    stop = threading.Event()
    answers, wrong = [], []

    def read():
        while not stop.is_set():
            try:
                answers.append(run("reader"))
            except AssertionError as e:
                wrong.append(str(e))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(60):
        debug_inlay.ok(*(line if i % 2 else ("swap", model, "kernel", tmp_path / "zeros.npy")))
        debug_inlay.ok("rename", model, *(("bias", "bias_2") if i % 2 == 0 else ("bias_2", "bias")))
    stop.set()
    reader.join()
    assert not wrong, wrong[:3]
    assert len(answers) > 10 and set(answers) <= {one, two}
