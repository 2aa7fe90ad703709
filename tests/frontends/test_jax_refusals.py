"""Errors below JAX's rules: typed, with the primitive and the user's line; the user's own stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, nn

import absnormal as an
from absnormal.frontends.jax import primitives

KEY = jax.random.key(0)
POINT = jnp.array([1.0, -2.0, 0.5, 3.0])


@pytest.mark.parametrize("kind", [ValueError, TypeError, KeyError, IndexError, AssertionError, ZeroDivisionError])
def test_what_a_rule_raises_names_the_primitive_and_the_line(kind: type[Exception], monkeypatch: Any) -> None:
    # As if it were written where the rules are.
    names: dict[str, Any] = {"kind": kind}
    exec(compile("def broken(call, u): raise kind('inside')", primitives.__file__, "exec"), names)
    monkeypatch.setitem(primitives.RULES, "sin", names["broken"])
    with pytest.raises(an.TraceError) as caught:
        an.verify(jax.jit(lambda x: jnp.sum(jnp.sin(x))), POINT)
    error = caught.value
    assert error.operation == "lax.sin" and error.source is not None and error.source.file == __file__
    assert kind.__name__ in error.problem and "inside" in error.problem and "report it" in error.fix
    assert isinstance(error.__cause__, kind)


def test_an_error_of_the_users_own_stays_what_it_is() -> None:
    def backward(u: Any, g: Any) -> Any:
        raise LookupError("mine")

    @jax.custom_vjp
    def own(u: Any) -> Any:
        return jnp.abs(u)

    own.defvjp(lambda u: (jnp.abs(u), u), backward)
    with pytest.raises(LookupError, match="mine"):
        an.verify(lambda x: jnp.sum(own(x)), jnp.zeros(2))

    def callback(u: Any) -> Any:
        raise LookupError("mine")

    def calls(x: Any) -> Any:
        return jnp.sum(x) * jax.pure_callback(callback, jax.ShapeDtypeStruct((), x.dtype), 1.0)

    with pytest.raises(jax.errors.JaxRuntimeError, match="mine"):
        an.verify(calls, POINT)


def test_a_nan_that_jax_stops_at_is_a_domain_error() -> None:
    with jax.debug_nans(True), pytest.raises(an.DomainError, match=r"jnp\.log at .*test_jax_refusals\.py"):
        an.verify(jax.checkpoint(lambda x: jnp.sum(jnp.log(x))), POINT)


#: Keys of random numbers are no arrays: those that do not depend on the variables pass.
KEYS: dict[str, Callable[[Any], Any]] = {
    "normal": lambda x: jax.random.normal(KEY, (4,)) @ x,
    "split by vmap": lambda x: jnp.sum(jax.vmap(lambda k, v: v * jax.random.normal(k))(jax.random.split(KEY, 4), x)),
    "carried in a loop": lambda x: lax.fori_loop(
        0, 2, lambda i, c: (jax.random.split(c[0])[0], c[1] + jax.random.normal(c[0]) * x[0]), (KEY, 0.0))[1],
    "collected by scan": lambda x: jax.random.normal(
        lax.scan(lambda c, _: ((jax.random.split(c[0])[0], c[1] * x[0]), c[0]), (KEY, 1.0), None, 2)[1][1]) * x[0],
    "taken by a comparison": lambda x: jax.random.normal(jnp.where(x[0] > 0, KEY, jax.random.key(3))) * x[0],
    "taken by a branch": lambda x: jax.random.normal(lax.cond(x[0] > 0, lambda: KEY, lambda: jax.random.key(3))) * x[0],
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_pass(name: str) -> None:
    assert an.verify(KEYS[name], POINT)


@pytest.mark.parametrize("name", ["taken by a comparison", "taken by a branch"])
def test_a_key_that_jumps_is_refused(name: str) -> None:
    with pytest.raises(an.TraceError, match="the two sides are equal at this point"):
        an.verify(KEYS[name], 0 * POINT)


def test_samples_that_move_with_their_parameters_are_refused_by_name() -> None:
    with pytest.raises(an.TraceError, match=r"random_gamma at .*test_jax_refusals\.py"):
        an.verify(lambda x: jax.random.gamma(KEY, x[0] + 1), POINT)


#: Updates of every kind: JAX's gradient is the derivative.
UPDATES: dict[str, Callable[[Any], Any]] = {
    "set": lambda x: x.at[1].set(2 * x[0]),
    "add": lambda x: x.at[np.array([1, 1])].add(x[:2]),
    "subtract": lambda x: x.at[np.array([1, 1])].subtract(x[:2]),
    "multiply": lambda x: x.at[np.array([1, 2])].multiply(x[:2], unique_indices=True),
    "multiply, twice": lambda x: x.at[np.array([1, 1])].multiply(3.0),
    "divide": lambda x: x.at[1].divide(2.0),
    "power": lambda x: x.at[1].power(2.0),
    "min": lambda x: x.at[np.array([1, 1])].min(x[:2]),
    "max": lambda x: x.at[np.array([1, 2])].max(0.0),
    "dropped": lambda x: x.at[np.array([1, 9])].set(x[:2], mode="drop"),
    "device_put": jax.device_put,
    "by platform": lambda x: lax.platform_dependent(x, cpu=lambda x: 2 * x, default=lambda x: 3 * x),
    "cumlogsumexp, far apart": lambda x: lax.cumlogsumexp(900.0 * x[:2]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UPDATES)
def test_updates(name: str) -> None:
    assert an.verify(lambda x: jnp.sum(jnp.sin(UPDATES[name](x))), POINT)


#: What JAX does not differentiate itself is refused.
NOT_DIFFERENTIATED: dict[str, Callable[[Any], Any]] = {
    "apply": lambda x: x.at[np.array([0, 2])].apply(jnp.tanh),
    "apply a kink": lambda x: x.at[1:3].apply(nn.relu),
    "multiply": lambda x: x.at[np.array([1, 2])].multiply(x[:2]),
}


@pytest.mark.parametrize("name", NOT_DIFFERENTIATED)
def test_what_jax_does_not_differentiate_is_refused(name: str) -> None:
    with pytest.raises(an.TraceError, match=r"test_jax_refusals\.py"):
        an.verify(lambda x: jnp.sum(NOT_DIFFERENTIATED[name](x)), POINT)


def test_a_mask_as_an_index_is_refused() -> None:
    for f in (lambda x: jnp.sum(x[x > 0]), lambda x: jnp.sum(x.at[x > 0].add(jnp.unique(x)[0]))):
        with pytest.raises(an.TraceError, match="f looks at the value of a traced array"):
            an.verify(f, POINT)


#: Where the derivative of a primitive in JAX is not that of its value: (f, x, the derivative).
WRONG: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "clamp, the lower bound above the upper one": (lambda x: lax.clamp(x[0], x[1], x[2]), [2, 0, 1], [0, 0, 1]),
    "the same, at the upper bound": (lambda x: lax.clamp(x[0], x[1], x[2]), [2, 1, 1], [0, 0, 1]),
    "the same, one of several": (
        lambda x: jnp.sum(lax.clamp(jnp.full(2, 2.0), x, x[0] + jnp.array([0.5, 5.0]))), [1, 3], [1, 1]),
    "an index outside, by default": (lambda x: jnp.sum(x[np.array([0, 9])]), [1, 2], [1, 1]),
    "an update outside, promised inside": (
        lambda x: jnp.sum(jnp.zeros(2).at[np.array([0, 9])].add(x, mode="promise_in_bounds")), [1, 2], [1, 0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_derivative_of_jax_that_is_not_that_of_the_value(name: str) -> None:
    f, x, derivative = WRONG[name]
    at = jnp.array(x, jnp.float32)
    step = [float(f(at + e) - f(at - e)) / 0.25 for e in 0.125 * np.eye(len(x), dtype=np.float32)]
    np.testing.assert_allclose(step if "at the" not in name else derivative, derivative)
    report = an.verify(f, at)
    assert report.verdict is an.Verdict.NOT_CLARKE and "is not correct where" in str(report.notes)
    assert report.clarke_gradient.tolist() == derivative and report.certificate.check()


@pytest.mark.parametrize("x", [[2, 1.5, 1], [2, 3, 1], [2, 2, 1], [0, 0.5, 1], [0, -1, 1], [0, 2, 1]], ids=str)
def test_clamp_is_right_elsewhere(x: list[float]) -> None:
    report = an.verify(lambda x: lax.clamp(x[0], x[1], x[2]), jnp.array(x, jnp.float32))
    assert report and not any("is not correct" in note for note in report.notes)


@pytest.mark.parametrize(("value", "kind"), [
    ("a", "str"), (None, "NoneType"), ({"a": 1.0}, "dict"), ([1.0, "b"], "str"),
])  # fmt: skip
def test_what_is_no_array_is_no_result(value: Any, kind: str) -> None:
    for call in (an.verify, an.trace, an.clarke_gradient):
        with pytest.raises(an.TraceError, match=f"must return a number or an array, got {kind}"):
            call(lambda x: value, jnp.ones(2))


def test_advice_is_in_words_of_jax() -> None:
    with pytest.raises(an.TraceError, match=r"with jnp.maximum, jnp.minimum or jnp.abs\.$"):
        an.verify(lambda x: jnp.where(x > 0, x, 1.0).sum(), jnp.zeros(2))
