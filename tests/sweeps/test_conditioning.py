"""What rounding in a precision makes of a gradient is estimated from values and from adjoints."""

from __future__ import annotations

import numpy as np
import pytest

import absnormal as an
from absnormal.sweeps.conditioning import spread
from absnormal.sweeps.table import Sweeps

HALF, SINGLE, DOUBLE = 2.0**-10, 2.0**-23, 2.0**-52


@pytest.mark.parametrize(("eps", "least", "most"), [(SINGLE, 0.5, 50.0), (DOUBLE, 1e-9, 1e-7)])
def test_values_that_cancel(eps: float, least: float, most: float) -> None:
    """(x + 1e6 - 1e6)^2: the derivative has the rounding of 1e6."""
    sweeps = Sweeps(an.trace(lambda x: (x[0] + 1e6 - 1e6) ** 2, [1.0]), np.array([1.0]))
    assert least < spread(sweeps, np.zeros(0), eps)[0] < most


@pytest.mark.parametrize(("factor", "rounded"), [(0.3, True), (0.5, False)])
def test_adjoints_that_are_numbers_of_the_precision_are_not_rounded(factor: float, rounded: bool) -> None:
    """The terms c / 2 are exact, the terms 0.3 c are not."""
    c = np.array([1.0, -1.0, 1.0, -1.0])
    sweeps = Sweeps(an.trace(lambda x: ((c * x) * factor).sum(), 1.0), np.ones(1))
    found = spread(sweeps, np.zeros(0), HALF)[0]
    assert 0.1 * HALF < found < 64 * HALF if rounded else found == 0
    assert spread(sweeps, np.zeros(0), DOUBLE)[0] == 0


def test_a_result_that_is_a_part_of_the_point() -> None:
    sweeps = Sweeps(an.trace(lambda x: x[1], [0.0, 0.0]), np.zeros(2))
    assert sweeps.gradient(np.zeros(0)).tolist() == [0, 1] and not spread(sweeps, np.zeros(0), HALF).any()
