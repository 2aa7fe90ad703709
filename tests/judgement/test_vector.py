"""A vector that a tool returned."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.judgement import vector
from absnormal.theorems import separation
from absnormal.theorems.separation import beyond_bounds, from_all_slopes, middle_of

from ..oracle.expressions import Vector, relu, variables
from ..theorems.generators import nests
from ..theorems.judge import Case, case, cases, fuzz

x, y = variables(2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nonfinite(bad: float) -> None:
    report = an.verify(lambda v: np.abs(v[0]) + v[1], [0.0, 0.0], gradient=[bad, 1.0])
    assert (report.verdict.name, report.method) == ("NOT_CLARKE", "nonfinite")
    assert report.certificate is not None and report.certificate.check()


def test_where_f_is_differentiable_only_its_gradient_will_do() -> None:
    f = lambda v: np.abs(v[0]) * v[1]  # noqa: E731
    good, wrong = an.verify(f, [2.0, 3.0], gradient=[3.0, 2.0]), an.verify(f, [2.0, 3.0], gradient=[3.0, 2.1])
    assert (good.verdict.name, wrong.verdict.name) == ("CLARKE", "NOT_CLARKE")
    for report in (good, wrong):
        assert report.certificate is not None and report.certificate.check()


def test_a_vector_in_single_precision_is_allowed_its_rounding() -> None:
    """min(relu(x)/10 - 3y, 0): (0.1, -3) is a gradient of signs that differ, and 0.1f is above 0.1."""
    f = lambda v: np.minimum(0.1 * np.maximum(v[0], 0) - 3 * v[1], 0)  # noqa: E731
    assert an.verify(f, [0.0, 0.0], gradient=np.array([0.1, -3], np.float32)).verdict.name == "CLARKE"
    assert an.verify(f, [0.0, 0.0], gradient=np.array([0.11, -3], np.float32)).verdict.name == "NOT_CLARKE"


def test_the_missing_half_of_a_set() -> None:
    a = case(relu(x) - relu(-x), [0], -1)
    assert an.verify(a.function, a.point, gradient=[0.0]).verdict.name == "NOT_CLARKE"
    assert an.verify(a.function, a.point, gradient=[1.0]).verdict.name == "CLARKE"


@st.composite
def vectors(draw: st.DrawFn, a: Case) -> Vector:
    """g_c, a limiting gradient, a convex combination, the vector moved a little, a lot."""
    kind = draw(st.sampled_from(("slopes", "limiting", "mean", "near", "far")))
    corners = st.sampled_from(a.oracle.limiting_gradients)
    if kind == "slopes":
        return a.gradient
    if kind == "limiting":
        return draw(corners)
    if kind == "mean":
        first, second, third = draw(corners), draw(corners), draw(corners)
        return tuple((2 * p + q + r) / 4 for p, q, r in zip(first, second, third, strict=True))
    size = 8 if kind == "near" else 1
    return tuple(p + Fraction(draw(st.integers(-1, 1)), size) for p in draw(corners))


@pytest.mark.slow
@fuzz(30)
@given(st.data(), st.booleans())
def test_the_oracle_agrees(data: st.DataObject, exact: bool) -> None:
    a = data.draw(cases() | cases(nests()))
    g = data.draw(vectors(a))
    report = an.verify(a.function, a.point, gradient=[float(value) for value in g], exact=exact, slope=a.slopes)
    if report.verdict.name != "UNDECIDED":
        assert bool(report) == a.oracle.contains(g), (report.proof, a, g)
        assert report.certificate is not None and report.certificate.check()
    else:
        # Only a vector on the boundary may stay open.
        assert a.oracle.contains(g)


@fuzz(12)
@given(st.data())
def test_the_oracle_agrees_with_smooth_maps_between(data: st.DataObject) -> None:
    """Outside hypothesis E the set may be larger than that of the linearization, never smaller."""
    a = data.draw(cases(soft=True))
    g = data.draw(vectors(a))
    report = an.verify(a.function, a.point, gradient=[float(value) for value in g])
    if a.oracle.contains(g):
        assert report.verdict.name != "NOT_CLARKE", (report.proof, a, g)
    else:
        assert report.verdict.name != "CLARKE", (report.proof, a, g)
    if report.verdict.name != "UNDECIDED":
        assert report.certificate is not None and report.certificate.check(), (report.proof, a, g)


#: One-to-one functions that take 0 to v, with their derivatives there.
ONE_TO_ONE: tuple[tuple[Any, int], ...] = (
    (lambda t, v: np.exp(t) + (v - 1), 1), (lambda t, v: v + np.tanh(t), 1), (lambda t, v: (t + 1) ** 3 + (v - 1), 3),
    (lambda t, v: v + 1 - np.exp(t), -1), (lambda t, v: np.expm1(2 * t) + v, 2), (lambda t, v: t + v, 1),
    (lambda t, v: np.exp(np.sin(t)) + (v - 1), 1),
)  # fmt: skip


@fuzz(12)
@given(st.data())
def test_one_to_one_functions_of_inputs_are_coordinates(data: st.DataObject) -> None:
    a = data.draw(cases() | cases(nests()))
    g = data.draw(vectors(a))
    maps = [data.draw(st.sampled_from(ONE_TO_ONE)) for _ in a.x]

    def f(t: Any) -> Any:
        return a.function(np.array([phi(t[i], a.point[i]) for i, (phi, _) in enumerate(maps)]))

    report = an.verify(f, np.zeros(len(maps)), slope=a.slopes)
    assert report.verdict.name == ("CLARKE" if a.clarke else "NOT_CLARKE"), (report.proof, a)
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is not None and certificate.check(), (certificate, a)
    rates = [rate for _, rate in maps]
    own = zip(report.clarke_gradient.tolist(), rates, strict=True)
    assert a.oracle.contains([Fraction(v) / rate for v, rate in own])
    brought = an.verify(f, np.zeros(len(maps)), gradient=[float(v * rate) for v, rate in zip(g, rates, strict=True)])
    if brought.verdict.name != "UNDECIDED":
        assert bool(brought) == a.oracle.contains(g), (brought.proof, a, g)
        assert brought.certificate is not None and brought.certificate.check()


@fuzz(12)
@given(cases())
def test_the_gradient_of_slopes_is_not_separated_from_those_of_all_slopes(a: Case) -> None:
    problem = a.problem()
    problem.__dict__["system"] = None  # as where switches are many
    g = problem.gradient
    assert beyond_bounds(problem, g, middle_of(problem), np.zeros(len(g))) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "beyond_bounds", None)
        patch.setattr(vector, "beyond_bounds", None)
        assert from_all_slopes(problem) is None and vector._by_bounds(vector.Limits(problem, g, problem.sweeps)) is None
