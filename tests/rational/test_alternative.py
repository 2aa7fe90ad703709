"""Is exactly one of two alternatives found, and is what is found true, however the numbers are scaled?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from absnormal.rational import alternative
from absnormal.rational.alternative import gordan, mean
from absnormal.rational.linear_program import convex_weights, open_direction

RANDOM = settings(max_examples=100, deadline=None)
#: Plain integers, and differences and sizes that no float can tell.
NUMBERS = st.integers(-3, 3) | st.sampled_from([10**40, -(10**40), 10**40 + 1, 1 - 10**40, 2**53 + 1, -(2**53)])


@st.composite
def vectors(draw: Any, least: int, zero: bool) -> Any:
    width = draw(st.integers(1, 4))
    row = st.lists(NUMBERS, min_size=width, max_size=width)
    rows = draw(st.lists(row if zero else row.filter(any), min_size=least, max_size=7))
    large = any(abs(a) > 2**20 for row in rows for a in row)
    return np.array(rows, dtype=object if large else np.int64)


def fractions(rows: Any) -> list[list[Fraction]]:
    return [[Fraction(a) for a in row] for row in rows.tolist()]


@RANDOM
@given(vectors(1, zero=False))
def test_gordan(rows: Any) -> None:
    d, weights = gordan(rows)
    assert (d is None) == (open_direction(fractions(rows))[0] is None)
    if d is not None:
        assert all(sum(a * int(b) for a, b in zip(row, d.tolist(), strict=True)) > 0 for row in rows.tolist())
    else:
        assert weights and min(weights.values()) > 0
        total = [sum(w * rows[i].tolist()[j] for i, w in weights.items()) for j in range(rows.shape[1])]
        assert not any(total)


@RANDOM
@given(vectors(2, zero=True))
def test_mean(rows: Any) -> None:
    *points, goal = fractions(rows)
    weights, v = mean(rows[:-1], goal)
    assert (weights is None) == (convex_weights(points, goal)[0] is None)
    if weights is not None:
        assert sum(weights.values()) == 1 and min(weights.values()) > 0
        assert [sum(w * points[k][j] for k, w in weights.items()) for j in range(len(goal))] == goal
    else:
        assert v is not None

        def along(u: list[Fraction]) -> Fraction:
            return sum((a * b for a, b in zip(u, v, strict=True)), Fraction(0))

        assert all(along(point) < along(goal) for point in points)


@pytest.mark.slow
def test_a_least_squares_solver_that_errs_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(columns: Any, labels: Any, target: Any) -> Any:
        return np.ones(columns.shape[1]), np.ones(len(target))

    monkeypatch.setattr(alternative, "least_squares", wrong)
    test_gordan()
    test_mean()


@pytest.mark.parametrize("rows", [1, 43])
def test_no_column_is_no_question_for_a_solver(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """SciPy's compiled one ends the process there, now and then."""
    monkeypatch.setattr("scipy.optimize.nnls", None)
    target = np.ones(rows)
    weights, left = alternative.least_squares(np.zeros((rows, 0)), np.zeros(0, int), target)
    assert weights.shape == (0,) and left.tolist() == target.tolist()
