"""The counterexamples and numbers of THEORY.md that belong to no single theorem."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.judgement.tolerances import cancelled, machine_epsilon, relative


def test_the_sign_that_float64_computes() -> None:
    """What a tool finds at a switch need not be what exact arithmetic finds there."""
    assert (0.5 + 1e16) - 1e16 == 0 and Fraction(0.5) + Fraction(1e16) - Fraction(1e16) == Fraction(1, 2)
    assert 3 * 0.044 - 0.079 - 0.053 > 0 > 3 * Fraction(0.044) - Fraction(0.079) - Fraction(0.053)


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_kinks_that_cancel_leave_one_gradient(y: float, slope: float) -> None:
    """relu(z) - z y + log1p(exp(-|z|)) is smooth at z = 0, with derivative 1/2 - y."""

    def logistic(v: Any) -> Any:
        return np.maximum(v[0], 0) - v[0] * y + np.log1p(np.exp(-np.abs(v[0])))

    assert an.generalized_gradient(logistic, [0.0]).limiting_gradients.tolist() == [[0.5 - y]]
    report = an.verify(logistic, [0.0], slope=slope)
    assert report and report.gradient.tolist() == [0.5 - y]


def test_proportional_rows_are_not_one_set() -> None:
    """|u| - |u + w^2|: the rows are equal at 0, and (-2, 0) is a limiting gradient, seen where -w^2 < u < 0."""

    def f(v: Any) -> Any:
        return np.abs(v[0]) - np.abs(v[0] + v[1] ** 2)

    near = [an.gradient(f, [u, 1e-4]).tolist() for u in (1e-6, -1e-9, -1e-6)]
    assert near == [[0.0, -2e-4], [-2.0, -2e-4], [0.0, 2e-4]]
    for vector in ([-2.0, 0.0], [0.0, 0.0], [-1.0, 0.0]):
        assert an.verify(f, [0.0, 0.0], gradient=vector).verdict.name != "NOT_CLARKE"
    assert an.verify(f, [0.0, 0.0], slope=np.array([-1.0, 1.0])).verdict.name != "NOT_CLARKE"


def test_the_size_of_kappa() -> None:
    """kappa is 64 eps in double and single precision, and what half precisions are allowed."""
    found = {}
    for name in ("float64", "float32", "float16", "bfloat16"):
        eps = machine_epsilon(name)
        found[name] = min(relative(eps), cancelled(eps))
    assert found["float64"] == pytest.approx(64 * 2.0**-52) and found["float32"] == pytest.approx(64 * 2.0**-23)
    assert found["float16"] == pytest.approx(0.0039, abs=1e-5) and found["bfloat16"] == pytest.approx(0.03125)
