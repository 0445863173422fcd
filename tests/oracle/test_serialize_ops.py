"""Tensors as messages and back, tf.Example from JSON, lists against lists, against TensorFlow."""

import json

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
VALUES = [np.float32([[1, 2], [3, np.inf]]), np.int64(7), np.zeros([0, 3], np.int32), np.array([True, False]),
          np.array([b"a", b"", b"\0\xff"], object), np.array(b"x", object), np.arange(5000, dtype=np.float64),
          np.float16([1, 2]), np.uint8([1]), np.complex64([1 + 2j])]
TYPES = [tf.float32, tf.int64, tf.int32, tf.bool, tf.string, tf.string, tf.float64, tf.float16, tf.uint8, tf.complex64]


@pytest.mark.parametrize("value,dtype", zip(VALUES, TYPES), ids=lambda v: getattr(v, "name", None) or str(np.shape(v)))
def test_tensors(value, dtype):
    check(lambda v: RAW.SerializeTensor(tensor=v), value)
    check(lambda v: RAW.ParseTensor(serialized=RAW.SerializeTensor(tensor=v), out_type=dtype), value)
    for wanted in (tf.float32, tf.string):
        message = tf.make_tensor_proto(value).SerializeToString()
        check(lambda s: RAW.ParseTensor(serialized=s, out_type=wanted), np.array(message, object))


@pytest.mark.parametrize("message", [b"", b"\x08", b"hello", b"\x08\x01\x12\x04\x12\x02\x08\x05", b"\x08\x63",
                                     b"\x08\x01\x12\x04\x12\x02\x08\x02\x22\x04abcd", b"\x08\x01\x12\x0b\x12\x09\x08" + b"\xff" * 8 + b"\x7f"],
                         ids=str)
def test_messages_that_are_odd(message):
    check(lambda s: RAW.ParseTensor(serialized=s, out_type=tf.float32), np.array(message, object))
    check(lambda s: RAW.ParseTensor(serialized=s, out_type=tf.float32), np.array([message], object))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, object], ids=str)
def test_sparse_tensors(dtype):
    values = np.array([b"a", b"bc"], object) if dtype is object else np.array([3, 4], dtype)
    feeds = [np.array([[0, 1], [2, 0]]), values, np.array([3, 2])]
    if dtype is not object:  # TensorFlow keeps strings there in another form than elsewhere
        check(lambda i, v, d: RAW.SerializeSparse(sparse_indices=i, sparse_values=v, sparse_shape=d), *feeds)
    check(lambda i, v, d: RAW.DeserializeSparse(serialized_sparse=RAW.SerializeSparse(
        sparse_indices=i, sparse_values=v, sparse_shape=d), dtype=v.dtype), *feeds)
    check(lambda i, v, d: RAW.SerializeSparse(sparse_indices=i, sparse_values=v, sparse_shape=d), feeds[0][:1], *feeds[1:],
          stricter=True)
    check(lambda i, v, d: RAW.DeserializeSparse(serialized_sparse=RAW.SerializeSparse(
        sparse_indices=i, sparse_values=v, sparse_shape=d), dtype=tf.float64), *feeds)
    check(lambda s: RAW.DeserializeSparse(serialized_sparse=s, dtype=tf.float32), np.array([b"a", b"b", b"c"], object))
    check(lambda s: RAW.DeserializeSparse(serialized_sparse=s, dtype=tf.float32), np.array([b"a", b"b"], object))


def feature(**kind):
    return {"features": {"feature": {"f": kind}}}


@pytest.mark.parametrize("example", [feature(floatList={"value": [1.5, 2, "NaN"]}), feature(int64List={"value": ["7", 8]}),
                                     feature(bytesList={"value": ["YWI=", ""]}), {}, feature(), feature(float_list={"value": [1]}),
                                     {"features": {}}], ids=str)
def test_examples_as_json(example):
    kinds = {"floatList": tf.float32, "float_list": tf.float32, "int64List": tf.int64, "bytesList": tf.string}
    given = example.get("features", {}).get("feature", {}).get("f", {})
    spec = {"f": tf.io.VarLenFeature(kinds[next(iter(given), "floatList")])}
    check(lambda s: tf.io.parse_example(RAW.DecodeJSONExample(json_examples=s), spec),
          np.array([json.dumps(example).encode()] * 2, object), ranks=True)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"absent": 1}', b'{"features": 5}', b"null"], ids=str)
def test_json_that_is_no_example(text):
    check(lambda s: RAW.DecodeJSONExample(json_examples=s), np.array([text], object))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.uint8, object], ids=str)
def test_lists_apart(dtype):
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, y = (rng.integers(0, 6, rng.integers(0, 8)).astype(np.int64) for _ in range(2))
        if dtype is object:
            x, y = (np.array([b"t%d" % v for v in a] + [b""], object)[:-1] for a in (x, y))
        for kind in (tf.int32, tf.int64):
            check(lambda a, b: RAW.ListDiff(x=a, y=b, out_idx=kind), x.astype(dtype), y.astype(dtype))
    check(lambda a, b: RAW.ListDiff(x=a, y=b), np.zeros([2, 2], np.int32), np.zeros([2], np.int32))


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_in_top_k(kind):
    rng = np.random.default_rng(4)
    for k in (-1, 0, 1, 2, 5, 9):
        scores = rng.integers(0, 4, [8, 5]).astype(np.float32)
        scores[1, 2], scores[2, 0], scores[3, 1] = np.nan, np.inf, -np.inf
        targets = rng.integers(-1, 6, 8).astype(kind)
        check(lambda p, t: RAW.InTopKV2(predictions=p, targets=t, k=tf.constant(k, t.dtype)), scores, targets)
        check(lambda p, t: RAW.InTopK(predictions=p, targets=t, k=k), scores, targets)
    check(lambda p, t: RAW.InTopK(predictions=p, targets=t, k=1), np.zeros([2, 3], np.float32), np.zeros([3], kind))
