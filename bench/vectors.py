"""Sets of rows to search, and queries for them. All rows have length 1, so that dot product and cosine agree.

Each function writes rows.npy [rows, dim] and queries.npy [1000, dim] into a folder. What is drawn is drawn from fixed
seeds; queries of real rows are a thousand of them, held out."""

import pathlib
import re

import numpy as np

QUERIES = 1000
STEP = 100_000
WORDNET = pathlib.Path("/usr/share/wordnet")


def unit(rows):
    """ROWS of length 1, in place."""
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    return rows


def write(folder, rows, dim, draw):
    """ROWS rows that DRAW(number of rows, which part) gives, part by part, and queries of the same kind."""
    out = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.float32, (rows, dim))
    for first in range(0, rows, STEP):
        out[first:first + STEP] = unit(draw(min(STEP, rows - first), first // STEP))
    out.flush()
    np.save(folder / "queries.npy", unit(draw(QUERIES, -(-rows // STEP))))


def normal(seed, rows, dim):
    return np.random.default_rng(seed).standard_normal((rows, dim), dtype=np.float32)


def gaussian(folder, rows, dim):
    write(folder, rows, dim, lambda n, part: normal((1, part), n, dim))


def clustered(folder, rows, dim):
    """A thousand centres and a tenth of noise, in no order."""
    centres = normal(2, 1000, dim)
    write(folder, rows, dim, lambda n, part: centres[np.random.default_rng((3, part)).integers(1000, size=n)] + 0.1 * normal((4, part), n, dim))


def twins(folder, rows, dim):
    """One row and a thousandth of noise."""
    one = normal(5, 1, dim)
    write(folder, rows, dim, lambda n, part: one + 1e-3 * normal((6, part), n, dim))


def hold_out(folder, rows):
    rows = unit(rows[np.linalg.norm(rows, axis=1) > 0].astype(np.float32))
    asked = np.zeros(len(rows), bool)
    asked[np.random.default_rng(7).choice(len(rows), QUERIES, replace=False)] = True
    np.save(folder / "queries.npy", rows[asked])
    np.save(folder / "rows.npy", rows[~asked])


def files(folder, sources):
    """The rows of .npy files."""
    hold_out(folder, np.concatenate([np.load(path) for path in sources]))


def glosses():
    """The words of each definition in WordNet."""
    for part in "noun", "verb", "adj", "adv":
        with open(WORDNET / f"data.{part}", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if not line.startswith("  "):
                    yield re.findall("[a-z]+", line.partition("|")[2].lower())


def sums(owners, terms, weights, vectors, n):
    """[n, dim]: for each owner the sum of its terms' vectors by weight; OWNERS rise."""
    out = np.zeros((n, vectors.shape[1]), np.float32)
    for first in range(0, len(owners), STEP):
        part = slice(first, first + STEP)
        heads = np.flatnonzero(np.diff(owners[part], prepend=-1))
        out[owners[part][heads]] += np.add.reduceat(vectors[terms[part]] * weights[part, None], heads)
    return out


def wordnet(folder, dim):
    """Latent semantic analysis of WordNet's definitions: words and definitions where the first DIM singular vectors of
    their TF-IDF matrix put them (Deerwester et al. 1990), found by random projection (Halko et al. 2011)."""
    texts = [words for words in glosses() if words]
    known, ids = {}, []
    for words in texts:
        ids += [known.setdefault(word, len(known)) for word in words]
    owners, terms = np.repeat(np.arange(len(texts)), [len(words) for words in texts]), np.array(ids)
    pairs, counts = np.unique(owners * len(known) + terms, return_counts=True)
    owners, terms = pairs // len(known), pairs % len(known)
    frequency = np.bincount(terms, minlength=len(known))
    keep = frequency[terms] > 1
    owners, terms, counts = owners[keep], terms[keep], counts[keep]
    weights = ((1 + np.log(counts)) * np.log(len(texts) / frequency[terms])).astype(np.float32)
    weights /= np.sqrt(np.bincount(owners, weights**2))[owners].astype(np.float32)
    by_term = np.argsort(terms, kind="stable")

    def of_texts(vectors):
        return sums(owners, terms, weights, vectors, len(texts))

    def of_words(vectors):
        return sums(terms[by_term], owners[by_term], weights[by_term], vectors, len(known))

    base = np.linalg.qr(of_texts(of_words(of_texts(normal(8, len(known), dim + 20)))))[0]
    words = of_words(base)
    turn = np.linalg.eigh(words.T @ words)[1][:, ::-1][:, :dim]
    words = words @ turn
    hold_out(folder, np.concatenate([base @ turn * np.linalg.norm(words, axis=0), words]))
