"""A selection whose two sides meet where its condition is tied: where(u > v, a, b).

Entry by entry, a and b are functions of u, v and other variables.  With d = u - v, r = max(d, 0) and m = d - r,

    where(u > v, a, b) = a(v + r) + b(v + m) - a(v),    if a(u := v) = b(u := v) identically

so the selection is one kink r.  Smooth sides may be anything, as in elu(x) = where(x > 0, x, exp(x) - 1).  For u = |x|
a side may also be written with x squared, as Huber's.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.meanings.sameness import same
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.builder import Builder
from absnormal.program.signs import never_negative

_PASSED = frozenset({"reshape", "broadcast"})


#: The comparisons that are written the other way round.
_FLIPPED = {"<": ">", "<=": ">="}


def chosen(write: Writer, left: int, relation: str, right: int, first: int, second: int) -> TracedArray | None:
    """where(left relation right, first, second), which is tied at the point; None where the sides are not seen to meet.

    The arguments are nodes.  Where the sides meet in all entries it is one kink, which holds at other points too.
    Otherwise only the entries count in which the outcome may change near the point: the others are kept as they are.
    """
    given = left, relation, right
    whole = _whole(write, *given, first, second)
    if whole is not None:
        return whole
    inner = looked_through(write.builder, *given)
    whole = _whole(write, *inner, first, second) if inner != given else None
    return _by_entries(write, *inner, first, second) if whole is None else whole


def _whole(write: Writer, left: int, relation: str, right: int, first: int, second: int) -> TracedArray | None:
    """A selection as one kink in all entries."""
    return None if relation in ("==", "!=") else selected(write, *_upward(left, relation, right, first, second))


def _upward(left: int, relation: str, right: int, first: int, second: int) -> tuple[int, int, int, int, str]:
    """What is compared, the larger side first, the two choices, and the side that a tie takes."""
    u, v = (right, left) if relation in _FLIPPED else (left, right)
    return u, v, first, second, f"where{_FLIPPED.get(relation, relation)}"


def _by_entries(write: Writer, left: int, relation: str, right: int, first: int, second: int) -> TracedArray | None:
    """A selection as a kink in the entries in which its outcome may change near the point."""
    builder = write.builder
    tied = builder.tied(left, right, relation)
    shape = np.broadcast_shapes(*(builder.nodes[node].shape for node in (left, right, first, second)))
    open_, part = np.broadcast_to(tied, shape), None
    if open_.any():
        ordered = relation not in ("==", "!=") and not open_.all()
        part = selected(write, *_upward(left, relation, right, first, second), open_) if ordered else None
        if part is None:
            return None
    outcome = np.broadcast_to(TracedMask(builder, left, relation, right, write.source).outside(tied), shape)
    rest = write.op("where", TracedArray(builder, first), TracedArray(builder, second), mask=outcome)
    return rest if part is None else write.op("where", part, rest, mask=open_)


def looked_through(builder: Builder, left: int, relation: str, right: int) -> tuple[int, str, int]:
    """The comparison of a maximum (a minimum) with one of its arguments as one of the other: relu(u) > 0 is u > 0."""
    node, zero = builder.nodes[left], not builder.nodes[right].varied and not np.any(builder.values[right])
    if node.op == "kink" and zero and node.params["a"] == node.params["b"] > 0:
        other, sign = node.args[0], 1
    elif node.op == "max" and right in node.args and builder.nodes[node.args[0]].shape == node.shape:
        other, sign = node.args[1 - node.args.index(right)], node.params["sign"]
    else:
        return left, relation, right
    beyond = (">", "<=") if sign > 0 else ("<", ">=")
    found = {beyond[0]: beyond[0], "!=": beyond[0], "==": beyond[1], beyond[1]: beyond[1]}.get(relation)
    return (left, relation, right) if found is None else (other, found, right)


def selected(
    write: Writer, left: int, right: int, first: int, second: int, tie: str, open_: Array | None = None
) -> TracedArray | None:
    """where(left > right, first, second), tied at the point, as one kink; None where it is not seen to be one.

    The arguments are nodes; ``tie`` says which side the comparison takes.  Where a - b = k (u - v) identically it is
    (a + b + k |u - v|) / 2.  Only the entries ``open_`` of the result count.
    """
    builder = write.builder
    shape = np.broadcast_shapes(*(builder.nodes[node].shape for node in (left, right, first, second)))
    a, b, u, v = (TracedArray(builder, node) for node in (first, second, left, right))
    if not builder.affine.difference(left, right):  # the two sides are the same everywhere
        return broadcast_to(a if tie == "where>=" else b, shape)
    k = builder.affine.multiple(first, second, left, right)
    if k is None:
        return by_sides(write, left, right, first, second, tie, open_)
    if k == 0:
        return broadcast_to(a, shape)
    u = broadcast_to(write.op("sub", u, v), shape)
    return write.op("select", u, a, b, tie=tie, k=float(k) if float(k) == k else k)


def agreeing(
    write: Writer, left: int, right: int, first: int, second: int, third: int, tie: str, open_: Array | None,
    single: Array | None = None,
) -> TracedArray | None:
    """``first`` where left > right, ``second`` where left < right, ``third`` between, as one kink; None where they are
    not seen to agree."""
    builder = write.builder
    k, own = (builder.affine.multiple(*pair, left, right) for pair in ((first, second), (third, first)))
    if k is None or own is None or single is not None:
        return by_sides(write, left, right, first, second, tie, open_, third, single)
    a, b, u, v = (TracedArray(builder, node) for node in (first, second, left, right))
    if k == 0:
        return a
    u = broadcast_to(write.op("sub", u, v), np.broadcast_shapes(a.shape, b.shape, u.shape, v.shape))
    return write.op("select", u, a, b, tie=tie, k=float(k) if float(k) == k else k)


def by_sides(
    write: Writer, left: int, right: int, first: int, second: int, tie: str, open_: Array | None = None,
    third: int | None = None, single: Array | None = None,
) -> TracedArray | None:
    """where(left > right, first, second) as one kink, or None where the sides are not seen to meet.

    The arguments are nodes; ``tie`` says which side the comparison takes; only the entries ``open_`` count.  ``third``
    is what is taken where left = right, if it is neither side.  ``single`` marks the one entry that is compared at all.
    """
    builder = write.builder
    if not (builder.nodes[left].varied or builder.nodes[right].varied):
        return None
    if not builder.nodes[left].varied:
        # v > u, with v constant: the other way round.
        opposite = {"where>": "where>=", "where>=": "where>"}.get(tie, tie)
        return by_sides(write, right, left, second, first, opposite, open_, third, single)
    v = TracedArray(builder, right)
    d: Any = _difference(write, left, right)
    alone = single is not None or builder.values[left].size == 1
    sides = [_Side(write, left, d.index, sign, alone) for sign in (1, -1)]

    def moved(end: Any) -> Any:
        """u with what takes its place."""
        return end if single is None else write.op("where", end, TracedArray(builder, left), mask=single)

    try:
        if _never_below(builder, left, right):
            on_tie = third if third is not None else first if tie == "where>=" else second
            met = [sides[0].replayed(node, broadcast_to(moved(v), d.shape)) for node in (first, on_tie)]
            if any(one is None for one in met) or not same(met[0], met[1], open_):
                return None
            if on_tie != first:
                builder.taken_flat.setdefault(f"{write.operation} at {write.source}", None)
            return TracedArray(builder, first)
        met = [side.replayed(node, moved(v)) for side, node in zip(sides, (first, second), strict=True)]
        met += [] if third is None else [sides[0].replayed(third, moved(v))]
        if any(one is None for one in met) or not all(same(met[0], one, open_) for one in met[1:]):
            return None
        r = write.op("kink", d, tie=tie, a=0.5, b=0.5)
        ends = [moved(_moved(v, r)), moved(_moved(v, d - r))]
        a, b = (side.replayed(node, end) for side, node, end in zip(sides, (first, second), ends, strict=True))
    except (DomainError, TraceError):
        return None
    if a is None or b is None:
        return None
    result: TracedArray = a + b - met[0]
    return result


def _never_below(builder: Builder, left: int, right: int) -> bool:
    """Whether left >= right at all points, as a sum of squares is not less than 0.

    What is taken where left > right is then f itself, if it agrees on the tie with what is taken there.
    """
    zero = not builder.nodes[right].varied and not np.any(builder.values[right])
    return zero and never_negative(builder.nodes, builder.values, left)


def _difference(write: Writer, left: int, right: int) -> TracedArray:
    builder = write.builder
    u = TracedArray(builder, left)
    if builder.nodes[right].varied or np.any(builder.values[right]):
        return write.op("sub", u, TracedArray(builder, right))
    return u


def _moved(v: TracedArray, step: Any) -> Any:
    return v + step if v.builder.nodes[v.index].varied or np.any(v.value) else step


def _of_one_modulus(write: Writer, start: int) -> tuple[frozenset[int], dict[int, float]]:
    """u itself; where it is |x|, all nodes that are this |x|, and multiples of the square of x, which is that of u."""
    builder = write.builder
    node = builder.nodes[start]
    x = node.args[0] if node.args else start
    if node.op != "kink" or node.params["a"] != 0 or abs(node.params["b"]) != 1:
        return frozenset({start}), {}
    twins, squares = {start}, {}
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


def _multiple(builder: Builder, index: int, x: int) -> Fraction | None:
    """The k for which a node is k times another one identically."""
    if index == x:
        return Fraction(1)
    if builder.nodes[index].shape != builder.nodes[x].shape:
        return None
    found, own = builder.affine(index), builder.affine(x)
    if not own or found.keys() != own.keys():
        return None
    key = next(iter(own))
    k = found[key] / own[key]
    return k if all(found[other] == k * value for other, value in own.items()) else None


class _Side:
    """One side: what is computed from u is computed again from something else."""

    def __init__(self, write: Writer, start: int, difference: int, sign: int, alone: bool) -> None:
        self.write, self.start, self.difference, self.sign, self.alone = write, start, difference, sign, alone
        self.size = write.builder.values[start].size
        self.twins, self.squares = _of_one_modulus(write, start)
        self.roots = self.twins | self.squares.keys()
        self.first = min(self.roots)

    def replayed(self, node: int, end: Any) -> Any:
        """The node with ``end`` in the place of u; None where entries mix on the way."""
        found: dict[int, Any] = dict.fromkeys(self.twins, end)
        if self.squares:
            square = self.write.op("square", end)
            found |= {index: self._times(k, square) for index, k in self.squares.items()}
        return self._at(node, found)

    def _at(self, index: int, found: dict[int, Any]) -> Any:
        if index in found:
            return found[index]
        builder = self.write.builder
        if index < self.first or not self._depends(index):
            return TracedArray(builder, index)
        node = builder.nodes[index]
        # Of one number all that is computed is a function.
        entrywise = node.op in ENTRYWISE | _PASSED or index in builder.roots
        if not self.alone and (not entrywise or builder.values[index].size != self.size):
            return None
        result: Any
        kink = TABLE[node.op].kink
        own = isinstance(kink, Entrywise) and len(kink.rates) == 1 and node.args[0] == self.difference
        if own and (self.size == 1 or not self.alone):
            assert isinstance(kink, Entrywise)
            result = self._decided(kink, node, found)
        else:
            args = [self._at(arg, found) for arg in self._args(index)]
            result = None if any(arg is None for arg in args) else self._written(index, args)
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
        if node.op == "mul":
            for constant, _ in (values, values[::-1]):
                # What is multiplied by zero is gone, also when it varies.
                if not self.write.builder.nodes[constant.index].varied and not np.any(constant.value):
                    return self.write.array(np.zeros(node.shape))
        written = self.write.op(node.op, *values, tie=node.tie, **node.params)
        self.write.builder.copies[written.index] = self.write.builder.copies.get(index, index)
        return written

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
