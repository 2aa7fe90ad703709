"""The kinked operations, kept whole, and their rewriting to |.|.

=======  ==========================================  =====================================================
kink     a u + b |u|                                 z = u;         the result is a u + b |z|
max      max(u, v), min(u, v)                        z = u - v;     the result is (u + v +- |z|) / 2
select   a where u > 0, otherwise b; a - b = k u     z = u;         the result is (a + b + k |z|) / 2
fold     max or min over axis 0, left to right       z_j = m - u_j; m becomes (m + u_j +- |z_j|) / 2
=======  ==========================================  =====================================================

The value is the operation's own, so the rewriting adds no rounding; derivatives and switches come from the
right column. With slopes sigma of |z| each is a linear map of its arguments, which `Mix` and `FoldMap` hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
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
    return np.asarray(np.where(u > 0, (a + b) * u, (a - b) * u))


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
        if z.dtype != object and not np.isnan(z.sum()):
            return z
    return np.where(z != z, np.inf, z)  # NaN differs from itself; rationals have no isnan


def running(params: Params, u: Array) -> Array:
    """The running maximum or minimum along axis 0."""
    better = np.maximum if params["sign"] > 0 else np.minimum
    if len(u) > 64 or u.dtype == object:
        return np.asarray(better.accumulate(u, axis=0))
    # Row by row: faster than an accumulation across rows.
    result = np.empty(u.shape, u.dtype)
    result[:1] = u[:1]
    for j in range(1, len(u)):
        better(result[j - 1 : j], u[j : j + 1], out=result[j : j + 1])
    return result


@dataclass(slots=True, eq=False)
class Piece:
    """A kinked operation with given slopes: derivatives by its arguments (None for constants), and by |z|."""

    maps: list[Scale | None]
    weight: Any


def piece(op: str, params: Params, shapes: Sequence[Shape | None], out: Shape, sigma: Array) -> Piece:
    """A kinked operation other than a fold, with slopes ``sigma`` (flat); constants have shape None."""
    slope = sigma.reshape(out)
    if op == "kink":
        a, b = _numbers(slope, params["a"], params["b"])
        return Piece([_scale(slope if (a, b) == (0, 1) else a + b * slope, shapes[0], out)], b)
    if op == "max":
        half = np.asarray(slope * (params["sign"] * _half(slope)))
        first = None if shapes[0] is None else _scale(_half(half) + half, shapes[0], out)
        second = None if shapes[1] is None else _scale(_half(half) - half, shapes[1], out)
        return Piece([first, second], params["sign"] * _half(half))
    half = np.asarray(slope * _half(slope))
    sides = [_scale(_half(half) + half, shapes[1], out), _scale(_half(half) - half, shapes[2], out)]
    return Piece([None, *sides], _numbers(half, params["k"])[0] * _half(half))


def _scale(p: Array, shape: Shape | None, out: Shape) -> Scale | None:
    return None if shape is None else Scale(p, shape, out)


def switch_maps(op: str, shapes: Sequence[Shape], out: Shape) -> list[LinearMap | None]:
    """z' of a kinked operation other than a fold, by its arguments."""
    one = Scale(1.0, shapes[0], out)
    if op == "max":
        return [one, Scale(-1, shapes[1], out)]
    return [one] if op == "kink" else [one, None, None]


def _numbers(like: Array, *numbers: Any) -> list[Any]:
    """Parameters as exact numbers beside exact arrays."""
    return [Fraction(number) if like.dtype == object else float(number) for number in numbers]


def _half(like: Array) -> Any:
    return Fraction(1, 2) if like.dtype == object else 0.5


@dataclass(frozen=True, eq=False)
class FoldMap(LinearMap):
    """m_j = p_j m_{j-1} + q_j u_j along axis 0, from m_0 = u_0; ``p``, ``q`` are flat over j = 1, 2, ..."""

    p: Array
    q: Array
    shape: Shape

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 2 * self.shape[0]

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return 2 * self.shape[0]

    @cached_property
    def chosen(self) -> Array | None:
        """For definite slopes, the entry that each running value is; otherwise None."""
        p, q = self._coefficients()
        if p.dtype == object:
            return None
        second = q == 1
        if not (second | (q == 0)).all() or not (p + q == 1).all():
            return None
        steps = np.arange(1, self.shape[0]).reshape(-1, *([1] * (len(self.shape) - 1)))
        taken = np.zeros(self.shape, np.min_scalar_type(self.shape[0]))
        np.multiply(second, steps, out=taken[1:], casting="unsafe")
        return running({"sign": 1}, taken)

    def _coefficients(self) -> tuple[Array, Array]:
        shape = (self.shape[0] - 1, *self.shape[1:])
        return self.p.reshape(shape), self.q.reshape(shape)

    def prefixes(self, t: Array) -> Array:
        """The derivatives of all running values, shape (k, *shape)."""
        if self.chosen is not None:
            chosen = self.chosen[:, None].astype(np.intp)
            return np.asarray(np.take_along_axis(np.moveaxis(t, 1, 0), chosen, axis=0))
        p, q = self._coefficients()
        offsets = np.concatenate([t[:, :1], q * t[:, 1:]], axis=1)
        return _scan(p, np.moveaxis(offsets, 1, 0))

    def push(self, t: Array) -> Array:
        return np.asarray(self.prefixes(t)[-1])

    def adjoints(self, last: Array, inner: Array | None) -> Array:
        """Adjoints of all running values: ``last`` of the result, ``inner`` of the others; axis 0 is j."""
        p, _ = self._coefficients()
        count = self.shape[0]
        dtype = object if last.dtype == object else np.result_type(last, float)
        seeds = np.zeros((count, *last.shape), dtype)
        seeds[-1] = last
        if inner is not None:
            seeds[:-1] += inner
        return np.flip(_scan(np.flip(p, 0), np.flip(seeds, 0)), 0)

    def pull(self, w: Array) -> Array:
        if self.chosen is not None:
            steps = np.arange(self.shape[0]).reshape(-1, *([1] * (len(self.shape) - 1)))
            return np.where(self.chosen[-1] == steps.astype(self.chosen.dtype), w[:, None], w.dtype.type(0))
        return self.pull_from(self.adjoints(w, None))

    def pull_from(self, adjoints: Array) -> Array:
        """The adjoint of u, shape (k, *shape), from the adjoints of the running values."""
        _, q = self._coefficients()
        pulled = adjoints.copy()
        pulled[1:] *= q[:, None]
        return np.moveaxis(pulled, 0, 1)

    def entrywise(self, change: Change) -> LinearMap:
        return FoldMap(change(self.p), change(self.q), self.shape)


def running_choice(params: Params, shape: Shape, sigma: Array) -> Array | None:
    """For definite slopes of a fold, the entry that each running value is, shape ``shape``; otherwise None."""
    return fold_map(params, shape, sigma).chosen


def fold_map(params: Params, shape: Shape, sigma: Array) -> FoldMap:
    """The derivative of a fold with slopes ``sigma`` of its |z|."""
    half = sigma * (params["sign"] * _half(sigma))
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


def running_ties(params: Params, u: Array, ties: Array, t: Array) -> Array:
    """Before each comparison of a fold, the derivative along a direction of the value so far, where tied.

    ``u`` and ``t`` have the shape of the argument, ``ties`` and the result one entry less along axis 0.
    Among equal values the one with the largest (smallest, for a minimum) derivative ``t`` leads.
    """
    flat_u, flat_t = u.reshape(len(u), -1), t.reshape(len(t), -1)
    flat_ties = ties.reshape(len(ties), -1)
    better = np.maximum if params["sign"] > 0 else np.minimum
    best = running(params, flat_u)
    result = np.zeros(flat_ties.shape)
    for column in np.flatnonzero(flat_ties.any(axis=0)):
        value = best[:, column]
        tied = np.flatnonzero(flat_ties[:, column]) + 1
        # Tied comparisons of one value form a run from where that value was first reached.
        reached = np.flatnonzero(np.r_[True, value[1:] != value[:-1]])
        firsts = reached[np.searchsorted(reached, tied, side="right") - 1]
        for run in np.split(np.arange(len(tied)), np.flatnonzero(firsts[1:] != firsts[:-1]) + 1):
            members = np.r_[firsts[run[0]], tied[run]]
            leading = better.accumulate(flat_t[members, column])
            result[members[1:] - 1, column] = leading[:-1]
    return result.reshape(ties.shape)
