#!/usr/bin/env python3
"""C and C++ are as clang-format writes them; text files end in one newline, without trailing blanks or wide lines."""

import concurrent.futures
import os

import check

TEXT = ("*.c", "*.h", "*.cc", "*.py", "*.sh", "*.md", "*.txt", "*.cmake", "*.json", "*.proto", "Makefile", "tests/run", ".ci/run")


def formatted(name):
    return name, check.run(["clang-format", "--dry-run", "-Werror", name])


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for source, result in pool.map(formatted, check.files("*.c", "*.h", "*.cc")):
        check.expect(result.returncode == 0, f"{source} (clang-format -i mends it):\n{result.stderr[:600]}")

for text in check.files(*TEXT):
    if text.startswith("tests/data/"):
        continue
    content = check.read(text)
    wrong = [str(n) for n, line in enumerate(content.split("\n"), 1) if line != line.rstrip()]
    check.expect(not wrong, f"{text}: trailing blanks in line " + ", ".join(wrong[:5]))
    if text.endswith((".py", ".sh", "/run")):
        wide = [str(n) for n, line in enumerate(content.split("\n"), 1) if len(line) > 160]
        check.expect(not wide, f"{text}: more than 160 columns in line " + ", ".join(wide[:5]))
    check.expect(not content or (content.endswith("\n") and not content.endswith("\n\n")),
                 f"{text}: must end in one newline")
check.finish()
