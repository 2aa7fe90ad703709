"""The command that asks every theorem about random cases counts right, and says what is wrong."""

from __future__ import annotations

import pytest

from absnormal.theorems.likq import likq
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.smooth import smooth

from ..oracle.expressions import variables
from . import __main__ as command
from . import campaign
from .judge import case


def right_or_wrong(problem: Problem) -> Proof:
    """Calls everything a Clarke gradient."""
    return Proof("wrong", True, "", "none")


def test_a_theorem_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (x,) = variables(1)
    asked = [case(abs(x), [0], 0), case(abs(x) - abs(2 * x), [0], [1, -1])]
    assert [a.clarke for a in asked] == [True, False]
    monkeypatch.setattr(campaign, "drawn", lambda count, first, source: asked)
    found = campaign.campaign(2, 0, (smooth, likq, right_or_wrong))
    assert [(tally.cases, tally.decided) for tally in found.values()] == [(2, 0), (2, 1), (2, 2)]
    assert [tally.wrong for tally in found.values()] == [[], [], [asked[1]]]
    monkeypatch.setattr(command, "campaign", lambda *told: found)
    assert command.main(["2", "0"]) == 1
    said = capsys.readouterr().out
    assert "right or wrong" in said and "1 wrong" in said and repr(asked[1]) in said


def test_a_seed_draws_the_same_again() -> None:
    first, again, other = (list(map(repr, campaign.drawn(4, seed))) for seed in (1, 1, 2))
    assert first == again and first != other and len(first) == 4


def test_theorems_about_many_switches_are_asked() -> None:
    found = campaign.campaign(6, 3)
    assert {"branch and bound", "independent subproblems", "likq modulo a prime", "even part"} <= set(found)
    assert all(tally.cases == 6 and not tally.wrong for tally in found.values())
    assert any(tally.decided for name, tally in found.items() if name in ("branch and bound", "likq modulo a prime"))


@pytest.mark.parametrize("name", ["from all slopes", "variable coefficients", "dominated alternatives"])
def test_a_theorem_is_asked_about_cases_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["16", "1", name]) == 0
    words = capsys.readouterr().out.removeprefix(name).split()
    assert words[:2] == ["16", "cases"] and int(words[2]) > 0


def test_usage() -> None:
    assert command.main([]) == command.main(["1", "1", "no such theorem"]) == 2
