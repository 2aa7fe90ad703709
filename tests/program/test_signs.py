"""Nodes that are positive by structure: their roots, and quotients by these, need no look at values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.program.signs import certainly_positive

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
