"""README is short, and its first commands are those that run."""

from __future__ import annotations

import re

import pytest

from absnormal.cli import main
from tests.pages import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(heading: str) -> str:
    found = re.search(rf"^## {heading}$.*?^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_it_is_read_in_two_minutes() -> None:
    assert len(TEXT.splitlines()) <= 180


@pytest.mark.parametrize("line", [line for line in block("Install").splitlines() if "gallery" in line])
def test_first_commands_judge_what_they_say(line: str) -> None:
    target = re.search(r"absnormal check (\S+)", line)
    assert target is not None
    assert main(["check", target[1]]) == (1 if "exit status 1" in line else 0)


def test_first_lines_do_everything() -> None:
    assert block("Install").startswith("python3 -m venv .venv && .venv/bin/pip install -q . && ")
    assert block("Tests") == (
        "python3 -m venv .venv && .venv/bin/pip install -q torch==2.13.0 && .venv/bin/pip install -q '.[test]'"
        " && .venv/bin/python -m pytest -m 'not slow'\n"
    )
