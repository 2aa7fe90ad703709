"""Entry by entry: what is constant near the point, and for which reasons.

An entry of a node is *locally constant* where all that it depends on near the point is: it is a constant, it lies on a
side of a kink, beyond rounding, on which the kink follows a constant, or it is multiplied by what is locally 0.  A
comparison of two such entries has one outcome near the point, also where they are equal (THEORY 9).
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import ALONG, ENTRYWISE, TABLE, maps_of
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.ops.linear import applied
from absnormal.ops.linear_maps import LinearMap
from absnormal.program.moves import numbered
from absnormal.program.nodes import Node
from absnormal.program.postorder import unknown_behind

#: A kink counts as inactive where its switching variable is larger than this many roundings of what it was summed from.
_ROUNDINGS = 8.0
#: Families of operations that are linear in each argument.
LINEAR = frozenset({"movement", "linear", "bilinear"})
#: Other operations that have finite values and derivatives at all numbers that are not very large.
_FINITE = frozenset({
    "input", "constant", "square", "sin", "cos", "sinc", "tanh", "arctan", "expit", "log_expit", "erf", "erfc", "ndtr",
})  # fmt: skip


#: Some entries of a node, by their numbers; None stands for zeros.
Entries = tuple[int | None, Array]


@dataclass(frozen=True, slots=True)
class Reason:
    """Strict inequalities between entries, one by one, that keep others constant."""

    larger: Entries
    smaller: Entries


class Nearby:
    """What is known near the point of the nodes of a list; each node is looked at once."""

    def __init__(self, nodes: Sequence[Node], values: Sequence[Array], units: Sequence[float]) -> None:
        self._nodes, self._values, self._units = nodes, values, units
        self._known: dict[int, Array] = {}
        self._fixed: dict[int, Array] = {}
        self._felt: dict[int, bool] = {}
        self._may_be_felt: dict[int, bool] = {}

    def constant(self, index: int) -> Array:
        """Which entries of a node are constant near the point."""
        for at in unknown_behind(index, self._known, self._needed):
            node = self._nodes[at]
            self._known[at] = np.broadcast_to(self._found(node), node.shape)
        return self._known[index]

    def fixed(self, index: int) -> Array:
        """Which entries of a node are constant everywhere, not just near the point."""
        found = self._fixed.get(index)
        if found is None:
            constant = self.constant(index)
            anywhere = not constant.any() or next(self.reasons(index, constant), None) is None
            found = self._fixed[index] = constant if anywhere else np.zeros(constant.shape, bool)
        return found

    def is_felt(self, index: int, faults: Container[int]) -> bool:
        """Whether a node that is not used makes NaN of a tool's gradient all the same: it is computed from one of the
        faults, or from a block that is 0, which have no derivative."""
        for at in unknown_behind(index, self._felt, lambda at: self._nodes[at].args):
            node = self._nodes[at]
            own = at in faults or (is_block(node) and not self._values[at].all())
            self._felt[at] = own or any(self._felt[arg] for arg in node.args)
        return self._felt[index]

    def may_be_felt(self, index: int) -> bool:
        """Whether that may be so at another point: it is computed by an operation that has no finite derivative, or no
        finite value, everywhere."""
        for at in unknown_behind(index, self._may_be_felt, lambda at: self._nodes[at].args):
            node = self._nodes[at]
            own = node.varied and not self._is_finite(node)
            self._may_be_felt[at] = own or any(self._may_be_felt[arg] for arg in node.args)
        return self._may_be_felt[index]

    def _is_finite(self, node: Node) -> bool:
        """Whether an operation has finite values and derivatives, whatever numbers of an ordinary size it is given."""
        row = TABLE[node.op]
        if row.kink is not None:
            return not is_block(node)
        if node.op in ("div", "power") and not self._nodes[node.args[1]].varied:
            by = self._values[node.args[1]]
            return bool(np.all(by != 0 if node.op == "div" else by >= 1))
        return row.family in LINEAR or node.op in _FINITE

    def _needed(self, index: int) -> tuple[int, ...]:
        node = self._nodes[index]
        return node.args if node.varied else ()

    def reasons(self, index: int, entries: Array) -> Iterator[Reason]:
        """The inequalities by which some locally constant entries of a node are constant."""
        needed = {index: entries & self.constant(index)}
        for at in range(index, -1, -1):
            node, wanted = self._nodes[at], needed.pop(at, None)
            if wanted is None or not node.varied or not wanted.any():
                continue
            parts, own = self._behind(node, wanted)
            yield from own
            for arg, part in zip(node.args, parts, strict=True):
                part = part & self.constant(arg)
                needed[arg] = needed[arg] | part if arg in needed else part

    # -- forwards ----------------------------------------------------------------------------------------------

    def _found(self, node: Node) -> Any:
        if not node.varied:
            return True
        if not node.args:
            return False
        row, flags = TABLE[node.op], [self._known[arg] for arg in node.args]
        if is_shown_by_maps(node):
            return self._linear(node, flags)
        if row.kink is not None:
            return self._kinked(node, flags)
        if node.op in ENTRYWISE:
            return np.logical_and.reduce(np.broadcast_arrays(*flags))
        return all(flag.all() for flag in flags)

    def _linear(self, node: Node, flags: list[Array]) -> Any:
        """Sums of terms: none of a term's factors may move, where the others are not the constant 0."""
        if all(flag.all() for flag in flags):
            return True
        if not any(flag.any() for flag in flags):
            return False
        pairs = zip(node.args, flags, strict=True)
        zero = [flag & (self._values[arg] == 0) if flag.any() else flag for arg, flag in pairs]
        moving = [(~flag).astype(float)[None] for flag in flags]
        return applied(sizes_of_maps(node, [1.0 - z for z in zero]), moving, 1, node.shape)[0] == 0

    def _kinked(self, node: Node, flags: list[Array]) -> Any:
        every = np.logical_and.reduce(np.broadcast_arrays(*flags)) if node.op in ENTRYWISE else None
        if sign_of(node):
            return np.all(flags[0] | self.left_behind(node), axis=0)
        if every is None:
            return flags[0].all(axis=0) if is_block(node) else all(flag.all() for flag in flags)
        if not rates_of(node):
            return every
        above, below = self.sides(node)
        return every | (above & self._side(node, flags, 0)) | (below & self._side(node, flags, 1))

    def _side(self, node: Node, flags: list[Array], number: int) -> Any:
        """Whether what a kink follows on one side is constant."""
        own = [flag for flag, slope in zip(flags, slopes_of(node)[number], strict=True) if slope]
        return np.logical_and.reduce(np.broadcast_arrays(*own)) if own else np.True_

    def sides(self, node: Node) -> tuple[Any, Any]:
        """Where the switching variable of a kink is positive, and negative, beyond rounding."""
        kink = TABLE[node.op].kink
        assert isinstance(kink, Entrywise)
        args = [self._values[arg] for arg in node.args]
        compared = node.args[: len(kink.rates)]
        shape = np.broadcast_shapes(*(arg.shape for arg in args[: len(compared)]))
        z = np.broadcast_to(kink.switching(node.params, args).reshape(shape), node.shape)
        room: Any = sum(self._room(arg) for arg in compared)
        if len(compared) > 1:
            room = room + _ROUNDINGS * self._unit(compared) * sum(_size(self._values[arg]) for arg in compared)
        return z > room, -z > room

    def left_behind(self, node: Node) -> Array:
        """Which entries along the first axis lie behind the largest one, or the smallest one, beyond rounding."""
        (arg,) = node.args
        u, sign = self._values[arg], sign_of(node)
        best = u.max(axis=0) if sign > 0 else u.min(axis=0)
        with np.errstate(invalid="ignore"):
            gap = sign * (best - u)
        room = self._room(arg) + _ROUNDINGS * self._unit([arg]) * _size(u)
        return np.asarray(gap > room)

    def _unit(self, args: Iterable[int]) -> float:
        if any(self._values[arg].dtype == object for arg in args):
            return 0.0
        return max([float(np.finfo(float).eps), *(self._units[arg] for arg in args)])

    def _room(self, index: int) -> Any:
        """How far rounding may have moved a value that was summed up."""
        node, unit = self._nodes[index], self._unit([index])
        if not unit or node.op not in ("add", "sub", "sum", "matmul", "einsum"):
            return 0.0
        sizes = [np.abs(self._values[arg]) for arg in node.args]
        if node.op in ("add", "sub"):
            total = sizes[0] + sizes[1]
        else:
            total = TABLE[node.op].value(node.params, *sizes)
        return _ROUNDINGS * unit * np.where(np.isfinite(total), total, 0.0)

    # -- backwards ---------------------------------------------------------------------------------------------

    def _behind(self, node: Node, wanted: Array) -> tuple[list[Array], list[Reason]]:
        """The entries of the arguments by which some entries are constant, and inequalities for that."""
        flags = [self.constant(arg) for arg in node.args]
        if node.op == "mul":
            first, second = self._zeros(node, flags)
            return _factors(first, second, wanted, flags), []
        if is_shown_by_maps(node):
            maps = sizes_of_maps(node, [np.ones(flag.shape) for flag in flags])
            return [linear.pull(wanted.astype(float)[None])[0] > 0 for linear in maps], []
        if sign_of(node):
            return self._behind_extremum(node, wanted, flags[0])
        if rates_of(node):
            return self._behind_kink(node, wanted, flags)
        if is_block(node):
            return [np.broadcast_to(wanted[None], flags[0].shape)], []
        if node.op in ENTRYWISE:
            return [unbroadcast(wanted, flag.shape) for flag in flags], []
        return [np.ones(flag.shape, bool) for flag in flags], []

    def _zeros(self, node: Node, flags: list[Array]) -> list[Array]:
        return [np.broadcast_to(flag & (self._values[arg] == 0), node.shape)
                for arg, flag in zip(node.args, flags, strict=True)]

    def _behind_kink(self, node: Node, wanted: Array, flags: list[Array]) -> tuple[list[Array], list[Reason]]:
        above, below = self.sides(node)
        every = np.logical_and.reduce(np.broadcast_arrays(*flags))
        parts = [unbroadcast(wanted & every, flag.shape) for flag in flags]
        own: list[Reason] = []
        for number, side in enumerate((above, below)):
            open_ = np.asarray(wanted & ~every & side)
            if not open_.any():
                continue
            for place, slope in enumerate(slopes_of(node)[number]):
                if slope:
                    parts[place] = parts[place] | unbroadcast(open_, flags[place].shape)
            own.append(_side_of(self._nodes, node, open_, number))
        return parts, own

    def _behind_extremum(self, node: Node, wanted: Array, flag: Array) -> tuple[list[Array], list[Reason]]:
        (arg,) = node.args
        u, sign = self._values[arg], sign_of(node)
        moving = ~flag & wanted[None]
        part = flag & wanted[None]
        if not moving.any():
            return [part], []
        places = numbered(u.shape)
        best = np.take_along_axis(places, (u.argmax(axis=0) if sign > 0 else u.argmin(axis=0))[None], 0)
        ahead, behind = np.broadcast_to(best, u.shape)[moving], places[moving]
        pair: tuple[Entries, Entries] = ((arg, ahead), (arg, behind))
        return [part], [Reason(*pair) if sign > 0 else Reason(*pair[::-1])]


def is_shown_by_maps(node: Node) -> bool:
    """Whether the linear maps of an operation, at any arguments, show what its entries are made of."""
    return TABLE[node.op].family in LINEAR or node.op in ALONG


def sizes_of_maps(node: Node, args: list[Array]) -> list[LinearMap]:
    """The linear maps of an operation in absolute values, at arguments that are 0, or 1 where they may be anything."""
    return [linear.absolute() for linear in maps_of(node.op)(node.params, args, np.zeros(node.shape), node.shape)]


def is_block(node: Node) -> bool:
    """Whether an entry is made of all entries along the first axis, as a norm is."""
    kink = TABLE[node.op].kink
    return kink is not None and kink.blocks


def sign_of(node: Node) -> int:
    """1 for the largest entry along the first axis, -1 for the smallest one, 0 for all other operations."""
    kink = TABLE[node.op].kink
    return 0 if kink is None else kink.extremum(node.params)


def rates_of(node: Node) -> tuple[int, ...]:
    """The rates of a kink that compares one argument with 0, or two with each other; empty for all other operations."""
    kink = TABLE[node.op].kink
    return kink.rates if isinstance(kink, Entrywise) and kink.rates in ((1,), (1, -1)) else ()


def slopes_of(node: Node) -> tuple[Any, Any]:
    """The coefficients of the arguments on the two sides of a kink."""
    kink = TABLE[node.op].kink
    assert isinstance(kink, Entrywise)
    first, second = kink.sides(node.params, float)
    return (*first, *[0] * (len(node.args) - len(first))), (*second, *[0] * (len(node.args) - len(second)))


def _side_of(nodes: Sequence[Node], node: Node, entries: Array, number: int) -> Reason:
    """z > 0 (number 0), or z < 0, in some entries of a kink."""
    compared, flat = node.args[: len(rates_of(node))], np.flatnonzero(entries)
    sides: list[Entries] = [(None, flat), (None, flat)]
    for position, arg in enumerate(compared):
        shape = nodes[arg].shape
        numbers = np.broadcast_to(numbered(shape), node.shape)
        sides[position] = arg, numbers.reshape(-1)[flat]
    return Reason(*(sides if number == 0 else sides[::-1]))


def _factors(first: Array, second: Array, wanted: Array, flags: list[Array]) -> list[Array]:
    """Of a product that is constant: a factor that is 0 is enough."""
    return [unbroadcast(wanted & (first | ~second), flags[0].shape), unbroadcast(wanted & ~first, flags[1].shape)]


def unbroadcast(entries: Array, shape: tuple[int, ...]) -> Array:
    """Which entries of an array of a shape are among some of its broadcast."""
    if entries.shape == shape:
        return entries
    lead = entries.ndim - len(shape)
    reduced = entries.any(axis=tuple(range(lead)))
    axes: Any = tuple(axis for axis, size in enumerate(shape) if size == 1 and reduced.shape[axis] != 1)
    return np.asarray(reduced.any(axis=axes, keepdims=True)) if axes else np.asarray(reduced)


def folded(entries: Array, shape: tuple[int, ...]) -> Array:
    """The entries of an array of a shape that some of its broadcast come from."""
    places = np.broadcast_to(numbered(shape), entries.shape)
    found = np.zeros(math.prod(shape), bool)
    found[places[entries]] = True
    return found.reshape(shape)


def _size(u: Array) -> Array:
    """|u|, and 0 where u is infinite, which is not rounded."""
    return np.abs(u) if u.dtype == object else np.where(np.isinf(u), 0, np.abs(u))
