"""Functions of one variable outside hypothesis E: are the two one-sided derivatives the whole set?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal.active.system import build
from absnormal.sweeps.table import Sweeps

#: Smooth, 0 at 0, with derivatives and curvatures of either sign.
SMOOTH: list[Callable[[Any], Any]] = [
    lambda u: np.exp(u) - 1, np.sin, lambda u: u**2, lambda u: u - u**2, lambda u: -np.arctan(u),
    lambda u: u * np.exp(u),
]
KINKED: list[Callable[[Any], Any]] = [
    np.abs, lambda u: np.maximum(u, 0), lambda u: np.minimum(0, u), lambda u: -np.abs(u),
]


@st.composite
def functions(draw: Any) -> Callable[[Any], Any]:
    """Sums of kinks of smooth functions of sums ..., all 0 at 0."""
    steps = draw(st.lists(st.tuples(st.sampled_from(SMOOTH + KINKED), st.sampled_from([-2.0, -1.0, 0.5, 1.0])),
                          min_size=2, max_size=6))

    def f(x: Any) -> Any:
        total, inner = 0.0 * x[0], x[0]
        for step, factor in steps:
            inner = step(inner + factor * total)
            total = total + factor * inner
        return total

    return f


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(functions(), st.sampled_from([-1.0, 0.0, 1.0]))
def test_the_set_is_spanned_by_the_one_sided_derivatives(f: Callable[[Any], Any], slope: float) -> None:
    G = an.generalized_gradient(f, [0.0])
    h = 2.0**-32
    sides = [(float(f(np.array([side * h]))) - float(f(np.array([0.0])))) / (side * h) for side in (1.0, -1.0)]
    low, high = min(sides), max(sides)
    slack = 1e-4 * (1 + abs(low) + abs(high))
    listed = G.limiting_gradients[:, 0]
    assert min(listed) > low - slack and max(listed) < high + slack
    report = an.verify(f, [0.0], slope=slope)
    g = float(report.gradient[0])
    if report.verdict is an.Verdict.CLARKE:
        assert low - slack < g < high + slack
    elif report.verdict is an.Verdict.NOT_CLARKE:
        assert g < low + slack or g > high - slack
        assert report.certificate is not None and report.certificate.check()
    if G.exact and G.complete:
        assert min(listed) < low + slack and max(listed) > high - slack
    if G.exact:
        assert abs(G.support([1.0]) - high) < slack and abs(G.support([-1.0]) + low) < slack


def test_a_kink_of_no_weight_closes_no_side() -> None:
    """|v| enters with slopes that cancel to first order, so the list is that of a set known by its support function."""
    steps = [(np.maximum, -2.0), (np.expm1, -2.0), (np.expm1, -2.0), (np.abs, 0.5), (np.expm1, -1.0)]

    def f(x: Any) -> Any:
        total, inner = 0.0 * x[0], x[0]
        for step, factor in steps:
            inner = inner + factor * total
            inner = np.maximum(inner, 0) if step is np.maximum else step(inner)
            total = total + factor * inner
        return total

    G = an.generalized_gradient(f, [0.0])
    assert G.exact and not G.complete and G.support([1.0]) == pytest.approx(0.0) and G.support([-1.0]) == 140.0
    assert sorted(G.limiting_gradients.ravel().tolist()) == [-140.0, 0.0]


@pytest.mark.parametrize(("slope", "verdict"), [(-1, "NOT_CLARKE"), (0, "CLARKE"), (1, "NOT_CLARKE")])
def test_elu_by_hand(slope: float, verdict: str) -> None:
    report = an.verify(lambda x: np.maximum(x[0], 0) + np.minimum(0, np.exp(x[0]) - 1), [0.0], slope=slope)
    assert report.verdict.name == verdict and report.clarke_gradient.tolist() == [1.0]


def test_two_variables_may_hide_a_cell() -> None:
    # z1 = y, z2 = |y| - x^2 < 0 near 0: the linearization misses it, and nothing is claimed.
    G = an.generalized_gradient(lambda x: np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1]), [0.0, 0.0])
    assert not G.exact


@pytest.mark.parametrize("x", [0.125, 0.234375, 1.0625])
def test_a_row_of_rounding_opens_no_side(x: float) -> None:
    """2^50 |log(exp x) - x| is 0; at these x the computed value is 0, and the computed derivative is not."""
    sweeps = Sweeps(an.trace(lambda x: np.abs(np.log(np.exp(x[0])) - x[0]) * 2.0**50, [x]), np.array([x]))
    assert sweeps.active.all() and sweeps.gradient(sweeps.signature(1.0)).any()
    system = build(sweeps)
    assert system is not None and not system.proved
