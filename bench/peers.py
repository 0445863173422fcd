"""peers.py PEER SOURCE... -- QUERIES.npy N...: what a peer needs to load a fused model or its rows, and the median time of
its search in calls of each number N of queries, as JSON on standard output, with the rows that the first call found.

SOURCE is the fused model for tensorflow, .npy files of rows for the others. Calls go through QUERIES in a circle. Each peer
runs in a process of its own, since all hold a copy of the rows. A peer that is not exact is tuned until it finds 99 % of
what the exact search does, and says what it reached."""

import json
import os
import sys
import time

import numpy as np

K = 10
RECALL = 0.99
TUNING_QUERIES, TUNING_SECONDS = 200, 60  # when these queries take longer with a setting, it is the last
SCORES_BYTES = 4 << 30  # of a peer that holds the scores of all rows: larger calls are made in parts
APPROXIMATE_ROWS = int(os.environ.get("APPROXIMATE_ROWS", 1_000_000))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def whole(files):
    """All rows, in memory."""
    return np.load(files[0]) if len(files) == 1 else np.concatenate([np.load(path, mmap_mode="r") for path in files])


class Tensorflow:
    """The fused model itself."""

    score_bytes = 4

    def __init__(self, sources):
        import tensorflow as tf

        self.model, self.version = sources[0], tf.__version__

    def load(self):
        import tensorflow as tf

        model = tf.saved_model.load(self.model)
        self.rows = sum(variable.shape[0] for variable in model.variables if "rows_" in variable.name)

        def ask(queries):
            return model.signatures["search"](query=tf.constant(queries), k=tf.constant(K))["indices"].numpy()

        return [ask]


class Original:
    """As people write it without us: each call feeds all rows, and Keras compares them with the query."""

    score_bytes = 0

    def __init__(self, sources):
        import tensorflow as tf

        self.files, self.version = sources, tf.__version__

    def load(self):
        import tensorflow as tf

        rows = whole(self.files)
        graph = tf.Graph()
        with graph.as_default():
            stored = tf.compat.v1.placeholder(tf.float32, [None, rows.shape[1]])
            query = tf.compat.v1.placeholder(tf.float32, [1, rows.shape[1]])
            loss = tf.keras.losses.CosineSimilarity(axis=-1, reduction=None)
            best = tf.math.top_k(-loss(stored, tf.broadcast_to(query, tf.shape(stored))), K).indices
        session = tf.compat.v1.Session(graph=graph)

        def ask(queries):
            return np.stack([session.run(best, {stored: rows, query: queries[i:i + 1]}) for i in range(len(queries))])

        return [ask]


class Faiss:
    """IndexFlatIP over the same rows; by matrix products or without, whatever the number of queries."""

    score_bytes = 0

    def __init__(self, sources):
        import faiss

        self.files, self.version = sources, faiss.__version__

    def load(self):
        import faiss

        shards = [np.load(path, mmap_mode="r") for path in self.files]
        index = faiss.IndexFlatIP(shards[0].shape[1])
        for shard in shards:
            for first in range(0, len(shard), 500_000):
                index.add(shard[first:first + 500_000])

        def ask(queries, products_from):
            faiss.cvar.distance_compute_blas_threshold = products_from
            return index.search(queries, K)[1]

        return [lambda queries, n=n: ask(queries, n) for n in (1, 1 << 30)]


class Numpy:
    """A matrix product and argpartition, over so many rows at a time that their scores are 256 MB."""

    score_bytes = 0

    def __init__(self, sources):
        self.files, self.version = sources, np.__version__

    def load(self):
        rows = whole(self.files)

        def ask(queries):
            step, best, found = max(1000, (1 << 26) // len(queries)), [], []
            for first in range(0, len(rows), step):
                scores = queries @ rows[first:first + step].T
                k = min(K, scores.shape[1])
                part = np.argpartition(scores, -k, axis=1)[:, -k:]
                best.append(np.take_along_axis(scores, part, 1))
                found.append(part + first)
            best, found = np.concatenate(best, 1), np.concatenate(found, 1)
            return np.take_along_axis(found, np.argsort(-best, axis=1, kind="stable")[:, :K], 1)

        return [ask]


class Usearch:
    """Its exact search, which has no index."""

    score_bytes = 16  # measured: it keeps a key and a distance for each row and query

    def __init__(self, sources):
        import usearch

        self.files, self.version = sources, usearch.__version__

    def load(self):
        from usearch.index import MetricKind, search

        rows, threads = whole(self.files), int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))

        self.rows = len(rows)

        def ask(queries):
            return search(rows, queries, K, MetricKind.IP, exact=True, threads=threads).keys.reshape(len(queries), K).astype(np.int64)

        return [ask]


class Approximate:
    """A FAISS index over at most APPROXIMATE_ROWS rows; FACTORY makes it of the rows' number and dimension, SETTINGS are to
    be tried in turn."""

    score_bytes = 0

    def __init__(self, sources, factory, settings):
        import faiss

        self.files, self.version, self.factory, self.settings = sources, faiss.__version__, factory, settings

    def load(self):
        import faiss

        self.data = np.array(np.load(self.files[0], mmap_mode="r")[:APPROXIMATE_ROWS])
        rows, dim = self.data.shape
        self.index = faiss.index_factory(dim, self.factory(rows, dim), faiss.METRIC_INNER_PRODUCT)
        self.index.train(self.data)
        self.index.add(self.data)
        return [lambda queries: self.index.search(queries, K)[1]]

    def tune(self, queries):
        """Settings from the cheapest on, until what is found is enough; what that was."""
        import faiss

        exact = faiss.IndexFlatIP(self.data.shape[1])
        exact.add(self.data)
        wanted = exact.search(queries, K)[1]
        report = {"rows_indexed": len(self.data)}
        for setting in self.settings(len(self.data)):
            faiss.ParameterSpace().set_index_parameters(self.index, setting)
            seconds, found = timed(lambda asked: self.index.search(asked, K)[1], queries)
            same = sum(len(np.intersect1d(a, b)) for a, b in zip(wanted, found))
            report.update(recall=same / wanted.size, setting=setting)
            if report["recall"] >= RECALL or seconds > TUNING_SECONDS:
                break
        return report


def lists(rows):
    return max(16, int(2 * rows**0.5))


def doubling(name, first, last, also=""):
    while first < last:
        yield f"{name}={first}{also}"
        first *= 2
    yield f"{name}={last}{also}"


def probes(rows, also=""):
    return doubling("nprobe", 8, lists(rows), also)


def fast_scan_settings(rows):
    """More rescored at few lists, then at more: each list that is read costs more than what is rescored."""
    return (setting for refined in (16, 64, 256, 1024) for setting in probes(rows, f",k_factor_rf={refined}") if refined <= rows // K)


def fast_scan(rows, dim):
    return f"IVF{lists(rows)},PQ{dim // 2 if dim % 2 == 0 else dim}x4fs,RFlat"


APPROXIMATE = {
    "faiss-sq8": (lambda rows, dim: "SQ8,RFlat", lambda rows: doubling("k_factor_rf", 2, 64)),
    "faiss-hnsw": (lambda rows, dim: "HNSW32", lambda rows: doubling("efSearch", 16, 16384)),
    "faiss-ivf": (lambda rows, dim: f"IVF{lists(rows)},Flat", probes),
    "faiss-ivfpqfs": (fast_scan, fast_scan_settings),
}
EXACT = {"tensorflow": Tensorflow, "original": Original, "faiss": Faiss, "numpy": Numpy, "usearch": Usearch}


def timed(ask, queries):
    start = time.perf_counter()
    rows = ask(queries)
    return time.perf_counter() - start, rows


def in_parts(ask, most):
    """ASK for at most MOST queries at a time."""
    return lambda queries: np.concatenate([ask(queries[i:i + most]) for i in range(0, len(queries), most)])


def measure(ways, queries, n):
    """Median milliseconds of the fastest way, and what its first call found."""
    first = [timed(ask, queries[:n]) for ask in ways]
    best = min(range(len(ways)), key=lambda i: first[i][0])
    seconds, found = first[best]
    parts = [queries[i:i + n] for i in range(0, len(queries) - n + 1, n)]
    repeats = next(count for most, count in ((0.005, 99), (0.1, 31), (1, 15), (5, 5), (20, 3), (float("inf"), 0)) if seconds <= most)
    times = [timed(ways[best], parts[(1 + i) % len(parts)])[0] for i in range(repeats)] or [seconds]
    return 1e3 * sorted(times)[len(times) // 2], found


def main():
    end = sys.argv.index("--")
    name, sources, queries, numbers = sys.argv[1], sys.argv[2:end], np.load(sys.argv[end + 1]), map(int, sys.argv[end + 2:])
    peer = EXACT[name](sources) if name in EXACT else Approximate(sources, *APPROXIMATE[name])
    seconds, ways = timed(lambda _: peer.load(), None)
    report = {"version": peer.version, "load_s": seconds, "median_ms": [], "rows": []}
    if name in APPROXIMATE:
        report.update(peer.tune(queries[:TUNING_QUERIES]))
    if peer.score_bytes:
        ways = [in_parts(ask, max(1, SCORES_BYTES // (peer.score_bytes * peer.rows))) for ask in ways]
    for n in numbers:
        milliseconds, found = measure(ways, queries, n)
        report["median_ms"].append(milliseconds)
        report["rows"].append(found.tolist() if name in EXACT else None)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
