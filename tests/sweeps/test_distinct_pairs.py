"""Pairs of numbers told apart by a table, or by sorting them."""

from __future__ import annotations

import numpy as np
import pytest

from absnormal.arrays import distinct_pairs


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
