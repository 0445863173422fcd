#!/usr/bin/env python3
"""Replays the corpus tests/fuzz/corpus/TARGET of each fuzz target; each input is a test. Usage: replay.py BUILD TARGET...

A target named fuzz_npy has its inputs in tests/fuzz/corpus/npy (or fuzz_npy). One without a corpus counts as failed."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def corpus(target):
    for name in (target.removeprefix("fuzz_"), target):
        folder = os.path.join(HERE, "fuzz", "corpus", name)
        if os.path.isdir(folder) and os.listdir(folder):
            return folder
    return None


def main():
    build, passed, failed = sys.argv[1], 0, 0
    for target in sys.argv[2:]:
        folder = corpus(target)
        if not folder:
            failed += 1
            print(f"{target}: there is no corpus for it under tests/fuzz/corpus/")
            continue
        inputs = sum(len(names) for _, _, names in os.walk(folder))
        try:
            process = subprocess.run([os.path.join(build, "tests", target), folder], capture_output=True, timeout=300,
                                     check=False)
            output, code = (process.stdout + process.stderr).decode(errors="replace"), process.returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            output, code = str(error), 1
        if code == 0:
            passed += inputs
        else:
            failed += 1
            print(f"{target}: exit code {code}\n{output[-6000:]}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


main()
