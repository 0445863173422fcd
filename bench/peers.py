"""peers.py tensorflow MODEL QUERIES.npy... | faiss ROWS.npy... -- QUERIES.npy...: what a peer needs to load a fused model or
its rows, and the median time of its exact search with each file of queries, as JSON on standard output.

Each peer runs in a process of its own, since both hold a copy of all rows."""

import json
import os
import sys
import time

import numpy as np

K = 10
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def tensorflow(arguments):
    """The fused model itself: (load, ask)."""
    import tensorflow as tf

    def load():
        model = tf.saved_model.load(arguments[0])
        search = model.signatures["search"]
        return model, lambda queries: search(query=tf.constant(queries), k=tf.constant(K))["indices"].numpy()

    return load, arguments[1:], tf.__version__


def faiss(arguments):
    """IndexFlatIP over the same rows."""
    import faiss

    files, queries = arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]

    def load():
        shards = [np.load(path, mmap_mode="r") for path in files]
        index = faiss.IndexFlatIP(shards[0].shape[1])
        for shard in shards:
            for first in range(0, len(shard), 500_000):
                index.add(shard[first:first + 500_000])
        return index, lambda queries: index.search(queries, K)[1]

    return load, queries, faiss.__version__


def main():
    load, queries, version = {"tensorflow": tensorflow, "faiss": faiss}[sys.argv[1]](sys.argv[2:])
    start = time.perf_counter()
    held, ask = load()
    report = {"version": version, "load_s": time.perf_counter() - start, "median_ms": [], "rows": []}
    for path in queries:
        asked = np.load(path)
        report["rows"].append(ask(asked)[:, 0].tolist())
        times = []
        for _ in range(5):
            start = time.perf_counter()
            ask(asked)
            times.append(time.perf_counter() - start)
        report["median_ms"].append(1e3 * sorted(times)[len(times) // 2])
    print(json.dumps(report))


if __name__ == "__main__":
    main()
