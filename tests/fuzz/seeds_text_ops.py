#!/usr/bin/env python3
"""Makes the fuzz seeds of the ops on texts under tests/fuzz/corpus/text_ops/: each op with attributes and inputs by chance."""

import pathlib
import random
import re
import shutil

HERE = pathlib.Path(__file__).parent
CORPUS = HERE / "corpus" / "text_ops"


def main():
    ops = re.findall(r'^    "(\w+)",$', (HERE / "fuzz_text_ops.c").read_text(encoding="utf-8"), re.M)
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    chance = random.Random(1)
    for i, op in enumerate(ops):
        small = bytes(chance.choice((0, 1, 2, 3, 4, 5, 12, 97, 32, chance.randrange(256))) for _ in range(150))
        (CORPUS / op).write_bytes(bytes([i]) + small)


main()
