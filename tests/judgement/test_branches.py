"""A vector is not refuted by a branch that rounding decides: a function that is found by bisection jumps everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import absnormal as an

torch = pytest.importorskip("torch", reason="needs absnormal[torch]")
A = np.array([2.0, 3.0])


def root(a: Any, where: Any = np.where) -> Any:
    """The square root by bisection; its last steps compare numbers that are equal to rounding."""
    low, high = 0 * a, 0 * a + 4.0
    for _ in range(60):
        middle = (low + high) / 2
        above = middle * middle < a
        low, high = where(above, middle, low), where(above, high, middle)
    return low


class Root(torch.autograd.Function):
    factor = 0.5

    @staticmethod
    def forward(ctx: Any, a: Any) -> Any:
        found = root(a, torch.where)
        ctx.save_for_backward(found)
        return found

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return Root.factor * g / ctx.saved_tensors[0]


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_the_derivative_of_a_function_that_is_found_by_bisection(factor: float, monkeypatch: Any) -> None:
    given = an.verify(lambda a: root(a).sum(), A, gradient=factor / np.sqrt(A))
    monkeypatch.setattr(Root, "factor", factor)
    own = an.verify(lambda a: Root.apply(a).sum() + 0 * a.sum(), torch.tensor(A))
    for report in (given, own):
        assert report.verdict is an.Verdict.UNDECIDED and "rounding decides " in report.explanation


def test_a_branch_that_rounding_does_not_reach_decides() -> None:
    for step in (1e-9, -1e-9):
        report = an.verify(lambda a: np.where(a > 2.0, 2 * a, a).sum(), [2.0 + step], gradient=[1.5])
        assert report.verdict is an.Verdict.NOT_CLARKE
    # Next to a jump the values themselves decide what the gradient is, and not that another vector is none.
    near = [np.nextafter(2.0, 3.0)]
    assert an.verify(lambda a: np.where(a > 2.0, 2 * a, a).sum(), near, gradient=[2.0])
    assert an.verify(lambda a: np.where(a > 2.0, 2 * a, a).sum(), near, gradient=[1.0]).verdict is an.Verdict.UNDECIDED


@pytest.mark.parametrize("step", [np.floor, np.round, np.trunc])
def test_steps_as_small_as_rounding_refute_nothing_and_larger_ones_do(step: Any) -> None:
    for size, verdict in ((2.0**-50, an.Verdict.UNDECIDED), (2.0**-20, an.Verdict.NOT_CLARKE)):
        report = an.verify(lambda x, size=size: (step(x / size) * size).sum(), [0.3], gradient=[1.0])
        assert report.verdict is verdict


def test_a_loop_that_ends_by_its_residual_decides() -> None:
    def newton(a: Any) -> Any:
        x = np.ones(2)
        while True:
            x, before = (x + a / x) / 2, x
            if np.max(np.abs(x - before)) < 1e-9:
                return x.sum()

    assert an.verify(newton, A, gradient=0.5 / np.sqrt(A))
    assert an.verify(newton, A, gradient=1.0 / np.sqrt(A)).verdict is an.Verdict.NOT_CLARKE
