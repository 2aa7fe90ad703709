"""Indices of sorted entries that are tied at the point: what they look up, where that does not jump.

Where entries of u are tied their order jumps, and with it argsort(u) and argmax(u).  But if v = phi(u, s) entry by
entry, with one s for all entries of a line, then

    v[argsort(u)] = phi(sort(u), s)

identically, whichever of the tied entries comes first.  So what is looked up in u itself, or in what is computed from
it like that (softmax(u) at the largest u, the smallest losses of a batch), is an order statistic of u; what is looked
up elsewhere jumps.  An index that no tie moves is a constant, kept by a guard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.meanings.jumps import Either, lifted
from absnormal.frontends.meanings.lookups import looked_up
from absnormal.frontends.meanings.one_of_two import one_of_two
from absnormal.frontends.meanings.order import in_order, keep_order
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import TABLE
from absnormal.program.moves import MOVES, numbered
from absnormal.program.signs import never_negative

JUMPS = "jumps at this point"
#: Increasing functions of one argument, of which a strict order is that of the argument.
_INCREASING = frozenset({
    "arcsinh", "arctan", "cbrt", "erf", "exp", "exp2", "expit", "expm1", "log", "log10", "log1p", "log2", "log_expit",
    "logit", "ndtr", "sinh", "sqrt", "tanh",
})  # fmt: skip
#: Operations that take two terms apart, with the sign that an argument has in them.
_SUMS = {"add": (1, 1), "sub": (1, -1)}


@dataclass(eq=False)
class Ordering:
    """The order of the entries of a node along lines, as a tool found it at the point.

    ``members`` (lines, n) are the numbers of the entries, ``order`` (lines, n) their places from the first rank to the
    last one; ``positions`` (lines, n) are the indices that a tool has for the members, where these are not all.
    """

    write: Writer
    base: int
    members: Array
    order: Array
    descending: bool
    fix: str
    positions: Array | None = None
    _looked_up: bool = False
    _sorted: TracedArray | None = None

    def refuse(self) -> NoReturn:
        raise TraceError(self.write.operation, JUMPS, self.fix, self.write.source)

    @property
    def values(self) -> Array:
        """The entries at the point, rank by rank."""
        entries = np.asarray(self.write.builder.values[self.base]).reshape(-1)[self.members]
        return np.take_along_axis(entries, self.order, 1)

    def entries(self, ranks: Array) -> TracedArray:
        """The sorted entries with these numbers, counted line by line.

        The first time these alone are sorted; what is asked for again is taken from all of them.
        """
        length = self.members.shape[1]
        if self._sorted is None and self._looked_up:
            self._sorted = self._in_order(np.arange(len(self.members)), np.arange(length))
        if self._sorted is not None:
            return self.gathered(self._sorted, ranks)
        self._looked_up = True
        lines, wanted = np.unique(ranks // length), np.unique(ranks % length)
        where = np.searchsorted(lines, ranks // length) * len(wanted) + np.searchsorted(wanted, ranks % length)
        return self.gathered(self._in_order(lines, wanted), where)

    def _in_order(self, lines: Array, wanted: Array) -> TracedArray:
        base = TracedArray(self.write.builder, self.base)
        found: TracedArray = in_order(
            self.write, self.gathered(base, self.members[lines]), self.order[lines], 1, self.descending,
            wanted.tolist(), implied=True)
        return found

    def gathered(self, u: TracedArray, places: Array) -> TracedArray:
        """Entries by their numbers."""
        found: TracedArray = self.write.gather(self.write.reshape(u, (u.size,)), places)
        return found

    def among(self, ranks: Array) -> tuple[Ordering, Array] | None:
        """The order of the ranks that are asked for, and of those that tie with them, and which ranks these are; None
        where that is all of them, or there are none.  A guard keeps the others apart."""
        length, values = self.members.shape[1], self.values
        runs = np.cumsum(np.concatenate([np.zeros((len(values), 1), bool), values[:, 1:] != values[:, :-1]], 1), 1)
        kept: Any = np.isin(np.arange(length), ranks % length)
        while (grown := np.array([np.isin(run, run[kept]) for run in runs]).any(axis=0)).sum() > kept.sum():
            kept = grown
        if self.positions is not None or kept.all() or not kept.any():
            return None
        rows, wanted = np.take_along_axis(self.members, self.order, 1), np.flatnonzero(kept)
        base = TracedArray(self.write.builder, self.base)
        keep_order(self.write, base, rows, values[:, 1:] == values[:, :-1], wanted, self.descending)
        order = np.broadcast_to(np.arange(len(wanted)), (len(rows), len(wanted)))
        found = Ordering(
            self.write, self.base, rows[:, wanted], order, self.descending, self.fix, self.order[:, wanted])
        return _followed(found), wanted

    def stands(self, ranks: Array) -> bool:
        """Whether no tie moves these ranks; then a guard keeps them."""
        length, values = self.members.shape[1], self.values
        lines, wanted = np.unique(ranks // length), np.unique(ranks % length)
        tied = values[:, 1:] == values[:, :-1]
        edges = np.zeros((len(values), length + 1), bool)
        edges[:, 1:-1] = tied
        if (edges[:, :-1] | edges[:, 1:])[lines[:, None], wanted].any():
            return False
        base = TracedArray(self.write.builder, self.base)
        rows = np.take_along_axis(self.members, self.order, 1)[lines]
        keep_order(self.write, base, rows, tied[lines], wanted, self.descending)
        return True


def ordering(write: Writer, key: TracedArray, order: Array, descending: bool, fix: str) -> Ordering:
    """The order of ``key`` along its last axis, as that of what it is an increasing function of."""
    lines, length = key.size // max(1, key.shape[-1]), key.shape[-1]
    found = Ordering(
        write, key.index, numbered(key.shape).reshape(lines, length), np.asarray(order).reshape(lines, length),
        descending, fix)
    return _followed(found)


def _followed(found: Ordering) -> Ordering:
    """The same order, of what the entries are computed from."""
    while (inner := _stripped(found)) is not None:
        found = inner
    return found


def along_last(write: Writer, key: TracedArray, relation: str, outcome: Array) -> Places:
    """np.argmax, np.argmin or np.argsort along the last axis, which is tied at the point."""
    falling = relation == "argmax"
    order = outcome
    if relation != "argsort":
        order = np.argsort(-key.value if falling else key.value, axis=-1, kind="stable")
    found = ordering(write, key, order, falling, "use np.max, np.min or np.sort")
    ranks = numbered(key.shape)
    return Places(found, outcome, ranks if relation == "argsort" else ranks[..., 0])


def sorted_places(write: Writer, key: TracedArray, order: Array, axis: int, descending: bool, fix: str) -> Places:
    """The indices that sort an array along an axis, all of them, which are tied."""
    last: Any = np.moveaxis(key, axis, -1)  # type: ignore[type-var]
    found = ordering(write, last, np.moveaxis(order, axis, -1), descending, fix)
    return Places(found, order, np.moveaxis(numbered(last.shape), -1, axis))


def _stripped(found: Ordering) -> Ordering | None:
    """The same order of what the entries are computed from; None where it is not seen to be the same."""
    builder = found.write.builder
    node = builder.nodes[found.base]
    place, sign, members = 0, 1, found.members
    if not node.varied or found.base in builder.roots:
        return None
    if node.op in MOVES:
        inside = np.asarray(TABLE[node.op].value(node.params, numbered(builder.nodes[node.args[0]].shape)))
        members = inside.reshape(-1)[members]
    elif node.op == "where":
        sides = np.unique(np.broadcast_to(node.params["mask"], node.shape).reshape(-1)[members])
        if len(sides) > 1:
            return None
        place = 0 if sides.all() else 1
        members = np.broadcast_to(numbered(builder.nodes[node.args[place]].shape), node.shape).reshape(-1)[members]
    elif node.op == "neg":
        sign = -1
    elif node.op in _SUMS or node.op in ("mul", "div"):
        shapes = [builder.nodes[arg].shape for arg in node.args]
        terms = [np.broadcast_to(numbered(shape), node.shape).reshape(-1)[members] for shape in shapes]
        alike = [bool(np.all(term == term[:, :1])) or _uniform(builder, arg, term)
                 for arg, term in zip(node.args, terms, strict=True)]
        varied = [builder.nodes[arg].varied for arg in node.args]
        place = 1 if alike[0] and node.op != "div" else 0
        if not alike[1 - place] or not varied[place]:
            return None
        members = terms[place]
        if node.op in _SUMS:
            sign = _SUMS[node.op][place]
        else:
            factor, other = np.asarray(builder.values[node.args[1 - place]]), node.args[1 - place]
            if not (factor > 0).all() and not (factor < 0).all():
                return None
            if varied[1 - place] and not never_negative(builder.nodes, builder.values, other):
                return None
            sign = 1 if (factor > 0).all() else -1
    elif node.op not in _INCREASING:
        return None
    descending = found.descending == (sign > 0)
    inner = Ordering(found.write, node.args[place], members, found.order, descending, found.fix, found.positions)
    steps = np.sign(np.diff(inner.values, axis=1)) * (-1 if descending else 1)
    # Entries may be equal to rounding though what they are computed from is not.
    return inner if np.array_equal(steps, (np.diff(found.values, axis=1) != 0).astype(float)) else None


def _uniform(builder: Any, index: int, places: Array) -> bool:
    """Whether a constant is the same along each line."""
    if builder.nodes[index].varied:
        return False
    values = np.asarray(builder.values[index]).reshape(-1)[places]
    return bool(np.all(values == values[:, :1]))


def alike(table: Any) -> bool:
    """Whether all entries of a constant array are equal, so that what is looked up in it is the same by any index."""
    return bool(np.size(table)) and bool(np.all(table == np.ravel(table)[0]))


class Places(NDArrayOperatorsMixin):
    """Indices along an axis: ``own`` as they are at the point, and the number of the rank that each of them is.

    Numbers among them that are constants have the rank -1.
    """

    __array_priority__ = 1003

    def __init__(self, ordering: Ordering, own: Array, ranks: Array) -> None:
        self.ordering, self.own, self.ranks = ordering, np.asarray(own), np.asarray(ranks)
        self._between: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.own.shape

    @property
    def ndim(self) -> int:
        return self.own.ndim

    @property
    def size(self) -> int:
        return self.own.size

    @property
    def dtype(self) -> Any:
        return self.own.dtype

    def moved(self, move: Callable[[Array], Any]) -> Places:
        """The same indices, moved."""
        return Places(self.ordering, move(self.own), move(self.ranks))

    def among(self) -> Places | None:
        """The same indices, of an order of as few entries as may be."""
        found = self.ordering.among(self.ranks[self.ranks >= 0])
        if found is None:
            return None
        length, kept = self.ordering.members.shape[1], found[1]
        ranks = self.ranks // length * len(kept) + np.searchsorted(kept, self.ranks % length)
        return Places(found[0], self.own, np.where(self.ranks >= 0, ranks, -1))

    def constant(self) -> Any:
        """The indices, if no tie moves them; one of two that change places at a tie, as what jumps there."""
        if self.size == 1 or self.ordering.stands(self.ranks[self.ranks >= 0]):
            return self.outcome()
        return self.ordering.refuse()

    def outcome(self) -> Any:
        """The same of any number of indices, two of which change places at a tie."""
        if self._between is None:
            stands = self.ordering.stands(self.ranks[self.ranks >= 0])
            self._between = self.own if stands else one_of_two(self.ordering, self.own, self.ranks)
        return self.ordering.refuse() if self._between is None else self._between

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, key: Any) -> Places:
        return self.moved(lambda u: u[key])

    @property
    def T(self) -> Places:
        return self.moved(np.transpose)

    def __getattr__(self, name: str) -> Any:
        if name not in _MOVING:
            raise AttributeError(name)
        return lambda *args, **kwargs: self.moved(lambda u: getattr(u, name)(*args, **kwargs))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        whole = np.issubdtype(dtype, np.integer)
        return Places(self.ordering, self.own.astype(dtype), self.ranks) if whole else self.constant().astype(dtype)

    def tolist(self) -> Any:
        return self.constant().tolist()

    def item(self) -> Any:
        return self.constant().item()

    def __index__(self) -> int:
        return int(self.constant())

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.constant())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.asarray(self.outcome(), dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(plain(item) for item in inputs), **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in _MOVED and args and args[0] is self:
            return self.moved(lambda u: func(u, *args[1:], **kwargs))
        if func in _TAKING and len(args) > 1 and args[1] is self and alike(args[0]):
            return func(args[0], self.own, *args[2:], **kwargs)
        return func(*(plain(item) for item in args), **{key: plain(item) for key, item in kwargs.items()})

    def look_up(self, u: TracedArray, axis: int, apply: Callable[[Array, Any], Any]) -> Any:
        """What ``apply(u, self)`` takes from an array along an axis; refused where that jumps."""
        found = looked_up(self, u, axis, apply)
        if found is not None:
            return found

        def gathered(own: Any) -> TracedArray:
            return self.ordering.write.op("gather", u, index=np.asarray(apply(numbered(u.shape), own)))

        return lifted(gathered, [index]) if isinstance(index := self.outcome(), Either) else gathered(index)


#: Methods and functions that keep the entries and move them.
_MOVING = frozenset({"reshape", "ravel", "flatten", "squeeze", "copy", "transpose", "swapaxes", "repeat"})
_MOVED = frozenset({
    np.reshape, np.ravel, np.squeeze, np.expand_dims, np.copy, np.transpose, np.swapaxes, np.moveaxis, np.flip,
    np.flipud, np.fliplr, np.broadcast_to, np.repeat, np.tile, np.roll, np.atleast_1d, np.atleast_2d, np.rollaxis,
})  # fmt: skip
_TAKING = frozenset({np.take_along_axis})


def plain(value: Any) -> Any:
    """Such indices as what they are in computations, in nested lists and tuples, too."""
    if isinstance(value, (list, tuple)):
        return type(value)([plain(item) for item in value])
    return value.constant() if isinstance(value, Places) else value
