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
    """The fused model itself: how to load it, the files of queries, the version. Loading gives ways to ask."""
    import tensorflow as tf

    def load():
        model = tf.saved_model.load(arguments[0])

        def ask(queries):
            return model.signatures["search"](query=tf.constant(queries), k=tf.constant(K))["indices"].numpy()

        return [ask]

    return load, arguments[1:], tf.__version__


def faiss(arguments):
    """IndexFlatIP over the same rows; by matrix products or without, whatever the number of queries."""
    import faiss

    files, queries = arguments[:arguments.index("--")], arguments[arguments.index("--") + 1:]

    def load():
        shards = [np.load(path, mmap_mode="r") for path in files]
        index = faiss.IndexFlatIP(shards[0].shape[1])
        for shard in shards:
            for first in range(0, len(shard), 500_000):
                index.add(shard[first:first + 500_000])

        def ask(queries, products_from):
            faiss.cvar.distance_compute_blas_threshold = products_from
            return index.search(queries, K)[1]

        return [lambda queries, n=n: ask(queries, n) for n in (1, 1 << 30)]

    return load, queries, faiss.__version__


def timed(ask, queries):
    start = time.perf_counter()
    rows = ask(queries)
    return time.perf_counter() - start, rows


def main():
    load, files, version = {"tensorflow": tensorflow, "faiss": faiss}[sys.argv[1]](sys.argv[2:])
    seconds, ways = timed(lambda _: load(), None)
    report = {"version": version, "load_s": seconds, "median_ms": [], "rows": []}
    for path in files:
        queries = np.load(path)
        first = [timed(ask, queries) for ask in ways]
        best = min(range(len(ways)), key=lambda i: first[i][0])
        times = [timed(ways[best], queries)[0] for _ in range(5 if first[best][0] < 5 else 3)]
        report["rows"].append(first[best][1][:, 0].tolist())
        report["median_ms"].append(1e3 * sorted(times)[len(times) // 2])
    print(json.dumps(report))


if __name__ == "__main__":
    main()
