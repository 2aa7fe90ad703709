"""A function of JAX's at many points: one trace, and the gradients of ``jax.grad`` at all points from one compilation.

The program is that of the function at one point.  At another one it is the function's where its guards hold; where no
kink is active there, whatever the precision, the gradient of the tool is the only thing that differs from point to
point.  That is ``jax.vmap`` of ``jax.grad``, compiled once.  The function itself is called at each point, with arrays,
as in a single call: it may take another way there than while it is traced (`absnormal.frontends.jax.plain_call`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.jax.capture import capture
from absnormal.frontends.jax.kept import equal, is_compiled
from absnormal.frontends.jax.point import Point
from absnormal.frontends.many import ManyCalls
from absnormal.frontends.traced_call import TracedCall


class JaxCalls(ManyCalls):
    """f as it was traced at x, for points of the same structure, shapes and types.

    Raises
    ------
    TraceError
        where only single calls say what f does: for a function that does more than compute, derivative code that is not
        JAX's own, and variables that are Python's numbers
    """

    def __init__(self, f: Callable[[Any], Any], x: Any) -> None:
        jax = require("jax", "jax")
        point = Point(f, x)
        self._first = capture(f, x)
        if self._first.foreign or jax.make_jaxpr(point.function)(point.variables).effects or not all(
            isinstance(point.leaves[place], jax.Array) for place in point.places
        ):
            raise TraceError("f", "is followed at every point by itself", "sweep it as it is")
        self._point, self._jax = point, jax
        self._gradients = jax.jit(jax.vmap(jax.grad(point.function)))
        self._compiled = is_compiled(f)

    @property
    def first(self) -> TracedCall:
        return self._first

    def same(self, x: Any) -> bool:
        leaves, treedef = self._jax.tree.flatten(x)
        if treedef != self._point.treedef:
            return False
        variables = set(self._point.places)
        return all(
            isinstance(leaf, self._jax.Array) and leaf.aval == own.aval if number in variables
            else type(leaf) is type(own) and equal(leaf, own)
            for number, (leaf, own) in enumerate(zip(leaves, self._point.leaves, strict=True))
        )

    def inputs(self, points: Sequence[Any]) -> list[Array]:
        return [np.asarray(leaf).astype(float) for leaf in self._stacked(points)]

    def _stacked(self, points: Sequence[Any]) -> list[Array]:
        leaves = [self._jax.tree.leaves(x) for x in points]
        return [np.stack([np.asarray(own[place]) for own in leaves]) for place in self._point.places]

    def results(self, points: Sequence[Any], wanted: Array) -> tuple[Array | None, list[Array]]:
        # What is compiled is for so many points.
        gradients = [np.asarray(leaf).astype(float) for leaf in self._gradients(self._stacked(points))]
        if self._compiled:
            return None, gradients
        values = [self._value(x) if own else np.nan for x, own in zip(points, wanted.tolist(), strict=True)]
        return np.array(values), gradients

    def _value(self, x: Any) -> float:
        """What f returns when it is called with arrays; NaN where it does not."""
        with suppress(Exception):
            return float(np.asarray(self._point.f(x)))
        return np.nan


def many_calls(f: Callable[[Any], Any], x: Any) -> ManyCalls:
    """What a sweep asks for points together."""
    return JaxCalls(f, x)
