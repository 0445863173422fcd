#!/usr/bin/env python3
"""Runs the cmocka programs NAME... of a build folder and sums their tests. Usage: programs.py BUILD NAME..."""

import concurrent.futures
import os
import re
import subprocess
import sys

SECONDS = 300  # a program
RESULT = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) +\] (\d+) test", re.M)


def run(build, name):
    """(passed, failed, skipped, output when something is to be shown)"""
    path = os.path.join(build, "tests", name)
    try:
        process = subprocess.run([os.path.abspath(path)], capture_output=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        return 0, 1, 0, f"{name}: was not built"
    except subprocess.TimeoutExpired as late:
        shown = b"".join(part or b"" for part in (late.stdout, late.stderr)).decode(errors="replace")
        return 0, 1, 0, f"{name}: not done after {SECONDS} s\n{shown[-4000:]}"
    output = (process.stdout + process.stderr).decode(errors="replace")
    counted = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    for what, number in RESULT.findall(output):
        counted[what] += int(number)
    failed = counted["FAILED"] or int(process.returncode != 0) or int(sum(counted.values()) == 0)
    shown = ""
    if failed:
        ran = [line for line in output.split("\n") if not line.startswith(("[ RUN      ]", "[       OK ]"))]
        shown = f"{name}: exit code {process.returncode}\n" + "\n".join(ran[-120:])
    elif counted["SKIPPED"]:
        shown = f"{name}: {counted['SKIPPED']} skipped"
    return counted["PASSED"], failed, counted["SKIPPED"], shown


def main():
    build, names = sys.argv[1], sys.argv[2:]
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for *counts, shown in pool.map(lambda name: run(build, name), names):
            total = [a + b for a, b in zip(total, counts)]
            if shown:
                print(shown, flush=True)
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    sys.exit(1 if total[1] else 0)


main()
