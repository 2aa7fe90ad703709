"""The 2-norm over axis 0: z = u, a block of switching variables for every entry of the result.

A slope of |z| is here an entry of a vector sigma in the unit ball, and the result is sigma . u.  Away from 0 sigma is
z / |z|.  In every formula of the theory the block stands for its entries as switches of their own, whose |z| have the
same weight, that of the norm; only what slopes are allowed differs: together they lie in the ball.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array, lengths
from absnormal.ops.kinks.kink import Ends, IntervalSlopes, Kink, LocalDerivative, Shapes, Tangents, Term, sole
from absnormal.ops.linear_maps import Change, Scale
from absnormal.ops.table import Params, Shape


class Norm(Kink):
    """The root of the sum of squares of ``entries`` numbers."""

    name = "norm"
    show = "|{0}|"
    blocks = True

    def value(self, params: Params, *args: Array) -> Array:
        return lengths(args[0])

    def shape(self, params: Params, *shapes: Shape) -> Shape:
        return shapes[0][1:]

    def count(self, shapes: Sequence[Shape], out: Shape) -> int:
        return math.prod(shapes[0])

    def switching(self, params: Params, args: Sequence[Array]) -> Array:
        return args[0].reshape(-1)

    def signs(self, params: Params, z: Array) -> Array:
        return _unit(z.astype(float).reshape(params["entries"], -1)).reshape(-1)

    # -- derivatives -------------------------------------------------------------------------------------------

    def derivative(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> NormDerivative:
        return NormDerivative(slopes.reshape(sole(shapes)), 1.0)

    def intervals(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> NormIntervals:
        return NormIntervals(slopes.reshape(sole(shapes)), params.get("upward", False))

    def choose(
        self, params: Params, args: Sequence[Array], inner: Tangents, out: Shape, tied: Array, slopes: Array
    ) -> Array:
        t = sole(inner)
        np.copyto(slopes, _unit(t[0]).reshape(-1), where=tied)
        return t.reshape(1, -1)

    def curvature(self, params: Params) -> float:
        return 1.0

    def bound(self, params: Params) -> float:
        return math.sqrt(params["entries"])

    def roundings(self, shapes: Sequence[Shape], out: Shape) -> int:
        return 4 + shapes[0][0]

    # -- values, near the point --------------------------------------------------------------------------------

    def errors(self, params: Params, inner: Sequence[Array], out: Shape) -> tuple[Array, Array]:
        return lengths(inner[0]), inner[0]

    def radius(
        self, params: Params, args: Sequence[Array], inner: Sequence[Array], rounded: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        return rounded(lengths(inner[0]), np.abs(args[0]).sum(axis=0)), inner[0]

    def selected(self, params: Params, inner: Sequence[Ends], out: Shape, slopes: Array) -> Ends:
        low, high = inner[0]
        sigma = slopes.reshape(low.shape)
        tied = ~sigma.any(axis=0)
        least, most = _farthest(low, high, params.get("upward", False))
        ends = np.stack([sigma * low, sigma * high])
        return (np.where(tied, least, ends.min(axis=0).sum(axis=0)), np.where(tied, most, ends.max(axis=0).sum(axis=0)))

    # -- in words and symbols ----------------------------------------------------------------------------------

    def form(
        self, params: Params, args: Sequence[Array], out: Shape, slopes: Array, size: Callable[[int, Any], Any] | None
    ) -> Array:
        raise TypeError("a 2-norm has no form in |.|")


def _unit(u: Array) -> Array:
    """u / |u| over axis 0, and 0 where u is."""
    largest = np.abs(u).max(axis=0, initial=0.0)
    scaled = u / np.where(largest > 0, largest, 1.0)
    length = np.sqrt((scaled * scaled).sum(axis=0))
    return np.asarray(scaled / np.where(length > 0, length, 1.0))


def _farthest(low: Array, high: Array, upward: Array | bool) -> Ends:
    """The least and the largest sigma . t for sigma in the ball, not negative where ``upward``, and t in intervals."""
    up, down = np.maximum(high, 0), np.maximum(-low, 0)
    either = np.maximum(up, down)
    return -lengths(np.where(upward, down, either)), lengths(np.where(upward, up, either))


@dataclass(slots=True, eq=False)
class NormDerivative(LocalDerivative):
    """sigma . u; ``rate`` is the derivative of z by u."""

    sigma: Array
    rate: float

    def push(self, inner: Tangents, count: int) -> Array:
        t = sole(inner)
        return np.asarray((self.sigma * t).sum(axis=1))

    def push_both(self, inner: Tangents, count: int) -> tuple[Array, Array]:
        t = sole(inner)
        return self.push(inner, count), t.reshape(count, -1)

    def pull(self, w: Array | None, seeds: Array | None, weigh: bool) -> tuple[list[Term], Array | None]:
        shape, terms = self.sigma.shape, list[Term]()
        spread = None
        if w is not None:
            spread = np.broadcast_to(w[:, None], (len(w), *shape))
            terms.append((0, Scale(self.sigma, shape, shape), spread))
        if seeds is not None:
            terms.append((0, Scale(self.rate, shape, shape), seeds.reshape(len(seeds), *shape)))
        return terms, spread.reshape(len(spread), -1) if weigh and spread is not None else None

    def entrywise(self, change: Change, bound: float | None) -> NormDerivative:
        sigma = self.sigma if bound is None else np.where(np.isnan(self.sigma), 1.0, self.sigma)
        return NormDerivative(np.asarray(change(sigma)), 1.0)


@dataclass(slots=True, eq=False)
class NormIntervals(IntervalSlopes):
    """Slopes, NaN in blocks at 0: any vector of the ball that is not negative where ``upward``."""

    sigma: Array
    upward: Array | bool

    def pull(self, place: int, low: Array, high: Array, size: Array) -> tuple[Array, Array, Array]:
        tied = np.isnan(self.sigma)
        ends = np.stack([self.sigma * low, self.sigma * high])
        most = np.maximum(np.abs(low), np.abs(high))
        least = np.where(self.upward, np.minimum(low, 0), -most)
        most = np.where(self.upward, np.maximum(high, 0), most)
        return (
            np.where(tied, least, ends.min(axis=0)), np.where(tied, most, ends.max(axis=0)),
            np.where(tied, 1.0, np.abs(self.sigma)) * size,
        )

    def push(self, middle: Tangents, radius: Tangents, size: Tangents) -> tuple[Array, Array, Array]:
        mid, wide, own = map(sole, (middle, radius, size))
        tied = np.isnan(self.sigma[0]) if len(self.sigma) else np.ones(self.sigma.shape[1:], bool)
        least, most = _farthest(mid - wide, mid + wide, self.upward)
        sigma = np.where(np.isnan(self.sigma), 0.0, self.sigma)
        center, spread = (sigma * mid).sum(axis=0), (np.abs(sigma) * wide).sum(axis=0)
        return (np.where(tied, least, center - spread), np.where(tied, most, center + spread), own.sum(axis=0))
