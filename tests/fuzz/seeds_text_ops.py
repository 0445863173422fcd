#!/usr/bin/env python3
"""Makes the fuzz seeds of the ops on texts under tests/fuzz/corpus/text_ops/: each op with attributes and inputs by chance."""

import pathlib
import random
import re
import shutil

HERE = pathlib.Path(__file__).parent
CORPUS = HERE / "corpus" / "text_ops"
WIDE = ("0900050400ff0cfffdffff76bac487ff5f000065044101002b01f005050503042004610303010c22205fbac4f2f2f3baf273"
        "7472b29e9e9e9e9e9e9e9e9a9ef1f1f18751515151515151514e1102")  # n-grams wider than their rows are long

LAST = ("37b71c445f52414e4b1c1c1cfafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafa"
        "fafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafafa"
        "fafafafafafafafafafafafafafafafafa1c1c1c271c1c1c1c1c1c3b1c1c1c1c1c1c1c1c1c1c1c1c1c1c1e1c1c051c1c0502")  # the largest segment id there is


def main():
    ops = re.findall(r'^    "(\w+)",$', (HERE / "fuzz_text_ops.c").read_text(encoding="utf-8"), re.M)
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    chance = random.Random(1)
    for i, op in enumerate(ops):
        small = bytes(chance.choice((0, 1, 2, 3, 4, 5, 12, 97, 32, chance.randrange(256))) for _ in range(150))
        (CORPUS / op).write_bytes(bytes([i]) + small)
    (CORPUS / "wide_ngrams").write_bytes(bytes.fromhex(WIDE))
    (CORPUS / "last_segment").write_bytes(bytes.fromhex(LAST))


main()
