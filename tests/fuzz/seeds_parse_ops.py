#!/usr/bin/env python3
"""Makes the fuzz seeds of the ops that parse, under tests/fuzz/corpus/parse_ops/ and sparse_ops/."""

import base64
import gzip
import pathlib
import random
import shutil
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def entry(key, value):
    return field(1, field(1, key) + field(2, value))


INTS, FLOATS, TEXTS = field(3, field(1, b"\x05\x07")), field(2, field(1, b"\0\0\x80\x3f\0\0\0\x40")), field(1, field(1, b"hi"))
ONE_INT = field(3, field(1, b"\x05"))
FEATURES = entry(b"a", TEXTS) + entry(b"b", INTS) + entry(b"e", ONE_INT) + entry(b"f", FLOATS)
LISTS = (entry(b"x", field(1, TEXTS) * 2) + entry(b"y", field(1, INTS)) + entry(b"u", field(1, ONE_INT) * 2) +
         entry(b"v", field(1, FLOATS)))
SEEDS = {
    "csv": b"\0\1a,1,2.5,3\xfe\"b,\"\"c\",,NA,4", "csv_columns": b"\0\5a,0,1,2.5,0,7,8\xfe,,,,,",
    "all_fields_empty": b"\0\0,,,",  # the buffer of a record's text was never made
    "sequence": b"\1\0" + field(1, FEATURES) + field(2, LISTS) + b"\xfe" + field(1, FEATURES) + field(2, LISTS[:40]),
    "sequence_missing": b"\1\3" + field(1, FEATURES), "single": b"\2\2" + field(1, FEATURES),
    "encode": b"\3\1hello\xfe", "decode": b"\4\0" + base64.urlsafe_b64encode(b"hello\xff\xfe") + b"\xfeYQ",
    "zlib": b"\5\0" + zlib.compress(b"ab" * 50), "gzip": b"\5\1" + gzip.compress(b"ab" * 50, mtime=0),
    "raw": b"\6\1abcdefgh\xfeabcdefgh", "unicode": b"\7\6a\xc3\xa9\xed\xa0\x80\xf0\x9f\x98\x80\xff",
    "wide": b"\x08\x07\0a\xd8\x3d\xde\0\xdc\0",
}


def write(folder, seeds):
    shutil.rmtree(CORPUS / folder, ignore_errors=True)
    (CORPUS / folder).mkdir(parents=True)
    for name, data in seeds.items():
        (CORPUS / folder / name).write_bytes(data)


def main():
    write("parse_ops", SEEDS)
    chance = random.Random(2)
    write("sparse_ops", {f"op{i}": bytes([i, i % 4, 3, 2] + [chance.choice((0, 1, 2, 3, 4, 250)) for _ in range(60)])
                         for i in range(17)})


main()
