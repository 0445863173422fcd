"""Ops that turn texts into values and back against TensorFlow: CSV, raw bytes, base64, compressed bytes."""

import base64
import os
import zlib

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
ROUNDS = int(os.environ.get("INLAY_ROUNDS", "30"))  # by hand: 500


def rng_of(*key):
    """The same numbers each time."""
    return np.random.default_rng(list("".join(map(str, key)).encode()))


def texts(*items):
    return np.array([*items, b""], object)[:-1]


def pick(rng, alphabet, most):
    return b"".join(alphabet[i] for i in rng.integers(0, len(alphabet), rng.integers(0, most + 1)))


TYPES = {"i": tf.int32, "l": tf.int64, "f": tf.float32, "d": tf.float64, "s": tf.string}
FALLBACKS = {"i": -7, "l": 2**40, "f": 0.5, "d": 1e300, "s": b"none"}


def csv(records, kinds, required=(), **attrs):
    def decode(r):
        fallbacks = [tf.constant([] if i in required else [FALLBACKS[k]], TYPES[k]) for i, k in enumerate(kinds)]
        return RAW.DecodeCSV(records=r, record_defaults=fallbacks, **attrs)
    check(decode, records, tolerance=1e-7)


CSV = [(b"1,2.5,a", "ifs"), (b",,", "ifs"), (b"1,2", "ifs"), (b"1,2,3,4", "ifs"), (b"1,2,", "ifs"), (b"", "s"), (b"", "ss"),
       (b",", "ss"), (b'"a,b",c', "ss"), (b'"a""b",c', "ss"), (b'"a"b,c', "ss"), (b'a"b,c', "ss"), (b'"a', "s"), (b'"', "s"),
       (b'""', "s"), (b'"",""', "ss"), (b'"a\nb",c', "ss"), (b"a\nb", "s"), (b"a\n", "s"), (b"\na", "s"), (b"a,\nb", "ss"),
       (b"a,\r\n", "ss"), (b" 1 , 2 ", "if"), (b"x", "i"), (b"2147483648", "i"), (b"2147483648", "l"), (b"1e3", "f"), (b"1e3", "i"),
       (b"nan", "f"), (b"inf,-inf", "fd"), (b"0x10", "f"), (b"+5", "i"), (b"1e400", "d"), (b"1e39", "f"), (b"1.5f", "f"),
       (b'"1","2"', "if"), (b"\xff\x00,\x00", "ss"), (b'"a",', "ss"), (b'"a" ,b', "ss"), (b",\n", "ss"), (b"\n", "s"), (b"a\n\n,b", "ss")]


@pytest.mark.parametrize("record,kinds", CSV, ids=str)
def test_records(record, kinds):
    csv(texts(record), kinds)
    csv(texts(record, record).reshape(1, 2), kinds, required=[0])
    csv(texts(record), kinds, use_quote_delim=False)
    csv(texts(record), kinds, na_value="1")
    csv(texts(record), kinds, field_delim="\t")


@pytest.mark.parametrize("columns", [[0], [1], [0, 2], [1, 3], [2, 3], [0, 1, 2, 3], [3], [5]])
def test_selected_columns(columns):
    for record in (b"1,2,3,4", b"1,2,3,", b"1,2,3", b"1", b"", b'"x",2,"3",4', b'1,2"x,3,4', b"1,2,3,4,5,6"):
        csv(texts(record), "s" * len(columns), select_cols=columns)
        csv(texts(record), "l" * len(columns), required=[0], select_cols=columns)


def test_random_records():
    rng = rng_of("csv")
    alphabet = [b",", b",", b'"', b'""', b'","', b"\n", b"\r", b"1", b"23", b".5", b"a", b" ", b"-", b"N"]
    for _ in range(ROUNDS):
        kinds = "".join(rng.choice(list("ilfds"), rng.integers(1, 4)))
        csv(texts(*[pick(rng, alphabet, 8) for _ in range(rng.integers(0, 3))]), kinds, na_value="N",
            required=[0] if rng.random() < .2 else [], use_quote_delim=bool(rng.random() < .8))


RAW_TYPES = [tf.uint8, tf.int8, tf.int16, tf.uint16, tf.int32, tf.int64, tf.float16, tf.float32, tf.float64, tf.bool,
             tf.complex64, tf.complex128]


@pytest.mark.parametrize("dtype", RAW_TYPES, ids=lambda t: t.name)
def test_raw_bytes(dtype):
    rng = rng_of("raw", dtype)
    for i in range(max(4, ROUNDS // 4)):
        size = int(rng.integers(0, 3)) * dtype.size + (i % 6 == 5)
        rows = [bytes(rng.integers(0, 2 if dtype == tf.bool else 60, size + (i % 7 == 6 and r)).astype(np.uint8))
                for r in range(rng.integers(0, 4))]
        for little in (True, False):
            check(lambda b: RAW.DecodeRaw(bytes=b, out_type=dtype, little_endian=little), texts(*rows))
    check(lambda b: RAW.DecodeRaw(bytes=b, out_type=dtype), texts(b"\0" * 16).reshape(()))


@pytest.mark.parametrize("dtype", [t for t in RAW_TYPES if not t.is_complex and t not in (tf.bool, tf.int64, tf.float16)], ids=lambda t: t.name)
def test_padded_raw_bytes(dtype):
    rng = rng_of("padded", dtype)
    for i in range(max(4, ROUNDS // 4)):
        rows = [bytes(rng.integers(0, 2 if dtype == tf.bool else 60, rng.integers(0, 20)).astype(np.uint8)) for _ in range(i % 4)]
        length = dtype.size * int(rng.integers(0, 4)) + (i % 5 == 4)
        check(lambda b, n: RAW.DecodePaddedRaw(input_bytes=b, fixed_length=n, out_type=dtype), texts(*rows),
              np.array(length, np.int32))


def test_base64():
    rng = rng_of("base64")
    for i in range(ROUNDS):
        rows = texts(*[bytes(rng.integers(0, 256, rng.integers(0, 9)).astype(np.uint8)) for _ in range(4)])
        for pad in (True, False):
            check(lambda t: RAW.EncodeBase64(input=t, pad=pad), rows.reshape(2, 2))
        encoded = [base64.urlsafe_b64encode(r) for r in rows]
        check(lambda t: RAW.DecodeBase64(input=t), texts(*encoded))
        check(lambda t: RAW.DecodeBase64(input=t), texts(*[e.rstrip(b"=") for e in encoded]))


@pytest.mark.parametrize("text", [b"YQ==", b"YQ", b"YQ=", b"Y", b"YWI=", b"YWI", b"YWJj", b"YQ===", b"=", b"====", b"Y=Q=", b"Y Q=",
                                  b"+/8=", b"-_8=", b"-_8", b"YR==", b"YWJ=", b"YWJjYQ", b"YWJjY", b"\xff\xff\xff\xff", b"YQ==YQ==",
                                  b"YWI=YQ", b"\0", b"A" * 5, b"AAAA="], ids=str)
def test_base64_that_is_odd(text):
    check(lambda t: RAW.DecodeBase64(input=t), texts(text))


def gzip(data, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def test_compressed_bytes():
    rng = rng_of("compressed")
    for i in range(max(6, ROUNDS // 4)):
        rows = [bytes(rng.integers(0, 3, 10 ** int(rng.integers(0, 6))).astype(np.uint8)) for _ in range(3)]
        check(lambda t: RAW.DecodeCompressed(bytes=t, compression_type="ZLIB"), texts(*[zlib.compress(r) for r in rows]))
        check(lambda t: RAW.DecodeCompressed(bytes=t, compression_type="GZIP"), texts(*[gzip(r) for r in rows]))
        check(lambda t: RAW.DecodeCompressed(bytes=t, compression_type=""), texts(*rows))
    check(lambda t: RAW.DecodeCompressed(bytes=t, compression_type="SNAPPY"), texts(b"a"))


@pytest.mark.parametrize("data", [b"", b"abc", zlib.compress(b"abc" * 99)[:-7], zlib.compress(b"abc")[:-1], gzip(b"abc")[:-3],
                                  zlib.compress(b"abc") + b"more", zlib.compress(b"a" * 300)[:-4] + b"\0\0\0\0"], ids=len)
@pytest.mark.parametrize("kind", ["ZLIB", "GZIP"])
def test_damaged_compressed_bytes(data, kind):
    check(lambda t: RAW.DecodeCompressed(bytes=t, compression_type=kind), texts(data))
