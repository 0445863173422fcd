"""A set of rows on disk and who is asked: the fused model without an index and with one, and the peers."""

import json
import shutil

import numpy as np

from common import BUILD, ROOT, median, out, timed

K = 10


class Rows:
    """Rows of length 1 and queries that MAKE(folder) writes into FOLDER. remove() takes everything away again."""

    def __init__(self, inlay, interpreter, folder, make):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.inlay, self.interpreter, self.folder = inlay, interpreter, folder
        make(folder)
        self.rows, self.queries = folder / "rows.npy", folder / "queries.npy"
        self.count, self.dim = np.load(self.rows, mmap_mode="r").shape
        self.bytes = 4 * self.count * self.dim
        self.model, self.indexed = folder / "model", folder / "indexed"
        out(inlay, "fuse", "--embeddings", self.rows, "--metric", "dot", "-o", self.model)

    def index(self, runs=1):
        """Makes the index RUNS times, beside a plain read of the rows: GB of rows a second of both, medians."""
        reads, builds = [], []
        for _ in range(runs):
            shutil.rmtree(self.indexed, ignore_errors=True)
            reads.append(float(out(BUILD / "bench/bench_read", self.rows)))
            builds.append(1e-9 * self.bytes / timed(self.inlay, "index", self.model, "-o", self.indexed))
        self.index_bytes = sum(file.stat().st_size for file in (self.indexed / "assets.extra/inlay.index").iterdir())
        return {"build": median(builds), "read": median(reads)}

    def ours(self, numbers, env=None):
        """Calls of each number of queries: by scan, by index, and beside them the bandwidth. Answers are compared to the last
        bit by the program that measures."""
        return json.loads(out(BUILD / "bench/bench_model", self.model, self.indexed, "--", self.queries, *numbers, env=env))

    def peer(self, name, numbers, env=None):
        source = self.model if name == "tensorflow" else self.rows
        return json.loads(out(self.interpreter, ROOT / "bench/peers.py", name, source, "--", self.queries, *numbers, env=env))

    def disagreement(self, ours, theirs):
        """What is wrong with THEIRS, rows found for the first queries, beside OURS; None when they are the same or as good.

        A score computed in float32 is off by at most E = (dim + 8) 2^-24 |q| |x|. The j-th best computed score of either is
        within E of the j-th best true one, and the true score of the row that has it within another E: so true scores of
        the same place differ by at most 4 E."""
        ours, theirs = np.array(ours), np.array(theirs)
        if ours.shape != theirs.shape:
            return f"found {theirs.shape} rows and not {ours.shape}"
        if (ours == theirs).all():
            return None
        if theirs.min() < 0 or theirs.max() >= self.count or any(len(set(found)) < len(found) for found in theirs.tolist()):
            return "found rows twice, or that do not exist"
        rows, queries = np.load(self.rows, mmap_mode="r"), np.load(self.queries)[:len(ours)].astype(np.float64)
        scores = [np.einsum("nkd,nd->nk", rows[found].astype(np.float64), queries) for found in (ours, theirs)]
        allowed = 4 * (self.dim + 8) * 2**-24 * np.linalg.norm(queries, axis=1, keepdims=True) * (1 + 1e-6)
        worse = np.abs(scores[0] - scores[1]) > allowed
        return f"{int(worse.sum())} of {worse.size} places hold other rows, and not for a tie" if worse.any() else None

    def remove(self):
        shutil.rmtree(self.folder)
