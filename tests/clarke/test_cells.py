"""Are all open cells found, in number as combinatorics knows them, and is every branch that is cut off refuted?"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from math import comb, factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from absnormal import Budget
from absnormal.active.system import System
from absnormal.clarke.cells import Cells, _nudged, open_cells
from absnormal.rational.alternative import BITS
from absnormal.rational.linear_algebra import dot, pivots
from absnormal.rational.linear_program import open_direction

AMPLE = Budget(cells=10**6, programs=10**6, seconds=600)


def system(rows: Sequence[Sequence[Any]], couplings: dict[tuple[int, int], Any] | None = None) -> System:
    full = [[Fraction(a) for a in row] for row in rows]
    _, columns = pivots(full)
    k = len(full)
    lt = [[Fraction((couplings or {}).get((i, j), 0)) for j in range(k)] for i in range(k)]
    return System(
        tuple(range(k)), [[row[j] for j in columns] for row in full], lt, [[Fraction(1)] * k], (1,) * k, True,
        "rational",
        full, tuple(columns), tuple(range(len(full[0]))),
    )


def cells(rows: Sequence[Sequence[Any]]) -> Cells:
    found = open_cells(system(rows), AMPLE.start())
    assert found.complete
    return found


def true(of: System, found: Cells) -> None:
    """Every cell is open along its direction, every cut is refuted by its weights, and they cover all signatures."""
    for cell in found.cells:
        for sign, row in zip(cell.signature, of.all_rows(cell.signature), strict=True):
            assert (sign * dot(row, [Fraction(a) for a in cell.direction]) > 0) if any(row) else sign == 0
    for cut in found.cuts:
        rows = of.part(range(len(cut.signature))).all_rows(cut.signature)
        signed = [[s * a for a in row] for s, row in zip(cut.signature, rows, strict=True) if s]
        assert any(cut.weights) and min(cut.weights) >= 0 and len(cut.weights) == len(signed)
        assert not any(dot([Fraction(w) for w in cut.weights], column) for column in zip(*signed, strict=True))


@pytest.mark.parametrize(("k", "r"), [(12, 4), (14, 5)])
def test_generic_hyperplanes_through_the_origin(k: int, r: int) -> None:
    rows = np.random.default_rng(0).integers(-50, 51, (k, r)).tolist()
    assert len(cells(rows).cells) == 2 * sum(comb(k - 1, i) for i in range(r))


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_the_braid_arrangement(n: int) -> None:
    rows = [[(j == a) - (j == b) for j in range(n)] for a, b in combinations(range(n), 2)]
    assert len(cells(rows).cells) == factorial(n)


@pytest.mark.parametrize(("n", "count"), [(1, 2), (2, 6), (3, 32), (4, 370)])
def test_sums_over_all_nonempty_subsets(n: int, count: int) -> None:
    rows = [[int(j in S) for j in range(n)] for size in range(1, n + 1) for S in combinations(range(n), size)]
    assert len(cells(rows).cells) == count


SMALL = st.integers(-2, 2)
LARGE = st.sampled_from([0, 1, -1, 10**150, -(10**150), Fraction(1, 10**150), Fraction(2, 3), 10**150 + 1])


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from([SMALL, LARGE]))
def test_against_all_signatures(data: Any, numbers: Any) -> None:
    k, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    rows = data.draw(st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=k, max_size=k))
    places = [(i, j) for i in range(k) for j in range(i)]
    couplings = {place: data.draw(numbers) for place in places if data.draw(st.booleans())}
    of = system(rows, couplings)
    found = open_cells(of, AMPLE.start())
    true(of, found)
    expected = set()
    for sigma in product((1, -1), repeat=k):
        all_rows = of.all_rows(sigma)
        signed = [[s * a for a in row] for s, row in zip(sigma, all_rows, strict=True) if any(row)]
        if open_direction(signed)[0] is not None:
            expected.add(tuple(s if any(row) else 0 for s, row in zip(sigma, all_rows, strict=True)))
    assert {cell.signature for cell in found.cells} == expected
    assert len(found.cells) == len(expected)
    integers = of.scaled.gradients([cell.signature for cell in found.cells])
    for cell, whole in zip(found.cells, integers.tolist(), strict=True):
        assert [Fraction(a) / of.scaled.unit for a in whole] == of.gradient(cell.signature)


@pytest.mark.parametrize("budget", [Budget(cells=3), Budget(programs=2), Budget(seconds=0)])
def test_a_search_that_is_cut_short_says_so(budget: Budget) -> None:
    found = open_cells(system([[1, 0], [0, 1], [1, 1], [1, 2]]), budget.start())
    assert not found.complete and found.ended and len(found.cells) <= 4


def test_a_direction_that_does_not_fit_keeps_all_signs_or_is_none() -> None:
    """Of (2^k, 1) cut to k bits nothing is left in the second entry."""
    rows, signs = np.array([[1, 0], [0, 1]]), np.array([1, 1])
    assert _nudged(rows, signs, 1, np.array([2**BITS, 0])) is None
    found = _nudged(rows, signs, 1, np.array([2, 0]))
    assert found is not None and (signs * (rows @ found) > 0).all()
