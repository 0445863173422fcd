"""Edits of stored rows: whatever is set, appended, deleted or buried, however often, all ways of asking agree with
NumPy on what is left."""

import itertools
import json
import os

import numpy as np
import pytest

import fixtures
import loaders
from brute import Answer, Reference
from conftest import FULL
from pairwise import covering, turns, whole
from test_fuse import Fused, extractor  # noqa: F401

MATRIX = {"extractor": fixtures.EXTRACTORS, "metric": ("cosine", "dot", "l2"), "extra": (None, "labels", "ids"),
          "dtype": ("float32", "float16", "float64", "bfloat16"), "chunk": (None, 2048), "order": ("C", "F")}
KEYS = (3, 10_000)


def case_name(case):
    return "-".join(str(value) for value in case.values() if value is not None)


class Rows:
    """A fused collection that is edited, and the rows that it should hold."""

    def __init__(self, inlay, folder, source, metric, extra=None, dtype="float32", chunk=None, order="C", flags=(), seed=40,
                 counts=(90, 0, 40)):
        os.makedirs(folder, exist_ok=True)
        self.collection = fixtures.make_collection(folder, counts, dtype, extra=extra, order=order, seed=seed)
        self.fused = Fused(inlay, folder, source, self.collection, metric, *(["--chunk", chunk] if chunk else []), *flags)
        self.inlay, self.scratch, self.source, self.metric, self.dtype = inlay, folder, source, metric, dtype
        self.model = self.fused.folder
        self.name = flags[flags.index("--name") + 1] if "--name" in flags else "search"
        self.rows, self.labels, self.ids = self.collection.rows, self.collection.labels, self.collection.ids
        self.dead = np.zeros(len(self.rows), bool)
        self.count = 0

    def edit(self, *args):
        self.inlay("rows", self.model, "--name", self.name, *args)
        self.inlay("verify", self.model)

    def file(self, n, seed):
        """N new rows in a file, and as they are stored."""
        self.count += 1
        path = os.path.join(self.scratch, f"given{self.count}.npy")
        return path, fixtures.save_shard(path, np.random.default_rng(seed).standard_normal((n, fixtures.DIM)), self.dtype)

    def set(self, at, n, seed=1):
        path, rows = self.file(n, seed)
        self.edit("--set", at, path)
        self.rows = np.concatenate([self.rows[:at], rows, self.rows[at + n :]])
        self.dead[at : at + n] = False

    def append(self, n, seed=2):
        path, rows = self.file(n, seed)
        extra = []
        if self.labels is not None:
            more = [f"new {seed} {i}" for i in range(n)]
            with open(path + ".txt", "w", encoding="utf-8") as file:
                file.write("\n".join(more))
            extra = ["--labels", path + ".txt"]
            self.labels = self.labels + more
        if self.ids is not None:
            np.save(path + ".ids.npy", np.arange(n) + 1000 * seed)
            extra = ["--ids", path + ".ids.npy"]
            self.ids = np.concatenate([self.ids, np.arange(n) + 1000 * seed])
        self.edit("--append", path, *extra)
        self.rows = np.concatenate([self.rows, rows])
        self.dead = np.concatenate([self.dead, np.zeros(n, bool)])

    def picked(self, ranges):
        pick = np.zeros(len(self.rows), bool)
        for begin, end in ranges:
            pick[begin:end] = True
        return pick, ",".join(f"{begin}:{end}" for begin, end in ranges)

    def delete(self, *ranges):
        pick, text = self.picked(ranges)
        self.edit("--delete", text)
        self.rows, self.dead = self.rows[~pick], self.dead[~pick]
        if self.labels is not None:
            self.labels = [label for label, gone in zip(self.labels, pick) if not gone]
        if self.ids is not None:
            self.ids = self.ids[~pick]

    def bury(self, *ranges):
        pick, text = self.picked(ranges)
        self.edit("--tombstone", text)
        self.dead |= pick

    def reference(self):
        out = Reference(self.source.features, self.rows, self.metric)
        out.scores[:, self.dead] = -np.inf
        out.order = np.argsort(-out.scores, axis=1, kind="stable")
        out.sorted = np.take_along_axis(out.scores, out.order, axis=1)
        return out

    def check(self, load, folder=None, signature=None, most=None):
        """MOST: no more hits are given than this."""
        folder, reference = str(folder or self.model), self.reference()
        runs = [(signature or self.name, {**self.source.inputs, "k": np.int32(k)}) for k in KEYS]
        for k, output in zip(KEYS, load(folder, runs), strict=True):
            with np.errstate(invalid="ignore"):
                reference.check(Answer(output["scores"], output["indices"]), min(k, most or k))
            if self.labels is not None:
                texts = [text.decode() if isinstance(text, bytes) else text for text in output["labels"].ravel().tolist()]
                assert texts == [self.labels[row] for row in output["indices"].ravel()]
            if self.ids is not None:
                np.testing.assert_array_equal(output["ids"], self.ids[output["indices"]])

    def check_query(self, folder=None):
        """No tombstone is listed, and the search is the scan of mapped rows."""
        shown = self.inlay("show", folder or self.model, "--signature", self.name, "--optimized")
        assert shown.count(" = _InlaySearch(") == 1 and "TopKV2" not in shown, shown

        def ask(path, runs):
            return [loaders.query(self.inlay, path, self.scratch, self.source.inputs, int(inputs["k"]), name)
                    for name, inputs in runs]

        self.check(ask, folder, most=int((~self.dead).sum()))

    def check_all(self, load):
        for one in load:
            self.check(one)
        self.check_query()


EDITS = (
    lambda m: m.set(5, 3),
    lambda m: m.bury((0, 2), (60, 61)),
    lambda m: m.append(7),
    lambda m: m.delete((3, 4), (50, 58), (95, 100)),
    lambda m: m.set(0, 1, seed=4),
    lambda m: m.append(1, seed=5),
    lambda m: m.bury((len(m.rows) - 1, len(m.rows))),
    lambda m: m.delete((0, 20)),
)


@pytest.mark.parametrize("case", whole(MATRIX) if FULL else covering(MATRIX), ids=case_name)
def test_edits_one_after_another(inlay, extractor, capi, cli, case, tmp_path):  # noqa: F811
    case = dict(case)
    model = Rows(inlay, str(tmp_path), extractor(case.pop("extractor")), **case)
    ways = (loaders.load_v2, capi, loaders.load_v1, cli)
    for i, edit in enumerate(EDITS):
        edit(model)
        model.check_all(ways if FULL or i + 1 == len(EDITS) else [ways[i % 4]])
    inlay("defuse", model.model, "-o", tmp_path / "parts")
    shards = sorted(os.listdir(tmp_path / "parts/shards"))
    stored = [np.load(tmp_path / "parts/shards" / name) for name in shards]
    if case["dtype"] != "bfloat16":
        np.testing.assert_array_equal(np.concatenate(stored).astype(np.float64), model.rows)


FLAGS = ((), ("--default",))


@pytest.mark.parametrize("kind, flags", list(itertools.product(fixtures.EXTRACTORS, FLAGS)) if FULL
                         else turns(fixtures.EXTRACTORS, FLAGS))
def test_two_collections_are_edited_in_turn(inlay, extractor, capi, cli, kind, flags, tmp_path):  # noqa: F811
    source = extractor(kind)
    first = Rows(inlay, str(tmp_path / "first"), source, "cosine", "labels", flags=flags)
    both = fixtures.Extractor(kind, source.inputs, source.features, [], first.model)
    second = Rows(inlay, str(tmp_path / "second"), both, "l2", "ids", "float16", 2048, flags=("--name", "articles", *flags),
                  seed=43)
    first.model = second.model
    feature = "features" if flags or kind == "none" else "serving_default"
    for i in range(2):
        for edited in (first, second):
            edited.append(5, seed=6 + i)
            edited.bury((i, i + 1))
            edited.delete((30, 33))
    for load in (loaders.load_v2, loaders.load_v1, capi, cli):
        first.check(load)
        second.check(load)
        if flags:
            second.check(load, signature="serving_default")
        output = load(second.model, [(feature, source.inputs)])[0]
        np.testing.assert_allclose(output[source.feature or "features"], source.features, rtol=1e-5, atol=1e-6)
    for edited in (first, second):
        edited.check_query()


def test_the_manifest_and_untouched_bytes(inlay, extractor, tmp_path):  # noqa: F811
    model = Rows(inlay, str(tmp_path), extractor("tf2_text"), "cosine", "labels", chunk=2048)

    def entries():
        with open(os.path.join(model.model, "assets.extra/inlay.json"), encoding="utf-8") as file:
            return json.load(file)["collections"]["search"]

    before = entries()["chunks"]
    model.set(5, 3)
    assert entries()["chunks"] == before  # neither keys nor numbers change
    model.append(300)
    after = entries()
    assert after["chunks"][: len(before) - 1] == before[:-1] and after["rows"] == 430
    assert {chunk["key"] for chunk in after["chunks"][len(before) - 1 :]}.isdisjoint(chunk["key"] for chunk in before)
    inlay("rows", model.model, "--delete", "0:400", "-o", tmp_path / "small")
    assert entries() == after
    model.check_query()


def test_without_a_manifest(inlay, extractor, capi, tmp_path):  # noqa: F811
    model = Rows(inlay, str(tmp_path), extractor("tf1"), "l2", "labels", chunk=2048)
    os.remove(os.path.join(model.model, "assets.extra/inlay.json"))
    os.remove(os.path.join(model.model, "assets.extra/inlay_search.labels"))
    for edit in EDITS:
        edit(model)
    model.check_all([loaders.load_v2, capi])
    assert not os.path.exists(os.path.join(model.model, "assets.extra/inlay.json"))


LARGE = 12 << 20  # bytes of a chunk that is cut when little of it is set


def chunk_rows(model):
    """Rows of each chunk, by the manifest."""
    with open(os.path.join(model.model, "assets.extra/inlay.json"), encoding="utf-8") as file:
        return [chunk["rows"] for chunk in json.load(file)["collections"]["search"]["chunks"]]


def data_files(model):
    folder = os.path.join(model.model, "variables")
    return {entry.inode(): (entry.path, entry.stat().st_size) for entry in os.scandir(folder) if ".data-" in entry.name}


@pytest.mark.parametrize("kind, metric, dtype, known", turns(fixtures.EXTRACTORS, ("cosine", "dot", "l2"), ("float32", "float16"),
                                                             (True, True, False)))
def test_a_large_chunk_is_cut(inlay, extractor, capi, cli, kind, metric, dtype, known, tmp_path):  # noqa: F811
    """KNOWN: the manifest says what parts of the chunk sum to."""
    count = LARGE // (fixtures.DIM * np.dtype(dtype).itemsize)
    model = Rows(inlay, str(tmp_path), extractor(kind), metric, dtype=dtype, counts=(count,))
    if not known:
        os.remove(os.path.join(model.model, "assets.extra/inlay.json"))
    model.bury((count // 2 + 3, count // 2 + 5))
    before = data_files(model)
    for at in (count // 2, 7, count - 9):
        model.set(at, 4, seed=at)
    if known:
        parts = chunk_rows(model)
        assert len(parts) == 5 and sum(parts) == count, parts
    written = [size for inode, (_, size) in data_files(model).items() if inode not in before]
    assert written and max(written) < 4 << 20
    model.check_query()
    model.set(len(model.rows) // 2 - 15_000, 30_000)  # ends within one part, and a whole other one in it
    model.delete((5, 9), (count // 3, count // 3 + 1))
    model.append(3)
    model.bury((0, 1))
    model.check_all((loaders.load_v2, loaders.load_v1, capi, cli))


@pytest.mark.parametrize("at, chunks", ((100, 1), (LARGE // 2, 2)), ids=("beside what is set", "in what stays"))
def test_a_cut_hides_no_damage(inlay, extractor, at, chunks, tmp_path):  # noqa: F811
    """A damaged byte AT some place of the chunk of which rows 30 and 31 are set: it must not be summed as sound."""
    count = LARGE // (fixtures.DIM * 4)
    model = Rows(inlay, str(tmp_path), extractor("none"), "cosine", counts=(count,))
    path, _ = max(data_files(model).values(), key=lambda file: file[1])
    with open(path, "r+b") as file:
        file.seek(128 + at)
        byte = file.read(1)[0]
        file.seek(128 + at)
        file.write(bytes([byte ^ 4]))
    path, _ = model.file(2, 1)
    inlay("rows", model.model, "--set", 30, path)
    assert len(chunk_rows(model)) == chunks
    report = json.loads(inlay("verify", model.model, "--json", code=1))
    damage = [finding["cause"] for finding in report["findings"] if finding["severity"] == "damage"]
    assert "flipped bit" in damage, report
