"""Does slope="autograd" give what HIPS autograd returns, at ties and away from them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import absnormal as an

W = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, -1.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 1.0]])

#: One function of (the NumPy module, x) an operation that has a tie.
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "abs": lambda xp, x: xp.sum(xp.abs(x) * xp.array([1.0, 2.0, 3.0])),
    "fabs": lambda xp, x: xp.sum(xp.fabs(x) * xp.array([1.0, 2.0, 3.0])),
    "maximum": lambda xp, x: xp.sum(xp.maximum(x, 0.0)) + 2 * xp.sum(xp.maximum(1.0, x)),
    "minimum": lambda xp, x: xp.sum(xp.minimum(x, 0.0)) + 2 * xp.sum(xp.minimum(1.0, x)),
    "maximum of two": lambda xp, x: xp.sum(xp.maximum(x, x[::-1]) * xp.array([1.0, 2.0, 3.0])),
    "fmax": lambda xp, x: xp.sum(xp.fmax(x, 0.0)),
    "fmin": lambda xp, x: xp.sum(xp.fmin(x, 0.0)),
    "clip": lambda xp, x: xp.sum(xp.clip(x, 0.0, 1.0) * xp.array([1.0, 2.0, 3.0])),
    "where >": lambda xp, x: xp.sum(xp.where(x > 0, x, 0.0)),
    "where >=": lambda xp, x: xp.sum(xp.where(x >= 0, x, 0.0)),
    "where <": lambda xp, x: xp.sum(xp.where(x < 1, x, 1.0)),
    "max": lambda xp, x: xp.max(x),
    "max over an axis": lambda xp, x: xp.sum(xp.max(xp.dot(W, xp.reshape(x, (3, 1))) * x, axis=1)),
    "min": lambda xp, x: xp.min(x) - 2 * xp.max(x),
    "sort": lambda xp, x: xp.sum(xp.sort(x) * xp.array([1.0, 2.0, 4.0])),
    "sort of many": lambda xp, x: xp.sum(xp.sort(xp.dot(W, x)) * xp.array([1.0, 2.0, 4.0, 8.0])),
    "largest absolute value": lambda xp, x: xp.max(xp.abs(x)),
    "nested": lambda xp, x: xp.sum(xp.maximum(xp.maximum(x, 0.0), 0.0)) - xp.sum(xp.abs(xp.abs(x) - x)),
    "dense layer": lambda xp, x: xp.sum(xp.maximum(xp.dot(W, x), 0.0) ** 2) + xp.max(xp.tanh(xp.dot(W, x))),
    "cross-entropy": lambda xp, x: xp.sum(xp.maximum(x, 0.0) - x + xp.log1p(xp.exp(-xp.abs(x)))),
    "log-sum-exp": lambda xp, x: xp.max(x) + xp.log(xp.sum(xp.exp(x - xp.max(x)))),
    "smooth": lambda xp, x: xp.sum(xp.sin(x) * xp.cosh(x)) + xp.prod(1 + x) + xp.var(x) + xp.sqrt(1 + xp.sum(x * x)),
}

POINTS = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.3, -1.2, 0.7]]


@pytest.mark.parametrize("x", POINTS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_modelled_gradient_is_autograds_and_so_is_its_verdict(name: str, x: list[float]) -> None:
    function = FUNCTIONS[name]
    returned = autograd.grad(lambda v: function(anp, v))(np.array(x))
    program = an.trace(lambda v: function(np, v), x)
    np.testing.assert_allclose(an.gradient(program, x, slope="autograd"), returned, rtol=1e-13, atol=1e-13)
    modelled, judged = an.verify(program, x), an.verify(program, x, gradient=returned)
    assert modelled.verdict is judged.verdict
    assert modelled.verdict is not an.Verdict.UNDECIDED
