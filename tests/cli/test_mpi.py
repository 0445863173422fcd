"""inlay-mpi: many processes answer what one does, bit for bit, and end together when one of them cannot go on."""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from conftest import PROGRAM, ROOT, needs

MPI_PROGRAM = pathlib.Path(PROGRAM).with_name("inlay-mpi")
MPIRUN = shutil.which("mpirun")
pytestmark = [needs("fuse", "query"),
              pytest.mark.skipif(not MPIRUN or not MPI_PROGRAM.exists(), reason="no mpirun, or inlay-mpi was not built")]
ROWS, DIM = 3000, 19
SECONDS = 60
EXTRACTOR = ROOT / "examples/reverse-dictionary/extractor"


def command(ranks, *args):
    return [MPIRUN, "-n", str(ranks), "--oversubscribe", "--allow-run-as-root", MPI_PROGRAM, *map(str, args)]


def mpi(ranks, *args, stdin=""):
    return subprocess.run(command(ranks, *args), input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)


def answer(ranks, *args, **options):
    done = mpi(ranks, *args, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def errors(done):
    """What the program says, without what mpirun adds."""
    return [line for line in done.stderr.splitlines() if line.startswith("inlay")]


def fails(ranks, *args, saying, code=1, **options):
    """The job must end with CODE and one error that contains SAYING, whichever rank met it."""
    done = mpi(ranks, *args, **options)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert len(errors(done)) == 1 and saying in errors(done)[0], done.stderr
    return errors(done)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, inlay):
    """Models of the same rows, many of which tie, as one and as the parts of three ranks."""
    folder = tmp_path_factory.mktemp("mpi")
    rng = np.random.default_rng(5)
    rows = rng.integers(-1, 2, (ROWS, DIM)).astype(np.float32)
    rows[1900:2000] = rows[100:200]
    parts = np.split(rows, [1100, 1750])
    for i, part in enumerate(parts):
        np.save(folder / f"{i}.npy", part)
    (folder / "labels.txt").write_text("".join(f"label {'x' * (i % 50)} {i}\n" for i in range(ROWS)))
    np.save(folder / "ids.npy", np.arange(ROWS) ** 2)
    mixed = np.vstack([rows[:5], rng.standard_normal((995, DIM))]).astype(np.float32)
    np.save(folder / "thousand.npy", mixed)
    np.save(folder / "three.npy", mixed[3:6])
    sources = [folder / f"{i}.npy" for i in range(3)]
    for metric in ("cosine", "dot", "l2"):
        small = ["--metric", metric, "--chunk", 20000]
        inlay.ok("fuse", "--embeddings", *sources, *small, "-o", folder / metric)
        inlay.ok("fuse", "--embeddings", *sources, *small, "--index", "--labels", folder / "labels.txt", "-o", folder / f"{metric}-index")
    inlay.ok("fuse", "--embeddings", *sources, "--ids", folder / "ids.npy", "-o", folder / "ids")
    for i, source in enumerate(sources):
        inlay.ok("fuse", "--embeddings", source, "-o", folder / f"part-{i}")
    return folder


def single(inlay, folder, model, queries, *flags):
    return inlay.ok("query", folder / model, "--inputs", f"query={folder / queries}", *flags)


@pytest.mark.parametrize("model", ["cosine", "dot", "l2", "cosine-index", "dot-index", "l2-index"])
@pytest.mark.parametrize("queries", ["three.npy", "thousand.npy"])
def test_answers_are_those_of_one_process(inlay, folder, model, queries):
    flags = ["--k", 7, "--json"]
    assert answer(4, "query", folder / model, "--vectors", folder / queries, *flags) == single(inlay, folder, model, queries, *flags)


@pytest.mark.parametrize("model", ["cosine-index", "ids"])
@pytest.mark.parametrize("ranks, k", [(1, 7), (3, 0), (5, ROWS // 2), (4, ROWS), (2, 10 * ROWS), (7, 1)])
def test_any_k_and_any_number_of_ranks(inlay, folder, model, ranks, k):
    flags = ["--k", k, "--json"]
    assert answer(ranks, "query", folder / model, "--vectors", folder / "three.npy", *flags) == single(inlay, folder, model, "three.npy", *flags)


def test_more_ranks_than_rows(inlay, folder, tmp_path):
    np.save(tmp_path / "rows.npy", np.load(folder / "0.npy")[:3])
    inlay.ok("fuse", "--embeddings", tmp_path / "rows.npy", "-o", tmp_path / "model")
    wanted = inlay.ok("query", tmp_path / "model", "--inputs", f"query={folder / 'three.npy'}", "--json")
    assert answer(5, "query", tmp_path / "model", "--vectors", folder / "three.npy", "--json") == wanted


@pytest.mark.parametrize("batch", [16, 64, 999])
def test_batches_are_those_of_one_call(inlay, folder, batch):
    flags = ["--k", 3]
    got = answer(3, "query", folder / "l2-index", "--vectors", folder / "thousand.npy", "--batch", batch, *flags)
    assert got == single(inlay, folder, "l2-index", "thousand.npy", *flags)


def test_report_counts_batches(folder):
    done = mpi(2, "query", folder / "cosine", "--vectors", folder / "thousand.npy", "--batch", 64, "--report")
    assert "1000 queries in 16 batches by 2 ranks" in done.stderr, done.stderr


@pytest.mark.parametrize("flags", [["--rows", "100:2900"], ["--rows", "10:20,1500,2999"], ["--exclude", "0:1500,1900:1901"],
                                   ["--min-score", "0.5"], ["--rows", "0:0"]])
def test_limits_hold_for_all_ranks(inlay, folder, flags):
    flags = [*flags, "--k", 40, "--json"]
    for model in ("cosine-index", "cosine"):
        got = answer(4, "query", folder / model, "--vectors", folder / "three.npy", *flags)
        assert got == single(inlay, folder, model, "three.npy", *flags)


def test_buried_rows_do_not_win(inlay, folder, tmp_path):
    inlay.ok("rows", folder / "l2-index", "--tombstone", "90:400,1950:3000", "-o", tmp_path / "model")
    flags = ["--k", ROWS, "--json"]
    wanted = inlay.ok("query", tmp_path / "model", "--inputs", f"query={folder / 'three.npy'}", *flags)
    assert answer(4, "query", tmp_path / "model", "--vectors", folder / "three.npy", *flags) == wanted


def test_each_rank_may_have_a_model_of_its_own(inlay, folder):
    flags = ["--k", 500, "--json"]
    wanted = single(inlay, folder, "cosine", "three.npy", *flags)
    names = ",".join(str(folder / f"part-{i}") for i in range(3))
    for models in (folder / "part-%d", names):
        assert answer(3, "query", "--models", models, "--vectors", folder / "three.npy", *flags) == wanted


@pytest.fixture(scope="module")
def dictionary(folder, inlay):
    lines = [f"{a} {b} {i}" for i in range(30) for a in ("frozen", "measuring", "fear of") for b in ("dessert", "heat", "spiders")]
    (folder / "lines.txt").write_text("\n".join(lines) + "\n")
    inlay.ok("encode", EXTRACTOR, "--lines", folder / "lines.txt", "-o", folder / "vectors")
    inlay.ok("fuse", EXTRACTOR, "--embeddings", folder / "vectors", "--labels", folder / "lines.txt", "--index", "-o", folder / "dictionary")
    return folder / "dictionary"


def test_texts_are_asked_of_all(inlay, folder, dictionary):
    texts = ["fear of a dessert", "measuring heat"]
    flags = [f for text in texts for f in ("--text", text)]
    wanted = inlay.ok("query", dictionary, *flags, "--json")
    assert answer(4, "query", dictionary, *flags, "--json") == wanted
    assert answer(4, "query", dictionary, "--text", "-", "--json", stdin="\n".join(texts)) == wanted
    assert answer(2, "query", dictionary, "--texts", "-", "--json", stdin="\n".join(texts) + "\r\n") == wanted
    assert answer(2, "query", dictionary, "--texts", "-", "--json") == inlay.ok("query", dictionary, "--text", "-", "--json")
    lines = (folder / "lines.txt").read_text()
    wanted = inlay.ok("query", dictionary, "--text", "-", stdin="".join(lines))
    assert answer(3, "query", dictionary, "--texts", folder / "lines.txt") == wanted


def test_errors_are_said_once(inlay, folder, tmp_path):
    three = ["--vectors", folder / "three.npy"]
    np.save(tmp_path / "wide.npy", np.zeros((2, DIM + 1), np.float32))
    np.save(tmp_path / "double.npy", np.zeros((2, DIM)))
    np.save(tmp_path / "nan.npy", np.full((2, DIM), np.nan, np.float32))
    fails(2, "query", folder / "none", *three, saying="none")
    fails(2, "query", EXTRACTOR, *three, saying="no signature search")
    fails(2, "query", folder / "cosine", *three, "--signature", "features", saying="features is no search")
    fails(2, "query", folder / "cosine", "--vectors", tmp_path / "none.npy", saying="none.npy")
    fails(2, "query", folder / "cosine", "--vectors", tmp_path / "double.npy", saying="double.npy: queries are float32")
    fails(2, "query", folder / "cosine", "--vectors", tmp_path / "wide.npy", saying=f"[2, {DIM + 1}]")
    fails(2, "query", folder / "cosine", "--vectors", tmp_path / "nan.npy", saying="not finite")
    fails(2, "query", folder / "cosine", "--texts", tmp_path / "none.txt", saying="none.txt")
    fails(2, "query", folder / "cosine", "--text", "words", saying="not text")
    fails(2, "query", folder / "cosine", *three, "--rows", "0:3001", saying="the collection has 3000 rows")
    for wrong in (["query", folder / "cosine"], ["query", *three], ["query", folder / "cosine", *three, "--rows", "9:5"],
                  ["query", folder / "cosine", *three, "--min-score", "nan"], ["query", folder / "cosine", *three, "--bogus"],
                  ["query", folder / "cosine", "--models", "x%d", *three], ["query", "--models", "x%d", *three, "--rows", "1"], ["ask"]):
        done = mpi(2, *wrong)
        assert done.returncode == 2 and len(errors(done)) == 1 and not done.stdout, (wrong, done.stderr)


def test_ranks_with_different_command_lines_end(folder):
    right = [MPI_PROGRAM, "query", folder / "cosine", "--vectors", folder / "three.npy"]
    for wrong in ([*right, "--bogus"], [MPI_PROGRAM, "query", folder / "cosine"], [MPI_PROGRAM, "--help"]):
        for first, second in ((right, wrong), (wrong, right)):
            done = subprocess.run([MPIRUN, "--oversubscribe", "--allow-run-as-root", "-n", "1", *first, ":", "-n", "1", *second],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
            assert done.returncode != 0 and len(errors(done)) == (wrong[-1] != "--help" or first is right), done.stderr


def test_one_rank_that_cannot_ends_all(inlay, folder, tmp_path):
    three = ["--vectors", folder / "three.npy"]
    for i in (0, 1, 3):
        shutil.copytree(folder / f"part-{i % 3}", tmp_path / f"part-{i}")
    fails(4, "query", "--models", tmp_path / "part-%d", *three, saying="inlay: rank 2 of 4 (")
    shutil.copytree(folder / "part-2", tmp_path / "part-2")
    answer(4, "query", "--models", tmp_path / "part-%d", *three)
    data = max((tmp_path / "part-3/variables").glob("*data*"), key=lambda path: path.stat().st_size)
    data.write_bytes(data.read_bytes()[:-8])
    assert data.name in fails(4, "query", "--models", tmp_path / "part-%d", *three, saying="inlay: rank 3 of 4 (")


def test_models_that_do_not_go_together(inlay, folder, tmp_path):
    three = ["--vectors", folder / "three.npy"]
    np.save(tmp_path / "wide.npy", np.ones((4, DIM + 1), np.float32))
    inlay.ok("fuse", "--embeddings", tmp_path / "wide.npy", "-o", tmp_path / "wide")
    inlay.ok("fuse", "--embeddings", folder / "0.npy", "--k", 3, "-o", tmp_path / "three")
    for other, said in ((tmp_path / "wide", "inlay: rank 1 of 2 ("), (tmp_path / "three", "answers 3 rows by itself, that of rank 0 10; say --k"),
                        (folder / "ids", "do not both have labels, or ids, or neither")):
        fails(2, "query", "--models", f"{folder / 'part-0'},{other}", *three, saying=said)
    answer(2, "query", "--models", f"{folder / 'part-0'},{tmp_path / 'three'}", *three, "--k", 4)
    fails(3, "query", "--models", f"{folder / 'part-0'},{folder / 'part-1'}", *three, saying="a model for each of the 3 ranks")


def ranks_of(pid):
    """Processes of the program below process PID."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            name = os.readlink(status.with_name("exe"))
        except OSError:
            continue
        if parent == pid and name == str(MPI_PROGRAM.resolve()):
            found.append(int(status.parent.name))
    return sorted(found)


def read_until(stream, text):
    seen = b""
    while text not in seen:
        assert select.select([stream], [], [], SECONDS)[0], seen
        more = os.read(stream.fileno(), 4096)
        assert more, seen
        seen += more
    return seen


def test_a_killed_rank_ends_the_job(dictionary):
    """Between batches, while all others wait for it, and again while they look for answers."""
    for asked in (b"", b"fear of heat\n" * 3000):
        job = subprocess.Popen(command(4, "query", dictionary, "--text", "-", "--json"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        try:
            job.stdin.write(b"measuring heat\n")
            job.stdin.flush()
            read_until(job.stdout, b'"rank": 1')
            ranks = ranks_of(job.pid)
            assert len(ranks) == 4
            if asked:
                job.stdin.write(asked)
                job.stdin.flush()
                read_until(job.stdout, b"fear of heat")
            os.kill(ranks[2], signal.SIGKILL)
            start = time.monotonic()
            _, said = job.communicate(timeout=SECONDS)
            assert time.monotonic() - start < SECONDS / 2
            assert job.returncode != 0 and b"Killed" in said, said
            assert not [pid for pid in ranks if os.path.exists(f"/proc/{pid}/exe")]
        finally:
            job.kill()
            job.wait()


def test_output_that_fails_ends_the_job(folder):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([str(MPI_PROGRAM), "query", folder / "cosine", "--vectors", folder / "thousand.npy", "--batch", "16"],
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False,
                              env=dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"))
    assert done.returncode == 1 and "standard output" in done.stderr, done.stderr


def test_help_is_printed_once():
    out = answer(4, "query", "--help")
    assert out.count("Usage: inlay-mpi query") == 1
    assert answer(2, "--version").count("\n") == 1
    assert "query" in answer(2, "help")
