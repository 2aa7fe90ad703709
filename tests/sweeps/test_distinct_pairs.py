"""Pairs of numbers told apart by a table, or by sorting them, and columns of a table."""

from __future__ import annotations

import numpy as np
import pytest

from absnormal.arrays import distinct_columns, distinct_pairs


@pytest.mark.parametrize(("size", "count", "steps"), [
    (1, 5, 1), (7, 200, 7), (1000, 50, 1000), (1000, 4000, 3), (1000, 4000, 1000), (50, 0, 1),
])  # fmt: skip
def test_pairs_are_told_apart(size: int, count: int, steps: int) -> None:
    """Few steps between the numbers are a table, many are sorted; either way each pair is found again."""
    rng = np.random.default_rng(size + count)
    first = rng.integers(0, size, count)
    second = np.clip(first + rng.integers(-steps + 1, steps, count), 0, size - 1)
    low, high, back = distinct_pairs(first, second, size)
    assert low[back].tolist() == first.tolist() and high[back].tolist() == second.tolist()
    assert len({*zip(low.tolist(), high.tolist(), strict=True)}) == len(low) == len(
        {*zip(first.tolist(), second.tolist(), strict=True)})


@pytest.mark.parametrize(("rows", "count"), [(1, 30), (3, 200), (6, 1000), (2, 1), (2, 0)])
def test_columns_are_told_apart_as_numpy_does(rows: int, count: int) -> None:
    table = np.random.default_rng(rows).integers(-2, 3, (rows, count))
    columns, which = distinct_columns(table)
    expected, inverse = np.unique(table, axis=1, return_inverse=True)
    assert columns.tolist() == expected.tolist() and which.tolist() == inverse.reshape(-1).tolist()
