"""All theorems together: a verdict for every small program, with a certificate and a gradient to use instead."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.judgement.ladder import decide

from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases, fuzz, problem


@pytest.mark.slow
@fuzz(30)
@given(cases() | cases(nests()) | network_cases(), st.booleans())
def test_every_small_program_is_decided(a: Case, exact: bool) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes, exact=exact)
    assert report.verdict.name == ("CLARKE" if a.clarke else "NOT_CLARKE"), (report.proof, a)
    assert [Fraction(value) for value in report.gradient.tolist()] == list(a.gradient)
    assert report.likq == a.oracle.likq
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is not None and certificate.check(), (certificate, a)
    assert a.oracle.contains([Fraction(value) for value in report.clarke_gradient.tolist()])


@pytest.mark.slow
@fuzz(15)
@given(cases(soft=True))
def test_smooth_maps_between_change_no_verdict_that_is_given(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes)
    assert report.verdict.name in ("UNDECIDED", "CLARKE" if a.clarke else "NOT_CLARKE"), (report.proof, a)
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is None or certificate.check(), (certificate, a)


FACTORS = np.arange(1.0, 201.0)


def even(s: Any, t: Any) -> Any:
    return np.abs(np.abs(s) - np.abs(t)) - np.abs(s + t)


def layered(s: Any, t: Any) -> Any:
    return np.abs(s) / 2 - np.abs(np.abs(s) - t)


def supported(s: Any, t: Any) -> Any:
    return -np.abs(np.abs(s + t) - t) - np.abs(s + t) / 2


@pytest.mark.parametrize(("pairs", "slope", "method"), [
    (even, 0.0, "even part"), (layered, 0.5, "layered blocks"), (supported, 0.25, "supporting"),
])  # fmt: skip
def test_many_switches_are_not_listed_where_sweeps_decide(pairs: Any, slope: float, method: str) -> None:
    """Hundreds of pairs of numbers, each with a factor of its own, so that no input is private."""
    zero = np.zeros(400)
    asked = problem(lambda v: pairs(FACTORS * v[:200], FACTORS * v[200:]).sum(), zero, slope)
    proof, _ = decide(asked)
    assert proof is not None and proof.clarke
    assert (proof.method, "system" in asked.__dict__) == (method, False)
