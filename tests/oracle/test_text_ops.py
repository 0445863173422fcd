"""Ops on texts against TensorFlow, byte for byte, with random and hostile inputs."""

import random

import numpy as np
import pytest
import tensorflow as tf

from graphs import check

RAW = tf.raw_ops
HOSTILE = [b"", b"\0", b"a\0b", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xf0\x9f\x98",
           b"\xe2\x82\xac", b" \t\n\v\f\r ", b"x" * 5000, "ΑΣ ΣΑΣ. İßﬁŉ".encode(), b"\xef\xbb\xbfbom", b"a,b;;c  d"]


def texts(seed, count=60, alphabet="abAB zZéΣσςİ,.;-_09\t\u0301\U00010400"):
    """Random texts, some of them broken."""
    rng = random.Random(seed)
    out = list(HOSTILE)
    for _ in range(count):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(12))).encode()
        if rng.random() < 0.3 and text:
            at = rng.randrange(len(text))
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
        out.append(text)
    return out


@pytest.mark.parametrize("op", [RAW.StringLower, RAW.StringUpper])
@pytest.mark.parametrize("encoding", ["", "utf-8"])
def test_case(op, encoding):
    check(lambda x: op(input=x, encoding=encoding), texts(1, 400))


@pytest.mark.parametrize("op", [RAW.StringLower, RAW.StringUpper])
def test_case_of_every_character(op):
    points = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
    for around in ("{}", "AΣ{}", "AΣ{}A", "{}Σ"):
        lines = [" ".join(around.format(c) for c in points[i:i + 1024]).encode() for i in range(0, len(points), 1024)]
        check(lambda x: op(input=x, encoding="utf-8"), lines)


def test_strip():
    check(lambda x: RAW.StringStrip(input=x), texts(2))


@pytest.mark.parametrize("unit", ["BYTE", "UTF8_CHAR"])
def test_length(unit):
    check(lambda x: RAW.StringLength(input=x, unit=unit), texts(3))


@pytest.mark.parametrize("unit", ["BYTE", "UTF8_CHAR"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_substr(unit, dtype):
    rng = random.Random(4)
    for text in texts(4, 10):
        for _ in range(4):
            pos, length = rng.randrange(-9, 9), rng.randrange(-3, 9)
            check(lambda x, p, n: RAW.Substr(input=x, pos=p, len=n, unit=unit), [text], dtype(pos), dtype(length))


@pytest.mark.parametrize("pos", [[0, 1], [[0], [1]], [[0, 1], [1, 0]], 1, [1], [[[0]]], [0, 1, 2]])
def test_substr_is_spread(pos):
    pos = np.array(pos, np.int32)
    inputs = [[[b"abc", b"def"], [b"ghi", b"jkl"]], [b"abc", b"defgh"], b"abc"]
    for text in inputs if pos.ndim < 3 else []:  # TensorFlow spreads over two dimensions only
        check(lambda x, p, n: RAW.Substr(input=x, pos=p, len=n), text, pos, np.full_like(pos, 2))
    check(lambda x, p, n: RAW.Substr(input=x, pos=p, len=n), inputs[1], pos, np.array([2, 2, 2, 2], np.int32))


def test_join():
    check(lambda a, b, c: RAW.StringJoin(inputs=[a, b, c], separator="+"), texts(5), texts(6), b"x\0y")
    check(lambda a, b: RAW.StringJoin(inputs=[a, b]), [b"a"], [b"b", b"c"])
    check(lambda a: RAW.StringJoin(inputs=[a]), b"a")
    check(lambda: RAW.StringJoin(inputs=[]))
    check(lambda a, b: RAW.Add(x=a, y=b), [[b"a", b"b\0"]], [[b"c"], [b""], [b"d"]])
    check(lambda a, b: RAW.Add(x=a, y=b), [b"a", b"b"], b"+")
    check(lambda a, b: RAW.Add(x=a, y=b), b"a", b"b")


@pytest.mark.parametrize("axes", [[], [0], [1], [2], [-1], [0, 1], [1, 0], [2, 0, 1], [0, 0], [3], [-3, -1], 1])
@pytest.mark.parametrize("keep", [False, True])
def test_reduce_join(axes, keep):
    cube = np.array([b"%d" % i for i in range(24)], object).reshape(2, 3, 4)
    check(lambda x: RAW.ReduceJoin(inputs=x, reduction_indices=tf.constant(axes, tf.int32), keep_dims=keep,
                                   separator="-"), cube)
    check(lambda x: RAW.ReduceJoin(inputs=x, reduction_indices=tf.constant(axes, tf.int32), keep_dims=keep),
          np.zeros([0, 3, 2], object))


@pytest.mark.parametrize("ids, segments", [([1, 0, 1], 3), ([2, 2, 2], 3), ([0, -1, 0], 2), ([0, 3, 0], 3), (0, 3),
                                           ([0, 1], 2), ([0, 0, 0], 0)])
def test_segment_join(ids, segments):
    for inputs in ([b"a", b"b", b"c"], [[b"a", b"b"], [b"c", b"d"], [b"", b"f"]]):
        check(lambda x, i: RAW.UnsortedSegmentJoin(inputs=x, segment_ids=i, num_segments=segments, separator=","),
              inputs, np.array(ids, np.int32))


PATTERNS = ["", "a", "b*", "[^a-z]+", r"(\w)(\w)", r"\s+", ".", "(?i)AB", "^a|z$", r"\bA", r"[\p{L}]", r"[!-/:-@\[-`{-~]",
            "(a)|b", "a{2,3}", r"\pN", "é", "(", "a**", r"\xff", r"\C", "[[:punct:]]", "(?s).", r"(s|es|ies)\b"]
REWRITES = ["", "-", r"\0", r"<\1>", r"\2\1", r"x\\y", r"x\z", "x\\", r"\9", "\0"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_regex(pattern):
    def all_of_them(x):
        found = [RAW.RegexFullMatch(input=x, pattern=pattern), RAW.StaticRegexFullMatch(input=x, pattern=pattern)]
        for rewrite in REWRITES:
            for every in (True, False):
                found += [op(input=x, pattern=pattern, rewrite=rewrite, replace_global=every)
                          for op in (RAW.RegexReplace, RAW.StaticRegexReplace)]
        return found
    check(all_of_them, texts(7))


@pytest.mark.parametrize("separator", ["", " ", ",", "ab", "\0", "é"])
@pytest.mark.parametrize("limit", [-7, -1, 0, 1, 2])
def test_split(separator, limit):
    check(lambda x: RAW.StringSplitV2(input=x, sep=separator, maxsplit=limit), texts(11))
    check(lambda x: RAW.StringSplitV2(input=x, sep=separator, maxsplit=limit), np.zeros([0], object))
    check(lambda x: RAW.StringSplitV2(input=x, sep=separator, maxsplit=limit), b"scalar")


@pytest.mark.parametrize("characters", ["", " ", ",;", "ab", "\0"])
@pytest.mark.parametrize("skip", [False, True])
def test_old_split(characters, skip):
    check(lambda x: RAW.StringSplit(input=x, delimiter=characters, skip_empty=skip), texts(12))


@pytest.mark.parametrize("widths, pad, short", [([2], -1, False), ([3], -1, False), ([2, 3], 0, False),
                                                ([2, 3], 0, True), ([3], 1, True), ([5], 1, True), ([7], 0, True),
                                                ([], 0, True), ([7], -1, True), ([1], 0, False), ([4, 2], 2, True)])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_ngrams(widths, pad, short, dtype):
    for splits in ([0, 4, 4, 6], [0, 1, 2, 6], [0, 6], [0, 0, 6], [0, 4], [1, 6], [0, 7, 6], [0, 4, 3, 6]):
        check(lambda t, s: RAW.StringNGrams(data=t, data_splits=s, separator="|", ngram_widths=widths, left_pad="L",
                                            right_pad="R", pad_width=pad, preserve_short_sequences=short),
              [b"a", b"b", b"", b"d\0", b"e", b"f"], np.array(splits, dtype))


NUMBERS = [1.5, -0.0, 0.1, 1e20, 1e-7, 123456.789, np.nan, np.inf, -np.inf, 65504.0, 3.4e38]
FORMATS = [{}, {"precision": 3}, {"precision": 0}, {"scientific": True}, {"shortest": True}, {"width": 12},
           {"width": 12, "fill": "0"}, {"width": 12, "fill": "-"}, {"width": 12, "fill": "+"},
           {"width": 12, "fill": " "}, {"width": 12, "fill": "#"}, {"width": 3, "fill": "x"}, {"fill": "0"},
           {"fill": "00"}, {"scientific": True, "shortest": True}, {"precision": 30}, {"precision": -5, "width": -3}]


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_as_string(form):
    for dtype in (tf.float32, tf.float64, tf.float16, tf.bfloat16):
        with np.errstate(over="ignore"):
            check(lambda x: RAW.AsString(input=x, **form), np.array(NUMBERS).astype(dtype.as_numpy_dtype))
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        check(lambda x: RAW.AsString(input=x, **form), np.array([0, 5, -5, np.iinfo(dtype).min], dtype))
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        check(lambda x: RAW.AsString(input=x, **form), np.array([0, 5, np.iinfo(dtype).max], dtype))
    check(lambda x: RAW.AsString(input=x, **form), np.array([True, False]))
    check(lambda x: RAW.AsString(input=x, **form), np.array([1 + 2j, -1.5j], np.complex64))
    check(lambda x: RAW.AsString(input=x, **form), np.array([1 + 2j, -1.5j], np.complex128))
    check(lambda x: RAW.AsString(input=x, **form), [b"", b"abc", b"a\0b", b"0123456789abcdef"])


NUMERALS = [b"1", b" 12 ", b"+5", b"-7", b"1e3", b"0x1F", b"inf", b"-Infinity", b"NaN", b"nan", b"", b" ", b"1.", b".5",
            b"1e", b"1 2", b"2147483648", b"-2147483648", b"9223372036854775808", b"18446744073709551615", b"1e400",
            b"1e39", b"-1e39", b"1e-50", b"1\0", b"\t3\n", b"- 5", b"+-5", b"--5", b"1_000", b"1f", b"INF", b"infinit",
            b"1e-400", b"0x1p3", b"00012", b"1,5", b"16777217", b"3.4028235677973366e38", b"+inf", b"-nan", b"\x0b1",
            b"0b1", b"1E5", b"4294967296", b"-1", b"-0", b"0x", b"x", b"-9223372036854775808", b"-9223372036854775809",
            b"0.1" + b"0" * 300, b"1" * 60, b"99999999999999999999", b"."]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.int32, tf.int64, tf.uint32, tf.uint64])
def test_to_number(dtype):
    for text in NUMERALS:
        check(lambda x: RAW.StringToNumber(string_tensor=x, out_type=dtype), text)


@pytest.mark.parametrize("buckets", [1, 10, 1000, 2**62])
def test_hash_buckets(buckets):
    many = texts(13, 200) + [b"x" * n for n in range(140)]
    check(lambda x: RAW.StringToHashBucketFast(input=x, num_buckets=buckets), many)
    check(lambda x: RAW.StringToHashBucketStrong(input=x, num_buckets=buckets, key=[123, -456]), many)
    check(lambda x: RAW.StringToHashBucket(string_tensor=x, num_buckets=buckets), many)
