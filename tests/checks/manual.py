#!/usr/bin/env python3
"""The man pages and completions in the repository are those that the program prints from its own tables (`make man`), and what
--help says of a flag stands in the page too."""

import os
import re

import check

PROGRAM = os.path.join(check.build_folder("release"), "inlay")
MPI_PROGRAM = os.path.join(check.build_folder("release"), "inlay-mpi")
AS_ROOT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
COMPLETIONS = {"bash": "completions/inlay.bash", "zsh": "completions/_inlay", "fish": "completions/inlay.fish"}


def printed(*args, program=PROGRAM):
    result = check.run([program, *args], env=AS_ROOT)
    name = os.path.basename(program)
    check.expect(result.returncode == 0, f"{name} {' '.join(args)}: exit code {result.returncode}: {result.stderr}")
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


def check_command(name, program=PROGRAM):
    page, text = printed("help", "--man", name, program=program), printed(name, "--help", program=program)
    title = f"{os.path.basename(program)}-{name}"
    compare(f"man/{title}.1", page)
    for flag in set(re.findall(r"(?<!\S)--[a-z][a-z0-9_-]*", text)):
        check.expect(flag in plain(page), f"man/{title}.1 lacks {flag}, which --help has")


def check_mpi():
    if os.path.exists(MPI_PROGRAM):
        compare("man/inlay-mpi.1", printed("help", "--man", program=MPI_PROGRAM))
        check_command("query", MPI_PROGRAM)
    else:
        check.skipped("man pages of inlay-mpi: it was not built")
    return {"man/inlay-mpi.1", "man/inlay-mpi-query.1"}


if os.path.exists(PROGRAM):
    names = re.findall(r"^  ([a-z]+)  ", printed("--help"), re.M)
    check.expect(len(names) > 0, "inlay --help lists no subcommands")
    compare("man/inlay.1", printed("help", "--man"))
    for command in names:
        check_command(command)
    for shell, file in COMPLETIONS.items():
        compare(file, printed("help", "--complete", shell))
    extra = set(check.files("man/*.1")) - {"man/inlay.1", *(f"man/inlay-{n}.1" for n in names)} - check_mpi()
    check.expect(not extra, f"pages of no subcommand: {sorted(extra)}")
else:
    check.skipped("man pages: there is no program yet to compare them with")
check.finish()
