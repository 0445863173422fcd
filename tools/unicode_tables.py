#!/usr/bin/env python3
"""Prints src/kernel/text/unicode_tables.h from Python's own Unicode data.

TensorFlow 2.21 maps case by Unicode 13; the letters that later versions added (NEWER below, from the standard's
DerivedAge.txt) are left out, whatever Python's version has.
"""
import sys

NEWER = [(0x2C2F, 0x2C2F), (0x2C5F, 0x2C5F), (0xA7C0, 0xA7C1), (0xA7CB, 0xA7CD), (0xA7D0, 0xA7D9), (0xA7DA, 0xA7DC),
         (0xA7F2, 0xA7F4), (0x10570, 0x105BC), (0x10780, 0x107BA), (0x1DF00, 0x1DFFF), (0x061D, 0x061D),
         (0x0898, 0x089F), (0x08C8, 0x08D2), (0x0C3C, 0x0C3C), (0x180F, 0x180F), (0x1ACF, 0x1ACE), (0x1AC1, 0x1ACE),
         (0x1DFA, 0x1DFA), (0x1715, 0x1715), (0x20C0, 0x20C0), (0x10F70, 0x10F89),
         (0x11070, 0x11075), (0x110C2, 0x110C2), (0x16A70, 0x16AC9), (0x1AFF0, 0x1AFFE), (0x1CF00, 0x1CFC3),
         (0x1E290, 0x1E2AE), (0x1FA70, 0x1FAFF), (0x888, 0x888), (0x890, 0x891), (0xC5D, 0xC5D), (0xCDD, 0xCDD),
         (0x1E4D0, 0x1E4FF), (0x1E030, 0x1E08F), (0x10D69, 0x10D8F), (0x10D4A, 0x10D65), (0x1C89, 0x1C8A), (0xFBC2, 0xFBC2)]
ONCE_IGNORABLE = [0x1734]  # a nonspacing mark until Unicode 14
POINTS = [c for c in range(0x110000)
          if not 0xD800 <= c < 0xE000 and not any(a <= c <= b for a, b in NEWER)]


def ranges(pairs):
    """(code, delta) -> runs (first, last, step, delta) of equal delta one or two apart."""
    out = []
    for code, delta in pairs:
        if out:
            first, last, step, d = out[-1]
            if d == delta and code - last in (1, 2) and (first == last or code - last == step):
                out[-1] = (first, code, code - last, d)
                continue
        out.append((code, code, 1, delta))
    return out


def case_table(name, convert):
    simple, special = [], []
    for c in POINTS:
        text = convert(chr(c))
        if text == chr(c):
            continue
        if len(text) == 1:
            simple.append((c, ord(text) - c))
        else:
            special.append((c, [ord(t) for t in text]))
    print(f"static const case_run {name}_runs[] = {{")
    for run in ranges(simple):
        print("    {0x%x, 0x%x, %d, %d}," % run)
    print("};")
    print(f"static const case_special {name}_specials[] = {{")
    for c, texts in special:
        print("    {0x%x, {%s}}," % (c, ", ".join("0x%x" % t for t in texts + [0] * (3 - len(texts)))))
    print("};")


def property_table(name, test):
    out = []
    for c in POINTS:
        if not test(c):
            continue
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    print(f"static const property_run {name}_runs[] = {{")
    for run in out:
        print("    {0x%x, 0x%x}," % tuple(run))
    print("};")


def is_ignorable(c):
    """Case_Ignorable, seen by whether a final sigma looks past it."""
    if c in ONCE_IGNORABLE:
        return True
    return ("A\u03a3" + chr(c) + "A").lower()[1] == "\u03c3" and ("A\u03a3" + chr(c)).lower()[1] == "\u03c2"


def is_cased(c):
    return ("A\u03a3" + chr(c)).lower()[1] == "\u03c3"


def main():
    print("/* Written by tools/unicode_tables.py; do not edit. Unicode 13. */")
    print("#ifndef KERNEL_UNICODE_TABLES_H\n#define KERNEL_UNICODE_TABLES_H\n\n#include <stdint.h>\n")
    print("typedef struct case_run {\n    uint32_t first, last;\n    int32_t step, delta;\n} case_run;")
    print("typedef struct case_special {\n    uint32_t code;\n    uint32_t to[3]; /* 0: none */\n} case_special;")
    print("typedef struct property_run {\n    uint32_t first, last;\n} property_run;\n")
    case_table("lower", str.lower)
    case_table("upper", str.upper)
    property_table("cased", is_cased)
    property_table("ignorable", is_ignorable)
    print("\n#endif")


sys.exit(main())
