"""A maximum or minimum over axis 0, left to right: z_j = m - u_j, and m becomes (m + u_j +- |z_j|) / 2."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.entrywise import either, settled
from absnormal.ops.kinks.fold_map import BySlopes, FoldMap
from absnormal.ops.kinks.kink import Ends, IntervalSlopes, Kink, LocalDerivative, Shapes, Tangents, Term, half, sole
from absnormal.ops.kinks.running import running, running_ties
from absnormal.ops.linear_maps import Change, Scale
from absnormal.ops.table import Params, Shape


class Fold(Kink):
    """A maximum where the sign is 1, a minimum where it is -1; the switches stand in the order of u_1, u_2, ..."""

    name = "fold"
    show = "fold of (m + u {pm} |m - u|) / 2 over {0}"

    def value(self, params: Params, *args: Array) -> Array:
        (u,) = args
        return np.asarray(u.max(axis=0) if params["sign"] > 0 else u.min(axis=0))

    def shape(self, params: Params, *shapes: Shape) -> Shape:
        return shapes[0][1:]

    def count(self, shapes: Sequence[Shape], out: Shape) -> int:
        return (shapes[0][0] - 1) * math.prod(out)

    def switching(self, params: Params, args: Sequence[Array]) -> Array:
        (u,) = args
        with np.errstate(invalid="ignore"):
            return settled(np.asarray(running(params["sign"], u)[:-1] - u[1:]))

    # -- derivatives -------------------------------------------------------------------------------------------

    def derivative(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> FoldDerivative:
        fold = BySlopes(slopes, params["sign"], sole(shapes))
        return FoldDerivative(fold, params["sign"] * half(slopes), -1)

    def intervals(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> FoldIntervals:
        fold = self.derivative(params, shapes, out, slopes).fold
        return FoldIntervals(*(fold.entrywise(partial(_held, end)) for end in (0.0, 1.0)))

    def choose(
        self, params: Params, args: Sequence[Array], inner: Tangents, out: Shape, tied: Array, slopes: Array
    ) -> Array | None:
        # Along d the fold takes, among the tied, the entry with the largest (smallest) derivative so far.
        (u,), t = args, sole(inner)
        shape = (len(u) - 1, *out)
        sigma, ties = slopes.reshape(shape), tied.reshape(shape)
        best = running_ties(params["sign"], u, ties, t[0])
        sigma[ties] = np.sign(best - t[0][1:])[ties]
        return None

    def extremum(self, params: Params) -> int:
        return int(params["sign"])

    def curvature(self, params: Params) -> float:
        return float(params["sign"])

    def bound(self, params: Params) -> float:
        return 1.0

    def roundings(self, shapes: Sequence[Shape], out: Shape) -> int:
        return 4 * shapes[0][0]

    # -- values, near the point --------------------------------------------------------------------------------

    def errors(self, params: Params, inner: Sequence[Array], out: Shape) -> tuple[Array, Array]:
        reach = np.maximum.accumulate(inner[0], axis=0)
        return reach[-1], reach[:-1] + inner[0][1:]

    def radius(
        self, params: Params, args: Sequence[Array], inner: Sequence[Array], rounded: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        # Any entry that may lead gives its radius.
        (u,), (radius,), sign = args, inner, params["sign"]
        reach = np.maximum.accumulate(radius, axis=0)
        switching = rounded(reach[:-1] + radius[1:], np.abs(running(sign, u)[:-1]) + np.abs(u[1:]))
        lead = (sign * u - radius).max(axis=0)
        leading = sign * u + radius >= lead
        return np.where(leading, radius, 0 * radius).max(axis=0), switching

    def selected(self, params: Params, inner: Sequence[Ends], out: Shape, slopes: Array) -> Ends:
        low, high = inner[0]
        sign = params["sign"] * slopes.reshape(len(low) - 1, *out)
        current = low[0], high[0]
        for j in range(1, len(low)):
            current = either(sign[j - 1], current, (low[j], high[j]))
        return current

    # -- in words and symbols ----------------------------------------------------------------------------------

    def form(
        self, params: Params, args: Sequence[Array], out: Shape, slopes: Array, size: Callable[[int, Any], Any] | None
    ) -> Array:
        u = args[0].reshape(len(args[0]), -1)
        count, rest = u.shape
        sign, own = params["sign"], slopes.reshape(count - 1, rest)
        result = np.empty(rest, dtype=object)
        for column in range(rest):
            current = u[0, column]
            for j in range(1, count):
                following, slope = u[j, column], own[j - 1, column]
                if size is None or slope != 0:
                    current = current if sign * slope > 0 else following
                else:
                    z = size((j - 1) * rest + column, current - following)
                    current = Fraction(1, 2) * (current + following) + Fraction(sign) / 2 * z
            result[column] = current
        return result


@dataclass(slots=True, eq=False)
class FoldDerivative(LocalDerivative):
    """A fold with given slopes; ``weight`` is that of |z_j|, and z_j' = m' + ``other`` u_j'."""

    fold: FoldMap
    weight: Any
    other: int

    @property
    def chosen(self) -> Array | None:
        return self.fold.chosen

    def push(self, inner: Tangents, count: int) -> Array:
        t = sole(inner)
        return self.fold.push(t)

    def push_both(self, inner: Tangents, count: int) -> tuple[Array, Array]:
        t = sole(inner)
        prefixes, steps = self.fold.prefixes(t), np.moveaxis(t, 1, 0)[1:]
        rates = prefixes[:-1] + steps if self.other > 0 else prefixes[:-1] - steps
        return np.asarray(prefixes[-1]), np.moveaxis(rates, 1, 0).reshape(count, -1)

    def pull(self, w: Array | None, seeds: Array | None, weigh: bool) -> tuple[list[Term], Array | None]:
        fold = self.fold
        if seeds is None and not weigh and fold.last is not None:
            assert w is not None
            return [(0, fold, w)], None
        inner = None
        if seeds is not None:
            inner = np.moveaxis(seeds.reshape(len(seeds), fold.shape[0] - 1, *fold.shape[1:]), 1, 0)
            w = np.zeros((len(seeds), *fold.shape[1:]), seeds.dtype) if w is None else w
        assert w is not None
        adjoints = fold.adjoints(w, inner)
        # After seeding, entry j of the adjoints belongs to m_j.
        pulled = fold.pull_from(adjoints)
        if inner is not None:
            pulled[:, 1:] += self.other * np.moveaxis(inner, 0, 1)
        wbar = np.moveaxis(self.weight * adjoints[1:], 0, 1).reshape(len(w), -1) if weigh else None
        return [(0, Scale(1.0, fold.shape, fold.shape), pulled)], wbar

    def entrywise(self, change: Change, bound: float | None) -> FoldDerivative:
        fold = self.fold.entrywise(lambda c: change(_held(1.0, c)))
        return FoldDerivative(fold, abs(self.weight), 1)


def _held(end: float, c: Array) -> Array:
    """``end`` in place of NaN, which differs from itself; rationals have no isnan."""
    return np.where(c != c, end, c)


@dataclass(slots=True, eq=False)
class FoldIntervals(IntervalSlopes):
    """The least and the largest weights, all in [0, 1]; in the least one a tied entry gets nothing."""

    least: FoldMap
    most: FoldMap

    def pull(self, position: int, low: Array, high: Array, size: Array) -> tuple[Array, Array, Array]:
        least, most = self.least, self.most
        up, down = np.maximum(high, 0)[None], np.maximum(-low, 0)[None]
        above, below = np.maximum(low, 0)[None], np.maximum(-high, 0)[None]
        highs = most.pull(up)[0] - least.pull(below)[0]
        lows = least.pull(above)[0] - most.pull(down)[0]
        return lows, highs, most.pull(size[None])[0]

    def push(self, middle: Tangents, radius: Tangents, size: Tangents) -> tuple[Array, Array, Array]:
        # A fold returns the tangent of one of its tied entries, or a mean of them.
        mid, wide, own = map(sole, (middle, radius, size))
        possible = self.most.pull(np.ones((1, *self.most.shape[1:])))[0] > 0
        low = np.where(possible, mid - wide, np.inf).min(axis=0)
        high = np.where(possible, mid + wide, -np.inf).max(axis=0)
        return low, high, np.where(possible, own, 0.0).sum(axis=0)
