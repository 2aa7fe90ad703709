"""The sort of tied entries as one kink: its derivative is a mean of permutations, and bounds hold for all of them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.ops.kinks.order import Order, codes, gaps, in_turn
from absnormal.sweeps.adjoints import nonzero

ORDER = Order()
RANKS = [(0, 1, 2, 3), (1,), (0, 3), (1, 2)]


def made(slopes: Any, ranks: tuple[int, ...], columns: int = 1) -> Any:
    params = {"entries": 3, "ranks": ranks}
    return ORDER.derivative(params, [(4, columns)], (len(ranks), columns), np.asarray(slopes, float))


@pytest.mark.parametrize("ranks", RANKS)
def test_codes_that_differ_take_entries_in_their_order(ranks: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    for order in permutations(range(4)):
        t, w = rng.standard_normal((2, 4, 1)), rng.standard_normal((2, len(ranks), 1))
        # Along this direction the entries come in this order.
        along = np.empty(4)
        along[list(order)] = np.arange(4.0)
        derivative = made(codes((along[1:] - along[0])[:, None]).reshape(-1), ranks)
        assert np.array_equal(derivative.push([t], 2), t[:, list(order)][:, list(ranks)])
        pulled = derivative.pull(w, None, False)[0][0][2]
        assert (w * derivative.push([t], 2)).sum() == pytest.approx((pulled * t).sum())


@pytest.mark.parametrize("ranks", RANKS)
def test_entries_with_one_code_share_their_places(ranks: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    t, w = rng.standard_normal((1, 4, 2)), rng.standard_normal((1, len(ranks), 2))
    # In the first column all at once; in the second one u_2 comes first, u_0 and u_1 together, u_3 at last.
    derivative = made([0, 0, 0, -0.5, 0, 0.5], ranks, 2)
    whole = np.full((4, 4), 0.25), np.array([[0, 0, 1, 0], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]])
    for column, matrix in enumerate(whole):
        assert np.allclose(derivative.push([t], 1)[0, :, column], (matrix @ t[0, :, column])[list(ranks)])
        pulled = derivative.pull(w, None, False)[0][0][2]
        assert np.allclose(pulled[0, :, column], matrix[list(ranks)].T @ w[0, :, column])
        pattern = derivative.entrywise(lambda a: nonzero(a), None)
        seen = pattern.push([np.ones((1, 4, 2))], 1)[0, :, column]
        assert np.array_equal(seen, (matrix != 0).sum(axis=1)[list(ranks)])


@pytest.mark.parametrize("ranks", RANKS)
def test_bounds_hold_for_all_orders(ranks: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    intervals = ORDER.intervals({"entries": 3, "ranks": ranks}, [(4, 1)], (len(ranks), 1), np.full(3, np.nan))
    for _ in range(20):
        t, w = rng.standard_normal((1, 4, 1)), rng.standard_normal((1, len(ranks), 1))
        low, high, size = intervals.push([t[0]], [np.zeros((4, 1))], [np.abs(t[0])])
        least, most, reach = intervals.pull(0, w[0], w[0], np.abs(w[0]))
        for order in permutations(range(4)):
            own = made(codes(_code(order)).reshape(-1), ranks)
            pushed, pulled = own.push([t], 1)[0], own.pull(w, None, False)[0][0][2][0]
            assert (low <= pushed).all() and (pushed <= high).all() and (np.abs(pushed) <= size).all()
            assert (least <= pulled).all() and (pulled <= most).all() and (np.abs(pulled) <= reach).all()


def _code(order: tuple[int, ...]) -> Any:
    place = np.argsort(order)
    return (place[1:] - place[0])[:, None].astype(float)


def test_the_least_step_is_that_in_the_order_of_the_codes() -> None:
    assert gaps(np.array([[2.0], [1.0]]), np.array([[1.0], [0.5]]))[0] == 1.0
    # The codes ask for u_1 before u_2, the values do not.
    assert gaps(np.array([[2.0], [1.0]]), np.array([[0.5], [1.0]]))[0] == -1.0
    assert in_turn(2, 1, -1.0).tolist() == [0.5, 1.0] and in_turn(2, 1, 0.0).tolist() == [0.0, 0.0]


def test_a_list_that_ties_in_part_is_traced_again() -> None:
    program = an.trace(np.median, np.zeros(40))
    assert program(np.arange(40.0)) == 19.5
    assert an.verify(program, np.arange(40.0)).gradient.sum() == 1.0
    with pytest.raises(an.TraceError, match="tie in part"):
        an.verify(program, np.repeat(np.arange(20.0), 2))
    with pytest.raises(an.TraceError, match="one kink, so exact"):
        an.verify(np.median, np.zeros(40), exact=True)
    with pytest.raises(an.TraceError, match="one kink"):
        an.abs_normal_form(np.median, np.zeros(40))
