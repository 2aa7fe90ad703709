"""Comparisons that are combined in JAX: what a decided one leaves of a tied one, at the edge and on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import pytest

import absnormal as an

#: At (0, 1) the comparison of x[0] is tied, that of x[1] decided.
COMBINED: dict[str, Callable[[Any], Any]] = {
    "and, closed": lambda x: (x[0] > 0) & (x[1] > 5),
    "and, open": lambda x: (x[0] > 0) & (x[1] < 5),
    "or, open": lambda x: (x[0] > 0) | (x[1] > 5),
    "or, closed": lambda x: (x[0] > 0) | (x[1] < 5),
    "and, turned round": lambda x: (x[1] < 5) & (x[0] >= 0),
    "or, turned round": lambda x: (x[1] > 5) | (x[0] >= 0),
    "or of opposites": lambda x: ~(x[0] > 0) | (x[1] > 5),
    "and of opposites": lambda x: ~(x[0] <= 0) & ~(x[1] > 5),
}


@pytest.mark.parametrize("name", COMBINED)
def test_a_decided_condition_joins_a_tied_one(name: str) -> None:
    condition = COMBINED[name]

    def f(x: Any) -> Any:
        return jnp.where(condition(x), 2 * x[0], x[0])

    program = an.trace(f, jnp.array([0.0, 1.0]))
    for first in (-1.0, 0.0, 1.0):
        assert program([first, 1.0]) == float(f(jnp.array([first, 1.0])))
    report = an.verify(f, jnp.array([0.0, 1.0]))
    outcome = bool(condition(jnp.array([0.0, 1.0])))
    assert report and report.gradient.tolist() == [2.0 if outcome else 1.0, 0.0]
