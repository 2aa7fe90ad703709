"""Is every broken line still a line of the package, once, and does breaking one make a test fail?"""

from __future__ import annotations

from pathlib import Path

import pytest

from .__main__ import main
from .mutant import ROOT, Mutant
from .tables import MUTANTS


def test_every_line_is_found_once() -> None:
    for mutant in MUTANTS:
        source = (ROOT / "absnormal" / mutant.file).read_text(encoding="utf-8")
        compile(mutant.broken(source), mutant.file, "exec")
        assert mutant.old != mutant.new
        for test in mutant.tests:
            assert (ROOT / "tests" / test.split("::")[0]).exists(), test


def test_no_line_is_broken_twice_in_one_way() -> None:
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS) >= 80


@pytest.mark.parametrize("text", ["no such line", "def "])
def test_a_line_that_is_not_there_once_is_an_error(text: str) -> None:
    mutant = Mutant("verify.py", text, "", ())
    with pytest.raises(LookupError, match=r"verify\.py holds this text \d+ times"):
        mutant.broken((ROOT / "absnormal" / mutant.file).read_text(encoding="utf-8"))


def test_a_word_that_no_mutant_holds_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no such word"]) == 2
    assert "no mutant" in capsys.readouterr().out


def test_a_list_shows_the_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "realized"]) == 0
    said = capsys.readouterr().out
    assert "--- absnormal/sweeps/realized.py" in said and "pass" in said


@pytest.mark.slow
def test_a_broken_line_is_noticed_and_a_harmless_one_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a repository of one line; pytest loads the plugin of the installed package by its name."""
    for name, text in {
        "absnormal/one.py": "def double(x):\n    return x + x\n",
        "tests/test_one.py": "from absnormal.one import double\n\ndef test_it():\n    assert double(2) == 4\n",
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n', "README.md": "",
        "absnormal/__init__.py": "", "absnormal/pytest_plugin.py": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    wrong, harmless = (Mutant("one.py", "x + x", new, ("test_one.py",)) for new in ("x - x", "2 * x"))
    for module in ("tests.mutants.mutant", "tests.mutants.__main__"):
        monkeypatch.setattr(f"{module}.ROOT", tmp_path)
    monkeypatch.setattr("tests.mutants.__main__.MUTANTS", (wrong, harmless))
    monkeypatch.setattr("tests.mutants.__main__.ALLOWED", 0)
    assert main([]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 noticed" in said and "+    return 2 * x" in said and "test_it" in said
