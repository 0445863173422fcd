#!/usr/bin/env python3
"""Makes the fuzz seeds of graphs under tests/fuzz/corpus/graph/ from tests/data, of programs with branches and loops, and of small
models that the program fused. Needs TensorFlow (tools/venv.sh) and a release build."""

import pathlib
import shutil
import subprocess
import tempfile

import numpy as np
import tensorflow as tf
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


def flow_programs():
    """Small programs with branches and loops, as functions of a vector of two."""

    def counted(x):
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), [0, x])[1]

    def nested(x):
        return tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, counted(y)), [0, x])[1]

    def chosen(x):
        return tf.cond(x[0] > 0.0, lambda: x + 1.0, lambda: tf.constant([0.0, 1.0]))

    def listed(x):
        array = tf.TensorArray(tf.float32, size=3)
        return tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a.write(i, x)), [0, array])[1].stack()

    def switched(x):
        return tf.switch_case(tf.cast(x[0], tf.int32), [lambda: x, lambda: counted(x), lambda: chosen(x)])

    def state(x):
        v = tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[2])
        with tf.control_dependencies([tf.raw_ops.AssignVariableOp(resource=v, value=x)]):
            with tf.control_dependencies([tf.raw_ops.ResourceScatterAdd(resource=v, indices=[1, 0], updates=x)]):
                return tf.raw_ops.ReadVariableOp(resource=v, dtype=tf.float32)

    return [counted, nested, chosen, listed, switched, state]


def flows():
    for form in ("old", "new"):
        (tf.compat.v1.enable_control_flow_v2 if form == "new" else tf.compat.v1.disable_control_flow_v2)()
        for program in flow_programs():
            with tf.Graph().as_default() as graph:
                tf.identity(program(tf.compat.v1.placeholder(tf.float32, [2])), name="out")
            yield f"{program.__name__}_{form}", graph.as_graph_def()


def spoiled(graph):
    """GRAPH with the ends of its loop or branch where they cannot be."""
    for op, other in (("NextIteration", "Identity"), ("Enter", "Identity"), ("Merge", "Identity"), ("Exit", "NextIteration")):
        changed = graph_pb2.GraphDef()
        changed.CopyFrom(graph)
        for node in changed.node:
            node.op = other if node.op == op else node.op
        yield f"spoiled_{op}", changed


def graphs():
    found = dict(flows())
    yield from found.items()
    yield from spoiled(found["nested_old"])
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


if __name__ == "__main__":
    main()
