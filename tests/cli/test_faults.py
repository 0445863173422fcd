"""Every write of `inlay fuse` is killed, refused or cut short: nothing is left, or the whole model, and one clear error."""

import shutil

import pytest
from conftest import needs, one_line, tree

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
