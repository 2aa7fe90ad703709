"""One side of a selection by u > v: what is computed from u, entry by entry, computed again from something else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.affine import ratio
from absnormal.program.builder import Builder
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import Node
from absnormal.program.signs import never_negative, never_positive

#: An entry that depends on no entry of u, and one that depends on several.
_NONE, _SEVERAL = -1, -2
#: What reduces entries over axes, a norm over the first one.
_REDUCING = frozenset({"sum", "norm"})


class Side:
    """One side: what is computed from u is computed again from something else."""

    def __init__(
        self, write: Writer, start: int, difference: TracedArray, sign: int, part: Array | None = None,
        numbers: Array | None = None, open_: Array | None = None, kept: int = 0, alone: bool = False,
    ) -> None:
        #: The entries of results that count, None where all do; whether those of what is replayed stand where they do.
        self.open, self.in_place = open_, False
        # Of u only the entries ``part`` are compared, the others are variables as all else.
        self.numbers = numbered(difference.shape) if numbers is None else numbers
        self.numbers = self.numbers if part is None else np.where(part, self.numbers, _NONE)
        self.write, self.start, self.difference, self.sign = write, start, difference.index, sign
        self.shape, self.moves = difference.shape, difference.shape == write.builder.nodes[start].shape
        # Of one number all that is computed is a function.
        self.size, self.whole = difference.size, part is None and not alone
        self.alone = alone or difference.size == 1 or (part is not None and part.sum() == 1)
        self.twins, self.squares = _of_one_modulus(write, start)
        #: Kinks of u, which are multiples of it where it keeps its sign.
        self.bent = _of_one_sign(write.builder, self.twins, kept) if kept else {}
        self.roots = self.twins | self.squares.keys() | self.bent.keys()
        self.first = min(self.roots)

    def entry_by_entry(self, nodes: tuple[int, ...], places: Array, open_: Array | None) -> bool:
        """Whether every entry that counts depends on no entry of u but that at its place."""
        known: dict[int, Array] = {}
        counts = True if open_ is None else open_
        owners = (self._owner(node, known) for node in nodes)
        return self.alone or not any(np.any((owner != _NONE) & (owner != places) & counts) for owner in owners)

    def _owner(self, index: int, known: dict[int, Array]) -> Array:
        """The number of the entry of u on which each entry of a node depends; `_NONE`, or `_SEVERAL`."""
        if index in known:
            return known[index]
        builder, node = self.write.builder, self.write.builder.nodes[index]
        found: Array
        if index in self.roots:
            found = self.numbers
        elif index < self.first or not self._depends(index):
            found = np.full(node.shape, _NONE)
        elif node.op in ENTRYWISE or index in builder.roots:
            owners = np.broadcast_arrays(*(self._owner(arg, known) for arg in self._args(index)))
            found = _common(np.stack(owners), 0)
        elif node.op in _REDUCING:
            axes = node.params["axes"] if node.op == "sum" else 0
            found = _common(self._owner(node.args[0], known), axes).reshape(node.shape)
        elif node.op == "standardized":
            axes = node.params["axes"]
            found = np.broadcast_to(np.expand_dims(_common(self._owner(node.args[0], known), axes), axes), node.shape)
        elif self._led(node):
            found = self._owner(node.args[0], known)
        elif node.op in MOVES and (self.moves or node.op == "broadcast"):
            found = np.asarray(TABLE[node.op].value(node.params, self._owner(node.args[0], known)))
        else:
            found = np.full(node.shape, _SEVERAL)
        known[index] = found
        return found

    def _led(self, node: Node) -> bool:
        """Whether axes of length 1 come or go, of a number that is compared with several, or in front."""
        if self.moves or node.op != "reshape":
            return False
        inner = self.write.builder.nodes[node.args[0]].shape
        return node.shape == (1,) * (len(node.shape) - len(inner)) + inner or not set(inner) - {1}

    def replayed(self, node: int, end: Any) -> Any:
        """The node with ``end`` in the place of u; None where entries mix on the way."""
        found: dict[int, Any] = dict.fromkeys(self.twins, end)
        if self.squares:
            square = self.write.op("square", end)
            found |= {index: self._times(k, square) for index, k in self.squares.items()}
        found |= {index: self._times(slope, end) for index, slope in self.bent.items()}
        self.in_place = self.open is not None and not self._moved_behind(node)
        result = self._at(node, found)
        # A kink whose slope on this side is 0 is a number there.
        return result if result is None or isinstance(result, TracedArray) else self.write.array(result)

    def _at(self, index: int, found: dict[int, Any]) -> Any:
        if index in found:
            return found[index]
        builder = self.write.builder
        if index < self.first or not self._depends(index):
            return TracedArray(builder, index)
        node = builder.nodes[index]
        kept = node.op in ENTRYWISE or index in builder.roots or (node.op in MOVES and self.moves)
        if not (self.alone or kept or node.op == "broadcast" or self._led(node)):
            return None
        result: Any
        kink = TABLE[node.op].kink
        own = isinstance(kink, Entrywise) and len(kink.rates) == 1 and node.args[0] == self.difference
        if own and (self.size == 1 or self.whole):
            assert isinstance(kink, Entrywise)
            result = self._decided(kink, node, found)
        elif self._led(node):
            result = self._at(node.args[0], found)
        else:
            args = [self._at(arg, found) for arg in self._args(index)]
            if any(arg is None for arg in args):
                result = None
            else:
                if self.moves and node.op not in ENTRYWISE:
                    # What takes the place of u may be one number.
                    shapes = (builder.nodes[arg].shape for arg in self._args(index))
                    args = [broadcast_to(arg, shape) for arg, shape in zip(args, shapes, strict=True)]
                result = self._written(index, args)
        found[index] = result
        return result

    def _decided(self, kink: Entrywise, node: Any, found: dict[int, Any]) -> Any:
        """A kink on the same condition, on this side of it: a multiple of one argument."""
        side = kink.sides(node.params, float)[0 if self.sign > 0 else 1]
        places = [place for place, slope in enumerate(side) if slope] or [0]
        inner = self._at(node.args[places[0]], found) if len(places) == 1 else None
        return None if inner is None else self._times(side[places[0]], inner)

    def _times(self, slope: float, u: Any) -> Any:
        return u if slope == 1 else u * slope if slope else np.zeros(u.shape) + 0 * u.value

    def _written(self, index: int, args: list[Any]) -> Any:
        node = self.write.builder.nodes[index]
        values = [arg if isinstance(arg, TracedArray) else self.write.array(arg) for arg in args]
        if index in self.write.builder.roots:
            return self.write.op("sqrt", *values, tie=node.tie)
        zero = [self._is_zero(value) for value in values]
        # What is multiplied by zero is gone, also when it varies, if it is finite.
        if node.op == "mul" and any(
            gone and np.isfinite(other.value.astype(float)).all()
            for gone, other in zip(zero, values[::-1], strict=True)
        ):
            return self.write.array(np.zeros(node.shape))
        if node.op in ("add", "sub") and any(zero):
            kept = values[0] if zero[1] else values[1]
            if kept.shape == node.shape and (zero[1] or node.op == "add"):
                return kept
        if node.op == "sub" and not self.write.builder.affine.difference(values[0].index, values[1].index):
            return self.write.array(np.zeros(node.shape))
        if (decided := self._of_known_sign(node, values, zero)) is not None:
            return decided
        written = self._settled(self.write.op(node.op, *values, tie=node.tie, **node.params))
        self.write.builder.copies[written.index] = self.write.builder.copies.get(index, index)
        return written

    def _of_known_sign(self, node: Node, values: list[TracedArray], zero: list[bool]) -> TracedArray | None:
        """A kink of what has one sign at all points, as the multiple that it is: min(|u|, 0) is 0, and relu(-|u|) too.

        None where no sign is known.
        """
        kink = TABLE[node.op].kink
        if not isinstance(kink, Entrywise) or not (kink.rates == (1,) or (kink.selects and any(zero))):
            return None
        # Of two arguments, one of which is 0, the other one is what is compared.
        place = zero.index(True) ^ 1 if len(values) == 2 else 0
        u, nodes, known = values[place], self.write.builder.nodes, self.write.builder.values
        if len(values) != len(kink.rates) or u.shape != node.shape or not np.isfinite(u.value.astype(float)).all():
            return None
        turned = place == 1
        if never_negative(nodes, known, u.index):
            side = 1 if turned else 0
        elif never_positive(nodes, known, u.index):
            side = 0 if turned else 1
        else:
            return None
        slope = float(kink.sides(node.params, float)[side][place])
        return u if slope == 1 else self.write.array(np.zeros(node.shape)) if slope == 0 else None

    def _settled(self, written: TracedArray) -> TracedArray:
        """What moves entries, as the number that it is where these are constant."""
        builder, index = self.write.builder, written.index
        moves = builder.nodes[index].op in MOVES and builder.nearby.fixed(index).all()
        return self.write.array(written.value) if moves else written

    def _is_zero(self, value: TracedArray) -> bool:
        """Whether a value is the constant 0 in all entries that count."""
        if self.write.builder.nodes[value.index].varied:
            return False
        numbers = value.value
        if self.in_place and self.open is not None and self.open.size == value.size:
            numbers = numbers.reshape(-1)[self.open.reshape(-1)]
        return not np.any(numbers)

    def _moved_behind(self, node: int) -> bool:
        """Whether entries of what depends on u come into another order on the way to a node."""
        seen, stack = set(self.roots), [node]
        while stack:
            index = stack.pop()
            if index in seen or index < self.first:
                continue
            seen.add(index)
            if self.write.builder.nodes[index].op in MOVES - {"reshape"} and self._depends(index):
                return True
            stack += self._args(index)
        return False

    def _depends(self, index: int) -> bool:
        seen, stack = set(), [index]
        while stack:
            current = stack.pop()
            if current in self.roots:
                return True
            if current > self.first and current not in seen:
                seen.add(current)
                stack.extend(self._args(current))
        return False

    def _args(self, index: int) -> tuple[int, ...]:
        """What a node is computed from; of a norm that was written as a root, what is under it."""
        builder = self.write.builder
        return (builder.roots[index],) if index in builder.roots else builder.nodes[index].args


def _common(owners: Array, axes: Any) -> Array:
    """The entry of u on which what is computed from several entries depends."""
    highest = owners.max(axis=axes, keepdims=True, initial=_NONE)
    alike = ((owners == _NONE) | (owners == highest)).all(axis=axes, keepdims=True)
    return np.asarray(np.where(alike, highest, _SEVERAL).squeeze(axes))


def _of_one_modulus(write: Writer, start: int) -> tuple[frozenset[int], dict[int, float]]:
    """All nodes that are u; where it is |x|, multiples of the square of x too, which is that of u."""
    builder = write.builder
    node = builder.nodes[start]
    x = node.args[0] if node.args else start
    twins, squares = {*builder.numbering.alike(start)}, {}
    if node.op != "kink" or node.params["a"] != 0 or abs(node.params["b"]) != 1:
        return frozenset(twins), {}
    for index, other in enumerate(builder.nodes):
        if other.shape != node.shape:
            continue
        if other.op == "kink" and other.params == node.params and _multiple(builder, other.args[0], x) in (1, -1):
            twins.add(index)
        elif other.op in ("square", "mul"):
            factors = [_multiple(builder, arg, x) for arg in (*other.args, *other.args)[:2]]
            if None not in factors and factors[0] * factors[1]:  # type: ignore[operator]
                squares[index] = factors[0] * factors[1]  # type: ignore[operator]
    return frozenset(twins), {index: float(k) for index, k in squares.items() if float(k) == k}


def _of_one_sign(builder: Builder, twins: frozenset[int], sign: int) -> dict[int, float]:
    """The kinks of u at 0, with their slopes where u has this sign."""
    found = {}
    for index, node in enumerate(builder.nodes):
        kink = TABLE[node.op].kink
        if node.args and node.args[0] in twins and isinstance(kink, Entrywise) and kink.rates == (1,):
            side = kink.sides(node.params, float)[0 if sign > 0 else 1]
            if len(node.args) == 1 and node.shape == builder.nodes[node.args[0]].shape:
                found[index] = float(side[0])
    return found


def _multiple(builder: Builder, index: int, x: int) -> Fraction | None:
    """The k for which a node is k times another one identically."""
    if index == x:
        return Fraction(1)
    if builder.nodes[index].shape != builder.nodes[x].shape:
        return None
    return ratio(builder.affine(index), builder.affine(x)) or None
