#!/usr/bin/env python3
"""Makes the fuzz seeds of graphs under tests/fuzz/corpus/graph/ from tests/data. Needs TensorFlow (tools/venv.sh)."""

import pathlib
import shutil

from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

DATA = pathlib.Path(__file__).parents[1] / "data"
CORPUS = pathlib.Path(__file__).parent / "corpus" / "graph"
MOST = 100_000  # bytes


def graphs():
    for path in sorted((DATA / "graphs").glob("**/*.pb")):
        yield path.stem, graph_pb2.GraphDef.FromString(path.read_bytes())
    for path in sorted((DATA / "saved_models").glob("*/saved_model.pb")):
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
