"""Does a point of a sweep in JAX have the record of a single call, when the gradients of many are compiled together?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.batch.verdicts import Work
from tests.batch.test_screening import swept

jax = pytest.importorskip("jax")
jnp = jax.numpy


def points(seed: int = 0, count: int = 32, size: int = 3) -> list[Any]:
    """Points in general position, and on a lattice."""
    found = np.random.default_rng(seed).normal(size=(count, size))
    found[::5] = np.round(2 * found[::5]) / 2
    return [jnp.asarray(x, jnp.float32) for x in found]


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "kinks": lambda x: jnp.sum(jax.nn.relu(x)) + jnp.abs(x[0] - 2 * x[1]) * jnp.exp(-(x[2] ** 2)) - jnp.max(x),
    "compiled": jax.jit(lambda x: jnp.abs(x[0]) * jnp.tanh(x[1]) - jnp.maximum(x[1], x[2])),
    "network": lambda x: jnp.sum(jnp.tanh(jax.nn.relu(jnp.linspace(-1.0, 1.0, 12).reshape(4, 3) @ x) - 0.1)),
    "losses": lambda x: -jax.nn.log_softmax(x)[0] + jnp.mean(jnp.abs(x)) + jnp.sqrt(1 + jnp.sum(x * x)),
    "branches": lambda x: jax.lax.cond(x[0] > 0, lambda u: jnp.sum(jnp.abs(u)), lambda u: jnp.prod(u), x),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_records_are_those_of_single_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = swept(monkeypatch, FUNCTIONS[name], points())
    # Ties lie on the lattice; what chooses by a value is looked at point by point where that value is on another side.
    assert len(alone) <= 32 and (name == "branches" or len(alone) <= 7)


@pytest.mark.slow
def test_another_way_with_arrays_is_found_point_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        if not isinstance(x, jax.core.Tracer) and x[0] < 0:
            return jnp.sum(2 * x)
        return jnp.sum(jnp.abs(x))

    many = [jnp.abs(x) + 0.5 for x in points()]
    many[20] = -many[20]
    alone = swept(monkeypatch, f, many)
    assert 20 in alone and len(alone) < 5
    assert [*an.sweep(f, many)][20].verdict == "ERROR"


@pytest.mark.slow
def test_a_wrong_rule_is_judged_at_every_point(monkeypatch: pytest.MonkeyPatch) -> None:
    @jax.custom_jvp
    def wrong(x: Any) -> Any:
        return jnp.sin(x)

    @wrong.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        return wrong(*primals), 2 * jnp.cos(primals[0]) * tangents[0]

    alone = swept(monkeypatch, lambda x: jnp.sum(wrong(x)), points(count=18))
    assert alone == [*range(18)]


@pytest.mark.slow
def test_structures_what_is_held_fixed_and_other_types(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(p: Any) -> Any:
        return jnp.sum(jax.nn.relu(p["w"] * p["n"] + p["b"])) - jnp.abs(p["b"])

    many: list[Any] = [{"w": x, "b": x[0] + 0.25, "n": 3} for x in points(count=20)]
    assert len(swept(monkeypatch, f, many)) < 10
    many[7] = {**many[7], "n": 4}
    assert len(swept(monkeypatch, f, many)) == 20
    other = points(count=20)
    other[11] = other[11].astype(jnp.float16)
    assert len(swept(monkeypatch, FUNCTIONS["kinks"], other)) == 20


@pytest.mark.slow
def test_options_that_ask_for_something_else_are_single_calls() -> None:
    for options in ({"slope": 0.0}, {"exact": True}):
        screened = list(an.sweep(FUNCTIONS["compiled"], points(count=17), **options))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Work, "known", lambda self, items: [None] * len(items))
            assert screened == list(an.sweep(FUNCTIONS["compiled"], points(count=17), **options))


@pytest.mark.slow
def test_what_is_held_constant_and_what_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    held = jax.lax.stop_gradient
    swept(monkeypatch, lambda x: jnp.sum(x * held(x)), points(count=17))
    swept(monkeypatch, jax.jit(lambda x: jnp.sum(jnp.abs(x) * held(x))), points(count=17))

    def ends(x: Any) -> Any:
        if not isinstance(x, jax.core.Tracer) and x[0] > 1:
            raise SystemExit(3)
        return jnp.sum(jnp.abs(x))

    found = list(an.sweep(ends, points()))
    assert [own.verdict for own in found] == ["ERROR" if x[0] > 1 else "CLARKE" for x in points()]
