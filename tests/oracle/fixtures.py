"""Extractors and collections to fuse, at a size that TensorFlow takes milliseconds for."""

import os
import sys
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data"))
import extractors

from loaders import strings

DIM = 16
EXTRACTORS = ("none", "frozen", "tf1", "tf2_text", "keras")
TEXTS = ("river bank", "A stone in the road", "winter winter light", "unheard-of words only", "tree")

SHARDS = {
    "1": (300,),
    "3": (200, 1, 150),
    "4, one empty": (64, 0, 100, 37),
    "41, one empty": tuple(0 if i == 17 else 3 + i * 7 % 23 for i in range(41)),
}


@dataclass
class Extractor:
    """FLAGS fuse it, INPUTS are a batch of queries for it and FEATURES the vectors it makes of them."""

    kind: str
    inputs: dict
    features: np.ndarray
    flags: list = field(default_factory=list)
    path: str = None
    signature: str = "serving_default"
    feature: str = None

    def arguments(self):
        return [self.path, *self.flags] if self.path else self.flags

    def tiled(self, batch):
        """Inputs and features for BATCH queries: the given ones again and again."""
        pick = np.arange(batch) % max(1, len(self.features))
        return {key: value[pick] for key, value in self.inputs.items()}, self.features[pick]


def make_extractor(folder, kind):
    path = os.path.join(folder, kind)
    numbers = extractors.weights([5, extractors.FEATURES], 30)
    if kind == "none":
        queries = extractors.weights([5, DIM], 31)
        return Extractor(kind, {"query": queries}, queries)
    if kind == "frozen":
        path += ".pb"
        extractors.save_frozen(path, DIM)
        return Extractor(kind, {"x": numbers}, run_frozen(path, numbers), ["--input", "x=x:0", "--output", "y:0"], path)
    if kind in ("tf1", "tf1_resource"):
        extractors.save_tf1(path, DIM, use_resource=kind == "tf1_resource")
        return Extractor(kind, {"x": numbers}, run_signature(path, {"x": numbers}, "y"), [], path, feature="y")
    if kind == "tf2_text":
        extractors.save_tf2_text(path, DIM)
        inputs = {"text": strings(TEXTS)}
        return Extractor(kind, inputs, run_signature(path, inputs, "embedding"), [], path, feature="embedding")
    extractors.save_keras(path, DIM)
    return Extractor(kind, {"x": numbers}, run_signature(path, {"x": numbers}, "output_0"), [], path, feature="output_0")


def run_frozen(path, x):
    graph_def = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        graph_def.ParseFromString(file.read())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.import_graph_def(graph_def, name="")
        return session.run("y:0", {"x:0": x})


def run_signature(path, inputs, output):
    from loaders import load_v2

    return load_v2(path, [("serving_default", inputs)])[0][output]


@dataclass
class Collection:
    """A folder of shards, 0.npy 1.npy …, and the float64 rows that they hold together."""

    folder: str
    rows: np.ndarray
    flags: list = field(default_factory=list)
    labels: list = None
    ids: np.ndarray = None


def random_rows(n, dim, seed=40):
    """Rows of many lengths, a zero row and equal rows among them."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, dim)) * random.uniform(0.1, 3, (n, 1))
    if n > 20:
        rows[7] = 0
        rows[n - 3] = rows[5]
    return rows


def save_shard(path, rows, dtype, order="C"):
    """DTYPE: a NumPy dtype, or bfloat16, which NumPy files spell <V2. -> the float64 values that were stored"""
    if dtype == "bfloat16":
        stored = np.asarray(rows.astype(ml_dtypes.bfloat16), order=order)
        np.save(path, stored.view("V2"))
    else:
        stored = np.asarray(rows.astype(dtype), order=order)
        np.save(path, stored)
    return stored.astype(np.float64)


def make_collection(folder, counts, dtype="float32", dim=DIM, seed=40, order="C", extra=None):
    """COUNTS: rows of each shard. EXTRA: None, "labels" or "ids"."""
    shards = os.path.join(folder, "shards")
    os.makedirs(shards)
    total = sum(counts)
    rows = random_rows(total, dim, seed)
    stored, first = [], 0
    for i, count in enumerate(counts):
        stored.append(save_shard(os.path.join(shards, f"{i}.npy"), rows[first : first + count], dtype, order))
        first += count
    out = Collection(shards, np.concatenate(stored), ["--dtype", "bfloat16"] if dtype == "bfloat16" else [])
    if extra == "labels":
        out.labels = ["" if i % 50 == 3 else f"row {i} \N{GREEK SMALL LETTER ALPHA}" for i in range(total)]
        path = os.path.join(folder, "labels.txt")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write("\r\n".join(out.labels))
        out.flags += ["--labels", path]
    elif extra == "ids":
        out.ids = np.random.default_rng(41).permutation(total).astype(np.int64) * 10_000_000_000 - 3
        path = os.path.join(folder, "ids.npy")
        np.save(path, out.ids)
        out.flags += ["--ids", path]
    return out
