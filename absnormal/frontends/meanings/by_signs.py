"""A comparison of |x| or of x^2, where x is not 0, as one of x: |x| > c is x > c where x > 0, and x < -c where x < 0.

So the two choices of where(|x| > c, x - c sign(x), 0), which depend on x, are held against each other where x = c and
where x = -c.  A comparison of x y with 0, where y is not 0, is one of x in the same way: x > 0 where y > 0, and x < 0
where y < 0.  That x, or y, keeps its signs is kept as a guard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.shapes import broadcast_to
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.ops import TABLE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.builder import Builder
from absnormal.program.moves import MOVES
from absnormal.program.nodes import Node


@dataclass(frozen=True)
class Part:
    """Some entries of left > right, in which that is x > end, or x < end where ``turned``, and x has a sign, or another
    node that x is multiplied by."""

    entries: Array
    x: int
    end: int
    turned: bool
    sign: int
    factor: int | None = None

    @property
    def kept(self) -> int:
        """The sign of x."""
        return 0 if self.factor is not None else self.sign


def by_signs(
    write: Writer, left: int, right: int, tied: Array, shape: tuple[int, ...],
    meeting: Callable[[Part, Array], TracedArray | None],
) -> TracedArray | None:
    """A selection by left > right in the entries that are tied, from what it is where x > 0 and where x < 0.

    ``meeting`` gives it in some entries of the result, or None where it is not seen to be a kink.
    """
    parts = taken_apart(write, left, right, tied)
    made: TracedArray | None = None
    for part in parts:
        open_ = np.broadcast_to(part.entries, shape)
        found = meeting(part, open_)
        if found is None:
            return None
        made = found if made is None else write.op("where", found, made, mask=open_)
    for part in parts if made is not None else ():
        _keep_sign(write, part)
    return made


def taken_apart(write: Writer, left: int, right: int, tied: Array) -> list[Part]:
    """Comparisons of x for all entries of left > right that are tied; none where |x| is not what is compared."""
    for inner, other, turned in _compared(write.builder, left, right, tied):
        parts = _of_sides(write, inner, other, turned, tied) or _of_factors(write, inner, other, turned, tied)
        if parts:
            return parts
    return []


def _compared(builder: Builder, left: int, right: int, tied: Array) -> Iterator[tuple[int, int, bool]]:
    """Nodes u and v with left > right where u > v, or where u < v if ``turned``, which are equal on the ties."""
    yield left, right, False
    yield right, left, True
    scaled = builder.affine.difference(left, right)
    bases = {key: c for key, c in scaled.items() if isinstance(key, int)}
    for base, c in bases.items():
        value = np.broadcast_to(builder.values[base], tied.shape)
        if len(bases) == 1:
            yield base, builder.constant(np.where(tied, value, value - 1)), c < 0
            continue
        (other,) = bases.keys() - {base} if len(bases) == 2 else (base,)
        if bases[other] == -c and np.array_equal(value[tied], np.broadcast_to(builder.values[other], tied.shape)[tied]):
            yield base, other, c < 0


def _of_sides(write: Writer, inner: int, other: int, turned: bool, tied: Array) -> list[Part]:
    """u > v in the entries that are tied, as comparisons of the x of which u is |x| or x^2."""
    builder = write.builder
    node, fixed, moves = builder.nodes[inner], not builder.nodes[other].varied, list[Node]()
    while node.op in MOVES:
        moves.append(node)
        inner = node.args[0]
        node = builder.nodes[inner]
    kink = TABLE[node.op].kink
    if isinstance(kink, Entrywise) and kink.rates == (1,) and len(node.args) == 1:
        slopes = [float(side[0]) for side in kink.sides(node.params, float)]
        signs = [*builder.nearby.sides(node)]
    elif (node.op == "square" or (node.op == "mul" and node.args[0] == node.args[1])) and node.varied and fixed:
        slopes, value = [1.0, -1.0], builder.values[node.args[0]]
        signs = [value > 0, value < 0]
    else:
        return []
    x, parts = node.args[0], list[Part]()
    for move in reversed(moves):
        x = write.op(move.op, TracedArray(builder, x), **move.params).index
        signs = [np.asarray(TABLE[move.op].value(move.params, side)) for side in signs]
    value = np.broadcast_to(builder.values[x], tied.shape)
    for slope, side, sign in zip(slopes, signs, (1, -1), strict=True):
        entries = tied & np.broadcast_to(side, tied.shape)
        if not entries.any():
            continue
        if not slope:
            return []
        end = builder.constant(np.where(entries, value, value - 1)) if fixed else _scaled(write, other, 1 / slope)
        if not np.array_equal(value[entries], np.broadcast_to(builder.values[end], tied.shape)[entries]):
            return []
        parts.append(Part(entries, x, end, turned != (slope < 0), sign))
    covered = sum((part.entries for part in parts), np.zeros(tied.shape, bool))
    return parts if np.array_equal(covered, tied) else []


def _of_factors(write: Writer, inner: int, other: int, turned: bool, tied: Array) -> list[Part]:
    """u > 0 in the entries that are tied, where u is a product or a quotient, as comparisons of what is 0 there."""
    builder = write.builder
    node = builder.nodes[inner]
    if node.op not in ("mul", "div") or node.shape != tied.shape or builder.nodes[other].varied:
        return []
    parts = list[Part]()
    for x, y in (node.args, node.args[::-1])[: 2 if node.op == "mul" else 1]:
        value = np.broadcast_to(builder.values[x], tied.shape)
        end = builder.constant(np.where(tied & (value == 0), 0.0, value - 1))
        for sign in (1, -1):
            entries = tied & (value == 0) & (sign * np.broadcast_to(builder.values[y], tied.shape) > 0)
            if entries.any():
                parts.append(Part(entries, x, end, turned != (sign < 0), sign, y))
    covered = sum((part.entries.astype(int) for part in parts), np.zeros(tied.shape, int))
    return parts if np.all(covered == tied) else []


def _scaled(write: Writer, node: int, factor: float) -> int:
    u: Any = TracedArray(write.builder, node)
    return node if factor == 1 else int((-u if factor == -1 else u * factor).index)


def _keep_sign(write: Writer, part: Part) -> None:
    """Keep x > 0, or x < 0, in the entries of a part; or that of what x is multiplied by."""
    node = part.x if part.factor is None else part.factor
    flat = write.reshape(broadcast_to(TracedArray(write.builder, node), part.entries.shape), (part.entries.size,))
    kept = write.gather(flat, np.flatnonzero(part.entries))
    zero = write.builder.constant(np.zeros(()))
    relation, outcome = ">" if part.sign > 0 else "<", np.ones(kept.shape, bool)
    write.builder.guard(kept.index, zero, relation, outcome, write.operation, write.source)
