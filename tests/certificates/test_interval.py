"""The interval of a separating direction: it holds the derivative for all slopes, and is no wider than need be."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.certificates.certificate import Certificate
from absnormal.certificates.interval import highest
from absnormal.sweeps.bounds import derivative_bounds
from absnormal.sweeps.table import Sweeps

from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases, fuzz


@fuzz(20)
@given(cases() | cases(nests()) | network_cases(), st.data())
def test_it_holds_all_definite_signatures(a: Case, data: st.DataObject) -> None:
    """On rationals, against brute force; it is never wider than the bound of the search."""
    n = len(a.x)
    v = data.draw(st.lists(st.sampled_from((-2, -1, 0, 1, 3)), min_size=n, max_size=n))
    sweeps = Sweeps(a.program, np.array(a.point))
    found = highest(sweeps, np.array(v, dtype=float))
    assert isinstance(found, Fraction)
    assert a.oracle.outer_support(v) <= found
    assert float(found) <= float(derivative_bounds(sweeps, np.array(v, dtype=float))[1][0])


@fuzz(12)
@given(cases(soft=True), st.data())
def test_outward_rounded_with_smooth_operations(a: Case, data: st.DataObject) -> None:
    n = len(a.x)
    v = data.draw(st.lists(st.sampled_from((-2, -1, 0, 1, 3)), min_size=n, max_size=n))
    found = highest(Sweeps(a.program, np.array(a.point)), np.array(v, dtype=float))
    assert float(a.oracle.outer_support(v)) <= found


def far(v: Any) -> Any:
    """|x| on 100 entries behind a smooth operation: no slope gives 3.5."""
    v = np.sinh(v)
    return np.abs(v).sum() - np.abs(v[:50] - v[50:]).sum()


@pytest.mark.parametrize("n", [100])
def test_the_check_of_a_certificate_is_a_real_one(n: int) -> None:
    g = np.zeros(n)
    g[3] = 3.5
    certificate = an.verify(far, np.zeros(n), gradient=g).certificate
    assert certificate is not None and certificate.kind == "separated from all slopes"
    assert certificate.check()

    def forged(**changes: Any) -> Certificate:
        data = {**certificate.data, **changes}
        return Certificate(certificate.kind, certificate.arithmetic, certificate.claim, data, "", certificate.witness)

    inside = g.copy()
    inside[3] = 2.0
    assert not forged(vector=inside.tolist()).check()
    assert not forged(tolerance=[2.0] * n).check()
    assert not forged(separator=[-a for a in certificate.data["separator"]]).check()
    # 16 random signatures would not find the one in which all slopes along v are as large as they can be.
    spread = np.full(n, 1.9)
    spread[50:] = -1.9
    assert not forged(vector=spread.tolist(), separator=np.sign(spread).tolist()).check()
