"""Kinks that compare once for every entry of the result: all that follows from two sides and a weight of |z|.

    z = sum_i r_i u_i        y = sum_i p_i u_i  where z > 0,   sum_i q_i u_i  where z < 0
    y = sum_i (p_i + q_i) / 2 u_i + w |z|
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.kink import (
    Ends,
    IntervalSlopes,
    Kink,
    LocalDerivative,
    Shapes,
    Tangents,
    Term,
    half,
    number_type,
)
from absnormal.ops.linear import applied
from absnormal.ops.linear_maps import Change, LinearMap, Scale
from absnormal.ops.table import Params, Shape

Side = tuple[Any, ...]


class Entrywise(Kink):
    """A kink whose switching variables are z = u, or z = u - v, ..., entry by entry."""

    #: Whether each side is an argument as it stands, so that a value is never rounded.
    selects = False

    @abstractmethod
    def sides(self, params: Params, number: Callable[[Any], Any]) -> tuple[Side, Side]:
        """The coefficients of the arguments where z > 0, and where z < 0, as a type of ``number``."""

    @abstractmethod
    def weight(self, params: Params, number: Callable[[Any], Any]) -> Any:
        """The weight of |z|."""

    def switching(self, params: Params, args: Sequence[Array]) -> Array:
        if len(self.rates) == 1:
            return args[0].reshape(-1)
        with np.errstate(invalid="ignore"):
            return settled(np.asarray(_sum(self.rates, args)))

    # -- derivatives -------------------------------------------------------------------------------------------

    def slopes(self, params: Params, slope: Array, number: Callable[[Any], Any]) -> list[Array | None]:
        """The derivatives by the arguments with slopes (in the shape of the result); None for those that have none."""
        h = half(slope)
        pairs = zip(*self.sides(params, number), strict=True)
        return [h * (p + q) + h * (p - q) * slope if p or q else None for p, q in pairs]

    def derivative(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> EntrywiseDerivative:
        number = number_type(slopes)
        maps = [
            None if shape is None or p is None else Scale(p, shape, out)
            for shape, p in zip(shapes, self.slopes(params, slopes.reshape(out), number), strict=True)
        ]
        return EntrywiseDerivative(maps, self.weight(params, number), self, shapes, out)

    def rate_maps(self, shapes: Shapes, out: Shape) -> list[LinearMap | None]:
        """z' by the arguments."""
        rates = (*self.rates, *[0] * (len(shapes) - len(self.rates)))
        return [
            None if shape is None or not rate else Scale(1.0 if rate == 1 else rate, shape, out)
            for shape, rate in zip(shapes, rates, strict=True)
        ]

    def intervals(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> EntrywiseIntervals:
        tied = np.isnan(slopes)
        first, second = (self.derivative(params, shapes, out, np.where(tied, end, slopes)) for end in (-1.0, 1.0))
        return EntrywiseIntervals(first.coefficients, second.coefficients, out)

    def choose(
        self, params: Params, args: Sequence[Array], inner: Tangents, out: Shape, tied: Array, slopes: Array
    ) -> Array:
        rates = applied(self.rate_maps([arg.shape for arg in args], out), inner, 1, out).reshape(1, -1)
        np.copyto(slopes, np.sign(rates[0]), where=tied)
        return rates

    def curvature(self, params: Params) -> float:
        return float(self.weight(params, float))

    def bound(self, params: Params) -> float:
        return float(max(abs(c) for side in self.sides(params, float) for c in side))

    def roundings(self, shapes: Sequence[Shape], out: Shape) -> int:
        return 4 + math.prod(out) // max(1, min(math.prod(shape) for shape in shapes))

    # -- values, near the point --------------------------------------------------------------------------------

    def errors(self, params: Params, inner: Sequence[Array], out: Shape) -> tuple[Array, Array]:
        if len(inner) == 1:
            own = self.bound(params) * inner[0]
        else:
            own = np.maximum(*(_size(side, inner) for side in self.sides(params, float)))
        return np.broadcast_to(own, out), np.broadcast_to(_size(self.rates, inner), out)

    def radius(
        self, params: Params, args: Sequence[Array], inner: Sequence[Array], rounded: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        z, reach, sizes = _sum(self.rates, args), _size(self.rates, inner), [np.abs(arg) for arg in args]
        if len(self.rates) > 1:
            reach = rounded(reach, _size(self.rates, sizes))
        sides = self.sides(params, number_type(reach))
        above, below = z > reach, -z > reach
        moved = _taken(above, below, *(_size(side, inner) for side in sides))
        if not self.selects:
            moved = rounded(moved, _taken(above, below, *(_size(side, sizes) for side in sides)))
        return moved, reach

    def selected(self, params: Params, inner: Sequence[Ends], out: Shape, slopes: Array) -> Ends:
        sign = slopes.reshape(out)
        pairs = [interval(side, inner, out) for side in self.sides(params, number_type(sign))]
        return either(sign, *pairs)

    # -- in words and symbols ----------------------------------------------------------------------------------

    def form(
        self, params: Params, args: Sequence[Array], out: Shape, slopes: Array, size: Callable[[int, Any], Any] | None
    ) -> Array:
        plus, minus = self.sides(params, Fraction)
        mean, weight = [Fraction(p + q) / 2 for p, q in zip(plus, minus, strict=True)], self.weight(params, Fraction)
        columns = [np.broadcast_to(arg, out).reshape(-1) for arg in args]
        flat = np.empty(math.prod(out), dtype=object)
        for i, slope in enumerate(slopes):
            entries = [column[i] for column in columns]
            if size is None or slope != 0:
                flat[i] = _sum(plus if slope > 0 else minus, entries)
            else:
                flat[i] = _sum(mean, entries) + weight * size(i, _sum(self.rates, entries))
        return flat

    def around_zero(self, params: Params, zero: Sequence[bool]) -> tuple[float, float, int] | None:
        left = [position for position, is_zero in enumerate(zero) if not is_zero]
        if len(left) != 1 or len(zero) > len(self.rates):
            return None
        (position,) = left
        plus, minus = (side[position] for side in self.sides(params, float))
        return (plus + minus) / 2, self.rates[position] * (plus - minus) / 2, position


@dataclass(slots=True, eq=False)
class EntrywiseDerivative(LocalDerivative):
    """Derivatives by the arguments (None for constants), and by |z|; ``change`` is taken of those of z."""

    maps: Sequence[LinearMap | None]
    weight: Any
    kink: Entrywise
    shapes: Shapes
    out: Shape
    change: Change | None = None

    @property
    def coefficients(self) -> list[Array | None]:
        return [None if not isinstance(m, Scale) else np.broadcast_to(m.p, self.out) for m in self.maps]

    @property
    def rates(self) -> list[LinearMap | None]:
        """z' by the arguments."""
        maps, change = self.kink.rate_maps(self.shapes, self.out), self.change
        return maps if change is None else [None if m is None else m.entrywise(change) for m in maps]

    def push(self, inner: Tangents, count: int) -> Array:
        return applied(self.maps, inner, count, self.out)

    def push_both(self, inner: Tangents, count: int) -> tuple[Array, Array]:
        return self.push(inner, count), applied(self.rates, inner, count, self.out).reshape(count, -1)

    def pull(self, w: Array | None, seeds: Array | None, weigh: bool) -> tuple[list[Term], Array | None]:
        terms: list[Term] = []
        if w is not None:
            terms += [(position, m, w) for position, m in enumerate(self.maps) if m is not None]
        if seeds is not None:
            seeds = seeds.reshape(len(seeds), *self.out)
            terms += [(position, m, seeds) for position, m in enumerate(self.rates) if m is not None]
        return terms, (self.weight * w).reshape(len(w), -1) if weigh and w is not None else None

    def entrywise(self, change: Change, bound: float | None) -> EntrywiseDerivative:
        def changed(p: Any) -> Any:
            return change(p if bound is None else np.where(p != p, bound, p))

        maps = [Scale(changed(m.p), m.shape, m.out) if isinstance(m, Scale) else None for m in self.maps]
        return EntrywiseDerivative(maps, change(self.weight), self.kink, self.shapes, self.out, change)


@dataclass(slots=True, eq=False)
class EntrywiseIntervals(IntervalSlopes):
    """The derivatives by each argument with slopes -1 and 1."""

    first: Sequence[Array | None]
    second: Sequence[Array | None]
    out: Shape

    def _ends(self, position: int) -> tuple[Array, Array] | None:
        """The least and the largest derivative by an argument."""
        p, q = self.first[position], self.second[position]
        return None if p is None or q is None else (np.minimum(p, q), np.maximum(p, q))

    def pull(self, position: int, low: Array, high: Array, size: Array) -> tuple[Array, Array, Array] | None:
        found = self._ends(position)
        if found is None:
            return None
        least, most = found
        ends = np.stack([least * low, least * high, most * low, most * high])
        return ends.min(axis=0), ends.max(axis=0), np.maximum(np.abs(least), np.abs(most)) * size

    def push(self, middle: Tangents, radius: Tangents, size: Tangents) -> tuple[Array, Array, Array]:
        total = np.zeros(self.out)
        sides = []
        for coefficients in (self.first, self.second):
            center, reach = np.zeros(self.out), np.zeros(self.out)
            for p, mid, wide in zip(coefficients, middle, radius, strict=True):
                if p is not None and mid is not None and wide is not None:
                    center, reach = center + p * mid, reach + np.abs(p) * wide
            sides.append((center - reach, center + reach))
        for position, own in enumerate(size):
            found = self._ends(position)
            if found is not None and own is not None:
                total = total + np.maximum(*np.abs(found)) * own
        # What slopes in between give lies between what the two sides give.
        (first, up), (second, above) = sides
        return np.minimum(first, second), np.maximum(up, above), total


def settled(z: Array) -> Array:
    """Differences, flat: of two equal infinite constants there is no kink, and the first is taken."""
    z = z.reshape(-1)
    if z.dtype != object and not np.isnan(z.sum()):
        return z
    return np.where(z != z, np.inf, z)  # NaN differs from itself; rationals have no isnan


def either(sign: Array, first: Ends, second: Ends) -> Ends:
    """The first where the sign is positive, the second where it is negative, and both where it is 0."""
    low = np.where(sign > 0, first[0], np.where(sign < 0, second[0], np.minimum(first[0], second[0])))
    high = np.where(sign > 0, first[1], np.where(sign < 0, second[1], np.maximum(first[1], second[1])))
    return low, high


def interval(side: Side, inner: Sequence[Ends], out: Shape) -> Ends:
    """The sum of intervals times coefficients."""
    low, high = np.zeros(out, int), np.zeros(out, int)
    for c, (first, second) in zip(side, inner, strict=True):
        if c:
            low, high = low + np.minimum(c * first, c * second), high + np.maximum(c * first, c * second)
    return low, high


def _sum(coefficients: Sequence[Any], terms: Sequence[Any]) -> Any:
    """The sum of the first terms times the coefficients that are not 0."""
    total = None
    for c, term in zip(coefficients, terms, strict=False):
        if c:
            own = term if c == 1 else -term if c == -1 and total is None else c * term
            total = own if total is None else total - term if c == -1 else total + own
    return 0 if total is None else total


def _size(coefficients: Sequence[Any], sizes: Sequence[Array]) -> Any:
    """The sum of the sizes of the terms, which are given without their coefficients."""
    return _sum([abs(c) for c in coefficients], sizes)


def _taken(above: Array, below: Array, plus: Any, minus: Any) -> Array:
    """What holds where z is positive for sure, where it is negative, and the larger of both elsewhere."""
    return np.asarray(np.where(above, plus, np.where(below, minus, np.where(plus > minus, plus, minus))))
