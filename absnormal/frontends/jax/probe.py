"""What the installed JAX takes for the derivative at a kink, found by tiny calls.

A function is differentiated at its kink; its derivative d lies between the one-sided ones, L on the left and R on the
right.  Written a u + b |u| with u = x - kink, its slope is c = (2 d - L - R) / (R - L).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.ties.names import Slopes
from absnormal.frontends.ties.probing import Probe, Row, of_shares

_SELU = 1.0507009873554805


def _nn(name: str, *args: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(require("jax.nn", "jax"), name)(x, *args)


def _jnp(name: str, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(require("jax.numpy", "jax"), name)(x, *args, **kwargs)


def _clamp(x: Any) -> Any:
    low, high = (np.asarray(bound, x.dtype) for bound in (-1, 1))
    return require("jax.lax", "jax").clamp(low, x, high)


PROBES: dict[str, Probe] = {
    "jax.nn.relu": Probe(_nn("relu"), 0.0, 0.0, 1.0, -1.0),
    "jax.nn.relu6.low": Probe(_nn("relu6"), 0.0, 0.0, 1.0, -1.0),
    "jax.nn.relu6.high": Probe(_nn("relu6"), 6.0, 1.0, 0.0, 1.0),
    "jax.nn.leaky_relu": Probe(_nn("leaky_relu", 0.25), 0.0, 0.25, 1.0, 1.0),
    "jax.nn.hard_tanh.low": Probe(_nn("hard_tanh"), -1.0, 0.0, 1.0, 1.0),
    "jax.nn.hard_tanh.high": Probe(_nn("hard_tanh"), 1.0, 1.0, 0.0, -1.0),
    "jax.nn.hard_sigmoid.low": Probe(_nn("hard_sigmoid"), -3.0, 0.0, 1 / 6, -1.0),
    "jax.nn.hard_sigmoid.high": Probe(_nn("hard_sigmoid"), 3.0, 1 / 6, 0.0, 1.0),
    "jax.nn.hard_swish.low": Probe(_nn("hard_swish"), -3.0, 0.0, -0.5, -1.0),
    "jax.nn.hard_swish.high": Probe(_nn("hard_swish"), 3.0, 1.5, 1.0, 1.0),
    "jax.nn.elu": Probe(_nn("elu", 2.0), 0.0, 2.0, 1.0, -1.0),
    "jax.nn.selu": Probe(_nn("selu"), 0.0, 1.6732632423543772 * _SELU, _SELU, -1.0),
    "abs": Probe(_jnp("abs"), 0.0, -1.0, 1.0, 1.0),
    "maximum": Probe(_jnp("maximum", 0.0), 0.0, 0.0, 1.0, 0.0),
    "minimum": Probe(_jnp("minimum", 0.0), 0.0, 1.0, 0.0, 0.0),
    "fmax": Probe(_jnp("fmax", 0.0), 0.0, 0.0, 1.0, -1.0),
    "fmin": Probe(_jnp("fmin", 0.0), 0.0, 1.0, 0.0, 1.0),
    "jnp.clip.low": Probe(_jnp("clip", -1.0, 1.0), -1.0, 0.0, 1.0, 0.0),
    "jnp.clip.high": Probe(_jnp("clip", -1.0, 1.0), 1.0, 1.0, 0.0, 0.0),
    "clamp.low": Probe(_clamp, -1.0, 0.0, 1.0, -1.0),
    "clamp.high": Probe(_clamp, 1.0, 1.0, 0.0, 1.0),
    "copysign": Probe(_jnp("copysign", 1.0), 0.0, -1.0, 1.0, 1.0),
}


def _window(x: Any, sign: int) -> Any:
    lax = require("jax.lax", "jax")
    return lax.reduce_window(x, -sign * np.inf, lax.max if sign > 0 else lax.min, (3,), (1,), "VALID")


#: Reductions that are written as folds, called on three entries that tie.
FOLDS: dict[str, Callable[[Any], Any]] = {
    "max.fold": _jnp("max"), "min.fold": _jnp("min"),
    "max.window": lambda x: _window(x, 1), "min.window": lambda x: _window(x, -1),
}  # fmt: skip


#: 2-norms, called at (0, 0): the slope is an entry of their gradient.
NORMS: dict[str, Callable[[Any], Any]] = {
    "norm": lambda x: require("jax.numpy.linalg", "jax").norm(x), "std": _jnp("std"),
    "modulus": lambda x: _jnp("abs")(require("jax.lax", "jax").complex(x[0], x[1])),
    "hypot": lambda x: _jnp("hypot", x[1])(x[0]), "root": lambda x: _jnp("sqrt")((x * x).sum()),
}  # fmt: skip


def _derivative(function: Callable[[Any], Any], x: Any) -> Any:
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
    with jax.ensure_compile_time_eval():
        return np.asarray(jax.grad(lambda v: jnp.sum(function(v)))(jnp.asarray(x))).astype(float)


@functools.cache
def slope_of(name: str) -> float | str:
    """The slope of |u| that JAX uses at a kink, in reverse mode; "even" for a reduction that splits a tie evenly.

    Raises
    ------
    TraceError
        where its derivative is none between the one-sided ones
    """
    if name == "sort":
        # Ties are written in the order that JAX returned.
        return -1.0
    if name in FOLDS:
        return of_shares(name, _derivative(FOLDS[name], np.ones(3, np.float32)).tolist())
    if name in NORMS:
        return float(_derivative(NORMS[name], np.zeros(2, np.float32))[0])
    probe = PROBES[name]
    return probe.slope_of(float(_derivative(probe.call, np.full(1, probe.kink, np.float32))[0]), f"jax {name}", 1e-4)


def probed() -> Sequence[Row]:
    """The slopes of the installed version, kernel by kernel.

    Examples
    --------
    >>> [row.operation for row in probed() if not row.agrees]
    []
    """
    return [Row(name, probe.kink, float(slope_of(name)), probe.slope) for name, probe in PROBES.items()]


#: A tie of the tables of slopes -> the function that has it.
FUNCTION_OF = {
    "abs": "abs", "maximum": "maximum", "minimum": "minimum", "fmax": "fmax", "fmin": "fmin",
    "clip.low": "jnp.clip.low", "clip.high": "jnp.clip.high", "relu": "jax.nn.relu",
    "leaky_relu": "jax.nn.leaky_relu", "elu": "jax.nn.elu", "hard.low": "jax.nn.hard_sigmoid.low",
    "hard.high": "jax.nn.hard_sigmoid.high", "shrink.low": "minimum", "shrink.high": "maximum",
    "clamp.low": "clamp.low", "clamp.high": "clamp.high", "sort": "sort",
    **{tie: tie for tie in (*FOLDS, *NORMS)},
}  # fmt: skip


def table() -> Slopes:
    """The table of slopes of the installed version."""
    return {tie: slope_of(name) for tie, name in FUNCTION_OF.items()}
