"""Fused models answer as brute force does, whoever asks: four ways of TensorFlow, and `inlay query`."""

import itertools
import json
import os
import re

import numpy as np
import pytest
import tensorflow as tf

import fixtures
import loaders
from brute import Answer, Reference
from conftest import FULL
from pairwise import covering, whole

METRICS = ("cosine", "dot", "l2")
DTYPES = ("float32", "float16")
MAIN = {"extractor": fixtures.EXTRACTORS, "metric": METRICS, "shards": tuple(fixtures.SHARDS), "dtype": DTYPES}
# Small chunks make several variables of one shard: 64 rows of 16 float32.
MORE = {"chunk": (None, 4096), "extra": (None, "labels", "ids")}
ASKED = (1, 10, 10_000)


def cases():
    if not FULL:
        return covering(MAIN | MORE)
    return [case | more for case, more in zip(whole(MAIN), itertools.cycle(whole(MORE)))]


def case_name(case):
    return "-".join(str(value) for value in case.values() if value is not None)


@pytest.fixture(scope="session")
def extractor(tmp_path_factory):
    """extractor(kind): made once."""
    folder, made = str(tmp_path_factory.mktemp("extractors")), {}

    def get(kind):
        if kind not in made:
            made[kind] = fixtures.make_extractor(folder, kind)
        return made[kind]

    return get


class Fused:
    """A model that was fused, what went into it, and the answers to expect of it."""

    def __init__(self, inlay, folder, extractor, collection, metric, *flags):
        self.folder = os.path.join(folder, "model")
        self.extractor, self.collection = extractor, collection
        self.reference = Reference(extractor.features, collection.rows, metric)
        inlay("fuse", *extractor.arguments(), "--embeddings", collection.folder, "--metric", metric, *collection.flags,
              *flags, "-o", self.folder)

    def runs(self, signature="search"):
        return [(signature, {**self.extractor.inputs, "k": np.int32(k)}) for k in ASKED]

    def check(self, outputs):
        """OUTPUTS: what a loader gave for runs()."""
        for k, output in zip(ASKED, outputs, strict=True):
            self.check_one(output, k)

    def check_query(self, inlay, scratch, signature="search", folder=None):
        """The program's own answers, which come from a scan of the mapped rows in place of the nodes that were saved."""
        folder = folder or self.folder
        shown = inlay("show", folder, "--signature", signature, "--optimized")
        assert shown.count(" = _InlaySearch(") == 1 and "TopKV2" not in shown, shown
        self.check([loaders.query(inlay, folder, scratch, self.extractor.inputs, k, signature) for k in ASKED])

    def check_one(self, output, k, check=Reference.check):
        wanted = {"scores", "indices"} | ({"labels"} if self.collection.labels else set())
        wanted |= {"ids"} if self.collection.ids is not None else set()
        assert set(output) == wanted
        assert output["indices"].dtype == np.int64 and output["scores"].dtype == np.float32
        check(self.reference, Answer(output["scores"], output["indices"]), k)
        if self.collection.labels:
            texts = [text.decode() if isinstance(text, bytes) else text for text in output["labels"].ravel().tolist()]
            assert texts == [self.collection.labels[row] for row in output["indices"].ravel()]
        if self.collection.ids is not None:
            np.testing.assert_array_equal(output["ids"], self.collection.ids[output["indices"]])


@pytest.fixture(scope="session")
def fused(inlay, extractor, tmp_path_factory):
    """fused(case): made once."""
    made = {}

    def get(case):
        name = case_name(case)
        if name not in made:
            folder = str(tmp_path_factory.mktemp("fused"))
            collection = fixtures.make_collection(folder, fixtures.SHARDS[case["shards"]], case["dtype"], extra=case["extra"])
            chunk = ["--chunk", case["chunk"]] if case["chunk"] else []
            made[name] = Fused(inlay, folder, extractor(case["extractor"]), collection, case["metric"], *chunk)
        return made[name]

    return get


def simple(extractor, **changes):
    """One case by name, for tests that need no matrix."""
    return {"extractor": extractor, "metric": "cosine", "shards": "3", "dtype": "float32", "chunk": None, "extra": None} | changes


every_case = pytest.mark.parametrize("case", cases(), ids=case_name)
every_extractor = pytest.mark.parametrize("kind", fixtures.EXTRACTORS)


@every_case
def test_saved_model_load(fused, case):
    model = fused(case)
    model.check(loaders.load_v2(model.folder, model.runs()))


@every_case
def test_v1_loader_in_a_session(fused, case):
    model = fused(case)
    model.check(loaders.load_v1(model.folder, model.runs()))


@every_case
def test_c_library(fused, capi, case):
    model = fused(case)
    model.check(capi(model.folder, model.runs()))


@every_case
def test_saved_model_cli_run(fused, cli, case):
    model = fused(case)
    model.check(cli(model.folder, model.runs()))


@every_case
def test_inlay_query(inlay, fused, case, tmp_path):
    fused(case).check_query(inlay, tmp_path)


SHOWN = ("inputs['k'] tensor_info:\n        dtype: DT_INT32", "outputs['scores'] tensor_info:\n        dtype: DT_FLOAT",
         "outputs['indices'] tensor_info:\n        dtype: DT_INT64", "outputs['labels'] tensor_info:\n        dtype: DT_STRING")


def search_part(shown):
    """What `saved_model_cli show --all` tells about the signature `search`."""
    return shown[shown.index("signature_def['search']"):].split("signature_def[", 2)[1]


@every_extractor
def test_saved_model_cli_show(fused, kind):
    shown = search_part(loaders.show_all(fused(simple(kind, extra="labels")).folder))
    for part in SHOWN:
        assert part in shown


def test_saved_model_cli_as_a_process(fused, tmp_path):
    model = fused(simple("tf2_text", extra="labels"))
    shown = search_part(loaders.saved_model_cli("show", "--dir", model.folder, "--all"))
    for part in SHOWN:
        assert part in shown
    np.save(tmp_path / "k.npy", np.int32(4))
    inputs = loaders.save_inputs(str(tmp_path / "in"), model.extractor.inputs) + f";k={tmp_path}/k.npy"
    loaders.saved_model_cli("run", "--dir", model.folder, "--tag_set", "serve", "--signature_def", "search",
                            "--inputs", inputs, "--outdir", tmp_path / "out")
    output = {path[:-4]: np.load(tmp_path / "out" / path, allow_pickle=True) for path in os.listdir(tmp_path / "out")}
    model.check_one(output, 4)


@every_extractor
def test_the_extractors_signature_still_works(fused, capi, cli, kind):
    """Without one the signature `features` gives the query as it is."""
    model = fused(simple(kind))
    run = [("features" if kind == "none" else "serving_default", model.extractor.inputs)]
    for load in (loaders.load_v2, loaders.load_v1, capi, cli):
        output = load(model.folder, run)[0][model.extractor.feature or "features"]
        np.testing.assert_allclose(output, model.extractor.features, rtol=1e-5, atol=1e-6)


def test_the_lookup_of_a_tf1_extractor_still_works(fused, capi):
    run = [("lookup", {"text": loaders.strings(["bird", "none of them"])})]
    for load in (loaders.load_v2, loaders.load_v1, capi):
        assert load(fused(simple("tf1")).folder, run)[0]["ids"].tolist() == [4, -1]


def test_functions_and_variables_of_a_tf2_extractor_still_work(fused):
    model = fused(simple("tf2_text"))
    loaded = tf.saved_model.load(model.folder)
    np.testing.assert_allclose(loaded.embed(tf.constant(["river bank"])), model.extractor.features[:1], rtol=1e-5)
    names = {variable.name.split(":")[0] for variable in loaded.signatures["search"].trainable_variables}
    assert names == {"vectors", "bias"}
    both = loaded.signatures["both"](text=tf.constant(["tree"]), scale=tf.constant(2.0))
    np.testing.assert_allclose(both["scaled"], 2 * both["plain"])


SIZES = [(batch, k) for batch in (0, 1, 700) for k in (0, 3)]


@every_extractor
def test_batches_of_any_size(fused, capi, inlay, kind, tmp_path):
    model = fused(simple(kind))
    batches = [(*model.extractor.tiled(batch), k) for batch, k in SIZES]
    runs = [("search", {**inputs, "k": np.int32(k)}) for inputs, _, k in batches]
    answers = [load(model.folder, runs) for load in (loaders.load_v2, capi)]
    answers.append([loaders.query(inlay, model.folder, tmp_path, inputs, k) for inputs, _, k in batches])
    for outputs in answers:
        for (_, features, k), output in zip(batches, outputs, strict=True):
            # JSON cannot tell [0, 3] from [0, 0]
            shape = (len(features), min(k, len(model.collection.rows)))
            answer = Answer(output["scores"].reshape(shape), output["indices"].reshape(shape))
            Reference(features, model.collection.rows, "cosine").check(answer, k)


@every_extractor
def test_k_may_be_left_out_where_the_loader_allows(inlay, extractor, capi, cli, kind, tmp_path):
    collection = fixtures.make_collection(str(tmp_path), (30, 20))
    model = Fused(inlay, str(tmp_path), extractor(kind), collection, "cosine", "--k", "7")
    for load in (loaders.load_v1, capi, cli):
        model.check_one(load(model.folder, [("search", model.extractor.inputs)])[0], 7)
    model.check_one(loaders.query(inlay, model.folder, tmp_path, model.extractor.inputs), 7)


OTHER = {"metric": METRICS, "dtype": ("float64", "bfloat16", ">f4", "<f2"), "order": ("C", "F"), "chunk": (1024, 2**26)}


@pytest.mark.parametrize("case", whole(OTHER) if FULL else covering(OTHER), ids=case_name)
def test_other_dtypes_and_orders(inlay, extractor, capi, case, tmp_path):
    collection = fixtures.make_collection(str(tmp_path), (90, 0, 60), case["dtype"], order=case["order"])
    model = Fused(inlay, str(tmp_path), extractor("none"), collection, case["metric"], "--chunk", case["chunk"])
    for load in (loaders.load_v2, capi):
        model.check(load(model.folder, model.runs()))
    model.check_query(inlay, tmp_path)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("chunk", ("64MiB", "1024"))
def test_ties_go_to_the_lower_row(inlay, capi, cli, metric, chunk, tmp_path):
    """Vectors of small whole numbers, of which many are equal: no sum rounds, so ties are ties for everybody."""
    random = np.random.default_rng(50)
    rows = random.integers(-1, 2, (400, 4)).astype(np.float32)
    shards = tmp_path / "shards"
    shards.mkdir()
    for i, part in enumerate(np.split(rows, [100, 101, 350])):
        np.save(shards / f"{i}.npy", part)
    queries = random.integers(-2, 3, (6, 4)).astype(np.float32)
    if metric == "cosine":  # 1 / size must not round either: rows of size 1 or 2, queries of size 1
        rows = np.where(np.abs(rows).sum(1, keepdims=True) % 4 == 0, rows, np.eye(4, dtype=np.float32)[np.arange(400) % 4])
        for i, part in enumerate(np.split(rows, [100, 101, 350])):
            np.save(shards / f"{i}.npy", part)
        queries = np.concatenate([np.eye(4, dtype=np.float32), np.zeros((2, 4), np.float32)])
    extractor = fixtures.Extractor("none", {"query": queries}, queries)
    collection = fixtures.Collection(str(shards), rows.astype(np.float64))
    model = Fused(inlay, str(tmp_path), extractor, collection, metric, "--chunk", chunk)
    answers = [load(model.folder, model.runs()) for load in (loaders.load_v2, loaders.load_v1, capi, cli)]
    answers.append([loaders.query(inlay, model.folder, tmp_path, extractor.inputs, k) for k in ASKED])
    for outputs in answers:
        for k, output in zip(ASKED, outputs, strict=True):
            model.check_one(output, k, Reference.check_exactly)


@pytest.mark.parametrize("kind", ("none", "frozen", "tf1_resource", "tf2_text", "keras"))
def test_saved_again_from_python(fused, capi, inlay, kind, tmp_path):
    """Not with reference variables: TensorFlow itself loses them when it saves a TF1 model again."""
    model = fused(simple(kind, extra="labels", shards="4, one empty", chunk=4096))
    loaded = tf.saved_model.load(model.folder)
    again = str(tmp_path / "again")
    tf.saved_model.save(loaded, again, signatures={"search": loaded.signatures["search"]})
    del loaded
    for load in (loaders.load_v2, loaders.load_v1, capi):
        model.check(load(again, model.runs()))
    model.check_query(inlay, tmp_path, folder=again)


def test_fine_tuning_the_extractor_changes_the_search(fused):
    model = fused(simple("tf2_text"))
    loaded = tf.saved_model.load(model.folder)
    text = tf.constant(fixtures.TEXTS)

    def search():
        return {key: value.numpy() for key, value in loaded.signatures["search"](text=text, k=tf.constant(5)).items()}

    model.check_one(search(), 5)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_sum(loaded.signatures["search"](text=text, k=tf.constant(1))["scores"])
    variables = [loaded.vectors, loaded.bias]
    gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
    assert all(np.abs(gradient.numpy()).max() > 0 for gradient in gradients)
    for variable, gradient in zip(variables, gradients):
        variable.assign_sub(0.5 * gradient)
    tuned = loaded.embed(text).numpy()
    assert np.abs(tuned - model.extractor.features).max() > 1e-2
    after = search()
    Reference(tuned, model.collection.rows, "cosine").check(Answer(after["scores"], after["indices"]), 5)


@pytest.mark.parametrize("flags", ((), ("--default",)), ids=("plain", "default"))
@every_extractor
def test_two_collections_in_one_model(inlay, extractor, capi, cli, kind, flags, tmp_path):
    """The second is fused to the signature that gives the features, and with --default takes the default's place."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = Fused(inlay, str(tmp_path / "first"), extractor(kind),
                  fixtures.make_collection(str(tmp_path / "first"), (40, 30), extra="labels"), "cosine", *flags)
    source = fixtures.Extractor(kind, extractor(kind).inputs, extractor(kind).features, [], first.folder)
    second = Fused(inlay, str(tmp_path / "second"), source,
                   fixtures.make_collection(str(tmp_path / "second"), (25, 0, 60), "float16", seed=43, extra="ids"), "l2",
                   "--name", "articles", *flags)
    key = "features" if flags or kind == "none" else "serving_default"
    names = [("search", first), ("articles", second)] + ([("serving_default", second)] if flags else [])
    runs = [run for name, model in names for run in model.runs(name)] + [(key, first.extractor.inputs)]
    for load in (loaders.load_v2, loaders.load_v1, capi, cli):
        outputs = load(second.folder, runs)
        for i, (_, model) in enumerate(names):
            model.check(outputs[i * len(ASKED):(i + 1) * len(ASKED)])
        (features,) = outputs[-1].values()
        np.testing.assert_allclose(features, first.extractor.features, rtol=1e-5, atol=1e-6)
    for name, model in names:
        model.check_query(inlay, tmp_path, name, second.folder)


@every_extractor
def test_search_as_the_default_signature(inlay, extractor, capi, kind, tmp_path):
    collection = fixtures.make_collection(str(tmp_path), (30, 20))
    model = Fused(inlay, str(tmp_path), extractor(kind), collection, "dot", "--default")
    model.check_query(inlay, tmp_path, "serving_default")
    for load in (loaders.load_v2, loaders.load_v1, capi):
        model.check(load(model.folder, model.runs("serving_default")))
        output = load(model.folder, [("features", model.extractor.inputs)])[0]
        np.testing.assert_allclose(output[model.extractor.feature or "features"], model.extractor.features, rtol=1e-5,
                                   atol=1e-6)


def test_the_feature_is_chosen_by_key(inlay, extractor, capi, tmp_path):
    collection = fixtures.make_collection(str(tmp_path), (50,))
    source = extractor("tf2_text")
    scaled = fixtures.Extractor("tf2_text", {**source.inputs, "scale": np.float32(-1)}, -source.features,
                                ["--signature", "both", "--feature", "scaled"], source.path)
    model = Fused(inlay, str(tmp_path), scaled, collection, "cosine")
    for load in (loaders.load_v2, loaders.load_v1, capi):
        model.check(load(model.folder, model.runs()))


def test_partitioned_variables_are_kept(inlay, capi, tmp_path):
    v1, folder = tf.compat.v1, str(tmp_path / "partitioned")
    inputs = {"x": fixtures.random_rows(3, 4, 70).astype(np.float32)}
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        matrix = v1.get_variable("matrix", [4, fixtures.DIM], partitioner=v1.fixed_size_partitioner(2), use_resource=True,
                                 initializer=v1.random_normal_initializer(seed=71))
        vectors = tf.matmul(x, tf.convert_to_tensor(matrix))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, folder, {"x": x}, {"vectors": vectors})
        features = session.run(vectors, {"x:0": inputs["x"]})
    source = fixtures.Extractor("tf1", inputs, features, [], folder)
    model = Fused(inlay, str(tmp_path), source, fixtures.make_collection(str(tmp_path), (50,)), "cosine")
    for load in (loaders.load_v2, loaders.load_v1, capi):
        model.check(load(model.folder, model.runs()))
    model.check_query(inlay, tmp_path)


def test_text_on_the_command_line(inlay, fused):
    model = fused(simple("tf2_text", extra="labels"))
    lines = "\n".join(fixtures.TEXTS) + "\n"
    model.check_one(loaders.parse_query(inlay("query", model.folder, "--text", "-", "--k", 3, "--json", stdin=lines)), 3)
    one = loaders.parse_query(inlay("query", model.folder, "--text", fixtures.TEXTS[1], "--k", 3, "--json"))
    reference = Reference(model.extractor.features[1:2], model.collection.rows, "cosine")
    reference.check(Answer(one["scores"], one["indices"]), 3)
    table = inlay("query", model.folder, "--text", fixtures.TEXTS[1], "--k", 3)
    for row, label in zip(one["indices"][0], one["labels"][0]):
        assert re.search(rf"\b{row}\b.*{re.escape(label)}", table)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ("float32", "float16", "float64") if FULL else ("float32",))
def test_rows_that_are_not_finite_are_answered_alike(inlay, metric, dtype, tmp_path):
    rows = np.random.default_rng(5).standard_normal((20, 6))
    rows[2, 1], rows[4, 0], rows[4, 1], rows[9, 0], rows[7] = np.nan, np.inf, -np.inf, np.inf, 0
    queries = np.array([[1] * 6, [1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]], np.float32)
    np.save(tmp_path / "rows.npy", rows.astype(dtype))
    inlay("fuse", "--embeddings", tmp_path / "rows.npy", "--metric", metric, "--allow-non-finite", "--chunk", 100, "--check", 20,
          "-o", tmp_path / "model")
    inputs = {"query": queries}
    theirs = loaders.load_v2(str(tmp_path / "model"), [("search", {**inputs, "k": np.int32(20)})])[0]
    shown = json.loads(inlay("query", tmp_path / "model", "--json", "--k", 20, "--inputs", loaders.save_inputs(str(tmp_path), inputs)))
    for ours, scores, indices in zip(shown["queries"], theirs["scores"], theirs["indices"]):
        wins = scores > -np.inf  # what scores minus infinity is not listed
        assert wins.sum() < 20
        assert [hit["index"] for hit in ours["results"]] == indices[wins].tolist()
        np.testing.assert_allclose([hit["score"] for hit in ours["results"]], scores[wins], atol=1e-5)
