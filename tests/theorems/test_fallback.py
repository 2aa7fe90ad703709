"""The fallback: a certified limiting gradient."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.clarke import fallback as module
from absnormal.clarke.fallback import certified

from ..oracle.expressions import relu, variables
from .generators import nests, network_cases
from .judge import Case, case, cases, fuzz

x, y = variables(2)


def limiting(a: Case, seed: int = 0) -> bool:
    found = certified(a.problem().sweeps, seed)
    return not found.proved or a.oracle.is_limiting([Fraction(value) for value in found.gradient.tolist()])


def test_a_direction_that_does_not_move_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    """relu(y) - relu(-y) + |x| along (-1, 0): a derivative of 0 is no zero row, so the choice goes on."""
    monkeypatch.setattr(module, "direction", lambda n, seed: np.array([-1.0, 0.0]))
    a = case(relu(y) - relu(-y) + abs(x), [0, 0], -1)
    found = certified(a.problem().sweeps)
    assert found.proved and a.oracle.is_limiting([Fraction(value) for value in found.gradient.tolist()])


def test_zero_rows_need_no_direction() -> None:
    a = case(abs(x - x) + abs(y), [0, 0], 0)
    assert certified(a.problem().sweeps).proved and limiting(a)


def test_scales_that_a_random_direction_cannot_tell() -> None:
    """|x + y| with |x - y| 10^-40 beside: every sign is decided, or decided exactly."""
    def f(v: Any) -> Any:
        return np.abs(v[0] + v[1]) - np.abs(2 * v[0] + 2 * v[1] + 1e-40 * v[0])

    report = an.verify(f, [0.0, 0.0], slope=0.3)
    certificate = report.clarke_certificate
    assert certificate is not None and certificate.check()


@pytest.mark.parametrize("name", ["exp", "tanh", "square"])
def test_nonlinear_outer_functions(name: str) -> None:
    outer: dict[str, Any] = {"exp": np.exp, "tanh": np.tanh, "square": lambda u: (u + 3) ** 2}
    scale = {"exp": 1.0, "tanh": 1.0, "square": 6.0}[name]
    f = lambda v: outer[name](np.maximum(v[0], v[1]) - np.maximum(v[0], -v[1]))  # noqa: E731
    g = an.clarke_gradient(f, [0.0, 0.0]) / scale
    assert any(np.allclose(g, one) for one in ([0, 1], [1, 1], [-1, 1], [0, 0], [0, 2], [1, 0], [-1, 0]))


@fuzz(40)
@given(st.one_of(cases(), cases(nests()), network_cases()), st.integers(0, 3))
def test_every_certified_gradient_is_limiting(a: Case, seed: int) -> None:
    assert limiting(a, seed)


@fuzz(12)
@given(cases())
def test_every_gradient_of_a_small_piecewise_linear_program_is_certified(a: Case) -> None:
    assert certified(a.problem().sweeps, 0).proved


@fuzz(12)
@given(cases(soft=True), st.integers(0, 3))
def test_every_certified_gradient_is_limiting_with_smooth_maps_between(a: Case, seed: int) -> None:
    found = certified(a.problem().sweeps, seed)
    if found.proved:
        assert min(
            max(abs(float(p) - q) for p, q in zip(g, found.gradient.tolist(), strict=True))
            for g in a.oracle.limiting_gradients
        ) < 1e-9


@fuzz(12)
@given(cases())
def test_lexicographic_choice(a: Case) -> None:
    """An exact problem goes lexicographically from the start."""
    report = an.verify(a.function, a.point, slope=a.slopes, exact=True)
    assert a.oracle.is_limiting([Fraction(value) for value in report.fallback.gradient.tolist()])


@pytest.mark.parametrize("seed", [3])
def test_undecided_signs_that_are_trusted_are_caught(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Along a coordinate direction most kinks do not move: without the proof of a zero row the answer is wrong."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import NoSuchExample

    def wrong(a: Case) -> bool:
        sweeps = a.problem().sweeps
        d = np.zeros(sweeps.program.n)
        d[0] = 1.0
        gradient = sweeps.gradient(sweeps.directional(d).sigma)
        return not a.oracle.is_limiting([Fraction(value) for value in gradient.tolist()])

    once = settings(max_examples=300, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
                    suppress_health_check=list(HealthCheck))
    try:
        find(cases(), wrong, settings=once)
    except NoSuchExample:
        pytest.fail("not caught")
