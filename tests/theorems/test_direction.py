"""Direction, with free switches."""

from __future__ import annotations

import pytest

import absnormal as an
from absnormal.theorems import direction as module
from absnormal.theorems.direction import along_candidates, exactly, find
from absnormal.theorems.likq import likq
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import numpy_callable, relu, variables
from ..record.programs import program
from .judge import case, cases, caught, never_wrong, wrong

x, y = variables(2)


def test_a_derivative_of_zero_is_no_zero_row() -> None:
    """relu(y) - relu(-y) + |x| with d = (-1, 0): both relus have derivative 0 along d, and slope -1 is wrong."""
    a = case(relu(y) - relu(-y) + abs(x), [0, 0], [-1, -1, -1])
    assert a.gradient == (-1, 0) and not a.clarke
    assert never_wrong(along_candidates, a) is None and never_wrong(exactly, a) is None


def test_free_switches_mix_conventions() -> None:
    """relu'(0) = 0 at a duplicate and |.|'(0) = 0 at an independent row: neither LIKQ nor a direction of slopes."""
    a = case(relu(x) + relu(2 * x) - abs(y), [0, 0], [-1, -1, 0])
    assert never_wrong(likq, a) is None and never_wrong(along_candidates, a) is None
    assert never_wrong(exactly, a) is not None


def test_a_switch_that_hangs_on_a_free_one_must_be_free() -> None:
    """||x||: with c = 0 at |x| the outer row is 0, but sigma moves it."""
    inner = abs(x)
    a = case(inner - abs(inner * 2), [0], [0, -1])
    assert never_wrong(exactly, a) is None


def test_a_derivative_of_zero_taken_for_a_zero_row_is_caught() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.relevant
        if system is None:
            return None
        c = problem.slopes_in(system)
        rows = system.all_rows(c)
        for j in range(system.width):
            rates = [row[j] for row in rows]
            if any(rates) and all(s * rate > 0 or rate == 0 for s, rate in zip(c, rates, strict=True)):
                return Proof("direction", True, "", "")
        return None

    assert wrong(broken, case(relu(y) - relu(-y) + abs(x), [0, 0], [-1, -1, 1]))


def test_dependent_free_rows_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "rank", len)
    assert caught(exactly, cases())


def test_find_answers_in_the_basis() -> None:
    system = case(abs(x + y) + abs(x), [0, 0], 1).problem().relevant
    assert system is not None
    found = find(system, [1, -1], [])
    assert found is not None and len(found) == system.width


def test_a_search_whose_slope_vanishes_ends() -> None:
    """A program of the record, on which the slope of the least squares problem is exactly 0."""
    expr, point, c, _ = program(6320)
    assert an.verify(numpy_callable(expr), [float(a) for a in point], slope=c).method == "direction"
