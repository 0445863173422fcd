"""Makes the text extractor of the reverse dictionary: sentence in, vector out, learnt from WordNet's definitions alone.

    python make_extractor.py [--wordnet DIR] [--out DIR] [--check-only]

Needs TensorFlow and NumPy (tools/venv.sh makes such an environment) and Debian's wordnet-base; takes about two minutes
and 3 GB. The result is a TF2 SavedModel with one signature, serving_default: text string [n] -> embedding float32 [n, 128].

Method. Words that are used in the same meanings get near vectors: counts of two stems meeting in one synset (its lemmas,
its definition, more faintly those of its relatives), turned into smoothed positive pointwise mutual information (Levy,
Goldberg, Dagan 2015) and cut to 128 dimensions by a randomised SVD (Halko, Martinsson, Tropp 2011). A sentence is the mean
of its words' vectors, rare words counting more: a / (a + p) (Arora, Liang, Ma 2017).
"""
import argparse
import contextlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
from repeatable import make_repeatable

VOCABULARY = 20_000
DIMENSIONS = 128
CONTEXT_EXPONENT = 0.75
RARITY = 1e-3
# How much a stem counts in the synset where it stands.
LEMMA, DEFINITION, RELATED_LEMMA, HYPERNYM_DEFINITION = 2.0, 1.0, 0.5, 0.25

# Applied in order to lower-case text; what is left is cut at blanks.
NORMALISE = (
    (r"'s\b", ""),
    (r"[^a-z0-9]+", " "),
    (r"([a-z][a-z])ies\b", r"\1y"),
    (r"(x|ch|sh|ss|zz)es\b", r"\1"),
    (r"([a-z][^ isu])s\b", r"\1"),
    (r"([a-z]{3})(?:ing|ed)\b", r"\1"),
    (r"([a-z]{3})e\b", r"\1"),
)

QUESTIONS = (
    ("a sweet frozen dessert made of cream", "ice cream"),
    ("instrument for measuring temperature", "thermometer"),
    ("fear of spiders", "arachnophobia"),
    ("someone who repairs shoes", "cobbler"),
    ("fear of closed spaces", "claustrophobia"),
    ("a place where books are kept and lent", "library"),
    ("a vehicle with two wheels and pedals", "bicycle"),
    ("device for seeing distant stars", "telescope"),
    ("a young cat", "kitten"),
    ("a baby dog", "puppy"),
)


def normalise(text):
    text = tf.strings.lower(text)
    for pattern, replacement in NORMALISE:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def tokens(text):
    """text [n] -> (row int64 [m], stem string [m])"""
    split = tf.raw_ops.StringSplitV2(input=normalise(text), sep="")
    return split.indices[:, 0], split.values


@dataclass
class Synset:
    lemmas: str
    gloss: str
    pointers: list  # (symbol, part of speech and offset)


def read_wordnet(folder):
    """-> [Synset], their pointers resolved to indices; line formats: wndb(5WN)"""
    synsets, index = [], {}
    for letter, part in (("n", "noun"), ("v", "verb"), ("a", "adj"), ("r", "adv")):
        with open(os.path.join(folder, "data." + part), encoding="latin-1") as lines:
            for line in lines:
                if line.startswith(" "):
                    continue
                data, gloss = line.split(" | ", 1)
                field = data.split()
                end = 4 + 2 * int(field[3], 16)
                lemmas = (re.sub(r"\([a-z]+\)", "", word).replace("_", " ") for word in field[4:end:2])
                pointer = field[end + 1 : end + 1 + 4 * int(field[end])]
                targets = zip(pointer[0::4], pointer[2::4], pointer[1::4])
                index[letter + field[0]] = len(synsets)
                synsets.append(Synset(" ".join(lemmas), gloss.strip(), [(s, p + o) for s, p, o in targets]))
    for synset in synsets:
        synset.pointers = [(symbol, index[target]) for symbol, target in synset.pointers]
    return synsets


def stem_texts(texts):
    """-> (row int64 [m], stem bytes [m])"""
    row, stem = tokens(tf.constant(texts))
    return row.numpy(), stem.numpy().astype("S")


def choose_vocabulary(stems):
    """-> (the most frequent stems, sorted by falling count then by name; their counts; the number of all tokens)"""
    names, counts = np.unique(stems, return_counts=True)
    order = np.lexsort((names, -counts))[:VOCABULARY]
    return names[order], counts[order], counts.sum()


def stem_ids(stems, vocabulary):
    """-> index of each stem in the vocabulary, -1 for one that is not there"""
    order = np.argsort(vocabulary)
    place = np.minimum(np.searchsorted(vocabulary, stems, sorter=order), len(vocabulary) - 1)
    return np.where(vocabulary[order[place]] == stems, order[place], -1)


class Bags:
    """For each synset the distinct stems of one field."""

    def __init__(self, rows, ids, n):
        pairs = np.unique(rows[ids >= 0] * VOCABULARY + ids[ids >= 0])
        self.ids = pairs % VOCABULARY
        self.start = np.searchsorted(pairs // VOCABULARY, np.arange(n + 1))

    def __getitem__(self, synset):
        return self.ids[self.start[synset] : self.start[synset + 1]]


def synset_weights(synsets, lemmas, glosses):
    """yields for each synset (stems, their weights)"""
    for i, synset in enumerate(synsets):
        parts = [(lemmas[i], LEMMA), (glosses[i], DEFINITION)]
        for symbol, target in synset.pointers:
            parts.append((lemmas[target], RELATED_LEMMA))
            if symbol in ("@", "@i"):
                parts.append((glosses[target], HYPERNYM_DEFINITION))
        stems = np.concatenate([ids for ids, _ in parts])
        weight = np.concatenate([np.full(len(ids), w) for ids, w in parts])
        distinct, place = np.unique(stems, return_inverse=True)
        yield distinct, np.bincount(place, weight, len(distinct)).astype(np.float32)


def count_meetings(bags):
    """-> float32 [VOCABULARY, VOCABULARY], zero on the diagonal"""
    counts = np.zeros(VOCABULARY * VOCABULARY, np.float32)
    cells, values, held = [], [], 0

    def flush():
        nonlocal held
        if held:
            np.add.at(counts, np.concatenate(cells), np.concatenate(values))
        cells.clear(), values.clear()
        held = 0

    for stems, weight in bags:
        cells.append(np.add.outer(stems * VOCABULARY, stems).ravel())
        values.append(np.outer(weight, weight).ravel())
        held += len(stems) ** 2
        if held > 5_000_000:
            flush()
    flush()
    counts = counts.reshape(VOCABULARY, VOCABULARY)
    np.fill_diagonal(counts, 0)
    return counts


def to_ppmi(counts):
    """Replaces the counts by max(0, log p(word, context) / (p(word) p'(context))), p' smoothed."""
    word = counts.sum(axis=1, dtype=np.float64)
    context = word**CONTEXT_EXPONENT
    context /= context.sum()
    for first in range(0, len(counts), 500):
        block = counts[first : first + 500]
        expected = np.outer(word[first : first + 500], context)
        block /= np.maximum(expected, 1e-30)
        np.log(np.maximum(block, 1, out=block), out=block)


def truncated_svd(matrix, rank, seed=0):
    """-> (left vectors [n, rank], singular values [rank]) of a symmetric or near-symmetric matrix"""
    random = np.random.default_rng(seed)
    basis = random.standard_normal((matrix.shape[1], rank + 32)).astype(np.float32)
    for _ in range(4):
        basis, _ = np.linalg.qr(matrix @ basis)
        basis, _ = np.linalg.qr(matrix.T @ basis)
    basis, _ = np.linalg.qr(matrix @ basis)
    left, values, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return (basis @ left)[:, :rank], values[:rank]


def fix_signs(vectors):
    """An SVD leaves each column's sign open: make the entry of largest size positive."""
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return vectors * np.sign(largest)


def learn(folder):
    """-> (stems, unit vectors float32 [VOCABULARY, DIMENSIONS], weights float32 [VOCABULARY])"""
    synsets = read_wordnet(folder)
    lemma_rows, lemma_stems = stem_texts([s.lemmas for s in synsets])
    gloss_rows, gloss_stems = stem_texts([s.gloss for s in synsets])
    width = max(lemma_stems.itemsize, gloss_stems.itemsize)
    lemma_stems, gloss_stems = lemma_stems.astype(f"S{width}"), gloss_stems.astype(f"S{width}")
    vocabulary, counts, total = choose_vocabulary(np.concatenate([lemma_stems, gloss_stems]))
    lemmas = Bags(lemma_rows, stem_ids(lemma_stems, vocabulary), len(synsets))
    glosses = Bags(gloss_rows, stem_ids(gloss_stems, vocabulary), len(synsets))

    matrix = count_meetings(synset_weights(synsets, lemmas, glosses))
    to_ppmi(matrix)
    left, values = truncated_svd(matrix, DIMENSIONS)
    vectors = fix_signs(left) * np.sqrt(values)
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    weights = RARITY / (RARITY + counts / total)
    return vocabulary, vectors.astype(np.float32), weights.astype(np.float32)


class Extractor(tf.Module):
    """Mean of word vectors. The last row stands for every unknown word: zero, with weight zero."""

    def __init__(self, vocabulary_file, vectors, weights):
        super().__init__()
        lines = tf.lookup.TextFileInitializer(
            vocabulary_file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(lines, default_value=len(vectors))
        unknown = np.zeros((1, vectors.shape[1]))
        self.vectors = tf.Variable(np.concatenate([vectors, unknown]).astype(np.float16), name="vectors")
        self.weights = tf.Variable(np.append(weights, 0).astype(np.float32), name="weights")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def embed(self, text):
        row, stem = tokens(text)
        word = self.table.lookup(stem)
        vector = tf.cast(tf.gather(self.vectors, word), tf.float32)
        weight = tf.gather(self.weights, word)[:, tf.newaxis]
        count = tf.shape(text)[0]
        total = tf.math.unsorted_segment_sum(vector * weight, row, count)
        mass = tf.math.unsorted_segment_sum(weight, row, count)
        return {"embedding": total / tf.maximum(mass, 1e-12)}


def save(folder, vocabulary, vectors, weights):
    folder = os.path.abspath(folder)
    shutil.rmtree(folder, ignore_errors=True)
    # The file's path as given becomes part of the table's name in the graph: keep it relative.
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        with open("stems.txt", "wb") as file:
            file.write(b"\n".join(vocabulary.tolist()) + b"\n")
        extractor = Extractor("stems.txt", vectors, weights)
        tf.saved_model.save(extractor, folder, signatures={"serving_default": extractor.embed})
    make_repeatable(folder)


def save_licence(wordnet, path):
    """The licence heads each data file, every line with its number."""
    with open(os.path.join(wordnet, "data.noun"), encoding="ascii") as lines:
        head = [re.sub(r"^ +\d+ ?", "", line).rstrip() for line in lines if line.startswith("  ")]
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(head).rstrip() + "\n")


def check(folder, wordnet):
    """Asks all definitions each question by brute force; the number of wrong first answers."""
    with tempfile.TemporaryDirectory() as scratch:
        if os.spawnl(os.P_WAIT, os.path.join(HERE, "definitions.sh"), "definitions.sh", wordnet, scratch) != 0:
            raise RuntimeError("definitions.sh failed")
        definitions, labels = (open(f"{scratch}/{name}.txt").read().splitlines() for name in ("definitions", "labels"))
    embed = tf.saved_model.load(folder).signatures["serving_default"]

    def unit(texts):
        vectors = embed(text=tf.constant(texts))["embedding"].numpy()
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-15)

    assert not embed(text=tf.constant(["", "?!", "qqqqzzzz"]))["embedding"].numpy().any(), "no known word: not zero"
    rows = np.concatenate([unit(definitions[i : i + 8192]) for i in range(0, len(definitions), 8192)])
    scores = unit([question for question, _ in QUESTIONS]) @ rows.T
    wrong = 0
    for (question, wanted), row in zip(QUESTIONS, scores):
        best = np.argsort(-row, kind="stable")[:5]
        right = wanted in labels[best[0]].split(", ")
        wrong += not right
        print("right" if right else "WRONG", question, "->", "; ".join(f"{labels[i]} {row[i]:.3f}" for i in best))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordnet", default="/usr/share/wordnet")
    parser.add_argument("--out", default=os.path.join(HERE, "extractor"))
    parser.add_argument("--check-only", action="store_true", help="ask the model that is there, make nothing")
    options = parser.parse_args()
    if not options.check_only:
        save(options.out, *learn(options.wordnet))
        save_licence(options.wordnet, os.path.join(os.path.dirname(os.path.abspath(options.out)), "LICENSE.wordnet"))
    sys.exit(1 if check(options.out, options.wordnet) else 0)


if __name__ == "__main__":
    main()
