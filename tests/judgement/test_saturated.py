"""What a tool computed from the rounded result v of a saturated sigmoid, v (1 - v), is rounding, and not wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import absnormal as an


def sigmoid(x: Any) -> Any:
    return 3 * expit(x).sum()


@pytest.mark.parametrize("z", [28.0, 36.5, 50.0, 700.0])
def test_what_rounding_leaves_of_a_saturated_slope_is_not_refuted(z: float) -> None:
    v = expit(np.array([z]))
    assert an.verify(sigmoid, [z], gradient=3 * v * (1 - v)).verdict is not an.Verdict.NOT_CLARKE


def test_more_than_rounding_is_refuted() -> None:
    # Lists of NumPy's numbers are vectors, as those of Python's are.
    for z, wrong in ((28.0, 1e-11), (50.0, 1e-12), (2.0, 1e-3)):
        v = expit(z)
        given = [3 * v * (1 - v) + wrong]
        assert an.verify(sigmoid, [z], gradient=given).verdict is an.Verdict.NOT_CLARKE


def test_a_backward_of_its_own_that_takes_the_result() -> None:
    torch = pytest.importorskip("torch", reason="needs absnormal[torch]")

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return 3 * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 3 * g

    def f(x: Any) -> Any:
        return Scaled.apply(torch.sigmoid(x)).sum()

    for z in (36.5, 50.0):
        assert an.verify(f, torch.tensor([z], dtype=torch.float64)).verdict is not an.Verdict.NOT_CLARKE
