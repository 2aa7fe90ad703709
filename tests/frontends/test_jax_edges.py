"""Comparisons that are combined in JAX: what a decided one leaves of a tied one, at the edge and on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

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


#: lax.cond and lax.switch under vmap are selections among both branches.
BATCHED: dict[str, Callable[[Any], Any]] = {
    "cond": lambda v: lax.cond(v > 0, lambda w: w, lambda w: -2 * w, v),
    "switch": lambda v: lax.switch((v > 0).astype(int), [lambda w: -2 * w, lambda w: w], v),
    "switch, turned round": lambda v: lax.switch((v <= 0).astype(int), [lambda w: w, lambda w: -2 * w], v),
    "cond in cond": lambda v: lax.cond(v < 1, lambda w: lax.cond(w > 0, lambda t: t, lambda t: -2 * t, w), jnp.abs, v),
}


@pytest.mark.parametrize("name", BATCHED)
def test_a_branch_under_vmap_is_a_kink_at_its_tie(name: str) -> None:
    f = jax.vmap(BATCHED[name])
    for x in (-1.0, 0.0, 0.5):
        report = an.verify(lambda x: jnp.sum(f(x)), jnp.array([x, -3.0]))
        assert report and len(report.active) == (x == 0)
        assert not any("held constant" in note for note in report.notes)
    program = an.trace(lambda x: jnp.sum(f(x)), jnp.zeros(1))
    assert [program([x]) for x in (-0.5, 0.0, 0.5)] == [1.0, 0.0, 0.5]


def test_a_value_that_a_branch_stops_is_still_held() -> None:
    f = jax.vmap(lambda v: lax.cond(v > 0, lambda w: w * lax.stop_gradient(w), lambda w: -w, v))
    report = an.verify(lambda x: jnp.sum(f(x)), jnp.array([2.0, -1.0]))
    assert report and report.gradient.tolist() == [2.0, -1.0]
    assert any("held constant" in note for note in report.notes)
