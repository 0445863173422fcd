#!/usr/bin/env python3
"""Makes the fuzz seeds of graphs under tests/fuzz/corpus/graph/ from tests/data, and of small models that the
program fused. Needs TensorFlow (tools/venv.sh) and a release build."""

import pathlib
import shutil
import subprocess
import tempfile

import numpy as np
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

ROOT = pathlib.Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
CORPUS = pathlib.Path(__file__).parent / "corpus" / "graph"
MOST = 100_000  # bytes


def models():
    yield from sorted((DATA / "saved_models").glob("*/saved_model.pb"))
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder, "rows")
        rows.mkdir()
        for i in range(2):
            np.save(rows / f"{i}.npy", np.random.default_rng(i).standard_normal((3, 2)).astype(np.float32))
        for metric in ("cosine", "l2"):
            model = pathlib.Path(folder, f"fused_{metric}")
            subprocess.run([ROOT / "build/release/inlay", "fuse", "--embeddings", rows, "--metric", metric, "-o", model],
                           check=True, stdout=subprocess.DEVNULL)
            yield model / "saved_model.pb"


def graphs():
    for path in sorted((DATA / "graphs").glob("**/*.pb")):
        yield path.stem, graph_pb2.GraphDef.FromString(path.read_bytes())
    for path in models():
        for i, meta in enumerate(saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs):
            yield f"{path.parent.name}_{i}", meta.graph_def


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    for name, graph in graphs():
        data = graph.SerializeToString(deterministic=True)
        if len(data) <= MOST:
            (CORPUS / name).write_bytes(b"\0" + data)


main()
