"""exact=True against the oracle, at points that float64 does not hold."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates import checker

from ..theorems.generators import nests
from ..theorems.judge import Case, cases, fuzz


@pytest.mark.slow
@fuzz(30)
@given(cases() | cases(nests()), st.sampled_from((3, 7, 10)))
def test_verdicts_at_thirds_and_tenths(a: Case, factor: int) -> None:
    """f(k t) at t = x/k: the kinks hold exactly, while float64 computes whatever it does."""

    def scaled(t: Any) -> Any:
        return a.function(t * float(factor))

    x = [Fraction(v) / factor for v in a.x]
    report = an.verify(scaled, x, slope=a.slopes)
    z = report.problem.sweeps.z.tolist()
    assert z == list(a.oracle.z)
    if report.consistent:
        c = [Fraction(s) for s in report.problem.sigma.tolist()]
        clarke = a.oracle.contains(a.oracle.gradient(c))
        assert report.verdict.name == ("CLARKE" if clarke else "NOT_CLARKE")
        assert report.proof.arithmetic in ("rational", "structure")
    else:
        clarke = a.oracle.contains([Fraction(v) / factor for v in report.flat_gradient.tolist()])
        assert report.verdict.name != ("NOT_CLARKE" if clarke else "CLARKE")
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is not None and certificate.check()
        assert checker.holds(json.loads(certificate.to_json()))
    offered = [Fraction(v) / factor for v in np.ravel(report.clarke_gradient).tolist()]
    assert a.oracle.contains(offered)
    told = {switch.switch for switch in report.near if switch.wrong}
    signs = np.sign(report.tool.z)
    assert told == {i for i, value in enumerate(z) if signs[i] != (value > 0) - (value < 0)}


@pytest.mark.slow
@fuzz(12)
@given(cases() | cases(nests()))
def test_where_nothing_rounds_both_arithmetics_agree(a: Case) -> None:
    floats, exact = (an.verify(a.program, a.point, slope=a.slopes, exact=how) for how in (False, True))
    assert floats.verdict is exact.verdict and exact.consistent
    assert not any(switch.wrong for switch in floats.near)


def test_sympy_numbers_in_every_structure() -> None:
    tenth = sympy.Rational(1, 10)

    def f(p: Any) -> Any:
        return np.abs(10 * p["a"] - 1) + np.abs(10 * p["b"] - 1).sum()

    report = an.verify(f, {"a": tenth, "b": np.array([tenth, sympy.Integer(2)])})
    assert report.problem.sweeps.active.tolist() == [True, True, False]
    listed = an.verify(lambda x: np.abs(10 * x - 1).sum(), [tenth, Fraction(1, 10), 0.1])
    assert listed.problem.sweeps.active.tolist() == [True, True, False]


def test_smooth_operations_have_no_exact_value() -> None:
    with pytest.raises(an.TraceError, match=r"np.exp at test_exact.py:\d+: .*use float64 and exact=False"):
        an.verify(lambda x: np.exp(x[0]) + np.abs(x[0]), [Fraction(0)])
    with pytest.raises(an.TraceError, match="exact=False"):
        an.verify(lambda x: np.exp(x[0]) + np.abs(x[0]), [0.0], exact=True)
