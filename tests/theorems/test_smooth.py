"""Smooth: zero rows, and nothing that merely came out 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import absnormal as an
from absnormal.errors import TraceError
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.smooth import smooth, smooth_by_equal_rows, smooth_exactly

from ..oracle.expressions import variables
from .judge import Case, case, cases, caught, fuzz, never_wrong, problem

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


@pytest.mark.slow
def test_one_zero_row_is_not_enough() -> None:
    def broken(problem: Problem) -> Proof | None:
        system = problem.system
        rows = [] if system is None else system.full
        return Proof("smooth", True, "", "") if rows and not any(rows[0]) else None

    assert caught(broken, cases())


#: Rows 0 to 2 of the batch are equal.
BATCH = np.array([[1.0, 2.0, 0.5], [1.0, 2.0, 0.5], [1.0, 2.0, 0.5], [2.0, 1.0, 0.0]])


def distances(first: list[int], second: list[int]) -> Any:
    """A hinge on distances of embedded points to each other, as in a triplet loss."""

    def f(w: Any) -> Any:
        e = np.maximum(BATCH @ w, 0.1)
        near, far = (np.linalg.norm(e[first] - e[other], axis=1) for other in (second, [3] * len(first)))
        return np.maximum(near - far + 2.0, 0.0).sum() - near.sum()

    return f


def test_equal_rows_of_a_batch_have_zero_rows() -> None:
    w = np.array([[0.5, 0.25], [-0.25, 0.25], [1.0, 0.5]])
    f = distances([0, 1, 2], [1, 0, 2])
    assert len(problem(f, w).c) == 6 and smooth_by_equal_rows(problem(f, w)) is not None
    report = an.verify(lambda w: f(w) + np.linalg.norm(w - w.copy()), w, slope=0.5)
    assert report and report.certificate is not None and report.certificate.check()
    assert not an.verify(f, w, gradient=np.add(report.gradient, [0.0, 1.0]))


def test_other_rows_are_not_taken_for_equal() -> None:
    """Rows 2 and 3 differ, and their embeddings are equal at this w."""
    w = np.array([[0.25, 0.5], [0.25, 0.5], [0.0, 0.0]])
    for f in (distances([0, 1, 2], [0, 1, 2]), distances([0, 1], [1, 3])):
        assert len(problem(f, w).c) and smooth_by_equal_rows(problem(f, w)) is None


@fuzz(60)
@given(cases(soft=True))
def test_whether_any_switch_moves_is_seen_at_the_first_that_does(a: Case) -> None:
    sweeps = a.problem().sweeps
    moved = sweeps.moved
    assert moved == bool(sweeps.maybe_nonzero[sweeps.alpha].any())
