"""Is what a kink is said in one place?  The names of kinks stand in their own files and in front ends only."""

from __future__ import annotations

from absnormal.ops.kinks import KINKS

from .test_frameworks import words
from .test_imports import MODULES, PACKAGE, Path, name_of

NAMES = {row.name for row in KINKS}
OWN = PACKAGE / "ops" / "kinks"

#: Where the word is something else: a column of a printed table, a public function.
OTHER_WORDS = {("cli.slopes", "kink"), ("extend", "kink")}


def _names_in(path: Path) -> set[str]:
    return words(path)[0] & NAMES


def test_no_other_module_names_a_kink() -> None:
    others = [path for path in MODULES if OWN not in path.parents and "frontends" not in path.parts]
    assert {(name_of(path), name) for path in others for name in _names_in(path)} == OTHER_WORDS


def test_each_kink_has_a_file_of_its_own() -> None:
    named = {path.stem: _names_in(path) for path in OWN.glob("*.py")}
    assert sorted(name for names in named.values() for name in names) == sorted(NAMES)
    assert all(len(names) <= 1 for names in named.values())
