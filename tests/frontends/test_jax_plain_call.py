"""Is a JAX function held against plain calls: what takes another way while it is traced, or is not deterministic?"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import absnormal as an

from .precision import double as double

Function = Callable[[Any], Any]
DTYPES = [jnp.float32, jnp.bfloat16, jnp.float64]


def _is_traced(x: Any) -> bool:
    return isinstance(x, jax.core.Tracer)


def _looks_at_values(x: Any) -> Any:
    try:
        positive = bool((x > 0).all())
    except jax.errors.ConcretizationTypeError:
        positive = True
    return jnp.sum(x) if positive else 2 * jnp.sum(x)


def _flagged() -> Function:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append(x.shape)
        return jnp.sum(jnp.abs(x)) if len(seen) == 1 else jnp.sum(jax.nn.relu(x))

    return f


def _counting(changes: bool) -> Function:
    calls = [0]

    def f(x: Any) -> Any:
        calls[0] += 1
        return jnp.sum(jnp.abs(x)) * (calls[0] if changes else 1)

    return f


ANOTHER_WAY: dict[str, Callable[[], Function]] = {
    "a Tracer": lambda: lambda x: jnp.sum(jnp.abs(x)) if _is_traced(x) else jnp.sum(x),
    "the same at 0": lambda: lambda x: jnp.sum(jax.nn.relu(x)) if _is_traced(x) else jnp.sum(jnp.abs(x)),
    "a Tracer inside": lambda: lambda x: jnp.sum(jnp.where(x > 0, x, 0) if _is_traced(2 * x) else x * x),
    "an error that is caught": lambda: _looks_at_values,
    "a flag": _flagged,
    "another shape": lambda: lambda x: jnp.sum(x) if _is_traced(x) else x,
    "an error": lambda: lambda x: jnp.sum(x) if _is_traced(x) else 1 / 0,
}


_DRAWS = itertools.count()


def _drawn() -> float:
    """A number in [1, 2) that no other draw is near to, not even in half precision."""
    return 1 + next(_DRAWS) * 0.618 % 1


NOT_DETERMINISTIC: dict[str, Callable[[], Function]] = {
    "a counter": lambda: _counting(True),
    "np.random": lambda: lambda x: jnp.sum(jnp.abs(x)) * _drawn(),
    "np.random, inside vmap": lambda: lambda x: jnp.sum(jax.vmap(lambda v: jnp.abs(v) * _drawn())(x)),
    "a key from a random number": lambda: (
        lambda x: jnp.sum(x * jax.random.normal(jax.random.key(int(1e6 * _drawn())), x.shape))
    ),
    "time": lambda: lambda x: jnp.sum(jnp.abs(x)) * (time.perf_counter_ns() % 1000),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x", [[0.5, -1.25, 0.25], [0.0, 0.0, 0.0], [0.0, 0.5, 0.0]], ids=["apart", "0", "kink"])
def test_is_another_way_or_another_value_refused(dtype: Any, x: list[float]) -> None:
    with jax.enable_x64(dtype == jnp.float64):
        for name, make in ANOTHER_WAY.items():
            with pytest.raises(an.TraceError, match=r"f at test_jax_plain_call.py:\d+: .* while it is\s+traced"):
                pytest.fail(f"{name}: {an.trace(make(), jnp.array(x, dtype))}")
        for name, make in NOT_DETERMINISTIC.items():
            with pytest.raises(an.TraceError, match=r"is not deterministic: two calls (at|next to) this point return"):
                pytest.fail(f"{name}: {an.trace(make(), jnp.array(x, dtype))}")


def test_is_it_refused_by_every_function() -> None:
    x = jnp.zeros(3)
    for judged in (an.verify, an.clarke_gradient, an.gradient, an.generalized_gradient):
        with pytest.raises(an.TraceError, match="while it is traced"):
            judged(ANOTHER_WAY["the same at 0"](), x)


_noisy = np.random.default_rng(0)

DETERMINISTIC: dict[str, Function] = {
    "a counter without effect": _counting(False),
    "a fixed key": lambda x: jnp.sum(jnp.abs(x * jax.random.normal(jax.random.key(0), x.shape))),
    "jit": jax.jit(lambda x: jnp.sum(jnp.abs(x) + jax.nn.softmax(x))),
    # It is traced once, and is the same from then on.
    "jit, a number drawn as it is compiled": jax.jit(lambda x: jnp.sum(jnp.abs(x)) * _noisy.uniform()),
    "vmap": lambda x: jnp.sum(jax.vmap(lambda v: jnp.abs(v) * jnp.exp(v))(x)),
    "scan": lambda x: lax.scan(lambda c, _: (jnp.tanh(c) + jnp.abs(c), None), x, None, length=5)[0].sum(),
    "a constant of NumPy's": lambda x: jnp.sum(jnp.abs(x) * np.linspace(0, 1, 3)),
    "a check of plain values": lambda x: jnp.sum(jnp.abs(x)) if _is_traced(x) or x.max() < 1 else 1 / 0,
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_is_a_deterministic_function_taken(dtype: Any) -> None:
    with jax.enable_x64(dtype == jnp.float64):
        for name, f in DETERMINISTIC.items():
            for x in ([0.5, -1.25, 0.25], [0.0, 0.0, 0.5], [1.0 - 2**-7, 0.0, -0.5]):
                try:
                    an.trace(f, jnp.array(x, dtype))
                except an.TraceError as error:
                    pytest.fail(f"{name} at {x}: {error}")


@pytest.mark.slow
def test_are_models_and_dicts_taken() -> None:
    key, data = jax.random.key(0), jnp.linspace(-1, 1, 8).reshape(4, 2)
    for dtype in (jnp.float32, jnp.bfloat16):
        layer = flax.linen.Dense(3, dtype=dtype)
        an.trace(lambda p, layer=layer: jnp.abs(layer.apply(p, data)).sum(), layer.init(key, data))
    an.trace(lambda m: jnp.abs(jax.vmap(m)(data)).mean(), eqx.nn.MLP(2, 1, 4, 2, key=key))
    # A number of Python's is computed with in double precision.
    an.trace(lambda p: jnp.sum(jnp.abs(p["w"] * (p["b"] * 0.1 / 0.3))), {"w": jnp.ones(3), "b": 0.7})
    with pytest.raises(an.TraceError, match="while it is traced"):
        an.trace(lambda p: jnp.sum(p["w"]) * (p["b"] if np.isscalar(p["b"]) else 2), {"w": jnp.ones(3), "b": 0.7})


def test_is_f_called_as_seldom_as_it_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    points: list[list[float]] = []

    def f(x: Any) -> Any:
        points.extend([] if _is_traced(x) else [x.tolist()])
        return jnp.sum(jnp.abs(x))

    an.trace(f, jnp.array([0.0, 0.5]))
    assert points[0] == [0.0, 0.5] and len(points) == 3
    assert all(0 < np.abs(np.array(p) - points[0]).max() < 1e-3 for p in points[1:])

    def prints(x: Any) -> Any:
        jax.debug.print("at {}", x)
        return f(x)

    del points[:]
    an.trace(prints, jnp.zeros(2))
    jax.effects_barrier()
    assert points == [[0.0, 0.0]] and capsys.readouterr().out.count("at") == 1


@pytest.mark.filterwarnings("ignore:Some donated buffers")
def test_is_the_argument_left_alone() -> None:
    x = jnp.ones(3)
    report = an.verify(jax.jit(jnp.sum, donate_argnums=0), x)
    assert report and not x.is_deleted()

    def writes(p: Any) -> Any:
        p["w"] = jnp.abs(p["w"]) + 1
        return jnp.sum(p["w"])

    params = {"w": jnp.zeros(2)}
    an.trace(writes, params)
    assert params["w"].tolist() == [0.0, 0.0]


def test_the_last_digit_of_a_result_that_is_0_at_the_point_may_differ() -> None:
    assert an.verify(lambda x: (x**2).mean(), jnp.zeros((2, 6, 3)))
