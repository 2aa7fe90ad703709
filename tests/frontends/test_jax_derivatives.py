"""Is derivative code that is not JAX's own named, and JAX's own not; in which precision was each node computed?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax, nn

from absnormal.frontends.jax.capture import capture
from absnormal.frontends.traced_call import TracedCall


@jax.custom_vjp
def by_vjp(x: Any) -> Any:
    return x * x


by_vjp.defvjp(lambda x: (x * x, x), lambda x, t: (2 * x * t,))


@jax.custom_jvp
def by_jvp(x: Any) -> Any:
    return x * x


@by_jvp.defjvp
def _(primals: Any, tangents: Any) -> Any:
    return by_jvp(*primals), 2 * primals[0] * tangents[0]


@jax.custom_jvp
def by_jvps(x: Any) -> Any:
    return x * x


by_jvps.defjvps(lambda t, ans, x: 2 * x * t)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def by_power(x: Any, n: int) -> Any:
    return x**n


by_power.defvjp(lambda x, n: (x**n, x), lambda n, x, t: (n * x ** (n - 1) * t,))


@jax.custom_gradient
def by_gradient(x: Any) -> Any:
    return x * x, lambda t: 2 * x * t


#: A function of JAX's with a rule that is not.
library_relu = jax.custom_jvp(nn.relu)
library_relu.defjvps(lambda t, ans, x: t)

#: JAX's rule, for a function that is not JAX's.
copied: Any = jax.custom_jvp(lambda x: jnp.maximum(x, 0.0))
copied.defjvp(nn.relu.jvp)

RULES: dict[str, Callable[[Any], Any]] = {
    "custom_vjp": by_vjp,
    "defjvp": by_jvp,
    "defjvps": by_jvps,
    "nondiff_argnums": lambda x: by_power(x, 3),
    "custom_gradient": by_gradient,
    "a rule of its own for jax.nn.relu": library_relu,
    "the rule of jax.nn.relu for another function": copied,
}

WRAPPED: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "vmap": jax.vmap,
    "checkpoint": jax.checkpoint,
    "scan": lambda f: lambda x: lax.scan(lambda c, y: (f(c + y), None), 0.0, x)[0],
    "cond": lambda f: lambda x: lax.cond(x[0] > -9, f, lambda x: x, x),
}


@pytest.mark.parametrize(("name", "wrapping"), [
    *((name, "plain") for name in RULES),
    *((name, wrapping) for name in ("custom_vjp", "defjvps") for wrapping in WRAPPED),
])
def test_derivative_code_that_is_not_of_jax_is_named(name: str, wrapping: str) -> None:
    function = WRAPPED[wrapping](RULES[name])
    found = capture(lambda x: jnp.sum(function(x)), jnp.array([0.5, -0.25, 2.0])).foreign
    assert len(found) == 1 and "rule of its own" in found[0] and "test_jax_derivatives.py:" in found[0]


def test_what_has_no_part_in_the_gradient_is_not_named() -> None:
    def f(x: Any) -> Any:
        by_vjp(x)
        return jnp.sum(x * by_jvp(jnp.ones(3)))

    assert capture(f, jnp.zeros(3)).foreign == ()


@pytest.mark.slow
def test_functions_of_jax_are_not_named() -> None:
    for function in (nn.relu, nn.relu6, nn.silu, nn.log_sigmoid):
        assert capture(lambda x, g=function: jnp.sum(jax.jit(jax.vmap(g))(x)), jnp.ones(3)).foreign == ()  # type: ignore
    assert capture(lambda x: jnp.sum(optax.sigmoid_binary_cross_entropy(x, 1.0)), jnp.ones(3)).foreign == ()


# -- precision ---------------------------------------------------------------------------------------------

BFLOAT16, FLOAT16, FLOAT32 = 2.0**-7, 2.0**-10, 2.0**-23


def coarsest(captured: TracedCall) -> float:
    assert captured.units is not None and len(captured.units) == len(captured.program.nodes)
    return max(captured.units)


@pytest.mark.parametrize(("f", "unit"), [
    (lambda x: jnp.sum(x * jnp.tanh(x)), FLOAT32),
    (lambda x: jnp.sum(jnp.tanh(x.astype(jnp.bfloat16)).astype(jnp.float32)), BFLOAT16),
    (lambda x: jnp.sum(x.astype(jnp.float16).astype(jnp.float32) ** 2), FLOAT16),
    (lambda x: jnp.sum(x.astype(jnp.bfloat16)), BFLOAT16),
    (lambda x: lax.dot(x, x, preferred_element_type=jnp.bfloat16).astype(jnp.float32), BFLOAT16),
    (lambda x: lax.dot(x.astype(jnp.bfloat16), x.astype(jnp.bfloat16), preferred_element_type=jnp.float32), BFLOAT16),
    (lambda x: jnp.sum(lax.reduce_precision(x, 8, 5)), 2.0**-5),
    (lambda x: jax.jit(lambda x: jnp.sum(nn.relu(x.astype(jnp.float16))).astype(jnp.float32))(x), FLOAT16),
    (lambda x: lax.scan(lambda c, y: (c + jnp.sin(y), None), jnp.float16(0), x.astype(jnp.float16))[0], FLOAT16),
], ids=["float32", "astype", "there and back", "result", "preferred", "operands", "bits", "jit", "scan"])  # fmt: skip
@pytest.mark.parametrize("point", [[0.3, -0.7, 1.1], [0.5, 1.0, -2.0]], ids=["rounded", "exact"])
def test_each_operation_has_the_precision_in_which_it_ran(f: Any, unit: float, point: list[float]) -> None:
    assert coarsest(capture(f, jnp.array(point, jnp.float32))) == unit


def test_movements_and_constants_are_exact() -> None:
    captured = capture(lambda x: jnp.sum(x.reshape(3, 1).T[0, ::-1] * np.arange(3.0)), jnp.ones(3))
    assert captured.units is not None
    rounded = {node.op for node, unit in zip(captured.program.nodes, captured.units, strict=True) if unit}
    assert rounded == {"input", "mul", "sum"} and {*captured.units} == {0.0, FLOAT32}


def test_the_same_operation_in_two_precisions_is_two() -> None:
    with jax.enable_x64(True):
        x = jnp.array([0.3], jnp.float32)
        captured = capture(lambda x: (jnp.sin(x) + jnp.sin(x.astype(jnp.float64)))[0], x)
    units = captured.units or []
    sines = [unit for node, unit in zip(captured.program.nodes, units, strict=True) if node.op == "sin"]
    assert sines == [FLOAT32, 2.0**-52]
