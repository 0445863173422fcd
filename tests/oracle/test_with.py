"""`fuse --with similar,lookup`: rows asked for by their numbers, against NumPy, whoever asks and whatever was edited."""

import json
import os
import subprocess

import numpy as np
import pytest
import tensorflow as tf

import fixtures
import loaders
from brute import Answer, Reference
from conftest import FULL, PROGRAM
from pairwise import covering, turns, whole
from test_fuse import Fused, case_name, extractor  # noqa: F401
from test_rows import Rows

METRICS = ("cosine", "dot", "l2")
MATRIX = {"kind": fixtures.EXTRACTORS, "metric": METRICS, "shards": tuple(fixtures.SHARDS), "dtype": ("float32", "float16"),
          "chunk": (None, 4096), "extra": (None, "labels", "ids")}
WITH = ("--with", "similar,lookup")
ASKED = (1, 10, 10_000)


class Neighbours(Reference):
    """What rows answer when each is asked for the others."""

    def __init__(self, rows, index, metric, dead=None):
        queries = rows[index].astype(np.float32)  # what the search is asked with
        super().__init__(queries, rows, metric)
        if dead is not None:
            self.scores[:, dead] = -np.inf
        batch, others = len(index), np.arange(len(rows) - 1)
        self.numbers = np.where(others < index[:, np.newaxis], others, others + 1).reshape(batch, len(others))
        self.scores = np.take_along_axis(self.scores, self.numbers, axis=1)
        self.order = np.argsort(-self.scores, axis=1, kind="stable")
        self.sorted = np.take_along_axis(self.scores, self.order, axis=1)

    def places(self, rows, index):
        """Numbers of rows as numbers among the others; the row itself is none of them."""
        assert not np.any(rows == index[:, np.newaxis]), "a row is its own neighbour"
        return np.where(rows < index[:, np.newaxis], rows, rows - 1)


class Asked:
    """A fused collection asked by numbers. OF: what has rows, labels, ids and dead of it as they are."""

    def __init__(self, folder, of, metric, name="search", keys=None):
        self.folder, self.of, self.metric = str(folder), of, metric
        prefix = "" if name == "search" else name + "_"
        self.similar, self.lookup = keys or (prefix + "similar", prefix + "lookup")

    def index(self):
        n = len(self.of.rows)
        return np.unique(np.array([0, 5, 7, 15, 16, n // 2, n - 3, n - 1]) % n)[::-1].astype(np.int64)

    def runs(self):
        index = self.index()
        twice = np.concatenate([index, index[:2]])
        return [(self.similar, {"index": index, "k": np.int32(k)}) for k in ASKED] + [(self.lookup, {"index": twice})]

    def check(self, outputs, check=Reference.check):
        index, rows = self.index(), self.of.rows
        reference = Neighbours(rows, index, self.metric, getattr(self.of, "dead", None))
        for k, output in zip(ASKED, outputs[:-1], strict=True):
            assert output["indices"].dtype == np.int64 and output["scores"].dtype == np.float32
            with np.errstate(invalid="ignore"):
                check(reference, Answer(output["scores"], reference.places(output["indices"], index)), k)
            self.check_payload(output, output["indices"], "labels", "ids")
        index = np.concatenate([index, index[:2]])
        vectors = outputs[-1]["vector"]
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, rows[index].astype(np.float32))
        self.check_payload(outputs[-1], index, "label", "id")
        assert set(outputs[-1]) == {"vector"} | ({"label"} if self.of.labels else set()) | (set() if self.of.ids is None else {"id"})

    def check_payload(self, output, rows, label, number):
        assert (label in output) == bool(self.of.labels) and (number in output) == (self.of.ids is not None)
        if self.of.labels:
            texts = [text.decode() if isinstance(text, bytes) else text for text in output[label].ravel().tolist()]
            assert texts == [self.of.labels[row] for row in rows.ravel()]
            assert output[label].shape == rows.shape
        if self.of.ids is not None:
            np.testing.assert_array_equal(output[number], self.of.ids[rows])

    def check_ours(self, inlay, scratch):
        shown = inlay("show", self.folder, "--signature", self.similar, "--optimized")
        assert shown.count(" = _InlaySearch(") == 1 and "TopKV2" not in shown and "MatMul" not in shown, shown
        self.check(run_ours(inlay, self.folder, scratch, self.runs()))

    def check_within(self, inlay):
        """Fewer rows than k: what the graph takes out of each answer must not be what is not there."""
        index = self.index()
        ask = ["query", self.folder, "--similar", ",".join(map(str, index)), "--signature", self.similar, "--json"]
        found = [[hit["index"] for hit in one["results"]] for one in json.loads(inlay(*ask, "--k", len(self.of.rows)))["queries"]]
        some = [row for row in (*range(6), 15) if row < len(self.of.rows)]
        for flags in (["--k", 20], ["--min-score", "-1e30", "--all"]):
            few = json.loads(inlay(*ask, "--rows", ",".join(map(str, some)), *flags, "--vectors"))["queries"]
            for own, all_of, one in zip(index, found, few, strict=True):
                assert [hit["index"] for hit in one["results"]] == [row for row in all_of if row in some and row != own]
                for hit in one["results"]:
                    np.testing.assert_array_equal(np.array(hit["vector"], np.float32), self.of.rows[hit["index"]].astype(np.float32))

    def check_all(self, inlay, scratch, ways):
        for load in ways:
            self.check(load(self.folder, self.runs()))
        self.check_ours(inlay, scratch)
        self.check_within(inlay)


def run_ours(inlay, folder, scratch, runs):
    answers = []
    for i, (key, inputs) in enumerate(runs):
        out = os.path.join(str(scratch), f"ours{i}")
        inlay("run", folder, "--signature_def", key, "--inputs", loaders.save_inputs(os.path.join(str(scratch), "in"), inputs),
              "--outdir", out, "--overwrite")
        answer = {}
        for name in os.listdir(out):
            path = os.path.join(out, name)
            answer[name.rsplit(".", 1)[0]] = np.load(path) if name.endswith(".npy") else np.array(loaders.read_strings(path), object)
            os.remove(path)
        answers.append(answer)
    return answers


def name_for(kind):
    """The TF1 extractor has a signature `lookup` of its own."""
    return "items" if kind == "tf1" else "search"


def make(inlay, folder, source, metric, counts, *flags, name="search", dtype="float32", chunk=None, **changes):
    collection = fixtures.make_collection(str(folder), counts, dtype, **changes)
    chunk = ["--chunk", chunk] if chunk else []
    model = Fused(inlay, str(folder), source, collection, metric, *WITH, "--name", name, *chunk, *flags)
    return Asked(model.folder, collection, metric, name)


@pytest.mark.parametrize("case", whole(MATRIX) if FULL else covering(MATRIX), ids=case_name)
def test_rows_by_number(inlay, extractor, capi, cli, case, tmp_path):  # noqa: F811
    model = make(inlay, tmp_path, extractor(case["kind"]), case["metric"], fixtures.SHARDS[case["shards"]],
                 name=name_for(case["kind"]), dtype=case["dtype"], chunk=case["chunk"], extra=case["extra"])
    model.check_all(inlay, tmp_path, (loaders.load_v2, loaders.load_v1, capi, cli))
    assert "damaged" not in inlay("verify", model.folder)


OTHER = {"metric": METRICS, "dtype": ("float64", "bfloat16", "float32"), "order": ("C", "F"), "chunk": (1024, 2**26)}


@pytest.mark.parametrize("case", whole(OTHER) if FULL else covering(OTHER), ids=case_name)
def test_other_dtypes_and_orders(inlay, extractor, capi, case, tmp_path):  # noqa: F811
    model = make(inlay, tmp_path, extractor("none"), case["metric"], (90, 0, 60), dtype=case["dtype"], chunk=case["chunk"],
                 order=case["order"])
    model.check_all(inlay, tmp_path, (loaders.load_v2, capi))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("chunk", ("64MiB", "1024"))
def test_equal_rows(inlay, capi, cli, metric, chunk, tmp_path):
    """Of many equal rows each leaves out itself and no other, even where more than k + 1 stand before it."""
    rows = np.eye(4, dtype=np.float32)[np.random.default_rng(3).integers(0, 2, 400)]
    if metric == "dot":  # a row is not its own nearest: longer ones score more
        rows *= np.random.default_rng(4).integers(1, 3, (400, 1))
    os.mkdir(tmp_path / "shards")
    np.save(tmp_path / "shards/0.npy", rows)
    queries = np.eye(4, dtype=np.float32)
    collection = fixtures.Collection(str(tmp_path / "shards"), rows.astype(np.float64))
    made = Fused(inlay, str(tmp_path), fixtures.Extractor("none", {"query": queries}, queries), collection, metric, *WITH,
                 "--chunk", chunk)
    model = Asked(made.folder, collection, metric)
    for load in (loaders.load_v2, loaders.load_v1, capi, cli):
        model.check(load(model.folder, model.runs()), Reference.check_exactly)
    model.check(run_ours(inlay, model.folder, tmp_path, model.runs()), Reference.check_exactly)


SMALL = (((1,), None), ((2,), None), ((1, 1, 1), 64))


@pytest.mark.parametrize("kind", ("none", "tf2_text"))
@pytest.mark.parametrize("counts, chunk", SMALL)
def test_few_rows_and_no_questions(inlay, extractor, capi, kind, counts, chunk, tmp_path):  # noqa: F811
    model = make(inlay, tmp_path, extractor(kind), "cosine", counts, chunk=chunk)
    model.check_all(inlay, tmp_path, (loaders.load_v2, loaders.load_v1, capi))
    nothing = np.zeros(0, np.int64)
    runs = [("similar", {"index": nothing, "k": np.int32(3)}), ("lookup", {"index": nothing}),
            ("similar", {"index": np.zeros(2, np.int64), "k": np.int32(0)})]
    for answers in (loaders.load_v2(model.folder, runs), capi(model.folder, runs), run_ours(inlay, model.folder, tmp_path, runs)):
        n = min(3, sum(counts) - 1)
        assert [a["indices"].shape for a in answers[::2]] == [(0, n), (2, 0)]
        assert answers[1]["vector"].shape == (0, fixtures.DIM)


@pytest.mark.parametrize("kind", ("none", "keras"))
@pytest.mark.parametrize("chunk", (None, 1024))
def test_numbers_of_no_row_are_refused(inlay, extractor, capi, kind, chunk, tmp_path):  # noqa: F811
    model = make(inlay, tmp_path, extractor(kind), "dot", (40, 30), chunk=chunk, extra="labels")
    for key, more in (("lookup", {}), ("similar", {"k": np.int32(2)})):
        for bad in ([70], [-1], [3, 2**40, 5]):
            run = [(key, {"index": np.array(bad, np.int64), **more})]
            for load in (loaders.load_v2, loaders.load_v1):
                with pytest.raises(tf.errors.InvalidArgumentError, match=r"index must be from 0 to 69, not\] \["):
                    load(model.folder, run)
            with pytest.raises(AssertionError, match="index must be from 0 to 69"):
                capi(model.folder, run)
            with pytest.raises(AssertionError, match="index must be from 0 to 69"):
                run_ours(inlay, model.folder, tmp_path, run)
    run = [("similar", {"index": np.array([1], np.int64), "k": np.int32(-1)})]
    for load in (loaders.load_v2, capi):
        with pytest.raises((tf.errors.InvalidArgumentError, AssertionError)):
            load(model.folder, run)
    with pytest.raises(AssertionError):
        run_ours(inlay, model.folder, tmp_path, run)


EDITS = (
    lambda m: m.set(5, 3),
    lambda m: m.bury((0, 2), (60, 61)),
    lambda m: m.append(7),
    lambda m: m.delete((3, 4), (50, 58), (95, 100)),
    lambda m: m.bury((len(m.rows) - 1, len(m.rows))),
)
EDITED = {"kind": fixtures.EXTRACTORS, "metric": METRICS, "extra": (None, "labels", "ids"), "dtype": ("float32", "float16"),
          "chunk": (None, 2048), "order": ("C", "F")}


@pytest.mark.parametrize("case", whole(EDITED) if FULL else covering(EDITED), ids=case_name)
def test_edited_rows(inlay, extractor, capi, cli, case, tmp_path):  # noqa: F811
    case = dict(case)
    kind = case.pop("kind")
    rows = Rows(inlay, str(tmp_path), extractor(kind), **case, flags=(*WITH, "--name", name_for(kind)))
    model = Asked(rows.model, rows, case["metric"], name_for(kind))
    ways = (loaders.load_v2, capi, loaders.load_v1, cli)
    for i, edit in enumerate(EDITS):
        edit(rows)
        model.check_all(inlay, tmp_path, ways if i + 1 == len(EDITS) else [ways[i % 4]])
    rows.check_all([loaders.load_v2])


@pytest.mark.parametrize("kind, flags", turns(fixtures.EXTRACTORS, ((), ("--default",))))
def test_the_extractor_comes_back(inlay, extractor, kind, flags, tmp_path):  # noqa: F811
    """What defuse leaves is what it leaves of a model without these signatures."""
    source = extractor(kind)
    for name, parts in (("with", WITH), ("without", ())):
        rows = Rows(inlay, str(tmp_path / name), source, "cosine", "labels", flags=(*parts, "--name", "items", *flags))
        inlay("defuse", rows.model, "--name", "items", "-o", tmp_path / name / "parts")
    left = [tmp_path / name / "parts/extractor/saved_model.pb" for name in ("with", "without")]
    assert [path.exists() for path in left] == [kind != "none"] * 2
    if kind != "none":
        assert left[0].read_bytes() == left[1].read_bytes()


@pytest.mark.parametrize("kind", fixtures.EXTRACTORS)
def test_two_collections(inlay, extractor, capi, cli, kind, tmp_path):  # noqa: F811
    source = extractor(kind)
    first = Rows(inlay, str(tmp_path / "first"), source, "cosine", "labels", flags=(*WITH, "--name", "items"))
    both = fixtures.Extractor(kind, source.inputs, source.features, [], first.model)
    second = Rows(inlay, str(tmp_path / "second"), both, "l2", "ids", "float16", 2048, flags=(*WITH, "--name", "articles"), seed=43)
    first.model = second.model
    models = [Asked(second.model, first, "cosine", "items"), Asked(second.model, second, "l2", "articles")]
    for edited in (first, second):
        edited.append(5, seed=6)
        edited.delete((30, 33))
    for model in models:
        model.check_all(inlay, tmp_path, (loaders.load_v2, loaders.load_v1, capi, cli))
    for edited in (first, second):
        edited.check(loaders.load_v2)
    inlay("defuse", second.model, "--name", "articles", "-o", tmp_path / "parts")
    models[0].folder = str(tmp_path / "parts/extractor")
    models[0].check_all(inlay, tmp_path, (loaders.load_v2, capi))


@pytest.mark.parametrize("kind", fixtures.EXTRACTORS)
def test_merged_models(inlay, extractor, capi, kind, tmp_path):  # noqa: F811
    source = extractor(kind)
    parts = [Rows(inlay, str(tmp_path / str(i)), source, "cosine", "labels", chunk=2048, seed=40 + i, flags=(*WITH, "--name", name))
             for i, name in enumerate(("items", "items", "articles"))]
    inlay("merge", *(part.model for part in parts), "-o", tmp_path / "all")
    parts[0].rows = np.concatenate([part.rows for part in parts[:2]])
    parts[0].dead, parts[0].labels = np.zeros(len(parts[0].rows), bool), parts[0].labels + parts[1].labels
    for part, name in ((parts[0], "items"), (parts[2], "articles")):
        Asked(tmp_path / "all", part, "cosine", name).check_all(inlay, tmp_path, (loaders.load_v2, loaders.load_v1, capi))


@pytest.mark.parametrize("kind", ("none", "frozen", "tf1", "tf2_text"))
def test_renamed_and_removed_signatures(inlay, extractor, capi, kind, tmp_path):  # noqa: F811
    """A name that was given stays through edits of rows; what was removed stays away."""
    rows = Rows(inlay, str(tmp_path), extractor(kind), "dot", "ids", flags=(*WITH, "--name", "items"))
    model = Asked(rows.model, rows, "dot", keys=("neighbours", "items_lookup"))
    inlay("signature", rows.model, "--rename", "items_similar=neighbours")
    rows.append(4)
    model.check_all(inlay, tmp_path, (loaders.load_v2, loaders.load_v1, capi))
    inlay("signature", rows.model, "--remove", "neighbours")
    assert "neighbours" not in inlay("show", rows.model)
    loaders.load_v2(rows.model, [])
    rows.append(4, seed=9)
    assert "neighbours" not in inlay("show", rows.model)
    run = [("items_lookup", {"index": np.array([len(rows.rows) - 1], np.int64)})]
    for load in (loaders.load_v2, capi):
        np.testing.assert_array_equal(load(rows.model, run)[0]["vector"][0], rows.rows[-1].astype(np.float32))
    rows.check_all([loaders.load_v2, capi])


@pytest.mark.parametrize("kind", ("none", "frozen", "tf2_text", "keras"))
def test_saved_again_from_python(inlay, extractor, capi, kind, tmp_path):  # noqa: F811
    model = make(inlay, tmp_path, extractor(kind), "l2", (64, 0, 100), chunk=4096, extra="labels")
    loaded = tf.saved_model.load(model.folder)
    model.folder = str(tmp_path / "again")
    tf.saved_model.save(loaded, model.folder, signatures={key: loaded.signatures[key] for key in ("similar", "lookup")})
    del loaded
    model.check_all(inlay, tmp_path, (loaders.load_v2, loaders.load_v1, capi))


def test_the_rows_are_never_copied(inlay, extractor, tmp_path):  # noqa: F811
    """ResourceGather of a variable makes TensorFlow copy it at every later read."""
    model = make(inlay, tmp_path, extractor("none"), "cosine", (40, 30), extra="labels")
    nodes = {node.name: node for node in loaders.read_metagraph(model.folder).graph_def.node}
    gathered = {node.input[0] for node in nodes.values() if node.op == "ResourceGather"}
    assert gathered == {"inlay_search/labels"}


def test_what_is_there_already_is_refused(inlay, extractor, tmp_path):  # noqa: F811
    collection = fixtures.make_collection(str(tmp_path), (30,))
    done = subprocess.run([PROGRAM, "fuse", extractor("tf1").path, "--embeddings", collection.folder, *WITH, "-o", tmp_path / "m"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "the model has a signature called lookup; choose another name" in done.stderr
    assert not os.path.exists(tmp_path / "m")
