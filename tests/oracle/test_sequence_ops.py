"""Parsing tf.SequenceExample, and one tf.Example, against TensorFlow."""

import os

import numpy as np
import pytest
import tensorflow as tf

from graphs import check
from test_example_ops import BATCHES, F, floats, ints, texts

ROUNDS = int(os.environ.get("INLAY_ROUNDS", "25"))  # by hand: 500


def rng_of(*key):
    """The same numbers each time."""
    return np.random.default_rng(list("".join(map(str, key)).encode()))


SINGLE = {
    "pair": {"a": tf.io.FixedLenFeature([2], tf.float32)},
    "pair or": {"a": tf.io.FixedLenFeature([2], tf.float32, [8, 9])},
    "scalar": {"a": tf.io.FixedLenFeature([], tf.float32)}, "empty": {},
    "sequence": {"a": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True, default_value=7.)},
    "sparse": {"a": tf.io.VarLenFeature(tf.float32), "b": tf.io.VarLenFeature(tf.int64), "c": tf.io.VarLenFeature(tf.string)},
    "mixed": {"a": tf.io.VarLenFeature(tf.float32), "b": tf.io.FixedLenFeature([1], tf.int64, [3])},
}


@pytest.mark.parametrize("spec", [s for s in SINGLE if s != "empty"])
@pytest.mark.parametrize("batch", BATCHES)
def test_one_example(spec, batch):
    """tf.io.parse_single_example runs ParseExampleV2; the older op takes its keys from attributes."""
    sparse = {k: v for k, v in SINGLE[spec].items() if isinstance(v, tf.io.VarLenFeature)}
    dense = {k: v for k, v in SINGLE[spec].items() if k not in sparse}
    for one in BATCHES[batch]:
        def parse(s):
            defaults = [tf.constant([] if getattr(v, "default_value", None) is None else v.default_value, v.dtype)
                        for v in dense.values()]
            shapes = [[None] + v.shape if isinstance(v, tf.io.FixedLenSequenceFeature) else v.shape for v in dense.values()]
            return list(tf.raw_ops.ParseSingleExample(
                serialized=s, dense_defaults=defaults, num_sparse=len(sparse), sparse_keys=list(sparse), dense_keys=list(dense),
                sparse_types=[v.dtype for v in sparse.values()], dense_shapes=shapes))
        check(parse, np.array(one, object))


def sequence(context, **lists):
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list={k: tf.train.FeatureList(feature=v) for k, v in lists.items()})
    ).SerializeToString()


CONTEXTS = {
    "none": {}, "dense": {"a": tf.io.FixedLenFeature([2], tf.float32, [8, 9]), "b": tf.io.FixedLenFeature([], tf.int64)},
    "sparse": {"a": tf.io.VarLenFeature(tf.float32), "c": tf.io.VarLenFeature(tf.string)},
    "ragged": {"a": tf.io.RaggedFeature(tf.float32), "b": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)},
}
LISTS = {
    "none": {}, "dense": {"x": tf.io.FixedLenSequenceFeature([], tf.int64), "y": tf.io.FixedLenSequenceFeature([2], tf.float32)},
    "may miss": {"x": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
                 "z": tf.io.FixedLenSequenceFeature([1, 2], tf.string, allow_missing=True)},
    "sparse": {"x": tf.io.VarLenFeature(tf.int64), "y": tf.io.VarLenFeature(tf.float32), "z": tf.io.VarLenFeature(tf.string)},
    "ragged": {"x": tf.io.RaggedFeature(tf.int64), "z": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)},
}


def random_sequence(rng):
    context = {}
    if rng.random() < .7:
        context["a"] = floats(*rng.integers(0, 9, 2 if rng.random() < .8 else rng.integers(0, 4)))
    if rng.random() < .8:
        context["b"] = ints(*rng.integers(-9, 9, 1 if rng.random() < .8 else rng.integers(0, 3)).tolist())
    if rng.random() < .5:
        context["c"] = texts(*[b"t" * int(n) for n in rng.integers(0, 3, rng.integers(0, 3))])
    if rng.random() < .1:
        context["a"] = F()
    fixed = rng.random() < .7
    lists = {}
    for key, make in (("x", lambda n: ints(*range(n))), ("y", lambda n: floats(*range(n))),
                      ("z", lambda n: texts(*[b"u" * i for i in range(n)]))):
        if rng.random() < .8:
            width = {"x": 1, "y": 2, "z": 2}[key]
            lists[key] = [make(width if fixed else int(rng.integers(0, 4))) for _ in range(rng.integers(0, 4))]
            if rng.random() < .05:
                lists[key].append(F())
            if rng.random() < .05:
                lists[key].append(floats(1, 2))
    data = sequence(context, **lists)
    return data if rng.random() < .93 else data[:-int(rng.integers(1, 4))]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("lists", LISTS)
def test_sequences(context, lists):
    if context == lists == "none":
        return
    rng = rng_of(context, lists)
    for i in range(max(10, ROUNDS // 5)):
        batch = np.array([random_sequence(rng) for _ in range(rng.integers(0, 4))] + [b""], object)[:-1]
        check(lambda s: tf.io.parse_sequence_example(s, CONTEXTS[context] or None, LISTS[lists] or None), batch, ranks=True,
              laxer=len(batch) == 0)  # TensorFlow wants one to find the length of what is dense
        check(lambda s: tf.io.parse_single_sequence_example(s, CONTEXTS[context] or None, LISTS[lists] or None),
              np.array(random_sequence(rng), object), ranks=True) if "ragged" not in (context, lists) else None


def test_keys_from_attributes():
    rng = rng_of("v1")
    for i in range(ROUNDS):
        batch = np.array([random_sequence(rng) for _ in range(rng.integers(0, 4))] + [b""], object)[:-1]

        def parse(s):
            return list(tf.raw_ops.ParseSequenceExample(
                serialized=s, debug_name=[], context_dense_defaults=[tf.constant([8., 9.]), tf.zeros([0], tf.int64)],
                feature_list_dense_missing_assumed_empty=["x"] if i % 2 else [], context_sparse_keys=["c"],
                context_dense_keys=["a", "b"], feature_list_sparse_keys=["z"], feature_list_dense_keys=["x", "y"],
                Ncontext_sparse=1, Ncontext_dense=2, Nfeature_list_sparse=1, Nfeature_list_dense=2,
                context_sparse_types=[tf.string], feature_list_dense_types=[tf.int64, tf.float32],
                context_dense_shapes=[[2], []], feature_list_sparse_types=[tf.string], feature_list_dense_shapes=[[], [2]]))
        check(parse, batch, laxer=len(batch) == 0)
