"""Every write of `inlay fuse` is killed, refused or cut short: nothing is left, or the whole model, and one clear error."""

import json
import random
import shutil
import subprocess
import time

import numpy as np
import pytest
from conftest import FULL, needs, one_line, tree

pytestmark = needs("fuse")
INPUTS = ("shards", "labels.txt", "query.npy", "model")
MOST = 400  # operations; a fuse of this size has far fewer


def fuse(program, tmp_path, *more, **options):
    return program("fuse", "--embeddings", tmp_path / "shards", "--labels", tmp_path / "labels.txt",
                   "-o", tmp_path / "model", *more, **options)


@pytest.fixture
def whole(debug_inlay, tmp_path, shards):
    """The files of a model that was made without a fault."""
    done = fuse(debug_inlay, tmp_path)
    assert done.returncode == 0, done.stderr
    files = tree(tmp_path / "model")
    shutil.rmtree(tmp_path / "model")
    return files


def same_model(files, whole):
    """Whether FILES are those of WHOLE; the manifest may tell other times."""
    return {k: v for k, v in files.items() if k != "assets.extra/inlay.json"} == \
           {k: v for k, v in whole.items() if k != "assets.extra/inlay.json"}


def leftovers(tmp_path):
    return sorted(p.name for p in tmp_path.iterdir() if p.name not in INPUTS)


@pytest.mark.parametrize("kind", ["kill", "enospc", "eio", "short"])
@pytest.mark.parametrize("shards_by", ["link", "copy"])
def test_nothing_or_the_whole_model(debug_inlay, tmp_path, shards, whole, kind, shards_by):
    source = tree(shards)
    for number in range(1, MOST):
        done = fuse(debug_inlay, tmp_path, "--shards", shards_by, env={"INLAY_FAULT": f"{kind}:{number}"})
        files = tree(tmp_path / "model")
        assert not files or same_model(files, whole), f"{kind}:{number} left part of a model"
        assert tree(shards) == source, f"{kind}:{number} changed a source"
        if kind == "kill" and done.returncode == -9:
            for name in leftovers(tmp_path):  # hidden, and named after what it was to be
                assert name.startswith(".model.inlay-"), name
                shutil.rmtree(tmp_path / name)
        else:
            assert not leftovers(tmp_path), f"{kind}:{number} left {leftovers(tmp_path)}"
        if done.returncode == 0:
            assert files, f"{kind}:{number} succeeded without a model"
        elif done.returncode != -9:
            assert done.returncode == 1 and one_line(done.stderr), (number, done.returncode, done.stderr)
            wanted = {"enospc": "No space left on device", "eio": "Input/output error"}[kind]
            assert wanted in done.stderr, (number, done.stderr)
            assert str(tmp_path) in done.stderr, (number, done.stderr)
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        if done.returncode == 0 and kind != "short":
            break
        if kind == "short" and number > 60:
            break
    else:
        pytest.fail("the fault never failed to hit")
    assert number > 8, "too few operations to be all of them"


@pytest.mark.parametrize("kind", ["kill", "enospc"])
def test_a_replaced_model_is_the_old_one_or_the_new(debug_inlay, tmp_path, shards, whole, kind):
    first = fuse(debug_inlay, tmp_path, "--metric", "dot")
    assert first.returncode == 0, first.stderr
    old = tree(tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "model.old")
    for number in range(1, MOST):
        done = fuse(debug_inlay, tmp_path, "--force", env={"INLAY_FAULT": f"{kind}:{number}"})
        files = tree(tmp_path / "model")
        assert same_model(files, old) or same_model(files, whole), f"{kind}:{number} left part of a model"
        if done.returncode == 0:
            break
        for p in tmp_path.glob(".model.inlay-*"):
            shutil.rmtree(p)
        shutil.rmtree(tmp_path / "model")
        shutil.copytree(tmp_path / "model.old", tmp_path / "model")
    else:
        pytest.fail("the fault never failed to hit")
    assert same_model(tree(tmp_path / "model"), whole)


def test_a_killed_move_loses_no_shard(debug_inlay, tmp_path, shards, whole):
    source = tree(shards)
    for number in range(1, MOST):
        done = fuse(debug_inlay, tmp_path, "--shards", "move", env={"INLAY_FAULT": f"kill:{number}"})
        files = tree(tmp_path / "model")
        left = tree(shards)
        assert same_model(files, whole) or (not files and left == source), f"kill:{number} lost a shard"
        if done.returncode == 0:
            assert not left
            break
        for p in tmp_path.glob(".model.inlay-*"):
            shutil.rmtree(p)
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        shards.mkdir(exist_ok=True)
        for name, data in source.items():
            (shards / name).write_bytes(data)
    else:
        pytest.fail("the fault never failed to hit")


ROUNDS = 150 if FULL else 40


def kill_at(seconds, command):
    """Whether COMMAND was still running when it was killed after SECONDS."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
        assert process.returncode == 0, errors
    return False


@pytest.fixture
def large_shards(tmp_path):
    """24 MiB in three files: long enough to be killed in the middle of reading and copying."""
    folder = tmp_path / "shards"
    folder.mkdir()
    generator = np.random.default_rng(2)
    for i in range(3):
        np.save(folder / f"{i}.npy", generator.standard_normal((1 << 15, 64), np.float32))
    (tmp_path / "labels.txt").write_text("a label\n" * (3 << 15))
    return folder


@pytest.mark.parametrize("force", [False, True], ids=["new", "replaced"])
def test_a_process_killed_at_any_moment_leaves_nothing_or_the_whole_model(inlay, tmp_path, large_shards, force):
    """And the next call to the same target works, whatever the last one left, and clears it away."""
    target = tmp_path / "model"
    command = [inlay.path, "fuse", "--embeddings", large_shards, "--labels", tmp_path / "labels.txt", "--shards", "copy",
               "-o", target]
    source = tree(large_shards)
    start = time.monotonic()
    assert not kill_at(60, command)
    took = time.monotonic() - start
    whole, allowed = tree(target), [{}]
    if force:
        shutil.rmtree(target)
        assert not kill_at(60, [*command, "--metric", "l2"])
        allowed = [tree(target)]
        shutil.copytree(target, tmp_path / "model.old")
        command.append("--force")
    else:
        shutil.rmtree(target)
    moments, killed, left = random.Random(3), 0, set()
    for _ in range(ROUNDS):
        killed += kill_at(moments.uniform(0, 1.2 * took), command)
        files = tree(target)
        new = same_model(files, whole)
        assert new or any(same_model(files, old) for old in allowed), "part of a model is left"
        if files:
            json.loads(files["assets.extra/inlay.json"])
        left.update(leftovers(tmp_path))
        if new:
            shutil.rmtree(target)
            if force:
                shutil.copytree(tmp_path / "model.old", target)
    assert tree(large_shards) == source
    assert killed > ROUNDS / 4 and any(name.startswith(".model.inlay-") for name in left)
    assert not kill_at(60, command)
    assert same_model(tree(target), whole)
    assert [name for name in leftovers(tmp_path) if name != "model.old"] == []
