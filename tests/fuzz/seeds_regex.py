#!/usr/bin/env python3
"""Makes the seeds of fuzz_regex: pattern, rewrite and text, a line each. Usage: seeds_regex.py"""

import pathlib

CORPUS = pathlib.Path(__file__).parent / "corpus" / "regex"
SEEDS = {
    "punctuation": (rb"[^\w\s]+", b" ", b"it's, well... fine!"),
    "plural": (rb"(\w{3,})ies\b", rb"\1y", b"berries and ponies"),
    "whole": (rb"(.*)", rb"<\0>", b"everything"),
    "empty_matches": (rb"x*", b"-", b"abxc"),
    "anchors": (rb"^a|b$", b"_", b"a line\nof b"),
    "unicode_class": (rb"\pL+", b"w", "gr\u00fc\u00df Gott \u4e2d\u6587".encode()),
    "case": (rb"(?i)STRASSE", b"road", b"Strasse strasse"),
    "invalid_utf8": (rb".", b"?", b"a\xff\xfe\xc3"),
    "invalid_pattern": (rb"(a", b"", b"a"),
    "invalid_rewrite": (rb"a", rb"\9", b"aaa"),
    "backslashes": (rb"\\", rb"\\\\", b"C:\\temp\\x"),
    "counted": (rb"(a{1,100}b?){1,9}", rb"\1\1", b"aaaaaaaaaaaaaaaab"),
    "nothing": (b"", b"", b""),
    "nul": (rb"\x00", b"0", b"a\0b"),
}

CORPUS.mkdir(parents=True, exist_ok=True)
for name, parts in SEEDS.items():
    (CORPUS / name).write_bytes(b"\n".join(parts))
