"""What `make install` puts down, and the examples built against it as a stranger would."""

import os
import subprocess

import numpy as np
import pytest
from conftest import ROOT, needs

pytestmark = needs("fuse", "query")


def run(*args, cwd=None, env=None):
    done = subprocess.run([*map(str, args)], capture_output=True, text=True, cwd=cwd, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", ROOT / "build/release", "--prefix", prefix)
    return prefix


@pytest.fixture(scope="module", params=["shared", "static"])
def examples(installed, tmp_path_factory, request):
    """A folder of the example programs."""
    folder = tmp_path_factory.mktemp(request.param)
    env = dict(os.environ, PKG_CONFIG_PATH=str(installed / "lib/pkgconfig"))
    static = ["STATIC=1"] if request.param == "static" else []
    run("make", "-s", "-C", ROOT / "examples", f"OUT={folder}/", "CFLAGS=-O1 -Wall -Wextra -Werror", *static, env=env)
    return folder


def test_everything_is_in_its_place(installed):
    names = {str(p.relative_to(installed)) for p in installed.rglob("*") if not p.is_dir()}
    for name in ("bin/inlay", "lib/libinlay.so", "lib/libinlay.so.0", "lib/libinlay.a", "include/inlay/inlay.h",
                 "lib/pkgconfig/inlay.pc", "share/man/man1/inlay.1", "share/man/man1/inlay-fuse.1",
                 "share/bash-completion/completions/inlay", "share/zsh/site-functions/_inlay",
                 "share/fish/vendor_completions.d/inlay.fish", "share/doc/inlay/LICENSE"):
        assert name in names, name
    assert ("bin/inlay-mpi" in names) == (ROOT / "build/release/inlay-mpi").exists()
    assert run(installed / "bin/inlay", "--version").startswith("inlay ")


def test_destdir_is_honoured(tmp_path):
    run("make", "-s", "install", "PREFIX=/opt/inlay", f"DESTDIR={tmp_path}", cwd=ROOT)
    assert (tmp_path / "opt/inlay/bin/inlay").exists()
    assert "prefix=/opt/inlay\n" in (tmp_path / "opt/inlay/lib/pkgconfig/inlay.pc").read_text()


def test_man_pages_are_sound(installed):
    pages = sorted((installed / "share/man/man1").glob("*.1"))
    assert len(pages) >= 6
    for page in pages:
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr


def test_completions_are_sound(installed):
    run("bash", "-n", installed / "share/bash-completion/completions/inlay")
    script = "source %s/share/bash-completion/completions/inlay; COMP_WORDS=(inlay fu); COMP_CWORD=1; COMP_LINE='inlay fu';" \
        " COMP_POINT=8; $(complete -p inlay | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); echo \"${COMPREPLY[@]}\""
    assert run("bash", "-c", script % installed).split() == ["fuse"]


def test_own_memory_and_fuse_shards(examples, shards, tmp_path):
    out = run(examples / "fuse_shards", "model", *sorted(shards.iterdir()), cwd=tmp_path)
    assert out == "7 rows of 3 float32 from 2 files\n"
    lines = run(examples / "own_memory", "model", 3, cwd=tmp_path).splitlines()
    rows = np.concatenate([np.load(p) for p in sorted(shards.iterdir())])
    cosines = rows[:, 0] / np.linalg.norm(rows, axis=1)
    best = [int(i) for i in np.argsort(-cosines, kind="stable")[:2]]
    worst = [int(i) for i in np.argsort(cosines, kind="stable")[:2]]
    assert [int(line.split("row ")[1].split(",")[0]) for line in lines[:4]] == best + worst
    assert lines[4:] == ["the vectors are the program's again"]


def test_search_vectors(examples, shards, tmp_path):
    rows = np.concatenate([np.load(p) for p in sorted(shards.iterdir())])
    np.save(tmp_path / "queries.npy", rows[[4, 1]])
    lines = run(examples / "search_vectors", tmp_path / "queries.npy", *sorted(shards.iterdir())).splitlines()
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    best = np.argsort(-(unit[[4, 1]] @ unit.T), axis=1, kind="stable")[:, :3]
    assert [int(line.split("row ")[1].split(",")[0]) for line in lines] == best.ravel().tolist()
    done = subprocess.run([examples / "search_vectors", tmp_path / "queries.npy", "absent.npy"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and "absent.npy" in done.stderr


def test_run_signature(examples, inlay, shards, tmp_path):
    inlay.ok("fuse", "--embeddings", shards, "-o", tmp_path / "model")
    out = run(examples / "run_signature", "model", "search", "query=query.npy", cwd=tmp_path)
    assert "indices: int64 [1, 7]" in out and "scores: float32 [1, 7]" in out
    assert np.load(tmp_path / "indices.npy").shape == (1, 7)


def test_search_texts_says_what_is_wrong(examples, inlay, shards, tmp_path):
    inlay.ok("fuse", "--embeddings", shards, "-o", tmp_path / "model")
    done = subprocess.run([examples / "search_texts", tmp_path / "model", "a text"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "not text" in done.stderr
