"""Does every theorem keep its margin: nothing is claimed just inside a bound on rounding, and all just outside?"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.active.rows import certainly_independent, certainly_triangular
from absnormal.rational.modular import PRIME, independent, integers
from absnormal.sweeps.rounding import rounding
from absnormal.theorems.direction import along_candidates, find
from absnormal.theorems.membership import nearest_mean
from absnormal.theorems.regular import BoundedAdjoints, regular, regular_function, without_effect
from absnormal.theorems.regular_vectors import vector_under_regular
from absnormal.theorems.separation import beyond_bounds, by_component, separation

from .judge import problem

TINY = 2.0**-52


# -- separation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "verdict"), [(2.0**-52, "UNDECIDED"), (2.0**-49, "UNDECIDED"), (1e-10, "NOT_CLARKE")])
def test_computed_weights_separate_beyond_their_rounding_only(gap: float, verdict: str) -> None:
    """w |x| - w |x| is 0; under the slopes 1 and 1 - gap its gradient is w gap.  The weights exp(y) are computed."""
    report = an.verify(
        lambda x: np.exp(x[1]) * np.abs(x[0]) - np.exp(x[1]) * np.abs(x[0]), [0.0, 0.0],
        slope=np.array([1.0, 1.0 - gap]))  # fmt: skip
    assert report.verdict.name == verdict


@pytest.mark.parametrize(("factor", "proved"), [(0.5, False), (0.99, False), (1.01, True), (2.0, True)])
def test_a_vector_lies_beyond_all_slopes_by_more_than_its_tolerance(factor: float, proved: bool) -> None:
    allowed, middle = 1e-6, np.zeros(1)
    vector = np.array([1 + factor * allowed])
    found = beyond_bounds(problem(lambda x: np.abs(x[0]), [0.0]), vector, middle, np.array([allowed]))
    assert (found is not None) == proved


def test_a_component_that_others_hang_on_is_not_judged_by_itself() -> None:
    """|x| - |2 x| + 4 |y + |x|| with one |x|: under (1, -1, -1) the gradient is (-1, -4) = (-5, -4) 3/5 + (5, -4) 2/5.

    The first two kinks alone, whose gradients are -1 and 1, would give 3.
    """

    def f(x: Any) -> Any:
        u = np.abs(x[0])
        return u - np.abs(2 * x[0]) + 4 * np.abs(x[1] + u)

    asked = problem(f, [0.0, 0.0], np.array([1.0, -1.0, -1.0]))
    assert by_component(asked) is None
    assert an.verify(f, [0.0, 0.0], slope=np.array([1.0, -1.0, -1.0]))


def test_cells_that_the_budget_left_out_separate_nothing() -> None:
    """|x| with one cell listed: the gradient of the other is not outside."""
    asked = problem(lambda x: np.abs(x[0]), [0.0], -1.0, an.Budget(cells=1))
    assert asked.cells is not None and len(asked.cells.cells) == 1 and not asked.cells.complete
    assert separation(asked) is None


# -- regular -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("excess", [TINY, 2.0**-49, 1e-9])
def test_an_adjoint_that_may_be_negative_is_not_of_one_sign(excess: float) -> None:
    """relu(y + |x|) - h |x| with one |x|: its adjoint is in [-h, 1 - h], so that only h = 0 is convex."""

    def f(h: float) -> Callable[[Any], Any]:
        def with_excess(x: Any) -> Any:
            u = np.abs(x[0])
            return np.maximum(x[1] + u, 0.0) - h * u

        return with_excess

    assert regular(problem(f(0.0), [0.0, 0.0])) is not None
    assert regular(problem(f(excess), [0.0, 0.0])) is None


def test_what_is_set_aside_is_in_the_deviation() -> None:
    """(0.1 + 0.2 - 0.3) |x| + |y|: the first weight is rounding in float64, not 0, and moves the gradient by twice
    itself."""

    def f(x: Any) -> Any:
        u = np.abs(x[0])
        return (0.1 * u + 0.2 * u - 0.3 * u) + np.abs(x[1])

    # Along y the gradient is 1 with slope 1; with slope 0 there is nothing that the deviation is small against.
    found = regular(problem(f, [0.0, 0.0], np.array([0.0, 1.0])))
    assert regular(problem(f, [0.0, 0.0])) is None
    assert found is not None and isinstance(found.evidence, BoundedAdjoints) and found.evidence.set_aside == [0]
    weight = Fraction(0.1) + Fraction(0.2) - Fraction(0.3)
    assert Fraction(found.deviation) >= 2 * abs(weight) > 0


def test_a_weight_of_either_sign_is_not_set_aside() -> None:
    """|x| - |y|: one weight is above every error, the other below."""
    assert regular(problem(lambda x: np.abs(x[0]) - np.abs(x[1]), [0.0, 0.0])) is None
    assert without_effect(problem(lambda x: np.abs(x[0]), [0.0])) is None
    assert without_effect(problem(lambda x: -np.abs(x[0]), [0.0])) is None
    flat = without_effect(problem(lambda x: 0.1 * np.abs(x[0]) + 0.2 * np.abs(x[0]) - 0.3 * np.abs(x[0]), [0.0]))
    assert flat is None or flat.proof.deviation > 0


# -- vectors under Regular ------------------------------------------------------------------------------------------


def test_the_bound_on_the_directional_derivative_holds_exactly() -> None:
    """sum w_i |a_i . v|, on rationals: the bound is never below it, the computed number often is."""
    rng, below = np.random.default_rng(0), 0
    for _ in range(60):
        A, w, v = rng.standard_normal((7, 3)), rng.uniform(0.1, 1, 7), rng.standard_normal(3)
        found = regular_function(problem(lambda x, A=A, w=w: np.sum(w * np.abs(A @ x)), [0.0] * 3))
        assert found is not None
        along, exact = [Fraction(a) for a in v.tolist()], Fraction(0)
        for weight, row in zip(w.tolist(), A.tolist(), strict=True):
            exact += Fraction(weight) * abs(sum(Fraction(a) * b for a, b in zip(row, along, strict=True)))
        assert Fraction(found[0].bound(v)) >= exact
        below += Fraction(found[0].support(v)) < exact
    assert below > 10


def test_what_is_set_aside_is_in_the_bound() -> None:
    """(0.1 + 0.2 - 0.3) |x| + |y|: along x the first term may still change f."""

    def f(x: Any) -> Any:
        u = np.abs(x[0])
        return (0.1 * u + 0.2 * u - 0.3 * u) + np.abs(x[1])

    found = regular_function(problem(f, [0.0, 0.0]))
    assert found is not None and found[0].deviation.tolist() == [found[1].proof.deviation, 0.0]
    assert found[0].bound(np.array([1.0, 0.0])) >= found[0].support(np.array([1.0, 0.0])) + found[1].proof.deviation
    assert not found[1].small
    # Where it is not small no vector is accepted for it, and others are refuted all the same.
    accepted = np.full(2, 1e-9)
    assert vector_under_regular(problem(f, [0.0, 0.0]), np.array([0.0, 0.5]), accepted, lambda: accepted) is None
    out = vector_under_regular(problem(f, [0.0, 0.0]), np.array([0.0, 1.5]), accepted, lambda: accepted)
    assert out is not None and not out.clarke


@pytest.mark.parametrize(("excess", "inside"), [(0.9, True), (1.1, None), (3.0, False)])
def test_a_vector_is_refuted_beyond_its_tolerance_only(excess: float, inside: bool | None) -> None:
    """|x| + |y| and a vector that is too large by a part of what is accepted, or of what is refuted."""
    given = problem(lambda x: np.abs(x[0]) + np.abs(x[1]), [0.0, 0.0])
    g = np.array([0.5, 1 + excess * 1e-6])
    proof = vector_under_regular(given, g, np.full(2, 1e-6), lambda: np.full(2, 2e-6))
    assert (None if proof is None else proof.clarke) is inside


# -- directions and limiting gradients along them --------------------------------------------------------------------


def test_a_direction_needs_definite_slopes() -> None:
    """|x| - |2 x|: with the slopes 1 and 1/2 there is no one direction; with 1 and 1 there is."""
    f = lambda x: np.abs(x[0]) - np.abs(2 * x[0])  # noqa: E731
    assert along_candidates(problem(f, [0.0], np.array([1.0, 1.0]))) is not None
    assert along_candidates(problem(f, [0.0], np.array([1.0, 0.5]))) is None


@pytest.mark.parametrize(("c", "open_"), [((1, 1), True), ((-1, 1), True), ((1, -1), False), ((-1, -1), False)])
def test_a_row_behind_a_kink_has_the_sign_of_its_slope(c: tuple[int, int], open_: bool) -> None:
    """||x||: the outer row is c0 times that of x, and |x| falls in no direction."""
    system = problem(lambda x: np.abs(np.abs(x[0])), [0.0]).relevant
    assert system is not None
    assert (find(system, [Fraction(a) for a in c], []) is not None) == open_


@pytest.mark.parametrize(("gap", "found"), [(0.9e-6, True), (1.1e-6, False)])
def test_a_mean_of_limiting_gradients_is_near_in_every_entry(gap: float, found: bool) -> None:
    """|x| + |y|: (1 + gap, 0) is as near as its first entry."""
    asked = problem(lambda x: np.abs(x[0]) + np.abs(x[1]), [0.0, 0.0])
    assert (nearest_mean(asked, np.array([1 + gap, 0.0]), np.full(2, 1e-6)) is not None) == found


# -- independence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "sure"), [(TINY, False), (2.0**-48, False), (1e-9, True)])
def test_singular_values_prove_independence_beyond_all_errors(gap: float, sure: bool) -> None:
    rows = np.array([[1.0, 1.0], [1.0, 1.0 + gap]])
    assert Fraction(rows[0, 0]) * Fraction(rows[1, 1]) != Fraction(rows[0, 1]) * Fraction(rows[1, 0])
    assert certainly_independent(rows, rounding(20) * np.abs(rows)) == sure


@pytest.mark.parametrize(("size", "sure"), [(0.9, False), (1.1, True)])
def test_errors_in_rows_count_with_their_sizes(size: float, sure: bool) -> None:
    """(1, 0) and (1, t), whose entries come from sums of size 1: the least singular value is t / sqrt 2."""
    allowed = 2 * rounding(1000) + 32 * np.finfo(float).eps
    rows = np.array([[1.0, 0.0], [1.0, size * np.sqrt(2) * allowed]])
    assert certainly_independent(rows, np.full((2, 2), rounding(1000))) == sure


@pytest.mark.parametrize(("factor", "sure"), [(0.9, False), (1.1, True)])
def test_a_pivot_within_its_rounding_peels_nothing_off(factor: float, sure: bool) -> None:
    rows, errors = np.diag([1.0, factor * rounding(20)]), rounding(20) * np.eye(2)
    assert certainly_triangular(rows, errors) == sure


def test_a_column_that_two_rows_may_share_peels_nothing_off() -> None:
    """The second row has 0 in the first column by cancellation only."""
    assert certainly_triangular(np.array([[1.0, 0.0], [0.0, 1.0]]), rounding(20) * np.eye(2))
    assert not certainly_triangular(np.array([[1.0, 1.0], [1.0, 1.0]]), np.full((2, 2), rounding(20)))


def test_a_prime_that_divides_a_minor_proves_nothing() -> None:
    """The rows (p, 0) and (0, 1) are dependent modulo p, and independent."""
    rows = np.array([[PRIME, 0], [0, 1]], dtype=np.int64)
    held, weights = independent(rows)
    assert held is not False and not weights
    assert independent(np.array([[1, 2], [2, 4]], dtype=np.int64)) == (False, [Fraction(-2), Fraction(1)])


@pytest.mark.parametrize(("small", "fits"), [(2.0**-52, True), (2.0**-53, False)])
def test_rows_with_more_bits_than_an_integer_are_not_rounded(small: float, fits: bool) -> None:
    found = integers(np.array([[1.0, small]]))
    assert (found is not None) == fits
    if found is not None:
        assert Fraction(int(found[0, 1]), int(found[0, 0])) == Fraction(small)
