"""Rows of the table for operations of a user's own, whose derivative is a whole matrix at the point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.ops.linear_maps import Change, LinearMap
from absnormal.ops.table import Op, Params, never

Shape = tuple[int, ...]


class Dense(LinearMap):
    """A matrix between the flat argument and the flat result, made when it is first needed.

    Each term is taken to suffer as many roundings as a product of matrices of these sizes, eight times over.
    """

    def __init__(self, made: Callable[[], Array], shape: Shape, out: Shape) -> None:
        self.made, self.shape, self.out = made, shape, out

    @cached_property
    def matrix(self) -> Array:
        """Shape (size of the result, size of the argument)."""
        return self.made()

    @property
    def _depth(self) -> int:
        return 8 * (math.prod(self.shape) + math.prod(self.out) + 1)

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return self._depth

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return self._depth

    @cached_property
    def _exact(self) -> Array:
        return exactly(self.matrix)

    def push(self, t: Array) -> Array:
        matrix = self._exact if t.dtype == object else self.matrix
        return np.asarray(t.reshape(len(t), math.prod(self.shape)) @ matrix.T).reshape(len(t), *self.out)

    def pull(self, w: Array) -> Array:
        matrix = self._exact if w.dtype == object else self.matrix
        return np.asarray(w.reshape(len(w), math.prod(self.out)) @ matrix).reshape(len(w), *self.shape)

    def entrywise(self, change: Change) -> LinearMap:
        return Dense(lambda: np.asarray(change(self.matrix)), self.shape, self.out)

    def norm(self) -> float:
        return float(np.abs(self.matrix).sum(axis=1).max(initial=0.0))

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        positive, negative = np.maximum(self.matrix, 0), np.maximum(-self.matrix, 0)
        return (
            Dense(lambda: positive, self.shape, self.out) if positive.any() else None,
            Dense(lambda: negative, self.shape, self.out) if negative.any() else None,
        )


def opaque_row(
    name: str, value: Callable[..., Any], jvp: Callable[..., Any], smooth_at: Callable[..., Any] | None
) -> Op:
    """A smooth operation; ``jvp(arguments, tangents)`` is its derivative along tangents."""

    def column(args: Sequence[Array], own: int, tangent: Array) -> Array:
        tangents = [tangent if i == own else np.zeros(arg.shape) for i, arg in enumerate(args)]
        return np.asarray(jvp(tuple(args), tuple(tangents)), dtype=float).reshape(-1)

    def matrix(args: Sequence[Array], own: int, out: Shape) -> Array:
        size = args[own].size
        units = np.eye(size).reshape(size, *args[own].shape)
        columns = [column(args, own, unit) for unit in units]
        # A computed 0 proves nothing.
        return never(np.stack(columns, axis=1) if size else np.zeros((math.prod(out), 0)))

    def maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
        return [
            Dense(lambda own=own: matrix(args, own, shape), arg.shape, shape)  # type: ignore[misc]
            for own, arg in enumerate(args)
        ]

    domain = None if smooth_at is None else lambda params, *args: smooth_at(*args)
    return Op(name, _on_floats(value), maps, "smooth", domain, name + "({all})", shape=None)


def _on_floats(value: Callable[..., Any]) -> Callable[..., Array]:
    def computed(params: Params, *args: Array) -> Array:
        if any(arg.dtype == object for arg in args):
            raise TypeError("no exact value")
        try:
            return np.asarray(value(*args), dtype=float)
        except np.linalg.LinAlgError as error:
            raise FloatingPointError(str(error)) from error

    return computed


def linear_row(name: str, value: Callable[[Array], Any]) -> Op:
    """A linear operation, on rationals by the matrix of its float64 coefficients."""

    def matrix(shape: Shape) -> Array:
        size = math.prod(shape)
        units = np.eye(size).reshape(size, *shape)
        return np.stack([np.asarray(value(unit), dtype=float).reshape(-1) for unit in units], axis=1)

    def computed(params: Params, u: Array) -> Array:
        if u.dtype != object:
            return np.asarray(value(u), dtype=float)
        shape = np.shape(value(np.zeros(u.shape)))
        return np.asarray(exactly(matrix(u.shape)) @ u.reshape(-1), dtype=object).reshape(shape)

    def maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
        return [Dense(lambda: matrix(args[0].shape), args[0].shape, shape)]

    return Op(name, computed, maps, "linear", None, name + "({0})", shape=None)
