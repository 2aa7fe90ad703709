"""Functions one step beside what a theorem asks for: the theorem must be silent, or the other theorems decide.

Gradients are worked out by hand in the docstrings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active import system
from absnormal.active.private_inputs import private_inputs
from absnormal.clarke.components import admissible
from absnormal.clarke.pricing import cells_along
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.table import Sweeps
from absnormal.theorems import independent_subproblems as parts
from absnormal.theorems.componentwise import componentwise
from absnormal.theorems.independent_subproblems import independent_subproblems
from absnormal.theorems.membership import nearest_mean
from absnormal.theorems.private_directions import private_directions_for_definite_slopes

from .judge import problem

Function = Callable[[Any], Any]


def verdict(f: Function, x: list[float], slopes: Any) -> str:
    return an.verify(f, x, slope=np.asarray(slopes, dtype=float)).verdict.name


# -- componentwise ---------------------------------------------------------------------------------------------------


def two_targets(x: Any) -> Any:
    """|x| - |2 x| + |y + |x| + |2 x||/8: the first two lead to the third with one sign, to f with two.

    Under (1, -1, 0) the gradient is (3, 0); those of the cells have first entries of at most 1 + 3/8.
    """
    u, v = np.abs(x[0]), np.abs(2 * x[0])
    return u - v + 0.125 * np.abs(x[1] + u + v)


def test_one_sign_towards_one_of_two_targets_is_not_enough() -> None:
    assert componentwise(problem(two_targets, [0.0, 0.0], [1, -1, 0])) is None
    assert verdict(two_targets, [0.0, 0.0], [1, -1, 0]) == "NOT_CLARKE"


def decided_outside(x: Any) -> Any:
    """|x - |x| + |y|| - |y|: for x > 0 the outer argument is |y|, so that its sign is +, from outside.

    Limiting gradients are (0, 0), (2, 0), (-2, 2), (-2, -2); the slopes 1, 1, -1 give (0, -2).
    """
    v = np.abs(x[1])
    return np.abs(x[0] - np.abs(x[0]) + v) - v


def test_a_sign_that_another_component_decides_joins_them() -> None:
    assert verdict(decided_outside, [0.0, 0.0], [1, 1, -1]) != "CLARKE"
    assert componentwise(problem(decided_outside, [0.0, 0.0], [1, 1, -1])) is None
    assert an.generalized_gradient(decided_outside, [0.0, 0.0]).contains([0.0, -2.0]) is False


def test_a_partition_is_admissible_only_when_all_cells_were_seen() -> None:
    asked = problem(lambda x: np.abs(x[1] + np.abs(x[0])), [0.0, 0.0], [0, 0])
    assert asked.relevant is not None
    assert admissible(asked.relevant, an.Budget().start()) is not None
    assert admissible(asked.relevant, an.Budget(cells=1).start()) is None


def test_a_direction_along_a_kink_opens_no_cell() -> None:
    """Along (1, 0) the sign of |y| is not told."""
    asked = problem(lambda x: np.abs(x[0]) + np.abs(x[1]), [0.0, 0.0], [0, 0])
    assert asked.relevant is not None
    scaled = asked.relevant.scaled
    assert not cells_along(scaled, np.array([[1.0, 0.0]]))[0]
    assert len(cells_along(scaled, np.array([[1.0, 0.5], [1.0, -0.5], [2.0, 1.0]]))[0]) == 2


# -- private directions ----------------------------------------------------------------------------------------------


def test_an_input_that_comes_twice_before_a_kink_is_not_private() -> None:
    """|(b + x) - b| - |x| is 0; under (1, -1), in the order of the program, its gradient is 2."""

    def f(x: Any) -> Any:
        w = np.abs(x[0])
        return np.abs((x[1] + x[0]) - x[1]) - w

    assert not an.verify(f, [0.0, 0.0], slope=np.array([-1.0, 1.0]))


@pytest.mark.parametrize(("before", "sign"), [
    (lambda b, x: b + x, 1), (lambda b, x: b - x, 1), (lambda b, x: x - b, -1), (lambda b, x: -b, -1),
    (lambda b, x: -2 * (x - b), 1), (lambda b, x: (x - b) / -2, 1), (lambda b, x: -(b + x), -1),
])  # fmt: skip
def test_the_sense_in_which_a_private_input_moves_its_kink(before: Any, sign: int) -> None:
    program = an.trace(lambda x: np.abs(before(x[0], np.sin(x[1]))), [0.0, 0.0])
    (found,) = [found for found in private_inputs(program).of(program.kinked[-1]) if found.groups.tolist() == [0]]
    assert found.sign == sign
    sweeps = Sweeps(program, np.zeros(2))
    assert np.sign(sweeps.push(sweeps.signature(0.0), np.array([[1.0, 0.0]]))[0][0, 0]) == sign


@pytest.mark.parametrize(("slope", "proved"), [(1.0, True), (-1.0, True), (0.5, False), (0.0, False)])
def test_directions_for_definite_slopes_ask_for_definite_slopes(slope: float, proved: bool) -> None:
    asked = problem(lambda x: np.abs(x[0]), [0.0], [slope])
    assert (private_directions_for_definite_slopes(asked) is not None) == proved


def test_products_with_equal_rows_are_equal_in_one_column_only() -> None:
    """The rows of A are equal, so P[0, j] = P[1, j] always; P[0, 0] = P[0, 1] only where X has equal columns."""
    a = np.array([[1.0, 2.0], [1.0, 2.0]])
    sweeps = Sweeps(an.trace(lambda x: np.max((a @ x.reshape(2, 2)).reshape(-1)), [3.0] * 4), np.full(4, 3.0))
    assert EqualRows(sweeps, sweeps.signature(1.0)).zero_rows().tolist() == [False, True, False]


# -- limiting gradients ----------------------------------------------------------------------------------------------


def test_a_direction_that_is_lost_in_rounding_gives_no_limiting_gradient() -> None:
    """2^52 |(x + h x) - x|, h less than the distance from 1 to the next number: no rate is told from rounding."""
    h = 0.75 * 2.0**-52
    asked = problem(lambda x: np.abs((x[0] + h * x[0]) - x[0]) * 2.0**52, [0.0], [0.0])
    for g in (0.75, -0.75, 0.0):
        assert nearest_mean(asked, np.array([g]), np.full(1, 1e-3)) is None


def rounded_apart(x: Any) -> Any:
    """|2 x + 2 y| - |t x + t y| at t = 2, one t as the square of its root: one surface, which rounding splits.

    In the variables x and y f changes to first order not at all; the cell between the two computed rows is not there.
    """
    return np.abs(2 * x[0] + 2 * x[1]) - np.abs(np.sqrt(x[2]) * np.sqrt(x[2]) * x[0] + x[2] * x[1])


def test_a_cell_that_only_rounding_opened_gives_no_gradient() -> None:
    assert np.sqrt(2.0) * np.sqrt(2.0) != 2.0
    report = an.verify(rounded_apart, [0.0, 0.0, 2.0], slope=np.array([1.0, -1.0]))
    assert np.abs(report.gradient).max() > 3
    assert report.verdict.name != "CLARKE"
    assert np.abs(report.clarke_gradient[:2]).max() < 1e-12


def test_signs_along_a_direction_are_those_of_fractions() -> None:
    """128 |x / 128| - |x| is 0: both signs are that of x, however small x / 128 is."""
    slopes = np.array([1.0, -1.0])
    report = an.verify(lambda x: 128 * np.abs(x[0] / 128) - np.abs(x[0]), [0.0], slope=slopes, exact=True)
    assert report.verdict.name == "NOT_CLARKE"
    assert report.clarke_gradient.tolist() == [0.0]


def test_cells_that_the_budget_left_out_of_a_part_separate_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """|x| - |2 x| under (-1/2, -3/4) has gradient 1, that of the cell (-, -); twice, to make two parts."""
    monkeypatch.setattr(system, "_LARGEST", 0)

    def f(x: Any) -> Any:
        return np.abs(x[0]) - np.abs(2 * x[0]) + np.abs(x[1]) - np.abs(2 * x[1])

    slopes = [-0.5, -0.75, -0.5, -0.75]
    whole = independent_subproblems(problem(f, [0.0, 0.0], slopes))
    assert whole is not None and whole.clarke
    # Cells along directions that separate need no list.
    found = independent_subproblems(problem(f, [0.0, 0.0], slopes, an.Budget(cells=1)))
    assert found is not None and found.clarke
    monkeypatch.setattr(parts, "approach", lambda *_: iter(()))
    assert independent_subproblems(problem(f, [0.0, 0.0], slopes, an.Budget(cells=1))) is None
