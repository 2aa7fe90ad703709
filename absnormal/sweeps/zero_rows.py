"""Whether the rows of all active switches are zero for sure: structurally, as differences of equal rows, or without
rounding."""

from __future__ import annotations

import numpy as np

from absnormal.arrays import Array
from absnormal.sweeps.at_point import once
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.integers import all_zero_rows, zero_rows
from absnormal.sweeps.table import Sweeps

#: Switches that are looked at before all are.
_FEW = 256


def few_of(among: Array) -> Array:
    """A few of the active switches that are marked: they say mostly that not all rows are zero."""
    numbers = np.flatnonzero(among)
    found = np.zeros(among.shape, bool)
    found[numbers[:: max(1, len(numbers) // _FEW)]] = True
    return found


def zero_under(sweeps: Sweeps, sigma: Array, known: Array) -> Array:
    """The active switches that are known to have a zero row under definite slopes, and those that are found to."""
    found = known | EqualRows(sweeps, sigma).zero_rows()
    found[~found] = zero_rows(sweeps, sigma, sweeps.alpha[~found])
    return found


@once
def zero_under_one(sweeps: Sweeps) -> bool:
    """Whether the rows of all active switches are zero for sure under one signature, and so under all (THEORY 2.1)."""
    sigma = sweeps.signature(1.0)
    zero = ~sweeps.pattern(sigma)[0][sweeps.alpha]
    if not zero.all():
        rows = EqualRows(sweeps, sigma)
        few = few_of(~zero)
        left = sweeps.alpha[few & ~rows.zero_rows(few)]
        if not all_zero_rows(sweeps, sigma, left[:1]):
            return False
        zero = zero | rows.zero_rows()
    return bool(zero.all()) or all_zero_rows(sweeps, sigma, sweeps.alpha[~zero])
