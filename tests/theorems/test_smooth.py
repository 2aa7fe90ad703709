"""Smooth: zero rows, and nothing that merely came out 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import absnormal as an
from absnormal.errors import TraceError
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.smooth import smooth, smooth_exactly

from ..oracle.expressions import variables
from .judge import Case, case, cases, caught, fuzz, never_wrong

x, y = variables(2)


def test_a_row_that_cancels_is_zero() -> None:
    proof = never_wrong(smooth_exactly, case(abs(x - x) + y, [1, 2], 1))
    assert proof is not None


def test_a_row_that_is_zero_for_slope_zero_only_is_not_zero() -> None:
    """|y| has no base row in ||x| + y - y|, but |x| moves it."""
    a = case(abs(abs(x) + y - y), [0, 0], 0)
    assert never_wrong(smooth, a) is None and never_wrong(smooth_exactly, a) is None


def test_the_square_of_a_kink_is_smooth_at_it() -> None:
    report = an.verify(lambda v: np.abs(v[0] * v[1]), [0.0, 0.0], slope=1)
    assert (report.verdict.name, report.method) == ("CLARKE", "smooth")


@pytest.mark.parametrize(
    "f",
    [
        lambda v: np.sqrt(np.abs(v[0])),
        lambda v: v[0] ** 2 * np.sin(1 / v[0]),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_differentiable_or_not_what_is_not_continuously_differentiable_is_refused(f) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TraceError, an.DomainError)):
        an.verify(f, [0.0, 0.0])


@fuzz(60)
@given(cases())
def test_never_wrong(a: Case) -> None:
    never_wrong(smooth, a)
    never_wrong(smooth_exactly, a)


@fuzz(40)
@given(cases(soft=True))
def test_never_wrong_with_smooth_maps_between(a: Case) -> None:
    never_wrong(smooth, a)
    never_wrong(smooth_exactly, a)


def test_one_zero_row_is_not_enough() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.system
        rows = [] if system is None else system.full
        return Proof("smooth", True, "", "") if rows and not any(rows[0]) else None

    assert caught(broken, cases())
