#!/usr/bin/env python3
"""Each folder under src/ includes headers only of the folders that the table of docs/architecture.md allows; mpi/ is a program
like cli/, of which it uses parts."""

import re

import check

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def table():
    """{layer: set of layers it may include}, in the order of the table."""
    allowed = {}
    for row in re.findall(r"^\| `(\w+)/` \|[^|]*\|([^|]*)\|$", check.read("docs/architecture.md"), re.M):
        layer, may = row[0], row[1].strip()
        if may == "all above":
            allowed[layer] = set(allowed)
        elif may in ("–", "inlay.h only"):
            allowed[layer] = set()
        else:
            allowed[layer] = set(re.split(r"[,\s]+", may))
        unknown = allowed[layer] - set(allowed)
        check.expect(not unknown, f"docs/architecture.md: {layer}/ may include {unknown}, which are no rows above it")
    return allowed


def check_file(name, allowed):
    layer = name.split("/")[1]
    if layer not in allowed:
        check.failed(f"{name}: src/{layer}/ has no row in docs/architecture.md")
        return
    bad = []
    for header in INCLUDE.findall(check.read(name)):
        folder = header.split("/")[0] if "/" in header else "proto" if header.endswith(".pb-c.h") else None
        if header == "inlay/inlay.h" or folder == layer or folder in allowed[layer]:
            continue
        bad.append(header)
    check.expect(not bad, f"{name}: {layer}/ may not include " + ", ".join(f'"{h}"' for h in bad))


rows = table()
check.expect(len(rows) >= 15, "docs/architecture.md: the table of layers was not found")
for source in check.files("src/*.c", "src/*.h", "src/*.cc"):
    if source.count("/") >= 2:
        check_file(source, rows)
for source in check.files("mpi/*.c", "mpi/*.h"):
    foreign = [h for h in INCLUDE.findall(check.read(source)) if h != "inlay/inlay.h" and h.split("/")[0] not in ("mpi", "cli")]
    check.expect(not foreign, f"{source}: mpi/ may not include " + ", ".join(foreign))
check.finish()
