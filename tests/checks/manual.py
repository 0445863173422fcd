#!/usr/bin/env python3
"""The man pages and completions in the repository are those that the program prints from its own tables (`make man`), and what
--help says of a flag stands in the page too."""

import os
import re

import check

PROGRAM = os.path.join(check.build_folder("release"), "inlay")
COMPLETIONS = {"bash": "completions/inlay.bash", "zsh": "completions/_inlay", "fish": "completions/inlay.fish"}


def printed(*args):
    result = check.run([PROGRAM, *args])
    check.expect(result.returncode == 0, f"inlay {' '.join(args)}: exit code {result.returncode}: {result.stderr}")
    return result.stdout


def compare(name, text):
    committed = check.read(name) if os.path.exists(os.path.join(check.ROOT, name)) else None
    check.expect(committed is not None, f"{name} is not there; make man writes it")
    if committed is not None:
        check.expect(committed == text, f"{name} differs from what the program prints; make man writes it")


def plain(page):
    """The text of a man page's source: without requests, fonts and escapes."""
    page = re.sub(r"\\f[BIRP]|\\&", "", page)
    return re.sub(r"\\-", "-", page)


def check_command(name):
    page, text = printed("help", "--man", name), printed(name, "--help")
    compare(f"man/inlay-{name}.1", page)
    for flag in set(re.findall(r"(?<!\S)--[a-z][a-z0-9_-]*", text)):
        check.expect(flag in plain(page), f"man/inlay-{name}.1 lacks {flag}, which inlay {name} --help has")


if os.path.exists(PROGRAM):
    names = re.findall(r"^  ([a-z]+)  ", printed("--help"), re.M)
    check.expect(len(names) > 0, "inlay --help lists no subcommands")
    compare("man/inlay.1", printed("help", "--man"))
    for command in names:
        check_command(command)
    for shell, file in COMPLETIONS.items():
        compare(file, printed("help", "--complete", shell))
    extra = set(check.files("man/*.1")) - {"man/inlay.1", *(f"man/inlay-{n}.1" for n in names)}
    check.expect(not extra, f"pages of no subcommand: {sorted(extra)}")
else:
    check.skipped("man pages: there is no program yet to compare them with")
check.finish()
