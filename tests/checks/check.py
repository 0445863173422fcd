"""What every check shares: counting, and the last line that tests/run reads."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_passed = _failed = _skipped = 0


def passed(n=1):
    global _passed
    _passed += n


def failed(message):
    global _failed
    _failed += 1
    print(message, flush=True)


def skipped(message):
    global _skipped
    _skipped += 1
    print("skipped: " + message, flush=True)


def expect(condition, message):
    """One test: passed when CONDITION holds, else failed with MESSAGE."""
    if condition:
        passed()
    else:
        failed(message)
    return condition


def finish():
    print(f"{_passed} passed, {_failed} failed, {_skipped} skipped")
    sys.exit(1 if _failed else 0)


def files(*patterns):
    """The repository's own files that match PATTERNS (of git ls-files), new ones included."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in set(out.split("\0")) if name and os.path.exists(os.path.join(ROOT, name)))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def build_folder(preset="debug"):
    """Where PRESET is built; checks that need compiled files say so when it is not there."""
    return os.environ.get("INLAY_BUILD_" + preset.upper(), os.path.join(ROOT, "build", preset))


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)
