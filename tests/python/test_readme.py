"""The README's Python sessions say what really happens."""

import doctest
import os
import re

import pytest
from conftest import EXTRACTOR, ROOT

SESSIONS = re.findall(r"^```pycon\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def test_there_are_some():
    assert SESSIONS


@pytest.mark.parametrize("session", SESSIONS)
def test_session(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(EXTRACTOR, "extractor")
    test = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    report = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert result.attempted > 0 and result.failed == 0, "".join(report)
