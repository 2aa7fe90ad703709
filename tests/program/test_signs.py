"""Nodes of one sign by structure: roots of positive ones, and quotients by these, need no look at values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.program.signs import certainly_positive, never_negative, never_positive

POINT = np.array([1.0, 2.0, 4.0])


@pytest.mark.parametrize(("f", "positive"), [
    (lambda x: np.mean((x - x.mean()) ** 2) + 1e-5, True),
    (lambda x: 1e-5 + np.abs(x).sum(), True),
    (lambda x: np.sqrt(np.square(x) + 2.0), True),
    (lambda x: np.reshape(np.exp(x) + np.array([1.0, 2.0, 3.0]), (3, 1)), True),
    (lambda x: np.exp(x) + np.array([1.0, 0.0, 3.0]), False),
    (lambda x: np.square(x) + np.abs(x), False),
    (lambda x: np.square(x) - 0.5, False),
    (lambda x: x + 1.0, False),
    (lambda x: 1.0 - np.square(x), False),
    (lambda x: np.exp(x), False),
])  # fmt: skip
def test_a_positive_constant_beside_what_is_never_negative(f: Callable[[Any], Any], positive: bool) -> None:
    """Only then: a sum with a constant 0, a difference, and an exponential that may underflow, say nothing."""
    program = an.trace(f, POINT)
    values = program.evaluate(POINT)
    assert certainly_positive(program.nodes, values, program.output) == positive


@pytest.mark.parametrize(("f", "signs"), [
    (lambda x: np.abs(x), "+"),
    (lambda x: -np.abs(x), "-"),
    (lambda x: -2 * np.maximum(x, 0), "-"),
    (lambda x: -np.minimum(x, 0), "+"),
    (lambda x: np.minimum(np.minimum(x, -1.0), x ** 3), ""),
    (lambda x: np.minimum(x, -1.0), "-"),
    (lambda x: np.minimum(x, 1.0), ""),
    (lambda x: np.maximum(x, 1.0), "+"),
    (lambda x: np.maximum(x, -1.0), ""),
    (lambda x: np.maximum(np.minimum(x, -1.0), -np.abs(x)), "-"),
    (lambda x: np.minimum(np.abs(x), np.exp(x)), "+"),
    (lambda x: x - np.abs(x), "-"),
    (lambda x: x - np.maximum(-x, 0), ""),
    (lambda x: x - np.maximum(3 * x, 0), ""),
    (lambda x: np.array([-1.0, 2.0, 1.0]) * np.abs(x), ""),
    (lambda x: np.minimum(x, 0) * np.minimum(x ** 2, 0), ""),
    (lambda x: np.minimum(x, 0) + np.minimum(x ** 3, 0), "-"),
    (lambda x: np.minimum(x, 0) / -np.abs(x), ""),
    (lambda x: np.exp(x), "+"),
    (lambda x: np.sqrt(np.abs(x)), "+"),
    (lambda x: np.sort(-np.abs(x)), "-"),
    (lambda x: np.sum(np.minimum(x, 0)), "-"),
])  # fmt: skip
def test_the_signs_that_are_known_hold_at_all_points(f: Callable[[Any], Any], signs: str) -> None:
    program = an.trace(lambda x: np.sum(f(x)), POINT)
    last = program.nodes[program.output]
    index = last.args[0] if last.op == "sum" and np.ndim(f(POINT)) else program.output
    values = program.evaluate(POINT)
    known = {"+": never_negative, "-": never_positive}
    assert "".join(sign for sign, holds in known.items() if holds(program.nodes, values, index)) == signs
    for x in np.random.default_rng(0).standard_normal((50, 3)):
        assert all(np.all((f(x) >= 0) if sign == "+" else (f(x) <= 0)) for sign in signs)
