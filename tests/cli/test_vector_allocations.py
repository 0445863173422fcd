"""Every allocation fails in turn while arrays, archives, vector files, labels and JSON are read: one clear error, no crash."""

import pathlib
import shutil

import pytest
from test_format_allocations import run_failing

CORPUS = pathlib.Path(__file__).parents[1] / "fuzz/corpus"
ARRAYS, ARCHIVES, LABELS, TEXTS = CORPUS / "npy", CORPUS / "npz", CORPUS / "labels", CORPUS / "tensor_json"


@pytest.mark.parametrize("seed,name,command", [
    (ARRAYS / "fortran-3d-be", "a.npy", "copy IN - OUT"), (ARRAYS / "u-be", "a.npy", "read IN - OUT"),
    (ARRAYS / "fortran", "a.npy", "shards OUT 0 - IN IN"), (ARRAYS / "be-f8", "a.npy", "shards OUT 0 - FOLDER"),
    (ARCHIVES / "deflated", "a.npz", "shards OUT 0 - IN"), (ARCHIVES / "stored", "a.npz", "shards OUT 0 - IN#b"),
    (LABELS / "utf8", "a.txt", "labels IN OUT"), (LABELS / "u", "a.npy", "labels IN OUT"), (LABELS / "ids-i4", "a.npy", "ids IN"),
    (TEXTS / "strings", "a.json", "json IN - OUT JSON"), (TEXTS / "reals", "a.json", "json IN - OUT JSON"),
], ids=lambda value: value.split()[0] if isinstance(value, str) else value.name)
def test_one_error_and_nothing_left(tmp_path, seed, name, command):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    data = seed.read_bytes()
    (folder / name).write_bytes(data[1:] if name.endswith(".json") else data)  # the first byte is the fuzz target's
    words = {"IN": folder / name, "IN#b": f"{folder / name}#b", "FOLDER": folder, "OUT": out / "raw", "JSON": out / "a.json"}
    line = "\t".join(str(words.get(word, word)) for word in command.split()) + "\n"
    done, total = run_failing(0, [], tmp_path, "npy_dump", line)
    assert done.stdout.endswith("ok\n") and total > 5, done.stdout
    failures = 0
    for number in range(1, total + 1):
        shutil.rmtree(out)
        out.mkdir()
        failed, _ = run_failing(number, [], tmp_path, "npy_dump", line)
        assert failed.returncode == 0, f"allocation {number} of {total}: {failed.returncode}: {failed.stderr}"
        if failed.stdout in (done.stdout, ""):  # nothing: the tool had no memory for its own line
            continue
        failures += 1
        answer = failed.stdout.splitlines()[-1]
        assert answer.startswith("failed RESOURCE_EXHAUSTED: "), f"allocation {number} of {total}: {answer}"
        assert not (out / ("a.json" if "JSON" in command else "raw")).exists(), f"allocation {number} left something"
    assert failures > 1
