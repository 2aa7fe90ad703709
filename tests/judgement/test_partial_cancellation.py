"""A leaf that is small because its terms cancel in part: its own size decides, and rounding keeps a verdict back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement.tolerances import NOTHING

HALVES = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)


def passed_back(fault: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The identity with a backward of its own."""

    class Identity(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return fault(g)

    return Identity.apply  # type: ignore[no-any-return]


def unchanged(g: Any) -> Any:
    return g


def nearly_cancelling(dtype: Any, part: float) -> Any:
    """Numbers of size 1 and of sum about ``part`` times the root of their sum of squares."""
    c = torch.randn(64, generator=torch.Generator().manual_seed(0)).to(dtype)
    for entry in range(3):
        c[entry] = 0
        c[entry] = part * float(c.double().norm()) - c.double().sum()
    return c


#: The same function with the sum at the last step of the backward sweep, and before it.
PROGRAMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum": lambda z, w, c: (z(w) * c).sum(),
    "expanded": lambda z, w, c: (z(w).expand(64) * c).sum(),
    "relu": lambda z, w, c: (torch.relu(z(w)) * c).sum(),
}


@HALVES
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("part", [0.0003, 0.003])
@pytest.mark.parametrize("fault", [lambda g: -g, lambda g: 1.5 * g, lambda g: 0 * g], ids=["-1", "1.5", "0"])
def test_a_wrong_backward_is_not_right(dtype: Any, name: str, part: float, fault: Callable[[Any], Any]) -> None:
    w, c = torch.tensor(0.7, dtype=dtype), nearly_cancelling(dtype, part)
    assert 0.5 * part < float(c.double().sum() / c.double().norm()) < 1.5 * part
    report = an.verify(lambda w: PROGRAMS[name](passed_back(fault), w, c), w)
    assert report.verdict is not an.Verdict.CLARKE
    assert float(report.clarke_gradient) == pytest.approx(float(c.double().sum()), rel=0.01)
    given = fault(c.double().sum()).to(dtype)
    assert an.verify(lambda w: (w * c).sum(), w, gradient=given).verdict is not an.Verdict.CLARKE


@HALVES
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_right_backward_is_right(dtype: Any, name: str) -> None:
    w, c = torch.tensor(0.7, dtype=dtype), nearly_cancelling(dtype, 0.003)
    assert an.verify(lambda w: PROGRAMS[name](passed_back(unchanged), w, c), w)
    assert an.verify(lambda w: PROGRAMS[name](torch.clone, w, c), w)
    assert an.verify(lambda w: (w * c).sum(), w, gradient=c.double().sum().to(dtype))


@HALVES
def test_a_right_backward_that_is_rounded_is_not_wrong(dtype: Any) -> None:
    """The terms 0.3 c are rounded before they are added up, so that the sum may be far from its value."""
    w = torch.tensor(0.7, dtype=dtype)
    for part in (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01):
        terms = functools.partial(torch.mul, nearly_cancelling(dtype, part))
        report = an.verify(lambda w: (terms(torch.relu(passed_back(unchanged)(w))) * 0.3).sum(), w)
        assert report.verdict is not an.Verdict.NOT_CLARKE


@pytest.mark.parametrize(("part", "verdict"), [(0.9 * NOTHING, "CLARKE"), (1.1 * NOTHING, "UNDECIDED")])
def test_zero_up_to_cancellation(part: float, verdict: str) -> None:
    """x - (1 - r) x, and a gradient in float32 of the wrong sign."""
    r = part * 2**0.5
    report = an.verify(lambda x: (x * np.array([1, r - 1])).sum(), 0.5, gradient=np.float32(-r))
    assert report.verdict.name == verdict
