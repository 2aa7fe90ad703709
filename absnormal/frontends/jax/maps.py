"""A function of JAX arrays, several inputs and several outputs, with JAX's own reverse and forward mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.frontends.jax.point import Point
from absnormal.frontends.jax.precision import epsilon
from absnormal.frontends.maps import Layout, Map, numbered


class JaxMap(Map):
    """f(*inputs), with respect to the floating-point arrays among the inputs."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        jax = require("jax", "jax")
        self._f = f
        self._point = Point(lambda x: [leaf for _, leaf in self._named(x)], inputs)
        paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(inputs)[0]]
        self.inputs = Layout(numbered("input", [jax.tree_util.keystr(paths[i]) for i in self._point.places]),
                             tuple(leaf.shape for leaf in self._point.variables))
        self.point = np.concatenate([np.asarray(leaf).astype(float).reshape(-1) for leaf in self._point.variables])
        named = self._named(inputs)
        if not named:
            raise ValueError("no output is a floating-point array")
        results = [leaf for _, leaf in named]
        self.outputs = Layout(numbered("output", [name for name, _ in named]), tuple(leaf.shape for leaf in results))
        self.eps = max(epsilon(leaf.dtype) for leaf in (*self._point.variables, *results))

    def at(self, x: Array) -> Array:
        """The results at a flat point, shape (m,)."""
        return _flat(self.results(self._parts(x)))

    def pull(self, weights: Array, batched: bool = False) -> Array:
        """Reverse mode, for each row of the weights or for all at once."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        results, pulled = jax.vjp(self.results, self.variables)
        rows = [
            [jnp.asarray(part, dtype=like.dtype) for part, like in zip(self.outputs.split(row), results, strict=True)]
            for row in weights
        ]
        return self._of_each(lambda row: pulled(row)[0], rows, batched)

    def push(self, directions: Array, batched: bool = False) -> Array:
        """Forward mode, for each direction or for all at once."""
        jax = require("jax", "jax")
        return self._of_each(
            lambda row: jax.jvp(self.results, (self.variables,), (row,))[1], [*map(self._parts, directions)], batched
        )

    @property
    def variables(self) -> list[Any]:
        return list(self._point.variables)

    def _of_each(self, f: Callable[[Any], Any], rows: list[list[Any]], batched: bool) -> Array:
        """What a linear function of JAX gives for each of some lists of arrays, a row each."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        if not batched:
            return np.stack([_flat(f(row)) for row in rows])
        together = jax.vmap(f)([jnp.stack(parts) for parts in zip(*rows, strict=True)])
        return np.stack([_flat([leaf[k] for leaf in together]) for k in range(len(rows))])

    def _parts(self, x: Array) -> list[Any]:
        jnp = require("jax.numpy", "jax")
        return [
            jnp.asarray(part, dtype=leaf.dtype)
            for part, leaf in zip(self.inputs.split(x), self._point.variables, strict=True)
        ]

    def results(self, variables: Any) -> list[Any]:
        results: list[Any] = self._point.function(variables)
        return results

    def _named(self, x: tuple[Any, ...]) -> list[tuple[str, Any]]:
        """The floating-point arrays of what f returns, with their names."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        result = self._f(*x)
        single = jax.tree.structure(result) == jax.tree.structure(0)
        leaves = jax.tree_util.tree_flatten_with_path([result] if single else result)[0]
        found = [(jax.tree_util.keystr(path), jnp.asarray(leaf)) for path, leaf in leaves]
        return [(name, leaf) for name, leaf in found if jnp.issubdtype(leaf.dtype, jnp.floating)]


def map_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Map:
    """f at its inputs."""
    return JaxMap(f, inputs)


def _flat(leaves: list[Any]) -> Array:
    return np.concatenate([np.asarray(leaf).astype(float).reshape(-1) for leaf in leaves])
