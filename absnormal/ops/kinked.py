"""The kinked operations, kept whole, and their rewriting to |.|.

=======  ==========================================  =================================================================
kink     a u + b |u|                                 z = u;         the result is a u + b |z|
max      max(u, v), min(u, v)                        z = u - v;     the result is (u + v +- |z|) / 2
select   a where u > 0, otherwise b; a - b = k u     z = u;         the result is (a + b + k |z|) / 2
fold     max or min over axis 0, left to right       z_j = m - u_j; m becomes (m + u_j +- |z_j|) / 2
=======  ==========================================  =================================================================

The value is the operation's own, so the rewriting adds no rounding; derivatives and switches come from the right column.
With slopes sigma of |z| each is a linear map of its arguments, which `Mix` and `FoldMap` hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.linear_maps import Change, LinearMap, Scale
from absnormal.ops.table import Op, Params

Shape = tuple[int, ...]


def _kink(params: Params, u: Array) -> Array:
    a, b = _numbers(u, params["a"], params["b"])
    if a == 0 and b == 1:
        return np.asarray(np.abs(u))
    return np.where(u > 0, (a + b) * u, (a - b) * u)


def _max(params: Params, u: Array, v: Array) -> Array:
    return np.asarray(np.maximum(u, v) if params["sign"] > 0 else np.minimum(u, v))


def _select(params: Params, u: Array, a: Array, b: Array) -> Array:
    return np.where(u > 0, a, b)


def _fold(params: Params, u: Array) -> Array:
    return np.asarray(u.max(axis=0) if params["sign"] > 0 else u.min(axis=0))


KINKED = (
    Op("kink", _kink, None, "kinked", show="{a} * {0} + {b} * |{0}|"),
    Op("max", _max, None, "kinked", show="({0} + {1} {pm} |{0} - {1}|) / 2"),
    Op("select", _select, None, "kinked", show="({1} + {2} + {k} * |{0}|) / 2"),
    Op("fold", _fold, None, "kinked", show="fold of (m + u {pm} |m - u|) / 2 over {0}"),
)


def switching_values(op: str, params: Params, args: list[Array]) -> Array:
    """The switching variables of a kinked operation, flat, in evaluation order."""
    if op == "max":
        return _difference(args[0], args[1])
    if op == "fold":
        return _difference(running(params, args[0])[:-1], args[0][1:])
    return args[0].reshape(-1)


def _difference(u: Array, v: Array) -> Array:
    """u - v, flat; two equal infinite constants are no kink, and the first is taken."""
    with np.errstate(invalid="ignore"):
        z = np.asarray(u - v).reshape(-1)
    return z if z.dtype == object else np.where(np.isnan(z), np.inf, z)


def running(params: Params, u: Array) -> Array:
    """The running maximum or minimum along axis 0."""
    return np.asarray((np.maximum if params["sign"] > 0 else np.minimum).accumulate(u, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A kinked operation with given slopes: its derivative, that of its switches, and their weights.

    ``maps`` act on the arguments; ``switch_maps`` give z' (only for operations without inner recursion); ``weight`` is
    the derivative of the result with respect to |z|.
    """

    maps: list[Scale | None]
    switch_maps: list[LinearMap | None]
    weight: Any


def piece(op: str, params: Params, shapes: list[Shape], out: Shape, sigma: Array) -> Piece:
    """A kinked operation other than a fold, as linear maps, with slopes ``sigma`` (flat) of |z|."""
    slope = sigma.reshape(out)
    one = Scale(1.0, shapes[0], out)
    if op == "kink":
        a, b = _numbers(slope, params["a"], params["b"])
        return Piece([Scale(a + b * slope, shapes[0], out)], [one], b)
    if op == "max":
        half = params["sign"] * slope / 2
        return Piece(
            [Scale(_half(half) + half, shapes[0], out), Scale(_half(half) - half, shapes[1], out)],
            [one, Scale(-1, shapes[1], out)],
            params["sign"] * _half(half),
        )
    half = slope / 2
    return Piece(
        [None, Scale(_half(half) + half, shapes[1], out), Scale(_half(half) - half, shapes[2], out)],
        [one, None, None],
        _numbers(half, params["k"])[0] * _half(half),
    )


def _numbers(like: Array, *numbers: Any) -> list[Any]:
    """Parameters as exact numbers beside exact arrays."""
    return [Fraction(number) if like.dtype == object else float(number) for number in numbers]


def _half(like: Array) -> Any:
    return Fraction(1, 2) if like.dtype == object else 0.5


@dataclass(frozen=True, slots=True, eq=False)
class FoldMap(LinearMap):
    """m_j = p_j m_{j-1} + q_j u_j along axis 0, from m_0 = u_0; ``p`` and ``q`` are flat over j = 1, 2, ..."""

    p: Array
    q: Array
    shape: Shape

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 2 * self.shape[0]

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return 2 * self.shape[0]

    def _coefficients(self) -> tuple[Array, Array]:
        shape = (self.shape[0] - 1, *self.shape[1:])
        return self.p.reshape(shape), self.q.reshape(shape)

    def prefixes(self, t: Array) -> Array:
        """The derivatives of all running values, shape (k, *shape)."""
        p, q = self._coefficients()
        offsets = np.concatenate([t[:, :1], q * t[:, 1:]], axis=1)
        return _scan(p, np.moveaxis(offsets, 1, 0))

    def push(self, t: Array) -> Array:
        return self.prefixes(t)[-1]

    def adjoints(self, last: Array, inner: Array | None) -> Array:
        """Adjoints of all running values: ``last`` of the result, ``inner`` of the earlier ones; axis 0 is j."""
        p, _ = self._coefficients()
        count = self.shape[0]
        seeds = np.zeros((count, *last.shape), np.result_type(last, float) if last.dtype != object else object)
        seeds[-1] = last
        if inner is not None:
            seeds[:-1] += inner
        return np.flip(_scan(np.flip(p, 0), np.flip(seeds, 0)), 0)

    def pull(self, w: Array) -> Array:
        return self.pull_from(self.adjoints(w, None))

    def pull_from(self, adjoints: Array) -> Array:
        """The adjoint of u, shape (k, *shape), from the adjoints of the running values."""
        _, q = self._coefficients()
        pulled = adjoints.copy()
        pulled[1:] *= q[:, None]
        return np.moveaxis(pulled, 0, 1)

    def entrywise(self, change: Change) -> LinearMap:
        return FoldMap(change(self.p), change(self.q), self.shape)


def fold_map(params: Params, shape: Shape, sigma: Array) -> FoldMap:
    """The derivative of a fold with slopes ``sigma`` of its |z|."""
    half = params["sign"] * sigma / 2
    return FoldMap(_half(half) + half, _half(half) - half, shape)


def _scan(p: Array, offsets: Array) -> Array:
    """y_0 = offsets_0, y_j = p_j y_{j-1} + offsets_j: step by step when short, by doubling when long."""
    count = len(offsets)
    result = offsets.copy()
    factor = p[:, None]
    if count <= 64:
        for j in range(1, count):
            result[j] += factor[j - 1] * result[j - 1]
        return result
    product = np.concatenate([np.zeros_like(factor[:1]), factor])
    step = 1
    while step < count:
        result[step:] = result[step:] + product[step:] * result[:-step]
        product = np.concatenate([product[:step], product[step:] * product[:-step]])
        step *= 2
    return result


def switch_count(op: str, shapes: list[Shape], out: Shape) -> int:
    """How many switching variables a kinked operation owns."""
    return (shapes[0][0] - 1) * math.prod(out) if op == "fold" else math.prod(out)
