#!/usr/bin/env python3
"""libinlay.so exports what inlay.h declares and nothing else; every global name in libinlay.a starts with inlay_."""

import os
import re

import check

RELEASE = check.build_folder("release")


def declared():
    header = re.sub(r"/\*.*?\*/", "", check.read("include/inlay/inlay.h"), flags=re.S)
    return {m.group(1) for m in re.finditer(r"INLAY_API\b[^;(]*?\b(inlay_\w+)\s*\(", header)}


def defined(path, *flags):
    """Names of the global symbols that PATH defines."""
    result = check.run(["nm", *flags, "--defined-only", "--format=posix", path])
    check.expect(result.returncode == 0, result.stderr)
    lines = (line.split() for line in result.stdout.split("\n"))
    return {parts[0] for parts in lines if len(parts) >= 2 and parts[1] in "ABCDGRSTVWuvwi"}


public = declared()
check.expect(len(public) > 20, "inlay.h: found no declarations")
exported = defined(os.path.join(RELEASE, "libinlay.so"), "-D")
check.expect(not exported - public, f"libinlay.so exports what inlay.h does not declare: {sorted(exported - public)}")


archive = defined(os.path.join(RELEASE, "libinlay.a"), "-g")
if check.files("src/api/*.c"):
    check.expect(not public - exported, f"declared, but libinlay.so does not export: {sorted(public - exported)}")
    check.expect(not public - archive, f"declared, but libinlay.a does not hold: {sorted(public - archive)}")
else:
    check.skipped("functions that inlay.h declares: there is no src/api/ to hold them")
own = sorted(name for name in archive if name not in public and not name.startswith("inlay__"))
check.expect(not own, f"libinlay.a holds global names of its own without the prefix inlay__: {own[:20]}")

dynamic = check.run(["readelf", "-d", os.path.join(RELEASE, "libinlay.so")]).stdout
check.expect("[libinlay.so.0]" in dynamic, "libinlay.so: its SONAME is not libinlay.so.0")
check.expect("TEXTREL" not in dynamic, "libinlay.so has text relocations")
check.finish()
