"""Parsing tf.Example against TensorFlow: dense, sparse, ragged, required, repeated, damaged."""

import random

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

F = tf.train.Feature


def example(**features):
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def floats(*v):
    return F(float_list=tf.train.FloatList(value=v))


def ints(*v):
    return F(int64_list=tf.train.Int64List(value=v))


def texts(*v):
    return F(bytes_list=tf.train.BytesList(value=v))


def entry(key, feature, key_last=False):
    parts = [b"\x0a" + bytes([len(key)]) + key, b"\x12" + bytes([len(feature)]) + feature]
    message = b"".join(reversed(parts) if key_last else parts)
    return b"\x0a" + bytes([len(message)]) + message


def raw(*entries):
    features = b"".join(entries)
    return b"\x0a" + bytes([len(features)]) + features


ONE, TWO = floats(1).SerializeToString(), floats(2).SerializeToString()
A1, A2 = example(a=floats(1, 2)), example(a=floats(3, 4), b=ints(-5), c=texts(b"x\0", b""))
BATCHES = {
    "plain": [A1, A2], "one": [A1], "missing": [A1, example()], "short": [A1, example(a=floats(3))], "empty text": [b"", A1],
    "empty list": [example(a=floats()), A1], "no kind": [example(a=F()), A1], "other kind": [example(a=ints(1, 2)), A1],
    "garbage": [b"hello"], "cut": [A1[:-3]], "none": [], "twice": [example(a=floats(9, 9)) + A1],
    "repeated": [raw(entry(b"a", ONE), entry(b"a", TWO)), raw(entry(b"a", TWO, True))],
    "unpacked": [raw(entry(b"a", b"\x12\x0a\x0d\x00\x00\x80\x3f\x0d\x00\x00\x00\x40"))],
    "two kinds": [raw(entry(b"a", ONE + ints(5).SerializeToString()))], "two lists": [raw(entry(b"a", ONE + TWO))],
    "long": [example(a=floats(*range(100)), b=ints(*range(-50, 50)), c=texts(*[b"t" * i for i in range(50)]))] * 3,
}
SPECS = {
    "pair": {"a": tf.io.FixedLenFeature([2], tf.float32)},
    "pair or": {"a": tf.io.FixedLenFeature([2], tf.float32, [8, 9])},
    "scalar": {"a": tf.io.FixedLenFeature([], tf.float32)}, "scalar or": {"a": tf.io.FixedLenFeature([], tf.float32, 7.0)},
    "sequence": {"a": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True, default_value=7)},
    "sequence of pairs": {"a": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True)},
    "sparse": {"a": tf.io.VarLenFeature(tf.float32), "b": tf.io.VarLenFeature(tf.int64), "c": tf.io.VarLenFeature(tf.string)},
    "ragged": {"a": tf.io.RaggedFeature(tf.float32), "b": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
               "c": tf.io.RaggedFeature(tf.string)},
    "mixed": {"a": tf.io.VarLenFeature(tf.float32), "b": tf.io.FixedLenFeature([1], tf.int64, [3]),
              "c": tf.io.RaggedFeature(tf.string), "d": tf.io.FixedLenFeature([2, 2], tf.string, [["1", "2"], ["3", "4"]])},
}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("batch", BATCHES)
def test_batches(spec, batch):
    serialized = np.array(BATCHES[batch], object)
    check(lambda s: tf.io.parse_example(s, SPECS[spec]), serialized, ranks=True)
    if "ragged" not in spec and spec != "mixed":
        check(lambda s: tf.compat.v1.parse_example(s, SPECS[spec]), serialized, ranks=True)


@pytest.mark.parametrize("spec", SPECS)
def test_one_example(spec):
    for serialized in (A1, A2, example(), BATCHES["long"][0]):
        check(lambda s: tf.io.parse_example(s, SPECS[spec]), serialized, ranks=True)


def test_damage():
    """Whatever a byte becomes, where both answer, they agree."""
    rng = random.Random(1)
    sound = example(a=floats(1, 2), b=ints(300, -1), c=texts(b"ab", b"c"))
    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 2, 8, 10, 13, 18, 26, 127, 128, 255, rng.randrange(256)])
        check(lambda s: tf.io.parse_example(s, SPECS["sparse"]), [bytes(damaged)], ranks=True, stricter=True,
              laxer=True)
