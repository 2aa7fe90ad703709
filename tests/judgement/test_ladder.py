"""All theorems together: a verdict for every small program, with a certificate and a gradient to use instead."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

import absnormal as an

from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases, fuzz


@fuzz(150)
@given(cases() | cases(nests()) | network_cases(), st.booleans())
def test_every_small_program_is_decided(a: Case, exact: bool) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes, exact=exact)
    assert report.verdict.name == ("CLARKE" if a.clarke else "NOT_CLARKE"), (report.proof, a)
    assert [Fraction(value) for value in report.gradient.tolist()] == list(a.gradient)
    assert report.likq == a.oracle.likq
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is not None and certificate.check(), (certificate, a)
    assert a.oracle.contains([Fraction(value) for value in report.clarke_gradient.tolist()])


@fuzz(40)
@given(cases(soft=True))
def test_smooth_maps_between_change_no_verdict_that_is_given(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes)
    assert report.verdict.name in ("UNDECIDED", "CLARKE" if a.clarke else "NOT_CLARKE"), (report.proof, a)
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is None or certificate.check(), (certificate, a)
