#!/usr/bin/env python3
"""Runs the pytest files of tests/FOLDER with PYTHON, by default the oracle's, and prints what they counted.
Usage: run_pytest.py FOLDER [PYTHON]"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def oracle():
    return subprocess.run(["tools/venv.sh"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def main():
    folder = sys.argv[1]
    python = sys.argv[2] if len(sys.argv) > 2 else oracle()
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="", PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.xml")
        code = subprocess.run([python, "-m", "pytest", "-q", "-ra", "--tb=short", "--durations=8", "-p", "no:cacheprovider",
                               f"--junit-xml={report}", f"--basetemp={scratch}/tmp", f"tests/{folder}"],
                              cwd=ROOT, env=env, check=False).returncode
        total = failed = skipped = 0
        if os.path.exists(report):
            for suite in xml.etree.ElementTree.parse(report).iter("testsuite"):
                total += int(suite.get("tests"))
                failed += int(suite.get("failures")) + int(suite.get("errors"))
                skipped += int(suite.get("skipped"))
    if code != 0 and failed == 0:  # 5: no test was found; others: pytest itself failed
        print(f"pytest ended with {code}")
        failed = 1
    print(f"{max(total - failed - skipped, 0)} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


main()
