#!/usr/bin/env python3
"""The console transcripts of the documentation are replayed and say what really happens.

In README.md and docs/**.md a fenced block is replayed when the line before it is a comment:
  <!-- replay -->             a ```console block: lines after "$ " are run (a trailing backslash continues), the lines below are
                              what they must print, both streams together. A line "…" stands for any lines, "…" within a line
                              for any text. A command fails only if its expected output says "inlay: ".
  <!-- replay: file NAME -->  the block is written to NAME.
  <!-- replay: run COMMAND --> alone on a line: runs COMMAND, whatever it prints.
The blocks of one page share a scratch folder. The program is in PATH, its library is what pkg-config finds, and $SOURCE is the
repository."""

import os
import re
import subprocess
import tempfile

import check

MARK = re.compile(r"^<!-- replay(?:: (file|run) (.*?))? -->\n(?:```\w*\n(.*?)^```$)?", re.M | re.S)


def pattern(expected):
    """A regular expression for EXPECTED, in which … is a wildcard."""
    out = []
    for line in expected:
        out.append(r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n")
    return re.compile("".join(out))


def commands(block):
    """[(command, expected lines)] of a console block."""
    found = []
    continued = False
    for line in block.split("\n")[:-1]:
        if continued:
            found[-1][0] += "\n" + line
        elif line.startswith("$ "):
            found.append([line[2:], []])
        elif found:
            found[-1][1].append(line)
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    return found


def execute(command, folder, env):
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300, check=False)
    return done.returncode, done.stdout


def replay(page, prefix):
    marks = list(MARK.finditer(check.read(page)))
    if not marks:
        return
    env = dict(os.environ, PATH=f"{prefix}/bin:{os.environ['PATH']}", PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig",
               LD_LIBRARY_PATH=f"{prefix}/lib", SOURCE=check.ROOT, LC_ALL="C.UTF-8")
    with tempfile.TemporaryDirectory() as folder:
        for mark in marks:
            kind, argument, block = mark.groups()
            line = check.read(page).count("\n", 0, mark.start()) + 1
            if kind == "file":
                with open(os.path.join(folder, argument), "w", encoding="utf-8") as f:
                    f.write(block)
            elif kind == "run":
                code, output = execute(argument, folder, env)
                check.expect(code == 0, f"{page}:{line}: {argument}: exit code {code}\n{output}")
            for command, expected in commands(block or "") if kind is None else []:
                code, output = execute(command, folder, env)
                output = output if not output or output.endswith("\n") else output + "\n"
                may_fail = any("inlay: " in text for text in expected)
                check.expect(pattern(expected).fullmatch(output) and (code == 0 or may_fail),
                             f"{page}:{line}: $ {command}\nexit code {code}; printed\n{output}instead of\n" + "\n".join(expected))


if os.path.exists(os.path.join(check.build_folder("release"), "inlay")):
    with tempfile.TemporaryDirectory() as installed:
        result = check.run(["cmake", "--install", check.build_folder("release"), "--prefix", installed])
        if check.expect(result.returncode == 0, result.stderr):
            for document in check.files("README.md", "docs/*.md", "examples/*.md"):
                replay(document, installed)
else:
    check.skipped("transcripts: there is no program yet to replay them with")
check.finish()
