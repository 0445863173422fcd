#!/usr/bin/env python3
"""Prints src/kernel/text/script_table.h: the script of every character, as TensorFlow's UnicodeScript answers.

    $(tools/venv.sh) tools/script_table.py > src/kernel/text/script_table.h
"""
import numpy as np
import tensorflow as tf


def main():
    scripts = tf.strings.unicode_script(np.arange(0x110000, dtype=np.int32)).numpy()
    starts = np.flatnonzero(np.concatenate([[True], scripts[1:] != scripts[:-1]]))
    runs = ["{%#x, %d}," % (start, scripts[start]) for start in starts]
    print("/* Written by tools/script_table.py; do not edit. The first character of each run and its script. */")
    print("#ifndef KERNEL_SCRIPT_TABLE_H\n#define KERNEL_SCRIPT_TABLE_H\n\n#include <stdint.h>\n")
    print("typedef struct script_run {\n    uint32_t first;\n    int16_t script; /* its UScriptCode */\n} script_run;\n")
    print("/* clang-format off */\nstatic const script_run script_runs[] = {")
    line = "   "
    for run in runs:
        if len(line) + len(run) > 118:
            print(line)
            line = "   "
        line += " " + run
    print(line + "\n};\n/* clang-format on */\n\n#endif")


main()
