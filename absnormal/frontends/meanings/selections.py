"""A selection whose two sides meet where its condition is tied: where(u > v, a, b).

Entry by entry, a and b are functions of u, v and other variables.  With d = u - v, r = max(d, 0) and m = d - r,

    where(u > v, a, b) = a(v + r) + b(v + m) - a(v),    if a(u := v) = b(u := v) identically

so the selection is one kink r, if every entry depends on u only in the entry that decides it (`sides`).  Smooth sides
may be anything, as in elu(x) = where(x > 0, x, exp(x) - 1).  For u = |x| a side may also be written with x squared, as
Huber's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.meanings import combinations
from absnormal.frontends.meanings.by_signs import Part, by_signs
from absnormal.frontends.meanings.sameness import same
from absnormal.frontends.meanings.sides import Side
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import TABLE
from absnormal.program.builder import Builder
from absnormal.program.moves import MOVES, numbered, origin
from absnormal.program.signs import never_negative

#: The comparisons that are written the other way round.
_FLIPPED = {"<": ">", "<=": ">="}
#: The side that a tie takes, where what is compared is interchanged.
_OPPOSITE = {"where>": "where>=", "where>=": "where>"}


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
        if relation in ("==", "!="):
            return None
        u, v, first, second, tie = _upward(left, relation, right, first, second)
        part = None if open_.all() else selected(write, u, v, first, second, tie, open_)
        if part is None:
            meeting = partial(_of_sign, write, first, second, tie)
            part = by_signs(write, u, v, np.asarray(tied), shape, meeting)
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
    write: Writer, left: int, right: int, first: int, second: int, tie: str, open_: Array | None = None, kept: int = 0
) -> TracedArray | None:
    """where(left > right, first, second), tied at the point, as one kink; None where it is not seen to be one.

    The arguments are nodes; ``tie`` says which side the comparison takes.  Where a - b = k (u - v) identically it is
    (a + b + k |u - v|) / 2.  Only the entries ``open_`` of the result count, where u keeps the sign ``kept``.
    """
    builder = write.builder
    shape = np.broadcast_shapes(*(builder.nodes[node].shape for node in (left, right, first, second)))
    a, b, u, v = (TracedArray(builder, node) for node in (first, second, left, right))
    if not builder.affine.difference(left, right):  # the two sides are the same everywhere
        return broadcast_to(a if tie == "where>=" else b, shape)
    k: Any = builder.affine.multiple(first, second, left, right)
    if k is None:
        made = by_sides(write, left, right, first, second, tie, open_, kept=kept)
        k = combinations.multiple(builder, first, second, left, right) if made is None else None
        if k is None:
            return made
    if k == 0:
        return broadcast_to(a, shape)
    u = broadcast_to(write.op("sub", u, v), shape)
    return write.op("select", u, a, b, tie=tie, k=float(k) if float(k) == k else k)


def agreeing(
    write: Writer, left: int, right: int, first: int, second: int, third: int, tie: str, open_: Array | None,
    single: Array | None = None, kept: int = 0,
) -> TracedArray | None:
    """``first`` where left > right, ``second`` where left < right, ``third`` between, as one kink; None where they are
    not seen to agree."""
    builder = write.builder
    pairs = (first, second), (third, first)
    k: Any
    own: Any
    k, own = (builder.affine.multiple(*pair, left, right) for pair in pairs)
    if k == 0 and (own == 0 or (own is not None and single is None)):
        return TracedArray(builder, first)
    if k is None or own is None or single is not None:
        made = by_sides(write, left, right, first, second, tie, open_, third, single, kept)
        one = (left, right) if single is None else _entry(write, left, right, single)
        k, own = (combinations.multiple(builder, *pair, *one) if made is None else None for pair in pairs)
        if made is None and (k is None or own is None) and not kept:
            made = _agreeing_by_signs(write, left, right, (first, second, third), tie, open_, single)
        if k is None or own is None or made is not None:
            return made
        left, right = one
    a, b, u, v = (TracedArray(builder, node) for node in (first, second, left, right))
    if k == 0:
        return a
    u = broadcast_to(write.op("sub", u, v), np.broadcast_shapes(a.shape, b.shape, u.shape, v.shape))
    return write.op("select", u, a, b, tie=tie, k=float(k) if float(k) == k else k)


def _entry(write: Writer, left: int, right: int, single: Array) -> tuple[int, int]:
    """The one entry of what is compared that is tied."""
    key = tuple(map(int, np.unravel_index(single.argmax(), single.shape)))
    left, right = (
        write.index(broadcast_to(TracedArray(write.builder, node), single.shape), key).index for node in (left, right))
    return left, right


def _agreeing_by_signs(
    write: Writer, left: int, right: int, sides: tuple[int, int, int], tie: str, open_: Array | None,
    single: Array | None,
) -> TracedArray | None:
    """The same where left or right is |x|, in the entries that are tied."""
    shapes = [write.builder.nodes[node].shape for node in (left, right, *sides)]
    shape = np.broadcast_shapes(*(shapes if single is None else shapes[2:]))
    tied = single if single is not None else np.ones(np.broadcast_shapes(*shapes[:2]), bool) if open_ is None else open_

    def meeting(part: Part, entries: Array) -> TracedArray | None:
        above, below, own = (sides[1], sides[0], sides[2]) if part.turned else sides
        opposite = _OPPOSITE.get(tie, tie) if part.turned else tie
        counts, one = (None if open_ is None else entries, None) if single is None else (None, part.entries)
        return agreeing(write, part.x, part.end, above, below, own, opposite, counts, one, part.kept)

    return by_signs(write, left, right, tied, shape if single is None else single.shape, meeting)


def _of_sign(write: Writer, first: int, second: int, tie: str, part: Part, open_: Array) -> TracedArray | None:
    """A selection by |x| > v in some entries, in which x has one sign, as a selection by x."""
    sides = (second, first, _OPPOSITE.get(tie, tie)) if part.turned else (first, second, tie)
    return selected(write, part.x, part.end, *sides, open_, part.kept)


def by_sides(
    write: Writer, left: int, right: int, first: int, second: int, tie: str, open_: Array | None = None,
    third: int | None = None, single: Array | None = None, kept: int = 0,
) -> TracedArray | None:
    """where(left > right, first, second) as one kink, or None where the sides are not seen to meet.

    The arguments are nodes; ``tie`` says which side the comparison takes; only the entries ``open_`` count.  ``third``
    is what is taken where left = right, if it is neither side.  ``single`` marks the one entry that is compared at all.
    ``kept`` is the sign of left that guards keep, if any do.
    """
    builder = write.builder
    if not (builder.nodes[left].varied or builder.nodes[right].varied):
        return None
    if not builder.nodes[left].varied:
        # v > u, with v constant: the other way round.
        return by_sides(write, right, left, second, first, _OPPOSITE.get(tie, tie), open_, third, single)
    choices = (first, second) if third is None else (first, second, third)
    # What one entry decides has a shape of its own.
    shaped = choices if single is not None else (left, right, *choices)
    shape = np.broadcast_shapes(*(builder.nodes[node].shape for node in shaped))
    for start, against, places, part in _compared(builder, left, right, single):
        v = TracedArray(builder, against)
        d: Any = _difference(write, start, against)
        sides = [Side(write, start, d, sign, part, open_=open_, kept=kept) for sign in (1, -1)]
        decided = numbered(d.shape) if places is None else places
        if sides[0].alone or sides[0].entry_by_entry(choices, np.broadcast_to(decided, shape), open_):
            made = _meeting(write, sides, (start, v, d), choices, tie, open_, part)
            if made is not None:
                return made if single is not None else broadcast_to(made, shape)
    return None


def _meeting(
    write: Writer, sides: list[Side], compared: tuple[int, TracedArray, Any], choices: tuple[int, ...], tie: str,
    open_: Array | None, part: Array | None,
) -> TracedArray | None:
    """Two sides of u = v, on each of which every entry depends on the entries that decide it, if they meet there."""
    builder, (left, v, d), (first, second) = write.builder, compared, choices[:2]
    third = choices[2] if choices[2:] else None

    def moved(end: Any) -> Any:
        """u with what takes its place."""
        return end if part is None else write.op("where", end, TracedArray(builder, left), mask=part)

    try:
        if never_below(builder, left, v.index):
            on_tie = third if third is not None else first if tie == "where>=" else second
            met = [sides[0].replayed(node, broadcast_to(moved(v), d.shape)) for node in (first, on_tie)]
            if any(one is None for one in met) or not same(met[0], met[1], open_):
                return None
            if on_tie != first:
                builder.taken_flat.setdefault(f"{write.operation} at {write.source}", None)
            return TracedArray(builder, first)
        met = [side.replayed(node, moved(v)) for side, node in zip(sides, (first, second), strict=True)]
        met += [] if third is None else [sides[0].replayed(third, moved(v))]
        if any(one is None for one in met):
            return None
        if len({one.shape for one in met if one.size > 1}) > 1:
            met = [broadcast_to(one, np.broadcast_shapes(*(other.shape for other in met))) for one in met]
        if not all(same(met[0], one, open_) for one in met[1:]):
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


def _compared(
    builder: Builder, left: int, right: int, single: Array | None
) -> Iterator[tuple[int, int, Array | None, Array | None]]:
    """What is compared, where its entries stand in the comparison, and which of them are compared at all (None: all):
    as it is, and before its entries were moved.

    Of a mask that is broadcast along other axes, (x > 0)[:, None], the choices depend on x, not on its copies.
    """
    yield left, right, None, single
    if single is not None:
        return
    number = builder.values[left].size == 1
    base, places = origin(builder.nodes, left) if number else _moved_from(builder, left)
    value = builder.values[base]
    if base == left or (number and value.size == 1):
        return
    if builder.nodes[right].varied:
        other, there = _moved_from(builder, right)
        if not number and (builder.values[other].size == 1 or (
            builder.nodes[other].shape == builder.nodes[base].shape and np.array_equal(places, there)
        )):
            yield base, other, places, None
        return
    values = np.broadcast_to(builder.values[right], np.broadcast_shapes(places.shape, builder.nodes[right].shape))
    if values.shape == places.shape:
        # An entry that is not compared is kept off its knot.
        before = (value - 1).reshape(-1)
        before[places] = values
        if np.array_equal(before[places], values):
            part = np.isin(numbered(value.shape), places)
            against = before if (values != values.flat[0]).any() else values.flat[0]
            yield base, builder.constant(np.reshape(against, value.shape if np.ndim(against) else ())), places, (
                None if part.all() else part)
        elif np.array_equal(places, np.broadcast_to(numbered(value.shape), places.shape)):
            yield base, right, None, None


def _moved_from(builder: Builder, index: int) -> tuple[int, Array]:
    """The node whose entries a node holds in another order, some or several times, and their numbers there.

    One number of an array, x[0], is a variable of its own.
    """
    places = numbered(builder.nodes[index].shape)
    while (node := builder.nodes[index]).op in MOVES:
        own = np.asarray(TABLE[node.op].value(node.params, numbered(builder.nodes[node.args[0]].shape)))
        if own.size == 1 and builder.values[node.args[0]].size > 1:
            break
        index, places = node.args[0], own.reshape(-1)[places]
    return index, places


def never_below(builder: Builder, left: int, right: int) -> bool:
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
