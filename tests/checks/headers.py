#!/usr/bin/env python3
"""Each header compiles by itself, and twice; the public one also as C99 with -pedantic and as C++.

A header without an include guard is a body that kernels include once a variant, after defining its macros; only
kernel/ has such."""

import concurrent.futures
import os
import re
import tempfile

import check

GENERATED = os.path.join(check.build_folder(), "src", "generated")
FLAGS = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-Iinclude", "-Isrc", "-I" + GENERATED]
PUBLIC = [["gcc", "-std=c99", "-pedantic"], ["clang", "-std=c99", "-pedantic", "-Weverything", "-Wno-padded"],
          ["gcc", "-std=c11", "-pedantic"], ["g++", "-std=c++11", "-pedantic", "-x", "c++"],
          ["clang++", "-std=c++17", "-pedantic", "-x", "c++"]]


def guarded(name):
    if re.match(r"(\s|/\*.*?\*/)*#ifndef", check.read(name), re.S):
        return True
    check.expect(name.startswith("src/kernel/"), f"{name} has no include guard")
    return False


def compile_alone(header, compiler, folder):
    name = os.path.join(folder, header.replace("/", "_") + "_".join(compiler) + ".c")  # several compile a header at a time
    with open(name, "w", encoding="utf-8") as f:  # twice: the guard is part of the test
        f.write(f'#include "{header}"\n#include "{header}"\nextern int nothing;\n')
    return header, compiler, check.run([*compiler, *FLAGS, name])


with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    jobs = [pool.submit(compile_alone, name.removeprefix("src/"), ["gcc", "-std=c11"], scratch)
            for name in check.files("src/*.h") if guarded(name)]
    jobs += [pool.submit(compile_alone, name.removeprefix("include/"), compiler, scratch)
             for name in check.files("include/*.h") for compiler in PUBLIC]
    for job in jobs:
        tried, compiled_by, result = job.result()
        check.expect(result.returncode == 0, f"{tried} ({' '.join(compiled_by)}):\n{result.stderr[:1500]}")
check.finish()
