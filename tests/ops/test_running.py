"""Ties of running maxima along a direction: together in all columns, and column by column."""

from __future__ import annotations

import numpy as np

from absnormal.ops.kinks.running import _one_by_one, _together, running


def test_both_ways_find_the_same() -> None:
    rng = np.random.default_rng(0)
    tied = 0
    for _ in range(400):
        count, width = int(rng.integers(2, 8)), int(rng.integers(1, 9))
        u, t = (rng.integers(-2, 3, (count, width)).astype(float) for _ in range(2))
        sign = int(rng.choice([-1, 1]))
        best = running(sign, u)
        # Values that count as tied need not be equal, and not all that are equal count.
        ties = np.abs(best[:-1] - u[1:]) <= rng.integers(0, 2)
        ties &= rng.random(ties.shape) < rng.choice([0.5, 1])
        ties[0, ~ties.any(axis=0)] = True
        better = np.maximum if sign > 0 else np.minimum
        together, alone = (way(better, best, ties, t) for way in (_together, _one_by_one))
        np.testing.assert_array_equal(together, alone)
        tied += int(ties.sum())
    assert tied > 1000
