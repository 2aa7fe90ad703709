"""Entries of some ranks among tied ones, along axis 0: a whole sort is one kink (THEORY 7.4).

The switching variables are z_i = u_i - u_0 for i = 1, 2, ..., a block for every column.  The slopes of a block are no
slopes of |.|: they say in which order the entries come.  With the code 0 for u_0 and sigma_i for u_i the entries stand
in the order of their codes, and those of one code share their places evenly.  So the derivative is a permutation where
all codes differ, and in every case a mean of permutations.  sigma_i has the sign of z_i' in a cell, as elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.kink import Ends, IntervalSlopes, Kink, LocalDerivative, Shapes, Tangents, Term, sole
from absnormal.ops.linear_maps import Change, Scale
from absnormal.ops.table import Params, Shape


class Order(Kink):
    """The entries with ``ranks``, which ascend, of ``entries`` + 1 numbers."""

    name = "order"
    show = "entries of {0} by rank"
    blocks = True
    permutes = True

    def value(self, params: Params, *args: Array) -> Array:
        return np.asarray(np.sort(args[0], axis=0)[list(params["ranks"])])

    def shape(self, params: Params, *shapes: Shape) -> Shape:
        return (len(params["ranks"]), *shapes[0][1:])

    def count(self, shapes: Sequence[Shape], out: Shape) -> int:
        return (shapes[0][0] - 1) * int(np.prod(shapes[0][1:], dtype=int))

    def switching(self, params: Params, args: Sequence[Array]) -> Array:
        (u,) = args
        return np.asarray(u[1:] - u[:1]).reshape(-1)

    def signs(self, params: Params, z: Array) -> Array:
        return codes(z.astype(float).reshape(params["entries"], -1)).reshape(-1)

    def torn(self, params: Params, z: Array, atol: float) -> bool:
        """Whether some entries of a column tie, but not all."""
        places = np.sort(_with_first(z.reshape(params["entries"], -1)), axis=0)
        close = places[1:] - places[:-1] <= atol
        return bool((close.any(axis=0) & ~close.all(axis=0)).any())

    # -- derivatives -------------------------------------------------------------------------------------------

    def derivative(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> OrderDerivative:
        return OrderDerivative(_with_first(slopes.reshape(params["entries"], -1)), params["ranks"], shapes[0] or ())

    def intervals(self, params: Params, shapes: Shapes, out: Shape, slopes: Array) -> OrderIntervals:
        return OrderIntervals(self.derivative(params, shapes, out, slopes))

    def choose(
        self, params: Params, args: Sequence[Array], inner: Tangents, out: Shape, tied: Array, slopes: Array
    ) -> Array:
        t = sole(inner)
        rates = (t[0, 1:] - t[0, :1]).reshape(-1)
        np.copyto(slopes, self.signs(params, rates), where=tied)
        return rates[None]

    def curvature(self, params: Params) -> float:
        raise TypeError("a sort bends both ways")

    def bound(self, params: Params) -> float:
        return 1.0

    def roundings(self, shapes: Sequence[Shape], out: Shape) -> int:
        return 4 + shapes[0][0]

    # -- values, near the point --------------------------------------------------------------------------------

    def errors(self, params: Params, inner: Sequence[Array], out: Shape) -> tuple[Array, Array]:
        (error,) = inner
        return np.broadcast_to(error.max(axis=0), out), error[1:] + error[:1]

    def radius(
        self, params: Params, args: Sequence[Array], inner: Sequence[Array], rounded: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        (u,), (radius,) = args, inner
        return (
            np.broadcast_to(radius.max(axis=0), self.shape(params, u.shape)),
            rounded(radius[1:] + radius[:1], np.abs(u[1:]) + np.abs(u[:1])),
        )

    def selected(self, params: Params, inner: Sequence[Ends], out: Shape, slopes: Array) -> Ends:
        low, high = inner[0]
        return np.broadcast_to(low.min(axis=0), out), np.broadcast_to(high.max(axis=0), out)

    # -- in words and symbols ----------------------------------------------------------------------------------

    def form(
        self, params: Params, args: Sequence[Array], out: Shape, slopes: Array, size: Callable[[int, Any], Any] | None
    ) -> Array:
        raise TypeError("a sort of many tied entries is not written in |.|")


def in_turn(entries: int, columns: int, sign: float) -> Array:
    """The codes of entries 1, 2, ... that come in the order in which they stand (sign < 0), as the slope of a
    comparison has it that takes the first of a tie for the smaller one, in reversed order, or all at once (0)."""
    steps = np.arange(1, entries + 1) / entries
    return np.repeat((0.0 - np.sign(sign) * steps)[:, None], columns, axis=1).reshape(-1)


def codes(z: Array) -> Array:
    """What stands for the order of 0 and z along axis 0: by how many places each is away from that of 0."""
    u = _with_first(z)
    order = np.argsort(u, axis=0, kind="stable")
    along = np.take_along_axis(u, order, 0)
    fresh = np.concatenate([np.zeros_like(order[:1]), along[1:] != along[:-1]])
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.cumsum(fresh, axis=0), 0)
    return np.asarray((place[1:] - place[:1]) / len(z))


def ordering(by: Array) -> Array | None:
    """The entries along axis 0, the first one too, in the order of their codes; None where some have the same code."""
    every = _with_first(by)
    order = np.argsort(every, axis=0, kind="stable")
    along = np.take_along_axis(every, order, 0)
    return np.asarray(order) if (along[1:] > along[:-1]).all() else None


def gaps(values: Array, by: Array) -> Array:
    """For 0 and values along axis 0 in the order of their codes, the least step from one to the next, (columns,)."""
    order = np.argsort(_with_first(by), axis=0, kind="stable")
    along = np.take_along_axis(_with_first(values), order, 0)
    return np.asarray((along[1:] - along[:-1]).min(axis=0))


def _with_first(z: Array) -> Array:
    """With 0 for the first entry, NaN where the others are."""
    return np.concatenate([0 * z[:1], z])


@dataclass(slots=True, eq=False)
class OrderDerivative(LocalDerivative):
    """Means of entries with one code; ``codes`` (entries, columns), NaN in columns whose order may be any.

    ``weight`` None: entries of one code share evenly; otherwise each gets this weight.
    """

    codes: Array
    ranks: Sequence[int]
    shape: tuple[int, ...]
    weight: float | None = None
    other: float = -1.0

    def _places(self) -> tuple[Array, Array]:
        """The entries of every column in the order of their codes, and the number of the group of each, over all
        columns."""
        order = np.argsort(self.codes, axis=0, kind="stable")
        along = np.take_along_axis(self.codes, order, 0)
        fresh = np.ones(order.shape, bool)
        fresh[1:] = (along[1:] != along[:-1]) & (along[1:] == along[1:])
        return order, (np.cumsum(fresh.T.reshape(-1)) - 1).reshape(fresh.T.shape).T

    def _shared(self, values: Array, groups: Array) -> Array:
        """For each entry the mean of values (k, entries, columns) over its group, or their weighted sum."""
        count = int(groups.max(initial=-1)) + 1
        if count == groups.size:
            return values
        sizes = np.bincount(groups.reshape(-1), minlength=count)
        flat = groups.reshape(-1)
        total = np.stack([np.bincount(flat, one.reshape(-1), count) for one in values])
        factor = (1.0 / sizes) if self.weight is None else np.where(sizes > 1, self.weight, 1.0)
        return np.asarray((total * factor)[:, flat].reshape(values.shape))

    def push(self, inner: Tangents, count: int) -> Array:
        t = sole(inner)
        order, groups = self._places()
        along = np.take_along_axis(t.reshape(count, *self.codes.shape), order[None], 1)
        found = self._shared(along, groups)[:, list(self.ranks)]
        return np.asarray(found.reshape(count, len(self.ranks), *self.shape[1:]))

    def push_both(self, inner: Tangents, count: int) -> tuple[Array, Array]:
        t = sole(inner)
        return self.push(inner, count), (t[:, 1:] + self.other * t[:, :1]).reshape(count, -1)

    def pull(self, w: Array | None, seeds: Array | None, weigh: bool) -> tuple[list[Term], Array | None]:
        terms, weights = list[Term](), None
        if w is not None:
            order, groups = self._places()
            given = np.zeros((len(w), *self.codes.shape), w.dtype)
            given[:, list(self.ranks)] = w.reshape(len(w), len(self.ranks), -1)
            back = np.empty_like(given)
            np.put_along_axis(back, np.broadcast_to(order, given.shape), self._shared(given, groups), 1)
            terms.append((0, Scale(1.0, self.shape, self.shape), back.reshape(len(w), *self.shape)))
            if weigh:
                size = np.abs(given).sum(axis=1, keepdims=True)
                weights = np.repeat(size, len(self.codes) - 1, axis=1).reshape(len(w), -1)
        if seeds is not None:
            each = seeds.reshape(len(seeds), len(self.codes) - 1, -1)
            pulled = np.concatenate([self.other * each.sum(axis=1, keepdims=True), each], axis=1)
            terms.append((0, Scale(1.0, self.shape, self.shape), pulled.reshape(len(seeds), *self.shape)))
        return terms, weights

    def entrywise(self, change: Change, bound: float | None) -> OrderDerivative:
        # |p| is p for these coefficients; a pattern, or any order, has 1 wherever there is a coefficient.
        any_order = np.isnan(self.codes).any()
        patterned = float(change(np.asarray(0.5))) == 1.0
        return OrderDerivative(self.codes, self.ranks, self.shape, 1.0 if any_order or patterned else None, 1.0)


@dataclass(slots=True, eq=False)
class OrderIntervals(IntervalSlopes):
    """Columns with the code NaN come in any order."""

    own: OrderDerivative

    def _loose(self) -> Array:
        return np.asarray(np.isnan(self.own.codes[-1]))

    def pull(self, position: int, low: Array, high: Array, size: Array) -> tuple[Array, Array, Array]:
        # An entry gets the adjoint of one of the ranks, or none where not all ranks are kept, or a mean of them.
        own, loose = self.own, self._loose()
        held = OrderDerivative(np.where(loose, 0.0, own.codes), own.ranks, own.shape)
        kept = len(own.ranks) < len(own.codes)

        def bounded(values: Array, extreme: Callable[..., Array]) -> Array:
            columns = values.reshape(len(own.ranks), -1)
            ends = extreme(columns, axis=0)
            ends = extreme(np.stack([ends, np.zeros_like(ends)]), axis=0) if kept else ends
            fixed = held.pull(values[None], None, False)[0][0][2][0].reshape(own.codes.shape)
            return np.where(loose, ends, fixed).reshape(own.shape)

        return bounded(low, np.min), bounded(high, np.max), bounded(size, partial(np.sum))

    def push(self, middle: Tangents, radius: Tangents, size: Tangents) -> tuple[Array, Array, Array]:
        mid, wide, reach = map(sole, (middle, radius, size))
        own, loose = self.own, self._loose()
        held = OrderDerivative(np.where(loose, 0.0, own.codes), own.ranks, own.shape)
        out = (len(own.ranks), *own.shape[1:])

        def bounded(values: Array, extreme: Callable[..., Array]) -> Array:
            ends = extreme(values.reshape(own.codes.shape), axis=0)
            fixed = held.push([values[None]], 1)[0].reshape(len(own.ranks), -1)
            return np.where(loose, ends, fixed).reshape(out)

        return bounded(mid - wide, np.min), bounded(mid + wide, np.max), bounded(reach, np.max)
