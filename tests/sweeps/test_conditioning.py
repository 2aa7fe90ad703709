"""What rounding in a precision makes of a gradient is estimated from values and from adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.sweeps import conditioning
from absnormal.sweeps.table import Sweeps

HALF, SINGLE, DOUBLE = 2.0**-10, 2.0**-23, 2.0**-52


def spread(sweeps: Sweeps, sigma: np.ndarray, eps: float) -> np.ndarray:
    """The bound where nothing else must be exceeded."""
    here = sweeps.gradient(sigma)
    return conditioning.spread(sweeps, sigma, eps, here, np.zeros(here.shape))


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


def weight(t: Any) -> Any:
    """About 1/2; near 0 it is all rounding, and 0 at 1e-8."""
    return (1 - np.cos(t)) / t**2


#: Functions whose kinks have a weight of about 1/2, and a Clarke gradient at (t, 0, 0).
WEIGHTED = {
    "abs": (lambda x: weight(x[0]) * np.abs(x[1]), (0.0, 0.3, 0.0)),
    "norm": (lambda x: weight(x[0]) * np.linalg.norm(x[1:]), (0.0, 0.3, -0.2)),
    "maximum": (lambda x: np.maximum(weight(x[0]) * x[1], 0), (0.0, 0.3, 0.0)),
    "behind another": (lambda x: np.maximum(weight(x[0]) * np.abs(x[1]), -np.abs(x[2])), (0.0, 0.3, 0.0)),
    "many": (lambda x: weight(x[0]) * np.abs(x[1] * np.arange(1.0, 41)).sum() / 820, (0.0, 0.3, 0.0)),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_weight_that_is_all_rounding_refutes_nothing(name: str) -> None:
    f, member = WEIGHTED[name]
    for t, scale in ((1e-8, 1e6), (0.1, 4.0)):
        found, beyond = (an.verify(f, [t, 0.0, 0.0], gradient=np.multiply(s, member)) for s in (1.0, scale))
        assert found.verdict is not an.Verdict.NOT_CLARKE, t
        assert beyond.verdict is an.Verdict.NOT_CLARKE, t


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_weight_that_is_all_rounding_proves_nothing(name: str) -> None:
    """At 1.2e-8 the weight comes out as 3/4, so that 0.7 seems to be in the set; beside a smooth part too."""
    f, member = WEIGHTED[name]
    beyond = np.multiply(7 / 3, member)
    for smooth in (0.0, 3.0):
        both = lambda x: f(x) + smooth * x[1]  # noqa: E731
        report = an.verify(both, [1.2e-8, 0.0, 0.0], gradient=np.array([0.0, smooth + beyond[1], beyond[2]]))
        assert report.verdict is an.Verdict.UNDECIDED, (smooth, report)
