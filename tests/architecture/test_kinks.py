"""Is what a kink is said in one place?  The names of kinks stand in their own files and in front ends only."""

from __future__ import annotations

import ast

import pytest

from absnormal.ops.kinks import KINKS

from .test_imports import MODULES, PACKAGE, Path, name_of

NAMES = {row.name for row in KINKS}
OWN = PACKAGE / "ops" / "kinks"

#: Where the word is something else: a column of a printed table, a public function.
OTHER_WORDS = {("cli.slopes", "kink"), ("extend", "kink")}


def _names_in(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)} & NAMES


@pytest.mark.parametrize(
    "path", [p for p in MODULES if OWN not in p.parents and "frontends" not in p.parts], ids=name_of
)
def test_no_other_module_names_a_kink(path: Path) -> None:
    assert not {name for name in _names_in(path) if (name_of(path), name) not in OTHER_WORDS}


def test_each_kink_has_a_file_of_its_own() -> None:
    named = {path.stem: _names_in(path) for path in OWN.glob("*.py")}
    assert sorted(name for names in named.values() for name in names) == sorted(NAMES)
    assert all(len(names) <= 1 for names in named.values())
