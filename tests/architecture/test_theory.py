"""Does THEORY.md have the sections that docstrings refer to, and does what it names exist?"""

from __future__ import annotations

import re

import pytest

from .test_imports import MODULES, PACKAGE, ROOT, Path, name_of

THEORY = (PACKAGE / "THEORY.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", THEORY, re.MULTILINE))
#: "THEORY 2.3", "THEORY 2.7, 3, 6.4 and 6.5"
_REFERENCE = re.compile(r"THEORY(?:\.md, section)?((?:\s*(?:,|and|to)?\s*\d+(?:\.\d+)?)+)")


def references(text: str) -> set[str]:
    """The sections that a text refers to."""
    found = (re.findall(r"\d+(?:\.\d+)?", numbers) for numbers in _REFERENCE.findall(text))
    return {number for numbers in found for number in numbers}


def test_what_a_reference_looks_like() -> None:
    assert references("a rule (THEORY 2.7, 3, 6.4 and 6.5).  In 2020 it was") == {"2.7", "3", "6.4", "6.5"}


def test_references_are_to_sections_that_exist() -> None:
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in MODULES}
    found = {name: references(text) for name, text in texts.items() if "THEORY" in text}
    assert not [name for name, sections in found.items() if not sections or not sections <= SECTIONS]


@pytest.mark.parametrize("path", sorted((PACKAGE / "theorems").glob("*.py")), ids=name_of)
def test_every_theorem_says_where_its_proof_is(path: Path) -> None:
    """A theorem's docstring has its hypotheses, its statement, the idea of its proof, its source, and a reference."""
    if path.stem in ("__init__", "problem"):
        return
    head = path.read_text(encoding="utf-8").split('"""')[1]
    assert references(head) <= SECTIONS and references(head)
    for heading in ("Hypotheses", "Statement", "Proof idea", "Source"):
        assert f"\n{heading}\n{'-' * len(heading)}\n" in head, f"{path.stem} has no section {heading}"


def test_sections_refer_to_sections_that_exist() -> None:
    inner = set(re.findall(r"\((?:[a-z ]*)(\d+(?:\.\d+)?)(?:,? [a-z0-9. ]*)?\)", THEORY))
    assert {number for number in inner if "." in number} <= SECTIONS


def test_the_modules_and_tests_that_it_names_exist() -> None:
    for name in re.findall(r"`(tests/[\w/]+\.py)", THEORY):
        assert (ROOT / name).exists(), name
    for name, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", THEORY):
        assert f"def {test}(" in (ROOT / name).read_text(encoding="utf-8"), f"{name}::{test}"
    for used in re.findall(r"^\*In the code:\*(.*?)(?:\n\n|\Z)", THEORY, re.MULTILINE | re.DOTALL):
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`", used):
            parts = name.split(".")
            paths = [PACKAGE.joinpath(*parts), PACKAGE.joinpath(*parts[:-1])]
            known = any(path.is_dir() or path.with_suffix(".py").exists() for path in paths if path != PACKAGE)
            assert known or name == "atol", f"THEORY.md names {name}"
