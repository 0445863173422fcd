"""What bench/run and bench/search share: the build that measures, the virtual environment of the peers, the table."""

import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/bench-build"
WORK = ROOT / "build/bench"
FAISS, USEARCH, MATPLOTLIB, ONNX = "faiss-cpu==1.15.1", "usearch==2.26.6", "matplotlib==3.11.2", "onnxruntime==1.32.0"


def out(*command, env=None):
    """What COMMAND prints; with what it said about itself when it fails."""
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))[:300]}\nended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def python(*packages):
    """The interpreter that has TensorFlow and PACKAGES."""
    return out(ROOT / "tools/venv.sh", *packages).strip()


def become(interpreter):
    """Goes on in INTERPRETER, unless this is it."""
    if pathlib.Path(sys.prefix).resolve() != pathlib.Path(interpreter).parents[1].resolve():
        os.execv(interpreter, [interpreter, *sys.argv])


def build():
    if not (BUILD / "build.ninja").exists():
        out("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DINLAY_BENCH=ON", "-DINLAY_TESTS=OFF")
    out("ninja", "-C", BUILD)
    return BUILD / "inlay"


def row(what, figure, beside, ratio, wanted):
    print(f"{what:<44} {figure:>14}   {beside:<44} {ratio:>8}   {wanted}", flush=True)


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


def timed(*command):
    start = time.perf_counter()
    out(*command)
    return time.perf_counter() - start
