"""How JAX writes the nodes of an expression."""

from __future__ import annotations

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ..oracle import expressions as ex
from .spelled import Spellings


def _row(*entries: Any) -> Any:
    return jnp.stack(entries)


def _vector(like: Any, *numbers: float) -> Any:
    return jnp.array(numbers, like.dtype)


def _pooled(*entries: Any) -> Any:
    count = len(entries)
    return lax.reduce_window(_row(*entries), -jnp.inf, lax.max, (count,), (count,), "VALID")[0]


def _looped(row: Any) -> Any:
    return lax.fori_loop(1, len(row), lambda i, largest: jnp.maximum(largest, row[i]), row[0])


_LARGEST = (
    lambda *entries: jnp.max(_row(*entries)),
    lambda *entries: jnp.sort(_row(*entries))[-1],
    lambda *entries: lax.top_k(_row(*entries), 1)[0][0],
    lambda *entries: lax.cummax(_row(*entries))[-1],
    lambda *entries: reduce(jnp.maximum, entries),
    _pooled,
)

def _masked(*entries: Any) -> Any:
    squares = jnp.sum(_row(*entries) ** 2)
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)


#: The 2-norm of any number of entries, spelled so that JAX's derivative at 0 is finite.
FINITE = (
    lambda *u: reduce(jnp.hypot, u, 0.0 * u[0]),
    lambda *u: reduce(lambda a, b: jnp.abs(lax.complex(a, b)), u, 0.0 * u[0]),
    _masked,
)

#: Any spelling of the 2-norm: that of a root of 0 is infinite, times 0.
NORMS = (
    *FINITE,
    lambda *u: jnp.linalg.norm(_row(*u)),
    lambda *u: jnp.linalg.vector_norm(_row(*u)),
    lambda *u: jnp.linalg.norm(_row(*u)[None]),
    lambda *u: jnp.linalg.norm(_row(*u)[:, None], axis=0)[0],
    lambda *u: jnp.sqrt(jnp.sum(_row(*u) ** 2)),
    lambda *u: jnp.sum(jnp.square(_row(*u))) ** 0.5,
    lambda *u: jnp.sqrt(jnp.vdot(_row(*u), _row(*u))),
    lambda *u: jnp.sqrt(_row(*u) @ _row(*u)),
    lambda *u: jnp.sqrt(jnp.einsum("i,i->", _row(*u), _row(*u))),
    lambda *u: jnp.power(jnp.sum(_row(*u) * _row(*u)), 0.5),
    lambda *u: jnp.std(jnp.concatenate([_row(*u), -_row(*u)]), ddof=2 * len(u) - 2),
    lambda *u: jnp.sqrt(jnp.var(jnp.concatenate([_row(*u), -_row(*u)]), ddof=2 * len(u) - 2)),
    lambda *u: jax.vmap(jnp.linalg.norm)(_row(*u)[None])[0],
)

SPELLINGS: Spellings = {
    ex.Add: (
        jnp.add, lambda u, v: jnp.cumsum(_row(u, v))[-1], lambda u, v: _row(u, v) @ _vector(u, 1, 1),
        lambda u, v: jnp.sum(_row(u, v)), lambda u, v: _row(u, v).at[0].add(v)[0],
    ),
    ex.Sub: (
        jnp.subtract, lambda u, v: _row(u, v) @ _vector(u, 1, -1), lambda u, v: jnp.diff(_row(v, u))[0],
        lambda u, v: jnp.einsum("i,i->", _row(u, v), _vector(u, 1, -1)),
    ),
    ex.Scale: (
        jnp.multiply, lambda u, k: u / (1 / k) if k else u * k, lambda u, k: jnp.dot(u[None], _vector(u, k)),
        lambda u, k: jax.vmap(lambda t: k * t)(u[None])[0],
    ),
    ex.Abs: (
        jnp.abs, lambda u: jnp.where(u < 0, -u, u), lambda u: jnp.maximum(u, -u), lambda u: jax.jit(jnp.abs)(u),
        lambda u: jax.nn.relu(_row(u, -u)).sum(), lambda u: jnp.linalg.norm(u[None], 1),
        lambda u: jax.vmap(jnp.abs)(_row(u, 0 * u - 1))[0],
    ),
    ex.Max: (jnp.maximum, lax.max, lambda u, v: jnp.where(u > v, u, v), *_LARGEST),
    ex.Min: (
        jnp.minimum, lax.min, lambda u, v: jnp.where(u < v, u, v), lambda u, v: jnp.min(_row(u, v)),
        lambda u, v: jnp.sort(_row(u, v))[0], lambda u, v: -_pooled(-u, -v), lambda u, v: lax.cummin(_row(u, v))[-1],
        lambda u, v: lax.select(u < v, u, v),
    ),
    ex.Relu: (
        jax.nn.relu, lambda u: jnp.maximum(u, 0), lambda u: jnp.maximum(0, u), lambda u: jnp.where(u > 0, u, 0.0),
        lambda u: jnp.clip(u, 0), lambda u: jax.nn.leaky_relu(u, 0.0), lambda u: jax.checkpoint(jax.nn.relu)(u),
    ),
    ex.Clip: (
        jnp.clip, lambda u, lo, hi: lax.clamp(_vector(u, lo)[0], u, _vector(u, hi)[0]),
        lambda u, lo, hi: jnp.minimum(jnp.maximum(u, lo), hi), lambda u, lo, hi: jnp.clip(jnp.clip(u, lo), None, hi),
    ),
    ex.MaxList: (
        *_LARGEST, lambda *entries: _looped(_row(*entries)),
    ),
    ex.Norm: NORMS,
}  # fmt: skip

LEAKY = (
    lambda u, k: jnp.maximum(u, k * u), jax.nn.leaky_relu, lambda u, k: jnp.where(u > 0, u, k * u),
)  # fmt: skip

SOFT = (
    jnp.tanh, jnp.expm1, jnp.sin, jnp.arcsinh, jax.nn.soft_sign, jnp.log1p,
    lambda t: 4 * jax.nn.softmax(_row(t, 0 * t))[0] - 2, lambda t: 4 * jax.nn.sigmoid(t) - 2,
    lambda t: t * (1 + t) * jnp.cos(t), lambda t: 2 * jax.nn.silu(t),
    lambda t: t * jnp.linalg.norm(_row(t + 3, 0 * t + 4)) / 5,
)  # fmt: skip
