"""Derivatives that overflow: a vector with NaN or infinity is in no dC f(x), and is never offered as a gradient."""

from __future__ import annotations

import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

WRONG = an.Verdict.NOT_CLARKE

FUNCTIONS: dict[str, Any] = {
    "abs": lambda x: abs(x[0]) * 1e308 * 10,
    "abs less abs": lambda x: abs(x[0]) * 1e308 * 10 - abs(2 * x[0]),
    "linear": lambda x: x[0] * 1e308 * 10,
    "relu and linear": lambda x: np.maximum(x[0], 0) * 1e308 * 10 + x[0],
    "of two": lambda x: x[1] + abs(x[0]) * 1e308 * 10,
}


def at(name: str) -> Any:
    return np.zeros(2 if name == "of two" else 1)


@pytest.mark.parametrize("exact", [False, True], ids=["float64", "exact"])
@pytest.mark.parametrize("slope", [-1, 0, 1])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_tool_returns_is_no_clarke_gradient(name: str, slope: float, exact: bool) -> None:
    report = an.verify(FUNCTIONS[name], at(name), slope=slope, exact=exact)
    assert not np.isfinite(report.gradient).all()
    assert report.verdict is WRONG and report.method == "nonfinite" and report.tolerance == 0
    assert report.certificate.check()
    assert "NOT certified" in str(report) and not report.to_dict()["clarke_gradient_proved"]
    with pytest.raises(an.DomainError, match=r"test_overflow\.py:"):
        _ = report.clarke_gradient


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_certified_by_them(name: str) -> None:
    f, x = FUNCTIONS[name], at(name)
    forms: tuple[Any, ...] = (an.clarke_gradient, an.generalized_gradient, an.abs_normal_form)
    for ask in (*forms, lambda f, x: an.verify(f, x, gradient=np.zeros_like(x))):
        with pytest.raises(an.DomainError, match=r"np.multiply at test_overflow.py:\d+: its derivative"):
            ask(f, x)


def test_a_given_vector_that_is_not_finite_is_wrong_also_there() -> None:
    assert an.verify(FUNCTIONS["linear"], [0.0], gradient=[np.inf]).verdict is WRONG


def test_derivatives_that_come_back_are_judged() -> None:
    report = an.verify(lambda x: np.maximum(x[0] * 1e308 * 10, 0) * 1e-300, [0.0], slope=0)
    assert report and report.gradient == 5e8


def test_what_float64_can_hold_and_float32_cannot() -> None:
    frameworks: tuple[Any, ...] = (torch.zeros, jnp.zeros)

    def f(x: Any) -> Any:
        return (x * 1e30 * 1e30).sum()

    for zeros in frameworks:
        report = an.verify(f, zeros(1))
        assert report.verdict is WRONG and report.method == "nonfinite"
        assert report.flat_clarke_gradient == pytest.approx([1e60]) and "1e+60" in str(report)
        assert json.dumps(report.to_dict())
        for ask in (lambda: report.clarke_gradient, lambda: an.clarke_gradient(f, zeros(1))):
            with pytest.raises(an.DomainError, match="too large for"):
                ask()


def test_a_finite_vector_in_the_place_of_an_overflow_is_not_taken_for_it() -> None:
    class Zero(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return torch.zeros_like(grads[0])

    x = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(an.DomainError, match="larger than float64"):
        an.verify(lambda x: (Zero.apply(x) * 1e308 * 10).sum(), x)  # type: ignore[no-untyped-call]
