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
from absnormal.frontends.meanings.one_of_two import one_of_two
from absnormal.frontends.meanings.order import in_order, keep_order
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import ENTRYWISE, TABLE
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
#: Up to so many entries are looked up for every outcome; above, only what reshape moves.
_MANY = 4_000_000


@dataclass(eq=False)
class Ordering:
    """The order of the entries of a node along lines, as a tool found it at the point.

    ``members`` (lines, n) are the numbers of the entries, ``order`` (lines, n) their places from the first rank to the
    last one.
    """

    write: Writer
    base: int
    members: Array
    order: Array
    descending: bool
    fix: str
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
    inner = Ordering(found.write, node.args[place], members, found.order, descending, found.fix)
    steps = np.sign(np.diff(inner.values, axis=1)) * (-1 if descending else 1)
    # Entries may be equal to rounding though what they are computed from is not.
    return inner if np.array_equal(steps, (np.diff(found.values, axis=1) != 0).astype(float)) else None


def _uniform(builder: Any, index: int, places: Array) -> bool:
    """Whether a constant is the same along each line."""
    if builder.nodes[index].varied:
        return False
    values = np.asarray(builder.values[index]).reshape(-1)[places]
    return bool(np.all(values == values[:, :1]))


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


def plain(value: Any) -> Any:
    """Such indices as what they are in computations, in nested lists and tuples, too."""
    if isinstance(value, (list, tuple)):
        return type(value)([plain(item) for item in value])
    return value.constant() if isinstance(value, Places) else value


def looked_up(places: Places, u: TracedArray, axis: int, apply: Callable[[Array, Any], Any]) -> TracedArray | None:
    """The entries of an array that ``apply(array, indices)`` takes along an axis, as order statistics.

    None where they are not seen to be any.  Every entry depends on one of the indices only.
    """
    found, builder = places.ordering, places.ordering.write.builder
    length = found.members.shape[1]
    if u.ndim == 0 or u.shape[axis] < length:
        return None
    own, at = places.own, np.flatnonzero(places.ranks.reshape(-1) >= 0)

    def given(numbers: Any) -> Array:
        array = own.copy()
        array.reshape(-1)[at] = numbers
        return array

    # Which of the indices an entry is looked up by: in an array that holds the number of its place along the axis.
    counted = [at.size if other == axis % u.ndim else size for other, size in enumerate(u.shape)]
    line = np.arange(at.size).reshape([-1 if other == axis % u.ndim else 1 for other in range(u.ndim)])
    which = np.asarray(apply(np.broadcast_to(line, counted), given(np.arange(at.size))))
    shape, which = which.shape, at[which.reshape(-1)]
    ranks = places.ranks.reshape(-1)[which]
    complete = length * which.size <= _MANY
    if not complete and np.any(np.diff(found.members, 2, axis=1)):
        return None
    # Where entries stand at equal distances two outcomes tell of all.
    outcomes = [given(k) for k in range(length)] if complete else [own, given((own.reshape(-1)[at] + 1) % length)]
    entries = numbered(u.shape)
    taken = np.stack([np.asarray(apply(entries, outcome)).reshape(-1) for outcome in outcomes])
    chosen = np.stack([outcome.reshape(-1)[which] for outcome in outcomes])
    wanted = found.members[ranks // length, chosen]
    looked = _LookedUp(places, ranks, wanted, complete)
    result = looked.at(u.index, taken)
    return None if result is None else found.write.reshape(TracedArray(builder, result), shape)


class _LookedUp:
    """What is looked up by every outcome of an order, followed back to the entries that are ordered.

    ``wanted`` (outcomes, entries) are the numbers of the entries of the ordered node that an outcome means.
    """

    def __init__(self, places: Places, ranks: Array, wanted: Array, complete: bool) -> None:
        self.found, self.write = places.ordering, places.ordering.write
        self.ranks, self.wanted, self.complete = ranks, wanted, complete
        self._sorted: int | None = None

    def at(self, index: int, taken: Array) -> int | None:
        """A node's entries ``taken`` (outcomes, entries), which are the same ones, or stand for an order statistic."""
        builder = self.write.builder
        node = builder.nodes[index]
        if index == self.found.base and np.array_equal(taken, self.wanted):
            if self._sorted is None:
                self._sorted = self.found.entries(self.ranks).index
            return self._sorted
        if np.all(taken == taken[:1]) or (not node.varied and self._equal(builder.values[index], taken)):
            return self.found.gathered(TracedArray(builder, index), taken[0]).index
        if not node.varied or index <= self.found.base or index in builder.roots:
            return None
        if node.op in MOVES and (self.complete or node.op == "reshape"):
            inside = np.asarray(TABLE[node.op].value(node.params, numbered(builder.nodes[node.args[0]].shape)))
            return self.at(node.args[0], inside.reshape(-1)[taken])
        return self._entrywise(index, taken) if node.op in ENTRYWISE else None

    def _entrywise(self, index: int, taken: Array) -> int | None:
        builder = self.write.builder
        node, args = builder.nodes[index], []
        for arg in node.args:
            shape = builder.nodes[arg].shape
            if not self.complete and shape != node.shape and any(side != 1 for side in shape):
                return None
            places = np.broadcast_to(numbered(shape), node.shape).reshape(-1)[taken]
            made = self.at(arg, places)
            if made is None:
                return None
            args.append(TracedArray(builder, made))
        params = {}
        for name, value in node.params.items():
            if isinstance(value, np.ndarray) and value.ndim:
                whole = np.broadcast_to(value, node.shape)
                if not self._equal(whole, taken):
                    return None
                value = whole.reshape(-1)[taken[0]]
            params[name] = value
        made = self.write.op(node.op, *args, tie=node.tie, **params).index
        builder.copies[made] = builder.copies.get(index, index)
        return made

    def _equal(self, values: Any, taken: Array) -> bool:
        """Whether an array has the same entry by every outcome."""
        entries = np.asarray(values).reshape(-1)[taken]
        return self.complete and bool(np.all(entries == entries[:1]))
