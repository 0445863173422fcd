"""Characters of texts, and tensors shown in templates, against TensorFlow."""

import itertools
import os

import numpy as np
import pytest
import tensorflow as tf

from graphs import Refused, Server, as_feed, build, check

RAW = tf.raw_ops
ROUNDS = int(os.environ.get("INLAY_ROUNDS", "12"))  # by hand: 500


def rng_of(*key):
    """The same numbers each time."""
    return np.random.default_rng(list("".join(map(str, key)).encode()))


def texts(*items):
    return np.array([*items, b""], object)[:-1]


PIECES = [b"a", b"\x01", b"\0", b"\n", "\u00e9".encode(), "\u20ac".encode(), "\ufffd".encode(), "\U0001f600".encode(), b"\xff",
          b"\xc0\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xc3", "\ufffe".encode(),
          "\ufeff".encode(), b"\xef\xbf", b"\xef\xbb"]
WIDE = [b"\0a", b"a\0", b"\xd8\x3d\xde\0", b"\x3d\xd8\0\xde", b"\xd8\0", b"\0\xd8", b"\xdc\0", b"\0\xdc", b"\0", b"\xff\xfe",
        b"\0\x01\xf6\0", b"\0\xf6\x01\0", b"\0\0\0a", b"a\0\0\0", b"\0\x11\0\0", b"\0\0\xd8\0", b"\xff"]
ENCODINGS = ["UTF-8", "utf8", "UTF-16-BE", "UTF-16BE", "UTF-16LE", "UTF-32-BE", "UTF-32LE", "US-ASCII", "ISO-8859-1", "latin1",
             "windows-1252"]


def pieces(rng, encoding):
    from_ = WIDE if "16" in encoding or "32" in encoding else PIECES
    return texts(*[b"".join(from_[i] for i in rng.integers(0, len(from_), rng.integers(0, 6))) for _ in range(3)])


RULES = list(itertools.product(["strict", "replace", "ignore"], [False, True], [65533, 63]))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("offsets", [False, True])
def test_decode(encoding, offsets):
    rng = rng_of("decode", encoding)
    op = RAW.UnicodeDecodeWithOffsets if offsets else RAW.UnicodeDecode
    for i in range(max(12, ROUNDS // 4)):
        errors, controls, other = RULES[i % 12]
        controls = controls and errors != "strict"
        check(lambda t: op(input=t, input_encoding=encoding, errors=errors, replace_control_characters=controls,
                           replacement_char=other, Tsplits=tf.int64 if offsets else [tf.int32, tf.int64][i % 2]),
              texts(b"\0\0\0a", b"") if errors == "strict" else pieces(rng, encoding))
    check(lambda t: op(input=t, input_encoding=encoding), texts(b"ab", b"cd", b"", b"ef").reshape(2, 2))
    if encoding == "windows-1252":
        check(lambda t: op(input=t, input_encoding=encoding), texts(bytes(range(256))))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("to", ["UTF-8", "UTF-16-BE", "UTF-32-BE"])
def test_transcode(encoding, to):
    rng = rng_of("transcode", encoding)
    for i in range(max(12, ROUNDS // 4)):
        errors, controls, other = RULES[i % 12]
        check(lambda t: RAW.UnicodeTranscode(input=t, input_encoding=encoding, output_encoding=to, errors=errors,
                                             replace_control_characters=controls, replacement_char=other), pieces(rng, encoding))


@pytest.mark.parametrize("encoding,text", [("UTF-8", b"a\xff"), ("US-ASCII", b"\x80"), ("UTF-16-BE", b"\0a\xd8\0"),
                                           ("UTF-32-BE", b"\0\x11\0\0")])
def test_strict_decoding_refuses(encoding, text):
    """TensorFlow refuses too, but in a session may abort before it says so."""
    feeds = [as_feed(texts(text))]
    graph, inputs, flat = build(lambda t: RAW.UnicodeDecode(input=t, input_encoding=encoding, errors="strict"), feeds)
    server = Server()
    server.open(graph.as_graph_def())
    with pytest.raises(Refused, match="Invalid formatting"):
        server.run({inputs[0].name: feeds[0]}, [t.name for t in flat])


CODES = [0, 9, 65, 0x7f, 0x80, 0x7ff, 0x800, 0xd800, 0xdfff, 0xe000, 0xfdd0, 0xfdef, 0xfffd, 0xfffe, 0xffff, 0x10000, 0x1f600,
         0x1fffe, 0x10fffd, 0x10ffff, 0x110000, -1, 2**31 - 1]


@pytest.mark.parametrize("to", ["UTF-8", "UTF-16-BE", "UTF-32-BE"])
@pytest.mark.parametrize("errors", ["strict", "replace", "ignore"])
def test_encode(to, errors):
    rng = rng_of("encode", to, errors)
    for i in range(ROUNDS):
        codes = rng.choice(CODES if i % 3 else [c for c in CODES if 0 <= c < 0xd800], rng.integers(0, 6)).astype(np.int32)
        splits = np.sort(rng.integers(0, len(codes) + 1, 3))
        splits[0], splits[-1] = 0, len(codes)
        check(lambda c, s: RAW.UnicodeEncode(input_values=c, input_splits=s, output_encoding=to, errors=errors,
                                             replacement_char=[65533, 63, 0xfffe][i % 3]), codes,
              splits.astype([np.int32, np.int64][i % 2]))


@pytest.mark.parametrize("splits", [[0], [], [0, 1], [0, 5], [1, 2], [0, 2, 1], [-1, 2], [[0, 2]], 0])
def test_odd_splits(splits):
    check(lambda c, s: RAW.UnicodeEncode(input_values=c, input_splits=s, output_encoding="UTF-8"),
          np.array([65, 66], np.int32), np.array(splits, np.int64), stricter=True)


def test_scripts():
    check(lambda c: RAW.UnicodeScript(input=c), np.arange(-5, 0x110011, dtype=np.int32).reshape(-1, 2))


SHOWN = [np.float32([0, -0.0, 1.5, 0.1, 1e-5, 1e10, 123456789, np.inf, -np.inf, np.nan, 1 / 3, 16777217]), np.arange(12) - 5,
         np.float64([0.1, 1 / 3, 1e300, 1e15, 1e16, 123456.789]), np.array([True, False]), np.int8([-128, 127]),
         np.uint8([0, 255]), np.uint64([2**64 - 1]), np.float16([0.1, 65504]), np.int64(7), np.float32(2), np.zeros([0], np.int32),
         np.arange(24, dtype=np.int32).reshape(2, 3, 4), np.arange(64, dtype=np.int32).reshape(8, 8), np.zeros([2, 0, 2], np.float32),
         np.complex64([1 + 2j, .1j]), texts(b"a", b"b\"c", b"\n\x01\xff'\\", b""), texts(b"x", b"y").reshape(2, 1),
         np.zeros([3, 0], np.int32), np.arange(16).reshape(1, 1, 1, 16)]


@pytest.mark.parametrize("summarize", [3, 1, 0, -1, 6])
@pytest.mark.parametrize("value", SHOWN, ids=lambda v: f"{v.dtype}{list(v.shape)}")
def test_format(value, summarize):
    if value.dtype.kind in "bc" and summarize == 0 or value.dtype.kind == "c" and summarize == 1:
        return  # TensorFlow has its own ways with these
    check(lambda v: RAW.StringFormat(inputs=[v], template="<%s>", placeholder="%s", summarize=summarize), value)


def test_format_of_several():
    a, b = np.arange(3), np.float32([.5])
    check(lambda x, y: RAW.StringFormat(inputs=[x, y], template="a{}b{}c", placeholder="{}"), a, b)
    check(lambda x, y: RAW.StringFormat(inputs=[x, y], template="{}{}", placeholder="{}"), a, b)
    check(lambda x, y: RAW.StringFormat(inputs=[x, y], template="{{}}{}", placeholder="{}"), a, b)
