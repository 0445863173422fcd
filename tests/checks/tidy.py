#!/usr/bin/env python3
"""clang-tidy, with the checks that .clang-tidy chooses and justifies, finds nothing in src/ and mpi/."""

import concurrent.futures
import json
import os
import re

import check


def tidy(path):
    return path, check.run(["clang-tidy", "-p", check.build_folder(), "--quiet", "--extra-arg=-Wno-unknown-warning-option", path])


database = os.path.join(check.build_folder(), "compile_commands.json")
with open(database, encoding="utf-8") as f:
    compiled = {os.path.realpath(os.path.join(e["directory"], e["file"])) for e in json.load(f)}
sources = [os.path.join(check.ROOT, name) for name in check.files("src/*.c", "src/*.cc", "mpi/*.c")]
sources = [path for path in sources if os.path.realpath(path) in compiled]  # not those of another architecture
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for source, result in pool.map(tidy, sources):
        name, shown = os.path.relpath(source, check.ROOT), set(re.findall(r"^.*? (?:error|warning): .*$", result.stdout, re.M))
        check.expect(result.returncode == 0, "\n".join([name + ":", *sorted(shown)][:12]))
check.finish()
