"""What is wrong with a report, by the exact oracle of its program at the point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import absnormal as an
from absnormal.certificates import checker
from absnormal.certificates.certificate import Certificate, certificate_of_fallback

from ..oracle.oracle import Oracle
from ..oracle.rational import Vector

#: The largest dyadic denominator, and the rounding, of a gradient in numbers of so many bytes.
_DYADIC, _ROUNDING = {8: 2**20, 4: 2**12}, {8: 1e-11, 4: 1e-6}


def rationals(values: Sequence[float], itemsize: int = 8) -> Vector:
    """The numbers with small denominators that were rounded to these: dyadic ones, or thirds, or thirds of these.

    Ties of three are shared in thirds; everything else in a drawn program is dyadic.
    """
    return tuple(_rational(value, _DYADIC[itemsize], _ROUNDING[itemsize] * max(1.0, abs(value))) for value in values)


def _rational(value: float, dyadic: int, rounding: float) -> Fraction:
    for denominator in (dyadic * 3**k for k in range(4)):
        found = Fraction(round(value * denominator), denominator)
        if abs(float(found) - value) <= rounding:
            return found
    raise ValueError(f"{value} is no rational number with a small denominator")


def faults(report: an.Report, oracle: Oracle, gradient: Vector | None = None, itemsize: int = 8) -> Iterator[str]:
    """What the oracle says against a report of ``gradient``, and the checker against its certificates."""
    judged = rationals(np.asarray(report.flat_gradient, dtype=float).tolist(), itemsize)
    if gradient is not None and judged != gradient:
        yield f"the gradient is {[str(a) for a in gradient]}, not {[str(a) for a in judged]}"
    if report.verdict is not an.Verdict.UNDECIDED and oracle.contains(judged) != bool(report):
        yield f"{report.verdict.name} by {report.method} is wrong"
    if report.certificate is not None:
        yield from unproved(report.certificate)
    elif report.verdict is not an.Verdict.UNDECIDED:
        yield f"{report.verdict.name} has no certificate"
    if not report:  # otherwise what is offered is what was judged
        offered = rationals(np.asarray(report.flat_clarke_gradient, dtype=float).tolist(), itemsize)
        if not oracle.contains(offered):
            yield f"the certified gradient {[str(a) for a in offered]} is no Clarke gradient"
        certificate = certificate_of_fallback(report)
        if certificate is not None:
            yield from unproved(certificate)


def unproved(certificate: Certificate) -> Iterator[str]:
    """Where a true certificate does not hold, next to its program or alone."""
    if not certificate.check():
        yield f"the certificate of {certificate.claim} ({certificate.kind}) does not hold next to its program"
    try:
        if not Certificate.from_json(certificate.to_json()).check():
            yield f"the certificate of {certificate.claim} ({certificate.kind}) does not hold alone"
    except checker.NeedsProgram:
        pass


def told(report: Any) -> tuple[str, str]:
    """The verdict and the kind of its certificate."""
    return report.verdict.name, "-" if report.certificate is None else report.certificate.kind
