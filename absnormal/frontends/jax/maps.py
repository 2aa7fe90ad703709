"""A function of JAX arrays, several inputs and several outputs, with JAX's own reverse and forward mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.point import Point
from absnormal.frontends.jax.precision import epsilon
from absnormal.frontends.maps import Layout, Map, chosen, numbered


class JaxMap(Map):
    """f(*inputs), with respect to the floating-point arrays among the inputs."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        jax = require("jax", "jax")
        self._point = Point(lambda x: f(*x), inputs)
        paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(inputs)[0]]
        self.inputs = Layout(numbered("input", [jax.tree_util.keystr(paths[i]) for i in self._point.places]),
                             tuple(leaf.shape for leaf in self._point.variables))
        self.point = np.concatenate([np.asarray(leaf).astype(float).reshape(-1) for leaf in self._point.variables])
        results = self._results(self._point.variables)
        if not results:
            raise ValueError("no output is a floating-point array")
        paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(results)[0]]
        self.outputs = Layout(numbered("output", [jax.tree_util.keystr(path) for path in paths]),
                              tuple(leaf.shape for leaf in results))
        self.eps = max(epsilon(leaf.dtype) for leaf in (*self._point.variables, *results))

    def at(self, x: Array) -> Array:
        """The results at a flat point, shape (m,)."""
        return _flat(self._results(self._parts(x)))

    def pull(self, weights: Array) -> Array:
        """Reverse mode, for each row of the weights."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        results, pulled = jax.vjp(self._results, list(self._point.variables))
        return np.stack([
            _flat(pulled([
                jnp.asarray(part, dtype=like.dtype)
                for part, like in zip(self.outputs.split(row), results, strict=True)
            ])[0])
            for row in weights
        ])

    def push(self, directions: Array) -> Array:
        """Forward mode, for each direction."""
        jax = require("jax", "jax")
        variables = list(self._point.variables)
        return np.stack([_flat(jax.jvp(self._results, (variables,), (self._parts(row),))[1]) for row in directions])

    def weighted(self, weights: Array) -> tuple[Callable[[Any], Any], Any]:
        """The weighted sum of the results; a single one with the weight 1 as it is."""
        parts = [(number, *chosen(own.reshape(-1))) for number, own in enumerate(self.outputs.split(weights))]
        parts = [part for part in parts if len(part[1])]

        def f(variables: Any) -> Any:
            results, terms = self._results(variables), []
            for number, places, numbers in parts:
                flat = results[number].reshape(-1)
                picked = flat if len(places) == len(flat) else flat[places]
                ones = bool((numbers == 1).all())
                terms.append((picked if ones else picked * numbers.astype(flat.dtype)).sum())
            return sum(terms[1:], start=terms[0])

        return f, list(self._point.variables)

    def judged(self, weights: Array) -> dict[str, Any]:
        """JAX's own gradient is judged, of the function as it is written."""
        return {"stopped": "followed"}

    def _parts(self, x: Array) -> list[Any]:
        jnp = require("jax.numpy", "jax")
        return [
            jnp.asarray(part, dtype=leaf.dtype)
            for part, leaf in zip(self.inputs.split(x), self._point.variables, strict=True)
        ]

    def _results(self, variables: Any) -> list[Any]:
        """The results that are checked: floating-point arrays."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(self._point.function(variables))]
        return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]


def map_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Map:
    """f at its inputs."""
    return JaxMap(f, inputs)


def _flat(leaves: list[Any]) -> Array:
    return np.concatenate([np.asarray(leaf).astype(float).reshape(-1) for leaf in leaves])
