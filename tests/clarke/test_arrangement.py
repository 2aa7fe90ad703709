"""Does the search of many branches at a time list what the search of one after the other does?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from absnormal import Budget
from absnormal.active.scaled import Scaled
from absnormal.clarke.arrangement import TooLong, arrangement
from absnormal.clarke.cells import one_by_one

AMPLE = Budget(cells=10**6, programs=10**7, seconds=3600)


def scaled(rows: Any, factors: Any = None) -> Scaled:
    """Hyperplanes through the origin, by their normals."""
    normals = np.array(rows, dtype=np.int64)
    k = len(normals)
    return Scaled(normals, np.zeros((k, k), np.int64), np.ones((1, k), np.int64), 1, factors or (1,) * k)


def normals(seed: int) -> Any:
    """Generic ones, few values (so that many are in special position), equal ones, opposite ones and zeros."""
    rng = np.random.default_rng(seed)
    k, width, largest = int(rng.integers(1, 11)), int(rng.integers(1, 5)), (1, 2, 50, 10**6)[seed % 4]
    rows = rng.integers(-largest, largest + 1, (k, width))
    if k > 3 and seed % 3 == 0:
        rows[2], rows[3] = -3 * rows[0] if largest < 10**6 else -rows[0], 0
    return rows


@pytest.mark.parametrize("block", (5, 512))
@pytest.mark.parametrize("seed", range(60))
def test_the_same_cells_and_the_same_branches_that_are_refused(
    seed: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("absnormal.clarke.arrangement._BLOCK", block)
    rows = normals(seed)
    factors = tuple(range(1, len(rows) + 1))
    found, known = arrangement(scaled(rows, factors), AMPLE.start()), one_by_one(scaled(rows, factors), AMPLE.start())
    assert not found.ended and known.complete
    assert found.signatures == [cell.signature for cell in known.cells]
    assert [signs for signs, _ in found.refused] == [cut.signature for cut in known.cuts]
    exact = [[Fraction(int(a)) for a in row] for row in rows]
    for signature, direction in zip(found.signatures, found.directions, strict=True):
        rates = [sum(a * b for a, b in zip(row, direction, strict=True)) for row in exact]
        assert all(sign * rate > 0 if sign else not any(row)
                   for sign, rate, row in zip(signature, rates, exact, strict=True))
    for signs, weights in found.refused:
        # In units of the switches themselves, rows are those here divided by their factors.
        assert weights and all(weight > 0 and signs[j] for j, weight in weights.items())
        total = [sum(Fraction(w, factors[j]) * signs[j] * exact[j][c] for j, w in weights.items())
                 for c in range(rows.shape[1])]
        assert not any(total)


@pytest.mark.parametrize("limit", (0, 1, 7, 100, 231, 232, 233, 463, 464, 465))
def test_a_budget_of_cells_gives_the_first_ones(limit: int) -> None:
    rows = np.random.default_rng(0).integers(-50, 51, (12, 4))
    budget = Budget(cells=limit, programs=10**7, seconds=3600)
    mine, theirs = budget.start(), budget.start()
    found, known = arrangement(scaled(rows), mine), one_by_one(scaled(rows), theirs)
    assert found.signatures == [cell.signature for cell in known.cells]
    assert found.ended == known.ended and mine.cells == theirs.cells


def test_other_limits_end_the_search() -> None:
    rows = np.random.default_rng(0).integers(-50, 51, (16, 5))
    whole = arrangement(scaled(rows), AMPLE.start()).signatures
    for budget in (Budget(cells=10**6, programs=5, seconds=3600), Budget(cells=10**6, programs=10**7, seconds=0.0)):
        found = arrangement(scaled(rows), budget.start())
        assert found.ended and len(found.signatures) < len(whole) and set(found.signatures) <= set(whole)


def test_large_entries_fit_or_are_said_not_to() -> None:
    rng = np.random.default_rng(1)
    for bits in (20, 29):
        rows = rng.integers(-(2**bits), 2**bits, (11, 3))
        try:
            found = arrangement(scaled(rows), AMPLE.start())
        except TooLong:
            continue
        assert found.signatures == [cell.signature for cell in one_by_one(scaled(rows), AMPLE.start()).cells]
