"""A few cases of each campaign; and a wrong verdict, a false certificate and a wrong gradient are noticed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import count, islice

import numpy as np
import pytest

import absnormal as an

from ..oracle.expressions import numpy_callable, relu, variables
from ..oracle.oracle import Oracle
from .campaign import FRONTS, run
from .in_numpy import NORMS
from .judged import faults, rationals
from .with_norms import drawn
from .with_norms import faults as faults_with_norms


@pytest.mark.slow
@pytest.mark.parametrize("front", FRONTS)
def test_nothing_is_wrong(front: str) -> None:
    cases = [*islice(run(front, count(20)), 2 if "jax" in front else 5 if "torch-" in front else 10)]
    assert not [line for _, found in cases for line in found]


def test_faults_are_noticed() -> None:
    (x,) = variables(1)
    expr = relu(x) - relu(-x)
    oracle, report = Oracle.of(expr, (0,)), an.verify(numpy_callable(expr), [0.0], slope=-1)
    assert report.verdict is an.Verdict.NOT_CLARKE and not [*faults(report, oracle)]
    said = " ".join(faults(replace(report, verdict=an.Verdict.CLARKE), oracle, (Fraction(1),)))
    for fault in ("the gradient is ['1'], not ['0']", "CLARKE by separation is wrong", "does not hold next to its",
                  "does not hold alone"):  # fmt: skip
        assert fault in said
    assert "the certified gradient ['1'] is no Clarke gradient" in " ".join(faults(report, Oracle.of(3 * x, (0,))))


def test_faults_are_noticed_where_there_are_norms() -> None:
    case = next(case for case, _ in map(drawn, count()) if case.form.blocks and not any(k > 1 for k in case.form.sizes))
    report = an.verify(case.function, case.x, gradient=[1e3] * case.form.n)
    assert report.verdict is an.Verdict.NOT_CLARKE and not [*faults_with_norms(report, case)]
    said = " ".join(faults_with_norms(replace(report, verdict=an.Verdict.CLARKE), case, case.gradient))
    assert "not [1000.0" in said and "CLARKE by" in said and "is wrong: it is none" in said
    elsewhere = replace(case, form=replace(case.form, J=tuple(a + 1000 for a in case.form.J)))
    assert "is no Clarke gradient" in " ".join(faults_with_norms(report, elsewhere))


def test_each_spelling_of_a_norm_is_one() -> None:
    for spelling in NORMS:
        assert spelling(np.float64(-3)) == 3 and spelling(*np.array([2.0, 3.0, -6.0])) == pytest.approx(7)


def test_thirds_are_read_from_rounded_numbers() -> None:
    thirds = (Fraction(-143, 12), Fraction(1, 3), Fraction(1, 9), Fraction(17, 2))
    assert rationals([float(a) for a in thirds]) == thirds
    assert rationals([float(np.float32(a)) for a in thirds], 4) == thirds
    with pytest.raises(ValueError, match="small denominator"):
        rationals([0.1])
