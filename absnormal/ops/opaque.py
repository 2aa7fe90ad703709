"""Smooth operations of which the value and the matrix of the derivative are known: a framework's, or a user's."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.ops.differences import along_entries, contradiction, kinked
from absnormal.ops.linear_maps import Change, LinearMap
from absnormal.ops.table import Op, Params, never
from absnormal.program.nodes import Node

Shape = tuple[int, ...]


#: What a matrix may stay, with the part of a direction that leaves it so.
KEPT: dict[str, Callable[[Array], Array]] = {
    "": lambda direction: direction,
    "symmetric": lambda direction: np.asarray((direction + np.swapaxes(direction, -1, -2)) / 2),
    # Pairs of real and imaginary parts along a last axis.
    "hermitian": lambda direction: (direction + np.swapaxes(direction, -2, -3) * np.array([1.0, -1.0])) / 2,
    "lower": np.tril,
    "upper": np.triu,
}


class Smooth(ABC):
    """A function of arrays, and where it is continuously differentiable.

    It is a parameter of the operation "opaque", so it compares equal to what computes the same, can be hashed, and
    pickles.

    Attributes
    ----------
    name
        what a listing and a message call it
    batch
        how many leading axes of all arguments and of the result count copies that do not know of each other
    kept
        what the first argument stays wherever the variables are, a key of `KEPT`: the derivative is for such directions
    total
        the sum of the result over its last axis, where that is smooth at more arguments; otherwise None
    signs
        of vectors whose signs are the choice of a kernel: the decomposition that they belong to, and the axis, counted
        back from the last one, which counts them; vectors of the same number have the same sign; otherwise None
    """

    name: str
    batch: int = 0
    kept: str = ""
    total: Smooth | None = None
    signs: tuple[str, int] | None = None

    @abstractmethod
    def value(self, *args: Array) -> Any:
        """The result, for float64 arrays."""

    @abstractmethod
    def jacobian(self, args: Sequence[Array], own: int) -> Any:
        """The derivative by argument ``own``.

        Its shape is that of the batch, then the size of the rest of the result, then that of the rest of the argument.
        """

    def smooth_at(self, *args: Array) -> Any:
        """True where the function is continuously differentiable at these arguments, as a whole or by entries."""
        return True

    def reason(self) -> tuple[str, str] | None:
        """What is wrong where it is not continuously differentiable, and the fix; None where nothing special is."""
        return None

    def as_computed(self, *args: Array) -> Array:
        """The result in the precision in which a framework computes it."""
        return np.asarray(self.value(*args))

    def lines(self, vectors: Array) -> Array:
        """The sum of the entries of each vector, in an axis of length 1."""
        assert self.signs is not None
        return np.asarray(vectors.sum(axis=-2 if self.signs[1] == 1 else -1, keepdims=True))

    def within(self, own: int, direction: Array) -> Array:
        """The part of a direction in which argument ``own`` may move."""
        return direction if own else KEPT[self.kept](direction)

    def __str__(self) -> str:
        return self.name


class Dense(LinearMap):
    """A matrix between the flat argument and the flat result, one for each of a batch, made when it is first needed.

    ``made()`` has the shape (*batch, size of the rest of the result, size of the rest of the argument).  Each term is
    taken to suffer as many roundings as a product of matrices of these sizes, eight times over.
    """

    def __init__(self, made: Callable[[], Array], shape: Shape, out: Shape, batch: int = 0) -> None:
        self.made, self.shape, self.out, self.batch = made, shape, out, batch

    @cached_property
    def matrix(self) -> Array:
        """Shape (copies, size of the rest of the result, size of the rest of the argument)."""
        return np.asarray(self.made()).reshape(self._copies, self._rest(self.out), self._rest(self.shape))

    @property
    def _copies(self) -> int:
        return math.prod(self.shape[: self.batch])

    def _rest(self, shape: Shape) -> int:
        return math.prod(shape[self.batch :])

    @property
    def _depth(self) -> int:
        return 8 * (self._rest(self.shape) + self._rest(self.out) + 1)

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
        return self._times(t, matrix.transpose(0, 2, 1), self.shape, self.out)

    def pull(self, w: Array) -> Array:
        return self._times(w, self._exact if w.dtype == object else self.matrix, self.out, self.shape)

    def _times(self, rows: Array, matrix: Array, shape: Shape, other: Shape) -> Array:
        flat = rows.reshape(len(rows), self._copies, self._rest(shape)).transpose(1, 0, 2)
        return np.asarray((flat @ matrix).transpose(1, 0, 2)).reshape(len(rows), *other)

    def entrywise(self, change: Change) -> LinearMap:
        return Dense(lambda: np.asarray(change(self.matrix)), self.shape, self.out, self.batch)

    def norm(self) -> float:
        return float(np.abs(self.matrix).sum(axis=2).max(initial=0.0))

    def parts(self) -> tuple[LinearMap | None, LinearMap | None]:
        return self.signed(self.matrix)


def _row(name: str, function: Callable[[Params], Smooth], show: str) -> Op:
    def value(params: Params, *args: Array) -> Array:
        if any(arg.dtype == object for arg in args):
            raise TypeError("no exact value")
        try:
            return np.asarray(function(params).value(*args), dtype=float)
        except np.linalg.LinAlgError as error:
            raise FloatingPointError(str(error)) from error

    def matrix(params: Params, args: Sequence[Array], own: int) -> Array:
        # A computed 0 proves nothing.
        return never(np.asarray(function(params).jacobian(args, own), dtype=float))

    def maps(params: Params, args: list[Array], out: Array, shape: Shape) -> list[LinearMap]:
        batch = function(params).batch
        return [
            Dense(lambda own=own: matrix(params, args, own), arg.shape, shape, batch)  # type: ignore[misc]
            for own, arg in enumerate(args)
        ]

    def domain(params: Params, *args: Array) -> Any:
        return function(params).smooth_at(*[np.asarray(arg, dtype=float) for arg in args])

    def contradicted(
        params: Params, args: list[Array], found: Sequence[LinearMap | None]
    ) -> tuple[float, float] | None:
        own = function(params)
        return contradiction(lambda *moved: value(params, *moved), args, found, own.within, own.batch)

    return Op(name, value, maps, "smooth", domain, show, shape=None, contradicted=contradicted)


@dataclass(frozen=True)
class _Along(Smooth):
    """A function with the derivative along tangents, one pair of tangents after the other."""

    name: str
    function: Callable[..., Any]
    jvp: Callable[..., Any]
    smooth: Callable[..., Any] | None

    def value(self, *args: Array) -> Any:
        return self.function(*args)

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        others = [np.zeros(arg.shape) for arg in args]
        size = args[own].size
        columns = []
        for unit in np.eye(size).reshape(size, *args[own].shape):
            tangents = (*others[:own], unit, *others[own + 1 :])
            columns.append(np.asarray(self.jvp(tuple(args), tangents), dtype=float).reshape(-1))
        return np.stack(columns, axis=1) if size else np.zeros((np.size(self.value(*args)), 0))

    def smooth_at(self, *args: Array) -> Any:
        if self.smooth is not None and not np.all(self.smooth(*args)):
            return False
        random = np.random.default_rng(0)
        directions = [along_entries(arg) * random.standard_normal(arg.shape) for arg in args]
        return not kinked(self.function, args, directions).any()


def opaque_row(
    name: str, value: Callable[..., Any], jvp: Callable[..., Any], smooth_at: Callable[..., Any] | None
) -> Op:
    """A smooth operation of a user; ``jvp(arguments, tangents)`` is its derivative along tangents."""
    own = _Along(name, value, jvp, smooth_at)
    return _row(name, lambda params: own, name + "({all})")


def for_symmetric(node: Node) -> bool:
    """Whether a node is an opaque operation whose derivative is one for matrices that stay symmetric."""
    return node.op == "opaque" and node.params["function"].kept == "symmetric"


#: The operation whose parameter ``function`` is a `Smooth`.
OPAQUE = _row("opaque", lambda params: params["function"], "{function}({all})")


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
