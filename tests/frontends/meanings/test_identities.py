"""Sides that meet as rational functions, and some that do not."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.meanings.identities import agree
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.program.builder import Builder
from absnormal.program.tree import Tree

from .test_jumps import of, verified


def cone(lib: Any, x: Any) -> Any:
    """The projection onto the second-order cone, in its first part next to the cone."""
    t, size = x[0], lib.sqrt((x[1:] ** 2).sum())
    return (lib.where(size <= t, x[1:], (t + size) / 2 * x[1:] / size) * of(lib, [1.0, 3.0])).sum()


def knots(lib: Any, x: Any) -> Any:
    """Straight lines between values at knots, all of them variables."""
    u, k, v = x[0], x[1:4], x[4:]
    left, right = (u - k[0]) / (k[1] - k[0]), (u - k[1]) / (k[2] - k[1])
    return lib.where(u > k[1], v[1] * (1 - right) + v[2] * right, v[0] * (1 - left) + v[1] * left)


def spline(lib: Any, x: Any) -> Any:
    """A rational quadratic step of a monotone spline from (0, 0) to (1, 1), and the identity beyond."""
    u, s = x[0], x[1]
    return lib.where(u < 1, (u**2 + s * u * (1 - u)) / (1 + (2 * s - 2) * u * (1 - u) + (1 - s) * u * (1 - u)), u)


#: f(lib, x), and the point.
MEETING: dict[str, tuple[Callable[[Any, Any], Any], list[float]]] = {
    "cone": (cone, [1.0, 0.6, 0.8]),
    "knots": (knots, [1.0, 0.0, 1.0, 3.0, 2.0, 5.0, 4.0]),
    "spline": (spline, [1.0, 3.0]),
}


@pytest.mark.parametrize("lib", [np, torch, jnp], ids=["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", MEETING)
def test_sides_that_are_one_rational_function_on_the_tie(lib, name):
    f, x = MEETING[name]
    point = np.array(x)
    report = verified(lib, f, point)
    assert report.verdict is an.Verdict.CLARKE
    step = 2.0**-24
    slopes = np.array([[(f(np, point + s * step * e) - f(np, point)) / (s * step) for s in (1, -1)]
                       for e in np.eye(point.size)])
    gradient = np.asarray(report.flat_gradient)
    assert (slopes.min(1) - 1e-5 <= gradient).all() and (gradient <= slopes.max(1) + 1e-5).all()


@pytest.mark.parametrize("f", [
    lambda x: np.where(x[0] > 1, x[1] * x[0] / x[2], x[1] / x[2] + x[1] * 0.01),
    lambda x: np.where(x[0] > x[1], x[0] * x[2] / x[1], x[2] * 1.0000001),
    lambda x: np.where(x[0] > 1, (x[0] + x[1]) ** 2, 1 + 2.001 * x[1] + x[1] ** 2),
    lambda x: np.where(x[0] > 1, np.exp(x[0] * x[1]), np.exp(x[1] ** 2)),
])  # fmt: skip
def test_sides_that_do_not_meet_are_refused(f):
    with pytest.raises(an.TraceError, match="meet"):
        an.verify(f, np.array([1.0, 1.0, 2.0]))


IDENTITIES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], bool]] = {
    "distributive": (lambda x: (x[0] + x[1]) * (x[0] - x[1]), lambda x: x[0] ** 2 - x[1] ** 2, True),
    "a quotient": (lambda x: (x[0] ** 2 - x[1] ** 2) / (x[0] - x[1]), lambda x: x[0] + x[1], True),
    "inside of another": (lambda x: np.exp(x[0] * x[1] / x[0]), lambda x: np.exp(x[1]), True),
    "sums": (lambda x: (x * (1 - x)).sum() + (x**2).sum(), lambda x: x.sum(), True),
    "rounded": (lambda x: (0.1 + 0.2) * x[0], lambda x: 0.3 * x[0], True),
    "a power": (lambda x: x[0] ** 4, lambda x: (x[0] * x[0]) * x[0], False),
    "other terms": (lambda x: np.sin(x[0]) * x[1], lambda x: np.cos(x[0]) * x[1], False),
    "almost": (lambda x: 0.30000001 * x[0], lambda x: 0.3 * x[0], False),
    "a sign": (lambda x: x[0] / (x[0] - x[1]), lambda x: x[0] / (x[1] - x[0]), False),
}


def agreed(x: list[float], *pairs: tuple[Callable[[Any], Any], Callable[[Any], Any]]) -> list[bool]:
    """Whether functions of traced variables are the same."""
    builder = Builder(*Tree.of(np.array(x)))
    variable = TracedArray(builder, 0)
    with np.errstate(all="ignore"):
        nodes = [[f(variable).index for f in pair] for pair in pairs]
    return [agree(builder, *pair, np.ones((), bool)) for pair in nodes]


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name):
    first, second, holds = IDENTITIES[name]
    assert agreed([2.0, 3.0, 5.0], (first, second)) == [holds]


def test_nothing_is_said_of_what_divides_by_zero_or_is_too_large():
    def long(x: Any) -> Any:
        result = x[1]
        for k in range(12):
            result = result * (x[k % 3] + x[(k + 1) % 3] * x[k % 3] + k)
        return result

    by_zero = lambda x: (x[0] - 2.0) * x[1] / (x[0] - 2.0), lambda x: x[1]
    assert agreed([3.0, 3.0, 5.0], by_zero) == [True]
    assert agreed([2.0, 3.0, 5.0], by_zero, (long, lambda x: long(x) + 0 * x[0] + x[2] - x[2])) == [False, False]
