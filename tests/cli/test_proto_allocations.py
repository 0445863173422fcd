"""Every allocation fails in turn while messages change their form and a model is opened: one clear error, no crash."""

import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("INLAY_BUILD", "build/debug")).resolve()
DATA = pathlib.Path(__file__).parents[1] / "data/saved_models"
CORPUS = pathlib.Path(__file__).parents[1] / "fuzz/corpus"


def run_failing(number, command, data, scratch):
    """Runs COMMAND with allocation NUMBER failing (0: none); the result, and how many allocations there were."""
    count = scratch / "count"
    count.unlink(missing_ok=True)
    env = dict(os.environ, LD_PRELOAD=str(BUILD / "tests/libfailing_malloc.so"), FAIL_ALLOCATION=str(number),
               ALLOCATION_COUNT=str(count), INLAY_THREADS="1")
    done = subprocess.run([BUILD / "tests" / command[0], *map(str, command[1:])], env=env, input=data, capture_output=True,
                          timeout=60, check=False)
    return done, int(count.read_text()) if count.exists() else -1


def check_every_allocation(command, data, scratch, exact=True):
    done, total = run_failing(0, command, data, scratch)
    assert done.returncode == 0 and total > 3, done.stderr
    failures = 0
    for number in sorted(set(range(1, min(total, 100) + 1)) | set(range(1, total + 1, max(1, total // 60)))):
        failed, _ = run_failing(number, command, data, scratch)
        assert failed.returncode in (0, 1), f"allocation {number} of {total}: {failed.returncode}: {failed.stderr}"
        if failed.returncode == 0:
            assert failed.stdout == done.stdout or not exact
            continue
        failures += 1
        assert failed.stderr.startswith(b"RESOURCE_EXHAUSTED") and failed.stderr.count(b"\n") == 1, failed.stderr
    assert failures > 2


MODEL = (DATA / "tf2_text/saved_model.pb").read_bytes()
NAME = "tensorflow.SavedModel"


@pytest.mark.parametrize("target", ["binary", "text", "unknown", "json", "canonical", "packed"])
def test_from_binary(tmp_path, target):
    check_every_allocation(["proto_form", NAME, "binary", target], MODEL, tmp_path)


def test_from_binary_in_pieces(tmp_path):
    pieces = (CORPUS / "message/pieces").read_bytes()[1:]
    for target in ("text", "json", "canonical"):
        check_every_allocation(["proto_form", "tensorflow.MetaGraphDef", "binary", target], pieces, tmp_path)


def test_from_text(tmp_path):
    text = (DATA / "tf1_pbtxt/saved_model.pbtxt").read_bytes()
    check_every_allocation(["proto_form", NAME, "text", "binary"], text, tmp_path)


def test_from_json(tmp_path):
    for name in sorted((CORPUS / "proto_json").glob("*-CollectionDef")) + [CORPUS / "proto_json/18-MetaGraphDef"]:
        kind = "tensorflow." + name.name.split("-")[1]
        check_every_allocation(["proto_form", kind, "json", "binary"], name.read_bytes()[1:], tmp_path)


@pytest.mark.parametrize("model", ["tf1", "tf1_pbtxt", "tf2_text"])
def test_open_and_fingerprint(tmp_path, model):
    check_every_allocation(["fingerprint_dump", DATA / model], b"", tmp_path, exact=False)  # its uuid is random
