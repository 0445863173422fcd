"""The program as a whole: what it answers when asked wrongly, and how fast it starts."""

import re
import subprocess
import time

import pytest
from conftest import PROGRAM, needs

pytestmark = needs("fuse", "query", "show")


def commands(inlay):
    return re.findall(r"^  ([a-z]+)  ", inlay.ok("--help"), re.M)


def test_version_is_one_line(inlay):
    assert re.fullmatch(r"inlay \d+\.\d+\.\d+[^\n]*\n", inlay.ok("--version").split("\n")[0] + "\n")


def test_every_subcommand_has_help(inlay):
    names = commands(inlay)
    assert {"fuse", "query", "show", "run", "encode", "bench"} <= set(names)
    for name in names:
        by_flag, by_command = inlay.ok(name, "--help"), inlay.ok("help", name)
        assert by_flag == by_command
        assert f"inlay {name}" in by_flag


def test_help_goes_to_standard_output_and_mistakes_to_standard_error(inlay):
    done = inlay()
    assert done.returncode == 2 and not done.stdout and done.stderr
    for args in (["frobnicate"], ["fuse", "--frobnicate"], ["query"], ["query", "--k"], ["fuse", "--metric", "hamming"],
                 ["query", "m", "--k", "many"], ["help", "frobnicate"]):
        done = inlay(*args)
        assert done.returncode == 2, args
        assert not done.stdout and done.stderr.startswith("inlay"), args


def test_a_mistyped_name_is_answered_with_what_there_is(inlay):
    assert "fuse" in inlay("fues").stderr
    assert "--embeddings" in inlay("fuse", "--embedings", "x").stderr


@pytest.mark.parametrize("args", [["show", "absent"], ["query", "absent", "--text", "x"], ["show", "/dev/null"]])
def test_a_model_that_is_not_there_is_named(inlay, args):
    assert args[1] in inlay.fails(*args, saying=args[1])


def test_output_that_cannot_be_written_is_an_error(inlay):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "No space left" in done.stderr


def test_it_starts_at_once(inlay):
    times = []
    for _ in range(15):
        start = time.perf_counter()
        inlay.ok("--version")
        times.append(time.perf_counter() - start)
    assert sorted(times)[0] < 0.030, times


def test_it_needs_few_libraries():
    """Heavy libraries are opened at first need, so that start-up stays cheap."""
    listed = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"dnnl|gomp|OpenCL|event|grpc|gvc", listed), listed
